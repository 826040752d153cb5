"""Trains a forest on scikit-learn's handwritten digits: accuracy against size, one trial of the experiment.

Works by hand as well (`python3 train.py`): then it takes the parameters below, and prints.
"""

import pickle
import sys

try:
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import accuracy_score, recall_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
except ImportError as error:
    sys.exit(
        f"{sys.executable} has no scikit-learn ({error}).\n"
        "Install it: sudo apt-get install python3-sklearn (for /usr/bin/python3), "
        f"or {sys.executable} -m pip install scikit-learn"
    )

from t9k import tuner

params = {"trees": 32, "depth": 10, "leaf": 1, "features": "sqrt"}
params.update(tuner.get_next_parameter())

forest = RandomForestClassifier(
    # qloguniform draws reals such as 32.0; a number of trees is an integer.
    n_estimators=int(params["trees"]),
    max_depth=params["depth"],
    min_samples_leaf=params["leaf"],
    max_features=params["features"],
    random_state=0,
)

images, labels = load_digits(return_X_y=True)

# Each digit is read by a forest that has not seen it.
folds = StratifiedKFold(3, shuffle=True, random_state=0)
read = cross_val_predict(forest, images, labels, cv=folds)

tuner.report_final_result(
    {
        "accuracy": accuracy_score(labels, read),
        # How often the digit that is read worst is recognised.
        "worst_digit": min(recall_score(labels, read, average=None)),
        "size_kb": len(pickle.dumps(forest.fit(images, labels))) / 1024,
    }
)
