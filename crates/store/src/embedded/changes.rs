//! What a write means for the index, and how another process tells of one.
//!
//! A serving process applies [`Effect`]s after its own commits. Another process
//! writes the rows and a [`Change`]; the serving one looks at the rows again,
//! carries out what stands there, and forgets the change.

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
    orders, queue, rows, schema,
    writer::{Act, Op, tell},
};
use crate::{
    claim::CopyKey,
    error::{Cause, StoreError},
};

/// Rows that one transaction writes, at most, so that nobody else waits long.
pub(super) const BATCH: usize = 150;

/// What another process did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// The row of a copy was written: something was ordered.
    Copy(CopyKey),
    /// Copies or quarantined recipients of a message came or went.
    Touched(MessageId),
    /// Which copies are in somebody's hand?
    Ask,
}

/// The answer to [`Change::Ask`], in the table `meta`.
pub(super) const IN_HAND: &str = "in_hand";

/// Copies in somebody's hand, when the change with this number was followed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct InHand {
    pub(super) change: i64,
    pub(super) copies: Vec<CopyKey>,
}

/// What is different once a write is committed.
#[derive(Debug)]
pub(super) enum Effect {
    /// A copy that is in nobody's hand was written: it is due then, or done.
    Placed { key: CopyKey, due: Option<Timestamp> },
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
            Self::Copy(key) => match orders::follow(connection, core, *key) {
                Err(StoreError { cause: Cause::Record(_), .. }) => {
                    queue::hold_unreadable(connection, core.options.clock.now(), *key)
                }
                followed => followed,
            },
            Self::Touched(message) => Ok(vec![touched(connection, *message)?]),
            // The answer is given when all of them have been followed.
            Self::Ask => Ok(Vec::new()),
        }
    }
}

/// What the rows say about a message by now.
pub(super) fn touched(connection: &Connection, message: MessageId) -> Result<Effect, StoreError> {
    let references = rows::references(connection, message)?;
    let place = rows::body_place(connection, message)?;
    let copies = rows::load_entries(connection, Some(message))?;
    Ok(Effect::Touched { message, references, place, copies })
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

/// What there is to follow: the first change that another process told of, and how
/// many copies wait for what is ordered about them though nobody has them in hand.
pub(super) fn left(
    connection: &Connection,
    core: &Core,
) -> Result<(Option<i64>, usize), rusqlite::Error> {
    let first =
        connection.prepare_cached("SELECT min(id) FROM change")?.query_row([], |row| row.get(0))?;
    let mut ordered = rows::ordered_copies(connection)?;
    ordered.retain(|key| !locked(&core.index).is_in_hand(*key));
    Ok((first, ordered.len()))
}

/// Follows what other processes have told of, a batch of it.
pub(super) fn follow() -> Box<dyn Act> {
    Box::new(Follow { effects: Vec::new() })
}

struct Follow {
    effects: Vec<Effect>,
}

impl Act for Follow {
    fn run(&mut self, connection: &Connection, core: &Core) -> Result<(), StoreError> {
        thaw(core, &std::mem::take(&mut self.effects));
        let mut statement =
            connection.prepare_cached("SELECT id, json FROM change ORDER BY id LIMIT ?1")?;
        let changes = statement.query_map([i64::try_from(BATCH).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })?;
        let (mut asked, mut last, mut count) = (None, 0, 0_usize);
        for change in changes {
            let (id, json): (i64, String) = change?;
            (last, count) = (id, count.saturating_add(1));
            match serde_json::from_str::<Change>(&json) {
                Ok(Change::Ask) => asked = Some(id),
                Ok(change) => self.effects.extend(change.run(connection, core)?),
                // Of a newer version, perhaps. What it wrote is in the rows, and
                // is followed at the next start.
                Err(error) => tracing::warn!(%error, "change of another process not understood"),
            }
        }
        connection.execute("DELETE FROM change WHERE id <= ?1", [last])?;
        // Of copies that came back without a settlement, nobody tells.
        let mut ordered = rows::ordered_copies(connection)?;
        ordered.retain(|key| !locked(&core.index).is_in_hand(*key));
        for key in ordered.into_iter().take(BATCH.saturating_sub(count)) {
            self.effects.extend(Change::Copy(key).run(connection, core)?);
        }
        if let Some(change) = asked {
            let answer = InHand { change, copies: locked(&core.index).all_in_hand() };
            schema::set_meta(connection, IN_HAND, &serde_json::to_string(&answer)?)?;
        }
        Ok(())
    }

    fn done(self: Box<Self>, core: &Core, result: Result<(), StoreError>) {
        match result {
            Ok(()) => apply(core, self.effects),
            Err(error) => {
                thaw(core, &self.effects);
                tracing::warn!(%error, cause = %error.cause, "changes of other processes not followed yet");
            }
        }
    }
}

/// What was to be written about copies was not: they are as they were.
pub(super) fn thaw(core: &Core, effects: &[Effect]) {
    let mut index = locked(&core.index);
    for effect in effects {
        if let Effect::Placed { key, due: _ } = effect {
            index.thaw(*key);
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
            Effect::Placed { key, due } if core.serving => {
                // A kept copy would not know of what was ordered.
                drop(locked(&core.fresh).take(&key));
                locked(&core.index).settled(key, due);
            }
            Effect::Placed { .. } => {}
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
        if let Some((_, effects)) = self.outcome.take() {
            thaw(core, &effects);
        }
        self.outcome = Some((self.work)(connection, core)?);
        Ok(())
    }

    fn done(self: Box<Self>, core: &Core, result: Result<(), StoreError>) {
        let Self { work: _, outcome, answer } = *self;
        let result = match (result, outcome) {
            (Ok(()), Some((value, effects))) => {
                apply(core, effects);
                Ok(value)
            }
            (Ok(()), None) => Err(StoreError::not_applied(Cause::Closed)),
            (Err(error), outcome) => {
                thaw(core, &outcome.map(|(_, effects)| effects).unwrap_or_default());
                Err(error)
            }
        };
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
