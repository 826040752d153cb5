"""Trains a small neural network on scikit-learn's handwritten digits: one trial of the experiment.

Works by hand as well (`python3 train.py`): then it takes the parameters below, and prints.
"""

import sys

try:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold
    from sklearn.neural_network import MLPClassifier
except ImportError as error:
    sys.exit(
        f"{sys.executable} has no scikit-learn ({error}).\n"
        "Install it: sudo apt-get install python3-sklearn (for /usr/bin/python3), "
        f"or {sys.executable} -m pip install scikit-learn"
    )

from t9k import tuner

EPOCHS = 50
FOLDS = 5

params = {
    "learning_rate": 0.001,
    "weight_decay": 0.0001,
    "hidden_layers": 1,
    "hidden_units": 32,
    "activation": "relu",
    "batch_size": 32,
}
params.update(tuner.get_next_parameter())


def new_model():
    return MLPClassifier(
        # quniform draws reals such as 32.0; a number of units is an integer.
        hidden_layer_sizes=[int(params["hidden_units"])] * params["hidden_layers"],
        activation=params["activation"],
        learning_rate_init=params["learning_rate"],
        alpha=params["weight_decay"],
        batch_size=params["batch_size"],
        random_state=0,
    )


images, labels = load_digits(return_X_y=True)
images = images / 16

# Cross-validation: each model learns from four fifths of the digits and is judged by the rest. The
# mean of the five tells good parameters from lucky ones.
folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(images, labels)
runs = [(new_model(), train, validation) for train, validation in folds]
accuracy = loss = 0.0
for epoch in range(EPOCHS):
    for model, train, _ in runs:
        model.partial_fit(images[train], labels[train], classes=range(10))
    loss = sum(model.loss_ for model, _, _ in runs) / FOLDS
    accuracy = sum(model.score(images[v], labels[v]) for model, _, v in runs) / FOLDS
    print(f"epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.4f}", flush=True)
    tuner.report_intermediate_result(accuracy, step=epoch)

tuner.report_final_result({"default": accuracy, "loss": loss})
