"""The judge of the chaos test finds what it is there to find: a sound log passes, each mutation of it does not."""

import unittest

from event_checker import Diary, problems_of


class Fact:
    def __init__(self, kind, trial, attempt=0):
        self.kind = kind
        self._fields = {1: trial, 2: attempt}

    def number(self, field):
        return self._fields[field]


SOUND = [("created", 0), ("launched", 0, 1), ("started", 0, 1), ("created", 1), ("launched", 1, 1), ("attempt-ended", 0, 1),
         ("launched", 0, 2), ("attempt-ended", 1, 1), ("ended", 1), ("attempt-ended", 0, 2), ("ended", 0)]


def problems(facts, concurrency=2):
    return problems_of([Fact(*fact) for fact in facts], concurrency)


class EventLog(unittest.TestCase):
    def test_a_sound_log_passes(self):
        self.assertEqual(problems(SOUND), [])

    def test_each_fault_is_found(self):
        def with_fact(at, fact):
            return SOUND[:at] + [fact] + SOUND[at:]

        for name, facts in {
                "created twice": with_fact(4, ("created", 0)),
                "launched before it was created": SOUND[1:],
                "a second live attempt": with_fact(3, ("launched", 0, 2)),
                "an attempt left out": [("launched", 0, 3) if fact == ("launched", 0, 2) else fact for fact in SOUND],
                "a voice after its end": with_fact(6, ("started", 0, 1)),
                "an end of a fenced attempt": with_fact(7, ("attempt-ended", 0, 1)),
                "ended with a live attempt": with_fact(3, ("ended", 0)),
                "ended twice": with_fact(11, ("ended", 0)),
                "launched after its end": with_fact(11, ("launched", 0, 3)),
        }.items():
            with self.subTest(name):
                self.assertNotEqual(problems(facts), [])

    def test_more_at_a_time_than_allowed(self):
        self.assertEqual(len(problems(SOUND, concurrency=1)), 2)


class Diaries(unittest.TestCase):
    SOUND = ["1.00 start 0 1 0", "1.50 report 0 1 1", "2.00 start 0 2 0", "2.50 final 0 2 1"]

    def test_a_sound_diary_passes(self):
        diary = Diary(self.SOUND)
        self.assertEqual(diary.problems(), [])
        self.assertEqual(diary.started(), {(0, 1), (0, 2)})
        self.assertEqual(diary.reports_of(0, 2), 1)

    def test_a_second_start_and_a_life_after_the_next_are_found(self):
        self.assertIn("was started at", Diary(self.SOUND + ["3.00 start 0 2 0"]).problems()[0])
        self.assertIn("after its next began", Diary(self.SOUND + ["2.20 report 0 1 2"]).problems()[0])


if __name__ == "__main__":
    unittest.main()
