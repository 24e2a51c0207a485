//! From what a file says to what the gateway runs on, with every default.
//!
//! Each raw table is destructured, so a new setting is a compile error here. A problem is noted and judging goes
//! on with the default in its place; the caller throws the result away when anything was noted.

mod delivery;
mod oidc;
mod value;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_policy::diagnostic::quote;
use gatepost_policy::document::Profile;
use gatepost_wire::address::{DomainName, Mailbox};

use super::raw::{
    RawAdmin, RawConfig, RawDns, RawLimits, RawListener, RawRetention, RawTls, Written,
};
use super::report::Report;
use super::settings::default_of;
use super::{CertificateFiles, Config, Limits, Listener, ListenerTls, Retention};
use value::Judge;

/// Judges a whole file.
pub(super) fn check(report: &Report<'_>, raw: RawConfig, file: &Path) -> Config {
    let RawConfig {
        hostname,
        data_dir,
        profile,
        postmaster,
        store_url,
        listeners,
        tls,
        admin,
        limits,
        dns,
        delivery,
        retention,
    } = raw;
    let judge = Judge::new(report);
    let base = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
    store(&judge, store_url);
    let RawAdmin { address, public_url, oidc } = admin;
    let admin = judge.address(address, "admin.address");
    Config {
        file: Some(file.to_owned()),
        hostname: judge.read(hostname, "hostname", host_name).unwrap_or_else(machine_name),
        data_dir: base.join(judge.text(data_dir, "data_dir")),
        profile: judge.word(profile, "profile", &PROFILES),
        postmaster: judge.read(postmaster, "postmaster", mailbox),
        listeners: check_listeners(&judge, listeners, admin),
        certificate: certificate(&judge, tls, &base),
        admin,
        public_url: oidc::public_url(&judge, public_url),
        oidc: oidc::check(&judge, oidc, &base),
        limits: check_limits(&judge, limits),
        dns: check_dns(&judge, dns),
        delivery: delivery::check(&judge, delivery, &base),
        retention: check_retention(&judge, retention),
    }
}

/// The built-in defaults: an empty file in the current folder. It has no setting that could be wrong.
pub(super) fn defaults() -> Config {
    let report = Report::new(String::new(), "");
    let config = check(&report, RawConfig::default(), Path::new("gatepost.toml"));
    Config { file: None, ..config }
}

const PROFILES: [(&str, Profile); 2] =
    [("standard", Profile::Standard), ("classic", Profile::Classic)];

const LISTENER_TLS: [(&str, ListenerTls); 3] = [
    ("off", ListenerTls::Off),
    ("starttls", ListenerTls::StartTls),
    ("implicit", ListenerTls::Implicit),
];

fn store(judge: &Judge<'_>, url: Written<String>) {
    let Some(url) = url else { return };
    match url.get_ref().as_str() {
        "embedded" => {}
        text if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
            judge.absent(&url.span(), "store.url", "A store in PostgreSQL", "url = \"embedded\"");
        }
        // the text may hold a password, so it is not shown
        _ => judge.problem(&url.span(), "store.url", "This is no store.", "Write \"embedded\"."),
    }
}

fn check_listeners(
    judge: &Judge<'_>,
    raw: Option<Vec<RawListener>>,
    admin: SocketAddr,
) -> Vec<Listener> {
    let raw = match raw {
        Some(raw) if !raw.is_empty() => raw,
        Some(_) | None => {
            let address = judge.address(None, "listener.address");
            let tls = ListenerTls::StartTls;
            return vec![Listener { address, tls, require_tls: false, auth: false }];
        }
    };
    let mut seen = HashSet::new();
    raw.into_iter()
        .filter_map(|raw| {
            let (span, path) = (raw.at.clone(), raw.path.clone());
            let listener = check_listener(judge, raw)?;
            if listener.address.port() != 0 && !seen.insert(listener.address) {
                let problem = format!("Two listeners are at {}.", listener.address);
                judge.problem(
                    &span,
                    &format!("{path}.address"),
                    problem,
                    "Give each its own address or port.",
                );
            }
            if listener.address == admin && admin.port() != 0 {
                let problem = format!("The console (admin.address) is at {admin} too.");
                judge.problem(
                    &span,
                    &format!("{path}.address"),
                    problem,
                    "Give each its own port.",
                );
            }
            Some(listener)
        })
        .collect()
}

fn check_listener(judge: &Judge<'_>, raw: RawListener) -> Option<Listener> {
    let RawListener { at, path, address, tls, require_tls, auth } = raw;
    let under = |key: &str| format!("{path}.{key}");
    let tls = judge.word_at(tls, &under("tls"), "listener.tls", &LISTENER_TLS);
    let auth_span = auth.as_ref().map_or_else(|| at.clone(), toml::Spanned::span);
    let auth = auth.is_some_and(toml::Spanned::into_inner);
    if auth && tls == ListenerTls::Off {
        judge.problem(
            &auth_span,
            &under("auth"),
            "AUTH is offered under TLS alone, and this listener offers none.",
            "Write tls = \"starttls\" or \"implicit\", or auth = false.",
        );
    }
    let require_span = require_tls.as_ref().map_or_else(|| at.clone(), toml::Spanned::span);
    let require_tls = require_tls.is_some_and(toml::Spanned::into_inner);
    if require_tls && tls == ListenerTls::Off {
        let problem = "This listener refuses mail without TLS and offers none.";
        judge.problem(
            &require_span,
            &under("require_tls"),
            problem,
            "Write tls = \"starttls\", or require_tls = false.",
        );
    }
    if address.is_none() {
        judge.problem(
            &at,
            &under("address"),
            "A listener has no address.",
            "Write address = \"127.0.0.1:2525\".",
        );
        return None;
    }
    let address = judge.address_at(address, &under("address"), "listener.address");
    Some(Listener { address, tls, require_tls, auth })
}

