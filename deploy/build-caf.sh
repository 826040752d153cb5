#!/usr/bin/env bash
# Builds CAF 0.18.7 from Debian's own source package into a cache folder outside of the checkout, once for
# each compiler and sanitizer. Debian 12's binary package is 0.17.6, which is another language.
#
#   deploy/build-caf.sh [--sanitize thread] [--print-prefix]
#
# Does nothing when the cache already holds it, or when CMake finds an installed CAF >= 0.18.7 by itself.
# Needs no root. The download is one tarball of 3 MB whose checksum is pinned; the mirror is the one that this
# system's apt uses. AUTOTUNE_CAF_TARBALL=FILE builds from a file instead (same checksum).
# Environment: AUTOTUNE_CACHE (the cache folder), CXX, JOBS.
set -euo pipefail

version=0.18.7
debian_version=0.18.7-1~exp1
sha256=d5c3abe8fd67a729aab1baeece10367637d903ba335f4c79378bcadfbcd34552
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "build-caf: $*" >&2; }
die() {
  say "$*"
  exit 1
}

sanitize=
print_prefix=
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) sanitize=${2:?--sanitize wants a value, e.g. thread} && shift 2 ;;
    --print-prefix) print_prefix=1 && shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
    *) die "unknown argument '$1'; known are: --sanitize, --print-prefix" ;;
  esac
done

cache=${AUTOTUNE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/autotune-build}
cxx=${CXX:-g++}
command -v "${cxx%% *}" >/dev/null || die "no compiler '$cxx'; deploy/install-packages.sh installs one"
# cmake/Dependencies.cmake computes the same key from CMAKE_CXX_COMPILER_ID and _VERSION.
if $cxx -dM -E -x c++ /dev/null | grep -q __clang__; then
  compiler=clang-$($cxx -dumpversion)
else
  compiler=gnu-$($cxx -dumpfullversion)
