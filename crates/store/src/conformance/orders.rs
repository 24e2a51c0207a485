//! What every backend has to do with orders about waiting mail.

use std::{collections::HashMap, time::Duration};

use gatepost_policy::{
    direction::Direction,
    document::PolicyDocument,
    evidence::Ending,
    id::{EntryId, MessageId},
    tls::{Demand, Level, Source},
};

use super::Store;
use crate::{
    Acted, Author, EntryState, Fate, Judged, JudgedEnd, Judgement, Lane, NewMessage, Order,
    OrderError, QueueEntry, Refused, Selection, Standing, Waiting, filter, samples as s,
};

fn ops() -> Author {
    Author::new("ops", Some("ticket 4711"))
}

fn picked(text: &str) -> Selection {
    let filter = Box::new(filter::parse(text).unwrap());
    Selection::Filter { filter, default: Level::Try }
}

impl Store {
    async fn order(&self, selection: &Selection, order: Order) -> Acted {
        self.inspect.queue_order(selection, order, &ops(), None).await.unwrap()
    }

    async fn queue(&self) -> Vec<QueueEntry> {
        self.inspect.queue_list().await.unwrap()
    }

    async fn put_for(&self, recipients: &[&str]) -> MessageId {
        let copies = vec![s::copy(recipients, vec![s::require()])];
        self.put(NewMessage { copies, ..self.message() }).await
    }

    async fn entry(&self, recipient: &str) -> EntryId {
        self.queue().await.iter().find(|entry| entry.recipient == recipient).unwrap().id
    }

    async fn acts(&self) -> Vec<String> {
        let events = self.journal.events(None).await.unwrap();
        events.into_iter().map(|event| event.what).collect()
    }

    fn is_ready(&self, domain: &str) -> bool {
        self.dispatch.ready(self.now()).iter().any(|ready| ready.lane == s::lane(domain))
    }

    /// The one claim on copies that are only reported.
    async fn claim_report(&self, domain: &str) -> crate::Claim {
        let lane = Lane { fingerprint: Lane::REPORT.into(), ..s::lane(domain) };
        let mut claims = self.dispatch.claim(&lane, 9, self.now()).await.unwrap();
        assert_eq!(claims.len(), 1);
        claims.pop().unwrap()
    }
}

pub(crate) async fn what_is_held_is_in_no_claim_until_it_is_released(store: &Store) {
    store.put_for(&["a@one.example", "b@one.example"]).await;
    let a = store.entry("a@one.example").await;
    let acted = store.order(&picked("recipient=a@*"), Order::Hold).await;
    assert_eq!((acted.picked, acted.done), (1, vec![a]));
    let queue = store.queue().await;
    let held = queue.iter().find(|entry| entry.id == a).unwrap();
    assert_eq!(held.state, EntryState::Held);
    let by = held.held.clone().unwrap();
    assert_eq!((by.by.as_str(), by.reason.as_deref()), ("ops", Some("ticket 4711")));
    assert_eq!((by.at, by.damaged), (Some(store.now()), false));
    let claim = store.claim("one.example").await;
    let due: Vec<String> = claim.copy().recipients.iter().map(|r| r.mailbox.to_string()).collect();
    assert_eq!(due, ["b@one.example"]);
    let id = claim.message().id;
    store.dispatch.settle(claim.settle(|r| s::delivered(id, r, store.now()))).await.unwrap();
    store.clock.advance(Duration::from_secs(86_400));
    assert!(!store.is_ready("one.example"), "a copy that is held makes no lane ready");
    assert_eq!(store.inspect.counts().await.unwrap().held, 1);
    let refused = store.order(&Selection::All, Order::Retry).await;
    assert_eq!((refused.done.len(), refused.refused), (0, vec![(a, Refused::Held)]));
    assert_eq!(store.order(&Selection::All, Order::Release).await.done, [a]);
    assert!(store.claim("one.example").await.copy().recipients.iter().any(|r| r.entry == a));
    let again = store.order(&Selection::All, Order::Release).await;
    assert_eq!(again.refused, [(a, Refused::NotHeld)]);
    assert_eq!(store.acts().await, ["queue.hold", "queue.release"]);
}

pub(crate) async fn what_is_held_during_an_attempt_waits_when_it_ends(store: &Store) {
    let id = store.put_for(&["a@one.example"]).await;
    let claim = store.claim("one.example").await;
    let acted = store.order(&Selection::All, Order::Hold).await;
    assert_eq!((acted.done.len(), acted.sending.len()), (0, 1));
    store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
    store.clock.advance(Duration::from_secs(86_400));
    assert!(!store.is_ready("one.example"));
    let queue = store.queue().await;
    let only = queue.first().unwrap();
    assert_eq!((only.state, only.attempts), (EntryState::Held, 1));
    assert_eq!(store.order(&Selection::All, Order::Release).await.done, [only.id]);
    assert!(store.is_ready("one.example"));
}

