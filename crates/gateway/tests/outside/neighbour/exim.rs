//! Exim, as Debian's light daemon, with GnuTLS.

use super::{DOMAIN, Envelope, Flavour, Setup, Tls, between};

pub(super) const FLAVOUR: Flavour = Flavour {
    name: "Exim",
    packages: "exim",
    program: "/usr/sbin/exim4",
    arguments: &["-bdf", "-q2s"],
    users: &["Debian-exim"],
    groups: &[],
    folders: &[
        ("etc/exim4", 0o755, None),
        ("var/spool/exim4", 0o750, Some("Debian-exim")),
        ("var/log/exim4", 0o750, Some("Debian-exim")),
    ],
    files: |setup| vec![("etc/exim4/exim4.conf", configuration(setup))],
    log: Some("var/log/exim4/mainlog"),
    key_owner: Some("Debian-exim"),
    ended: "closed by QUIT",
    envelopes,
    under_tls: "(TLS1.3)",
    offers_broken_tls: |_| false,
};

fn configuration(setup: &Setup) -> String {
    let Setup { address, tls, next_hop, next_hop_tls } = setup;
    let offered = if *tls == Tls::None {
        "tls_advertise_hosts =\n"
    } else {
        "tls_advertise_hosts = *\ntls_certificate = /etc/tls/chain.pem\ntls_privatekey = /etc/tls/key.pem\n"
    };
    let enforced = if *tls == Tls::Enforced { "  require encrypted = *\n" } else { "" };
    let used = match next_hop_tls {
        Tls::None => "  hosts_avoid_tls = *\n",
        Tls::Offered => "",
        Tls::Enforced => "  hosts_require_tls = *\n  tls_tempfail_tryclear = false\n",
    };
    format!(
        "primary_hostname = mx.{DOMAIN}\nlocal_interfaces = {ip}\ndaemon_smtp_ports = {port}\ndisable_ipv6 = true\n\
         keep_environment =\nhost_lookup =\nrfc1413_query_timeout = 0s\n\
         acl_smtp_mail = mail\nacl_smtp_rcpt = take\nacl_smtp_data = take\n\
         smtp_accept_queue_per_connection = 0\ndsn_advertise_hosts = *\nchunking_advertise_hosts = *\n\
         log_selector = +received_recipients +tls_cipher +smtp_connection\nlog_file_path = /var/log/exim4/%slog\n\
         {offered}\
         begin acl\nmail:\n{enforced}  accept\ntake:\n  accept\n\
         begin routers\n\
         in:\n  driver = accept\n  domains = {DOMAIN}\n  transport = in\n\
         out:\n  driver = manualroute\n  route_list = * {hop}::{hop_port}\n  self = send\n  transport = out\n\
         begin transports\n\
         in:\n  driver = appendfile\n  directory = /var/mail/inbox/box\n  maildir_format\n  user = inbox\n  \
         group = inbox\n  envelope_to_add\n\
         out:\n  driver = smtp\n  allow_localhost\n  hosts_try_dane =\n{used}\
         begin retry\n* * F,1h,2s\n",
        ip = address.ip(),
        port = address.port(),
        hop = next_hop.ip(),
        hop_port = next_hop.port(),
    )
}

/// `<id> <= <sender> … for <recipient> <recipient>`.
fn envelopes(log: &str) -> Vec<Envelope> {
    let mut found = Vec::new();
    for line in log.lines() {
        let (Some(from), Some((_, recipients))) =
            (between(line, " <= ", " "), line.rsplit_once(" for "))
        else {
            continue;
        };
        for to in recipients.split(' ') {
            let from = if from == "<>" { "" } else { from };
            found.push(Envelope { from: from.to_owned(), to: to.to_owned() });
        }
    }
    found
}
