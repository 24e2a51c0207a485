//! What happened, in order.

use async_trait::async_trait;
use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, params};

use super::{Embedded, rows};
use crate::{error::StoreError, traits::Journal, view::Event};

#[async_trait]
impl Journal for Embedded {
    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.act(move |connection, _| {
            events.iter().try_for_each(|event| insert(connection, event))?;
            Ok(((), Vec::new()))
        })
        .await
    }

    async fn events(&self, since: Option<Timestamp>) -> Result<Vec<Event>, StoreError> {
        self.core
            .read(move |connection| {
                let since = since.map_or(i64::MIN, Timestamp::millis);
                let mut statement = connection
                    .prepare_cached("SELECT at, json FROM event WHERE at >= ?1 ORDER BY id")?;
                read(statement.query([since])?)
            })
            .await
    }
}

/// Writes an event.
pub(super) fn insert(connection: &Connection, event: &Event) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO event (at, kind, message, json) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            event.at.millis(),
            event.kind.word(),
            event.message.map(|id| rows::blob(id.ulid())),
            serde_json::to_string(event)?
        ])?;
    Ok(())
}

/// What happened to a message.
pub(super) fn of_message(connection: &Connection, id: MessageId) -> Result<Vec<Event>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT at, json FROM event WHERE message = ?1 ORDER BY id")?;
    read(statement.query([rows::blob(id.ulid())])?)
}

fn read(mut found: rusqlite::Rows<'_>) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        let json: String = row.get(1)?;
        let event: Event = serde_json::from_str(&json)?;
        // JSON drops the fraction of a second.
        events.push(Event { at: Timestamp::from_millis(row.get(0)?), ..event });
    }
    Ok(events)
}
