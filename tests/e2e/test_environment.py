"""What a trial gets to see: parameters, roles, volumes, GPUs, secrets; and how its numbers are collected."""

import json
import os
import shutil
import subprocess
import unittest

from harness import FINAL, EndToEnd, experiment, shell, task, wait_until


class Collectors(EndToEnd):
    def run_one(self, script, code=0, **spec):
        file = self.write("collect.json", experiment("collect", shell(script), maxTrialNum=1, **spec))
        self.run_it("run", file, code=code)
        return [(row["kind"], row["value"]) for row in self.database.reports("collect")]

    def test_numbers_from_stdout(self):
        """Each matching line is an intermediate result, and the last one the final."""
        found = self.run_one("echo epoch 1 accuracy=0.5; echo nothing; echo accuracy=7.5e-1; echo accuracy=0.9",
                             metricsCollector={"kind": "stdout", "pattern": "accuracy=([0-9.eE+-]+)"})
        self.assertEqual([value for kind, value in found if kind == 1], [0.5, 0.75, 0.9])
        self.assertEqual([value for kind, value in found if kind == 2], [0.9])
        self.assertEqual(self.database.experiment("collect")["best_value"], 0.9)

    def test_numbers_from_a_file(self):
        found = self.run_one(f"echo loss 3 > {self.folder}/out.txt; echo loss 2 >> {self.folder}/out.txt",
                             metricsCollector={"kind": "file", "path": f"{self.folder}/out.txt",
                                               "pattern": "loss ([0-9]+)"})
        self.assertEqual([value for kind, value in found if kind == 2], [2])

    def test_no_number_at_all(self):
        self.run_one("echo nothing here", metricsCollector={"kind": "stdout", "pattern": "accuracy=([0-9.]+)"})
        trial, = self.database.trials("collect")
        self.assertEqual((trial["state"], trial["reason"]), ("Succeeded", "no final result reported"))


