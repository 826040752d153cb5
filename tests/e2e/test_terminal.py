"""What a person sees: a live table on a terminal, plain lines elsewhere."""

import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from harness import FINAL, SECONDS_MAX, EndToEnd, experiment, shell


class Terminal(EndToEnd):
    def setUp(self):
        super().setUp()
        script = f"""
            echo '{{"type":"intermediate","value":0.125}}' >> "$AUTOTUNE_REPORTS"
            until test -e {self.folder}/go; do sleep 0.05; done
            {FINAL}"""
        self.file = self.write("live.json", experiment("live", shell(script), maxTrialNum=4, trialConcurrency=2))

    def on_terminal(self, *arguments, rows=24, columns=100, until=None, then=None, **environment):
        """Runs a command on a pseudo-terminal; once `until` was seen, `then` is done. Gives all that was shown."""
        terminal, slave = pty.openpty()
        os.set_blocking(terminal, False)
        subprocess.run(["stty", "rows", str(rows), "cols", str(columns)], stdin=slave, check=True)
        changed = {**self.environment, "TERM": "xterm", **environment}
        changed = {name: value for name, value in changed.items() if value is not None}
        child = subprocess.Popen(self.command(*arguments), env=changed, cwd=self.folder, stdin=slave, stdout=slave,
                                 stderr=slave, start_new_session=True)
        self._children.append(child)
        os.close(slave)
        shown, deadline = b"", time.monotonic() + SECONDS_MAX
        open_end = True
        while open_end:
            self.assertLess(time.monotonic(), deadline, shown[-2000:])
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    part = os.read(terminal, 65536)
                except OSError:  # how a terminal says that nobody has it open any more
                    part = b""
                open_end = part != b""
                shown += part
            if until and re.search(until, shown.decode(errors="replace"), re.S):
                until = None
                then(child)
        os.close(terminal)
        child.wait()
        return child.returncode, shown.decode(errors="replace").replace("\r\n", "\n")

    def let_go(self, _child):
        (self.folder / "go").touch()

    def test_a_live_table(self):
        both = r"0 .*Running.*0\.125.*1 .*Running.*running 2"
        code, shown = self.on_terminal("run", self.file, until=both, then=self.let_go, NO_COLOR=None)
        self.assertEqual(code, 0)
        self.assertIn("\x1b[", shown)
        last = re.split(r"\x1b\[\d+A\x1b\[J", shown)[-1]
        plain = re.sub(r"\x1b\[[0-9;]*m", "", last)
        header = plain.splitlines()[0].split()
        self.assertEqual(header[:6], ["SEQ", "ID", "STATE", "TIME", "LATEST", "FINAL"])
        self.assertEqual(len(re.findall(r"^\d +[a-z0-9]{5} +Succeeded", plain, re.M)), 4)
        self.assertIn("█" * 30 + " 4/4", plain)
        self.assertIn("running 0  pending 0  succeeded 4  failed 0", plain)
        self.assertRegex(plain, r"best 1  trial \d  x: 0\.\d+")
        self.assertRegex(shown, r"\x1b\[32mSucceeded")
        self.assertRegex(plain, r"4/4 +DONE *\n")  # nothing is left then

    def test_no_color_keeps_the_table_without_colours(self):
        self.let_go(None)
        code, shown = self.on_terminal("run", self.file, NO_COLOR="1")
        self.assertEqual(code, 0)
        self.assertIn("SEQ", shown)
        self.assertNotRegex(shown, r"\x1b\[[0-9;]*m")

    def check_plain(self, code, shown):
        self.assertEqual(code, 0)
        self.assertNotIn("\x1b", shown)
        self.assertNotIn("SEQ", shown)
        for sequence in range(4):
            self.assertRegex(shown, rf"trial {sequence} Succeeded, final 1")
        self.assertIn("DONE", shown)

    def test_no_progress_gives_plain_lines(self):
        self.let_go(None)
        self.check_plain(*self.on_terminal("run", self.file, "--no-progress", NO_COLOR=None))

    def test_a_dumb_terminal_gets_plain_lines(self):
        self.let_go(None)
        self.check_plain(*self.on_terminal("run", self.file, TERM="dumb", NO_COLOR=None))

    def test_a_pipe_gets_plain_lines(self):
        self.let_go(None)
        done = self.run_it("run", self.file, code=0)
        self.check_plain(done.returncode, done.stdout)

    def test_rows_fit_a_narrow_terminal(self):
        self.let_go(None)
        _, shown = self.on_terminal("run", self.file, rows=10, columns=40)
        table = re.split(r"\x1b\[\d+A\x1b\[J", shown)[-1].split("best ")[0]
        self.assertIn("SEQ", table)
        for line in table[table.index("SEQ"):].splitlines():
            self.assertLessEqual(len(line), 40, line)

    def test_ctrl_c_on_a_terminal(self):
        def interrupt(child):
            child.send_signal(signal.SIGINT)
        code, shown = self.on_terminal("run", self.file, until="running 2", then=interrupt)
        self.assertEqual(code, 130)
        self.assertIn("Ctrl-C again", shown)
        self.assertIn("go on with: autotune resume", shown)
        self.assertEqual(self.database.phase("live"), "STOPPED")

    def test_a_reader_that_goes_away_ends_nothing(self):
        """`autotune run ... | head`: the experiment goes on to its end."""
        reading, writing = os.pipe()
        child = subprocess.Popen(self.command("run", self.file), env=self.environment, cwd=self.folder,
                                 stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.DEVNULL)
        self._children.append(child)
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        self.let_go(None)
        child.wait(SECONDS_MAX)
        self.assertEqual(self.database.states("live"), ["Succeeded"] * 4)


if __name__ == "__main__":
    unittest.main()
