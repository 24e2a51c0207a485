//! A store over some days, its evidence, and every way to tamper with it.

mod tamper;

use std::{path::Path, sync::Arc, time::Duration};

use gatepost_policy::{
    evidence::{Attempt, Ending, NoTls, TlsRecord, Why},
    tls::{Level, VerifiedBy},
};
use serde_json::{Value, json};

use super::{
    Addresses, Checked, Evidence, Export, Exported, Scope, Survey, UtcDay, Wanted, survey, verify,
};
use crate::{
    Audit as _, AuditSearch, Clock as _, Dispatch as _, Enqueue as _, Inspect as _, ManualClock,
    NewMessage, Outcome, Retention, Settings,
    embedded::{self, Embedded, Mode},
    samples as s,
};

const DAY: Duration = Duration::from_secs(86_400);

/// How an attempt of a test ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    Verified,
    Encrypted,
    Clear,
    Refused,
    Bounced,
}

/// A store over days.
pub(super) struct Run {
    pub(super) store: Embedded,
    pub(super) clock: Arc<ManualClock>,
    pub(super) dir: tempfile::TempDir,
}

impl Run {
    pub(super) async fn new() -> Self {
        let clock = s::clock();
        let dir = tempfile::tempdir().unwrap();
        let store = s::serve(dir.path(), &clock).await;
        store.close_days(clock.now()).await.unwrap();
        Self { store, clock, dir }
    }

    /// Takes a message for an address and settles an attempt at it.
    pub(super) async fn attempt(&self, to: &str, how: How) {
        let now = self.clock.now();
        let message = s::send(&self.store, now, to).await;
        let domain = to.split_once('@').unwrap().1;
        let settlement = s::claim_one(&self.store, domain, now).await.settle(|recipient| {
            outcome(s::attempt(message, recipient, now, Ending::Delivered), how)
        });
        self.store.settle(settlement).await.unwrap();
        self.clock.advance(Duration::from_secs(1));
    }

    /// A day is over.
    pub(super) async fn next_day(&self) {
        self.clock.advance(DAY);
        self.store.close_days(self.clock.now()).await.unwrap();
    }

    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            from: UtcDay::parse("2026-11-01").unwrap(),
            to: UtcDay::parse("2027-12-31").unwrap(),
            scope: Scope::default(),
            rule_data: None,
            addresses: Addresses::Hidden,
            instance: "gateway.acme.example".into(),
            made: self.clock.now(),
        }
    }

    pub(super) async fn export(&self, wanted: Wanted) -> (Vec<u8>, Exported) {
        let store = Arc::new(self.store.clone());
        let mut export =
            Export::begin(Arc::<Embedded>::clone(&store), store, wanted).await.unwrap();
        let mut file = Vec::new();
        while let Some(piece) = export.next_piece().await.unwrap() {
            file.extend(piece);
        }
        (file, export.exported())
    }

    pub(super) async fn survey(&self) -> Survey {
        let wanted = self.wanted();
        survey(&self.store, &wanted.scope, wanted.from, wanted.to).await.unwrap()
    }

    /// A store of three days, the last of which goes on.
    pub(super) async fn three_days() -> Self {
        let run = Self::new().await;
        run.attempt("anna@partner.example", How::Verified).await;
        run.attempt("bert@partner.example", How::Encrypted).await;
        run.attempt("carl@other.example", How::Clear).await;
        run.next_day().await;
        run.next_day().await;
        run.attempt("anna@partner.example", How::Refused).await;
        run.attempt("dora@other.example", How::Bounced).await;
        run.attempt("anna@partner.example", How::Encrypted).await;
        run
    }

    /// Does something to the database behind the store's back.
    pub(super) fn meddle(&self, sql: &str) {
        let path = self.dir.path().join("gatepost.db");
        let changed = rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap();
        assert!(changed > 0, "{sql} changed nothing");
    }
}

fn outcome(attempt: Attempt, how: How) -> Outcome {
    let tls = |verified_by| {
        Some(TlsRecord {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            certificate_sha256: Some("ab".repeat(32)),
            verified_by,
        })
    };
    let reply = Some(format!("250 2.0.0 <{}> queued", attempt.recipient));
    let attempt = Attempt { reply, ..attempt };
    match how {
        How::Verified => Outcome::Delivered(Attempt { tls: tls(VerifiedBy::WebPki), ..attempt }),
        How::Encrypted => Outcome::Delivered(Attempt { tls: tls(VerifiedBy::None), ..attempt }),
        How::Clear => Outcome::Delivered(Attempt {
            level: Level::Try,
            clear_because: Some(NoTls::NotOffered),
            ..attempt
        }),
        How::Refused => {
            let next = attempt.at.plus(30 * DAY);
            let (outcome, why) = (Ending::Deferred, Some(Why::StartTlsNotOffered));
            let attempt = Attempt { outcome, why, reply: None, status: "4.7.4".into(), ..attempt };
            Outcome::Deferred { attempt, next, warned: false }
        }
        How::Bounced => Outcome::Bounced(Attempt {
            outcome: Ending::Bounced,
            why: Some(Why::NoMx),
            reply: None,
            status: "5.1.2".into(),
            ..attempt
        }),
    }
}

