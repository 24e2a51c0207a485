//! Orders about waiting mail: which recipients they are for, and carrying them out.
//!
//! Where nobody else serves from the store, an order is carried out in the
//! transaction that gives it. Beside a gateway it is only written into the rows, and
//! the gateway carries it out: at once, or when the attempt ends that is going on.

use std::{
    collections::HashSet,
    fs::{File, TryLockError},
    sync::Arc,
    time::Duration,
};

use gatepost_policy::id::{EntryId, MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{
    Embedded, audit, browse,
    changes::{self, Change, Effect, InHand},
    core::{Core, locked},
    index, journal, quarantine, queue, rows, schema, settings,
};
use crate::{
    audit::NewAudit,
    claim::{CopyKey, QueuedRecipient},
    disk,
    error::{Cause, StoreError},
    intake::CopyRecord,
    order::{
        self, Acted, Carried, Kept, Order, OrderError, Ordered, Orders, Refused, Sending, Subject,
    },
    view::{CopyState, Event, EventKind, QueueEntry, Selection, Waiting},
};

/// How long a gateway is given to answer or to follow. It looks every 50 ms.
const PATIENCE: Duration = Duration::from_secs(2);

/// Entries of a copy that a selection picks.
type Picked = (CopyKey, Vec<EntryId>);

/// An order, and what decides how it is given.
struct Giving {
    orders: Orders,
    selection: Selection,
    /// Copies in somebody's hand, as the gateway told; empty where this is the gateway.
    in_hand: HashSet<CopyKey>,
    /// Whether it is carried out here.
    direct: bool,
}

/// What an order did, with the copy of each recipient that it took effect on.
#[derive(Default)]
struct Given {
    /// All but those.
    acted: Acted,
    done: Vec<(CopyKey, Sending)>,
}

impl Given {
    /// Puts two answers together.
    fn with(mut self, other: Self) -> Self {
        let Self { acted, done } = other;
        self.acted = self.acted.with(acted);
        self.done.extend(done);
        self
    }
}

impl Embedded {
    /// Gives an order: with a count in one transaction, which does nothing where the
    /// count is wrong; else a batch at a time.
    pub(super) async fn give(
        &self,
        selection: &Selection,
        orders: Orders,
        count: Option<usize>,
    ) -> Result<Acted, OrderError> {
        let in_hand = self.in_hand().await;
        self.give_knowing(selection, orders, count, in_hand).await
    }

    /// Gives an order, where the gateway had these copies in hand a moment ago.
    pub(super) async fn give_knowing(
        &self,
        selection: &Selection,
        orders: Orders,
        count: Option<usize>,
        in_hand: HashSet<CopyKey>,
    ) -> Result<Acted, OrderError> {
        let alone = self.alone();
        let direct = self.core.serving || alone.is_some();
        let giving = Arc::new(Giving { orders, selection: selection.clone(), in_hand, direct });
        let mut given = match count {
            Some(said) => self.give_counted(&giving, said).await?,
            None => self.give_in_batches(&giving).await?,
        };
        drop(alone);
        if !direct {
            self.ask_again(&giving.orders.order, &mut given).await?;
            self.wait_for_gateway(&mut given).await?;
        }
        let Given { mut acted, done } = given;
        acted.done.extend(done.into_iter().map(|(_, one)| one.entry));
        Ok(acted)
    }

    async fn give_counted(&self, giving: &Arc<Giving>, said: usize) -> Result<Given, OrderError> {
        let giving = Arc::clone(giving);
        self.act(move |connection, core| {
            let picked = pick(connection, core, &giving)?;
            let there = picked.iter().map(|(_, entries)| entries.len()).sum();
            if there != said {
                return Ok((Err(OrderError::Count { there, said }), Vec::new()));
            }
            let (given, effects) = give_all(connection, core, &giving, &picked)?;
            Ok((Ok(given), effects))
        })
        .await?
    }

    async fn give_in_batches(&self, giving: &Arc<Giving>) -> Result<Given, OrderError> {
        let (reading, core) = (Arc::clone(giving), Arc::clone(&self.core));
        let picked = self.core.read(move |connection| pick(connection, &core, &reading)).await?;
        let mut given = Given::default();
        for batch in picked.chunks(changes::BATCH) {
            let (batch, giving) = (batch.to_vec(), Arc::clone(giving));
            let done = self
                .act(move |connection, core| give_all(connection, core, &giving, &batch))
                .await?;
            given = given.with(done);
        }
        Ok(given)
    }

    /// Finds those whose attempt had begun before the order was written, though the
    /// gateway had not told of it: the attempt goes before the order.
    async fn ask_again(&self, order: &Order, given: &mut Given) -> Result<(), StoreError> {
        // What is to be tried at once may be in hand because of the order.
        if matches!(order, Order::Retry | Order::Release) || given.done.is_empty() {
            return Ok(());
        }
        let in_hand = self.in_hand().await;
        // Judged anew, it may have been delivered by its new verdict.
        let ends = !matches!(order, Order::Reevaluate(_));
        let done = std::mem::take(&mut given.done);
        let (sending, done): (Vec<_>, Vec<_>) = self
            .core
            .read(move |connection| {
                let mut sending = Vec::new();
                let mut rest = Vec::new();
                for (key, one) in done {
                    let begun = in_hand.contains(&key)
                        || (ends && rows::is_delivered(connection, key.message, one.entry)?);
                    if begun { sending.push(one) } else { rest.push((key, one)) }
                }
                Ok((sending, rest))
            })
            .await?;
        given.acted.sending.extend(sending);
        given.done = done;
        Ok(())
    }

    /// Holds the store's lock together with other tools, so that no gateway serves
    /// from it; `None` if one does.
    fn alone(&self) -> Option<File> {
        if self.core.serving {
            return None;
        }
        let path = self.core.paths().lock();
        let lock = disk::private().read(true).create(true).truncate(false).open(&path).ok()?;
        match lock.try_lock_shared() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
        }
    }

    /// The copies that the gateway is sending. Where none runs, or it does not answer,
    /// there are none.
    pub(super) async fn in_hand(&self) -> HashSet<CopyKey> {
        if self.core.serving {
            return HashSet::new();
        }
        if self.alone().is_some() {
            return HashSet::new();
        }
        match self.ask().await {
            Ok(found) => found.unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "the gateway was not asked what it is sending");
                HashSet::new()
            }
        }
    }

    async fn ask(&self) -> Result<Option<HashSet<CopyKey>>, StoreError> {
        let asked = self
            .act(|connection, core| {
                changes::announce(connection, core, &Change::Ask)?;
                Ok((connection.last_insert_rowid(), Vec::new()))
            })
            .await?;
        let until = self.core.options.clock.monotonic().saturating_add(PATIENCE);
        while self.core.options.clock.monotonic() < until {
            let answer = self
                .core
                .read(|connection| Ok(schema::meta(connection, changes::IN_HAND)?))
                .await?;
            let answer = answer.and_then(|json| serde_json::from_str::<InHand>(&json).ok());
            if let Some(InHand { change, copies }) = answer
                && change >= asked
            {
                return Ok(Some(copies.into_iter().collect()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(None)
    }

    /// Waits until the gateway has followed. What it did not carry out then, it will
    /// when an attempt ends.
    async fn wait_for_gateway(&self, given: &mut Given) -> Result<(), StoreError> {
        let until = self.core.options.clock.monotonic().saturating_add(PATIENCE);
        while self.core.read(|connection| Ok(changes::any(connection)?)).await?
            && self.core.options.clock.monotonic() < until
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pending = self.core.read(pending).await?;
        let (late, done): (Vec<_>, Vec<_>) = std::mem::take(&mut given.done)
            .into_iter()
            .partition(|(_, one)| pending.contains(&one.entry));
        given.done = done;
        given.acted.sending.extend(late.into_iter().map(|(_, one)| one));
        Ok(())
    }

    /// How many recipients a selection picks.
    pub(super) async fn count_waiting(&self, selection: &Selection) -> Result<usize, StoreError> {
        let (selection, core) = (selection.clone(), Arc::clone(&self.core));
        if matches!(selection, Selection::All | Selection::Domain(_)) {
            return self
                .core
                .read(move |connection| browse::count_waiting(connection, &selection))
                .await;
        }
        let in_hand = self.in_hand().await;
        self.core
            .read(move |connection| {
                let picked = select(connection, &core, &selection, &in_hand)?;
                Ok(picked.iter().map(|(_, entries)| entries.len()).sum())
            })
            .await
    }

    /// What a selection picks, with all that a new verdict needs to know.
    pub(super) async fn pick_waiting(
        &self,
        selection: &Selection,
    ) -> Result<Vec<Waiting>, StoreError> {
        let (selection, core) = (selection.clone(), Arc::clone(&self.core));
        let in_hand = self.in_hand().await;
        self.core
            .read(move |connection| {
                let mut waiting = Vec::new();
                for (key, entries) in select(connection, &core, &selection, &in_hand)? {
                    let copy = match rows::load_copy(connection, key) {
                        Ok(Some(copy)) => copy,
                        Ok(None) => continue,
                        // An order about it is refused.
                        Err(StoreError { cause: Cause::Record(_), .. }) => continue,
                        Err(error) => return Err(error),
                    };
                    let entries: HashSet<EntryId> = entries.into_iter().collect();
                    let picked = copy.recipients.iter().filter(|r| entries.contains(&r.entry));
                    waiting.extend(picked.map(|r| Waiting::of(&copy.message, &copy.record, r)));
                }
                Ok(waiting)
            })
            .await
    }
}

/// Recipients about whom something is ordered that is not carried out yet.
fn pending(connection: &Connection) -> Result<HashSet<EntryId>, StoreError> {
    let mut pending = HashSet::new();
    for key in rows::ordered_copies(connection)? {
        let state = match rows::state(connection, key) {
            Ok(Some(state)) => state,
            Ok(None) | Err(StoreError { cause: Cause::Record(_), .. }) => continue,
            Err(error) => return Err(error),
        };
        let ordered = state.recipients.iter().filter(|recipient| recipient.intent.is_some());
        pending.extend(ordered.map(|recipient| recipient.entry));
    }
    Ok(pending)
}

fn pick(connection: &Connection, core: &Core, giving: &Giving) -> Result<Vec<Picked>, StoreError> {
    select(connection, core, &giving.selection, &giving.in_hand)
}

/// The entries that a selection picks, by copy, oldest message first.
fn select(
    connection: &Connection,
    core: &Core,
    selection: &Selection,
    in_hand: &HashSet<CopyKey>,
) -> Result<Vec<Picked>, StoreError> {
    let mut picked: Vec<Picked> = Vec::new();
    each(connection, core, in_hand, None, |key, entry| {
        if selection.takes(&entry, core.options.clock.now()) {
            match picked.last_mut() {
                Some((last, entries)) if *last == key => entries.push(entry.id),
                Some(_) | None => picked.push((key, vec![entry.id])),
            }
        }
    })?;
    Ok(picked)
}

/// Shows every waiting recipient, of one message or of all, oldest message first. A
/// row that cannot be understood is passed over; it is held when it is to be sent.
pub(super) fn each(
    connection: &Connection,
    core: &Core,
    in_hand: &HashSet<CopyKey>,
    message: Option<MessageId>,
    mut show: impl FnMut(CopyKey, QueueEntry),
) -> Result<(), StoreError> {
    // Of one message, its key is what finds them.
    let which = if message.is_some() { "c.message = ?1" } else { "?1 IS NULL" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT c.message, c.number, c.held, c.json, c.recipients, m.sender
         FROM copy c JOIN message m ON m.id = c.message
         WHERE {which} ORDER BY c.message, c.number"
    ))?;
    let mut found = statement.query([message.map(|id| rows::blob(id.ulid()))])?;
    while let Some(row) = found.next()? {
        let key = CopyKey { message: rows::message_id(row, 0)?, number: row.get(1)? };
        let (held, record, recipients, sender): (i64, String, String, String) =
            (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        let read = serde_json::from_str(&record)
            .and_then(|record: CopyRecord| Ok((record, serde_json::from_str(&recipients)?)));
        let (record, recipients): (CopyRecord, Vec<QueuedRecipient>) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(message = %key.message, %error, "a stored record cannot be understood; it is not shown");
                continue;
            }
        };
        let state = CopyState {
            damaged: held != rows::FREE,
            in_hand: in_hand.contains(&key) || locked(&core.index).is_in_hand(key),
        };
        for recipient in &recipients {
            show(key, QueueEntry::of((key.message, &sender), &record, state, recipient));
        }
    }
    Ok(())
}

/// Gives an order about copies. After an error, none of them is frozen.
fn give_all(
    connection: &Connection,
    core: &Core,
    giving: &Giving,
    picked: &[Picked],
) -> Result<(Given, Vec<Effect>), StoreError> {
    let mut given = Given::default();
    let mut effects = Vec::new();
    for (key, entries) in picked {
        match give_one(connection, core, giving, (*key, entries), &mut effects) {
            Ok(done) => given = given.with(done),
            Err(error) => {
                changes::thaw(core, &effects);
                return Err(error);
            }
        }
    }
    if let Some(entry) = noted(giving, &given)
        && let Err(error) = audit::write(connection, giving.orders.now, entry)
    {
        changes::thaw(core, &effects);
        return Err(error);
    }
    Ok((given, effects))
}

/// The entry of the audit log about what an order did; `None` where it did nothing.
fn noted(giving: &Giving, given: &Given) -> Option<NewAudit> {
    let Giving { orders: Orders { order, author, now: _ }, selection, .. } = giving;
    let taken: Vec<&Sending> =
        given.done.iter().map(|(_, one)| one).chain(&given.acted.sending).collect();
    if taken.is_empty() {
        return None;
    }
    let target = match selection {
        Selection::All => "all waiting mail".to_owned(),
        Selection::Domain(domain) => domain.clone(),
        Selection::Filter { .. } => "what a filter picked".to_owned(),
        Selection::Ids(ids) => match ids.as_slice() {
            [id] => id.to_string(),
            ids => format!("{} ids", ids.len()),
        },
    };
    let listed: Vec<_> = taken
        .iter()
        .take(changes::BATCH)
        .map(|Sending { entry, message, recipient }| {
            serde_json::json!({ "id": entry, "message": message, "recipient": recipient })
        })
        .collect();
    let after = serde_json::json!({ "count": taken.len(), "recipients": listed });
    let entry = NewAudit::new(order.word(), author).target(target);
    Some(entry.change(serde_json::Value::Null, after))
}

fn give_one(
    connection: &Connection,
    core: &Core,
    giving: &Giving,
    (key, entries): (CopyKey, &[EntryId]),
    effects: &mut Vec<Effect>,
) -> Result<Given, StoreError> {
    let orders = &giving.orders;
    let (record, mut recipients, damaged) = match subject(connection, key, &orders.order) {
        Ok(Some(found)) => found,
        // Somebody else was faster.
        Ok(None) => return Ok(Given::default()),
        Err(StoreError { cause: Cause::Record(_), .. }) => {
            let refused = entries.iter().map(|entry| (*entry, Refused::Unreadable)).collect();
            let acted = Acted { picked: entries.len(), refused, ..Acted::default() };
            return Ok(Given { acted, done: Vec::new() });
        }
        Err(error) => return Err(error),
    };
    let subject = Subject { record: &record, damaged, head: settings::head(connection)? };
    let Ordered { taken, refused, detail } = orders.write(&mut recipients, entries, subject);
    let mut acted =
        Acted { picked: taken.len().saturating_add(refused.len()), refused, ..Acted::default() };
    if taken.is_empty() {
        return Ok(Given { acted, done: Vec::new() });
    }
    if !detail.is_empty() {
        journal::insert(connection, &event(orders, key.message, &taken, &detail))?;
    }
    let sending: Vec<Sending> = recipients
        .iter()
        .filter(|recipient| taken.contains(&recipient.entry))
        .map(|recipient| Sending::of(key.message, recipient))
        .collect();
    let busy = if core.serving {
        let frozen = locked(&core.index).freeze(key);
        if frozen {
            // So that it is let go of again if anything below fails.
            effects.push(Effect::Placed { key, due: crate::queue::due(&recipients) });
        }
        !frozen
    } else {
        giving.in_hand.contains(&key)
    };
    if giving.direct && !busy {
        let (due, more) = write_copy(connection, key, recipients, orders.now)?;
        if core.serving {
            effects.pop();
            effects.push(Effect::Placed { key, due });
        }
        effects.extend(more);
    } else {
        rows::update_copy(connection, key, &recipients)?;
    }
    changes::announce(connection, core, &Change::Copy(key))?;
    if busy {
        acted.sending = sending;
        return Ok(Given { acted, done: Vec::new() });
    }
    Ok(Given { acted, done: sending.into_iter().map(|one| (key, one)).collect() })
}

/// The rows that an order is about. To be deleted, they need no message that can be
/// understood: it is never sent.
fn subject(
    connection: &Connection,
    key: CopyKey,
    order: &Order,
) -> Result<Option<(CopyRecord, Vec<QueuedRecipient>, bool)>, StoreError> {
    if matches!(order, Order::Delete) {
        return rows::load_rows(connection, key);
    }
    let copy = rows::load_copy(connection, key)?;
    Ok(copy.map(|rows::StoredCopy { message: _, record, recipients, damaged }| {
        (record, recipients, damaged)
    }))
}

fn event(
    orders: &Orders,
    message: MessageId,
    entries: &[EntryId],
    detail: &[serde_json::Value],
) -> Event {
    Event {
        at: orders.now,
        kind: EventKind::Act,
        message: Some(message),
        author: Some(orders.author.clone()),
        what: orders.order.word().into(),
        detail: order::detail(&orders.order, entries, detail),
    }
}

/// Writes the recipients of a copy that is in nobody's hand, and carries out what is
/// ordered about them. Gives when it is due, and what else is different.
pub(super) fn write_copy(
    connection: &Connection,
    key: CopyKey,
    recipients: Vec<QueuedRecipient>,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Vec<Effect>), StoreError> {
    if recipients.iter().all(|recipient| recipient.intent.is_none()) {
        return Ok((rows::update_copy(connection, key, &recipients)?, Vec::new()));
    }
    let record: Option<String> = connection
        .prepare_cached("SELECT json FROM copy WHERE message = ?1 AND number = ?2")?
        .query_row((rows::blob(key.message.ulid()), key.number), |row| row.get(0))
        .optional()?;
    let Some(record) = record else { return Ok((None, Vec::new())) };
    let record: CopyRecord = serde_json::from_str(&record)?;
    let head = settings::head(connection)?;
    let Carried { stay, moved, quarantined, outdated } =
        order::carry_out((key.message, &record), recipients, head, now);
    for event in outdated {
        journal::insert(connection, &event)?;
    }
    // Nobody leaves before the place is written where they go.
    for (record, recipients) in moved {
        let entry = index::Entry {
            key: CopyKey {
                message: key.message,
                number: quarantine::free_number(connection, key.message)?,
            },
            lane: record.lane(),
            due: crate::queue::due(&recipients).unwrap_or(record.accepted_at),
            held: false,
        };
        let (json, recipients) =
            (serde_json::to_string(&record)?, serde_json::to_string(&recipients)?);
        rows::insert_copy(connection, &entry, &json, &recipients)?;
    }
    for kept in quarantined {
        let Kept { entry, record, recipient, rule, company, since, expires } = kept;
        let row = rows::QuarantineRow {
            entry,
            message: key.message,
            since,
            expires,
            domain: &record.domain.key(),
            company,
            rule: &rule,
            json: &serde_json::to_string(&record)?,
            recipient: &serde_json::to_string(&recipient)?,
        };
        rows::insert_quarantine(connection, &row)?;
    }
    let due = rows::update_copy(connection, key, &stay)?;
    Ok((due, vec![changes::touched(connection, key.message)?]))
}

/// Follows what another process wrote into a copy, unless an attempt at it is going
/// on: then its end does.
pub(super) fn follow(
    connection: &Connection,
    core: &Core,
    key: CopyKey,
) -> Result<Vec<Effect>, StoreError> {
    if !locked(&core.index).freeze(key) {
        return Ok(Vec::new());
    }
    let followed = rows::state(connection, key).and_then(|state| match state {
        Some(state) => write_copy(connection, key, state.recipients, core.options.clock.now()),
        None => Ok((None, vec![changes::touched(connection, key.message)?])),
    });
    match followed {
        Ok((due, mut effects)) => {
            effects.insert(0, Effect::Placed { key, due });
            Ok(effects)
        }
        Err(error) => {
            locked(&core.index).thaw(key);
            Err(error)
        }
    }
}

/// Carries out what was ordered and not carried out before the last process ended:
/// each copy in a transaction of its own, so that it is never half done. A row that
/// cannot be understood is held, and its neighbours go on.
pub(super) fn catch_up(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    for (key, held) in rows::all_ordered_copies(connection)? {
        match caught_up(connection, key, now) {
            Ok(()) => {}
            Err(StoreError { cause: Cause::Record(_), .. }) if held == rows::UNREADABLE => {}
            Err(StoreError { cause: Cause::Record(_), .. }) => {
                let transaction = begin(connection)?;
                queue::hold_unreadable(&transaction, now, key)?;
                transaction.commit()?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn caught_up(connection: &Connection, key: CopyKey, now: Timestamp) -> Result<(), StoreError> {
    let transaction = begin(connection)?;
    if let Some(state) = rows::state(&transaction, key)? {
        write_copy(&transaction, key, state.recipients, now)?;
    }
    Ok(transaction.commit()?)
}

fn begin(connection: &Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}
