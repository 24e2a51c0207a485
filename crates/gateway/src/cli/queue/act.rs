//! Orders about waiting mail, and what came of them.
//!
//! What decides for others wants to know how many there are before it is done (`interface.md`, decision 20), and the
//! store checks that in the step in which it does it. An order about a recipient that is being sent takes effect when
//! that attempt ends; the verb waits for that a while (decision 37).

use std::path::Path;
use std::time::Duration;

use gatepost_policy::evidence::Ending;
use gatepost_store::embedded::Embedded;
use gatepost_store::{
    Acted, Author, Clock, EntryState, Inspect, OUTDATED, Order, OrderError, Selection, Sending,
    Settings, SystemClock,
};

use super::super::select::{Chosen, with_default};
use super::super::{Done, Status, Trouble, out, store};
use super::{Gentle, Grave, NOTHING};
use crate::config::{Config, user};
use crate::serve::settings::default_level;

/// How long a verb waits for attempts to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// An order as it was typed.
pub(super) struct Command {
    pub(super) order: Order,
    pub(super) count: Option<usize>,
    pub(super) reason: Option<String>,
}

pub(super) async fn gentle(config: Option<&Path>, gentle: Gentle, order: Order) -> Done {
    let Gentle { chosen, count, reason } = gentle;
    let selection = chosen.selection()?;
    let config = super::super::load(config, NOTHING)?;
    let (store, selection) = open(&config, selection).await?;
    give(&store, &selection, Command { order, count, reason }).await
}

pub(super) async fn grave(config: Option<&Path>, grave: Grave, order: Order) -> Done {
    let Grave { chosen, count, reason } = grave;
    let selection = chosen.selection()?;
    let config = super::super::load(config, NOTHING)?;
    let (store, selection) = open(&config, selection).await?;
    needs_count(&store, &chosen, &selection, (&order, count)).await?;
    give(&store, &selection, Command { order, count, reason }).await
}

/// The store, and the selection as it is meant on it.
pub(super) async fn open(
    config: &Config,
    selection: Selection,
) -> Result<(Embedded, Selection), Trouble> {
    let store = store::open(config).await?;
    let level = default_level(config, store.profile());
    Ok((store, with_default(selection, level)))
}

/// Refuses what decides for others by a filter where nobody said how many there are.
pub(super) async fn needs_count(
    store: &Embedded,
    chosen: &Chosen,
    selection: &Selection,
    (order, count): (&Order, Option<usize>),
) -> Result<(), Trouble> {
    if count.is_some() || !chosen.is_filter() {
        return Ok(());
    }
    let there = store.queue_count(selection).await.map_err(store::failed)?;
    if there == 0 {
        return Err(Trouble::Failed("nothing in the queue matches".to_owned()));
    }
    let (done, noun) = (past(order), if there == 1 { "recipient" } else { "recipients" });
    Err(Trouble::Input(format!(
        "{there} {noun} would be {done}; say --count {there} to have that done. Nothing was done"
    )))
}

