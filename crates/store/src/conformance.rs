//! What every backend has to do, stamped once for each of them.
//!
//! A backend is done when all of these pass. They know a store by its traits only.

mod orders;
mod rulebook;

use std::{sync::Arc, time::Duration};

use gatepost_policy::{
    direction::{Direction, Matched},
    document::PolicyDocument,
    evidence::Ending,
};
use gatepost_wire::timestamp::Timestamp;

use crate::{
    Author, Clock as _, Closed, Dispatch, Enqueue, EntryState, Event, EventKind, Fate, Inspect,
    Journal, ManualClock, NewCopy, NewMessage, Retention, Rulebook, Search, Selection, Settings,
    SettingsError, Verdict, samples as s,
};

fn root() -> Author {
    Author::new("root", None)
}

/// A store under test, by its traits.
pub(crate) struct Store {
    pub(crate) enqueue: Arc<dyn Enqueue>,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) inspect: Arc<dyn Inspect>,
    pub(crate) settings: Arc<dyn Settings>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) rulebook: Arc<dyn Rulebook>,
    pub(crate) clock: Arc<ManualClock>,
    /// What has to live as long as the store.
    pub(crate) _keep: Option<tempfile::TempDir>,
}

impl Store {
    pub(crate) fn new<S>(store: S, clock: Arc<ManualClock>, keep: Option<tempfile::TempDir>) -> Self
    where
        S: Enqueue + Dispatch + Inspect + Settings + Journal + Rulebook + Clone + 'static,
    {
        Self {
            enqueue: Arc::new(store.clone()),
            dispatch: Arc::new(store.clone()),
            inspect: Arc::new(store.clone()),
            settings: Arc::new(store.clone()),
            journal: Arc::new(store.clone()),
            rulebook: Arc::new(store),
            clock,
            _keep: keep,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn send(&self, to: &str) -> gatepost_policy::id::MessageId {
        s::send(self.enqueue.as_ref(), self.now(), to).await
    }

    async fn claim(&self, to: &str) -> crate::Claim {
        s::claim_one(self.dispatch.as_ref(), to, self.now()).await
    }

    async fn put(&self, message: NewMessage) -> gatepost_policy::id::MessageId {
        s::put(self.enqueue.as_ref(), b"Subject: x\r\n\r\nhello\r\n", message).await
    }

    fn message(&self) -> NewMessage {
        s::message(self.enqueue.mint(), self.now())
    }
}

/// Stamps the suite for a backend: one test a behaviour.
macro_rules! conformance {
    ($($name:ident: $make:expr;)*) => {
        $(mod $name {
            crate::conformance::stamp! { $make =>
                what_was_committed_is_claimed_with_all_that_was_decided
                a_claimed_message_is_not_claimed_twice
                a_dropped_claim_is_due_again
                a_settled_recipient_is_gone_and_a_deferred_one_waits
                a_settlement_keeps_its_evidence
                attempts_within_one_moment_are_all_kept
                recipients_of_one_copy_are_due_each_at_its_own_time
                a_retry_makes_due_what_it_picks
                a_retry_during_an_attempt_takes_effect_when_it_ends
                a_notice_comes_with_its_settlement
                a_body_is_given_from_its_beginning_as_often_as_asked
                a_body_is_kept_while_somebody_needs_it
                a_report_travels_in_a_lane_of_its_own
                released_mail_is_due_now_with_the_level_that_the_rules_gave
                deleted_quarantine_is_gone
                a_message_without_any_copy_is_remembered
                a_message_tells_its_story
                a_search_finds_what_matches_oldest_first
                what_waits_outlives_its_retention
                the_same_policy_makes_no_new_revision
                a_policy_based_on_an_older_revision_is_a_conflict
                a_new_revision_wakes_who_waits_for_it
                going_back_makes_a_new_revision_of_the_old_policy
                events_are_kept_in_order
            }
            crate::conformance::stamp! { $make => rulebook::
                a_rule_keeps_its_id_as_long_as_it_keeps_its_name
                a_renamed_rule_keeps_its_id_and_its_count
                matches_are_counted_by_rule_and_hour
            }
            crate::conformance::stamp! { $make => orders::
                what_is_held_is_in_no_claim_until_it_is_released
                what_is_held_during_an_attempt_waits_when_it_ends
                what_is_bounced_is_reported_alone
                what_is_deleted_is_gone_with_its_body_and_recorded
                an_order_during_an_attempt_takes_effect_when_it_ends
                an_order_that_an_attempt_was_faster_than_is_noted
                an_order_is_carried_out_when_a_claim_is_given_back
                a_wrong_count_does_nothing
                a_retry_is_asked_for_until_an_attempt_has_ended
                mail_that_is_judged_anew_goes_by_its_new_verdict
                a_verdict_of_rules_that_hold_no_more_is_refused
                a_verdict_that_waited_while_the_rules_changed_is_dropped
                the_newest_judgement_clears_an_older_one_and_never_what_gives_up
            }
        })*
    };
}

macro_rules! stamp {
    ($make:expr => orders:: $($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            crate::conformance::orders::$test(&$make.await).await;
        })*
    };
    ($make:expr => rulebook:: $($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            crate::conformance::rulebook::$test(&$make.await).await;
        })*
    };
    ($make:expr => $($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            crate::conformance::$test(&$make.await).await;
        })*
    };
}

