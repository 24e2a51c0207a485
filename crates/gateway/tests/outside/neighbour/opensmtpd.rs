//! OpenSMTPD. It always offers 8BITMIME and DSN, and never pipelining.

use super::{DOMAIN, Envelope, Flavour, Setup, Tls, between};

pub(super) const FLAVOUR: Flavour = Flavour {
    name: "OpenSMTPD",
    packages: "opensmtpd",
    program: "/usr/sbin/smtpd",
    arguments: &["-d", "-f", "/etc/smtpd.conf"],
    users: &["opensmtpd", "opensmtpq"],
    groups: &[],
    folders: &[
        ("var/spool", 0o755, None),
        ("var/spool/smtpd", 0o711, None),
        ("var/lib/opensmtpd", 0o755, None),
        ("var/lib/opensmtpd/empty", 0o755, None),
    ],
    files: |setup| vec![("etc/smtpd.conf", configuration(setup))],
    log: None,
    key_owner: None,
    ended: " smtp disconnected reason=",
    envelopes,
    under_tls: "(TLSv1.3:",
    // Versions before 7 know nothing of OpenSSL 3, with which Debian 12 has linked 6.8: its key cannot be used
    // (OpenSMTPD issue 1171). Such a site answers STARTTLS and breaks off the handshake.
    offers_broken_tls: |log| log.contains("OpenSMTPD 6."),
};

fn configuration(setup: &Setup) -> String {
    let Setup { address, tls, next_hop, next_hop_tls } = setup;
    let pki = format!(
        "pki mx.{DOMAIN} cert \"/etc/tls/chain.pem\"\npki mx.{DOMAIN} key \"/etc/tls/key.pem\"\n"
    );
    let (pki, listens) = match tls {
        Tls::None => (String::new(), String::new()),
        Tls::Offered => (pki, format!("tls pki mx.{DOMAIN} ")),
        Tls::Enforced => (pki, format!("tls-require pki mx.{DOMAIN} ")),
    };
    let (scheme, verify) = match next_hop_tls {
        Tls::None => ("smtp+notls", ""),
        Tls::Offered => ("smtp", ""),
        Tls::Enforced => ("smtp+tls", "tls no-verify "),
    };
    format!(
        "{pki}table everybody {{ \"@\" = \"inbox\" }}\n\
         listen on {ip} port {port} {listens}hostname mx.{DOMAIN}\n\
         action \"in\" maildir \"/var/mail/inbox/box\" virtual <everybody>\n\
         action \"out\" relay host {scheme}://{next_hop} {verify}helo mx.{DOMAIN}\n\
         match from any for domain \"{DOMAIN}\" action \"in\"\nmatch from any for any action \"out\"\n",
        ip = address.ip(),
        port = address.port(),
    )
}

/// `smtp envelope evpid=<id> from=<sender> to=<recipient>`.
fn envelopes(log: &str) -> Vec<Envelope> {
    let lines = log.lines().filter(|line| line.contains(" smtp envelope "));
    lines
        .filter_map(|line| {
            let from = between(line, " from=<", "> to=<")?.to_owned();
            let to = between(line, "> to=<", ">")?.to_owned();
            Some(Envelope { from, to })
        })
        .collect()
}
