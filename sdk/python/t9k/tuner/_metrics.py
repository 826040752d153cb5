"""Turns what a script reports into what may stand in a report's JSON."""

import math
import operator
from typing import Any, Dict, Mapping, Union

from t9k.tuner._process import notice_once

Number = Union[int, float, str]  # str: "NaN", "Infinity", "-Infinity"; JSON has no such numbers.


class _NoNumber(Exception):
    """The value is no number; says nothing, the caller knows where it stood."""


def metric(value: Any, function: str) -> Union[Number, Dict[str, Number]]:
    """`value` as a report has it; `function` is who asks, for the error's text."""
    if isinstance(value, Mapping):
        return _dict(value, function)
    try:
        return _number(value)
    except _NoNumber:
        raise TypeError(
            f"{function}() takes a number, or a dict with the number under 'default' and others "
            f"beside it; got {_describe(value)}"
        ) from None


def step(value: Any) -> int:
    """`value` as a report's step: an integer, 0 or more."""
    try:
        number = _python_number(value)
    except _NoNumber:
        raise TypeError(
            f"step must be an integer of 0 or more, or be left out; got {_describe(value)}"
        ) from None
    if number < 0 or number != number or number == math.inf or number != int(number):
        raise ValueError(f"step must be an integer of 0 or more, or be left out; got {value!r}")
    return int(number)


def _dict(values: Mapping[Any, Any], function: str) -> Dict[str, Number]:
    found: Dict[str, Number] = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise TypeError(f"{function}(): keys of a dict must be strings; got {_describe(key)}")
        try:
            found[key] = _number(value)
        except _NoNumber:
            if key == "default":
                raise TypeError(
                    f"{function}(): under 'default' must stand a number; got {_describe(value)}"
                ) from None
            # An accessory that cannot be plotted must not cost hours of training.
            notice_once(f"{function}(): {key!r} is left out: {_describe(value)} is no number")
    if not found:
        raise TypeError(f"{function}(): the dict holds no number; put it under 'default'")
    return found


def _number(value: Any) -> Number:
    number = _python_number(value)
    if isinstance(number, int) or math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _python_number(value: Any) -> Union[int, float]:
    """A plain int or float out of a number, a scalar or a tensor of one element."""
    if isinstance(value, (bool, str, bytes, bytearray)) or value is None:
        raise _NoNumber
    if isinstance(value, int):
        return int(value)  # Of a subclass such as IntEnum: the number, not its name.
    if isinstance(value, float):
        return float(value)
    try:
        # `item` first: it keeps an integer an integer, and tells a tensor of many elements.
        if hasattr(value, "item"):
            return _python_number(value.item())
        if hasattr(value, "numpy"):
            return _python_number(value.numpy())
        if hasattr(value, "__index__"):
            return operator.index(value)
        if hasattr(value, "__float__"):
            return float(value)
    except _NoNumber:
        raise
    except Exception:  # Of whatever library the value is from, in its own words.
        raise _NoNumber from None
    raise _NoNumber


def _describe(value: Any) -> str:
    text = repr(value)
    if len(text) > 60:
        text = text[:57] + "..."
    shape = getattr(value, "shape", None)
    suffix = f" of shape {tuple(shape)}" if shape else ""
    return f"{type(value).__name__}{suffix} {text}"