pub(crate) use stamp;

async fn embedded() -> Store {
    let dir = tempfile::tempdir().unwrap();
    let clock = s::clock();
    let store = s::serve(dir.path(), &clock).await;
    Store::new(store, clock, Some(dir))
}

async fn memory() -> Store {
    let clock = s::clock();
    let profile = gatepost_policy::document::Profile::Standard;
    let store = crate::memory::Memory::new(profile, Arc::<ManualClock>::clone(&clock));
    Store::new(store, clock, None)
}

conformance! {
    embedded: crate::conformance::embedded();
    memory: crate::conformance::memory();
}

async fn what_was_committed_is_claimed_with_all_that_was_decided(store: &Store) {
    let copy = s::copy(&["Anna@Partner.example", "ben@partner.example"], vec![s::require()]);
    let message = NewMessage { copies: vec![copy.clone()], ..store.message() };
    let id = store.put(message.clone()).await;
    let ready = store.dispatch.ready(store.now());
    assert_eq!(ready.len(), 1);
    assert_eq!(ready.first().map(|r| (&r.lane, r.count)), Some((&s::lane("partner.example"), 1)));
    let claim = store.claim("partner.example").await;
    let (of, what) = (claim.message(), claim.copy());
    assert_eq!((of.id, &of.sender, &of.params), (id, &message.sender, &message.params));
    assert_eq!((of.received_at, of.size, of.revision), (store.now(), 21, 1));
    assert_eq!((&of.client, &of.subject), (&message.client, &message.subject));
    assert_eq!(
        (&what.demands, &what.edits, &what.matched),
        (&copy.demands, &copy.edits, &copy.matched)
    );
    assert_eq!((what.attempts, what.accepted_at), (0, store.now()));
    let written: Vec<_> = what.recipients.iter().map(|r| r.mailbox.to_string()).collect();
    assert_eq!(written, ["Anna@Partner.example", "ben@partner.example"]);
}

async fn a_claimed_message_is_not_claimed_twice(store: &Store) {
    store.send("anna@partner.example").await;
    let claim = store.claim("partner.example").await;
    let lane = s::lane("partner.example");
    assert!(store.dispatch.claim(&lane, 10, store.now()).await.unwrap().is_empty());
    assert!(store.dispatch.ready(store.now()).is_empty());
    assert_eq!(store.dispatch.next_due(Timestamp::from_millis(0)), None);
    assert_eq!(store.inspect.counts().await.unwrap().sending, 1);
    let queue = store.inspect.queue_list().await.unwrap();
    assert_eq!(queue.first().map(|entry| entry.state), Some(EntryState::Sending));
    drop(claim);
}

async fn a_dropped_claim_is_due_again(store: &Store) {
    let id = store.send("anna@partner.example").await;
    drop(store.claim("partner.example").await);
    store.dispatch.release(store.claim("partner.example").await);
    let settlement =
        store.claim("partner.example").await.settle(|r| s::delivered(id, r, store.now()));
    drop(settlement);
    assert_eq!(store.claim("partner.example").await.message().id, id);
}

