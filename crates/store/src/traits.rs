//! The five ways into a store, one for each kind of consumer.
//!
//! They are object-safe and are handed around as `Arc<dyn …>`. Backends are
//! modules of this crate and not plug-ins, since "durable" must not mean
//! whatever somebody's plug-in says.

use async_trait::async_trait;
use gatepost_policy::{
    document::{PolicyDocument, Profile},
    evidence::Attempt,
    id::MessageId,
};
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

use crate::{
    body::{Body, Staged, Staging},
    claim::{Claim, Lane, Ready, Settlement},
    error::{StoreError, Unhealthy},
    message::{NewMessage, Receipt},
    order::{Acted, Order, OrderError},
    rulebook::Renamed,
    view::{
        Author, Committed, Counts, Event, MessageStory, Pruned, QuarantineEntry, QueueEntry,
        RecordedVerdict, Retention, Revision, Search, Selection, StoredRevision, Waiting,
    },
};

/// The way in for mail.
#[async_trait]
pub trait Enqueue: Send + Sync {
    /// A new id for a message. Ids of later milliseconds sort later.
    fn mint(&self) -> MessageId;

    /// A place for a body that is about to be received.
    ///
    /// # Errors
    /// [`Unhealthy`] as the cause where a body of that size would bring the disk
    /// below its reserve, or the store takes nothing.
    fn stage(&self, size_hint: Option<u64>) -> Result<Staging, StoreError>;

    /// Stores a message. When this returns a receipt, it is on disk.
    ///
    /// # Errors
    /// After any error the sender is to be told to try again.
    async fn commit(&self, staged: Staged, message: NewMessage) -> Result<Receipt, StoreError>;

    /// Whether mail can be taken at present.
    ///
    /// # Errors
    /// The reason why not.
    fn accepting(&self) -> Result<(), Unhealthy> {
        self.accepts(0)
    }

    /// Whether a message of `size` bytes can be taken at present.
    ///
    /// # Errors
    /// The reason why not: with it, the disk would come below its reserve, or the
    /// store takes nothing at all.
    fn accepts(&self, size: u64) -> Result<(), Unhealthy>;
}

/// The way out for mail.
#[async_trait]
pub trait Dispatch: Send + Sync {
    /// Lanes with copies that are due at `now`, and how many.
    fn ready(&self, now: Timestamp) -> Vec<Ready>;

    /// When the next copy that nobody holds is due, of those due later than `after`.
    fn next_due(&self, after: Timestamp) -> Option<Timestamp>;

    /// Returns after something became due, or was made due earlier. A change
    /// since the last call is not missed; one waiter at a time is told.
    async fn changed(&self);

    /// Takes up to `max` due copies of a lane, longest due first. Nothing is written.
    ///
    /// # Errors
    /// When a record cannot be read; then nothing is claimed. When the store
    /// could not write the outcome down, it hands nothing out.
    async fn claim(
        &self,
        lane: &Lane,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError>;

    /// The body of a claimed message, from its beginning. Ask again to start again.
    ///
    /// # Errors
    /// [`StoreError::is_damage`] when the stored bytes are not those that were
    /// written: the copy is then held, and releasing the claim is all that is left to do.
    async fn body(&self, claim: &Claim) -> Result<Body, StoreError>;

    /// Writes down what became of a claim, with the evidence and the notices.
    ///
    /// # Errors
    /// The store keeps what could not be written and writes it as soon as it can;
    /// until then nobody gets the copy. So there is nothing to be repeated.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Gives a claim back; it stays due. Dropping it does the same.
    fn release(&self, claim: Claim) {
        drop(claim);
    }
}

/// The way in for people.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Every waiting recipient, oldest message first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn queue_list(&self) -> Result<Vec<QueueEntry>, StoreError>;

    /// The waiting recipients that an id means: one entry, or all of a message.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn queue_find(&self, id: Ulid) -> Result<Vec<QueueEntry>, StoreError>;

    /// The waiting recipients that a selection picks, with what the rules decided about them.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn queue_pick(&self, selection: &Selection) -> Result<Vec<Waiting>, StoreError>;

    /// How many waiting recipients a selection picks.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn queue_count(&self, selection: &Selection) -> Result<usize, StoreError>;

