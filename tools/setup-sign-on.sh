#!/usr/bin/env bash
# Brings in the OpenID Connect provider that the test of single sign-on talks to, under target/sign-on. Where it cannot
# be had that is said loudly, and the test is skipped, loudly too.
set -u
cd "$(dirname "$0")/.."
folder="$PWD/target/sign-on"
mkdir -p "$folder"
if [ -d "$folder/node_modules/oidc-provider" ] && cmp -s crates/gateway/tests/provider/package-lock.json "$folder/package-lock.json"; then
  exit 0
fi
cp crates/gateway/tests/provider/package.json crates/gateway/tests/provider/package-lock.json "$folder/"
if ! command -v npm >/dev/null || ! (cd "$folder" && npm ci --silent --ignore-scripts --no-audit --no-fund >npm.log 2>&1); then
  printf '\n*** oidc-provider cannot be had\n*** the test of single sign-on is skipped; see %s\n\n' "$folder/npm.log" >&2
fi
exit 0
