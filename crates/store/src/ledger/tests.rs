use std::sync::Arc;

use gatepost_policy::document::Profile;
use serde_json::json;

use super::*;
use crate::{Clock as _, Dispatch, Enqueue, ManualClock, Probes, memory::Memory, samples as s};

const PAGE: usize = 2;

/// What both backends have to do.
async fn pages_give_every_attempt_once(
    store: &(impl Ledger + Enqueue + Dispatch),
    clock: &ManualClock,
) {
    for to in
        ["a@one.example", "b@x.two.example", "c@one.example", "d@y.two.example", "e@two.example"]
    {
        let id = s::send(store, clock.now(), to).await;
        let (_, domain) = to.split_once('@').unwrap();
        let settlement = s::claim_one(store, domain, clock.now())
            .await
            .settle(|r| s::delivered(id, r, clock.now()));
        store.settle(settlement).await.unwrap();
        // The first two end within one moment.
        if to.starts_with(['b', 'c', 'd']) {
            clock.advance(std::time::Duration::from_secs(60));
        }
    }
    let read = async |stretch: Stretch| {
        let (mut recipients, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.attempts(&stretch, after, PAGE).await.unwrap();
            assert!(page.attempts.len() <= PAGE);
            pages += 1;
            for (domain, attempt) in page.attempts {
                assert!(attempt.recipient.ends_with(&domain), "{domain}");
                recipients.push(attempt.recipient);
            }
            after = page.next;
            if after.is_none() {
                return (recipients, pages);
            }
        }
    };
    let (all, pages) = read(Stretch::default()).await;
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(sorted.iter().map(|r| r.split('@').next().unwrap()).collect::<String>(), "abcde");
    assert_eq!(pages, 3);
    let one = Stretch { domain: Some("ONE.example".into()), since: None };
    assert_eq!(read(one).await.0, ["a@one.example", "c@one.example"]);
    let since = Some(s::start().plus(std::time::Duration::from_secs(120)));
    assert_eq!(read(Stretch { since, domain: None }).await.0, ["d@y.two.example", "e@two.example"]);
    assert_eq!(
        store.domains_below("Two.example").await.unwrap(),
        ["x.two.example", "y.two.example"]
    );
    assert!(store.domains_below("o.example").await.unwrap().is_empty());
}

async fn the_newest_probes_are_kept(store: &impl Probes) {
    let at = |second: i64| Timestamp::from_millis(second * 1000);
    for second in 0..i64::try_from(crate::probes::KEPT).unwrap() + 3 {
        store.keep_probe("d.example", at(second), &json!({ "n": second })).await.unwrap();
    }
    store.keep_probe("e.example", at(1), &json!({ "ready": true })).await.unwrap();
    store.keep_probe("e.example", at(1), &json!({ "ready": false })).await.unwrap();
    let newest = store.probes(None).await.unwrap();
    assert_eq!(
        newest.iter().map(|p| p.domain.as_str()).collect::<Vec<_>>(),
        ["d.example", "e.example"]
    );
    assert_eq!(newest.first().unwrap().at, at(32));
    assert_eq!(newest.last().unwrap().record, json!({ "ready": false }));
    let all = store.probes(Some("D.example")).await.unwrap();
    assert_eq!(all.len(), crate::probes::KEPT);
    assert!(all.is_sorted_by_key(|probe| std::cmp::Reverse(probe.at)));
    assert_eq!(all.last().unwrap().record, json!({ "n": 3 }));
    assert!(store.probes(Some("f.example")).await.unwrap().is_empty());
}

#[tokio::test]
async fn in_memory_pages_give_every_attempt_once() {
    let clock = s::clock();
    let store = Memory::new(Profile::Standard, Arc::<ManualClock>::clone(&clock));
    pages_give_every_attempt_once(&store, &clock).await;
}

#[tokio::test]
async fn on_disk_pages_give_every_attempt_once() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    pages_give_every_attempt_once(&s::serve(dir.path(), &clock).await, &clock).await;
}

#[tokio::test]
async fn in_memory_the_newest_probes_are_kept() {
    let clock = s::clock();
    the_newest_probes_are_kept(&Memory::new(Profile::Standard, clock)).await;
}

#[tokio::test]
async fn on_disk_the_newest_probes_are_kept() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    the_newest_probes_are_kept(&s::serve(dir.path(), &clock).await).await;
}