async fn a_settled_recipient_is_gone_and_a_deferred_one_waits(store: &Store) {
    let to = ["a@partner.example", "b@partner.example", "c@partner.example"];
    let copies = vec![s::copy(&to, vec![s::require()])];
    let id = store.put(NewMessage { copies, ..store.message() }).await;
    let at = store.now();
    let settlement =
        store.claim("partner.example").await.settle(|recipient| match recipient.mailbox.local() {
            "a" => s::delivered(id, recipient, at),
            "b" => s::deferred(id, recipient, at),
            _ => s::bounced(id, recipient, at),
        });
    store.dispatch.settle(settlement).await.unwrap();
    let queue = store.inspect.queue_list().await.unwrap();
    let left: Vec<_> =
        queue.iter().map(|entry| (entry.recipient.as_str(), entry.attempts)).collect();
    assert_eq!(left, [("b@partner.example", 1)]);
    let last = queue.first().and_then(|entry| entry.last.clone()).unwrap();
    assert_eq!(last.status, "4.7.4");
    assert!(last.text.unwrap().contains("does not offer STARTTLS"));
    assert_eq!(
        store.dispatch.next_due(Timestamp::from_millis(0)),
        Some(at.plus(Duration::from_secs(300)))
    );
    assert!(store.dispatch.ready(at).is_empty());
    store.clock.advance(Duration::from_secs(300));
    let claim = store.claim("partner.example").await;
    assert_eq!(claim.copy().attempts, 1);
    let settlement = claim.settle(|recipient| s::delivered(id, recipient, store.now()));
    store.dispatch.settle(settlement).await.unwrap();
    assert!(store.inspect.queue_list().await.unwrap().is_empty());
    assert_eq!(store.dispatch.next_due(Timestamp::from_millis(0)), None);
}

async fn a_settlement_keeps_its_evidence(store: &Store) {
    let id = store.send("anna@partner.example").await;
    let mut written = Vec::new();
    let settlement = store.claim("partner.example").await.settle(|recipient| {
        let outcome = s::deferred(id, recipient, store.now());
        written.push(outcome.attempt().clone());
        outcome
    });
    store.dispatch.settle(settlement).await.unwrap();
    assert_eq!(store.inspect.messages_search(&Search::default()).await.unwrap(), written);
}

async fn attempts_within_one_moment_are_all_kept(store: &Store) {
    let id = store.send("anna@partner.example").await;
    for _ in 0..3 {
        let claim = store.claim("partner.example").await;
        store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
        store.inspect.retry(&Selection::All, &root()).await.unwrap();
    }
    let all = store.inspect.messages_search(&Search::default()).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(store.claim("partner.example").await.copy().attempts, 3);
}

async fn recipients_of_one_copy_are_due_each_at_its_own_time(store: &Store) {
    let copies = vec![s::copy(&["a@partner.example", "b@partner.example"], vec![s::require()])];
    let id = store.put(NewMessage { copies, ..store.message() }).await;
    let settlement =
        store.claim("partner.example").await.settle(|r| s::deferred(id, r, store.now()));
    store.dispatch.settle(settlement).await.unwrap();
    let queue = store.inspect.queue_list().await.unwrap();
    let first = queue.iter().find(|entry| entry.recipient == "a@partner.example").unwrap().id;
    let picked = Selection::Ids(vec![first.ulid()]);
    assert_eq!(store.inspect.retry(&picked, &root()).await.unwrap(), 1);
    let claim = store.claim("partner.example").await;
    let due: Vec<_> = claim.copy().recipients.iter().map(|r| r.entry).collect();
    assert_eq!(due, [first]);
    store.dispatch.settle(claim.settle(|r| s::delivered(id, r, store.now()))).await.unwrap();
    let queue = store.inspect.queue_list().await.unwrap();
    let left: Vec<_> = queue.iter().map(|entry| entry.recipient.as_str()).collect();
    assert_eq!(left, ["b@partner.example"]);
}

