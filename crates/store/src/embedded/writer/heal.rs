//! How the writer gets well again after a disk that failed.
//!
//! Nothing is believed that failed once: a new segment and a reopened database have
//! to be written and flushed without a fault first. After a full disk that happens
//! by itself when there is room again.

use std::time::Duration;

use rusqlite::Connection;

use super::{
    super::{core::locked, journal, rows, schema},
    Writer,
};
use crate::{
    disk,
    error::StoreError,
    view::{Event, EventKind},
};

/// Time from a fault to the first try to get well again, and between two tries: a disk
/// that has failed is left alone for a moment, and whoever watches sees that it did.
const PROVE_EVERY: Duration = Duration::from_secs(5);

impl Writer {
    pub(super) fn database_failed(&mut self, error: &StoreError) {
        let detail = std::error::Error::source(&error.cause).map(ToString::to_string);
        let detail = detail.unwrap_or_default();
        tracing::error!(
            cause = %error.cause, detail,
            "the database failed; no mail is taken until a reopened one can be written and flushed"
        );
        locked(&self.core.health).database = Some(format!("{}: {detail}", error.cause));
        // A file whose flush has failed is never believed again.
        self.connection = None;
        self.core.close_readers();
    }

    /// Tries to get well again, once in a while.
    pub(super) fn prove(&mut self) {
        let now = self.core.options.clock.monotonic();
        let waited = self.tried.is_some_and(|at| now.saturating_sub(at) >= PROVE_EVERY);
        if !waited {
            self.tried.get_or_insert(now);
            return;
        }
        self.tried = Some(now);
        self.prove_database();
        self.prove_bodies();
        if locked(&self.core.health).fault().is_none() {
            self.tried = None;
        }
        self.core.changed.notify_one();
    }

    /// Rows are written below the reserve too: what was sent has to be written down.
    fn prove_database(&mut self) {
        let Some(what) = locked(&self.core.health).database.clone() else { return };
        match self.reopen() {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => {
                return tracing::warn!(%error, cause = %error.cause, "the reopened database cannot be written either");
            }
        }
        self.data_version = None;
        self.drop_doubtful();
        locked(&self.core.health).database = None;
        tracing::info!(
            was = what,
            "the reopened database was written and flushed; it is well again"
        );
    }

    fn prove_bodies(&mut self) {
        let Some(what) = locked(&self.core.health).bodies.clone() else { return };
        match disk::below_reserve(self.core.dir(), self.core.reserve, 0) {
            Ok(None) => {}
            Ok(Some(low)) => return tracing::debug!(%low, "still no room on the disk"),
            Err(error) => return tracing::debug!(%error, "free space is still unknown"),
        }
        if let Err(error) = self.appender.prove() {
            return tracing::warn!(%error, "a new body segment cannot be written either");
        }
        self.note_extents();
        locked(&self.core.health).bodies = None;
        tracing::info!(
            was = what,
            "a new body segment was written and flushed; bodies are well again"
        );
    }

    /// The messages that were doubtful have no row now: what was kept of large ones goes.
    fn drop_doubtful(&mut self) {
        let mut bodies = locked(&self.core.bodies);
        for message in self.doubtful.drain(..) {
            bodies.not_needed(message);
        }
    }

    /// Opens the database anew, empties its log and writes to it. Messages of which
    /// nobody knows whether they were written go: their senders were told to try again.
    fn reopen(&self) -> Result<Connection, StoreError> {
        let connection = schema::connect(&self.core.paths().database())?;
        schema::own_checkpoints(&connection)?;
        schema::checkpoint(&connection, "TRUNCATE")?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for message in &self.doubtful {
            for table in ["copy WHERE message", "quarantine WHERE message", "message WHERE id"] {
                connection
                    .execute(&format!("DELETE FROM {table} = ?1"), [rows::blob(message.ulid())])?;
            }
        }
        let now = self.core.options.clock.now();
        let health = locked(&self.core.health).database.clone();
        let event = Event {
            at: now,
            kind: EventKind::Fault,
            message: None,
            author: None,
            what: "store.database".into(),
            detail: serde_json::json!({ "was": health, "doubtful": self.doubtful }),
        };
        journal::insert(&connection, &event)?;
        connection.execute_batch("COMMIT")?;
        schema::checkpoint(&connection, "TRUNCATE")?;
        Ok(connection)
    }
}