pub(crate) async fn what_is_bounced_is_reported_alone(store: &Store) {
    let id = store.put_for(&["a@one.example", "b@one.example"]).await;
    let a = store.entry("a@one.example").await;
    let one = Selection::Ids(vec![a.ulid()]);
    assert_eq!(store.order(&one, Order::Bounce).await.done, [a]);
    let report = store.claim_report("one.example").await;
    assert_eq!(report.message().id, id);
    let fate = Fate::Returned { by: "ops".into(), reason: Some("ticket 4711".into()) };
    assert_eq!(report.copy().fate, fate);
    let reported: Vec<EntryId> = report.copy().recipients.iter().map(|r| r.entry).collect();
    assert_eq!(reported, [a]);
    let twice = store.order(&one, Order::Bounce).await;
    assert_eq!(twice.refused, [(a, Refused::GivenUp)]);
    store.dispatch.settle(report.settle(|r| s::bounced(id, r, store.now()))).await.unwrap();
    let rest = store.claim("one.example").await;
    assert_eq!(rest.copy().recipients.len(), 1);
    assert_eq!(rest.copy().fate, Fate::Deliver);
    let body = store.dispatch.body(&rest).await.unwrap().read_all().await.unwrap();
    assert!(!body.is_empty(), "the body is still needed");
}

pub(crate) async fn what_is_deleted_is_gone_with_its_body_and_recorded(store: &Store) {
    let id = store.put_for(&["a@one.example", "b@one.example"]).await;
    let a = store.entry("a@one.example").await;
    store.order(&Selection::Ids(vec![a.ulid()]), Order::Delete).await;
    assert!(store.inspect.message_bytes(id).await.unwrap().is_some());
    assert_eq!(store.queue().await.len(), 1);
    store.order(&Selection::All, Order::Delete).await;
    assert!(store.queue().await.is_empty());
    assert!(store.dispatch.ready(store.now()).is_empty());
    assert!(store.inspect.message_bytes(id).await.unwrap().is_none());
    let story = store.inspect.message_show(id).await.unwrap().unwrap();
    let told: Vec<_> =
        story.events.iter().map(|event| event.detail["recipients"].clone()).collect();
    assert_eq!(told, [serde_json::json!(["a@one.example"]), serde_json::json!(["b@one.example"])]);
    assert_eq!(story.events.first().and_then(|event| event.author.clone()), Some(ops()));
}

pub(crate) async fn an_order_during_an_attempt_takes_effect_when_it_ends(store: &Store) {
    for (order, gone) in [(Order::Delete, true), (Order::Bounce, false)] {
        let id = store.put_for(&["a@one.example"]).await;
        let claim = store.claim("one.example").await;
        let entry = store.entry("a@one.example").await;
        let acted = store.order(&Selection::All, order).await;
        let sending = acted.sending.first().unwrap();
        assert_eq!((sending.entry, sending.message, acted.done.len()), (entry, id, 0));
        assert!(store.queue().await.first().unwrap().pending.is_some());
        store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
        assert!(!store.is_ready("one.example"));
        assert_eq!(store.queue().await.is_empty(), gone);
        if !gone {
            let report = store.claim_report("one.example").await;
            let settlement = report.settle(|r| s::bounced(id, r, store.now()));
            store.dispatch.settle(settlement).await.unwrap();
        }
        assert!(store.inspect.message_bytes(id).await.unwrap().is_none());
    }
}

pub(crate) async fn an_order_that_an_attempt_was_faster_than_is_noted(store: &Store) {
    for order in [Order::Delete, Order::Bounce] {
        let id = store.put_for(&["a@one.example"]).await;
        let claim = store.claim("one.example").await;
        store.order(&Selection::All, order).await;
        store.dispatch.settle(claim.settle(|r| s::delivered(id, r, store.now()))).await.unwrap();
        assert!(store.queue().await.is_empty() && store.dispatch.ready(store.now()).is_empty());
        let story = store.inspect.message_show(id).await.unwrap().unwrap();
        assert_eq!(story.attempts.first().map(|attempt| attempt.outcome), Some(Ending::Delivered));
        assert_eq!(story.events.last().map(|event| event.what.as_str()), Some("queue.too-late"));
        store.clock.advance(Duration::from_secs(1));
    }
}