async fn a_retry_makes_due_what_it_picks(store: &Store) {
    let mut ids = Vec::new();
    for to in ["a@one.example", "b@two.example"] {
        ids.push(store.send(to).await);
    }
    for (to, id) in ["one.example", "two.example"].iter().zip(&ids) {
        let settlement = store.claim(to).await.settle(|r| s::deferred(*id, r, store.now()));
        store.dispatch.settle(settlement).await.unwrap();
    }
    assert!(store.dispatch.ready(store.now()).is_empty());
    let by_domain = Selection::Domain("ONE.example".into());
    assert_eq!(
        store.inspect.retry(&by_domain, &Author::new("root", Some("they are back"))).await.unwrap(),
        1
    );
    let ready = store.dispatch.ready(store.now());
    assert_eq!(ready.iter().map(|r| r.lane.clone()).collect::<Vec<_>>(), [s::lane("one.example")]);
    let by_message = Selection::Ids(ids.last().map(|id| id.ulid()).into_iter().collect());
    assert_eq!(store.inspect.retry(&by_message, &root()).await.unwrap(), 1);
    assert_eq!(store.dispatch.ready(store.now()).len(), 2);
    let unknown = Selection::Ids(vec![store.enqueue.mint().ulid()]);
    assert_eq!(store.inspect.retry(&unknown, &root()).await.unwrap(), 0);
    assert_eq!(store.inspect.retry(&Selection::All, &root()).await.unwrap(), 2);
    let events = store.journal.events(None).await.unwrap();
    let author = events.first().and_then(|event| event.author.clone()).unwrap();
    assert_eq!((author.by.as_str(), author.reason.as_deref()), ("root", Some("they are back")));
}

async fn a_retry_during_an_attempt_takes_effect_when_it_ends(store: &Store) {
    let id = store.send("anna@partner.example").await;
    let claim = store.claim("partner.example").await;
    assert_eq!(store.inspect.retry(&Selection::All, &root()).await.unwrap(), 1);
    assert!(store.dispatch.ready(store.now()).is_empty());
    store.dispatch.settle(claim.settle(|r| s::deferred(id, r, store.now()))).await.unwrap();
    assert_eq!(store.dispatch.next_due(Timestamp::from_millis(0)), Some(store.now()));
    assert_eq!(store.claim("partner.example").await.copy().attempts, 1);
}

async fn a_notice_comes_with_its_settlement(store: &Store) {
    let id = store.send("anna@partner.example").await;
    let notice =
        NewMessage { copies: vec![s::copy(&["sender@acme.example"], vec![])], ..store.message() };
    let body = b"Subject: not delivered\r\n\r\nsorry\r\n".to_vec();
    let claim = store.claim("partner.example").await;
    let settlement = claim.settle(|r| s::bounced(id, r, store.now()));
    store.dispatch.settle(settlement.with_notice(body.clone(), notice.clone())).await.unwrap();
    let ready = store.dispatch.ready(store.now());
    let lane = ready.first().map(|ready| ready.lane.clone()).unwrap();
    let claims = store.dispatch.claim(&lane, 10, store.now()).await.unwrap();
    let claim = claims.first().unwrap();
    assert_eq!((claims.len(), claim.message().id), (1, notice.id));
    assert_eq!(store.dispatch.body(claim).await.unwrap().read_all().await.unwrap(), body);
}

async fn a_body_is_given_from_its_beginning_as_often_as_asked(store: &Store) {
    for size in [0, 1, 1000, crate::IN_MEMORY, crate::IN_MEMORY + 1, 3 * crate::HEAD] {
        let body: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
        let message = NewMessage { copies, ..store.message() };
        let id = s::put(store.enqueue.as_ref(), &body, message).await;
        let claim = store.claim("partner.example").await;
        assert_eq!(claim.message().size, u64::try_from(size).unwrap());
        for _ in 0..2 {
            let given = store.dispatch.body(&claim).await.unwrap();
            assert_eq!(given.len(), u64::try_from(size).unwrap());
            assert!(given.read_all().await.unwrap() == body, "{size} bytes");
        }
        store.dispatch.settle(claim.settle(|r| s::delivered(id, r, store.now()))).await.unwrap();
    }
}

async fn a_body_is_kept_while_somebody_needs_it(store: &Store) {
    let message = NewMessage {
        copies: vec![s::copy(&["anna@partner.example"], vec![s::require()])],
        quarantined: vec![s::quarantined(&["ben@partner.example"], store.now())],
        ..store.message()
    };
    let id = store.put(message).await;
    let settlement =
        store.claim("partner.example").await.settle(|r| s::delivered(id, r, store.now()));
    store.dispatch.settle(settlement).await.unwrap();
    let kept = store.inspect.message_bytes(id).await.unwrap().unwrap();
    assert_eq!(kept.read_all().await.unwrap(), b"Subject: x\r\n\r\nhello\r\n");
    store.inspect.quarantine_delete(&Selection::All, &root()).await.unwrap();
    assert!(store.inspect.message_bytes(id).await.unwrap().is_none());
}

