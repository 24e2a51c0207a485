//! Mail that was sent or waits: settlements, and what people ask of the queue.

use gatepost_policy::{evidence::Ending, id::MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, params};

use super::{
    Embedded,
    changes::{self, Change, Effect},
    core::{Core, locked},
    enqueue::Arrival,
    journal,
    prepare::Prepared,
    rows,
};
use crate::{
    claim::{CopyKey, QueuedRecipient, Settlement},
    error::StoreError,
    queue::{self, Evidence, Settled},
    view::{Author, Event, EventKind, Selection},
};

/// A settlement on its way into the store.
pub(super) struct Departure {
    key: CopyKey,
    waiting: Vec<QueuedRecipient>,
    evidence: Vec<(Evidence, String)>,
    next: Option<Timestamp>,
    pub(super) notices: Vec<Arrival>,
}

impl Departure {
    /// Takes a settlement apart. From here on the copy stays in hand until it is written.
    pub(super) fn new(settlement: Settlement, core: &Core) -> Result<Self, StoreError> {
        let Settlement { hold, results, later, notices } = settlement;
        let notices = notices
            .into_iter()
            .map(|(body, message)| {
                let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
                let message = Prepared::new(message, size, core.options.clock.as_ref())?;
                let sum = crc32c::crc32c(&body);
                Arrival::small(message, body, sum)
            })
            .collect::<Result<_, StoreError>>()?;
        let Settled { waiting, evidence } = queue::settle(results, later);
        let evidence = evidence
            .into_iter()
            .map(|evidence| {
                let json = serde_json::to_string(&evidence.attempt)?;
                Ok((evidence, json))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Self { key: hold.spend(), waiting, evidence, next: None, notices })
    }

    pub(super) const fn message(&self) -> MessageId {
        self.key.message
    }

    pub(super) fn write(&mut self, connection: &Connection, core: &Core) -> Result<(), StoreError> {
        let wishes = locked(&core.index).wishes(self.key);
        queue::grant(&mut self.waiting, &wishes);
        for (evidence, json) in &self.evidence {
            rows::insert_attempt(connection, self.key.message, evidence, json)?;
        }
        self.keep_held(connection)?;
        self.next = rows::update_copy(connection, self.key, &self.waiting)?;
        self.notices.iter().try_for_each(|notice| notice.write(connection))
    }

    /// A copy that is held goes only with those it was delivered to: whatever else the
    /// attempt ended with, the others stay in it until somebody looks after them.
    fn keep_held(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let kept = rows::held_recipients(connection, self.key)?.unwrap_or_default();
        for recipient in kept {
            let entry = recipient.entry;
            let waits = self.waiting.iter().any(|waiting| waiting.entry == entry);
            let mut ended = self.evidence.iter().map(|(evidence, _)| evidence);
            if !waits && !ended.any(|e| e.entry == entry && e.ending == Ending::Delivered) {
                self.waiting.push(recipient);
            }
        }
        Ok(())
    }

    /// It is committed: the copy is done, or due again.
    pub(super) fn apply(self, core: &Core) {
        let Self { key, waiting: _, evidence: _, next, notices } = self;
        locked(&core.index).settled(key, next);
        if next.is_some() {
            core.changed.notify_one();
        } else {
            locked(&core.bodies).drop_reference(key.message);
        }
        notices.into_iter().for_each(|notice| notice.apply(core));
    }
}

impl Embedded {
    /// Makes entries due now, at most [`changes::BATCH`] copies a transaction.
    pub(super) async fn retry_entries(
        &self,
        selection: &Selection,
        author: Author,
    ) -> Result<usize, StoreError> {
        let wanted = selection.clone();
        let keys = self.core.read(move |connection| copies_of(connection, &wanted)).await?;
        let mut count = 0_usize;
        for batch in keys.chunks(changes::BATCH) {
            let (batch, selection, author) = (batch.to_vec(), selection.clone(), author.clone());
            let done = self
                .act(move |connection, core| {
                    let now = core.options.clock.now();
                    retry_copies(connection, core, &batch, &selection, (now, &author))
                })
                .await?;
            count = count.saturating_add(done);
        }
        Ok(count)
    }
}

/// The copies in which entries of a selection may be.
fn copies_of(connection: &Connection, selection: &Selection) -> Result<Vec<CopyKey>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT message, number, recipients FROM copy ORDER BY message, number")?;
    let mut found = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = found.next()? {
        let message = rows::message_id(row, 0)?;
        let picked = match selection {
            Selection::All => true,
            Selection::Ids(ids) if ids.contains(&message.ulid()) => true,
            Selection::Ids(_) | Selection::Domain(_) => {
                let json: String = row.get(2)?;
                let recipients: Vec<QueuedRecipient> = serde_json::from_str(&json)?;
                recipients
                    .iter()
                    .any(|r| selection.picks(r.entry, message, &r.mailbox.domain().key()))
            }
        };
        if picked {
            keys.push(CopyKey { message, number: row.get(1)? });
        }
    }
    Ok(keys)
}

