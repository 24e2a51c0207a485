//! Mail that was sent or waits: settlements, and copies that are held because
//! something about them is broken.

use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, params};

use super::{
    chain::Chain,
    changes::{self, Effect},
    core::{Core, locked},
    enqueue::Arrival,
    journal, orders,
    prepare::Prepared,
    rows,
};
use crate::{
    claim::{CopyKey, Settlement},
    error::StoreError,
    evidence::Prepared as Chained,
    queue::{self, After, Evidence, Merged},
    view::{Event, EventKind},
};

/// A settlement on its way into the store.
pub(super) struct Departure {
    key: CopyKey,
    after: Vec<After>,
    /// Each with its JSON, and ready for the chain.
    evidence: Vec<(Evidence, String, Chained)>,
    next: Option<Timestamp>,
    /// What orders that were given meanwhile did.
    effects: Vec<Effect>,
    pub(super) notices: Vec<Arrival>,
}

impl Departure {
    /// Takes a settlement apart. From here on the copy stays in hand until it is written.
    pub(super) fn new(settlement: Settlement, core: &Core) -> Result<Self, StoreError> {
        let Settlement { hold, results, notices } = settlement;
        let notices = notices
            .into_iter()
            .map(|(body, message)| {
                let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
                let message = Prepared::new(message, size, core.options.clock.as_ref())?;
                let sum = crc32c::crc32c(&body);
                Arrival::small(message, body, sum)
            })
            .collect::<Result<_, StoreError>>()?;
        let (after, evidence) = queue::settle(results);
        let evidence = evidence
            .into_iter()
            .map(|evidence| {
                let json = serde_json::to_string(&evidence.attempt)?;
                let chained = Chained::new(&evidence.attempt, &evidence.domain)?;
                Ok((evidence, json, chained))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Self { key: hold.spend(), after, evidence, next: None, effects: Vec::new(), notices })
    }

    pub(super) const fn message(&self) -> MessageId {
        self.key.message
    }

    pub(super) fn write(
        &mut self,
        connection: &Connection,
        core: &Core,
        chain: &mut Chain<'_>,
    ) -> Result<(), StoreError> {
        for (evidence, json, chained) in &self.evidence {
            chain.add(connection, (evidence, chained), |seq| {
                let (record, place) = ((evidence, json.as_str()), (seq, chained));
                rows::insert_attempt(connection, self.key.message, record, place)
            })?;
        }
        (self.next, self.effects) = self.write_copy(connection, core, chain)?;
        for notice in &self.notices {
            notice.write(connection)?;
            let at = core.options.clock.now();
            let event = queue::report_made(at, self.key.message, notice.message.id());
            journal::insert(connection, &event)?;
        }
        Ok(())
    }

    /// Writes who waits on, by what was ordered while the attempt was going on.
    fn write_copy(
        &self,
        connection: &Connection,
        core: &Core,
        chain: &mut Chain<'_>,
    ) -> Result<(Option<Timestamp>, Vec<Effect>), StoreError> {
        let Some(rows::State { recipients, kept }) = rows::state(connection, self.key)? else {
            return Ok((None, Vec::new()));
        };
        let Merged { waiting, delivered, too_late } = queue::merge(recipients, &self.after, kept);
        chain.left_delivered(connection, delivered)?;
        for (recipient, word) in too_late {
            let at = core.options.clock.now();
            let event = queue::too_late(at, self.key.message, recipient, word);
            journal::insert(connection, &event)?;
        }
        orders::write_copy(connection, self.key, waiting, core.options.clock.now())
    }

    /// It is committed: the copy is done, or due again.
    pub(super) fn apply(self, core: &Core) {
        let Self { key, after: _, evidence: _, next, effects, notices } = self;
        locked(&core.index).settled(key, next);
        if !effects.is_empty() {
            changes::apply(core, effects);
        } else if next.is_some() {
            core.changed.notify_one();
        } else {
            locked(&core.bodies).drop_reference(key.message);
        }
        notices.into_iter().for_each(|notice| notice.apply(core));
    }
}

/// Writes down that a message's body is damaged: it is kept, and never sent.
pub(super) fn hold_damaged(
    connection: &Connection,
    core: &Core,
    message: MessageId,
) -> Result<Vec<Effect>, StoreError> {
    rows::hold_copies(connection, message)?;
    let mut statement =
        connection.prepare_cached("SELECT number FROM copy WHERE message = ?1 AND held <> 0")?;
    let numbers = statement.query_map(params![rows::blob(message.ulid())], |row| row.get(0))?;
    let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
    note(connection, core.options.clock.now(), message, "store.body-damaged")?;
    Ok(numbers.into_iter().map(|number| Effect::Held(CopyKey { message, number })).collect())
}

/// Writes down that the row of a copy cannot be understood: it is kept, and not sent.
/// Its neighbours go on.
pub(super) fn hold_unreadable(
    connection: &Connection,
    now: Timestamp,
    key: CopyKey,
) -> Result<Vec<Effect>, StoreError> {
    tracing::error!(message = %key.message, "a stored record cannot be understood; the message is kept and not sent");
    rows::set_held(connection, key, rows::UNREADABLE)?;
    note(connection, now, key.message, "store.row-unreadable")?;
    Ok(vec![Effect::Held(key)])
}

/// Writes down that a copy that was held is whole, and is sent like any other.
pub(super) fn free(connection: &Connection, core: &Core, key: CopyKey) -> Result<(), StoreError> {
    tracing::info!(message = %key.message, "a held message is whole again, and is sent");
    rows::set_held(connection, key, rows::FREE)?;
    note(connection, core.options.clock.now(), key.message, "store.body-whole")
}

fn note(
    connection: &Connection,
    at: Timestamp,
    message: MessageId,
    what: &str,
) -> Result<(), StoreError> {
    let event = Event {
        at,
        kind: EventKind::Fault,
        message: Some(message),
        author: None,
        what: what.into(),
        detail: serde_json::Value::Null,
    };
    journal::insert(connection, &event)
}
