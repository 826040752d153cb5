#!/bin/sh
# The speed table of the README. Needs a finished build; arguments choose parts: noop turnaround reports core scale validate.
set -eu
build=${BUILD:-build}
exec "$build/bin/run_bench" "$@"
