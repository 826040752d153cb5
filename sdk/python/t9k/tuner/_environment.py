"""What the launcher tells a replica: identifiers and parameters, from its environment."""

import json
import os
from typing import Any, Dict

from t9k.tuner._process import notice_once

STANDALONE = "STANDALONE"


def inside() -> bool:
    """Whether this process belongs to a trial."""
    return bool(os.environ.get("AUTOTUNE_PARAMETERS"))


def parameters() -> Dict[str, Any]:
    """The trial's parameters, a new dict at each call; outside an experiment `{}` and a notice."""
    if not inside():
        notice_once("not run by an AutoTune experiment: no parameters, reports are printed")
        return {}
    path = os.environ["AUTOTUNE_PARAMETERS"]
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"cannot read this trial's parameters from {path} (AUTOTUNE_PARAMETERS): {error}"
        ) from error
    if not isinstance(found, dict):
        raise RuntimeError(f"{path} (AUTOTUNE_PARAMETERS) holds no JSON object of parameters")
    return found


def experiment_id() -> str:
    return os.environ.get("AUTOTUNE_EXPERIMENT_ID") or STANDALONE


def trial_id() -> str:
    return os.environ.get("AUTOTUNE_TRIAL_ID") or STANDALONE


def sequence_id() -> int:
    return int(os.environ.get("AUTOTUNE_TRIAL_SEQUENCE") or 0)


def replica() -> str:
    return os.environ.get("AUTOTUNE_REPLICA") or "worker-0"
