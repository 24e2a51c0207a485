#!/usr/bin/env bash
# Builds the console into ui/dist, where the binary takes it from. Needs Node.js 20.19 or newer with npm; without it
# says so, loudly, and gives 3: a binary can be built all the same, and says that its console is missing.
#   tools/console.sh deps    only brings in what the build and the tests need (ui/node_modules)
set -eu
cd "$(dirname "$0")/../ui"

wanted="20.19"
found="$(node --version 2>/dev/null | sed 's/^v//')" || true
if [ -z "$found" ] || ! command -v npm >/dev/null ||
  [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
  printf '\n*** The console needs Node.js %s or newer with npm; here is %s.\n*** Without it the binary has no console in it.\n\n' \
    "$wanted" "${found:-none}" >&2
  exit 3
fi

# what the lock file says, and nothing else; no package runs a script of its own
stamp="node_modules/.lock"
if ! cmp -s package-lock.json "$stamp"; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json "$stamp"
fi
[ "${1:-}" = deps ] && exit 0
npm run --silent build
