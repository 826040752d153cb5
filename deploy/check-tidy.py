#!/usr/bin/env python3
"""Runs clang-tidy on every source of a build whose text has changed since it last was found clean.

    deploy/check-tidy.py --build DIR [--jobs N] [--minutes-max M] [PATH...]

A clean file is remembered in the cache folder by a hash of its preprocessed text, its flags and .clang-tidy, so only
the first run is long (half an hour on 2 cores). With --minutes-max no new file is begun past that time; how many were
left is printed. PATH restricts to files below these folders. Ends 1 when something was found.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TIDY = "clang-tidy-14"
# Flags that g++ knows and clang does not.
UNKNOWN_TO_CLANG = ("-fconcepts", "-fmodules-ts")


def cache_folder():
    """Where clean files are remembered."""
    base = os.environ.get("AUTOTUNE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "autotune-build"
    )
    return pathlib.Path(base) / "tidy"


def compile_argv(entry):
    """The compiler's arguments without its launcher and its output."""
    argv = shlex.split(entry["command"])
    if pathlib.Path(argv[0]).name == "ccache":
        argv = argv[1:]
    kept, skip = [], False
    for arg in argv:
        if skip:
            skip = False
        elif arg == "-o":
            skip = True
        elif arg != "-c" and arg not in UNKNOWN_TO_CLANG:
            kept.append(arg)
    return kept


def key_of(entry, argv, salt):
    """Names what clang-tidy would read; None where the file does not compile."""
    text = subprocess.run(argv + ["-E", "-P", "-C"], cwd=entry["directory"], capture_output=True)
    if text.returncode != 0:
        return None
    read = "\0".join(argv[1:]).encode() + text.stdout
    # Another checkout knows the file too.
    read = read.replace(entry["directory"].encode(), b"BUILD").replace(str(ROOT).encode(), b"ROOT")
    return hashlib.sha256(salt + read).hexdigest()


def check(entry, salt, cache):
    """One file: (name, "clean" | "known" | "wrong", what was said)."""
    name = os.path.relpath(entry["file"], ROOT)
    argv = compile_argv(entry)
    key = key_of(entry, argv, salt)
    if key and (cache / key).exists():
        return name, "known", ""
    run = subprocess.run(
        [TIDY, "--quiet", entry["file"], "--"] + argv[1:], cwd=entry["directory"], capture_output=True, text=True
    )
    if run.returncode != 0:
        return name, "wrong", run.stdout + run.stderr
    if key:
        (cache / key).touch()
    return name, "clean", ""


def wanted(entry, paths):
    """Whether this file is one of ours (not generated) and below one of `paths`."""
    file = pathlib.Path(entry["file"])
    if not file.is_relative_to(ROOT) or file.suffix != ".cpp":
        return False
    name = file.relative_to(ROOT).as_posix()
    return not name.startswith("build") and (
        not paths or any(name == path or name.startswith(path.rstrip("/") + "/") for path in paths)
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes-max", type=float, default=0.0)
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()

    commands = json.loads((pathlib.Path(options.build) / "compile_commands.json").read_text())
    entries = {entry["file"]: entry for entry in commands if wanted(entry, options.paths)}
    if not entries:
        sys.exit(f"check-tidy: no source of ours is in {options.build}/compile_commands.json")
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + options.minutes_max * 60 if options.minutes_max else None

    def one(entry):
        if deadline and time.monotonic() > deadline:
            return os.path.relpath(entry["file"], ROOT), "left", ""
        return check(entry, salt, cache)

    counts = {"clean": 0, "known": 0, "wrong": 0, "left": 0}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done, (name, state, said) in enumerate(pool.map(one, entries.values()), 1):
            counts[state] += 1
            if state in ("clean", "wrong"):
                print(f"clang-tidy [{done}/{len(entries)}] {name}: {state}", flush=True)
            if said:
                print(said, flush=True)
    print(
        f"check-tidy: {counts['clean']} clean, {counts['known']} unchanged since they were clean, "
        f"{counts['wrong']} wrong" + (f", {counts['left']} left for want of time" if counts["left"] else "")
    )
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
