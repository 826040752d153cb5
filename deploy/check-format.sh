#!/usr/bin/env bash
# Says which C++ files clang-format would change; `deploy/check-format.sh --fix` changes them.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
mode=(--dry-run -Werror)
[ "${1:-}" != --fix ] || mode=(-i)
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.hpp' | while read -r file; do
  [ ! -e "$file" ] || echo "$file"
done)
# In parts, two or more at a time: a hundred files are slow in one process.
printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "${JOBS:-$(nproc)}" clang-format-14 --style=file "${mode[@]}" || {
  echo "check-format: deploy/check-format.sh --fix mends this" >&2
  exit 1
}
echo "check-format: ${#files[@]} files"
