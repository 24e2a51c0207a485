//! The chain of evidence as it is written: with the attempts, in their transaction.
//!
//! It is read once a transaction and put down once, so a record costs one hash and the
//! columns of its row. The days never go back: where the clock does, records go on in the
//! last day there is, or in the one after it when that is closed already.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{rows, sums::Gathered};
use crate::{
    clock::Clock,
    error::StoreError,
    evidence::{DayRow, GENESIS, Prepared, UtcDay, link},
    queue::Evidence,
};

/// The end of the chain within one transaction.
pub(super) struct Chain<'a> {
    clock: &'a dyn Clock,
    end: Option<End>,
    sums: Gathered,
}

struct End {
    row: DayRow,
    /// Recipients that left the queue as delivered, in this transaction.
    delivered: u64,
}

impl<'a> Chain<'a> {
    /// The chain of a transaction that runs by this clock.
    pub(super) fn new(clock: &'a dyn Clock) -> Self {
        Self { clock, end: None, sums: Gathered::default() }
    }

    /// Adds a record, to the chain and to the sums, if `insert` writes its row: not where it is there already.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        (evidence, record): (&Evidence, &Prepared),
        insert: impl FnOnce(u64) -> Result<bool, rusqlite::Error>,
    ) -> Result<(), StoreError> {
        let row = &mut self.end(connection)?.row;
        let seq = row.next();
        if insert(seq)? {
            row.after = link(&row.after, seq, &record.leaf);
            row.records = row.records.saturating_add(1);
            self.sums.add(&evidence.domain, &evidence.attempt);
        }
        Ok(())
    }

    /// Counts recipients that left the queue as delivered. This is no count of records.
    pub(super) fn left_delivered(
        &mut self,
        connection: &Connection,
        count: u64,
    ) -> Result<(), StoreError> {
        if count > 0 {
            let end = self.end(connection)?;
            end.delivered = end.delivered.saturating_add(count);
        }
        Ok(())
    }

    /// Writes where the chain stands now, and what the records add to the sums.
    pub(super) fn put_down(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.sums.put_down(connection)?;
        let Some(End { row, delivered }) = self.end.take() else { return Ok(()) };
        write_row(connection, &row)?;
        if delivered > 0 {
            connection
                .prepare_cached(
                    "INSERT INTO delivered_day (day, recipients) VALUES (?1, ?2)
                     ON CONFLICT (day) DO UPDATE SET recipients = recipients + excluded.recipients",
                )?
                .execute(params![row.day.number(), rows::signed(delivered)])?;
        }
        Ok(())
    }

    fn end(&mut self, connection: &Connection) -> Result<&mut End, StoreError> {
        let end = match self.end.take() {
            Some(end) => end,
            None => End { row: open_day(connection, UtcDay::of(self.clock.now()))?, delivered: 0 },
        };
        Ok(self.end.insert(end))
    }
}

/// The day that records go to, today or later; not written yet where it is a new one.
pub(super) fn open_day(connection: &Connection, today: UtcDay) -> Result<DayRow, StoreError> {
    let Some((last, is_closed)) = last_day(connection)? else {
        return Ok(DayRow { day: today, first: 1, records: 0, before: GENESIS, after: GENESIS });
    };
    let day = today.max(if is_closed { last.day.next() } else { last.day });
    if day == last.day {
        return Ok(last);
    }
    Ok(follows(&last, day))
}

/// A day without records yet, behind another.
pub(super) fn follows(last: &DayRow, day: UtcDay) -> DayRow {
    DayRow { day, first: last.next(), records: 0, before: last.after, after: last.after }
}

/// The last day, and whether it is closed.
pub(super) fn last_day(connection: &Connection) -> Result<Option<(DayRow, bool)>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT day, first, records, before, after, statement IS NOT NULL
             FROM evidence_day ORDER BY day DESC LIMIT 1",
        )?
        .query_row([], |row| Ok((day_row(row)?, row.get(5)?)))
        .optional()
}

/// The columns `day, first, records, before, after`.
pub(super) fn day_row(row: &rusqlite::Row<'_>) -> Result<DayRow, rusqlite::Error> {
    Ok(DayRow {
        day: UtcDay::numbered(row.get(0)?),
        first: rows::unsigned(row.get(1)?),
        records: rows::unsigned(row.get(2)?),
        before: row.get(3)?,
        after: row.get(4)?,
    })
}

/// Writes where the chain stands in a day that is not closed.
pub(super) fn write_row(connection: &Connection, row: &DayRow) -> Result<(), rusqlite::Error> {
    let DayRow { day, first, records, before, after } = row;
    connection
        .prepare_cached(
            "INSERT INTO evidence_day (day, first, records, before, after)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (day) DO UPDATE SET records = excluded.records, after = excluded.after",
        )?
        .execute(params![day.number(), rows::signed(*first), rows::signed(*records), before, after])
        .map(|_| ())
}
