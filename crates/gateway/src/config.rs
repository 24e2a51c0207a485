//! The configuration: found, read, judged, and then a value that cannot be wrong.
//!
//! Two types keep reading and judging apart: `raw::RawConfig` is what the file says, [`Config`] what the gateway
//! runs on. A `Config` only comes out of [`load`] and [`parse`], complete, with every default filled in and every
//! path made absolute against the folder of its file. All problems of a file are reported at once.
//!
//! This module is also the only reader of the process's environment.

mod check;
mod raw;
mod report;
pub mod settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_deliver::{EnforcedFailure, PreferTls, PrivateAddresses, TryFallback, TryOn454};
use gatepost_policy::diagnostic::{Diagnostic, Position};
use gatepost_policy::document::Profile;
use gatepost_policy::snapshot::SubmittedLevel;
use gatepost_policy::tls::{Level, UnknownLevel};
use gatepost_store::Role;
use gatepost_wire::address::{DomainName, Mailbox};

/// Where a configuration is looked for when nobody names one.
const PLACES: [&str; 2] = ["./gatepost.toml", "/etc/gatepost/gatepost.toml"];

/// Everything the gateway runs on, judged and complete.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// The file it came from; `None` for the built-in defaults.
    pub file: Option<PathBuf>,
    /// Our name in EHLO, `Received` and DSNs.
    pub hostname: DomainName,
    /// Where the embedded store and the generated certificate are.
    pub data_dir: PathBuf,
    /// What a new store starts with.
    pub profile: Profile,
    /// Who gets alerts; `None` means postmaster at the first domain of ours.
    pub postmaster: Option<Mailbox>,
    /// Where mail comes in, at least one.
    pub listeners: Vec<Listener>,
    /// The gateway's own certificate; `None` means one made in `data_dir`.
    pub certificate: Option<CertificateFiles>,
    /// Where metrics and health are served.
    pub admin: SocketAddr,
    /// The console's address as browsers see it, without a slash at its end; `None`: that of the admin socket.
    pub public_url: Option<String>,
    /// The provider that people may sign in with.
    pub oidc: Option<SignOn>,
    /// What a client may do.
    pub limits: Limits,
    /// Resolvers; empty means those of `/etc/resolv.conf`.
    pub dns: Vec<SocketAddr>,
    /// How mail goes out.
    pub delivery: Delivery,
    /// How long things are kept.
    pub retention: Retention,
}

impl Config {
    /// Where browsers find the console: `public_url`, else the admin socket's `address`, by our name where the socket
    /// is on every address of the machine.
    pub(crate) fn console(&self, address: SocketAddr, tls: bool) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let scheme = if tls { "https" } else { "http" };
        if address.ip().is_unspecified() {
            format!("{scheme}://{}:{}", self.hostname.as_str(), address.port())
        } else {
            format!("{scheme}://{address}")
        }
    }
}

/// One place where mail comes in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// Whether and how TLS is offered.
    pub tls: ListenerTls,
    /// Whether MAIL is refused before TLS (530 5.7.0).
    pub require_tls: bool,
    /// Whether AUTH PLAIN and LOGIN are offered, under TLS alone.
    pub auth: bool,
}

/// Signing in with an OpenID Connect provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignOn {
    /// What the button says.
    pub name: String,
    /// The issuer, as the provider writes it.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// The file that holds our secret at the provider; a public client has none.
    pub client_secret_file: Option<PathBuf>,
    /// The claim that names groups.
    pub groups_claim: String,
    /// What members of a group may do; never empty.
    pub roles: Vec<(String, Role)>,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// Audiences that an ID token may have besides us.
    pub audiences: Vec<String>,
}

/// TLS on a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenerTls {
    /// None.
    Off,
    /// Offered as STARTTLS.
    StartTls,
    /// From the first byte.
    Implicit,
}

/// A certificate chain and its key, both PEM files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key of the leaf.
    pub private_key: PathBuf,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of one message.
    pub message_size: u64,
    /// Recipients of one message.
    pub recipients: usize,
    /// Sessions at once.
    pub connections: usize,
    /// Sessions at once from one address.
    pub connections_per_client: usize,
}

