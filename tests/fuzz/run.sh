#!/usr/bin/env bash
# Runs every fuzz target of a build a fixed number of times and says what was found.
#
#   tests/fuzz/run.sh RUNS [BUILD_DIR]      (make fuzz builds first; BUILD_DIR defaults to build-fuzz)
#
# What a target learns is kept in BUILD_DIR/corpus and used by the next run; an input that breaks a target is
# kept in BUILD_DIR/findings. Ends 1 when there was one. SEED=N repeats a run's random choices.
set -euo pipefail

runs=${1:?usage: tests/fuzz/run.sh RUNS [BUILD_DIR]}
root=$(readlink -f "$(dirname "$0")/../..")
build=$(readlink -f "${2:-$root/build-fuzz}")
seed=${SEED:-$(date +%s)}
# A finding's back-trace has names and lines.
symbolizer=$(command -v llvm-symbolizer-14 || true)
export ASAN_SYMBOLIZER_PATH=$symbolizer
export UBSAN_OPTIONS=print_stacktrace=1
# One input may take this long and this much memory: more is a finding.
seconds_per_input_max=10
memory_mb_max=2048

if ! [ -s "$build/fuzzers.txt" ]; then
  echo "no fuzz targets in $build; make fuzz builds them" >&2
  exit 1
fi

passed=0
failed=0
while IFS=$'\t' read -r name length_max corpus; do
  learnt=$build/corpus/$name
  log=$build/$name.log
  mkdir -p "$learnt" "$build/findings"
  started=$SECONDS
  # The first folder takes what is new; the checked-in corpus is only read.
  if "$build/bin/${name}_fuzzer" -runs="$runs" -seed="$seed" -max_len="$length_max" \
    -timeout="$seconds_per_input_max" -rss_limit_mb="$memory_mb_max" \
    -artifact_prefix="$build/findings/$name-" -print_final_stats=1 \
    "$learnt" "$corpus" >"$log" 2>&1 </dev/null; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz $name: $executed runs in $((SECONDS - started)) s, no finding"
    passed=$((passed + 1))
  else
    tail -n 60 "$log"
    echo "fuzz $name: FAILED, see $log; the input is in $build/findings (SEED=$seed)"
    failed=$((failed + 1))
  fi
done <"$build/fuzzers.txt"
echo "fuzzing: $passed passed, $failed failed"
[ "$failed" = 0 ]
