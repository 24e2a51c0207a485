//! Lists, on both backends.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatepost_policy::document::Profile;

use super::*;
use crate::{
    Author, Clock, Closed, Dispatch, Enqueue, Inspect, ManualClock, NewMessage, Order, Verdict,
    embedded::{self, Mode, Options},
    filter,
    memory::Memory,
    samples as s,
};

/// What a list is read from.
trait Lists: Browse + Enqueue + Dispatch + Inspect {}
impl<S: Browse + Enqueue + Dispatch + Inspect> Lists for S {}

/// Everything that may become of a message, a minute apart; gives the ids.
async fn fill(store: &dyn Lists, clock: &ManualClock) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for (to, subject) in [
        ("anna@delivered.example", "Angebot 4711"),
        ("bert@bounced.example", "Rechnung <script>"),
        ("carl@waiting.example", "Grüße"),
        ("dora@held.example", "noch etwas"),
        ("emil@deleted.example", "weg"),
    ] {
        clock.advance(Duration::from_secs(60));
        let copies = vec![s::copy(&[to], vec![s::require()])];
        let message = NewMessage { copies, subject: subject.into(), ..message(store, clock) };
        ids.push(s::put(store, b"Subject: x\r\n\r\nhello\r\n", message).await);
    }
    for (to, how) in [("delivered.example", true), ("bounced.example", false)] {
        let claim = s::claim_one(store, to, clock.now()).await;
        let id = claim.message.id;
        let settlement = claim.settle(|r| {
            if how { s::delivered(id, r, clock.now()) } else { s::bounced(id, r, clock.now()) }
        });
        store.settle(settlement).await.unwrap();
    }
    let claim = s::claim_one(store, "waiting.example", clock.now()).await;
    let id = claim.message.id;
    store.settle(claim.settle(|r| s::deferred(id, r, clock.now()))).await.unwrap();
    let author = Author::new("ops", Some("ticket 4711"));
    for (domain, order) in [("held.example", Order::Hold), ("deleted.example", Order::Delete)] {
        let acted =
            store.queue_order(&Selection::Domain(domain.into()), order, &author, Some(1)).await;
        assert_eq!(acted.unwrap().done.len(), 1);
    }
    clock.advance(Duration::from_secs(60));
    let kept = s::quarantined(&["fred@kept.example"], clock.now().plus(Duration::from_secs(9999)));
    let message = NewMessage { quarantined: vec![kept], ..message(store, clock) };
    ids.push(s::put(store, b"Subject: x\r\n\r\nhello\r\n", message).await);
    clock.advance(Duration::from_secs(60));
    let closed = |to: &str, verdict| Closed {
        recipient: s::recipient(to).mailbox,
        direction: gatepost_policy::direction::Direction::Inbound,
        matched: Vec::new(),
        verdict,
        rule: Some("No \"spam\"".into()),
    };
    let closed = vec![
        closed("gerd@refused.example", Verdict::Reject),
        closed("hans@thrown.example", Verdict::Delete),
    ];
    let message = NewMessage { closed, ..self::message(store, clock) };
    ids.push(s::put(store, b"Subject: x\r\n\r\nhello\r\n", message).await);
    ids
}

fn message(store: &dyn Lists, clock: &ManualClock) -> NewMessage {
    s::message(store.mint(), clock.now())
}

/// Reads a list to its end in pages of `most`.
async fn read<T, M: Copy + fmt::Display + FromStr<Err: fmt::Debug>>(
    most: usize,
    mut page: impl AsyncFnMut(Wanted<M>) -> Listed<T, M>,
) -> Vec<T> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let listed = page(Wanted { after, most }).await;
        assert!(listed.items.len() <= most);
        all.extend(listed.items);
        // A mark survives being written down.
        after = listed.next.map(|mark| mark.to_string().parse().unwrap());
        if after.is_none() {
            return all;
        }
    }
}

async fn history(store: &dyn Lists, search: HistorySearch) -> Vec<HistoryLine> {
    read(2, async |page| store.browse_history(&search, page).await.unwrap()).await
}

