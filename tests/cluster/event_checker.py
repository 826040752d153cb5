"""Judges an experiment by its event log alone, and by what its trials wrote down of themselves."""

import collections


def problems_of(events, concurrency):
    """What must not be in an event log, in words; empty where it is sound.

    One live attempt per trial; attempts number up from 1; nothing of an attempt before its launch or after its end; no
    trial is created, or ended, twice; never more than `concurrency` trials under way.
    """
    found = []
    created, ended = set(), set()
    live, last = {}, collections.defaultdict(int)

    def must(holds, event, what):
        if not holds:
            found.append(f"{what}: {event}")

    for event in events:
        trial = event.number(1)
        attempt = event.number(2)
        if event.kind == "created":
            must(trial not in created, event, "a trial was created twice")
            created.add(trial)
        elif event.kind == "launched":
            must(trial in created, event, "launched before it was created")
            must(trial not in ended, event, "launched after its end")
            must(trial not in live, event, f"attempt {live.get(trial)} was still live")
            must(attempt == last[trial] + 1, event, f"after attempt {last[trial]}")
            live[trial], last[trial] = attempt, attempt
            must(len(live) <= concurrency, event, f"{len(live)} trials under way, of {concurrency}")
        elif event.kind in ("started", "restarted", "lines-rejected"):
            must(live.get(trial) == attempt, event, f"of an attempt that has no voice; it is {live.get(trial)}")
        elif event.kind == "attempt-ended":
            must(live.get(trial) == attempt, event, f"ended, but live is {live.get(trial)}")
            live.pop(trial, None)
        elif event.kind == "ended":
            must(trial not in live, event, "ended with a live attempt")
            must(trial not in ended, event, "ended twice")
            ended.add(trial)
    return found


class Diary:
    """What trials wrote down of themselves, line by line: SECONDS_SINCE_BOOT what TRIAL ATTEMPT [LINES]."""

    SLACK = 0.05  # /proc/uptime has hundredths

    def __init__(self, lines):
        self.notes = []
        for line in lines:
            words = line.split()
            self.notes.append((float(words[0]), words[1], int(words[2]), int(words[3]), int(words[4])))

    def problems(self):
        """Attempts that were started twice, or were alive after the next one of their trial had begun."""
        found, begun = [], {}
        for at, what, trial, attempt, _ in self.notes:
            if what == "start":
                if (trial, attempt) in begun:
                    found.append(f"trial {trial} attempt {attempt} was started at {begun[trial, attempt]} and {at}")
                begun[trial, attempt] = at
        for at, what, trial, attempt, _ in self.notes:
            later = [when for (of, number), when in begun.items() if of == trial and number > attempt]
            if later and at > min(later) + self.SLACK:
                found.append(f"trial {trial} attempt {attempt} did '{what}' at {at}, after its next began at {min(later)}")
        return found

    def reports_of(self, trial, attempt):
        """How many lines that attempt is sure to have written."""
        return max((lines for _, _, of, number, lines in self.notes if (of, number) == (trial, attempt)), default=0)

    def started(self):
        return {(trial, attempt) for _, what, trial, attempt, _ in self.notes if what == "start"}
