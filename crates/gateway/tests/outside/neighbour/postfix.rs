//! Postfix.

use std::collections::HashMap;

use super::{DOMAIN, Envelope, FIRST_ID, Flavour, Setup, Tls, between};

pub(super) const FLAVOUR: Flavour = Flavour {
    name: "Postfix",
    packages: "root",
    program: "/usr/sbin/postfix",
    arguments: &["-c", "/etc/postfix", "start-fg"],
    users: &["postfix"],
    groups: &["postdrop"],
    folders: &[
        ("etc/postfix", 0o755, None),
        ("var/spool", 0o755, None),
        ("var/spool/postfix", 0o755, None),
        ("var/lib/postfix", 0o755, Some("postfix")),
        ("var/log", 0o755, None),
    ],
    files: |setup| {
        vec![("etc/postfix/main.cf", main_cf(setup)), ("etc/postfix/master.cf", master_cf(setup))]
    },
    log: Some("var/log/mail.log"),
    key_owner: None,
    ended: "]: disconnect from",
    envelopes,
    under_tls: "using TLSv1.3 with cipher",
    offers_broken_tls: |_| false,
};

fn level(tls: Tls) -> &'static str {
    match tls {
        Tls::None => "none",
        Tls::Offered => "may",
        Tls::Enforced => "encrypt",
    }
}

fn main_cf(setup: &Setup) -> String {
    let Setup { tls, next_hop, next_hop_tls, .. } = setup;
    let certificate = if *tls == Tls::None {
        ""
    } else {
        "smtpd_tls_cert_file = /etc/tls/chain.pem\nsmtpd_tls_key_file = /etc/tls/key.pem\n"
    };
    format!(
        "compatibility_level = 3.6\nmaillog_file = /var/log/mail.log\n\
         inet_interfaces = all\ninet_protocols = ipv4\nmyhostname = mx.{DOMAIN}\n\
         mydestination =\nlocal_recipient_maps =\nalias_maps =\nalias_database =\nmynetworks = 127.0.0.0/8\n\
         virtual_mailbox_domains = {DOMAIN}\nvirtual_mailbox_base = /var/mail/inbox\n\
         virtual_mailbox_maps = static:box/\nvirtual_uid_maps = static:{inbox}\nvirtual_gid_maps = static:{inbox}\n\
         virtual_minimum_uid = 1\nrelayhost = [{hop}]:{hop_port}\nminimal_backoff_time = 2s\n\
         smtp_tls_security_level = {out}\nsmtp_dns_support_level = disabled\n\
         smtpd_tls_security_level = {tls}\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1\n{certificate}",
        inbox = FIRST_ID + 1,
        hop = next_hop.ip(),
        hop_port = next_hop.port(),
        out = level(*next_hop_tls),
        tls = level(*tls),
    )
}

fn master_cf(setup: &Setup) -> String {
    format!(
        "{} inet n - n - - smtpd\n\
         pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 2 1 qmgr\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
         proxymap unix - - n - - proxymap\nvirtual unix - n n - - virtual\nerror unix - - n - - error\n\
         retry unix - - n - - error\nsmtp unix - - n - - smtp\nrelay unix - - n - - smtp\n\
         scache unix - - n - 1 scache\nanvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n",
        setup.address
    )
}

/// The queue manager names the sender of a message, whoever handles a recipient names that; both by its queue id.
fn envelopes(log: &str) -> Vec<Envelope> {
    let mut senders = HashMap::new();
    let mut found = Vec::new();
    for line in log.lines() {
        let Some((id, rest)) = line.split_once("]: ").and_then(|(_, rest)| rest.split_once(": "))
        else {
            continue;
        };
        if line.contains("postfix/qmgr[")
            && let Some(from) = between(rest, "from=<", ">,")
        {
            senders.insert(id, from);
        } else if let Some(to) = rest.strip_prefix("to=<").and_then(|rest| rest.split_once(">,")) {
            found.push((id, to.0));
        }
    }
    // A recipient that waits is named again at each attempt.
    found.sort_unstable();
    found.dedup();
    let with_sender = found.into_iter().map(|(id, to)| {
        let from = senders.get(id).copied().unwrap_or("?").to_owned();
        Envelope { from, to: to.to_owned() }
    });
    with_sender.collect()
}