/// Gives the order, waits for attempts that are going on, and says what came of it.
pub(super) async fn give(store: &Embedded, selection: &Selection, command: Command) -> Done {
    let Command { order, count, reason } = command;
    if let Selection::Ids(ids) = selection {
        for id in ids {
            if store.queue_find(*id).await.map_err(store::failed)?.is_empty() {
                return Err(Trouble::Failed(format!(
                    "nothing in the queue has the id {id}; nothing was done"
                )));
            }
        }
    }
    let author = Author::new(&user(), reason.as_deref());
    let word = past(&order);
    let waits = !matches!(order, Order::Retry | Order::Release);
    let judged_by = match &order {
        Order::Reevaluate(judgements) => judgements.values().map(|one| one.revision).next(),
        Order::Retry | Order::Hold | Order::Release | Order::Bounce | Order::Delete => None,
    };
    let acted = store.queue_order(selection, order, &author, count).await;
    let acted = acted.map_err(|error| match error {
        OrderError::Count { there, said } => {
            Trouble::Failed(format!("{} match, not {said}; nothing was done", recipients(there)))
        }
        OrderError::Store(error) => store::failed(error),
    })?;
    if acted.picked == 0 {
        return Err(Trouble::Failed("nothing in the queue matches".to_owned()));
    }
    let Acted { picked: _, done, sending, refused } = acted;
    let clock = SystemClock::new();
    let (mut done, mut delivered, mut late, mut outdated) = (done.len(), 0_usize, 0_usize, 0_usize);
    let began = clock.monotonic();
    for sending in sending {
        let left = if waits {
            PATIENCE.saturating_sub(clock.monotonic().saturating_sub(began))
        } else {
            Duration::ZERO
        };
        match outcome(store, &sending, judged_by, left).await? {
            Outcome::Done => done += 1,
            Outcome::Delivered => delivered += 1,
            Outcome::Late => late += 1,
            Outcome::Outdated => outdated += 1,
        }
    }
    let mut text = format!("{} {word}.\n", recipients(done));
    if late > 0 {
        text.push_str(&format!(
            "{} being sent: it takes effect when that attempt ends.\n",
            recipients(late)
        ));
    }
    if delivered > 0 {
        text.push_str(&format!(
            "{} delivered before it could take effect.\n",
            recipients(delivered)
        ));
    }
    if outdated > 0 {
        text.push_str(&format!(
            "{} as before: the rules changed again before the attempt ended.\n",
            recipients(outdated)
        ));
    }
    for (entry, why) in &refused {
        text.push_str(&format!("{entry} not {word}: {}.\n", why.sentence()));
    }
    out::print(&text);
    let fine = delivered == 0 && outdated == 0 && refused.is_empty();
    Ok(if fine { Status::Fine } else { Status::Wrong })
}

enum Outcome {
    Done,
    Delivered,
    Late,
    Outdated,
}

/// What became of an order about a recipient that was being sent; `judged_by` is the revision of a new verdict.
async fn outcome(
    store: &Embedded,
    sending: &Sending,
    judged_by: Option<u64>,
    patience: Duration,
) -> Result<Outcome, Trouble> {
    let Sending { entry, message, recipient } = sending;
    let clock = SystemClock::new();
    let began = clock.monotonic();
    loop {
        let waiting = store.queue_find(message.ulid()).await.map_err(store::failed)?;
        let there = waiting.iter().find(|waiting| waiting.id == *entry);
        let busy = there
            .is_some_and(|entry| entry.pending.is_some() || entry.state == EntryState::Sending);
        if !busy {
            if there.is_some() && judged_by.is_none() {
                return Ok(Outcome::Done);
            }
            break;
        }
        if clock.monotonic().saturating_sub(began) >= patience {
            return Ok(Outcome::Late);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let Some(story) = store.message_show(*message).await.map_err(store::failed)? else {
        return Ok(Outcome::Done);
    };
    let noted = |what: &str, judged_by: Option<u64>| {
        story.events.iter().any(|event| {
            let named = event.detail["recipients"].as_array();
            event.what == what
                && event.detail["judged_by"].as_u64() == judged_by
                && named.is_some_and(|all| all.iter().any(|one| *one == recipient.as_str()))
        })
    };
    // By its new verdict it may have been sent since.
    if judged_by.is_some() {
        return Ok(match (noted(OUTDATED, judged_by), noted("queue.too-late", None)) {
            (true, _) => Outcome::Outdated,
            (false, true) => Outcome::Delivered,
            (false, false) => Outcome::Done,
        });
    }
    let delivered = story
        .attempts
        .iter()
        .any(|attempt| attempt.outcome == Ending::Delivered && attempt.recipient == *recipient);
    Ok(if delivered { Outcome::Delivered } else { Outcome::Done })
}

/// What was done to them.
const fn past(order: &Order) -> &'static str {
    match order {
        Order::Retry => "due now",
        Order::Hold => "held",
        Order::Release => "released",
        Order::Bounce => "bounced",
        Order::Delete => "deleted",
        Order::Reevaluate(_) => "judged anew",
    }
}

/// `1 recipient is`, `3 recipients are`.
pub(super) fn recipients(count: usize) -> String {
    if count == 1 { "1 recipient is".to_owned() } else { format!("{count} recipients are") }
}