async fn history_tells_what_became_of_everybody(store: &dyn Lists, clock: &ManualClock) {
    let ids = fill(store, clock).await;
    let all = history(store, HistorySearch::default()).await;
    let mut newest_first = ids.clone();
    newest_first.reverse();
    assert_eq!(all.iter().map(|line| line.id).collect::<Vec<_>>(), newest_first);
    let first = store
        .browse_history(&HistorySearch::default(), Wanted { after: None, most: 2 })
        .await
        .unwrap();
    assert_eq!(first.total, Some(7));
    let states: BTreeSet<(String, RecipientState)> = all
        .iter()
        .flat_map(|line| &line.recipients)
        .map(|one| (one.recipient.split('@').next().unwrap().to_owned(), one.state))
        .collect();
    let wanted = [
        ("anna", RecipientState::Delivered),
        ("bert", RecipientState::Bounced),
        ("carl", RecipientState::Waiting),
        ("dora", RecipientState::Held),
        ("emil", RecipientState::Deleted),
        ("fred", RecipientState::Quarantined),
        ("gerd", RecipientState::Rejected),
        ("hans", RecipientState::Deleted),
    ];
    assert_eq!(states, wanted.map(|(name, state)| (name.to_owned(), state)).into());
    for line in all.iter().flat_map(|line| &line.recipients) {
        assert!(line.reason.as_deref().is_some_and(|reason| reason.len() > 5), "{line:?}");
    }
    for (state, count) in [
        (RecipientState::Waiting, 1),
        (RecipientState::Sending, 0),
        (RecipientState::Held, 1),
        (RecipientState::Delivered, 1),
        (RecipientState::Bounced, 1),
        (RecipientState::Quarantined, 1),
        (RecipientState::Rejected, 1),
        (RecipientState::Deleted, 2),
    ] {
        let search = HistorySearch { state: Some(state), ..HistorySearch::default() };
        assert_eq!(history(store, search).await.len(), count, "{}", state.word());
    }
}

async fn history_is_searched(store: &dyn Lists, clock: &ManualClock) {
    let ids = fill(store, clock).await;
    let entry = store.queue_list().await.unwrap().first().unwrap().clone();
    let text = |text: &str| HistorySearch { text: Some(text.into()), ..HistorySearch::default() };
    let (waiting, entry) = (ids[2], entry.id.to_string());
    let none = HistorySearch::default;
    for (search, found) in [
        (text("ANGEBOT"), vec![ids[0]]),
        (text("grüße"), vec![ids[6], ids[5], ids[2]]),
        (text("bounced.example"), vec![ids[1]]),
        (text("Sender@ACME"), ids.iter().rev().copied().collect()),
        (text(&ids[4].to_string()), vec![ids[4]]),
        (text(&entry), vec![waiting]),
        (text("01ARZ3NDEKTSV4RRFFQ69G5FAV"), vec![]),
        (text("client.example"), vec![]),
        (
            HistorySearch { sender: Some("SENDER@acme.example".into()), ..none() },
            ids.iter().rev().copied().collect(),
        ),
        (HistorySearch { sender: Some("<>".into()), ..none() }, vec![]),
        (
            HistorySearch { recipient: Some("Anna@Delivered.example".into()), ..none() },
            vec![ids[0]],
        ),
        (HistorySearch { domain: Some("waiting.example".into()), ..none() }, vec![ids[2]]),
        (HistorySearch { domain: Some("example".into()), ..none() }, vec![]),
        (HistorySearch { rule: Some("no \"SPAM\"".into()), ..none() }, vec![ids[6]]),
        (HistorySearch { rule: Some("Hold".into()), ..none() }, vec![ids[5]]),
        (HistorySearch { since: Some(clock.now()), ..none() }, vec![ids[6]]),
        (
            HistorySearch { until: Some(s::start().plus(Duration::from_secs(60))), ..none() },
            vec![ids[0]],
        ),
    ] {
        let lines = history(store, search.clone()).await;
        assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), found, "{search:?}");
    }
}

