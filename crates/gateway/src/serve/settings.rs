//! From the configuration to what each part of the gateway wants to know.
//!
//! Every struct is built field by field from the [`Config`], so a part that needs more does not compile until it
//! gets it.

use std::net::SocketAddr;
use std::sync::Arc;

use gatepost_deliver::{DeliverySettings, Limits, TrySettings};
use gatepost_net::dial::Timeouts;
use gatepost_net::listen::ServerTls;
use gatepost_net::tls::Roots;
use gatepost_policy::document::Profile;
use gatepost_policy::retry::{Lifetime, Schedule};
use gatepost_policy::snapshot::{Snapshot, TlsSettings};
use gatepost_policy::tls::Level;
use gatepost_receive::ServerSettings;
use gatepost_store::{Clock, Retention, embedded};

use super::secrets::PasswordFiles;
use crate::cli::Trouble;
use crate::config::Config;

/// What the delivery engine works with. `listeners` is where we really listen.
pub(crate) fn delivery(config: &Config, listeners: Vec<SocketAddr>) -> DeliverySettings {
    let delivery = &config.delivery;
    DeliverySettings {
        hostname: config.hostname.as_str().to_owned(),
        port: delivery.port,
        schedule: schedule(config),
        lifetime: lifetime(config),
        enforced_failure: delivery.enforced_failure,
        opportunistic: TrySettings {
            fallback: delivery.try_fallback,
            on_454: delivery.try_on_454,
            prefer_tls: delivery.try_prefer_tls,
        },
        limits: Limits {
            connections: delivery.connections,
            per_site: delivery.connections_per_site,
            messages_per_connection: u32::try_from(delivery.messages_per_connection)
                .unwrap_or(u32::MAX),
        },
        timeouts: Timeouts {
            connect: delivery.connect_timeout,
            tls: delivery.tls_timeout,
            command: delivery.command_timeout,
        },
        private_addresses: delivery.private_addresses,
        delay_warning: delivery.delay_warning,
        postmaster: config.postmaster.clone(),
        own_listeners: listeners,
    }
}

fn schedule(config: &Config) -> Schedule {
    // a configuration has at least one wait; an hour is what its last one is by default
    let hourly = || Schedule::new(vec![std::time::Duration::from_secs(3600)]);
    Schedule::new(config.delivery.retry.clone()).or_else(hourly).expect("one wait is a schedule")
}

/// How long mail is tried.
pub(crate) fn lifetime(config: &Config) -> Lifetime {
    Lifetime { ordinary: config.delivery.expire, enforced: config.delivery.enforced_expire }
}

/// The level of a message that has none (decision 28).
pub(crate) fn default_level(config: &Config, profile: Profile) -> Level {
    config.delivery.default_tls_level.unwrap_or(match profile {
        Profile::Standard => Level::Try,
        Profile::Classic => Level::Plain,
    })
}

/// What the policy has to know about TLS.
pub(crate) fn tls(config: &Config, profile: Profile) -> TlsSettings {
    TlsSettings {
        default_level: default_level(config, profile),
        submitted: config.delivery.submitted_tls_level,
        unknown: config.delivery.unknown_tls_level,
        strip: config.delivery.strip_tls_level,
    }
}

/// How long things are kept.
pub(crate) fn retention(config: &Config) -> Retention {
    Retention { history: config.retention.history, evidence: config.retention.evidence }
}

/// Where the roots for Verify are.
pub(crate) fn roots(config: &Config) -> Roots {
    config.delivery.ca_bundle.clone().map_or(Roots::System, Roots::Pem)
}

/// How the store is opened.
pub(crate) fn store(config: &Config, clock: Arc<dyn Clock>) -> embedded::Options {
    embedded::Options::new(config.profile, clock)
}

/// The gateway's own certificate: the one named, or one made in `data_dir`.
pub(crate) fn certificate(config: &Config) -> Result<ServerTls, String> {
    let made = match &config.certificate {
        Some(files) => ServerTls::from_pem(&files.certificate, &files.private_key),
        None => ServerTls::self_signed(config.hostname.as_str(), &config.data_dir),
    };
    made.map_err(|why| crate::cli::chain(&why))
}

/// Looks into the files that a configuration names and that only their readers can judge.
pub(crate) fn check_files(config: &Config) -> Result<(), Trouble> {
    let Some(files) = &config.certificate else { return Ok(()) };
    let judged = ServerTls::from_pem(&files.certificate, &files.private_key);
    judged.map(|_| ()).map_err(|why| Trouble::Input(format!("[tls] {}", crate::cli::chain(&why))))
}

/// What is odd about a configuration beside its store and its policy: no error, and worth saying.
pub(crate) fn remarks(config: &Config, snapshot: &Snapshot) -> Vec<String> {
    let profile = snapshot.profile;
    let mut remarks = Vec::new();
    if config.profile != profile {
        remarks.push(format!(
            "the configuration says profile = \"{}\", and the store was made with \"{}\", which holds",
            config.profile.word(),
            profile.word()
        ));
    }
    if let Err(why) = gatepost_net::tls::Connector::new(&roots(config)).roots_ok() {
        remarks.push(format!("mail at the level Verify will wait: {why}"));
    }
    remarks.extend(PasswordFiles::of(config).remarks(snapshot.smart_hosts()));
    remarks
}

/// What every session is set to.
pub(crate) fn server(config: &Config) -> ServerSettings {
    let limits = &config.limits;
    let usual = ServerSettings::new(config.hostname.as_str());
    ServerSettings {
        postmaster: config.postmaster.clone(),
        limits: gatepost_wire::server::Limits {
            message_size: limits.message_size,
            recipients: limits.recipients,
            ..usual.limits
        },
        connections: limits.connections,
        connections_per_client: limits.connections_per_client,
        quarantine: config.retention.quarantine,
        ..usual
    }
}
