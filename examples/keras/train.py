"""Trains a small convolutional network on scikit-learn's handwritten digits with several workers.

Every worker runs this script; TensorFlow finds the others by TF_CONFIG, which AutoTune sets.
"""

import json
import os
import sys

try:
    import tensorflow as tf
    from sklearn.datasets import load_digits
except ImportError as error:
    sys.exit(f"{sys.executable}: {error}\nInstall what requirements.txt names; see README.md.")

from t9k import tuner
from t9k.tuner.keras import AutoTuneEvalCallback, AutoTuneFitCallback

EPOCHS = 8
TRAIN_IMAGES = 1200
VALIDATION_IMAGES = 297  # The last 300 are for the final result.

if tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16):
    sys.exit(f"TensorFlow {tf.__version__} is too new: this example needs 2.15, which has Keras 2.")

# Before anything else of TensorFlow: the workers meet here.
strategy = tf.distribute.MultiWorkerMirroredStrategy()
task_index = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index", 0)
tf.keras.utils.set_random_seed(1)

params = {"learning_rate": 0.001, "channels": 16, "batch_size": 64}
params.update(tuner.get_next_parameter())

images, labels = load_digits(return_X_y=True)
images = (images / 16).astype("float32").reshape(-1, 8, 8, 1)
train_end = TRAIN_IMAGES
validation_end = TRAIN_IMAGES + VALIDATION_IMAGES

with strategy.scope():
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(params["channels"], 3, activation="relu", input_shape=(8, 8, 1)),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(32, activation="relu"),
            tf.keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=tf.keras.optimizers.Adam(params["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )

# All workers compute the same metrics; one of them reports.
reports = task_index == 0
model.fit(
    images[:train_end],
    labels[:train_end],
    batch_size=params["batch_size"],
    epochs=EPOCHS,
    validation_data=(images[train_end:validation_end], labels[train_end:validation_end]),
    callbacks=[AutoTuneFitCallback(metric="accuracy")] if reports else [],
    verbose=2,
)
model.evaluate(
    images[validation_end:],
    labels[validation_end:],
    callbacks=[AutoTuneEvalCallback(metric="accuracy")] if reports else [],
    verbose=2,
)
