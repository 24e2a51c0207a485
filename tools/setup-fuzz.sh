#!/usr/bin/env bash
# Brings in the program that sends the API what its own document allows and forbids: Schemathesis, in a virtual
# environment under target/fuzz. Where Python or the package cannot be had, says so, loudly; its test is then skipped.
set -u
cd "$(dirname "$0")/.."
folder="$PWD/target/fuzz"
version="4.32.5"
[ -x "$folder/bin/schemathesis" ] && [ "$(cat "$folder/.version" 2>/dev/null)" = "$version" ] && exit 0
python3 -c 'import ensurepip, venv' 2>/dev/null || tools/need.sh pyvenv python3-venv >/dev/null 2>&1
if python3 -m venv "$folder" 2>/dev/null && "$folder/bin/pip" install -q --disable-pip-version-check "schemathesis==$version"; then
  echo "$version" >"$folder/.version"
  exit 0
fi
printf '\n*** Schemathesis cannot be had here: the API is not fuzzed.\n*** It needs Python 3 with venv and pip.\n\n' >&2
exit 1
