//! A message as rows and a record, made in the task of who brings it: the thread
//! that writes has nothing to do for it but to write.

use gatepost_policy::id::{EntryId, MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, params};

use super::{
    bodies::Place,
    index::Entry,
    rows::{self, MessageRecord, StoredCopy},
};
use crate::{
    claim::{CopyKey, QueuedMessage, QueuedRecipient},
    clock::Clock,
    error::StoreError,
    intake::{CopyRecord, EntryIds, Quarantining, queued, verdicts},
    message::{NewCopy, NewMessage, NewQuarantined},
    queue,
    segment::Header,
};

/// A message that is ready to be written.
pub(super) struct Prepared {
    message: QueuedMessage,
    sender: String,
    json: String,
    copies: Vec<PreparedCopy>,
    quarantined: Vec<PreparedQuarantine>,
    /// The rest of its record in a segment; `None` if nobody needs the body.
    pub(super) envelope: Option<Vec<u8>>,
}

struct PreparedCopy {
    entry: Entry,
    json: String,
    recipients: String,
    stored: (CopyRecord, Vec<QueuedRecipient>),
}

struct PreparedQuarantine {
    entry: EntryId,
    expires: Timestamp,
    domain: String,
    company: bool,
    rule: String,
    json: String,
    recipient: String,
}

impl Prepared {
    pub(super) fn new(
        message: NewMessage,
        size: u64,
        clock: &dyn Clock,
    ) -> Result<Self, StoreError> {
        let verdicts = verdicts(&message);
        let NewMessage {
            id,
            received_at,
            sender,
            params,
            client,
            revision,
            subject,
            copies,
            quarantined,
            closed: _,
        } = message;
        let record =
            MessageRecord { params: params.clone(), client: client.clone(), revision, verdicts };
        let json = serde_json::to_string(&record)?;
        let queued =
            QueuedMessage { id, sender, params, received_at, size, client, revision, subject };
        let mut ids = EntryIds::new(clock);
        let mut mint = || ids.mint(clock);
        let mut prepared = Self {
            sender: queued.sender.to_string(),
            json,
            copies: Vec::with_capacity(copies.len()),
            quarantined: Vec::new(),
            envelope: None,
            message: queued,
        };
        for (number, copy) in copies.into_iter().enumerate() {
            let key = CopyKey { message: id, number: u32::try_from(number).unwrap_or(u32::MAX) };
            prepared.copies.push(PreparedCopy::new(key, copy, received_at, &mut mint)?);
        }
        for group in quarantined {
            prepared.quarantined.extend(PreparedQuarantine::all(group, received_at, &mut mint)?);
        }
        if prepared.references() > 0 {
            prepared.envelope = Some(prepared.envelope_json());
        }
        Ok(prepared)
    }

    /// The message's id.
    pub(super) const fn id(&self) -> MessageId {
        self.message.id
    }

    /// How many rows will need the body.
    pub(super) fn references(&self) -> u32 {
        let rows = self.copies.len().saturating_add(self.quarantined.len());
        u32::try_from(rows).unwrap_or(u32::MAX)
    }

    /// The header of the body's record, if a body is kept.
    pub(super) fn header(&self, sum: u32) -> Result<Option<Header>, StoreError> {
        let envelope = self.envelope.as_deref();
        let header = envelope.map(|e| Header::new(self.message.id, self.message.size, sum, e));
        Ok(header.transpose()?)
    }

    /// Writes its rows.
    pub(super) fn write(
        &self,
        connection: &Connection,
        place: Option<Place>,
    ) -> Result<(), rusqlite::Error> {
        let at = self.message.received_at.millis();
        let id = rows::blob(self.message.id.ulid());
        connection
            .prepare_cached(
                "INSERT INTO message (id, at, sender, subject, size, segment, position, record, json)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                id,
                at,
                self.sender,
                self.message.subject,
                rows::signed(self.message.size),
                place.map(|place| place.segment),
                place.map_or(0, |place| rows::signed(place.at)),
                place.map_or(0, |place| rows::signed(place.record)),
                self.json
            ])?;
        for copy in &self.copies {
            rows::insert_copy(connection, &copy.entry, &copy.json, &copy.recipients)?;
        }
        for row in &self.quarantined {
            let PreparedQuarantine { entry, expires, domain, company, rule, json, recipient } = row;
            let row = rows::QuarantineRow {
                entry: *entry,
                message: self.message.id,
                since: self.message.received_at,
                expires: *expires,
                domain,
                company: *company,
                rule,
                json,
                recipient,
            };
            rows::insert_quarantine(connection, &row)?;
        }
        Ok(())
    }

    /// Its copies for the index, and for who sends them soon.
    pub(super) fn into_copies(self) -> Vec<(Entry, StoredCopy)> {
        let Self { message, copies, .. } = self;
        copies
            .into_iter()
            .map(|copy| {
                let (record, recipients) = copy.stored;
                (
                    copy.entry,
                    StoredCopy { message: message.clone(), record, recipients, damaged: false },
                )
            })
            .collect()
    }

    /// Put together from what has been written as JSON already.
    fn envelope_json(&self) -> Vec<u8> {
        let mut json = format!(r#"{{"message":{},"copies":["#, self.json);
        for (index, copy) in self.copies.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let PreparedCopy { json: record, recipients, .. } = copy;
            json.push_str(&format!(r#"{comma}{{"copy":{record},"recipients":{recipients}}}"#));
        }
        json.push_str(r#"],"quarantined":["#);
        for (index, row) in self.quarantined.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let PreparedQuarantine { json: record, recipient, .. } = row;
            json.push_str(&format!(r#"{comma}{{"copy":{record},"recipient":{recipient}}}"#));
        }
        json.push_str("]}");
        json.into_bytes()
    }
}

impl PreparedCopy {
    fn new(
        key: CopyKey,
        copy: NewCopy,
        at: Timestamp,
        mint: &mut impl FnMut() -> EntryId,
    ) -> Result<Self, StoreError> {
        let (record, recipients) = CopyRecord::of_copy(copy, at);
        let recipients: Vec<_> =
            recipients.into_iter().map(|recipient| queued(recipient, mint(), at)).collect();
        let due = queue::due(&recipients).unwrap_or(at);
        Ok(Self {
            entry: Entry { key, lane: record.lane(), due, held: false },
            json: serde_json::to_string(&record)?,
            recipients: serde_json::to_string(&recipients)?,
            stored: (record, recipients),
        })
    }
}

impl PreparedQuarantine {
    fn all(
        group: NewQuarantined,
        at: Timestamp,
        mint: &mut impl FnMut() -> EntryId,
    ) -> Result<Vec<Self>, StoreError> {
        let (record, quarantining) = CopyRecord::of_quarantined(group, at);
        let Quarantining { recipients, rule, company, expires } = quarantining;
        let key = record.domain.key();
        let json = serde_json::to_string(&record)?;
        recipients
            .into_iter()
            .map(|recipient| {
                Ok(Self {
                    entry: mint(),
                    expires,
                    domain: key.clone(),
                    company,
                    rule: rule.clone(),
                    json: json.clone(),
                    recipient: serde_json::to_string(&recipient)?,
                })
            })
            .collect()
    }
}