async fn attempts_are_read_newest_first(store: &dyn Lists, clock: &ManualClock) {
    fill(store, clock).await;
    let of = async |search: Search| -> Vec<String> {
        let lines = read(1, async |page| store.browse_attempts(&search, page).await.unwrap()).await;
        assert!(lines.is_sorted_by_key(|line| std::cmp::Reverse(line.attempt.at)));
        assert!(lines.iter().all(|line| line.subject.is_some() && line.sender.is_some()));
        let mut names: Vec<_> = lines
            .iter()
            .map(|l| l.attempt.recipient.split('@').next().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let text = |text: &str| Search { text: Some(text.into()), ..Search::default() };
    let why = |why| Search { why: Some(why), ..Search::default() };
    for (search, found) in [
        (Search::default(), vec!["anna", "bert", "carl"]),
        (text("angebot"), vec!["anna"]),
        (text("BOUNCED"), vec!["bert"]),
        (
            Search {
                outcome: Some(gatepost_policy::evidence::Ending::Deferred),
                ..Search::default()
            },
            vec!["carl"],
        ),
        (why(Why::StartTlsNotOffered), vec!["bert", "carl"]),
        (why(Why::TlsAlert), vec![]),
        (Search { level: Some(Level::Require), ..Search::default() }, vec!["anna", "bert", "carl"]),
        (Search { level: Some(Level::Verify), ..Search::default() }, vec![]),
        (
            Search { sender: Some("sender@ACME.example".into()), ..Search::default() },
            vec!["anna", "bert", "carl"],
        ),
        (Search { domain: Some("waiting.example".into()), ..Search::default() }, vec!["carl"]),
        (
            Search { recipient: Some("ANNA@delivered.example".into()), ..Search::default() },
            vec!["anna"],
        ),
        (Search { until: Some(s::start()), ..Search::default() }, vec![]),
        (
            Search { since: Some(s::start()), until: Some(clock.now()), ..Search::default() },
            vec!["anna", "bert", "carl"],
        ),
    ] {
        assert_eq!(of(search.clone()).await, found, "{search:?}");
    }
}

async fn refusals_and_hours_add_up(store: &dyn Lists, clock: &ManualClock) {
    fill(store, clock).await;
    let refusals = store.refusals().await.unwrap();
    let [one] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!((one.domain.as_str(), one.count), ("waiting.example", 1));
    assert_eq!(one.why, Why::StartTlsNotOffered);
    assert_eq!(one.oldest, s::start().plus(Duration::from_secs(180)));
    let hours = store.received(s::start()).await.unwrap();
    assert_eq!(hours.iter().map(|(_, count)| count).sum::<u64>(), 7);
    assert!(hours.iter().all(|(at, _)| at.millis() % HOUR == 0));
    assert!(store.received(clock.now().plus(Duration::from_secs(1))).await.unwrap().is_empty());
}

async fn the_queue_is_paged_and_shaped(store: &dyn Lists, clock: &ManualClock) {
    let many = ["a@many.example", "b@many.example", "c@many.example"];
    let copies = vec![s::copy(&many, vec![s::require()])];
    s::put(store, b"x: y\r\n\r\n", NewMessage { copies, ..message(store, clock) }).await;
    clock.advance(Duration::from_secs(15 * 60));
    s::send(store, clock.now(), "d@one.example").await;
    let selection = |text: &str| Selection::Filter {
        filter: Box::new(filter::parse(text).unwrap()),
        default: Level::Try,
    };
    for (selection, found) in [
        (Selection::All, "abcd"),
        (Selection::Domain("MANY.example".into()), "abc"),
        (selection("domain=many.example and recipient=b*"), "b"),
        (selection("not domain=many.example"), "d"),
        (selection("age>10m"), "abc"),
        (selection("domain=none.example"), ""),
    ] {
        for most in [1, 2, 10] {
            let entries =
                read(most, async |page| store.browse_queue(&selection, page).await.unwrap()).await;
            let names: String =
                entries.iter().map(|entry| entry.recipient.chars().next().unwrap()).collect();
            assert_eq!(names, found, "{selection:?}");
        }
        let shape = store.queue_shape(&selection, By::Domain).await.unwrap();
        assert_eq!(shape.total.total, found.len(), "{selection:?}");
        assert_eq!(store.queue_count(&selection).await.unwrap(), found.len());
    }
    let shape = store.queue_shape(&Selection::All, By::Domain).await.unwrap();
    let rows: Vec<_> = shape.rows.iter().map(|row| (row.key.as_str(), row.line.ages)).collect();
    assert_eq!(
        rows,
        [
            ("many.example", [0, 0, 3, 0, 0, 0, 0, 0, 0, 0]),
            ("one.example", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ]
    );
    assert_eq!(store.oldest_waiting().await.unwrap(), Some(s::start()));
}

async fn the_quarantine_is_paged(store: &dyn Lists, clock: &ManualClock) {
    assert_eq!(store.oldest_waiting().await.unwrap(), None);
    let expires = clock.now().plus(Duration::from_secs(99_999));
    for to in ["a@one.example", "b@two.example", "c@one.example"] {
        clock.advance(Duration::from_secs(1));
        let quarantined = vec![s::quarantined(&[to], expires)];
        let message = NewMessage { quarantined, ..message(store, clock) };
        s::put(store, b"x: y\r\n\r\n", message).await;
    }
    for (text, found) in
        [(None, "cba"), (Some("ONE.example"), "ca"), (Some("hold"), "cba"), (Some("q"), "")]
    {
        let entries =
            read(1, async |page| store.browse_quarantine(text, page).await.unwrap()).await;
        let names: String =
            entries.iter().map(|entry| entry.recipient.chars().next().unwrap()).collect();
        assert_eq!(names, found, "{text:?}");
    }
    let page = Wanted { after: None, most: 1 };
    assert_eq!(store.browse_quarantine(None, page).await.unwrap().total, Some(3));
}

/// Runs a test on both backends.
macro_rules! on_both {
    ($($name:ident;)*) => { $(
        mod $name {
            #[tokio::test]
            async fn in_memory() {
                let clock = super::s::clock();
                let store = super::Memory::new(super::Profile::Standard, super::Arc::<super::ManualClock>::clone(&clock));
                super::$name(&store, &clock).await;
            }

            #[tokio::test]
            async fn on_disk() {
                let (dir, clock) = (tempfile::tempdir().unwrap(), super::s::clock());
                super::$name(&super::s::serve(dir.path(), &clock).await, &clock).await;
            }
        }
    )* };
}

on_both! {
    history_tells_what_became_of_everybody;
    history_is_searched;
    attempts_are_read_newest_first;
    the_queue_is_paged_and_shaped;
    the_quarantine_is_paged;
    refusals_and_hours_add_up;
}

/// A clock on which every look takes as long as a page may.
struct Slow {
    at: Arc<ManualClock>,
    looks: AtomicU64,
}

#[async_trait]
impl Clock for Slow {
    fn now(&self) -> Timestamp {
        self.at.now()
    }

    fn monotonic(&self) -> Duration {
        PATIENCE.saturating_mul(u32::try_from(self.looks.fetch_add(1, Ordering::Relaxed)).unwrap())
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.at.sleep_until(at).await;
    }
}

#[tokio::test]
async fn a_search_that_takes_long_gives_what_it_has_and_goes_on() {
    let (dir, manual) = (tempfile::tempdir().unwrap(), s::clock());
    let clock = Arc::new(Slow { at: Arc::clone(&manual), looks: AtomicU64::new(0) });
    let options = Options { disk_reserve: Some(0), ..Options::new(Profile::Standard, clock) };
    let store = embedded::open(dir.path(), options, Mode::Serve).await.unwrap();
    for number in 0..150 {
        // Ids of one millisecond have no order.
        manual.advance(Duration::from_millis(1));
        let to = if number == 3 { "x@rare.example" } else { "x@common.example" };
        s::send(&store, manual.now(), to).await;
    }
    let search = HistorySearch { domain: Some("rare.example".into()), ..HistorySearch::default() };
    let first = store.browse_history(&search, Wanted { after: None, most: 10 }).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some());
    assert_eq!(history(&store, search).await.len(), 1);
    let selection = Selection::Filter {
        filter: Box::new(filter::parse("recipient=*rare*").unwrap()),
        default: Level::Try,
    };
    let entries = read(10, async |page| store.browse_queue(&selection, page).await.unwrap()).await;
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn what_comes_in_while_somebody_pages_repeats_and_hides_nothing() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
    let store = s::serve(dir.path(), &clock).await;
    let mut ids = Vec::new();
    for _ in 0..250 {
        clock.advance(Duration::from_millis(1));
        ids.push(s::send(&store, clock.now(), "x@one.example").await);
    }
    let pages = async |page| {
        clock.advance(Duration::from_millis(1));
        s::send(&store, clock.now(), "y@two.example").await;
        store.browse_history(&HistorySearch::default(), page).await.unwrap()
    };
    let seen: Vec<MessageId> = read(7, pages).await.iter().map(|line| line.id).collect();
    ids.reverse();
    // The first page shows the one that came in before it.
    assert_eq!(seen.get(1..).unwrap(), ids);
}

#[test]
fn a_text_that_is_no_mark_is_refused() {
    for text in [
        "",
        "1",
        "1.2",
        "1.2.x",
        "x.2.01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "1.-2.01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ] {
        assert!(text.parse::<Mark>().is_err(), "{text}");
        assert!(text.parse::<QueueMark>().is_err(), "{text}");
    }
    let text = "-5.7.01ARZ3NDEKTSV4RRFFQ69G5FAV";
    assert_eq!(text.parse::<Mark>().unwrap().to_string(), text);
}
