# Postfix (Debian package, 3.7). Defaults but for what a relay needs; TUNED=1 adds what a careful
# admin would change for throughput. Durability untouched (cleanup fsyncs each queue file).
# POSTFIX_ROOT: where the package was unpacked (empty if installed).
set -e
R="$BENCH_DIR/postfix"; C="$R/etc"; X="$POSTFIX_ROOT"
export LD_LIBRARY_PATH="${X:+$X/usr/lib/postfix:$X/usr/lib/$(uname -m)-linux-gnu}"
# An unpacked package has made no users: two of base-passwd's that nothing here uses stand in.
if getent passwd postfix >/dev/null; then owner=postfix group=postdrop; else owner=uucp group=news; fi
case "$1" in
start)
  rm -rf "$R"; mkdir -p "$C" "$R/spool" "$R/data" "$R/log"; chown "$owner" "$R/data"
  chmod 755 "$R" "$C" "$R/spool"
  cat > "$C/main.cf" <<C
compatibility_level = 3.6
queue_directory = $R/spool
data_directory = $R/data
command_directory = $X/usr/sbin
daemon_directory = $X/usr/lib/postfix/sbin
shlib_directory = $X/usr/lib/postfix
meta_directory = $X/etc/postfix
sendmail_path = $X/usr/sbin/sendmail
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH=$LD_LIBRARY_PATH
mail_owner = $owner
setgid_group = $group
maillog_file = $R/log/maillog
maillog_file_prefixes = $R
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.test
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
smtp_tls_security_level = $TLS_MODE
smtputf8_enable = no
C
  if [ -n "$TUNED" ]; then cat >> "$C/main.cf" <<C
default_process_limit = 300
smtp_tls_connection_reuse = yes
smtp_tls_session_cache_database = btree:\$data_directory/smtp_scache
smtp_destination_concurrency_limit = 50
initial_destination_concurrency = 20
in_flow_delay = 0
C
  fi
  # master.cf: the stock services, no chroot
  cat > "$C/master.cf" <<C
$LISTEN_PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
tlsproxy unix - - n - 0 tlsproxy
C
  "$X/usr/sbin/postfix" -c "$C" start >&2 ;;
flush) "$X/usr/sbin/postqueue" -c "$C" -f >&2 ;;
stop) "$X/usr/sbin/postfix" -c "$C" stop >&2 ;;
esac