async fn a_report_travels_in_a_lane_of_its_own(store: &Store) {
    let fate = Fate::Report { reply: "550 5.7.1 no".into() };
    let copies = vec![
        NewCopy { fate: fate.clone(), ..s::copy(&["anna@partner.example"], vec![s::require()]) },
        s::copy(&["ben@partner.example"], vec![s::require()]),
    ];
    store.put(NewMessage { copies, ..store.message() }).await;
    assert_eq!(store.dispatch.ready(store.now()).len(), 2);
    let lane =
        crate::Lane { fingerprint: crate::Lane::REPORT.into(), ..s::lane("partner.example") };
    let claims = store.dispatch.claim(&lane, 10, store.now()).await.unwrap();
    assert_eq!(claims.iter().map(|c| c.copy().fate.clone()).collect::<Vec<_>>(), [fate]);
}

async fn released_mail_is_due_now_with_the_level_that_the_rules_gave(store: &Store) {
    let expires = store.now().plus(Duration::from_secs(1000));
    let quarantined = vec![s::quarantined(&["a@partner.example", "b@partner.example"], expires)];
    let id = store.put(NewMessage { quarantined, ..store.message() }).await;
    assert!(store.dispatch.ready(store.now()).is_empty());
    let listed = store.inspect.quarantine_list().await.unwrap();
    assert_eq!(listed.len(), 2);
    let entry = listed.iter().find(|entry| entry.recipient == "a@partner.example").unwrap();
    assert_eq!((entry.message, entry.subject.as_str(), entry.rule.as_str()), (id, "Grüße", "Hold"));
    assert_eq!((entry.company, entry.since, entry.expires), (true, store.now(), expires));
    assert_eq!(store.inspect.counts().await.unwrap().quarantined, 2);
    store.clock.advance(Duration::from_secs(60));
    let picked = Selection::Ids(vec![entry.id.ulid()]);
    let by = "root";
    assert_eq!(
        store.inspect.quarantine_release(&picked, &Author::new(by, Some("fine"))).await.unwrap(),
        1
    );
    assert_eq!(store.inspect.quarantine_release(&picked, &Author::new(by, None)).await.unwrap(), 0);
    let claim = store.claim("partner.example").await;
    assert_eq!(claim.copy().demands, [s::require()]);
    assert_eq!(claim.copy().accepted_at, store.now());
    assert_eq!(claim.copy().recipients.first().map(|r| r.entry), Some(entry.id));
    let body = store.dispatch.body(&claim).await.unwrap().read_all().await.unwrap();
    assert_eq!(body, b"Subject: x\r\n\r\nhello\r\n");
    assert_eq!(store.inspect.quarantine_find(id.ulid()).await.unwrap().len(), 1);
    let by_message = Selection::Ids(vec![id.ulid()]);
    assert_eq!(
        store.inspect.quarantine_release(&by_message, &Author::new(by, None)).await.unwrap(),
        1
    );
    assert!(store.inspect.quarantine_list().await.unwrap().is_empty());
    assert_eq!(store.inspect.queue_find(id.ulid()).await.unwrap().len(), 2);
}

async fn deleted_quarantine_is_gone(store: &Store) {
    let quarantined = vec![s::quarantined(&["a@partner.example"], store.now())];
    let id = store.put(NewMessage { quarantined, ..store.message() }).await;
    let picked = Selection::Domain("partner.example".into());
    assert_eq!(
        store.inspect.quarantine_delete(&picked, &Author::new("root", Some("spam"))).await.unwrap(),
        1
    );
    assert!(store.inspect.quarantine_list().await.unwrap().is_empty());
    let story = store.inspect.message_show(id).await.unwrap().unwrap();
    assert_eq!(story.events.first().map(|e| e.what.as_str()), Some("quarantine.delete"));
}

async fn a_message_without_any_copy_is_remembered(store: &Store) {
    let recipient = s::recipient("anna@partner.example").mailbox;
    let closed = vec![Closed {
        recipient,
        direction: Direction::Outbound,
        matched: vec![Matched { rule: "Bin".into(), shadow: false }],
        verdict: Verdict::Delete,
        rule: Some("Bin".into()),
    }];
    let id = store.put(NewMessage { closed, ..store.message() }).await;
    assert!(store.dispatch.ready(store.now()).is_empty());
    assert!(store.inspect.message_bytes(id).await.unwrap().is_none());
    let story = store.inspect.message_show(id).await.unwrap().unwrap();
    let verdict = story.verdicts.first().unwrap();
    assert_eq!((verdict.verdict, verdict.rule.as_deref()), (Verdict::Delete, Some("Bin")));
    assert_eq!((verdict.direction, verdict.matched.len()), (Some(Direction::Outbound), 1));
}

