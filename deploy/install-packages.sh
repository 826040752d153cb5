#!/usr/bin/env bash
# Installs the Debian packages of deploy/packages.txt that are missing; silent and quick when none is.
#
#   deploy/install-packages.sh [--list] [GROUP...]      groups: build run test check (default: build run)
#
# As root it installs. An ordinary user is asked by sudo once; where that cannot be, the command for root is printed
# and the exit code is 2. Where something is missing, what the tests want comes with it, so that root is needed once.
# Nothing is ever removed or upgraded on purpose.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
say() { echo "install-packages: $*" >&2; }

list=
if [ "${1:-}" = --list ]; then
  list=1
  shift
fi
groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(build run)
known=$(sed -n 's/^\[\(.*\)\]$/\1/p' "$here/packages.txt")
for group in "${groups[@]}"; do
  if ! grep -qx -- "$group" <<<"$known"; then
    say "unknown group '$group'; known are: ${known//$'\n'/ }"
    exit 2
  fi
done

# packages_of GROUP...: without comments.
packages_of() {
  awk -v groups=" $* " '
    { sub(/#.*/, "") }
    /^\[/ { gsub(/[][ ]/, ""); on = index(groups, " " $0 " "); next }
    NF && on { print $1 }' "$here/packages.txt"
}

mapfile -t wanted < <(packages_of "${groups[@]}")
if [ -n "$list" ]; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  say "this is no Debian; install what these Debian 12 packages hold: ${wanted[*]}"
  exit 2
fi

missing_packages() {
  local installed package
  # dpkg-query fails when it knows one of them not at all; those are missing like others.
  installed=" $({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } \
    | sed -n 's/^installed //p' | tr '\n' ' ') "
  for package in "${wanted[@]}"; do
    case $installed in *" $package "*) ;; *) echo "$package" ;; esac
  done
}

mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t wanted < <(packages_of "${groups[@]}" test)
mapfile -t missing < <(missing_packages)

options="-y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=600"
command="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install $options ${missing[*]}"
say "${#missing[@]} packages are missing: ${missing[*]}"
if [ "$(id -u)" = 0 ]; then
  sh -c "$command" </dev/null >&2
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  say "asking for root once, to install them"
  sudo -p '[sudo] password for %p, to install packages: ' sh -c "$command" >&2
else
  say "root is needed to install them. Let root run this, then say make again:"
  echo "$command" >&2
  exit 2
fi

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
  say "still missing: ${missing[*]}"
  exit 1
fi
