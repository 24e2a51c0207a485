//! Readiness for people: a verdict a level, a line a host, and what to look after.

use std::time::Duration;

use gatepost_deliver::probe::{CertificateReport, HostReport, Report, Verdict, Via};
use gatepost_store::KeptProbe;
use gatepost_wire::timestamp::Timestamp;

use crate::cli::out::{Ink, inked, one_line};
use crate::cli::table::Table;

/// A certificate that ends sooner than this is pointed out.
const SOON: Duration = Duration::from_secs(21 * 86_400);
/// Names of a certificate that are shown.
const NAMES: usize = 3;

/// All reports, and what they come to.
pub(super) fn reports(reports: &[Report], now: Timestamp, colour: bool) -> String {
    let mut text = String::new();
    for report in reports {
        text.push_str(&one(report, now, colour));
        text.push('\n');
    }
    let Some(level) = reports.first().map(|report| report.level) else { return text };
    let not: Vec<&str> =
        reports.iter().filter(|r| !r.ready).map(|report| report.domain.as_str()).collect();
    let noun = if reports.len() == 1 { "domain is" } else { "domains are" };
    text.push_str(&format!(
        "{} of {} {noun} ready for {level}",
        reports.len() - not.len(),
        reports.len()
    ));
    if not.is_empty() {
        text.push_str(".\n");
    } else {
        text.push_str(&format!("; not: {}.\n", one_line(&not.join(", "))));
    }
    text
}

fn one(report: &Report, now: Timestamp, colour: bool) -> String {
    let (word, ink) = if report.ready { ("ready", Ink::Good) } else { ("not ready", Ink::Bad) };
    let how = match report.via {
        Via::Mx => "",
        Via::Route => ", by its route",
        Via::SmartHost => ", by the smart host",
        Via::Address => ", by its address",
    };
    let mut text = format!(
        "{}  {}{how}\n",
        inked(&one_line(&report.domain), Ink::Bold, colour),
        inked(&format!("{word} for {}", report.level), ink, colour)
    );
    for (level, verdict) in &report.verdicts {
        let line = inked(&one_line(&verdict.text), verdict_ink(verdict), colour);
        text.push_str(&format!("  {:<8} {line}\n", level.word()));
    }
    if !report.hosts.is_empty() {
        let table = hosts(&report.hosts, now).text(colour);
        text.push('\n');
        text.extend(table.lines().map(|line| format!("  {line}\n")));
    }
    for warning in report.hosts.iter().flat_map(|host| warnings(host, now)) {
        text.push_str(&format!("  {}\n", inked(&one_line(&warning), Ink::Warn, colour)));
    }
    text
}

const fn verdict_ink(verdict: &Verdict) -> Ink {
    match (verdict.passes, verdict.clear_because) {
        (true, None) => Ink::Good,
        (true, Some(_)) => Ink::Warn,
        (false, _) => Ink::Bad,
    }
}

fn hosts(hosts: &[HostReport], now: Timestamp) -> Table {
    let mut table =
        Table::new(&["host", "address", "TLS", "certificate for", "issuer", "until", "why"]);
    for host in hosts {
        let tls = match (&host.version, host.starttls) {
            (Some(version), _) => {
                (format!("{version} {}", host.cipher.as_deref().unwrap_or_default()), Ink::Good)
            }
            (None, Some(false)) => ("not offered".to_owned(), Ink::Bad),
            (None, Some(true)) => ("failed".to_owned(), Ink::Bad),
            (None, None) => ("-".to_owned(), Ink::Faint),
        };
        let certificate = host.certificate.as_ref();
        table.inked_row([
            (host.host.clone(), Ink::Plain),
            (host.address.clone().unwrap_or_else(|| "-".to_owned()), Ink::Plain),
            tls,
            (certificate.map_or_else(|| "-".to_owned(), names), Ink::Plain),
            (
                certificate.and_then(|c| c.issuer.clone()).unwrap_or_else(|| "-".to_owned()),
                Ink::Plain,
            ),
            until(certificate, now),
            (why(host), Ink::Faint),
        ]);
    }
    table
}

