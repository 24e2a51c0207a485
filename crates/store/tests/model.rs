//! Any history of the store on disk agrees with the model, crashes included.
//!
//! A crash is a copy of the directory at that moment, opened in place of the one
//! whose process "died": claims are lost, nothing is closed, nothing is flushed
//! that was not.

#![expect(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[path = "../src/samples.rs"]
#[expect(dead_code, reason = "the unit tests use the rest")]
mod samples;

use std::{path::Path, sync::Arc, time::Duration};

use gatepost_policy::{document::Profile, evidence::Ending, id::MessageId, tls::Level};
use gatepost_store::{
    Author, Claim, Clock as _, Dispatch, Enqueue as _, Inspect as _, Ledger as _, ManualClock,
    NewMessage, Order, Ready, Search, Selection, embedded::Embedded, memory::Memory,
};
use gatepost_wire::timestamp::Timestamp;
use proptest::prelude::*;
use samples as s;

const DOMAINS: [&str; 3] = ["one.example", "two.example", "three.example"];

#[derive(Clone, Debug)]
enum Step {
    Enqueue { domains: Vec<usize>, recipients: usize, size: usize },
    Quarantine { domain: usize, recipients: usize },
    Claim { domain: usize, max: usize },
    Settle { claim: usize, outcomes: Vec<Ending>, notice: bool },
    Release { claim: usize },
    Retry { domain: Option<usize> },
    Order { domain: Option<usize>, order: Order, count: bool },
    ReleaseQuarantine,
    DeleteQuarantine { domain: usize },
    Advance { seconds: u64 },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => 0_usize..5_000, 1 => 200_000_usize..600_000];
    let ending =
        prop_oneof![Just(Ending::Delivered), Just(Ending::Deferred), Just(Ending::Bounced)];
    prop_oneof![
        6 => (prop::collection::vec(0_usize..3, 0..3), 1_usize..4, size)
            .prop_map(|(domains, recipients, size)| Step::Enqueue { domains, recipients, size }),
        2 => (0_usize..3, 1_usize..3)
            .prop_map(|(domain, recipients)| Step::Quarantine { domain, recipients }),
        5 => (0_usize..3, prop_oneof![Just(1_usize), Just(99)])
            .prop_map(|(domain, max)| Step::Claim { domain, max }),
        6 => (any::<usize>(), prop::collection::vec(ending, 1..4), prop::bool::weighted(0.2))
            .prop_map(|(claim, outcomes, notice)| Step::Settle { claim, outcomes, notice }),
        1 => any::<usize>().prop_map(|claim| Step::Release { claim }),
        2 => prop::option::of(0_usize..3).prop_map(|domain| Step::Retry { domain }),
        4 => (
            prop::option::of(0_usize..3),
            prop::sample::select(vec![Order::Hold, Order::Release, Order::Bounce, Order::Delete]),
            any::<bool>(),
        )
            .prop_map(|(domain, order, count)| Step::Order { domain, order, count }),
        1 => Just(Step::ReleaseQuarantine),
        1 => (0_usize..3).prop_map(|domain| Step::DeleteQuarantine { domain }),
        2 => (0_u64..400).prop_map(|seconds| Step::Advance { seconds }),
        2 => Just(Step::Crash),
    ]
}

/// The lanes that are ready, and when the next copy is due.
type Schedule = (Vec<Ready>, Option<Timestamp>);

/// The two stores, and what is claimed of both.
struct Pair {
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
    real: Embedded,
    model: Memory,
    claims: Vec<(Claim, Claim)>,
    messages: Vec<MessageId>,
}

impl Pair {
    async fn new() -> Self {
        let clock = s::clock();
        let dir = tempfile::tempdir().unwrap();
        Self {
            real: s::serve(dir.path(), &clock).await,
            model: Memory::new(Profile::Standard, Arc::<ManualClock>::clone(&clock)),
            clock,
            dir,
            claims: Vec::new(),
            messages: Vec::new(),
        }
    }

    fn message(&mut self) -> NewMessage {
        let id = self.real.mint();
        self.messages.push(id);
        s::message(id, self.clock.now())
    }

