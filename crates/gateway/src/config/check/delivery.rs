//! The `[delivery]` table, judged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_deliver::{EnforcedFailure, PreferTls, PrivateAddresses, TryFallback, TryOn454};
use gatepost_policy::snapshot::SubmittedLevel;
use gatepost_policy::tls::{Level, UnknownLevel};
use toml::Spanned;

use super::super::Delivery;
use super::super::raw::{RawDelivery, Written};
use super::super::settings::default_of;
use super::value::{Judge, duration};

const ENFORCED_FAILURE: [(&str, EnforcedFailure); 2] =
    [("defer", EnforcedFailure::Defer), ("bounce", EnforcedFailure::Bounce)];
const SUBMITTED: [(&str, SubmittedLevel); 2] =
    [("ignore", SubmittedLevel::Ignore), ("raise", SubmittedLevel::Raise)];
const UNKNOWN: [(&str, UnknownLevel); 2] =
    [("require", UnknownLevel::Require), ("defer", UnknownLevel::Defer)];
const FALLBACK: [(&str, TryFallback); 3] = [
    ("immediate", TryFallback::Immediate),
    ("after_backoff", TryFallback::AfterBackoff),
    ("never", TryFallback::Never),
];
const ON_454: [(&str, TryOn454); 2] = [("clear", TryOn454::Clear), ("defer", TryOn454::Defer)];
const PREFER: [(&str, PreferTls); 2] =
    [("same_preference", PreferTls::SamePreference), ("any_mx", PreferTls::AnyMx)];
const PRIVATE: [(&str, PrivateAddresses); 2] =
    [("refuse", PrivateAddresses::Refuse), ("allow", PrivateAddresses::Allow)];

/// Judges the table. `base` is the folder of the file.
pub(super) fn check(judge: &Judge<'_>, raw: RawDelivery, base: &Path) -> Delivery {
    let RawDelivery {
        port,
        retry,
        expire,
        enforced_expire,
        delay_warning,
        enforced_failure,
        default_tls_level,
        ca_bundle,
        submitted_tls_level,
        strip_tls_level,
        unknown_tls_level,
        try_fallback,
        try_on_454,
        try_prefer_tls,
        connections,
        connections_per_site,
        messages_per_connection,
        connect_timeout,
        tls_timeout,
        command_timeout,
        private_addresses,
        dane,
        mta_sts,
    } = raw;
    refuse_switch(judge, dane, "delivery.dane", "DANE");
    refuse_switch(judge, mta_sts, "delivery.mta_sts", "MTA-STS");
    Delivery {
        port: judge.port(port, "delivery.port"),
        retry: check_retry(judge, retry),
        expire: judge.duration(expire, "delivery.expire"),
        enforced_expire: judge.duration(enforced_expire, "delivery.enforced_expire"),
        delay_warning: judge.duration(delay_warning, "delivery.delay_warning"),
        enforced_failure: judge.word(
            enforced_failure,
            "delivery.enforced_failure",
            &ENFORCED_FAILURE,
        ),
        default_tls_level: check_level(judge, default_tls_level),
        ca_bundle: check_bundle(judge, ca_bundle, base),
        submitted_tls_level: judge.word(
            submitted_tls_level,
            "delivery.submitted_tls_level",
            &SUBMITTED,
        ),
        strip_tls_level: judge.flag(strip_tls_level, "delivery.strip_tls_level"),
        unknown_tls_level: judge.word(unknown_tls_level, "delivery.unknown_tls_level", &UNKNOWN),
        try_fallback: judge.word(try_fallback, "delivery.try_fallback", &FALLBACK),
        try_on_454: judge.word(try_on_454, "delivery.try_on_454", &ON_454),
        try_prefer_tls: judge.word(try_prefer_tls, "delivery.try_prefer_tls", &PREFER),
        connections: judge.count(connections, "delivery.connections"),
        connections_per_site: judge.count(connections_per_site, "delivery.connections_per_site"),
        messages_per_connection: judge
            .count(messages_per_connection, "delivery.messages_per_connection"),
        connect_timeout: judge.duration(connect_timeout, "delivery.connect_timeout"),
        tls_timeout: judge.duration(tls_timeout, "delivery.tls_timeout"),
        command_timeout: judge.duration(command_timeout, "delivery.command_timeout"),
        private_addresses: judge.word(private_addresses, "delivery.private_addresses", &PRIVATE),
    }
}

fn check_retry(judge: &Judge<'_>, retry: Written<Vec<Spanned<String>>>) -> Vec<Duration> {
    const PATH: &str = "delivery.retry";
    let default = || default_of(PATH).split(", ").filter_map(|wait| duration(wait).ok()).collect();
    let Some(retry) = retry else { return default() };
    if retry.get_ref().is_empty() {
        judge.problem(
            &retry.span(),
            PATH,
            "No wait is named.",
            "Name at least one, such as [\"5m\", \"1h\"].",
        );
        return default();
    }
    let read = |(index, wait)| judge.read(Some(wait), &format!("{PATH}[{index}]"), duration);
    retry.into_inner().into_iter().enumerate().filter_map(read).collect()
}

fn refuse_switch(judge: &Judge<'_>, written: Written<bool>, path: &str, what: &str) {
    if let Some(on) = written.filter(|on| *on.get_ref()) {
        let key = path.rsplit('.').next().unwrap_or(path);
        judge.absent(&on.span(), path, what, &format!("{key} = false"));
    }
}

fn check_level(judge: &Judge<'_>, written: Written<String>) -> Option<Level> {
    const PATH: &str = "delivery.default_tls_level";
    let written = written?;
    match Level::parse(written.get_ref()) {
        Some(level) if level.is_built() => Some(level),
        Some(level) => {
            let what = format!("The level {:?}", level.word());
            judge.absent(
                &written.span(),
                PATH,
                &what,
                "\"verify\", \"require\", \"try\" or \"plain\"",
            );
            None
        }
        None => {
            let known: Vec<&str> =
                Level::ALL.into_iter().filter(|level| level.is_built()).map(Level::word).collect();
            judge.no_word(&written.span(), PATH, written.get_ref(), &known);
            None
        }
    }
}

/// A bundle that is not there is not judged here: mail that needs no roots can go without it, mail that does
/// waits with 4.3.5, and `gatepost check` says so.
fn check_bundle(judge: &Judge<'_>, written: Written<String>, base: &Path) -> Option<PathBuf> {
    match judge.text(written, "delivery.ca_bundle").as_str() {
        "system" => None,
        file => Some(base.join(file)),
    }
}
