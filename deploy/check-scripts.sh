#!/usr/bin/env bash
# Parses every shell and Python script and the JSON of the presets, without running any.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
wrong=0
count=0
while read -r file; do
  [ -f "$file" ] || continue
  case $(head -c 80 "$file" | tr -d '\0' | head -n 1) in
    '#!'*bash*) bash -n "$file" || wrong=$((wrong + 1)) ;;
    '#!'*/sh | '#!'*'/sh '*) sh -n "$file" || wrong=$((wrong + 1)) ;;
    *)
      case $file in
        *.sh) bash -n "$file" || wrong=$((wrong + 1)) ;;
        *.py) ;;
        *) continue ;;
      esac
      ;;
  esac
  count=$((count + 1))
done < <(git ls-files --cached --others --exclude-standard)
# In memory, so that no __pycache__ is left.
git ls-files -z --cached --others --exclude-standard '*.py' | python3 -c '
import sys
for name in filter(None, sys.stdin.read().split("\0")):
    try:
        source = open(name, "rb").read()
    except FileNotFoundError:
        continue
    compile(source, name, "exec", dont_inherit=True)' || wrong=$((wrong + 1))
python3 -m json.tool CMakePresets.json >/dev/null || wrong=$((wrong + 1))
echo "check-scripts: $count scripts, $wrong wrong"
[ "$wrong" = 0 ]
