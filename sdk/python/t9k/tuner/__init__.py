"""What a training script says to AutoTune.

    from t9k import tuner

    params = tuner.get_next_parameter()
    ...
    tuner.report_intermediate_result(accuracy, step=epoch)
    tuner.report_final_result(accuracy)

All that passes is in the environment: `AUTOTUNE_PARAMETERS` names a JSON file, and reports go to
the file `AUTOTUNE_REPORTS` (or to `AUTOTUNE_REPORT_URL` where the trial has no such file). Run by
hand, outside an experiment, the same script gets `{}` and its reports are printed.
"""

import threading
from pkgutil import extend_path
from typing import Any, Dict, Mapping, Optional, SupportsFloat, Union

from t9k.tuner import _environment, _metrics, _process, _transport

__path__ = extend_path(__path__, __name__)

__all__ = [
    "ReportError",
    "get_current_parameter",
    "get_experiment_id",
    "get_next_parameter",
    "get_sequence_id",
    "get_trial_id",
    "report_final_result",
    "report_intermediate_result",
]

Metric = Union[SupportsFloat, Mapping[str, Any]]
ReportError = _transport.ReportError


class _State:
    """What this process has asked for and reported so far."""

    def __init__(self) -> None:
        # Held over choosing a step *and* writing it, so that steps stand in their order.
        self.lock = threading.Lock()
        self.parameters_taken = False
        self.next_step = 0


_state = _State()


def _after_fork_in_child() -> None:
    # A child is a process of its own: it may ask once too. Another thread of the parent may have
    # held the lock at the fork, and that thread does not exist here.
    _state.lock = threading.Lock()
    _state.parameters_taken = False


_process.after_fork_in_child(_after_fork_in_child)


def get_next_parameter() -> Optional[Dict[str, Any]]:
    """This trial's parameters, the same in every replica.

    A second call in the same process gives None: a trial has one set. Outside an experiment: `{}`,
    each time. Raises RuntimeError where the file of parameters cannot be read.
    """
    if not _environment.inside():
        return _environment.parameters()
    with _state.lock:
        if _state.parameters_taken:
            return None
        parameters = _environment.parameters()
        _state.parameters_taken = True
        return parameters


def get_current_parameter(tag: Optional[str] = None) -> Any:
    """This trial's parameters again, or with `tag` the value of that one.

    Raises KeyError, naming the known ones, where the experiment has no parameter `tag`. Outside an
    experiment: `{}`, and None for each `tag`.
    """
    parameters = _environment.parameters()
    if tag is None:
        return parameters
    if not _environment.inside():
        return None
    if tag not in parameters:
        known = ", ".join(sorted(parameters)) or "none"
        raise KeyError(f"parameter {tag!r} is unknown; known are: {known}")
    return parameters[tag]


def get_experiment_id() -> str:
    """The experiment's ID; outside an experiment "STANDALONE"."""
    return _environment.experiment_id()


def get_trial_id() -> str:
    """The trial's ID, five of a-z0-9; outside an experiment "STANDALONE"."""
    return _environment.trial_id()


def get_sequence_id() -> int:
    """The trial's number, from 0 in order of creation; outside an experiment 0."""
    return _environment.sequence_id()


def report_intermediate_result(metric: Metric, step: Optional[int] = None) -> None:
    """Reports how the training stands.

    metric: a number, or a dict with the number under `default` and others beside it. Scalars of
        numpy, TensorFlow and PyTorch count as numbers; NaN and infinities may be reported.
    step: how far the training is, 0 or more. Without it: one more than the last one, from 0.

    Raises TypeError or ValueError for what is no metric or no step, OSError where the file of
    reports cannot be written, ReportError where the server refuses the report.
    """
    value = _metrics.metric(metric, "report_intermediate_result")
    checked = None if step is None else _metrics.step(step)
    with _state.lock:
        if checked is None:
            checked = _state.next_step
        _transport.send({"type": "intermediate", "step": checked, "value": value})
        _state.next_step = checked + 1


def report_final_result(metric: Metric) -> None:
    """Reports the trial's result: a metric as in `report_intermediate_result`.

    The last one counts. Raises as `report_intermediate_result` does.
    """
    value = _metrics.metric(metric, "report_final_result")
    with _state.lock:
        _transport.send({"type": "final", "value": value})
