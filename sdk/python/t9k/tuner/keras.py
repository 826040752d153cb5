"""Callbacks that report for a Keras model, with tf.keras 2 and with Keras 3.

    model.fit(..., callbacks=[AutoTuneFitCallback(metric="accuracy")])
    model.evaluate(..., callbacks=[AutoTuneEvalCallback(metric="accuracy")])

Of several workers one passes them.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any, Mapping, Optional

from t9k import tuner

__all__ = ["AutoTuneEvalCallback", "AutoTuneFitCallback"]


def _callback_base() -> Any:
    """The Callback class of the Keras that the script uses: one it has loaded comes first."""
    choices = sorted(("tensorflow", "keras"), key=lambda name: name not in sys.modules)
    for name in choices:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        keras = module.keras if name == "tensorflow" else module
        return keras.callbacks.Callback
    raise ImportError("t9k.tuner.keras needs TensorFlow or Keras; install one of them")


if TYPE_CHECKING:

    class _Callback:
        model: Any

else:
    _Callback = _callback_base()


def _pick(logs: Optional[Mapping[str, Any]], names: Any, asked: str) -> Any:
    """The first of `names` that the logs have; `asked` is the call that wants it."""
    logs = logs or {}
    for name in names:
        if name in logs:
            return logs[name]
    known = ", ".join(sorted(logs)) or "none"
    raise ValueError(
        f"{asked}: Keras logs no {' and no '.join(map(repr, names))}; known are: {known}. "
        "Name it in model.compile(metrics=[...])"
    )


class AutoTuneFitCallback(_Callback):
    """Reports an intermediate result at the end of each epoch of `fit`.

    metric: the name of what Keras logs; `val_METRIC` is reported where it is there, else `METRIC`.
    The step is the number of batches trained so far, over all calls of `fit` with this callback.
    """

    def __init__(self, metric: str = "loss") -> None:
        super().__init__()
        # We read no logs of a batch, so Keras 2 need not wait for them; and only a callback that
        # says so may count batches under a ParameterServerStrategy. Keras' own __init__ says no.
        self._supports_tf_logs = True
        self._metric = metric
        self._batches_before = 0
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        self._batches_before = self._batches

    def on_train_batch_end(self, batch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        # By its index: with steps_per_execution one call stands for several batches.
        self._batches = self._batches_before + int(batch) + 1

    def on_epoch_end(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        asked = f"AutoTuneFitCallback(metric={self._metric!r})"
        value = _pick(logs, (f"val_{self._metric}", self._metric), asked)
        tuner.report_intermediate_result(value, step=self._batches)


class AutoTuneEvalCallback(_Callback):
    """Reports the final result at the end of `evaluate`.

    metric: the name of what Keras logs.
    """

    def __init__(self, metric: str = "loss") -> None:
        super().__init__()
        self._supports_tf_logs = True  # As above.
        self._metric = metric

    def on_test_end(self, logs: Optional[Mapping[str, Any]] = None) -> None:
        asked = f"AutoTuneEvalCallback(metric={self._metric!r})"
        tuner.report_final_result(_pick(logs, (self._metric,), asked))