    /// How the rules judged the recipients of a message when it came in; `None` where
    /// that is no longer kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn message_verdicts(
        &self,
        id: MessageId,
    ) -> Result<Option<Vec<RecordedVerdict>>, StoreError>;

    /// Does something to waiting recipients. Who did it and why is kept in the journal.
    /// With a `count`, it is done in one step to exactly so many, or not at all. About
    /// a recipient that is being sent it takes effect when that attempt ends, unless
    /// the attempt ends it.
    ///
    /// # Errors
    /// [`OrderError::Count`] where the selection picks another number: nothing was done.
    async fn queue_order(
        &self,
        selection: &Selection,
        order: Order,
        author: &Author,
        count: Option<usize>,
    ) -> Result<Acted, OrderError>;

    /// Makes entries due now, and gives how many. Who did it and why is kept in the journal. One that is being sent is due
    /// again when its attempt ends.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn retry(&self, selection: &Selection, author: &Author) -> Result<usize, StoreError> {
        let acted = self.queue_order(selection, Order::Retry, author, None).await;
        match acted {
            Ok(acted) => Ok(acted.done.len().saturating_add(acted.sending.len())),
            // Without a count there is none that is wrong.
            Err(OrderError::Count { .. }) => Ok(0),
            Err(OrderError::Store(error)) => Err(error),
        }
    }

    /// Attempts that match, oldest first, all of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn messages_search(&self, search: &Search) -> Result<Vec<Attempt>, StoreError>;

    /// All that is known about a message.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn message_show(&self, id: MessageId) -> Result<Option<MessageStory>, StoreError>;

    /// The message as it was received; `None` once nothing waits for it any more.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    async fn message_bytes(&self, id: MessageId) -> Result<Option<Body>, StoreError>;

    /// Every quarantined recipient, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>, StoreError>;

    /// The quarantined recipients that an id means: one entry, or all of a message.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn quarantine_find(&self, id: Ulid) -> Result<Vec<QuarantineEntry>, StoreError>;

    /// Puts quarantined recipients into the queue, due now, with the level that the
    /// rules gave them; gives how many.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn quarantine_release(
        &self,
        selection: &Selection,
        author: &Author,
    ) -> Result<usize, StoreError>;

    /// Deletes quarantined recipients; gives how many.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn quarantine_delete(
        &self,
        selection: &Selection,
        author: &Author,
    ) -> Result<usize, StoreError>;

    /// How much there is.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Removes what has been kept long enough. What still waits keeps its message.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError>;
}

/// The policy and its history.
#[async_trait]
pub trait Settings: Send + Sync {
    /// The revision that holds. A new store has revision 1.
    fn head(&self) -> u64;

    /// A revision with its document.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn load(&self, revision: u64) -> Result<Option<StoredRevision>, StoreError>;

    /// Every revision, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn history(&self) -> Result<Vec<Revision>, StoreError>;

    /// Makes `document` the policy. A policy equal to the one that holds makes no
    /// new revision.
    ///
    /// # Errors
    /// [`SettingsError::Conflict`] if `base` is given and is not the revision that holds.
    async fn commit(
        &self,
        base: Option<u64>,
        document: &PolicyDocument,
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        self.commit_renamed(base, document, &[], author).await
    }

    /// As [`Settings::commit`], where these have another name in `document` and stay the same thing:
    /// they keep their ids.
    ///
    /// # Errors
    /// As [`Settings::commit`].
    async fn commit_renamed(
        &self,
        base: Option<u64>,
        document: &PolicyDocument,
        renamed: &[Renamed],
        author: &Author,
    ) -> Result<Committed, SettingsError>;

    /// Makes the document of an earlier revision the policy again, as a new revision.
    ///
    /// # Errors
    /// [`SettingsError::NoSuchRevision`], and those of [`Settings::commit`].
    async fn rollback(
        &self,
        base: Option<u64>,
        to: u64,
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        self.rollback_renamed(base, to, &[], author).await
    }

    /// As [`Settings::rollback`], where these have another name in the earlier revision and stay the same
    /// thing: they keep their ids.
    ///
    /// # Errors
    /// As [`Settings::rollback`].
    async fn rollback_renamed(
        &self,
        base: Option<u64>,
        to: u64,
        renamed: &[Renamed],
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        let Some(StoredRevision { revision: _, document }) = self.load(to).await? else {
            return Err(SettingsError::NoSuchRevision(to));
        };
        self.commit_renamed(base, &document, renamed, author).await
    }

    /// The profile that the store was made with.
    fn profile(&self) -> Profile;

    /// Returns the revision that holds as soon as it is not `known`.
    async fn changed_revision(&self, known: u64) -> u64;
}

/// Why a policy was not committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SettingsError {
    /// Somebody else was faster.
    #[error(
        "the policy has changed: revision {head} holds, and the change was made to revision {base}"
    )]
    Conflict {
        /// The revision that the change was made to.
        base: u64,
        /// The revision that holds.
        head: u64,
    },
    /// There is no such revision to go back to.
    #[error("there is no revision {0} of the policy")]
    NoSuchRevision(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The journal: what happened, in order.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Adds events. When this returns, they are on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError>;

    /// The events since then, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn events(&self, since: Option<Timestamp>) -> Result<Vec<Event>, StoreError>;
}
