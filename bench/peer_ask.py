#!/usr/bin/env python3
"""Median microseconds of one suggestion of Optuna's TPE (multivariate), beside a history of random trials.

    peer_ask.py DIMENSIONS HISTORY [HISTORY ...]

Prints one line a history: "DIMENSIONS HISTORY MICROSECONDS". The time is this process's own. Needs optuna.
"""

import random
import statistics
import sys
import time

import optuna


def ask_time(dimensions: int, history: int, asks: int = 7) -> float:
    """The median over `asks` suggestions, in microseconds of processor time."""
    space = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(dimensions)}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=1))
    rng = random.Random(1)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: rng.random() for name in space}, distributions=space, value=rng.random()
            )
            for _ in range(history)
        ]
    )
    times = []
    for _ in range(asks):
        start = time.process_time()
        study.ask(space)
        times.append(1e6 * (time.process_time() - start))
    return statistics.median(times)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    dimensions = int(sys.argv[1])
    for history in map(int, sys.argv[2:]):
        print(dimensions, history, round(ask_time(dimensions, history)), flush=True)


if __name__ == "__main__":
    main()
