//! Mail coming in.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_policy::id::MessageId;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    Embedded,
    bodies::{OWN_FILE, Place, own_path},
    core::{Core, locked},
    prepare::Prepared,
    writer::Op,
};
use crate::{
    body::{Content, Spill, Spool, Staged, Staging},
    error::{Cause, StoreError, Unhealthy},
    intake,
    message::{NewMessage, Receipt},
    segment::Header,
    traits::Enqueue,
};

/// A message on its way into the store.
pub(super) struct Arrival {
    pub(super) message: Prepared,
    /// A small body, for the segment and for a delivery soon to come.
    body: Option<(Bytes, Header)>,
    /// Where the record is, once it is flushed.
    pub(super) place: Option<Place>,
}

impl Arrival {
    /// A message with a body that goes into the segment, if anybody needs it.
    pub(super) fn small(message: Prepared, body: Bytes, sum: u32) -> Result<Self, StoreError> {
        let header = message.header(sum)?;
        Ok(Self { message, body: header.map(|header| (body, header)), place: None })
    }

    /// A message whose body is in its own file, flushed.
    const fn own_file(message: Prepared, record: u64) -> Self {
        let place = Place { segment: OWN_FILE, at: 0, record };
        Self { message, body: None, place: Some(place) }
    }

    /// Whether its record is still to be written to a segment.
    pub(super) const fn wants_flush(&self) -> bool {
        self.body.is_some() && self.place.is_none()
    }

    /// The record for the segment.
    pub(super) fn record(&self) -> Option<(Header, &[u8], &[u8])> {
        let (body, header) = self.body.as_ref()?;
        Some((*header, body, self.message.envelope.as_deref()?))
    }

    /// Bytes that it adds to a flush.
    pub(super) fn weight(&self) -> usize {
        self.body.as_ref().map_or(0, |(body, _)| body.len())
    }

    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        Ok(self.message.write(connection, self.place)?)
    }

    /// It was not stored: a large body that has its place already goes.
    pub(super) fn discard(&self, core: &Core) {
        if self.place.is_some_and(|place| place.segment == OWN_FILE) {
            locked(&core.bodies).not_needed(self.message.id());
        }
    }

    /// It is committed: it can be sent.
    pub(super) fn apply(self, core: &Core) {
        let Self { message, body, place } = self;
        if let Some(place) = place {
            locked(&core.bodies).add(message.id(), place, message.references());
        }
        let copies = message.into_copies();
        if let Some((body, _)) = body {
            let mut fresh = locked(&core.fresh);
            for (entry, copy) in &copies {
                fresh.keep(entry.key, copy.clone(), body.clone());
            }
        }
        if !copies.is_empty() {
            let mut index = locked(&core.index);
            copies.into_iter().for_each(|(entry, _)| index.insert(entry));
            drop(index);
            core.changed.notify_one();
        }
    }
}

#[async_trait]
impl Enqueue for Embedded {
    fn mint(&self) -> MessageId {
        MessageId::from_ulid(intake::mint(self.core.options.clock.as_ref()))
    }

    fn stage(&self, size_hint: Option<u64>) -> Result<Staging, StoreError> {
        if !self.core.serving {
            return Err(StoreError::not_applied(Cause::NotServing));
        }
        self.core.accepting(size_hint.unwrap_or(0))?;
        let spool = Spool {
            dir: self.core.paths().incoming(),
            reserve: self.core.reserve,
            turns: self.core.turns.clone(),
        };
        Ok(Staging::new(Some(spool), size_hint))
    }

    async fn commit(&self, staged: Staged, message: NewMessage) -> Result<Receipt, StoreError> {
        if !self.core.serving {
            return Err(StoreError::not_applied(Cause::NotServing));
        }
        if let Some(fault) = locked(&self.core.health).fault() {
            return Err(fault.into());
        }
        let id = message.id;
        let prepared = Prepared::new(message, staged.len(), self.core.options.clock.as_ref())?;
        let sum = staged.sum;
        let arrival = match staged.content {
            Content::Memory(body) => Arrival::small(prepared, body, sum)?,
            Content::File { spill, rest } => self.keep((spill, rest), prepared, sum).await?,
            Content::Lost => return Err(StoreError::not_applied(Cause::Closed)),
        };
        let (answer, answered) = oneshot::channel();
        self.send(Op::Arrive(Box::new(arrival), answer))?;
        answered.await.map_err(|_| StoreError::unknown(Cause::Closed))??;
        Ok(Receipt::new(id))
    }

    fn accepts(&self, size: u64) -> Result<(), Unhealthy> {
        if !self.core.serving {
            return Err(Unhealthy::Fault { what: Cause::NotServing.to_string() });
        }
        self.core.accepting(size)
    }
}

impl Embedded {
    /// Gives a large body its place, off the thread that writes. If the message is
    /// refused after that, or its sender gives up meanwhile, the file goes; after a
    /// crash, it goes at the next start.
    async fn keep(
        &self,
        (spill, rest): (Spill, Vec<u8>),
        message: Prepared,
        sum: u32,
    ) -> Result<Arrival, StoreError> {
        let Some(header) = message.header(sum)? else {
            return Arrival::small(message, Bytes::new(), 0);
        };
        let envelope = message.envelope.clone().unwrap_or_default();
        let path = own_path(&self.core.paths().bodies(), message.id());
        let kept = self
            .core
            .turns
            .blocking(move || spill.keep(&header.bytes(), &rest, &envelope, &path))
            .await?;
        let kept = kept.inspect_err(|error| {
            self.core.bodies_failed("writing a large body", error);
        })?;
        // Nothing is waited for between here and the writer, which sees to the file then.
        kept.hand_over();
        Ok(Arrival::own_file(message, header.record()))
    }
}