pub(super) fn check(file: &[u8]) -> Checked {
    verify(file, &[]).unwrap()
}

#[track_caller]
pub(super) fn good(file: &[u8]) -> Checked {
    let checked = check(file);
    assert_eq!(checked.problems, [], "{}", String::from_utf8_lossy(file));
    checked
}

/// The lines of a file, as values.
pub(super) fn lines(file: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_file_says_what_happened_and_verifies() {
    let run = Run::three_days().await;
    let (file, exported) = run.export(run.wanted()).await;
    let checked = good(&file);
    assert_eq!((checked.records, checked.days, checked.open_days), (6, 3, 1));
    let totals = checked.totals;
    assert_eq!((totals.delivered, totals.encrypted, totals.verified), (4, 3, 1));
    assert_eq!((totals.clear, totals.clear_under_enforced), (1, 0));
    assert_eq!((totals.refused, totals.deferred, totals.bounced), (1, 1, 1));
    assert_eq!(checked.journal, 4);
    assert_eq!(checked.instance, "gateway.acme.example");
    assert!(exported.complete);
    assert_eq!((exported.records, exported.totals), (checked.records, checked.totals));
    assert_eq!(exported.key, run.store.evidence_key().await.unwrap());
    let text = String::from_utf8(file).unwrap();
    for name in ["anna", "bert", "carl", "dora"] {
        assert!(!text.contains(name), "{name} is not hidden");
    }
    let survey = run.survey().await;
    assert_eq!((survey.records, survey.totals, survey.journal), (6, totals, 4));
    assert_eq!((survey.signed_days, survey.complete), (2, true));
    assert_eq!(survey.domains["partner.example"].refused, 1);
}

#[tokio::test]
async fn addresses_are_shown_where_they_are_asked_for() {
    let run = Run::three_days().await;
    let wanted = Wanted { addresses: Addresses::Clear, ..run.wanted() };
    let (file, _) = run.export(wanted).await;
    assert_eq!(good(&file).addresses, Addresses::Clear);
    let shown: Vec<String> = lines(&file)
        .iter()
        .filter_map(|line| line["opening"]["recipient"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(shown.len(), 6);
    assert_eq!(shown[0], "anna@partner.example");
    let both = run.export(run.wanted()).await.0;
    let records = |file: &[u8]| -> Vec<Value> {
        lines(file).iter().map(|line| line["record"].clone()).filter(|r| !r.is_null()).collect()
    };
    assert_eq!(records(&file), records(&both), "what is hidden is the same record");
}

#[tokio::test]
async fn a_report_of_one_domain_verifies_and_shows_no_other() {
    let run = Run::three_days().await;
    let scope = Scope::of(["partner.example"]).unwrap();
    let (file, exported) = run.export(Wanted { scope, ..run.wanted() }).await;
    let checked = good(&file);
    assert_eq!((checked.records, exported.records), (4, 4));
    assert_eq!(checked.totals.clear, 0);
    assert_eq!(checked.scope, ["partner.example"]);
    assert!(!String::from_utf8(file).unwrap().contains("other.example"));
}

#[tokio::test]
async fn a_day_without_mail_and_a_gateway_that_slept_have_their_roots() {
    let run = Run::new().await;
    run.attempt("anna@partner.example", How::Encrypted).await;
    run.clock.advance(10 * DAY);
    run.attempt("anna@partner.example", How::Encrypted).await;
    // The days between are not closed yet, and stand in the file all the same.
    assert_eq!(good(&run.export(run.wanted()).await.0).days, 11);
    assert_eq!(run.store.close_days(run.clock.now()).await.unwrap(), 10);
    assert_eq!(run.store.close_days(run.clock.now()).await.unwrap(), 0);
    let checked = good(&run.export(run.wanted()).await.0);
    assert_eq!((checked.days, checked.open_days, checked.records), (11, 1, 2));
}

#[tokio::test]
async fn a_part_of_the_chain_verifies_by_itself() {
    let run = Run::three_days().await;
    let to = UtcDay::parse("2026-11-25").unwrap();
    let first = run.export(Wanted { to, ..run.wanted() }).await.0;
    assert_eq!(good(&first).records, 3);
    let from = to.next();
    let (second, exported) = run.export(Wanted { from, ..run.wanted() }).await;
    assert_eq!(good(&second).records, 3);
    assert_eq!(exported.days, Some((from, from)));
    let from = UtcDay::parse("2030-01-01").unwrap();
    let (nothing, exported) = run.export(Wanted { from, to: from, ..run.wanted() }).await;
    assert_eq!((good(&nothing).days, exported.days), (0, None));
}

#[tokio::test]
async fn retention_cuts_whole_days_and_the_rest_verifies() {
    let run = Run::three_days().await;
    let keep = Retention { history: DAY, evidence: DAY };
    let pruned = run.store.prune(run.clock.now(), keep).await.unwrap();
    assert_eq!(pruned.attempts, 3);
    let (file, exported) = run.export(run.wanted()).await;
    let checked = good(&file);
    assert_eq!((checked.days, checked.removed_days, checked.records), (3, 1, 3));
    assert!(exported.complete);
    assert_eq!(run.survey().await.removed_days, 1);
    // What is left of the chain is the same as before.
    let from = UtcDay::parse("2026-11-25").unwrap();
    assert_eq!(good(&run.export(Wanted { from, ..run.wanted() }).await.0).removed_days, 0);
    run.next_day().await;
    run.next_day().await;
    run.next_day().await;
    let pruned = run.store.prune(run.clock.now(), keep).await.unwrap();
    assert_eq!(pruned.attempts, 3);
    assert_eq!(good(&run.export(run.wanted()).await.0).records, 0);
}

#[tokio::test]
async fn a_day_that_is_not_over_is_never_cut() {
    let run = Run::new().await;
    run.attempt("anna@partner.example", How::Encrypted).await;
    let keep = Retention { history: DAY, evidence: Duration::from_secs(1) };
    run.clock.advance(Duration::from_secs(3600));
    assert_eq!(run.store.prune(run.clock.now(), keep).await.unwrap().attempts, 0);
    run.clock.advance(DAY);
    assert_eq!(run.store.prune(run.clock.now(), keep).await.unwrap().attempts, 1);
    assert_eq!(good(&run.export(run.wanted()).await.0).removed_days, 1);
}

#[tokio::test]
async fn a_clock_that_goes_back_takes_the_chain_nowhere() {
    let clock = s::clock();
    let dir = tempfile::tempdir().unwrap();
    let store = s::serve(dir.path(), &clock).await;
    let run = Run { store, clock, dir };
    run.attempt("anna@partner.example", How::Encrypted).await;
    run.next_day().await;
    run.attempt("anna@partner.example", How::Encrypted).await;
    run.next_day().await;
    run.store.close().await;
    let clock = s::clock();
    let store = s::serve(run.dir.path(), &clock).await;
    let run = Run { store, clock, dir: run.dir };
    run.attempt("anna@partner.example", How::Encrypted).await;
    assert_eq!(run.store.close_days(run.clock.now()).await.unwrap(), 0);
    let checked = good(&run.export(run.wanted()).await.0);
    assert_eq!((checked.days, checked.records), (3, 3));
}

#[tokio::test]
async fn attempts_that_a_wrong_clock_put_far_away_are_missed_in_their_days() {
    let run = Run::new().await;
    run.attempt("anna@partner.example", How::Encrypted).await;
    let now = run.clock.now();
    // the clock is years ahead for one attempt, and put right again
    run.clock.advance(1_000 * DAY);
    run.attempt("bert@partner.example", How::Encrypted).await;
    run.store.close().await;
    let clock = Arc::new(ManualClock::new(now.plus(DAY)));
    let store = s::serve(run.dir.path(), &clock).await;
    let run = Run { store, clock, dir: run.dir };
    run.attempt("carl@partner.example", How::Encrypted).await;
    run.store.close_days(run.clock.now()).await.unwrap();
    let (from, to) = (UtcDay::of(now), UtcDay::of(run.clock.now()));
    let survey = survey(&run.store, &Scope::default(), from, to).await.unwrap();
    assert_eq!((survey.outside.elsewhere, survey.complete), (1, false));
    let (file, exported) = run.export(Wanted { from, to, ..run.wanted() }).await;
    assert_eq!((exported.outside.elsewhere, exported.complete), (1, false));
    assert_eq!(good(&file).elsewhere, 1);
}

#[tokio::test]
async fn an_attempt_that_midnight_overtakes_is_in_the_next_day_and_nothing_is_missing() {
    let run = Run::new().await;
    let start = run.clock.now();
    let to_midnight = UtcDay::of(start).next().start().millis() - start.millis();
    run.clock.advance(Duration::from_millis(u64::try_from(to_midnight).unwrap() - 1));
    let now = run.clock.now();
    let message = s::send(&run.store, now, "anna@partner.example").await;
    let claim = s::claim_one(&run.store, "partner.example", now).await;
    run.clock.advance(Duration::from_millis(2));
    assert_eq!(run.store.close_days(run.clock.now()).await.unwrap(), 1);
    let settlement = claim.settle(|recipient| {
        outcome(s::attempt(message, recipient, now, Ending::Delivered), How::Encrypted)
    });
    run.store.settle(settlement).await.unwrap();
    run.next_day().await;
    for day in [UtcDay::of(now), UtcDay::of(now).next()] {
        let survey = survey(&run.store, &Scope::default(), day, day).await.unwrap();
        assert!(survey.complete, "{day}: {survey:?}");
        let (file, exported) = run.export(Wanted { from: day, to: day, ..run.wanted() }).await;
        assert!(exported.complete);
        good(&file);
    }
}

#[tokio::test]
async fn days_without_evidence_are_not_said_to_be_complete() {
    let run = Run::three_days().await;
    let (from, to) = (UtcDay::parse("2020-01-01").unwrap(), UtcDay::parse("2020-01-31").unwrap());
    let survey = survey(&run.store, &Scope::default(), from, to).await.unwrap();
    assert_eq!((survey.from, survey.complete), (None, false));
    let (file, exported) = run.export(Wanted { from, to, ..run.wanted() }).await;
    assert!(!exported.complete);
    assert!(!good(&file).is_good(), "a sound file without a day is no evidence");
}

#[tokio::test]
async fn a_gateway_that_slept_verifies_from_any_day_before_its_days_are_closed() {
    let run = Run::new().await;
    run.attempt("anna@partner.example", How::Encrypted).await;
    run.clock.advance(4 * DAY);
    run.attempt("bert@partner.example", How::Encrypted).await;
    let from = UtcDay::of(run.clock.now().minus(2 * DAY));
    let (file, _) = run.export(Wanted { from, ..run.wanted() }).await;
    assert_eq!(good(&file).days, 3);
}

#[tokio::test]
async fn a_survey_sees_what_was_changed_in_the_store() {
    for sql in [
        "UPDATE attempt SET class = class & ~1 WHERE seq = 3",
        "DELETE FROM evidence_day WHERE day = (SELECT min(day) + 1 FROM evidence_day)",
    ] {
        let run = Run::three_days().await;
        run.next_day().await;
        run.attempt("anna@partner.example", How::Clear).await;
        assert!(run.survey().await.complete);
        run.meddle(sql);
        let survey = run.survey().await;
        assert!(!survey.complete, "{sql}: {survey:?}");
    }
}

#[tokio::test]
async fn a_lost_key_is_told_of_and_made_anew_only_by_who_serves() {
    let run = Run::three_days().await;
    let beside = embedded::open(run.dir.path(), s::options(&run.clock), Mode::Tool).await.unwrap();
    let old = beside.evidence_key().await.unwrap();
    std::fs::remove_file(run.dir.path().join("evidence.key")).unwrap();
    let refused = beside.evidence_key().await.unwrap_err();
    assert!(refused.cause.to_string().contains("evidence.key"), "{refused:?}");
    let new = run.store.evidence_key().await.unwrap();
    assert_eq!(beside.evidence_key().await.unwrap(), new);
    let told = run.store.entries(&AuditSearch::default(), None, 9).await.unwrap().entries;
    let told: Vec<_> = told.iter().filter(|entry| entry.what == "evidence.key").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0].before, &told[0].after),
        (&json!(old.fingerprint()), &json!(new.fingerprint()))
    );
}