fi
prefix=$cache/caf-$version-$compiler-$(uname -m)${sanitize:+-${sanitize//,/-}}
if [ -n "$print_prefix" ]; then
  echo "$prefix"
  exit 0
fi

mkdir -p "$cache"
# One builder at a time; whoever waited finds the other's work. The lock ends with this process.
exec 9>"$cache/.caf.lock"
if ! flock -n 9; then
  say "another build of CAF is under way, waiting for it"
  flock 9
fi
[ -e "$prefix/.complete" ] && exit 0

work=$(mktemp -d "${TMPDIR:-/tmp}/autotune-caf.XXXXXX")
# The temporary prefix lies beside the final one, so that the last step is a rename within one file system.
staging=$prefix.partial
trap 'rm -rf "$work" "$staging"' EXIT

# True when CMake finds an installed CAF that is new enough; a sanitized CAF is always our own.
installed_caf() {
  [ -z "$sanitize" ] || return 1
  mkdir -p "$work/probe"
  cat >"$work/probe/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(probe NONE)
# No package satisfies this version, so none is loaded, but all that were seen are listed.
find_package(CAF 9999 QUIET CONFIG)
foreach(version IN LISTS CAF_CONSIDERED_VERSIONS)
  if(version VERSION_GREATER_EQUAL 0.18.7)
    message(STATUS "found CAF ${version}")
  endif()
endforeach()
CMAKE
  cmake -S "$work/probe" -B "$work/probe/build" \
    "-DCMAKE_LIBRARY_ARCHITECTURE=$($cxx -print-multiarch 2>/dev/null || true)" >"$work/probe.log" 2>&1 || true
  grep -q -- '-- found CAF ' "$work/probe.log"
}

# Prints the address of the Debian archive that this system's apt uses (never the security archive, which
# has no sources of other suites). Private lists are filled when the system's were cleaned away.
debian_mirror() {
  local format='$(SITE)|$(ORIGIN)|$(LABEL)' lists=() line site
  line=$(apt-get indextargets --format "$format" 'Created-By: Packages' | grep -m1 '|Debian|Debian$' || true)
  if [ -z "$line" ]; then
    mkdir -p "$work/system-lists/partial"
    lists=(-o "Dir::State::Lists=$work/system-lists")
    apt-get "${lists[@]}" update >"$work/apt.log" 2>&1 || true
    line=$(apt-get "${lists[@]}" indextargets --format "$format" 'Created-By: Packages' \
      | grep -m1 '|Debian|Debian$' || true)
  fi
  site=${line%%|*}
  [ -n "$site" ] || die "this system's apt knows no Debian archive; fetch actor-framework_$version.orig.tar.gz of Debian's
  source package actor-framework $debian_version by hand and set AUTOTUNE_CAF_TARBALL to it"
  echo "$site"
}

# Downloads the source tarball with an apt configuration of our own; the system's apt is only read.
download() {
  local site
  [ -e "$keyring" ] || die "$keyring is missing (package debian-archive-keyring)"
  site=$(debian_mirror)
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/source"
  echo "deb-src [signed-by=$keyring] $site experimental main" >"$work/apt/sources.list"
  # The system's proxies and credentials serve here too, its hooks do not. A mirror that has not been refreshed for
  # a while will do: the tarball's own checksum is pinned.
  apt-config dump | grep -E '^(Acquire|Dir::Etc::netrc)' | grep -v '^Acquire::IndexTargets' >"$work/apt/apt.conf"
  cat >>"$work/apt/apt.conf" <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "$(id -un)";
Acquire::Check-Valid-Until "false";
CONF
  export APT_CONFIG=$work/apt/apt.conf
  say "downloading the source of CAF $version from this system's Debian mirror"
  # --tar-only: the packaging's own files are not needed.
  if ! { apt-get update && cd "$work/source" \
    && apt-get source --tar-only --download-only "actor-framework=$debian_version"; } >"$work/apt.log" 2>&1; then
    cat "$work/apt.log" >&2
    die "the download failed"
  fi
  unset APT_CONFIG
  tarball=$(find "$work/source" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1)
}

build() {
  local launcher=()
  mkdir -p "$work/caf"
  tar -xf "$tarball" -C "$work/caf" --strip-components=1
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  say "building CAF $version${sanitize:+ with -fsanitize=$sanitize} (about 3 minutes on 2 cores) into $prefix"
  rm -rf "$staging"
  cmake -S "$work/caf" -B "$work/build" -G Ninja "${launcher[@]}" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DCMAKE_CXX_FLAGS="-w${sanitize:+ -fsanitize=$sanitize -g1 -fno-omit-frame-pointer}" \
    -DCAF_ENABLE_EXAMPLES=OFF -DCAF_ENABLE_TESTING=OFF -DCAF_ENABLE_TOOLS=OFF \
    -DCAF_ENABLE_OPENSSL_MODULE=ON >"$work/cmake.log" 2>&1 || {
    cat "$work/cmake.log" >&2
    die "CMake refused to configure CAF"
  }
  # ccache knows the sources again although they lie in another temporary folder.
  export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
  NINJA_STATUS='CAF [%f/%t] ' cmake --build "$work/build" ${JOBS:+-j "$JOBS"} >&2
  # DESTDIR keeps the final paths inside the package files while the files land beside them.
  DESTDIR=$staging cmake --install "$work/build" >/dev/null
  mkdir -p "$staging$prefix/share/doc/caf"
  cp "$work/caf"/LICENSE* "$staging$prefix/share/doc/caf/"
  touch "$staging$prefix/.complete"
  rm -rf "$prefix"
  mv "$staging$prefix" "$prefix"
}

if ! installed_caf; then
  tarball=${AUTOTUNE_CAF_TARBALL:-}
  [ -n "$tarball" ] || download
  echo "$sha256  $tarball" | sha256sum --check --status || die "the checksum of $tarball is not $sha256"
  build
  say "CAF $version is in $prefix"
fi
