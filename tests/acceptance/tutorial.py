"""Runs the tutorial's own files, unchanged, through the real binary, and checks what came of it.

    tutorial.py --autotune build/bin/autotune [--files DIR] [--transcript FILE] [--seed N] [--fast]
                [--set PATH=VALUE ...]

DIR holds autotune-mnist-keras.yaml and main.py. Two trials, one at a time, each of four TensorFlow
workers: on two cores 6 minutes with --fast, which tries the two cheapest sets of parameters; else
up to 40. Data and Keras' checksum are the harness's business, see make_mnist.py and site/.
"""

import argparse
import pathlib
import shutil
import subprocess
import tempfile
import time

import harness
from harness import CHECKOUT, Autotune, Skipped, check

NAME = "autotune-mnist-keras"
TRIALS = 2
EPOCHS = 10
# fit() is given 48000 images and keeps a fifth of them for validation.
TRAIN_IMAGES = 38400
SPACE = {
    "batch_size": [16, 32, 64, 128],
    "learning_rate": [0.0001, 0.001, 0.01, 0.1],
    "conv_channels1": [16, 32, 64, 128],
}
FAST = (
    '[{"batch_size": 128, "learning_rate": 0.001, "conv_channels1": 16},'
    ' {"batch_size": 128, "learning_rate": 0.01, "conv_channels1": 16}]'
)
SECONDS_MAX = 3900  # The file's own maxExecSeconds, and some time to begin and end.


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--autotune", default=CHECKOUT / "build/bin/autotune", type=pathlib.Path)
    parser.add_argument("--files", default=CHECKOUT.parent / "shared/acceptance", type=pathlib.Path)
    parser.add_argument("--transcript", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


def check_trial(trial):
    name = f"trial {trial['sequence']}"
    parameters = trial["parameters"]
    check(set(parameters) == set(SPACE), f"{name} has parameters {parameters}")
    for key, value in parameters.items():
        same = [v for v in SPACE[key] if v == value and type(v) is type(value)]
        check(same, f"{name} has {key} {value!r}, which is not in {SPACE[key]}")
    check(0 < trial["final"] <= 1, f"{name} has accuracy {trial['final']}")
    steps = [report["step"] for report in trial["intermediate"]]
    batches = TRAIN_IMAGES // parameters["batch_size"]
    expected = [batches * (epoch + 1) for epoch in range(EPOCHS)]
    check(steps == expected, f"{name} has steps {steps}, not {expected}")
    for report in trial["intermediate"]:
        check(0 <= report["value"] <= 1, f"{name} has accuracy {report['value']} in between")


def test(options, folder):
    yaml, script = options.files / f"{NAME}.yaml", options.files / "main.py"
    for file in (yaml, script):
        if not file.exists():
            raise Skipped(f"the tutorial's files are not in {options.files}")
    bin_folder = harness.tensorflow_bin()
    data = folder / "data"
    data.mkdir()
    shutil.copyfile(script, data / "main.py")
    here = pathlib.Path(__file__).resolve().parent
    maker = [str(bin_folder / "python3"), str(here / "make_mnist.py"), str(data / "mnist.npz")]
    subprocess.run(maker, check=True)

    autotune = Autotune(options.autotune, folder / "home", bin_folder, here / "site")
    sets = [f"spec.maxTrialNum={TRIALS}", "spec.trialConcurrency=1", *options.set]
    if options.fast:
        sets.append(f"spec.initialTrials={FAST}")
    command = ["run", yaml, "--volume", f"{NAME}={data}", "--seed", options.seed]
    for each in sets:
        command += ["--set", each]
    start = time.monotonic()
    try:
        code = autotune.run(*command, seconds_max=SECONDS_MAX)
        print(f"took {time.monotonic() - start:.0f} s", flush=True)
        check(code == 0, f"`autotune run` ended {code}")
        for query in (("get", "experiments"), ("get", "trials", NAME), ("best", NAME)):
            code = autotune.run(*query, seconds_max=harness.QUERY_SECONDS_MAX)
            check(code == 0, f"`autotune {' '.join(query)}` ended {code}")
    finally:
        if options.transcript:
            names = [(data, "DIR"), (options.files.resolve(), "."), (folder, "/tmp/tutorial")]
            names += [(options.files, "."), (CHECKOUT, "~/autotune"), (pathlib.Path.home(), "~")]
            autotune.write_transcript(options.transcript, names)

    experiment = next(e for e in autotune.ask("get", "experiments") if e["name"] == NAME)
    check(experiment["phase"] == "DONE", f"phase is {experiment['phase']}")
    trials = autotune.ask("get", "trials", NAME)
    harness.check_trials(trials, {"Succeeded"}, TRIALS)
    for trial in trials:
        check_trial(trial)
    harness.check_best(autotune, NAME, trials)
    check(any((data / "log").rglob("events.out.*")), "TensorBoard's log is not in the volume")


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="tutorial-") as folder:
        harness.main(lambda: test(options, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
