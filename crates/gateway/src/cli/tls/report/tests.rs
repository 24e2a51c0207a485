use gatepost_policy::evidence::{Attempt, DecidedBy, Ending, NoTls, TlsRecord, Why};
use gatepost_policy::id::MessageId;
use gatepost_policy::tls::{Level, VerifiedBy};
use ulid::Ulid;

use super::*;

fn attempt(at: &str, outcome: Ending) -> Attempt {
    let attempt = serde_json::json!({
        "message": MessageId::from_ulid(Ulid::from_parts(1, 1)), "recipient": "b@d.example", "at": at,
        "outcome": outcome, "level": "try", "decided_by": DecidedBy::default(), "host": null, "address": null,
        "tls": null, "clear_because": null, "why": null, "reply": null, "status": "2.0.0", "tries": [],
    });
    serde_json::from_value(attempt).unwrap()
}

fn over_tls(at: &str, version: &str, verified_by: VerifiedBy) -> Attempt {
    let (version, cipher) = (version.to_owned(), "TLS13_AES_256_GCM_SHA384".to_owned());
    let tls = Some(TlsRecord { version, cipher, certificate_sha256: None, verified_by });
    Attempt { tls, level: Level::Require, ..attempt(at, Ending::Delivered) }
}

fn in_clear(at: &str, why: NoTls) -> Attempt {
    Attempt { clear_because: Some(why), ..attempt(at, Ending::Delivered) }
}

fn failed(at: &str, outcome: Ending, why: Why) -> Attempt {
    Attempt { why: Some(why), level: Level::Require, ..attempt(at, outcome) }
}

fn seeded(by: Option<By>) -> Report {
    let (since, until) = ("2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z");
    let time = |text| Timestamp::parse_rfc3339(text).unwrap();
    let mut report = Report::new(time(since), time(until), by);
    for attempt in [
        over_tls("2026-11-02T10:00:00Z", "TLSv1.3", VerifiedBy::WebPki),
        over_tls("2026-11-08T23:59:59Z", "TLSv1.2", VerifiedBy::None),
        in_clear("2026-11-09T00:00:00Z", NoTls::NotOffered),
        failed("2026-11-10T00:00:00Z", Ending::Deferred, Why::StartTlsNotOffered),
        failed("2026-11-10T01:00:00Z", Ending::Deferred, Why::ConnectRefused),
        failed("2026-11-11T00:00:00Z", Ending::Bounced, Why::CertExpired),
    ] {
        report.add("d.example", &attempt);
    }
    report.add("e.example", &in_clear("2026-11-12T00:00:00Z", NoTls::HandshakeFailed));
    report.waits("d.example");
    report.close();
    report
}

#[test]
fn a_report_adds_up() {
    let report = seeded(None);
    assert_eq!(report.rows.len(), 2);
    let sums = &report.rows[0].sums;
    assert_eq!((sums.delivered, sums.over_tls, sums.verified), (3, 2, 1));
    assert_eq!((sums.in_clear.not_offered, sums.in_clear.total()), (1, 1));
    assert_eq!(
        (sums.deferred_for_tls, sums.bounced_for_tls, sums.waiting_for_tls),
        (1, 1, Some(1))
    );
    assert_eq!(sums.tls_share, Some(66.6));
    assert_eq!(sums.levels.get(&Level::Require), Some(&5));
    assert_eq!(report.totals.delivered, 4);
    assert_eq!(report.totals.tls_share, Some(50.0));
    insta::assert_snapshot!(table(&report).text(false));
}

#[test]
fn a_week_begins_on_monday_and_every_period_has_its_line() {
    let weeks: Vec<String> =
        seeded(Some(By::Week)).rows.iter().filter_map(|row| row.period.clone()).collect();
    assert_eq!(weeks, ["2026-11-02", "2026-11-09", "2026-11-09"]);
    assert_eq!(seeded(Some(By::Month)).rows[0].period.as_deref(), Some("2026-11"));
    let days = seeded(Some(By::Day));
    assert_eq!(days.rows.len(), 6);
    assert!(days.rows.iter().all(|row| row.sums.waiting_for_tls.is_none()));
    assert_eq!(days.totals.waiting_for_tls, Some(1));
}

#[test]
fn csv_has_a_head_and_a_line_a_row() {
    insta::assert_snapshot!(report::csv(&seeded(Some(By::Week))));
}

#[test]
fn json_keeps_every_key() {
    let json = serde_json::to_value(seeded(None)).unwrap();
    let row = &json["rows"][1];
    for key in [
        "domain",
        "period",
        "delivered",
        "over_tls",
        "verified",
        "in_clear",
        "deferred_for_tls",
        "bounced_for_tls",
        "waiting_for_tls",
        "tls_share",
        "levels",
        "versions",
        "ciphers",
        "first",
        "last",
    ] {
        assert!(row.get(key).is_some(), "{key}");
    }
    assert_eq!(json["by"], serde_json::Value::Null);
}