async fn a_message_tells_its_story(store: &Store) {
    let message = NewMessage {
        copies: vec![s::copy(&["anna@partner.example"], vec![s::require()])],
        quarantined: vec![s::quarantined(&["ben@partner.example"], store.now())],
        ..store.message()
    };
    let id = store.put(message).await;
    let settlement =
        store.claim("partner.example").await.settle(|r| s::deferred(id, r, store.now()));
    store.dispatch.settle(settlement).await.unwrap();
    let story = store.inspect.message_show(id).await.unwrap().unwrap();
    assert_eq!((story.id, story.size, story.sender.as_str()), (id, 21, "sender@acme.example"));
    let verdicts: Vec<_> = story.verdicts.iter().map(|v| v.verdict).collect();
    assert_eq!(verdicts, [Verdict::Deliver, Verdict::QuarantineCompany]);
    assert_eq!((story.attempts.len(), story.queue.len(), story.quarantine.len()), (1, 1, 1));
    assert!(store.inspect.message_show(store.enqueue.mint()).await.unwrap().is_none());
}

async fn a_search_finds_what_matches_oldest_first(store: &Store) {
    for to in ["Anna@one.example", "ben@two.example"] {
        let id = store.send(to).await;
        let (_, domain) = to.split_once('@').unwrap();
        for last in [false, true] {
            let at = store.now();
            let settlement = store.claim(domain).await.settle(|recipient| {
                if last { s::delivered(id, recipient, at) } else { s::deferred(id, recipient, at) }
            });
            store.dispatch.settle(settlement).await.unwrap();
            store.clock.advance(Duration::from_secs(300));
        }
    }
    let find = async |search: Search| -> Vec<(String, Ending)> {
        let found = store.inspect.messages_search(&search).await.unwrap();
        assert!(found.is_sorted_by_key(|attempt| attempt.at));
        found.into_iter().map(|attempt| (attempt.recipient, attempt.outcome)).collect()
    };
    let all = find(Search::default()).await;
    assert_eq!(all.len(), 4);
    let anna = Search { recipient: Some("anna@ONE.example".into()), ..Search::default() };
    assert_eq!(find(anna).await.first().map(|f| f.0.clone()), Some("Anna@one.example".into()));
    let two = Search { domain: Some("two.example".into()), ..Search::default() };
    assert_eq!(find(two).await.len(), 2);
    let outcome = Some(Ending::Delivered);
    assert_eq!(find(Search { outcome, ..Search::default() }).await.len(), 2);
    let since = Some(s::start().plus(Duration::from_secs(600)));
    assert_eq!(find(Search { since, ..Search::default() }).await, all.get(2..).unwrap());
    let nobody = Search { recipient: Some("x@one.example".into()), ..Search::default() };
    assert!(find(nobody).await.is_empty());
}

async fn what_waits_outlives_its_retention(store: &Store) {
    let kept = store.send("a@one.example").await;
    let gone = store.send("b@two.example").await;
    let settlement =
        store.claim("two.example").await.settle(|r| s::delivered(gone, r, store.now()));
    store.dispatch.settle(settlement).await.unwrap();
    let day = Duration::from_secs(86_400);
    let expires = store.now().plus(day);
    let quarantined = vec![s::quarantined(&["c@three.example"], expires)];
    let held = store.put(NewMessage { quarantined, ..store.message() }).await;
    store.inspect.retry(&Selection::All, &root()).await.unwrap();
    store.clock.advance(3 * day);
    let keep = Retention { history: 2 * day, evidence: 4 * day };
    let pruned = store.inspect.prune(store.now(), keep).await.unwrap();
    assert_eq!((pruned.messages, pruned.quarantined), (2, 1));
    assert_eq!((pruned.attempts, pruned.events), (0, 0));
    assert!(store.inspect.message_show(kept).await.unwrap().is_some());
    assert!(store.inspect.message_show(gone).await.unwrap().is_none());
    assert!(store.inspect.message_show(held).await.unwrap().is_none());
    assert_eq!(store.claim("one.example").await.message().id, kept);
    let keep = Retention { history: 2 * day, evidence: 2 * day };
    let pruned = store.inspect.prune(store.now(), keep).await.unwrap();
    assert_eq!((pruned.messages, pruned.attempts), (0, 1));
}

