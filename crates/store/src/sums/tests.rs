//! What is kept as sums is what adding every attempt up gives: after a restart, for another process, behind a cut,
//! and in a store that had attempts before it had sums.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatepost_policy::{
    evidence::{Attempt, Ending, NoTls, TlsRecord},
    tls::{Level, VerifiedBy},
};
use gatepost_wire::timestamp::Timestamp;

use super::*;
use crate::{
    Clock as _, Dispatch as _, Inspect as _, Ledger, ManualClock, Outcome, Retention, Stretch,
    embedded::{self, Embedded, Mode},
    evidence::Evidence as _,
    samples as s,
};

const HOURS: Duration = Duration::from_secs(3600);

/// Messages over three days, with every kind of end.
async fn fill(store: &Embedded, clock: &ManualClock) {
    for number in 0..72_u32 {
        clock.advance(HOURS);
        store.close_days(clock.now()).await.unwrap();
        let to = ["a@one.example", "b@two.example", "c@three.example"][number as usize % 3];
        settle(store, clock, to, number).await;
    }
}

/// Takes a message and settles an attempt at it.
async fn settle(store: &Embedded, clock: &ManualClock, to: &str, number: u32) {
    let now = clock.now();
    let id = s::send(store, now, to).await;
    let claim = s::claim_one(store, to.split_once('@').unwrap().1, now).await;
    let settlement = claim.settle(|recipient| {
        let ending = match number % 7 {
            5 => Ending::Deferred,
            6 => Ending::Bounced,
            _ => Ending::Delivered,
        };
        let attempt = s::attempt(id, recipient, now, ending);
        let tls = (ending == Ending::Delivered && number % 4 != 3).then(|| TlsRecord {
            version: if number.is_multiple_of(2) { "TLSv1.3" } else { "TLSv1.2" }.into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            certificate_sha256: None,
            verified_by: if number.is_multiple_of(5) {
                VerifiedBy::WebPki
            } else {
                VerifiedBy::None
            },
        });
        let is_clear = ending == Ending::Delivered && tls.is_none();
        let attempt = Attempt {
            level: if is_clear { Level::Try } else { attempt.level },
            clear_because: is_clear.then_some(NoTls::NotOffered),
            tls,
            ..attempt
        };
        match ending {
            Ending::Delivered => Outcome::Delivered(attempt),
            Ending::Bounced => Outcome::Bounced(attempt),
            Ending::Deferred => {
                let next = now.plus(Duration::from_secs(400 * 86_400));
                Outcome::Deferred { attempt, next, warned: false }
            }
        }
    });
    store.settle(settlement).await.unwrap();
}

type Summed = (Vec<DaySums>, BTreeMap<Timestamp, HourSums>);

const ALWAYS: Timestamp = Timestamp::from_millis(0);

async fn kept(store: &impl Ledger, until: Timestamp) -> Summed {
    let days = store.day_sums(ALWAYS, until, None).await.unwrap();
    (days, store.hour_sums(ALWAYS).await.unwrap())
}

/// The same from every attempt.
async fn added_up(store: &impl Ledger) -> Summed {
    let (mut days, mut hours) = (BTreeMap::new(), BTreeMap::new());
    let page = store.attempts(&Stretch::default(), None, 10_000).await.unwrap();
    for (domain, attempt, _) in page.marked() {
        let (day, hour) = (begin(attempt.at, DAY), begin(attempt.at, HOUR));
        let sums = days
            .entry((day, domain.to_owned()))
            .or_insert_with(|| DaySums::new(day, domain.to_owned()));
        sums.sums.add(attempt);
        sums.bounced += u64::from(attempt.outcome == Ending::Bounced);
        let sums: &mut HourSums = hours.entry(Timestamp::from_millis(hour)).or_default();
        sums.add(&Kind::of(attempt), 1);
    }
    (days.into_values().collect(), hours)
}

async fn same(store: &impl Ledger, until: Timestamp) -> Summed {
    let kept = kept(store, until).await;
    assert_eq!(kept, added_up(store).await);
    kept
}

#[tokio::test]
async fn sums_are_those_of_every_attempt_for_whoever_looks_and_after_a_restart() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    let store = s::serve(dir.path(), &clock).await;
    fill(&store, &clock).await;
    let (days, hours) = same(&store, clock.now()).await;
    assert_eq!((days.len(), hours.len()), (12, 72));
    // another process, while this one serves and goes on
    let tool = embedded::open(dir.path(), s::options(&clock), Mode::Tool).await.unwrap();
    settle(&store, &clock, "a@one.example", 1).await;
    assert_eq!(same(&tool, clock.now()).await, same(&store, clock.now()).await);
    drop((store, tool));
    let store = s::serve(dir.path(), &clock).await;
    let (after, _) = same(&store, clock.now()).await;
    assert_eq!(after.iter().map(|day| day.sums.delivered).sum::<u64>(), 53);
}

#[tokio::test]
async fn a_stretch_takes_the_days_that_it_touches_and_a_domain_its_own() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    let store = s::serve(dir.path(), &clock).await;
    fill(&store, &clock).await;
    let (all, hours) = kept(&store, clock.now()).await;
    let days: Vec<_> = all.iter().map(|one| one.day).collect();
    let (second, third) = (days[3], days[6]);
    let until = Timestamp::from_millis(third.millis() - 1);
    let one = store.day_sums(second.plus(HOURS), until, Some("ONE.example")).await.unwrap();
    assert_eq!(one.iter().map(|one| one.day).collect::<Vec<_>>(), [second]);
    assert_eq!(
        one,
        all.iter()
            .filter(|d| d.day == second && d.domain == "one.example")
            .cloned()
            .collect::<Vec<_>>()
    );
    let late = store.hour_sums(third.plus(HOURS / 2)).await.unwrap();
    assert_eq!(late.len(), hours.range(third..).count());
}

#[tokio::test]
async fn sums_go_with_the_last_attempt_of_their_day() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    let store = s::serve(dir.path(), &clock).await;
    fill(&store, &clock).await;
    let keep = Retention { history: 24 * HOURS, evidence: 24 * HOURS };
    let pruned = store.prune(clock.now(), keep).await.unwrap();
    assert!(pruned.attempts > 20, "{pruned:?}");
    let (days, _) = same(&store, clock.now()).await;
    assert_eq!(days.len(), 6);
}

#[tokio::test]
async fn what_was_written_before_there_were_sums_is_in_them() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    let store = s::serve(dir.path(), &clock).await;
    fill(&store, &clock).await;
    let before = same(&store, clock.now()).await;
    drop(store);
    let older = "DROP INDEX message_at; DROP TABLE sum_kind; DROP TABLE sum_day; DROP TABLE sum_hour; PRAGMA user_version = 6;";
    let path = dir.path().join("gatepost.db");
    rusqlite::Connection::open(path).unwrap().execute_batch(older).unwrap();
    let store = s::serve(dir.path(), &clock).await;
    assert_eq!(same(&store, clock.now()).await, before);
    settle(&store, &Arc::clone(&clock), "a@one.example", 1).await;
    same(&store, clock.now()).await;
}
