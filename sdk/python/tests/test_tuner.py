"""The calls of t9k.tuner: parameters, identifiers, and what a report may hold."""

import decimal
import enum
import fractions
import os
import unittest

from support import TrialCase, fresh_process, output

from t9k import tuner


class Scalar:
    """Looks like a scalar of numpy or PyTorch."""

    def __init__(self, value, shape=()):
        self.value, self.shape = value, shape

    def item(self):
        if self.shape not in ((), (1,)):
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.value


class Tensor:
    """Looks like an eager tensor of TensorFlow, which has no `item`."""

    def __init__(self, value):
        self.value = value

    def numpy(self):
        return Scalar(self.value)


class Level(enum.IntEnum):
    HIGH = 3


class Parameters(TrialCase):
    def test_the_first_call_gives_the_parameters_as_they_were_written(self):
        parameters = tuner.get_next_parameter()
        self.assertEqual(parameters, self.parameters)
        self.assertIs(type(parameters["batch_size"]), int)
        self.assertIs(type(parameters["learning_rate"]), float)

    def test_a_second_call_gives_none(self):
        tuner.get_next_parameter()
        self.assertIsNone(tuner.get_next_parameter())

    def test_the_current_parameters_can_be_asked_for_again_and_one_by_one(self):
        tuner.get_next_parameter()
        self.assertEqual(tuner.get_current_parameter(), self.parameters)
        self.assertEqual(tuner.get_current_parameter("batch_size"), 16)

    def test_a_script_that_changes_its_parameters_changes_only_its_own(self):
        tuner.get_next_parameter()["batch_size"] = 1
        self.assertEqual(tuner.get_current_parameter("batch_size"), 16)

    def test_an_unknown_parameter_is_named_beside_the_known_ones(self):
        with self.assertRaisesRegex(
            KeyError, "'batchsize' is unknown; known are: activation, batch_size, learning_rate"
        ):
            tuner.get_current_parameter("batchsize")

    def test_a_missing_file_of_parameters_is_named(self):
        os.remove(self.environment["AUTOTUNE_PARAMETERS"])
        with self.assertRaisesRegex(RuntimeError, "parameters.json.*AUTOTUNE_PARAMETERS"):
            tuner.get_next_parameter()

    def test_parameters_that_are_no_object_are_refused(self):
        with open(self.environment["AUTOTUNE_PARAMETERS"], "w", encoding="utf-8") as file:
            file.write("[1]")
        with self.assertRaisesRegex(RuntimeError, "no JSON object"):
            tuner.get_next_parameter()

    def test_identifiers_come_from_the_launcher(self):
        self.assertEqual(tuner.get_experiment_id(), "digits-ab1cd")
        self.assertEqual(tuner.get_trial_id(), "p4iyq")
        self.assertEqual(tuner.get_sequence_id(), 7)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_child_may_ask_once_too(self):
        tuner.get_next_parameter()
        child = os.fork()
        if child == 0:
            asked = [tuner.get_next_parameter(), tuner.get_next_parameter()]
            os._exit(0 if asked == [self.parameters, None] else 1)
        _, status = os.waitpid(child, 0)
        self.assertEqual(status, 0)


