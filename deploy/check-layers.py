#!/usr/bin/env python3
"""Holds the house's picture: an include path points down, never up or sideways.

    deploy/check-layers.py [--self-test]

Prints each include that is not allowed as file:line, and ends 1 when there is one. What is not a layer (tests/,
bench/, examples/) may include every layer.
"""

import contextlib
import io
import pathlib
import re
import subprocess
import sys
import tempfile

# The layers that each layer may include, itself aside. The four siblings do not know each other.
SIBLINGS = {"tuner", "launchers", "config", "store"}
BELOW_ACTORS = SIBLINGS | {"messages"}
ALLOWED = {
    "messages": set(),
    "tuner": {"messages"},
    "launchers": {"messages"},
    "config": {"messages"},
    "store": {"messages"},
    "actors": BELOW_ACTORS,
    "gateway": BELOW_ACTORS | {"actors"},
    "cli": BELOW_ACTORS | {"actors", "gateway"},
}
KNOW_CAF = {"actors", "gateway", "cli"}
# Where versions of CAF differ, one file bridges it.
CAF_BRIDGE = "actors/caf_compat.hpp"
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
IMPORT = re.compile(r'\s*import\s+"([^"]+)"')
CAF_VERSION = re.compile(r"(?!\s*//).*\bCAF_\w*VERSION\b|\s*#\s*(?:el)?if\b.*__has_include\s*\(\s*<caf/")
NO_HOUSE = {"src", "common", "utils"}


def wrongs_of(path, text):
    """The wrong lines of one file: (line, what is wrong)."""
    layer = path.split("/")[0]
    if layer in NO_HOUSE:
        yield 1, f"there is no folder {layer}/ in this house; a file belongs to a layer"
    if layer not in ALLOWED:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if CAF_VERSION.match(line) and path != CAF_BRIDGE:
            yield number, f"only {CAF_BRIDGE} depends on CAF's version"
        match = INCLUDE.match(line) or IMPORT.match(line)
        if not match:
            continue
        name = next(group for group in match.groups() if group)
        first = name.split("/")[0]
        if first == "caf" and layer not in KNOW_CAF:
            yield number, f"{layer}/ includes <{name}>: only {', '.join(sorted(KNOW_CAF))} know CAF"
        elif first in ALLOWED and first != layer and first not in ALLOWED[layer]:
            below = ", ".join(sorted(ALLOWED[layer])) or "no other layer"
            yield number, f"{layer}/ includes {name}: it may include {below}"
        elif first in ("tests", "bench", "examples"):
            yield number, f"{layer}/ includes {name}: {first}/ is above all layers"
        elif line.lstrip().startswith("#") and match.group(1) and "/" not in name:
            yield number, f'"{name}" names no layer: write "{layer}/{name}"'


def check(root, paths):
    """Prints what is wrong in `paths` below `root`; the number of wrong lines."""
    count = 0
    for path in paths:
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        for number, wrong in wrongs_of(path, text):
            print(f"{path}:{number}: {wrong}")
            count += 1
    return count


def self_test():
    """Each kind of mistake is found, and what is right is let through."""
    cases = [
        ("tuner/a.cpp", '#include "tuner/b.hpp"\n#include "messages/ids.hpp"\n#include <vector>', 0),
        ("tuner/a.cpp", '#include "store/store.hpp"', 1),
        ("config/a.hpp", '  #  include "tuner/tuner.hpp"', 1),
        ("store/a.cpp", "#include <launchers/launcher.hpp>", 1),
        ("launchers/a.cpp", '#include "actors/log.hpp"', 1),
        ("messages/a.cpp", '#include "tuner/tuner.hpp"', 1),
        ("messages/a.proto", 'import "messages/trial.proto";\nimport "store/a.proto";', 1),
        ("store/a.cpp", "#include <caf/all.hpp>", 1),
        ("actors/a.cpp", '#include <caf/all.hpp>\n#include "store/store.hpp"', 0),
        ("actors/a.cpp", '#include "cli/cli.hpp"', 1),
        ("actors/a.cpp", "#if CAF_VERSION >= 1", 1),
        ("cli/a.cpp", 'list.add("caf", CAF_VERSION);\n// CAF_VERSION is no business of ours', 1),
        ("actors/caf_compat.hpp", "#if __has_include(<caf/anon_mail.hpp>)", 0),
        ("gateway/a.cpp", '#include "actors/interfaces.hpp"\n#include "cli/cli.hpp"', 1),
        ("cli/a.cpp", '#include "gateway/http_server.hpp"\n#include "tuner/tuner.hpp"', 0),
        ("tuner/a.cpp", '#include "b.hpp"', 1),
        ("tuner/a.cpp", '#include "tests/help.hpp"', 1),
        ("tests/a.cpp", '#include "tuner/tuner.hpp"\n#include "store/store.hpp"', 0),
        ("common/a.cpp", "", 1),
    ]
    failed = 0
    for path, text, wanted in cases:
        found = list(wrongs_of(path, text))
        if len(found) != wanted:
            print(f"self-test: {path} with {text!r}: {wanted} wrong lines wanted, found {found}")
            failed += 1
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "tuner").mkdir()
        (root / "tuner/a.cpp").write_text('#include "store/store.hpp"\n')
        with contextlib.redirect_stdout(io.StringIO()) as said:
            found = check(root, ["tuner/a.cpp"])
        if found != 1 or not said.getvalue().startswith("tuner/a.cpp:1: "):
            print("self-test: the mistake in a file was not found")
            failed += 1
    print(f"check-layers self-test: {len(cases) + 1 - failed} passed, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if sys.argv[1:]:
        print("usage: deploy/check-layers.py [--self-test]", file=sys.stderr)
        return 2
    root = pathlib.Path(__file__).resolve().parents[1]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.?pp", "*.h", "*.proto"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout
    paths = [path for path in listed.split("\0") if path and (root / path).exists()]
    wrong = check(root, paths)
    print(f"check-layers: {len(paths)} files, {wrong} wrong includes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