fn certificate(judge: &Judge<'_>, raw: RawTls, base: &Path) -> Option<CertificateFiles> {
    let RawTls { certificate, private_key } = raw;
    let file = |written: &toml::Spanned<String>, path: &str| -> PathBuf {
        let file = base.join(written.get_ref());
        if let Err(why) = std::fs::File::open(&file) {
            let problem = format!("{} cannot be read: {why}.", file.display());
            judge.problem(
                &written.span(),
                path,
                problem,
                "Name a PEM file that the gateway may read.",
            );
        }
        file
    };
    match (certificate, private_key) {
        (None, None) => None,
        (Some(certificate), None) => {
            let problem = format!(
                "{} holds a certificate, and no private key is named.",
                certificate.get_ref()
            );
            judge.problem(
                &certificate.span(),
                "tls.certificate",
                problem,
                "Add private_key = \"…\".",
            );
            None
        }
        (None, Some(private_key)) => {
            let problem = format!(
                "{} holds a private key, and no certificate is named.",
                private_key.get_ref()
            );
            judge.problem(
                &private_key.span(),
                "tls.private_key",
                problem,
                "Add certificate = \"…\".",
            );
            None
        }
        (Some(certificate), Some(private_key)) => Some(CertificateFiles {
            certificate: file(&certificate, "tls.certificate"),
            private_key: file(&private_key, "tls.private_key"),
        }),
    }
}

fn check_limits(judge: &Judge<'_>, raw: RawLimits) -> Limits {
    let RawLimits { message_size, recipients, connections, connections_per_client } = raw;
    Limits {
        message_size: judge.size(message_size, "limits.message_size"),
        recipients: judge.count(recipients, "limits.recipients"),
        connections: judge.count(connections, "limits.connections"),
        connections_per_client: judge
            .count(connections_per_client, "limits.connections_per_client"),
    }
}

fn check_dns(judge: &Judge<'_>, raw: RawDns) -> Vec<SocketAddr> {
    let RawDns { servers, trust_ad } = raw;
    if let Some(trust_ad) = trust_ad {
        match trust_ad.get_ref().as_str() {
            "never" => {}
            "auto" | "always" => {
                judge.absent(
                    &trust_ad.span(),
                    "dns.trust_ad",
                    "Trust in a resolver's DNSSEC verdict",
                    "trust_ad = \"never\"",
                );
            }
            text => judge.no_word(&trust_ad.span(), "dns.trust_ad", text, &["never"]),
        }
    }
    let Some(servers) = servers else { return Vec::new() };
    let read = |(index, server): (usize, toml::Spanned<String>)| {
        let path = format!("dns.servers[{index}]");
        judge.read(Some(server), &path, |text| {
            let with_port = text.parse().ok();
            let bare = || text.parse().ok().map(|address| SocketAddr::new(address, 53));
            with_port.or_else(bare).ok_or_else(|| {
                (
                    format!("{} is not the address of a resolver.", quote(text)),
                    "Write it as \"127.0.0.1:53\" or \"[::1]:53\".".to_owned(),
                )
            })
        })
    };
    servers.into_inner().into_iter().enumerate().filter_map(read).collect()
}

fn check_retention(judge: &Judge<'_>, raw: RawRetention) -> Retention {
    let RawRetention { history, quarantine, evidence } = raw;
    let duration = |written, path| -> Duration { judge.duration(written, path) };
    Retention {
        history: duration(history, "retention.history"),
        quarantine: duration(quarantine, "retention.quarantine"),
        evidence: duration(evidence, "retention.evidence"),
    }
}

fn host_name(text: &str) -> Result<DomainName, (String, String)> {
    DomainName::parse(text).map_err(|why| {
        (
            format!("{} is not a host name: it {why}.", quote(text)),
            "Write a name such as \"gateway.acme.example\".".to_owned(),
        )
    })
}

fn mailbox(text: &str) -> Result<Mailbox, (String, String)> {
    Mailbox::parse(text).map_err(|why| {
        (
            format!("{} is not an address: it {why}.", quote(text)),
            "Write one such as \"postmaster@acme.example\".".to_owned(),
        )
    })
}

/// This machine's name, where it can be one in SMTP.
fn machine_name() -> DomainName {
    let named = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find_map(|name| DomainName::parse(name.trim()).ok());
    named.unwrap_or_else(value::localhost)
}

/// The default listener and admin address stand in for a wrong one while judging goes on.
pub(super) fn default_address(path: &str) -> SocketAddr {
    default_of(path).parse().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}