class Reports(TrialCase):
    def test_reports_are_lines_of_json_in_the_form_any_program_writes(self):
        tuner.report_intermediate_result(0.97, step=300)
        tuner.report_final_result({"default": 0.985, "loss": 0.05})
        self.assertEqual(
            self.lines(),
            [
                '{"type":"intermediate","step":300,"value":0.97}',
                '{"type":"final","value":{"default":0.985,"loss":0.05}}',
            ],
        )

    def test_without_a_step_steps_count_from_zero_and_on_from_the_last_one(self):
        for step in (None, None, 300, None):
            tuner.report_intermediate_result(1, step=step)
        self.assertEqual([r["step"] for r in self.reports()], [0, 1, 300, 301])

    def test_numbers_of_other_libraries_count_and_integers_stay_integers(self):
        for value, expected in (
            (3, 3),
            (Level.HIGH, 3),
            (Scalar(3), 3),
            (Scalar(0.5), 0.5),
            (Scalar(0.5, shape=(1,)), 0.5),
            (Tensor(0.25), 0.25),
            (fractions.Fraction(1, 4), 0.25),
            (decimal.Decimal("0.5"), 0.5),
        ):
            with self.subTest(value=value):
                tuner.report_final_result(value)
                last = self.reports()[-1]["value"]
                self.assertEqual((last, type(last)), (expected, type(expected)))

    def test_what_is_not_finite_is_spelled_in_dicts_too(self):
        infinity = float("inf")
        tuner.report_intermediate_result(float("nan"))
        tuner.report_intermediate_result(Scalar(-infinity))
        tuner.report_final_result({"default": infinity, "loss": float("nan")})
        self.assertEqual(
            [r["value"] for r in self.reports()],
            ["NaN", "-Infinity", {"default": "Infinity", "loss": "NaN"}],
        )

    def test_a_dict_needs_no_default_as_the_experiment_may_count_another_key(self):
        tuner.report_final_result({"accuracy": 0.5})
        self.assertEqual(self.reports()[0]["value"], {"accuracy": 0.5})

    def test_what_is_no_metric_is_refused_with_what_would_be_right(self):
        for value in ("0.5", None, True, [0.5], Scalar(0, shape=(2,)), Scalar(True), object(), 1j):
            for report in (tuner.report_intermediate_result, tuner.report_final_result):
                with self.subTest(value=value, report=report.__name__):
                    with self.assertRaisesRegex(
                        TypeError, report.__name__ + r".*takes a number, or a dict .*'default'"
                    ):
                        report(value)
        self.assertFalse(os.path.exists(self.reports_path))

    def test_a_default_that_is_no_number_is_refused(self):
        with self.assertRaisesRegex(TypeError, "under 'default' must stand a number; got str"):
            tuner.report_final_result({"default": "good", "loss": 1})

    def test_a_dict_without_any_number_is_refused(self):
        for value in ({}, {"note": "fine"}):
            with self.assertRaisesRegex(TypeError, "holds no number"), output("stderr"):
                tuner.report_final_result(value)

    def test_keys_that_are_no_strings_are_refused(self):
        with self.assertRaisesRegex(TypeError, "keys of a dict must be strings; got int 1"):
            tuner.report_final_result({"default": 1, 1: 2})

    def test_beside_the_default_what_is_no_number_is_left_out_with_one_notice(self):
        with output("stderr") as stderr:
            for _ in range(2):
                tuner.report_intermediate_result({"default": 1, "note": "fine"})
        self.assertEqual([r["value"] for r in self.reports()], [{"default": 1}] * 2)
        self.assertEqual(stderr.getvalue().count("'note' is left out"), 1)

    def test_a_step_is_an_integer_of_any_library(self):
        for step in (Scalar(4), 4.0, Tensor(4)):
            tuner.report_intermediate_result(1, step=step)
        self.assertIn('"step":4,', self.lines()[1])
        self.assertEqual([r["step"] for r in self.reports()], [4, 4, 4])

    def test_what_is_no_step_is_refused_and_nothing_is_written(self):
        for step in (-1, 0.5, float("nan"), float("inf")):
            with self.subTest(step=step), self.assertRaisesRegex(ValueError, "an integer of 0"):
                tuner.report_intermediate_result(1, step=step)
        for step in ("1", [1], True):
            with self.subTest(step=step), self.assertRaisesRegex(TypeError, "an integer of 0"):
                tuner.report_intermediate_result(1, step=step)
        self.assertFalse(os.path.exists(self.reports_path))


class Standalone(TrialCase):
    """Run by hand, a script goes through."""

    def setUp(self):
        super().setUp()
        self.use({})

    def test_parameters_are_empty_with_one_notice_of_one_line(self):
        with output("stderr") as stderr:
            self.assertEqual(tuner.get_next_parameter(), {})
            self.assertEqual(tuner.get_next_parameter(), {})
            self.assertEqual(tuner.get_current_parameter(), {})
            self.assertIsNone(tuner.get_current_parameter("batch_size"))
        self.assertEqual(len(stderr.getvalue().splitlines()), 1)
        self.assertIn("not run by an AutoTune experiment", stderr.getvalue())

    def test_reports_are_printed(self):
        with output("stdout") as stdout:
            tuner.report_intermediate_result(0.5)
            tuner.report_final_result({"default": 0.75})
        self.assertEqual(
            stdout.getvalue().splitlines(),
            [
                "[t9k] intermediate result at step 0: 0.5",
                '[t9k] final result: {"default": 0.75}',
            ],
        )

    def test_identifiers_say_that_there_is_no_experiment(self):
        self.assertEqual(tuner.get_experiment_id(), "STANDALONE")
        self.assertEqual(tuner.get_trial_id(), "STANDALONE")
        self.assertEqual(tuner.get_sequence_id(), 0)


class Numpy(TrialCase):
    """The real thing, where it is installed."""

    def test_scalars_and_arrays_of_one_element(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        for value in (numpy.float32(0.5), numpy.array(0.5), numpy.array([[0.5]])):
            tuner.report_intermediate_result(value, step=numpy.int64(3))
        tuner.report_final_result(numpy.int64(4))
        self.assertEqual(
            self.lines(),
            ['{"type":"intermediate","step":3,"value":0.5}'] * 3 + ['{"type":"final","value":4}'],
        )
        fresh_process()
        for value in (numpy.bool_(True), numpy.array([1.0, 2.0])):
            with self.assertRaisesRegex(TypeError, "takes a number"):
                tuner.report_final_result(value)


if __name__ == "__main__":
    unittest.main()