pub(crate) async fn an_order_is_carried_out_when_a_claim_is_given_back(store: &Store) {
    let id = store.put_for(&["a@one.example"]).await;
    let claim = store.claim("one.example").await;
    store.order(&Selection::All, Order::Delete).await;
    drop(claim);
    // The other backend's gateway looks for itself, a moment later.
    for _ in 0..100 {
        if store.queue().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(store.queue().await.is_empty());
    assert!(store.inspect.message_bytes(id).await.unwrap().is_none());
}

pub(crate) async fn a_wrong_count_does_nothing(store: &Store) {
    store.put_for(&["a@one.example", "b@one.example"]).await;
    store.put_for(&["c@two.example"]).await;
    let order = async |selection: &Selection, count| {
        store.inspect.queue_order(selection, Order::Delete, &ops(), Some(count)).await
    };
    for (selection, said) in [(Selection::All, 2), (picked("domain=one.example"), 3)] {
        let there = 5 - said;
        let error = order(&selection, said).await.unwrap_err();
        assert!(
            matches!(error, OrderError::Count { there: t, said: s } if t == there && s == said),
            "{error}"
        );
    }
    assert_eq!(store.queue().await.len(), 3);
    assert!(store.acts().await.is_empty());
    assert_eq!(order(&picked("domain=one.example"), 2).await.unwrap().done.len(), 2);
    assert_eq!(store.queue().await.len(), 1);
}

pub(crate) async fn a_retry_is_asked_for_until_an_attempt_has_ended(store: &Store) {
    let id = store.put_for(&["a@one.example"]).await;
    let claim = store.claim("one.example").await;
    store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
    store.order(&Selection::All, Order::Retry).await;
    assert_eq!(store.queue().await.first().unwrap().asked, Some(store.now()));
    let claim = store.claim("one.example").await;
    assert_eq!(claim.copy().recipients.first().unwrap().asked, Some(store.now()));
    store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
    assert_eq!(store.queue().await.first().unwrap().asked, None);
    assert!(!store.is_ready("one.example"));
}

fn judged(entry: EntryId, end: JudgedEnd, revision: u64) -> Judged {
    Judged {
        entry,
        direction: Direction::Outbound,
        demands: vec![Demand::new(Level::Try, Source::Default)],
        edits: Default::default(),
        matched: Vec::new(),
        rule: Some("Now".into()),
        end,
        revision,
        detail: serde_json::json!({ "entry": entry }),
    }
}

/// What judging everything gave, where `ends` says what is new for whom.
async fn judgements(store: &Store, ends: &[(&str, JudgedEnd)]) -> HashMap<EntryId, Judgement> {
    let revision = store.settings.head();
    let waiting = store.inspect.queue_pick(&Selection::All).await.unwrap();
    let judgement = |one: Waiting| {
        let address = one.mailbox.to_string();
        let end = ends.iter().find(|(of, _)| *of == address).map(|(_, end)| end.clone());
        let new = end.map(|end| judged(one.id, end, revision));
        let Waiting { id, direction, demands, edits, fate, .. } = one;
        let of = Standing { direction, demands, edits, fate };
        (id, Judgement { revision, of, new })
    };
    waiting.into_iter().map(judgement).collect()
}

async fn change_policy(store: &Store, name: &str) {
    let text = format!("[[rule]]\nname = {name:?}\nfinal_action = \"delete\"\n");
    let document = PolicyDocument::parse_toml(&text, "policy.toml").unwrap().document;
    store.settings.commit(None, &document, &Author::new("ops", None)).await.unwrap();
}

pub(crate) async fn mail_that_is_judged_anew_goes_by_its_new_verdict(store: &Store) {
    let all = ["a@one.example", "b@one.example", "c@one.example", "d@one.example", "e@one.example"];
    let id = store.put_for(&all).await;
    let expires = store.now().plus(Duration::from_secs(86_400));
    let ends = [
        JudgedEnd::Deliver,
        JudgedEnd::Quarantine { company: true, expires },
        JudgedEnd::Delete,
        JudgedEnd::Reject { reply: "550 5.7.1 no".into() },
    ];
    change_policy(store, "Now").await;
    let ends: Vec<_> = all.into_iter().zip(ends).collect();
    let judgements = judgements(store, &ends).await;
    let waiting = store.inspect.queue_pick(&Selection::All).await.unwrap();
    assert_eq!(waiting.len(), 5);
    assert_eq!(store.inspect.queue_count(&Selection::All).await.unwrap(), 5);
    let verdicts = store.inspect.message_verdicts(id).await.unwrap().unwrap();
    assert_eq!(verdicts.iter().map(|verdict| verdict.recipients.len()).sum::<usize>(), 5);
    assert_eq!(waiting.first().map(|one| one.demands.clone()), Some(vec![s::require()]));
    let count = Some(5);
    let order = Order::Reevaluate(judgements);
    let acted = store.inspect.queue_order(&Selection::All, order, &ops(), count).await.unwrap();
    assert_eq!(acted.done.len(), 5);
    let lane = Lane { fingerprint: "try".into(), ..s::lane("one.example") };
    let mut claims = store.dispatch.claim(&lane, 9, store.now()).await.unwrap();
    let claim = claims.pop().unwrap();
    assert_eq!(claim.message().revision, 2, "evidence names the policy that judged it");
    assert_eq!(claim.copy().recipients.first().unwrap().mailbox.to_string(), all[0]);
    let unchanged = store.claim("one.example").await;
    assert_eq!(unchanged.copy().recipients.first().unwrap().mailbox.to_string(), all[4]);
    assert_eq!(unchanged.message().revision, 1);
    let report = store.claim_report("one.example").await;
    assert_eq!(report.copy().fate, Fate::Report { reply: "550 5.7.1 no".into() });
    let quarantine = store.inspect.quarantine_list().await.unwrap();
    let kept = quarantine.first().unwrap();
    assert_eq!((kept.recipient.as_str(), kept.rule.as_str(), kept.company), (all[1], "Now", true));
    assert_eq!(store.queue().await.len(), 3);
    let story = store.inspect.message_show(id).await.unwrap().unwrap();
    let event = story.events.first().unwrap();
    assert_eq!((event.what.as_str(), event.author.clone()), ("queue.reevaluate", Some(ops())));
    assert_eq!(event.detail["changed"].as_array().map(Vec::len), Some(4));
}

pub(crate) async fn a_verdict_of_rules_that_hold_no_more_is_refused(store: &Store) {
    store.put_for(&["a@one.example"]).await;
    let entry = store.entry("a@one.example").await;
    let stale = judgements(store, &[("a@one.example", JudgedEnd::Deliver)]).await;
    change_policy(store, "Newer").await;
    let acted = store.order(&Selection::All, Order::Reevaluate(stale)).await;
    assert_eq!((acted.done.len(), acted.refused), (0, vec![(entry, Refused::Changed)]));
    // The same rules, and a recipient that somebody else has judged by them already.
    let once = judgements(store, &[("a@one.example", JudgedEnd::Deliver)]).await;
    assert_eq!(store.order(&Selection::All, Order::Reevaluate(once.clone())).await.done, [entry]);
    let acted = store.order(&Selection::All, Order::Reevaluate(once)).await;
    assert_eq!((acted.done.len(), acted.refused), (0, vec![(entry, Refused::Changed)]));
    let acted = store.order(&Selection::All, Order::Reevaluate(HashMap::new())).await;
    assert_eq!((acted.done.len(), acted.refused), (0, vec![(entry, Refused::NotJudged)]));
    assert_eq!(store.acts().await, ["queue.reevaluate"]);
}

pub(crate) async fn a_verdict_that_waited_while_the_rules_changed_is_dropped(store: &Store) {
    let id = store.put_for(&["a@one.example"]).await;
    let claim = store.claim("one.example").await;
    let loose = judgements(store, &[("a@one.example", JudgedEnd::Deliver)]).await;
    assert_eq!(store.order(&Selection::All, Order::Reevaluate(loose)).await.sending.len(), 1);
    change_policy(store, "Newer").await;
    store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
    let waiting = store.inspect.queue_pick(&Selection::All).await.unwrap();
    assert_eq!(waiting.first().map(|one| one.demands.clone()), Some(vec![s::require()]));
    assert_eq!(store.queue().await.first().unwrap().pending, None);
    let events = store.journal.events(None).await.unwrap();
    let event = events.last().unwrap();
    assert_eq!((event.what.as_str(), event.author.clone()), (crate::OUTDATED, Some(ops())));
    assert_eq!(event.detail["recipients"], serde_json::json!(["a@one.example"]));
}

pub(crate) async fn the_newest_judgement_clears_an_older_one_and_never_what_gives_up(
    store: &Store,
) {
    let id = store.put_for(&["a@one.example"]).await;
    let entry = store.entry("a@one.example").await;
    let claim = store.claim("one.example").await;
    let loose = judgements(store, &[("a@one.example", JudgedEnd::Deliver)]).await;
    store.order(&Selection::All, Order::Reevaluate(loose.clone())).await;
    assert!(store.queue().await.first().unwrap().pending.is_some());
    let as_before = judgements(store, &[]).await;
    store.order(&Selection::All, Order::Reevaluate(as_before)).await;
    assert_eq!(store.queue().await.first().unwrap().pending, None);
    store.order(&Selection::All, Order::Delete).await;
    let acted = store.order(&Selection::All, Order::Reevaluate(loose)).await;
    assert_eq!(acted.refused, [(entry, Refused::Ordered)]);
    store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
    assert!(store.queue().await.is_empty());
}