fn policy(name: &str) -> PolicyDocument {
    let text = format!(
        "[[domain]]\nname = \"{name}\"\n\n[[rule_data]]\nname = \"S\"\nkind = \"domains\"\nvalues = [\"a.example\", \"b.example\"]\n"
    );
    PolicyDocument::parse_toml(&text, "policy.toml").unwrap().document
}

async fn the_same_policy_makes_no_new_revision(store: &Store) {
    assert_eq!(store.settings.head(), 1);
    let first = store.settings.load(1).await.unwrap().unwrap();
    assert_eq!(first.document, PolicyDocument::initial(store.settings.profile()));
    let done = store.settings.commit(None, &first.document, &root()).await.unwrap();
    assert_eq!((done.revision, done.changed), (1, false));
    let done = store
        .settings
        .commit(Some(1), &policy("a.example"), &Author::new("root", Some("new")))
        .await
        .unwrap();
    assert_eq!((done.revision, done.changed, store.settings.head()), (2, true, 2));
    let done = store.settings.commit(None, &policy("a.example"), &root()).await.unwrap();
    assert_eq!((done.revision, done.changed), (2, false));
    assert_eq!(store.settings.load(2).await.unwrap().unwrap().document, policy("a.example"));
    let history = store.settings.history().await.unwrap();
    assert_eq!(history.iter().map(|line| line.revision).collect::<Vec<_>>(), [2, 1]);
    let newest = history.first().unwrap();
    assert_eq!(
        (newest.by.as_str(), newest.reason.as_deref(), newest.at),
        ("root", Some("new"), store.now())
    );
    assert!(store.settings.load(3).await.unwrap().is_none());
}

async fn a_policy_based_on_an_older_revision_is_a_conflict(store: &Store) {
    store.settings.commit(Some(1), &policy("a.example"), &root()).await.unwrap();
    let error = store.settings.commit(Some(1), &policy("b.example"), &root()).await.unwrap_err();
    assert!(matches!(error, SettingsError::Conflict { base: 1, head: 2 }), "{error}");
    assert_eq!(store.settings.head(), 2);
}

async fn going_back_makes_a_new_revision_of_the_old_policy(store: &Store) {
    let settings = &store.settings;
    settings.commit(None, &policy("a.example"), &root()).await.unwrap();
    settings.commit(None, &policy("b.example"), &root()).await.unwrap();
    let error = settings.rollback(Some(2), 2, &root()).await.unwrap_err();
    assert!(matches!(error, SettingsError::Conflict { base: 2, head: 3 }), "{error}");
    let error = settings.rollback(None, 9, &root()).await.unwrap_err();
    assert!(matches!(error, SettingsError::NoSuchRevision(9)), "{error}");
    let done = settings.rollback(Some(3), 2, &root()).await.unwrap();
    assert_eq!((done.revision, done.changed), (4, true));
    assert_eq!(settings.load(4).await.unwrap().unwrap().document, policy("a.example"));
}

async fn a_new_revision_wakes_who_waits_for_it(store: &Store) {
    let document = PolicyDocument::default();
    let author = root();
    let (woken, done) = tokio::join!(
        store.settings.changed_revision(1),
        store.settings.commit(None, &document, &author),
    );
    assert_eq!(woken, done.unwrap().revision);
}

async fn events_are_kept_in_order(store: &Store) {
    let event = |what: &str| Event {
        at: store.now(),
        kind: EventKind::Anomaly,
        message: None,
        author: None,
        what: what.into(),
        detail: serde_json::json!({ "rule": "r" }),
    };
    store.journal.append(vec![event("one"), event("two")]).await.unwrap();
    store.clock.advance(Duration::from_millis(7));
    store.journal.append(vec![event("three")]).await.unwrap();
    let all = store.journal.events(None).await.unwrap();
    assert_eq!(all.iter().map(|e| e.what.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    let late = store.journal.events(Some(store.now())).await.unwrap();
    assert_eq!(late, [event("three")]);
}