#[tokio::test]
async fn a_record_of_an_older_version_is_counted_and_in_no_chain() {
    let run = Run::new().await;
    run.attempt("anna@partner.example", How::Encrypted).await;
    run.meddle("UPDATE attempt SET seq = NULL");
    run.meddle("DELETE FROM evidence_day");
    run.meddle("DELETE FROM delivered_day");
    run.attempt("bert@partner.example", How::Encrypted).await;
    let (file, exported) = run.export(run.wanted()).await;
    assert_eq!(good(&file).before_chain, 1);
    assert_eq!((exported.outside.before_chain, exported.records), (1, 1));
    let keep = Retention { history: DAY, evidence: DAY };
    run.next_day().await;
    run.next_day().await;
    assert_eq!(run.store.prune(run.clock.now(), keep).await.unwrap().attempts, 2);
}

#[tokio::test]
async fn what_is_missing_or_changed_in_the_store_is_listed() {
    for (sql, says) in [
        ("DELETE FROM attempt WHERE seq = 2", "records 2 to 2 were missing"),
        ("DELETE FROM attempt WHERE seq = 3", "records 3 to 3 were missing"),
        ("UPDATE attempt SET json = replace(json, 'web_pki', 'none')", "could not be read"),
        ("UPDATE attempt SET json = replace(json, 'TLSv1.3', 'TLSv1.2') WHERE seq = 6", "could not be read"),
        ("UPDATE attempt SET leaf = zeroblob(32) WHERE seq = 1", "do not lead to its root"),
        ("UPDATE attempt SET seq = 9 WHERE seq = 2", "records 2 to 2 were missing"),
        ("UPDATE attempt SET json = '{' WHERE seq = 2", "could not be read"),
        (
            "UPDATE delivered_day SET recipients = recipients + 1 WHERE day = (SELECT max(day) FROM delivered_day)",
            "recipients left the queue as delivered",
        ),
        ("UPDATE evidence_day SET statement = replace(statement, '\"journal\":3', '\"journal\":4')
          WHERE day = (SELECT min(day) FROM evidence_day)", "signature of the root"),
    ] {
        let run = Run::three_days().await;
        run.meddle(sql);
        let (file, _) = run.export(run.wanted()).await;
        let checked = check(&file);
        assert!(
            checked.problems.iter().any(|problem| problem.text.contains(says)),
            "{sql}: {:?}",
            checked.problems
        );
    }
}

#[tokio::test]
async fn a_gap_is_told_by_survey_and_by_export() {
    let run = Run::three_days().await;
    run.meddle("DELETE FROM attempt WHERE seq IN (2, 6)");
    let survey = run.survey().await;
    assert_eq!((survey.missing, survey.complete), (2, false));
    let gaps: Vec<_> = survey.gaps.iter().map(|gap| (gap.first, gap.last)).collect();
    assert_eq!(gaps, [(2, 2), (6, 6)]);
    let (_, exported) = run.export(run.wanted()).await;
    assert!(!exported.complete);
    assert_eq!(exported.gaps, survey.gaps);
}

#[tokio::test]
async fn every_recipient_of_a_copy_and_every_attempt_is_a_record() {
    let run = Run::new().await;
    let now = run.clock.now();
    let message = s::message(run.store.mint(), now);
    let id = message.id;
    let copies = vec![s::copy(&["a@one.example", "b@one.example"], vec![s::require()])];
    s::put(&run.store, b"x", NewMessage { copies, ..message }).await;
    let settlement = s::claim_one(&run.store, "one.example", now).await.settle(|recipient| {
        let how = if recipient.mailbox.to_string().starts_with('a') {
            How::Encrypted
        } else {
            How::Refused
        };
        outcome(s::attempt(id, recipient, now, Ending::Delivered), how)
    });
    run.store.settle(settlement).await.unwrap();
    let survey = run.survey().await;
    assert_eq!((survey.records, survey.journal, survey.complete), (2, 1, true));
}

#[tokio::test]
async fn the_policies_of_the_period_are_in_the_file() {
    let run = Run::three_days().await;
    let mut document = run.store.load(1).await.unwrap().unwrap().document;
    document.rules.clear();
    let author = crate::Author::new("olga", Some("ticket 4711"));
    Settings::commit(&run.store, None, &document, &author).await.unwrap();
    let (file, _) = run.export(run.wanted()).await;
    good(&file);
    let lines = lines(&file);
    let policies: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "policy").collect();
    assert_eq!(policies.len(), 2);
    assert_eq!(
        (&policies[1]["by"], &policies[1]["reason"]),
        (&"olga".into(), &"ticket 4711".into())
    );
}

#[tokio::test]
async fn the_key_never_leaves_its_file() {
    let run = Run::three_days().await;
    let (file, _) = run.export(Wanted { addresses: Addresses::Clear, ..run.wanted() }).await;
    run.store.close().await;
    let key = std::fs::read(run.dir.path().join("evidence.key")).unwrap();
    // In PKCS #8 the seed is the last 32 bytes.
    let seed = &key[key.len() - 32..];
    assert!(!contains(&file, super::form::hex(seed).as_bytes()));
    for entry in std::fs::read_dir(run.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path != Path::new(&run.dir.path().join("evidence.key")) {
            assert!(!contains(&std::fs::read(&path).unwrap(), seed), "{}", path.display());
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
