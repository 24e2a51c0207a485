//! What a write means for the index, and how another process tells of one.
//!
//! A serving process applies [`Effect`]s after its own commits. Another process
//! writes the rows and a [`Change`]; the serving one runs it again, which makes
//! good what its own writes may have overwritten meanwhile, and forgets it.

use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{
    Embedded,
    bodies::Place,
    core::{Core, locked},
    index::Entry,
    queue, rows,
    writer::{Act, Op, tell},
};
use crate::{
    claim::CopyKey,
    error::{Cause, StoreError},
    queue::Wish,
};

/// Rows that one transaction writes, at most, so that nobody else waits long.
pub(super) const BATCH: usize = 150;

/// What another process did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// Recipients of a copy are to be tried again.
    Retry { copy: CopyKey, wishes: Vec<Wish> },
    /// Copies or quarantined recipients of a message came or went.
    Touched(MessageId),
}

/// What is different once a write is committed.
#[derive(Debug)]
pub(super) enum Effect {
    /// A copy that nobody holds is due then.
    Rescheduled { key: CopyKey, due: Timestamp },
    /// These are the copies of a message, and so many rows need its body.
    Touched { message: MessageId, references: u32, place: Option<Place>, copies: Vec<Entry> },
    /// A copy is kept and not tried.
    Held(CopyKey),
    /// This revision of the policy holds.
    Head(u64),
}

impl Change {
    /// Writes what it means for the rows, and gives what it means for the index.
    pub(super) fn run(
        &self,
        connection: &Connection,
        core: &Core,
    ) -> Result<Vec<Effect>, StoreError> {
        match self {
            Self::Retry { copy, wishes } => {
                Ok(queue::grant(connection, core, *copy, wishes)?.into_iter().collect())
            }
            Self::Touched(message) => {
                let (message, references) = (*message, rows::references(connection, *message)?);
                let place = rows::body_place(connection, message)?;
                let copies = rows::load_entries(connection, Some(message))?;
                Ok(vec![Effect::Touched { message, references, place, copies }])
            }
        }
    }
}

/// Tells the serving process, unless this is it.
pub(super) fn announce(
    connection: &Connection,
    core: &Core,
    change: &Change,
) -> Result<(), StoreError> {
    if !core.serving {
        let json = serde_json::to_string(change)?;
        connection.prepare_cached("INSERT INTO change (json) VALUES (?1)")?.execute([json])?;
    }
    Ok(())
}

/// Whether another process has told of something.
pub(super) fn any(connection: &Connection) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM change)")?
        .query_row([], |row| row.get(0))
}

/// Follows what other processes have told of.
pub(super) fn follow() -> Box<dyn Act> {
    Box::new(Follow { effects: Vec::new() })
}

struct Follow {
    effects: Vec<Effect>,
}

impl Act for Follow {
    fn run(&mut self, connection: &Connection, core: &Core) -> Result<(), StoreError> {
        self.effects.clear();
        let mut statement = connection.prepare_cached("SELECT json FROM change ORDER BY id")?;
        let changes = statement.query_map([], |row| row.get::<_, String>(0))?;
        for json in changes {
            match serde_json::from_str::<Change>(&json?) {
                Ok(change) => self.effects.extend(change.run(connection, core)?),
                // Of a newer version, perhaps. What it wrote is in the rows, and
                // is followed at the next start.
                Err(error) => tracing::warn!(%error, "change of another process not understood"),
            }
        }
        connection.execute("DELETE FROM change", [])?;
        Ok(())
    }

    fn done(self: Box<Self>, core: &Core, result: Result<(), StoreError>) {
        match result {
            Ok(()) => apply(core, self.effects),
            Err(error) => {
                tracing::warn!(%error, cause = %error.cause, "changes of other processes not followed yet");
            }
        }
    }
}

/// Shows the index what was committed.
pub(super) fn apply(core: &Core, effects: Vec<Effect>) {
    if effects.is_empty() {
        return;
    }
    for effect in effects {
        match effect {
            Effect::Rescheduled { key, due } => locked(&core.index).reschedule(key, due),
            Effect::Touched { message, references, place, copies } if core.serving => {
                let mut bodies = locked(&core.bodies);
                match (bodies.place(message), place) {
                    (None, Some(place)) if references > 0 => bodies.add(message, place, references),
                    (_, _) => bodies.set_references(message, references),
                }
                drop(bodies);
                let mut index = locked(&core.index);
                copies.into_iter().for_each(|entry| index.insert(entry));
            }
            Effect::Touched { .. } => {}
            Effect::Held(key) => locked(&core.index).hold(key),
            Effect::Head(head) => {
                core.head.send_if_modified(|known| std::mem::replace(known, head) != head);
            }
        }
    }
    core.changed.notify_one();
}

/// A write with an answer.
struct Doing<T, F> {
    work: F,
    outcome: Option<(T, Vec<Effect>)>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Act for Doing<T, F>
where
    T: Send,
    F: FnMut(&Connection, &Core) -> Result<(T, Vec<Effect>), StoreError> + Send,
{
    fn run(&mut self, connection: &Connection, core: &Core) -> Result<(), StoreError> {
        self.outcome = Some((self.work)(connection, core)?);
        Ok(())
    }

    fn done(self: Box<Self>, core: &Core, result: Result<(), StoreError>) {
        let Self { work: _, outcome, answer } = *self;
        let result = result.and_then(|()| {
            let (value, effects) = outcome.ok_or(StoreError::not_applied(Cause::Closed))?;
            apply(core, effects);
            Ok(value)
        });
        tell(answer, result);
    }
}

impl Embedded {
    /// Runs a write in the next group, and gives its answer once it is committed.
    pub(super) async fn act<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection, &Core) -> Result<(T, Vec<Effect>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Op::Act(Box::new(Doing { work, outcome: None, answer })))?;
        answered.await.map_err(|_| StoreError::unknown(Cause::Closed))?
    }
}
