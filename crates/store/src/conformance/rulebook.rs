//! What every backend has to do with ids of rules and counts of matches.

use std::time::Duration;

use gatepost_policy::document::PolicyDocument;
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

use super::{Store, root};
use crate::{Hit, HitCount, Named, Renamed};

/// A policy with these rules and one set.
fn policy(rules: &[&str]) -> PolicyDocument {
    let mut text =
        String::from("[[rule_data]]\nname = \"Partners\"\nkind = \"domains\"\nvalues = \"\"\n");
    for name in rules {
        text.push_str(&format!("[[rule]]\nname = \"{name}\"\n"));
    }
    PolicyDocument::parse_toml(&text, "policy.toml").unwrap().document
}

fn hit(rule: &str, count: u64, last: Timestamp) -> Hit {
    Hit { rule: rule.to_owned(), shadow: false, count, last }
}

impl Store {
    async fn apply(&self, rules: &[&str], renamed: &[Renamed]) {
        self.settings.commit_renamed(None, &policy(rules), renamed, &root()).await.unwrap();
    }

    async fn id(&self, what: Named, name: &str) -> Option<Ulid> {
        self.rulebook.ids().await.unwrap().of(what, name)
    }

    async fn rule(&self, name: &str) -> Ulid {
        self.id(Named::Rule, name).await.unwrap()
    }
}

fn renamed(from: &str, to: &str) -> Renamed {
    Renamed { what: Named::Rule, from: from.into(), to: to.into() }
}

pub(crate) async fn a_rule_keeps_its_id_as_long_as_it_keeps_its_name(store: &Store) {
    store.apply(&["a", "b"], &[]).await;
    let (a, b) = (store.rule("a").await, store.rule("b").await);
    let set = store.id(Named::RuleData, "partners").await.unwrap();
    assert!(a != b && a != set);
    store.apply(&["b", " A ", "c"], &[]).await;
    assert_eq!((store.rule("a").await, store.rule("B").await), (a, b));
    assert!(![a, b].contains(&store.rule("c").await));
    assert_eq!(store.id(Named::RuleData, "PARTNERS").await, Some(set));
    assert_eq!(store.id(Named::Rule, "partners").await, None);
    // one that comes back is the same
    store.apply(&["b"], &[]).await;
    store.apply(&["a", "b"], &[]).await;
    assert_eq!(store.rule("a").await, a);
}

pub(crate) async fn a_renamed_rule_keeps_its_id_and_its_count(store: &Store) {
    store.apply(&["a"], &[]).await;
    let a = store.rule("a").await;
    store.rulebook.count_hits(vec![hit("a", 3, store.now())]).await.unwrap();
    store.apply(&["b"], &[renamed("a", "b")]).await;
    assert_eq!((store.rule("b").await, store.id(Named::Rule, "a").await), (a, None));
    store.rulebook.count_hits(vec![hit("b", 2, store.now())]).await.unwrap();
    let hits = store.rulebook.hits(store.now()).await.unwrap();
    assert_eq!(hits.get(&a.to_string()).unwrap().live.total, 5);
    // a new rule of the old name is another one
    store.apply(&["a", "b"], &[]).await;
    assert!(store.rule("a").await != a);
    // a conflict renames nothing
    let base = store.settings.head().saturating_add(1);
    let done = store
        .settings
        .commit_renamed(Some(base), &policy(&["x"]), &[renamed("b", "x")], &root())
        .await;
    assert!(done.is_err());
    assert_eq!(store.rule("b").await, a);
}

pub(crate) async fn matches_are_counted_by_rule_and_hour(store: &Store) {
    store.apply(&["a"], &[]).await;
    let a = store.rule("a").await.to_string();
    let early = store.now();
    let shadow = Hit { shadow: true, ..hit("A", 7, early) };
    let gone = hit("gone", 1, early);
    store
        .rulebook
        .count_hits(vec![hit("a", 3, early), hit("a", 1, early), shadow, gone])
        .await
        .unwrap();
    store.rulebook.count_hits(vec![hit("Deliver Outbound", 9, early)]).await.unwrap();
    store.clock.advance(Duration::from_secs(25 * 3600));
    let late = store.now();
    store.rulebook.count_hits(vec![hit("a", 2, late)]).await.unwrap();
    let hits = store.rulebook.hits(late).await.unwrap();
    let of_a = hits.get(&a).unwrap();
    assert_eq!(of_a.live, HitCount { total: 6, last_24h: 2, last_at: Some(late) });
    assert_eq!(of_a.shadow, HitCount { total: 7, last_24h: 0, last_at: Some(early) });
    let outbound = hits.get("deliver_outbound").unwrap();
    assert_eq!((outbound.live.total, outbound.live.last_24h, hits.len()), (9, 0, 2));
}
