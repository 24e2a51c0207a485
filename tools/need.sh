#!/usr/bin/env bash
# Makes sure that a program is there: installs Debian's packages for it where that is possible (root, or
# sudo without a password), else says what to type and fails.
#   tools/need.sh PROGRAM PACKAGE...
set -u
program="$1"
shift
command -v "$program" >/dev/null && exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="no"; fi
fi
if [ "$as_root" != no ] && command -v apt-get >/dev/null; then
  echo "$program is missing: installing $*" >&2
  $as_root apt-get -q install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
    { $as_root apt-get -q update >/dev/null 2>&1 && $as_root apt-get -q install -y --no-install-recommends "$@" >/dev/null; }
fi
command -v "$program" >/dev/null && exit 0
printf '\n*** %s is missing and could not be installed.\n*** As root: apt-get install %s\n\n' "$program" "$*" >&2
exit 1