    async fn put(&self, body: &[u8], message: NewMessage) {
        let real = s::put(&self.real, body, message.clone()).await;
        assert_eq!(real, s::put(&self.model, body, message).await);
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Enqueue { mut domains, recipients, size } => {
                domains.sort_unstable();
                domains.dedup();
                let copies = domains
                    .iter()
                    .map(|domain| {
                        s::copy(&refs(&addresses(*domain, recipients)), vec![s::require()])
                    })
                    .collect();
                let message = NewMessage { copies, ..self.message() };
                let mark = message.id.to_string().into_bytes();
                let body: Vec<u8> = mark.into_iter().cycle().take(size).collect();
                self.put(&body, message).await;
            }
            Step::Quarantine { domain, recipients } => {
                let expires = self.clock.now().plus(Duration::from_secs(86_400));
                let group = s::quarantined(&refs(&addresses(domain, recipients)), expires);
                let message = NewMessage { quarantined: vec![group], ..self.message() };
                self.put(b"held\r\n", message).await;
            }
            Step::Claim { domain, max } => self.claim(domain, max).await,
            Step::Settle { claim, outcomes, notice } => {
                if let Some((real, model)) = self.take(claim) {
                    self.settle(real, model, &outcomes, notice).await;
                }
            }
            Step::Release { claim } => {
                drop(self.take(claim));
                // What was ordered about it is carried out a moment later: first its row, then the schedule.
                for _ in 0..3_000 {
                    let schedules = self.schedules();
                    if schedules.0 == schedules.1
                        && queue(&self.real).await == queue(&self.model).await
                    {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            Step::Order { domain, order, count } => self.order(domain, order, count).await,
            Step::Retry { domain } => {
                let selection =
                    domain.map_or(Selection::All, |d| Selection::Domain(DOMAINS[d].to_owned()));
                let real = self.real.retry(&selection, &Author::new("root", None)).await.unwrap();
                assert_eq!(
                    real,
                    self.model.retry(&selection, &Author::new("root", None)).await.unwrap()
                );
            }
            Step::ReleaseQuarantine => {
                let all = Selection::All;
                let real =
                    self.real.quarantine_release(&all, &Author::new("root", None)).await.unwrap();
                let model =
                    self.model.quarantine_release(&all, &Author::new("root", None)).await.unwrap();
                assert_eq!(real, model);
            }
            Step::DeleteQuarantine { domain } => {
                let picked = Selection::Domain(DOMAINS[domain].to_owned());
                let real =
                    self.real.quarantine_delete(&picked, &Author::new("root", None)).await.unwrap();
                let model = self
                    .model
                    .quarantine_delete(&picked, &Author::new("root", None))
                    .await
                    .unwrap();
                assert_eq!(real, model);
            }
            Step::Advance { seconds } => {
                self.clock.advance(Duration::from_millis(seconds * 1000 + 7));
            }
            Step::Crash => self.crash().await,
        }
    }

    async fn order(&self, domain: Option<usize>, order: Order, count: bool) {
        let selection = domain.map_or(Selection::All, |domain| {
            let text = format!("domain={} and age>=1ms", DOMAINS[domain]);
            let filter = Box::new(gatepost_store::filter::parse(&text).unwrap());
            Selection::Filter { filter, default: Level::Try }
        });
        let author = Author::new("root", None);
        // A count that is right half of the time.
        let count = count.then_some(2);
        let real = self.real.queue_order(&selection, order.clone(), &author, count).await;
        let model = self.model.queue_order(&selection, order, &author, count).await;
        match (real, model) {
            (Ok(real), Ok(model)) => assert_eq!(
                (real.picked, real.done.len(), real.sending.len(), real.refused.len()),
                (model.picked, model.done.len(), model.sending.len(), model.refused.len()),
            ),
            (Err(real), Err(model)) => assert_eq!(real.to_string(), model.to_string()),
            (real, model) => panic!("{real:?} and {model:?}"),
        }
    }

    fn take(&mut self, claim: usize) -> Option<(Claim, Claim)> {
        let among = self.claims.len();
        (among > 0).then(|| self.claims.swap_remove(claim % among))
    }

    async fn claim(&mut self, domain: usize, max: usize) {
        let (lane, now) = (s::lane(DOMAINS[domain]), self.clock.now());
        let real = self.real.claim(&lane, max, now).await.unwrap();
        let model = self.model.claim(&lane, max, now).await.unwrap();
        assert_eq!(
            real.iter().map(seen).collect::<Vec<_>>(),
            model.iter().map(seen).collect::<Vec<_>>(),
        );
        for (real, model) in real.into_iter().zip(model) {
            let body = self.real.body(&real).await.unwrap().read_all().await.unwrap();
            let wanted = self.model.body(&model).await.unwrap().read_all().await.unwrap();
            assert!(body == wanted, "body of {}", real.message().id);
            self.claims.push((real, model));
        }
    }

    async fn settle(&mut self, real: Claim, model: Claim, outcomes: &[Ending], notice: bool) {
        let (id, now) = (real.message().id, self.clock.now());
        let decide = |index: &mut usize, recipient: &gatepost_store::QueuedRecipient| {
            let outcome = outcomes[*index % outcomes.len()];
            *index += 1;
            match outcome {
                Ending::Delivered => s::delivered(id, recipient, now),
                Ending::Deferred => s::deferred(id, recipient, now),
                Ending::Bounced => s::bounced(id, recipient, now),
            }
        };
        let (mut first, mut second) = (0, 0);
        let mut real = real.settle(|recipient| decide(&mut first, recipient));
        let mut model = model.settle(|recipient| decide(&mut second, recipient));
        if notice {
            let copies = vec![s::copy(&["sender@three.example"], vec![s::require()])];
            let message = NewMessage { copies, ..self.message() };
            real = real.with_notice(b"sorry\r\n".to_vec(), message.clone());
            model = model.with_notice(b"sorry\r\n".to_vec(), message);
        }
        self.real.settle(real).await.unwrap();
        self.model.settle(model).await.unwrap();
    }

    /// The process dies; another one starts on what is on disk.
    async fn crash(&mut self) {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(self.dir.path(), dir.path());
        self.claims.clear();
        self.real = s::serve(dir.path(), &self.clock).await;
        self.dir = dir;
    }

    /// What is due and when more will be, of both.
    fn schedules(&self) -> (Schedule, Schedule) {
        let of = |store: &dyn Dispatch| {
            let mut ready = store.ready(self.clock.now());
            ready.sort_by(|a, b| a.lane.cmp(&b.lane));
            (ready, store.next_due(Timestamp::from_millis(0)))
        };
        (of(&self.real), of(&self.model))
    }

    /// All that can be seen is the same.
    async fn compare(&self) {
        let now = self.clock.now();
        let (real, model) = self.schedules();
        assert_eq!(real, model);
        assert_eq!(self.real.counts().await.unwrap(), self.model.counts().await.unwrap());
        assert_eq!(queue(&self.real).await, queue(&self.model).await);
        let held = |entries: Vec<gatepost_store::QuarantineEntry>| {
            let mut held: Vec<_> = entries
                .into_iter()
                .map(|e| (e.message, e.recipient, e.rule, e.since, e.expires))
                .collect();
            held.sort();
            held
        };
        let (real, model) = (
            self.real.quarantine_list().await.unwrap(),
            self.model.quarantine_list().await.unwrap(),
        );
        assert_eq!(held(real), held(model));
        let everything = Search::default();
        let mut real = self.real.messages_search(&everything).await.unwrap();
        let mut model = self.model.messages_search(&everything).await.unwrap();
        for attempts in [&mut real, &mut model] {
            attempts.sort_by_key(|a| (a.at, a.message, a.recipient.clone()));
        }
        assert_eq!(real, model);
        let always = Timestamp::from_millis(0);
        assert_eq!(
            self.real.day_sums(always, now, None).await.unwrap(),
            self.model.day_sums(always, now, None).await.unwrap()
        );
        assert_eq!(
            self.real.hour_sums(always).await.unwrap(),
            self.model.hour_sums(always).await.unwrap()
        );
    }

    /// Every body that is needed is whole, and none is kept that is not.
    async fn compare_bodies(&self) {
        for id in &self.messages {
            let real = self.real.message_bytes(*id).await.unwrap();
            let model = self.model.message_bytes(*id).await.unwrap();
            match (real, model) {
                (Some(real), Some(model)) => {
                    let (real, model) = (real.read_all().await, model.read_all().await);
                    assert!(real.unwrap() == model.unwrap(), "body of {id}");
                }
                (real, model) => assert_eq!(real.is_some(), model.is_some(), "body of {id}"),
            }
        }
    }
}

fn addresses(domain: usize, recipients: usize) -> Vec<String> {
    (0..recipients).map(|number| format!("r{number}@{}", DOMAINS[domain])).collect()
}

fn refs(addresses: &[String]) -> Vec<&str> {
    addresses.iter().map(String::as_str).collect()
}

type Seen = (MessageId, u64, Vec<String>, u32, Timestamp);

fn seen(claim: &Claim) -> Seen {
    let (message, copy) = (claim.message(), claim.copy());
    let mut recipients: Vec<_> = copy.recipients.iter().map(|r| r.mailbox.to_string()).collect();
    recipients.sort();
    (message.id, message.size, recipients, copy.attempts, copy.accepted_at)
}

async fn queue(store: &dyn gatepost_store::Inspect) -> Vec<String> {
    let mut lines: Vec<_> = store
        .queue_list()
        .await
        .unwrap()
        .into_iter()
        .map(|e| {
            let (message, recipient, state) = (e.message, e.recipient, e.state);
            let rest = (e.attempts, e.next_attempt, e.accepted_at, e.last, e.demands);
            let orders = (e.asked, e.held, e.pending);
            format!("{message} {recipient} {state:?} {rest:?} {orders:?}")
        })
        .collect();
    lines.sort();
    lines
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_dir(&entry.path(), &target);
        } else if entry.file_name() != "gatepost.db-shm" {
            // The index of the log is memory that processes share; it is no part
            // of what a crash leaves.
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for step in steps {
                pair.apply(step).await;
                pair.compare().await;
            }
            pair.crash().await;
            // A dead process holds no claims.
            pair.compare().await;
            pair.compare_bodies().await;
        });
    }
}
