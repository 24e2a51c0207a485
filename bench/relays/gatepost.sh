# Gatepost, as it ships: the embedded store, one flush before each group of 250s. It stands alone: the
# binary is $GATEPOST, else `gatepost` on PATH, and no file beside this one is read. What differs from
# its defaults is what any relay here is told: loopback may send and be sent to, and one client may
# hold many connections. TLS_MODE none|may|encrypt is the level plain|try|require.
set -e
R="$BENCH_DIR/gatepost"; G="${GATEPOST:-gatepost}"
case "$1" in
start)
  rm -rf "$R"; mkdir -p "$R"; chmod 755 "$R"
  case "${TLS_MODE:-none}" in none) level=plain ;; may) level=try ;; encrypt) level=require ;; esac
  cat > "$R/gatepost.toml" <<C
hostname = "relay.test"
data_dir = "data"
[[listener]]
address = "127.0.0.1:$LISTEN_PORT"
tls = "off"
[admin]
address = "127.0.0.1:8025"
[limits]
connections = 4000
connections_per_client = 4000
[dns]
servers = ["127.0.0.1:53"]
[delivery]
port = 25
private_addresses = "allow"
C
  cat > "$R/policy.toml" <<C
[[outbound_source]]
network = "127.0.0.0/8"
[[rule]]
name = "TLS of this run"
actions = [{ action = "set_tls_level", value = "$level" }]
C
  # 1 is "done, with findings": this policy has no domain of its own, and lint says so
  "$G" --config "$R/gatepost.toml" policy apply "$R/policy.toml" --reason bench >&2 || [ $? = 1 ]
  ulimit -n "$(ulimit -Hn)"
  cd /; setsid "$G" --config "$R/gatepost.toml" serve > "$R/log" 2>&1 < /dev/null & echo $! > "$R/pid" ;;
flush) "$G" --config "$R/gatepost.toml" queue retry --all >&2 || [ $? = 1 ] ;;
stop) # SIGTERM: finishes what is in hand; 20 s are more than it may need
  P=$(cat "$R/pid"); kill "$P" 2>/dev/null || true
  for _ in $(seq 200); do kill -0 "$P" 2>/dev/null || break; sleep 0.1; done ;;
esac