class WhatATrialSees(EndToEnd):
    def logs(self, trial, *more):
        return self.run_it("logs", trial, *more, code=0).stdout

    def test_parameters_in_command_args_and_env(self):
        container = {"args": ["--x", "${parameters.x}", "$(GIVEN)", "${trial.sequence}"],
                     "env": [{"name": "GIVEN", "value": "x is ${parameters.x}"}]}
        script = f'echo "$@"; echo "env $GIVEN"; {FINAL}'
        file = self.write("see.json", experiment(
            "see", [task(["sh", "-c", script, "name"], **container)],
            space={"x": {"_type": "choice", "_value": ["a b"]}}, maxTrialNum=1))
        self.run_it("run", file, code=0)
        self.assertEqual(self.logs("see/0"), "--x a b x is a b 0\nenv x is a b\n")

    def test_the_environment_of_every_replica(self):
        names = ("EXPERIMENT_ID", "EXPERIMENT_NAME", "TRIAL_ID", "TRIAL_SEQUENCE", "TRIAL_ATTEMPT", "REPLICA",
                 "TRIAL_DIR", "PARAMETERS", "REPORTS")
        script = "".join(f'echo "{name}=$AUTOTUNE_{name}"\n' for name in names) + FINAL
        self.run_it("run", self.write("see.json", experiment("see", shell(script), maxTrialNum=1)), code=0)
        seen = dict(line.split("=", 1) for line in self.logs("see/0").splitlines())
        trial, = self.database.trials("see")
        experiment_id = self.database.experiment("see")["id"]
        folder = self.home / "trials" / experiment_id / f"0-{trial['id']}"
        self.assertEqual(seen, {
            "EXPERIMENT_ID": experiment_id, "EXPERIMENT_NAME": "see", "TRIAL_ID": trial["id"], "TRIAL_SEQUENCE": "0",
            "TRIAL_ATTEMPT": "1", "REPLICA": "worker-0", "TRIAL_DIR": str(folder),
            "PARAMETERS": str(folder / "1/parameters.json"), "REPORTS": str(folder / "1/worker-0/reports.jsonl")})

    def test_the_store_s_password_is_not_a_trial_s(self):
        self.environment.update(PGPASSWORD="hush", PGUSER="somebody")
        file = self.write("see.json", experiment("see", shell('env | grep ^PG; ' + FINAL), maxTrialNum=1))
        self.run_it("run", file, code=0)
        self.assertEqual(self.logs("see/0"), "PGUSER=somebody\n")

    def test_pwd_is_the_working_directory(self):
        """A shell sets it itself; Python's os.environ shows what the program was given."""
        (self.folder / "work").mkdir()
        self.environment["PWD"] = "/elsewhere"
        program = "import os; print(os.environ['PWD']); print(os.getcwd())"
        file = self.write("pwd.json", experiment("pwd", [task(["python3", "-c", program], workingDir="work/")],
                                                 maxTrialNum=1))
        self.run_it("run", file, code=0)
        self.assertEqual(self.logs("pwd/0").split(), [f"{self.folder}/work", f"{self.folder}/work"])

    def test_tensorflow_workers_find_each_other(self):
        """Two workers of one trial talk over the ports that TF_CONFIG names."""
        program = self.folder / "worker.py"
        program.write_text("""
import json, os, socket, sys
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
addresses = [tuple(one.rsplit(":", 1)) for one in config["cluster"]["worker"]]
print(json.dumps(config), flush=True)
if index == 0:
    server = socket.create_server((addresses[0][0], int(addresses[0][1])))
    said = server.accept()[0].recv(100).decode()
    with open(os.environ["AUTOTUNE_REPORTS"], "a") as out:
        print(json.dumps({"type": "final", "value": float(said)}), file=out)
else:
    while True:
        try:
            socket.create_connection((addresses[0][0], int(addresses[0][1]))).sendall(b"17")
            break
        except OSError:
            pass
""")
        tasks = [task(["python3", str(program)], replicas=2)]
        file = self.write("tf.json", experiment("tf", tasks, training={"type": "tensorflow"}, maxTrialNum=2,
                                                trialConcurrency=2))
        self.run_it("run", file, code=0)
        self.assertEqual([row["value"] for row in self.database.reports("tf")], [17, 17])
        configs = [json.loads(self.logs(f"tf/{sequence}", "--replica", f"worker-{index}"))
                   for sequence in (0, 1) for index in (0, 1)]
        self.assertEqual(configs[0]["cluster"], configs[1]["cluster"])
        self.assertEqual([config["task"] for config in configs[:2]],
                         [{"type": "worker", "index": 0}, {"type": "worker", "index": 1}])
        ports = {address for config in configs for address in config["cluster"]["worker"]}
        self.assertEqual(len(ports), 4, "trials that run together have ports of their own")

    def test_restarted_workers_keep_their_ports(self):
        script = f'echo "$TF_CONFIG"; echo up >> {self.folder}/up; sleep 0.3; {FINAL}'
        tasks = [task(shell(script), replicas=2)]
        file = self.write("tf.json", experiment("tf", tasks, training={"type": "tensorflow"}, maxTrialNum=1))
        child = self.start("run", file)
        self.wait_for_lines(self.folder / "up", 1)
        child.kill()
        child.wait()
        self.run_it("resume", "tf", code=0)
        first = json.loads(self.logs("tf/0", "--replica", "worker-0"))
        second = json.loads(self.logs("tf/0", "--replica", "worker-1"))
        self.assertEqual(first["cluster"], second["cluster"])

    def test_pytorch_environment(self):
        script = f'echo "$RANK $WORLD_SIZE $MASTER_ADDR"; {FINAL}'
        tasks = [task(shell(script), role="master"), task(shell(script), role="worker", replicas=2)]
        file = self.write("torch.json", experiment("torch", tasks, training={
            "type": "pytorch", "runPolicy": {"cleanUpPolicy": "None"}}, maxTrialNum=1))
        self.run_it("run", file, code=0)
        ranks = [self.logs("torch/0", "--replica", name).split()[:2] for name in ("master-0", "worker-0", "worker-1")]
        self.assertEqual(ranks, [["0", "3"], ["1", "3"], ["2", "3"]])

    # --- volumes

    def test_a_claim_that_is_not_named_starts_nothing(self):
        pod = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "my-claim"}}]}
        file = self.write("volume.json", experiment("volume", [task(
            shell(FINAL), pod=pod, volumeMounts=[{"name": "data", "mountPath": "/mnt"}])], maxTrialNum=1))
        self.assertIn("--volume my-claim=DIR", self.run_it("run", file, code=2).stderr)
        self.assertIn("no folder", self.run_it("run", file, "--volume", "my-claim=/no/such/folder", code=2).stderr)

    # --- GPUs

    def test_gpus_are_handed_out_one_by_one(self):
        self.environment["AUTOTUNE_GPUS"] = "0,1"
        script = f"""
            echo "$CUDA_VISIBLE_DEVICES" >> {self.folder}/gpus
            until test -e {self.folder}/go; do sleep 0.02; done
            {FINAL}"""
        file = self.write("gpus.json", experiment(
            "gpus", [task(shell(script), resources={"limits": {"nvidia.com/gpu": 1}})],
            maxTrialNum=3, trialConcurrency=3))
        child = self.start("run", file)
        self.assertEqual(sorted(self.wait_for_lines(self.folder / "gpus", 2)), ["0", "1"])
        why = wait_until(lambda: [text for text in self.database.notices("gpus") if text.startswith("waits")],
                         "the third trial says why it waits")
        self.assertIn("needs 1 nvidia.com/gpu; node ", why[0])
        self.assertEqual(len(self.lines(self.folder / "gpus")), 2)
        self.assertIn("nvidia.com/gpu", self.run_it("describe", "trial", "gpus/2", code=0).stdout)
        (self.folder / "go").touch()
        self.finish(child, code=0)
        self.assertEqual(len(self.lines(self.folder / "gpus")), 3)

    def gpu_of(self, sequence):
        return self.logs(f"gpus/{sequence}").strip()

    def test_gpus_of_adopted_trials_stay_theirs(self):
        self.environment["AUTOTUNE_GPUS"] = "4,5"
        script = f"""
            echo "$CUDA_VISIBLE_DEVICES"
            echo "$CUDA_VISIBLE_DEVICES" >> {self.folder}/gpus
            until test -e {self.folder}/go-$AUTOTUNE_TRIAL_SEQUENCE; do sleep 0.02; done
            {FINAL}"""
        file = self.write("gpus.json", experiment(
            "gpus", [task(shell(script), resources={"limits": {"nvidia.com/gpu": 1}})],
            maxTrialNum=3, trialConcurrency=2))
        child = self.start("run", file)
        first = self.wait_for_lines(self.folder / "gpus", 2)
        child.kill()
        child.wait()
        child = self.start("resume", "gpus")
        (self.folder / "go-0").touch()
        lines = self.wait_for_lines(self.folder / "gpus", 3)
        self.assertEqual(sorted(first), ["4", "5"])
        self.assertEqual(lines[2], self.gpu_of(0), "the third has what the first gave back")
        for sequence in (1, 2):
            (self.folder / f"go-{sequence}").touch()
        self.finish(child, code=0)