/// How mail goes out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// The port of MX hosts.
    pub port: u16,
    /// Waits between attempts; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
    /// How long mail waits in the end.
    pub expire: Duration,
    /// How long mail waits whose cause is TLS.
    pub enforced_expire: Duration,
    /// How long mail waits before its sender is told; one that is not below the lifetime means never.
    pub delay_warning: Duration,
    /// Mail that needs TLS and finds none.
    pub enforced_failure: EnforcedFailure,
    /// The level of a message without one; `None` means what the store's profile says.
    pub default_tls_level: Option<Level>,
    /// Roots for Verify; `None` means those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// What an arriving `x-TLSLevel` does.
    pub submitted_tls_level: SubmittedLevel,
    /// Whether `x-TLSLevel` is taken off before sending.
    pub strip_tls_level: bool,
    /// What an `x-TLSLevel` that nobody knows means.
    pub unknown_tls_level: UnknownLevel,
    /// Try after a failed handshake.
    pub try_fallback: TryFallback,
    /// Try when STARTTLS is refused with 4xx.
    pub try_on_454: TryOn454,
    /// Try's choice among hosts.
    pub try_prefer_tls: PreferTls,
    /// Connections out at once.
    pub connections: usize,
    /// Connections out at once to one site.
    pub connections_per_site: usize,
    /// Messages on one connection.
    pub messages_per_connection: usize,
    /// For the TCP connection.
    pub connect_timeout: Duration,
    /// For STARTTLS and the handshake, each.
    pub tls_timeout: Duration,
    /// For every command.
    pub command_timeout: Duration,
    /// An MX at an address of our own network.
    pub private_addresses: PrivateAddresses,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Messages that have ended.
    pub history: Duration,
    /// Quarantined messages.
    pub quarantine: Duration,
    /// Attempt records.
    pub evidence: Duration,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The file named on the command line, or the one that was found, cannot be read.
    #[error("{}: it cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It can be read, and has problems: all of them, in the order of the file.
    #[error("the configuration has {} problems", .0.len())]
    Wrong(Vec<Diagnostic>),
}

impl Default for Config {
    /// The built-in defaults, which are an empty file in the current folder.
    fn default() -> Self {
        check::defaults()
    }
}

/// Reads the configuration: `named`, else `./gatepost.toml`, else `/etc/gatepost/gatepost.toml`, else the
/// built-in defaults.
///
/// # Errors
/// A file that cannot be read or has problems.
pub fn load(named: Option<&Path>) -> Result<Config, Unusable> {
    let file = match named {
        Some(file) => file.to_owned(),
        None => match PLACES.iter().map(Path::new).find(|place| place.exists()) {
            Some(place) => place.to_owned(),
            None => return Ok(Config::default()),
        },
    };
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(why) => return Err(Unusable::Unreadable { file, why }),
    };
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, &file).map_err(Unusable::Wrong),
        Err(why) => Err(Unusable::Wrong(vec![no_text(&why, &file)])),
    }
}

/// Says where a file stops being UTF-8, which TOML has to be.
fn no_text(why: &std::string::FromUtf8Error, file: &Path) -> Diagnostic {
    let good = why.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(why.as_bytes().get(..good).unwrap_or_default());
    let Position { line, column } = Position::of(&before, good);
    Diagnostic {
        file: file.display().to_string(),
        line,
        column,
        path: String::new(),
        problem: "This byte is not UTF-8, and TOML is.".to_owned(),
        remedy: "Save the file as UTF-8.".to_owned(),
    }
}

/// Reads a configuration from its text. `file` is named in the problems, and relative paths start at its folder.
///
/// # Errors
/// All problems of the text, in its order.
pub fn parse(text: &str, file: &Path) -> Result<Config, Vec<Diagnostic>> {
    let report = report::Report::new(file.display().to_string(), text);
    let raw = raw::RawConfig::read(&report);
    let config = check::check(&report, raw, file);
    let problems = report.finish();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// Whether the user asked for output without colour (<https://no-color.org>).
pub fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The log filter of the environment, `RUST_LOG`, such as `debug` or `gatepost_deliver=trace`.
pub fn log_filter() -> Option<String> {
    std::env::var_os("RUST_LOG")
        .and_then(|value| value.into_string().ok())
        .filter(|value| !value.is_empty())
}

/// Who runs this process, for the history: who called `sudo`, else the name of the process's user.
pub fn user() -> String {
    let sudo = std::env::var_os("SUDO_USER").and_then(|name| name.into_string().ok());
    sudo.filter(|name| !name.is_empty())
        .or_else(own_name)
        .unwrap_or_else(|| "command line".to_owned())
}

/// The name of the process's real user, or `uid N` where it has none.
fn own_name() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let uid =
        status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?;
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(uid)).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("uid {uid}")))
}

#[cfg(test)]
mod tests;
