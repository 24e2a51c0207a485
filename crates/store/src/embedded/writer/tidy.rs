//! What the writer does between groups: checkpoints, files that nobody needs,
//! segments that are nearly empty, and what other processes did.

use std::{fs, io, sync::atomic::Ordering};

use gatepost_policy::id::MessageId;
use rusqlite::{Connection, params};

use super::{
    super::{
        bodies::{Place, segment_path},
        changes,
        core::locked,
        rows, schema,
    },
    Op, Writer, sort,
};
use crate::{
    error::{Certainty, StoreError},
    segment::{self, HEADER},
};

/// Operations after which the log is moved into the database, also under load.
const CHECKPOINT_AFTER: usize = 2_000;

impl Writer {
    pub(super) fn tidy(&mut self, idle: bool) {
        let unwell = locked(&self.core.health).fault().is_some();
        if unwell {
            self.prove();
        }
        if self.connection.is_none() {
            return;
        }
        if idle && !self.owed.is_empty() {
            self.write(Vec::new());
        }
        self.look_around();
        if self.core.serving && !unwell {
            self.clean_up();
        }
        if self.since_checkpoint >= CHECKPOINT_AFTER || (idle && self.since_checkpoint > 0) {
            self.checkpoint();
        }
    }

    pub(super) fn note_extents(&self) {
        let mut bodies = locked(&self.core.bodies);
        for (number, length) in self.appender.newly_sealed() {
            bodies.extent(number, length, true);
        }
        if let Some((number, length)) = self.appender.extent() {
            bodies.extent(number, length, false);
        }
    }

    /// Looks whether another process has written, and at what.
    fn look_around(&mut self) {
        let Some(connection) = &self.connection else { return };
        let seen = schema::data_version(connection).and_then(|version| {
            if self.data_version == Some(version) {
                return Ok(false);
            }
            self.data_version = Some(version);
            self.core.see_head(connection)?;
            changes::any(connection)
        });
        let behind = std::mem::take(&mut self.behind);
        let came_back = self.core.came_back.swap(false, Ordering::Relaxed);
        let seen = seen.and_then(|seen| {
            Ok(seen || behind || (came_back && !rows::ordered_copies(connection)?.is_empty()))
        });
        match seen {
            Ok(true) if self.core.serving => self.follow(),
            Ok(_) => {}
            Err(error) => self.failed_outside(error),
        }
    }

    /// Follows a batch of what other processes did, and sees whether there is more. What
    /// could not be followed is tried again at the next look.
    fn follow(&mut self) {
        let left = |writer: &Self| {
            let connection = writer.connection.as_ref()?;
            changes::left(connection, &writer.core).ok()
        };
        let before = left(self);
        self.write(vec![Op::Act(changes::follow())]);
        match left(self) {
            Some((None, 0)) => {}
            after if after == before => self.data_version = None,
            Some(_) => self.behind = true,
            None => self.data_version = None,
        }
    }

    fn checkpoint(&mut self) {
        let Some(connection) = &self.connection else { return };
        match schema::checkpoint(connection, "PASSIVE") {
            // What a reader held up is moved the next time.
            Ok(_) => self.since_checkpoint = 0,
            Err(error) => self.failed_outside(error),
        }
    }

    /// An error outside of a group.
    fn failed_outside(&mut self, error: rusqlite::Error) {
        match sort(error) {
            super::Failed::Group(error) => tracing::debug!(%error, "the database is busy"),
            super::Failed::Database(error) => self.database_failed(&error),
        }
    }

    /// Removes files that nobody needs, and empties a segment that is nearly empty.
    fn clean_up(&mut self) {
        if self.keeps_files {
            return;
        }
        let dir = self.core.paths().bodies();
        let (files, sparse) = {
            let mut bodies = locked(&self.core.bodies);
            (bodies.take_unneeded(&dir), bodies.sparse())
        };
        for file in files {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    // It is an orphan, and goes at the next start.
                    tracing::warn!(path = %file.display(), %error, "body file not removed");
                }
                Ok(()) | Err(_) => {}
            }
        }
        if let Some((number, records)) = sparse
            && let Err(error) = self.copy_forward(number, &records)
        {
            tracing::warn!(segment = number, %error, cause = %error.cause, "segment not emptied");
            locked(&self.core.bodies).leave_alone(number);
        }
    }

    /// Copies what is needed of a segment to the end of the current one.
    fn copy_forward(
        &mut self,
        number: u32,
        bodies: &[(MessageId, Place)],
    ) -> Result<(), StoreError> {
        let file = fs::File::open(segment_path(&self.core.paths().bodies(), number))?;
        let mut found = Vec::with_capacity(bodies.len());
        for (message, place) in bodies {
            match segment::read(&file, place.expected(*message))? {
                Some((header, rest)) => found.push((*message, header, rest)),
                // Delivery or the next start will find and report it; the file stays.
                None => return Err(StoreError::not_applied(crate::error::Cause::Damaged)),
            }
        }
        let records: Vec<_> = found
            .iter()
            .map(|(_, header, rest)| {
                let body = usize::try_from(header.body).unwrap_or(rest.len()).min(rest.len());
                let (body, envelope) = rest.split_at(body);
                (*header, body, envelope)
            })
            .collect();
        let appended = self.appender.append(&records);
        self.note_extents();
        let places = appended.inspect_err(|error| {
            self.core.bodies_failed("copying bodies to a new segment", error);
        })?;
        let Some(connection) = &self.connection else { return Ok(()) };
        let moved: Vec<_> = found.iter().map(|(message, _, _)| *message).zip(&places).collect();
        if let Err(error) = point_to(connection, &moved) {
            if error.certainty == Certainty::Unknown {
                // The rows may point to either segment after the database was reopened, so both stay.
                self.keeps_files = true;
                self.database_failed(&error);
            }
            return Err(error);
        }
        let mut live = locked(&self.core.bodies);
        for ((message, _, _), place) in found.iter().zip(places) {
            live.moved(*message, place);
        }
        tracing::debug!(
            segment = number,
            records = found.len(),
            header = HEADER,
            "segment emptied"
        );
        Ok(())
    }
}

/// Points the rows of messages to where their bodies are now, all of them or none.
fn point_to(connection: &Connection, moved: &[(MessageId, &Place)]) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let updated = moved.iter().try_for_each(|(message, place)| {
        let row = params![rows::blob(message.ulid()), place.segment, rows::signed(place.at)];
        let update = "UPDATE message SET segment = ?2, position = ?3 WHERE id = ?1";
        connection.execute(update, row).map(|_| ())
    });
    if let Err(error) = updated {
        if let Err(error) = connection.execute_batch("ROLLBACK") {
            tracing::warn!(%error, "a transaction was not rolled back");
        }
        return Err(error.into());
    }
    connection.execute_batch("COMMIT").map_err(StoreError::unknown)
}