fn names(certificate: &CertificateReport) -> String {
    let shown: Vec<&str> = certificate.names.iter().take(NAMES).map(String::as_str).collect();
    match certificate.names.len().saturating_sub(NAMES) {
        0 if shown.is_empty() => "no name".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The day on which a certificate ends.
fn until(certificate: Option<&CertificateReport>, now: Timestamp) -> (String, Ink) {
    let Some(end) = certificate.and_then(|certificate| certificate.not_after) else {
        return ("-".to_owned(), Ink::Plain);
    };
    let ink = if end < now {
        Ink::Bad
    } else if end.since(now) < SOON {
        Ink::Warn
    } else {
        Ink::Plain
    };
    (day(end), ink)
}

/// The day of a moment, in UTC.
fn day(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

fn why(host: &HostReport) -> String {
    let Some(why) = host.why else { return String::new() };
    let mut text = why.sentence().to_owned();
    if let Some(reply) = &host.reply {
        text.push_str(&format!(": \"{reply}\""));
    } else if let Some(detail) = &host.detail {
        text.push_str(&format!(" ({detail})"));
    }
    text
}

/// What will go wrong if nobody looks after it.
fn warnings(host: &HostReport, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    if host.login {
        warnings.push(format!("{} wants a login, which a probe does not try", host.host));
    }
    let end = host.certificate.as_ref().and_then(|certificate| certificate.not_after);
    if let Some(end) = end.filter(|end| *end >= now && end.since(now) < SOON) {
        let days = end.since(now).as_secs() / 86_400;
        let when = match days {
            0 => "today or tomorrow".to_owned(),
            1 => "in 1 day".to_owned(),
            _ => format!("in {days} days"),
        };
        warnings.push(format!("the certificate of {} ends {when}, on {}", host.host, day(end)));
    }
    warnings
}

/// What earlier probes showed.
pub(super) fn kept(probes: &[KeptProbe], now: Timestamp) -> Table {
    let mut table = Table::new(&["domain", "probed", "at", "level", "ready", "verdict"]);
    for KeptProbe { domain, at, record } in probes {
        let report: Option<Report> = serde_json::from_value(record.clone()).ok();
        let (level, ready, text) = match &report {
            Some(report) => {
                let verdict = report.verdicts.get(&report.level);
                let ready = if report.ready { ("yes", Ink::Good) } else { ("no", Ink::Bad) };
                (report.level.word(), ready, verdict.map(|v| v.text.clone()).unwrap_or_default())
            }
            None => ("-", ("-", Ink::Plain), "kept by another version; see --json".to_owned()),
        };
        table.inked_row([
            (domain.clone(), Ink::Plain),
            (ago(*at, now), Ink::Plain),
            (at.rfc3339(), Ink::Faint),
            (level.to_owned(), Ink::Plain),
            (ready.0.to_owned(), ready.1),
            (text, Ink::Plain),
        ]);
    }
    table
}

/// How long ago, in the largest unit that fits.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    for (length, unit) in units {
        let count = seconds / length;
        if count > 0 {
            let s = if count == 1 { "" } else { "s" };
            return format!("{count} {unit}{s} ago");
        }
    }
    "just now".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-24T12:00:00Z").unwrap()
    }

    fn report() -> Report {
        let passes = json!({ "passes": true, "host": "mx1.d.example", "clear_because": null, "why": null,
            "text": "would be delivered over TLS" });
        let waits = json!({ "passes": false, "host": "mx1.d.example", "clear_because": null, "why": "cert.untrusted",
            "text": "would wait: mx1.d.example has a certificate from nobody who is trusted here" });
        let host = json!({
            "host": "mx1.d.example", "address": "192.0.2.10:25", "preference": 10, "implicit_tls": false,
            "login": false, "starttls": true, "version": "TLSv1.3", "cipher": "TLS13_AES_256_GCM_SHA384",
            "certificate": { "sha256": "ab", "names": ["mx1.d.example", "b.example", "c.example", "d.example"],
                "issuer": "CN=Some CA", "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-12-04T11:00:00Z" },
            "verified_by": "none", "extensions": [], "levels": {}, "stage": "verify", "why": "cert.untrusted",
            "detail": "UnknownIssuer", "reply": null, "status": "4.7.5",
        });
        let dead = json!({
            "host": "mx2.d.example", "address": "192.0.2.11:25", "preference": 20, "implicit_tls": false,
            "login": false, "starttls": null, "version": null, "cipher": null, "certificate": null,
            "verified_by": "none", "extensions": [], "levels": {}, "stage": "banner", "why": "remote-reply",
            "detail": null, "reply": "554 go\u{1b}[2J away", "status": "5.0.0",
        });
        serde_json::from_value(json!({
            "domain": "d.example", "ready": false, "level": "verify",
            "levels": { "require": true, "verify": false },
            "verdicts": { "require": passes, "verify": waits },
            "via": "smart_host", "hosts": [host, dead], "why": null, "detail": null, "at": "2026-11-22T12:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn a_report_says_what_would_happen_and_what_will_go_wrong() {
        insta::assert_snapshot!(reports(&[report()], now(), false));
    }

    #[test]
    fn what_is_kept_says_how_long_ago_it_was() {
        let report = report();
        let probe = |at, record| KeptProbe { domain: "d.example".into(), at, record };
        let of_another_version = json!({ "domain": "d.example" });
        let list = [
            probe(report.at, serde_json::to_value(&report).unwrap()),
            probe(Timestamp::parse_rfc3339("2026-11-24T11:00:00Z").unwrap(), of_another_version),
        ];
        insta::assert_snapshot!(kept(&list, now()).text(false));
    }
}
