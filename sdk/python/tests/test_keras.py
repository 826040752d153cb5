"""The Keras callbacks: on a stand-in for Keras, and on the real one where it is installed."""

import importlib
import importlib.util
import sys
import types
import unittest
from unittest import mock

from support import TrialCase


class FakeCallback:
    def __init__(self):
        self.model = None
        self._supports_tf_logs = False


def fake_keras(*names):
    """Modules `tensorflow` (with its `keras`) or `keras`, each with a Callback of its own."""
    modules = {"tensorflow": None, "keras": None}  # None: the import fails.
    for name in names:
        keras = types.ModuleType("keras")
        keras.callbacks = types.ModuleType("callbacks")
        keras.callbacks.Callback = type(f"Callback_of_{name}", (FakeCallback,), {})
        modules[name] = keras
        if name == "tensorflow":
            modules[name] = types.ModuleType("tensorflow")
            modules[name].keras = keras
    return modules


class FakeKerasCase(TrialCase):
    def load(self, *names):
        """t9k.tuner.keras as loaded beside these."""
        patch = mock.patch.dict(sys.modules, fake_keras(*names))
        patch.start()
        self.addCleanup(patch.stop)
        sys.modules.pop("t9k.tuner.keras", None)
        self.addCleanup(sys.modules.pop, "t9k.tuner.keras", None)
        return importlib.import_module("t9k.tuner.keras")

    def test_the_base_is_that_of_the_keras_at_hand(self):
        for names in (("tensorflow",), ("keras",)):
            with self.subTest(names=names):
                base = self.load(*names).AutoTuneFitCallback.__mro__[1]
                self.assertEqual(base.__name__, f"Callback_of_{names[0]}")

    def test_without_any_keras_the_import_says_what_to_install(self):
        with self.assertRaisesRegex(ImportError, "install one of them"):
            self.load()

    def run_epoch(self, callback, batches, logs):
        callback.on_epoch_begin(0)
        for batch in batches:
            callback.on_train_batch_end(batch, {})
        callback.on_epoch_end(0, logs)

    def test_the_validation_metric_is_reported_with_the_batches_trained_so_far(self):
        callback = self.load("keras").AutoTuneFitCallback(metric="accuracy")
        logs = {"loss": 1.0, "accuracy": 0.5, "val_accuracy": 0.25}
        self.run_epoch(callback, range(300), logs)
        self.run_epoch(callback, range(300), logs)
        self.assertEqual(
            self.reports(),
            [
                {"type": "intermediate", "step": 300, "value": 0.25},
                {"type": "intermediate", "step": 600, "value": 0.25},
            ],
        )

    def test_without_validation_the_training_metric_is_reported_and_loss_is_the_default(self):
        callback = self.load("keras").AutoTuneFitCallback()
        self.run_epoch(callback, range(2), {"loss": 1.5})
        self.assertEqual(self.reports()[0]["value"], 1.5)

    def test_several_batches_in_one_call_are_counted_each(self):
        callback = self.load("keras").AutoTuneFitCallback()
        self.run_epoch(callback, (9, 19, 24), {"loss": 1.0})
        self.run_epoch(callback, (9, 19, 24), {"loss": 1.0})
        self.assertEqual([r["step"] for r in self.reports()], [25, 50])

    def test_the_end_of_evaluate_reports_the_final_result(self):
        callback = self.load("keras").AutoTuneEvalCallback(metric="accuracy")
        callback.on_test_end({"loss": 0.25, "accuracy": 0.985})
        self.assertEqual(self.reports(), [{"type": "final", "value": 0.985}])

    def test_keras_need_not_wait_for_the_logs_of_a_batch(self):
        module = self.load("keras")
        for kind in (module.AutoTuneFitCallback, module.AutoTuneEvalCallback):
            self.assertTrue(kind()._supports_tf_logs)

    def test_a_metric_that_keras_does_not_log_is_named_beside_those_it_does(self):
        module = self.load("keras")
        with self.assertRaisesRegex(
            ValueError, r"metric='auc'.*no 'val_auc' and no 'auc'; known are: accuracy, loss"
        ):
            self.run_epoch(module.AutoTuneFitCallback("auc"), (0,), {"loss": 1, "accuracy": 1})
        with self.assertRaisesRegex(ValueError, "no 'auc'; known are: none"):
            module.AutoTuneEvalCallback("auc").on_test_end()


class RealKeras(TrialCase):
    def setUp(self):
        super().setUp()
        names = ("tensorflow", "keras")
        found = [name for name in names if importlib.util.find_spec(name)]
        if not found:
            self.skipTest("neither TensorFlow nor Keras is installed")
        module = importlib.import_module(found[0])
        self.keras = module.keras if found[0] == "tensorflow" else module
        sys.modules.pop("t9k.tuner.keras", None)
        self.callbacks = importlib.import_module("t9k.tuner.keras")

    def test_fit_and_evaluate_report(self):
        import numpy

        keras = self.keras
        inputs = numpy.arange(80, dtype="float32").reshape(40, 2) / 80
        labels = (inputs[:, 0] > 0.5).astype("int32")
        model = keras.Sequential([keras.layers.Dense(2, activation="softmax")])
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(
            inputs,
            labels,
            batch_size=4,
            epochs=2,
            validation_split=0.2,
            verbose=0,
            callbacks=[self.callbacks.AutoTuneFitCallback(metric="accuracy")],
        )
        result = model.evaluate(
            inputs,
            labels,
            verbose=0,
            callbacks=[self.callbacks.AutoTuneEvalCallback(metric="accuracy")],
        )
        reports = self.reports()
        self.assertEqual([r["type"] for r in reports], ["intermediate"] * 2 + ["final"])
        self.assertEqual([r["step"] for r in reports[:2]], [8, 16])  # 32 images in batches of 4.
        self.assertAlmostEqual(reports[2]["value"], result[1])


if __name__ == "__main__":
    unittest.main()