fn retry_copies(
    connection: &Connection,
    core: &Core,
    keys: &[CopyKey],
    selection: &Selection,
    (now, author): (Timestamp, &Author),
) -> Result<(usize, Vec<Effect>), StoreError> {
    let mut count = 0_usize;
    let mut effects = Vec::new();
    for key in keys {
        let Some(mut copy) = rows::load_copy(connection, *key)? else { continue };
        let domain = copy.record.domain.key();
        let wishes = queue::retry(
            &mut copy.recipients,
            |recipient| selection.picks(recipient.entry, key.message, &domain),
            now,
        );
        if wishes.is_empty() {
            continue;
        }
        count = count.saturating_add(wishes.len());
        let event = Event {
            at: now,
            kind: EventKind::Act,
            message: Some(key.message),
            author: Some(author.clone()),
            what: "queue.retry".into(),
            detail: serde_json::json!({ "entries": wishes.iter().map(|w| w.entry).collect::<Vec<_>>() }),
        };
        journal::insert(connection, &event)?;
        let change = Change::Retry { copy: *key, wishes };
        effects.extend(change.run(connection, core)?);
        changes::announce(connection, core, &change)?;
    }
    Ok((count, effects))
}

/// Makes recipients of a copy due, in its row, and for later if it is in somebody's hand.
pub(super) fn grant(
    connection: &Connection,
    core: &Core,
    key: CopyKey,
    wishes: &[queue::Wish],
) -> Result<Option<Effect>, StoreError> {
    let Some(mut copy) = rows::load_copy(connection, key)? else { return Ok(None) };
    locked(&core.index).wish(key, wishes);
    queue::grant(&mut copy.recipients, wishes);
    // The kept copy would not know of it.
    drop(locked(&core.fresh).take(&key));
    let due = rows::update_copy(connection, key, &copy.recipients)?;
    Ok(due.map(|due| Effect::Rescheduled { key, due }))
}

/// Writes down that a message's body is damaged: it is kept, and never sent.
pub(super) fn hold_damaged(
    connection: &Connection,
    core: &Core,
    message: MessageId,
) -> Result<Vec<Effect>, StoreError> {
    rows::hold_copies(connection, message)?;
    let mut statement = connection.prepare_cached("SELECT number FROM copy WHERE message = ?1")?;
    let numbers = statement.query_map(params![rows::blob(message.ulid())], |row| row.get(0))?;
    let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
    note(connection, core, message, "store.body-damaged")?;
    Ok(numbers.into_iter().map(|number| Effect::Held(CopyKey { message, number })).collect())
}

/// Writes down that a copy that was held is whole, and is sent like any other.
pub(super) fn free(connection: &Connection, core: &Core, key: CopyKey) -> Result<(), StoreError> {
    tracing::info!(message = %key.message, "a held message is whole again, and is sent");
    rows::set_held(connection, key, false)?;
    note(connection, core, key.message, "store.body-whole")
}

fn note(
    connection: &Connection,
    core: &Core,
    message: MessageId,
    what: &str,
) -> Result<(), StoreError> {
    let event = Event {
        at: core.options.clock.now(),
        kind: EventKind::Fault,
        message: Some(message),
        author: None,
        what: what.into(),
        detail: serde_json::Value::Null,
    };
    journal::insert(connection, &event)
}
