#!/usr/bin/env bash
# The yardstick: Gatepost beside a tuned Postfix, interleaved, on this machine. Builds what is missing
# and leaves results.jsonl and table.md under target/bench. Needs root (it works in namespaces of its own).
#   tools/bench.sh            ROUNDS=3 SCEN="p100 enc100" N=5000 RELAYS="postfix-tuned gatepost"
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "make bench needs root: it runs in private network and mount namespaces. Try: sudo make bench" >&2
  exit 1
fi
if ! command -v ip >/dev/null; then
  apt-get -q install -y --no-install-recommends iproute2 >/dev/null ||
    { echo "the program ip is missing: apt-get install iproute2" >&2; exit 1; }
fi
target="${CARGO_TARGET_DIR:-$PWD/target}"
out="$PWD/target/bench"
mkdir -p "$out"
tools/setup-peers.sh postfix
if [ -x "$PWD/target/peers/root/usr/sbin/postfix" ]; then export POSTFIX_ROOT="$PWD/target/peers/root"; fi
[ -n "${GATEPOST:-}" ] || cargo build --release --locked -p gatepost
(cd bench && CARGO_TARGET_DIR="$target/bench-tools" cargo build --release --locked)
export GATEPOST="${GATEPOST:-$target/release/gatepost}" PATH="$target/bench-tools/release:$PATH"
export BENCH_DIR="${BENCH_DIR:-$out/spool}" OUT="$out/results.jsonl"
export ROUNDS="${ROUNDS:-3}" SCEN="${SCEN:-p100 enc100}" N="${N:-5000}" RELAYS="${RELAYS:-postfix-tuned gatepost}"
rm -f "$OUT"
bench/ns.sh bench/matrix.sh
bench/summarize.py "$OUT" --base postfix-tuned | tee "$out/table.md"
