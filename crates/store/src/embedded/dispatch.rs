//! Mail going out: claims in memory, bodies from memory or disk.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;
use tokio::sync::oneshot;

use super::{
    Embedded,
    bodies::{self, Found, OWN_FILE},
    core::{locked, owner},
    queue::{self, Departure},
    rows::{self, StoredCopy},
    writer::Op,
};
use crate::{
    body::{Body, blocking},
    claim::{Claim, CopyKey, Hold, Lane, QueuedCopy, QueuedRecipient, Ready, Settlement},
    error::{Cause, StoreError, Unhealthy},
    queue::{NEVER, due_now},
    traits::Dispatch,
};

#[async_trait]
impl Dispatch for Embedded {
    fn ready(&self, now: Timestamp) -> Vec<Ready> {
        locked(&self.core.index).ready(now)
    }

    fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        locked(&self.core.index).next_due(after)
    }

    async fn changed(&self) {
        self.core.changed.notified().await;
    }

    async fn claim(
        &self,
        lane: &Lane,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        // What could not be written down would be sent again after a crash.
        if let Some(what) = locked(&self.core.health).database.clone() {
            return Err(Unhealthy::Fault { what }.into());
        }
        let keys = locked(&self.core.index).claim(lane, max, now);
        let owner = owner(&self.core);
        let holds: Vec<Hold> = keys.iter().map(|key| Hold::new(*key, owner.clone())).collect();
        let mut found = self.at_hand(&keys);
        let missing: Vec<CopyKey> = keys
            .iter()
            .zip(&found)
            .filter(|(_, at_hand)| at_hand.is_none())
            .map(|(key, _)| *key)
            .collect();
        let mut unreadable = Vec::new();
        if !missing.is_empty() {
            let mut read = self.load(missing, &mut unreadable).await?.into_iter();
            for slot in found.iter_mut().filter(|slot| slot.is_none()) {
                *slot = read.next().flatten().map(|copy| (copy, None));
            }
        }
        let mut claims = Vec::with_capacity(holds.len());
        for (hold, copy) in holds.into_iter().zip(found) {
            match copy {
                // What was ordered a moment ago is not followed yet.
                Some((copy, _)) if !copy.recipients.iter().any(QueuedRecipient::is_free) => {
                    locked(&self.core.index).settled(hold.spend(), Some(NEVER));
                }
                Some((copy, body)) => claims.push(make(hold, copy, body, (lane, now))),
                None if unreadable.contains(&hold.key()) => drop(hold),
                None => {
                    let key = hold.spend();
                    tracing::error!(message = %key.message, "a scheduled message has no row");
                    locked(&self.core.index).settled(key, None);
                }
            }
        }
        Ok(claims)
    }

    async fn body(&self, claim: &Claim) -> Result<Body, StoreError> {
        if let Some(bytes) = &claim.fresh {
            return Ok(Body::memory(bytes.clone()));
        }
        let id = claim.message.id;
        match self.find_body(id).await? {
            Some(body) => Ok(body),
            None => {
                tracing::error!(message = %id, "the stored body is damaged; the message is kept and not sent");
                self.act(move |connection, core| {
                    Ok(((), queue::hold_damaged(connection, core, id)?))
                })
                .await?;
                Err(StoreError::not_applied(Cause::Damaged))
            }
        }
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let departure = Departure::new(settlement, &self.core)?;
        let (answer, answered) = oneshot::channel();
        self.send(Op::Depart(Box::new(departure), Some(answer)))?;
        answered.await.map_err(|_| StoreError::unknown(Cause::Closed))?
    }
}

impl Embedded {
    fn at_hand(&self, keys: &[CopyKey]) -> Vec<Option<(StoredCopy, Option<Bytes>)>> {
        let mut fresh = locked(&self.core.fresh);
        keys.iter().map(|key| fresh.take(key).map(|(copy, body)| (copy, Some(body)))).collect()
    }

    /// Reads copies. One that cannot be understood is held, and stops nobody else.
    async fn load(
        &self,
        keys: Vec<CopyKey>,
        unreadable: &mut Vec<CopyKey>,
    ) -> Result<Vec<Option<StoredCopy>>, StoreError> {
        let read = self
            .core
            .read(move |connection| {
                keys.iter()
                    .map(|key| match rows::load_copy(connection, *key) {
                        Err(StoreError { cause: Cause::Record(_), .. }) => Ok(Err(*key)),
                        Err(error) => Err(error),
                        Ok(copy) => Ok(Ok(copy)),
                    })
                    .collect::<Result<Vec<_>, StoreError>>()
            })
            .await?;
        let mut copies = Vec::with_capacity(read.len());
        for copy in read {
            match copy {
                Ok(copy) => copies.push(copy),
                Err(key) => {
                    self.act(move |connection, core| {
                        Ok(((), queue::hold_unreadable(connection, core.options.clock.now(), key)?))
                    })
                    .await?;
                    unreadable.push(key);
                    copies.push(None);
                }
            }
        }
        Ok(copies)
    }

    /// The body of a message that somebody needs; `None` if it is damaged.
    pub(super) async fn find_body(&self, id: MessageId) -> Result<Option<Body>, StoreError> {
        let mut tried = None;
        loop {
            let known = locked(&self.core.bodies).place(id);
            let place = match known {
                Some(place) => Some(place),
                None => {
                    self.core.read(move |connection| Ok(rows::body_place(connection, id)?)).await?
                }
            };
            let Some(place) = place else { return Err(StoreError::not_applied(Cause::Gone)) };
            if tried == Some(place) {
                return Ok(None);
            }
            tried = Some(place);
            let dir = self.core.paths().bodies();
            let read = move || bodies::read(&dir, id, place);
            // The whole file of a large body is looked at.
            let found = if place.segment == OWN_FILE {
                self.core.turns.blocking(read).await?
            } else {
                blocking(read).await?
            };
            match found {
                Ok(Found::Bytes(bytes)) => return Ok(Some(Body::memory(bytes.into()))),
                Ok(Found::File { file, at, length }) => {
                    return Ok(Some(Body::file(file, self.core.turns.clone(), at, length)));
                }
                Ok(Found::Damaged) => return Ok(None),
                // It may have been copied forward meanwhile: look again where it is.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A claim on a copy, with the recipients that are due.
fn make(
    hold: Hold,
    copy: StoredCopy,
    fresh: Option<Bytes>,
    (lane, now): (&Lane, Timestamp),
) -> Claim {
    let StoredCopy { mut message, record, recipients, damaged: _ } = copy;
    let recipients = due_now(recipients, now);
    message.revision = record.revision.unwrap_or(message.revision);
    let copy = QueuedCopy {
        lane: lane.clone(),
        demands: record.demands,
        edits: record.edits,
        matched: record.matched,
        attempts: recipients.iter().map(|recipient| recipient.attempts).max().unwrap_or(0),
        recipients,
        accepted_at: record.accepted_at,
        fate: record.fate,
    };
    Claim { hold, message, copy, fresh }
}
