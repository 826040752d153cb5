"""A PostgreSQL server of the test's own, in a temporary folder and without a TCP port."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import wait_until


class Postgres:
    """Runs until `end`. PostgreSQL refuses root: then it is the user postgres', or nobody's."""

    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise unittest.SkipTest("PostgreSQL is not installed (Debian package postgresql)")
        self._programs = pathlib.Path(found[-1]).parent
        self._as = {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="autotune-pg-"))
        if os.getuid() == 0:
            names = {one.pw_name for one in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._log = open(self.folder / "log", "wb")
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "autotune", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    def start(self):
        self._server = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-c", "listen_addresses="],
            stdout=self._log, stderr=self._log, cwd="/", **self._as)
        wait_until(self._answers, "PostgreSQL takes connections")

    def _run(self, program, *arguments):
        done = subprocess.run([str(self._programs / program), *arguments], capture_output=True, text=True, cwd="/",
                              check=False, **self._as)
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended {done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def _answers(self):
        try:  # it says so once it has recovered
            return "ready" in (self.folder / "data" / "postmaster.pid").read_text()
        except OSError:
            return False

    def uri(self):
        return f"postgresql://autotune@/postgres?host={self.folder}"

    def ask(self, query):
        """The answer's text, without heads."""
        return self._run("psql", "-U", "autotune", "-h", str(self.folder), "-At", "-c", query, "postgres")

    def stop(self):
        self._server.send_signal(signal.SIGINT)  # whoever is connected is thrown out
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def end(self):
        self.stop()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