def allowed(*command):
    """Whether the kernel lets somebody do that here."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Mounts(EndToEnd):
    """A claim at its mountPath: mounted for the trial alone, by root and by an ordinary user; else paths are replaced.

    Paths in a variable of the environment are never replaced, so that only a mount leads there.
    """

    NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")

    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.point = self.folder / "point"
        self.data = self.folder / "data"
        for folder in (self.point, self.data):
            folder.mkdir()
        self.data.chmod(0o777)
        (self.data / "in").write_text("words\n")
        script = f"""cat "$POINT/in" {self.point}/in; echo made > {self.point}/out; pwd; {FINAL}"""
        self.file = self.write("volume.json", experiment("volume", [task(
            shell(script), pod={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "my-claim"}}]},
            env=[{"name": "POINT", "value": str(self.point)}], workingDir=str(self.point),
            volumeMounts=[{"name": "data", "mountPath": str(self.point)}])], maxTrialNum=1))

    def check_mounted(self, *prefix):
        done = self.run_by(prefix, "run", self.file, "--volume", f"my-claim={self.data}", "--no-progress")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.log())
        self.assertNotIn("is not mounted", done.stdout + done.stderr)
        self.assertEqual(self.run_by(prefix, "logs", "volume/0").stdout, f"words\nwords\n{self.point}\n")
        self.assertEqual((self.data / "out").read_text(), "made\n")
        self.assertEqual(list(self.point.iterdir()), [], "the mount is the trial's own")

    def check_mapped(self, why, *prefix):
        done = self.run_by(prefix, "run", self.file, "--volume", f"my-claim={self.data}", "--no-progress")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.log())
        notice = f"volume 'data' is not mounted at {self.point} ({why})"
        self.assertIn(notice, done.stdout + done.stderr)
        self.assertIn(notice, self.run_by(prefix, "describe", "trial", "volume/0").stdout)
        self.assertEqual(self.run_by(prefix, "logs", "volume/0").stdout.splitlines()[-2:], ["words", str(self.data)])
        self.assertEqual((self.data / "out").read_text(), "made\n")

    def run_by(self, prefix, *arguments):
        return subprocess.run([*prefix, *self.command(*arguments)], env=self.environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=120, check=False)

    def be_nobody(self):
        """A home of that user, and a binary that everybody may run."""
        if os.geteuid() != 0 or not allowed(*self.NOBODY, "true"):
            self.skipTest("only root can become another user")
        program = self.folder / "autotune"
        shutil.copy(os.environ.get("AUTOTUNE_BINARY") or self.command("version")[0], program)
        program.chmod(0o755)
        self.home.mkdir(mode=0o700)
        os.chown(self.home, 65534, 65534)
        self.environment["HOME"] = str(self.home)
        command = super().command
        self.command = lambda *arguments: [str(program), *command(*arguments)[1:]]

    def may_mount(self):
        return allowed("unshare", "--mount", "true") or allowed("unshare", "--user", "--mount", "true")

    def test_by_whoever_runs_the_tests(self):
        if not self.may_mount():
            self.skipTest("no mount namespace may be made here")
        self.check_mounted()

    def test_by_an_ordinary_user(self):
        if "TSAN_OPTIONS" in os.environ:
            self.skipTest("the kernel gives no user namespace to a program with a second thread, and TSan makes one")
        self.be_nobody()
        if not allowed(*self.NOBODY, "unshare", "--user", "--mount", "true"):
            self.skipTest("ordinary users may make no user namespaces here")
        self.check_mounted(*self.NOBODY)

    def test_replaced_paths_of_an_ordinary_user(self):
        """Without user namespaces, and without the right to mount."""
        self.be_nobody()
        if allowed(*self.NOBODY, "unshare", "--user", "true"):
            # In a user namespace of its own in which no more mount namespaces may be made.
            closed = ("unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
                      'echo 0 > /proc/sys/user/max_mnt_namespaces && exec "$@"', "sh")
            if not allowed(*self.NOBODY, *closed, "true"):
                self.skipTest("mounts cannot be forbidden here")
            return self.check_mapped("this machine does not allow mounts to us", *self.NOBODY, *closed)
        return self.check_mapped("this machine does not allow mounts to us", *self.NOBODY)

    def test_the_home_of_another_user_is_closed(self):
        self.be_nobody()
        os.chown(self.home, 0, 0)
        for arguments in (["get", "experiments"], ["run", self.file, "--volume", f"my-claim={self.data}"]):
            done = self.run_by(self.NOBODY, *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("ermission", done.stderr)
            self.assertIn("--home", done.stderr)

    def test_replaced_paths_where_the_folder_is_missing(self):
        self.point.rmdir()
        self.check_mapped("there is no such folder on this machine to mount it at" if self.may_mount() else
                          "this machine does not allow mounts to us")


class Secrets(EndToEnd):
    VALUE = "correct-horse-battery-staple"

    def setUp(self):
        super().setUp()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"},
                  "stringData": {"token": self.VALUE}}
        script = f"""
            case "$TOKEN" in correct-*-battery-staple) echo right >> {self.folder}/seen ;; esac
            echo up >> {self.folder}/up
            until test -e {self.folder}/go; do sleep 0.02; done
            {FINAL}"""
        env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "token"}}}]
        self.file = self.write("secret.json", experiment("secret", [task(shell(script), env=env)], maxTrialNum=2),
                               secret)

    def check_nowhere_in_the_home(self):
        checked = 0
        for path in self.home.rglob("*"):
            if path.is_file():
                self.assertFalse(self.VALUE.encode() in path.read_bytes(), f"the secret stands in {path}")
                checked += 1
        self.assertGreater(checked, 5)

    def test_a_secret_reaches_the_trial_and_nothing_else(self):
        child = self.start("run", self.file, "--log-level", "debug")
        self.wait_for_lines(self.folder / "up", 1)
        self.check_nowhere_in_the_home()
        (self.folder / "go").touch()
        self.finish(child, code=0)
        self.assertEqual(self.lines(self.folder / "seen"), ["right", "right"])
        self.check_nowhere_in_the_home()
        self.assertNotIn(self.VALUE, self.output(child))
        for question in (["describe", "secret"], ["get", "trials", "secret", "-o", "json"],
                         ["export", "secret", "-o", "json"], ["describe", "trial", "secret/0"]):
            self.assertNotIn(self.VALUE, self.run_it(*question, code=0).stdout)

    def test_what_a_trial_prints_brings_no_secret_into_events(self):
        """Its own files hold what it printed; why it failed is told without the value."""
        env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "token"}}}]
        script = """echo "bad report $TOKEN" >> "$AUTOTUNE_REPORTS"; echo "cannot log in as $TOKEN:x" >&2; exit 3"""
        secret = json.loads(self.file.read_text().split("\n---\n")[1])
        file = self.write("leak.json", experiment("leak", [task(shell(script), env=env)], maxTrialNum=1), secret)
        done = self.run_it("run", file, "--log-level", "debug", code=1)
        trial, = self.database.trials("leak")
        self.assertIn("cannot log in as ***:x", trial["reason"])
        self.assertIn("bad report ***", repr(self.database.events("leak")))
        self.assertNotIn(self.VALUE, done.stdout + done.stderr)
        for question in (["describe", "leak"], ["describe", "trial", "leak/0"], ["get", "trials", "leak", "-o", "json"],
                         ["get", "trials", "leak", "-o", "wide"], ["get", "experiments", "-o", "json"],
                         ["export", "leak", "-o", "csv"]):
            self.assertNotIn(self.VALUE, self.run_it(*question, code=0).stdout)
        for path in [*self.home.glob("autotune.sqlite*"), *self.home.glob("logs/*"), *self.home.rglob("exit-*.json")]:
            self.assertNotIn(self.VALUE.encode(), path.read_bytes(), f"the secret stands in {path}")

    def test_a_resumed_experiment_still_has_its_secret(self):
        child = self.start("run", self.file)
        self.wait_for_lines(self.folder / "up", 1)
        child.kill()
        child.wait()
        (self.folder / "go").touch()
        self.run_it("resume", "secret", code=0)
        self.assertEqual(self.lines(self.folder / "seen"), ["right", "right"])
        self.check_nowhere_in_the_home()

    def test_environments_of_processes_are_private(self):
        """Another user cannot read them: the kernel's own rule, which a trial folder must not undermine."""
        child = self.start("run", self.file)
        self.wait_for_lines(self.folder / "up", 1)
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o711)
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls",
                                   str(self.home)], capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0)
        (self.folder / "go").touch()
        self.finish(child, code=0)

    def test_an_unknown_secret_is_refused_or_named(self):
        env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "other", "key": "token"}}}]
        file = self.write("unknown.json", experiment("unknown", [task(shell(FINAL), env=env)], maxTrialNum=1))
        done = self.run_it("run", file)
        self.assertNotEqual(done.returncode, 0)
        trials = self.database.trials("unknown")
        said = done.stderr + "".join(trial["reason"] for trial in trials)
        self.assertIn("'other'", said)


if __name__ == "__main__":
    unittest.main()
