//! The chain of evidence as it is read, closed and signed.

use std::sync::Arc;

use async_trait::async_trait;
use gatepost_policy::evidence::Attempt;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use serde_json::json;

use super::{Embedded, chain, rows};
use crate::{
    audit::{Audit as _, NewAudit},
    body::blocking,
    error::{Cause, StoreError},
    evidence::{
        Chained, Class, Counted, DayRow, Evidence, InstanceKey, Outside, PublicKey, Purpose, Root,
        Statement, Tally, UtcDay,
    },
    probes::KeptProbe,
    view::{Author, Via},
};

#[async_trait]
impl Evidence for Embedded {
    async fn close_days(&self, now: Timestamp) -> Result<usize, StoreError> {
        if !self.core.serving {
            return Err(StoreError::not_applied(Cause::NotServing));
        }
        let today = UtcDay::of(now);
        let key = Arc::new(self.key().await?);
        let mut closed = 0_usize;
        while let Some(summed) = self.core.read(first_open).await? {
            let day = summed.row.day;
            if day >= today {
                if day > today.next() {
                    tracing::error!(
                        %day, %today,
                        "the evidence goes on in a day to come: the clock was wrong, then or now; records stay in that day until it is over"
                    );
                }
                return Ok(closed);
            }
            if self.close_day(summed, now, Arc::clone(&key)).await? {
                closed = closed.saturating_add(1);
            }
        }
        self.act(move |connection, _| {
            if chain::last_day(connection)?.is_none() {
                chain::write_row(connection, &chain::open_day(connection, today)?)?;
            }
            Ok(((), Vec::new()))
        })
        .await?;
        Ok(closed)
    }

    async fn evidence_key(&self) -> Result<PublicKey, StoreError> {
        Ok(self.key().await?.public())
    }

    async fn sign_file(&self, sha256: [u8; 32]) -> Result<String, StoreError> {
        Ok(self.key().await?.sign(Purpose::File, &sha256))
    }

    async fn roots(&self, from: UtcDay, to: UtcDay) -> Result<Vec<Root>, StoreError> {
        let key = self.key().await?;
        self.core
            .read(move |connection| {
                // One view of the chain and of the journal's count.
                let snapshot = connection.unchecked_transaction()?;
                roots(&snapshot, &key, from, to)
            })
            .await
    }

    async fn chain_days(&self) -> Result<Option<(UtcDay, UtcDay)>, StoreError> {
        self.core
            .read(|connection| {
                let days = connection
                    .prepare_cached("SELECT min(day), max(day) FROM evidence_day")?
                    .query_row([], |row| {
                        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
                    })?;
                let (Some(first), Some(last)) = days else { return Ok(None) };
                Ok(Some((UtcDay::numbered(first), UtcDay::numbered(last))))
            })
            .await
    }

    async fn chained(
        &self,
        first: u64,
        last: u64,
        most: usize,
    ) -> Result<Vec<Chained>, StoreError> {
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT seq, domain, class, salt, leaf, json FROM attempt
                     WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
                )?;
                let mut found = statement.query(range(first, last, most))?;
                let mut records = Vec::new();
                while let Some(row) = found.next()? {
                    let json: String = row.get(5)?;
                    let attempt = serde_json::from_str::<Attempt>(&json);
                    if let Err(error) = &attempt {
                        tracing::error!(%error, "a record of evidence cannot be understood");
                    }
                    records.push(Chained {
                        seq: rows::unsigned(row.get(0)?),
                        domain: row.get(1)?,
                        class: Class::numbered(row.get(2)?),
                        salt: row.get(3)?,
                        leaf: row.get(4)?,
                        attempt: attempt.ok(),
                    });
                }
                Ok(records)
            })
            .await
    }

    async fn counted(
        &self,
        first: u64,
        last: u64,
        most: usize,
    ) -> Result<Vec<Counted>, StoreError> {
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT seq, domain, class FROM attempt
                     WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
                )?;
                let found = statement.query_map(range(first, last, most), |row| {
                    let (seq, class) = (rows::unsigned(row.get(0)?), Class::numbered(row.get(2)?));
                    Ok(Counted { seq, domain: row.get(1)?, class })
                })?;
                Ok(found.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn outside(&self, from: UtcDay, to: UtcDay) -> Result<Outside, StoreError> {
        self.core
            .read(move |connection| {
                // An attempt is written down when it is over: at midnight, in the next day.
                let near = [from.number().saturating_sub(1), to.next().number()];
                let (first, end): (Option<i64>, Option<i64>) = connection
                    .prepare_cached(
                        "SELECT min(first), max(first + records) FROM evidence_day
                         WHERE day BETWEEN ?1 AND ?2",
                    )?
                    .query_row(near, |row| Ok((row.get(0)?, row.get(1)?)))?;
                let (first, end) = (first.unwrap_or(0), end.unwrap_or(0));
                let found = connection
                    .prepare_cached(
                        "SELECT count(*) FILTER (WHERE seq IS NULL),
                                count(*) FILTER (WHERE seq < ?3 OR seq >= ?4)
                         FROM attempt WHERE at >= ?1 AND at < ?2",
                    )?
                    .query_row(
                        [from.start().millis(), to.next().start().millis(), first, end],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )?;
                let (before_chain, elsewhere) = (rows::unsigned(found.0), rows::unsigned(found.1));
                Ok(Outside { before_chain, elsewhere })
            })
            .await
    }

    async fn probed(
        &self,
        (from, to): (UtcDay, UtcDay),
        after: Option<(String, Timestamp)>,
        most: usize,
    ) -> Result<Vec<KeptProbe>, StoreError> {
        let (domain, at) =
            after.map_or_else(|| (String::new(), i64::MIN), |(d, at)| (d, at.millis()));
        let (from, to) = (from.start().millis(), to.next().start().millis());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT domain, at, json FROM probe
                     WHERE (domain, at) > (?1, ?2) AND at >= ?3 AND at < ?4
                     ORDER BY domain, at LIMIT ?5",
                )?;
                let mut found = statement.query(params![domain, at, from, to, most])?;
                let mut kept = Vec::new();
                while let Some(row) = found.next()? {
                    let json: String = row.get(2)?;
                    kept.push(KeptProbe {
                        domain: row.get(0)?,
                        at: Timestamp::from_millis(row.get(1)?),
                        record: serde_json::from_str(&json)?,
                    });
                }
                Ok(kept)
            })
            .await
    }
}

/// The parameters of a page of records.
fn range(first: u64, last: u64, most: usize) -> [i64; 3] {
    [rows::signed(first), rows::signed(last), i64::try_from(most).unwrap_or(i64::MAX)]
}

impl Embedded {
    /// The key of this instance, made where there is none. Where days were signed already their key
    /// is lost: only the process that serves makes another then, and says so.
    async fn key(&self) -> Result<InstanceKey, StoreError> {
        let dir = self.core.dir().to_owned();
        if let Some(key) = blocking(move || InstanceKey::find(&dir)).await?? {
            return Ok(key);
        }
        let lost = self.core.read(last_key).await?;
        if lost.is_some() && !self.core.serving {
            return Err(StoreError::not_applied(Cause::NoKey));
        }
        let dir = self.core.dir().to_owned();
        let key = blocking(move || InstanceKey::make(&dir)).await??;
        if let Some(lost) = lost {
            let (before, after) = (lost.fingerprint(), key.public().fingerprint());
            tracing::error!(
                before,
                after,
                "the key of the evidence is gone and a new one was made; tell it to whoever verifies"
            );
            let author = Author { via: Via::System, ..Author::new("gatepost", None) };
            let entry = NewAudit::new("evidence.key", &author).change(json!(before), json!(after));
            self.note(entry).await?;
        }
        Ok(key)
    }

    /// Closes a day, unless it has gone on since it was summed up. Gives whether it did.
    async fn close_day(
        &self,
        summed: Summed,
        now: Timestamp,
        key: Arc<InstanceKey>,
    ) -> Result<bool, StoreError> {
        let Summed { row, totals, journal, counted } = summed.clone();
        let done = self
            .act(move |connection, _| {
                let Summed { row, totals, journal, counted: _ } = &summed;
                // Records are only ever added: a day with as many as then has the same sums.
                let same = first_open_row(connection)?.as_ref() == Some(row)
                    && delivered(connection, row.day)? == *journal;
                if !same {
                    return Ok((false, Vec::new()));
                }
                let before = statement_before(connection, row.day)?;
                let said = row.statement(*totals, *journal, before.as_deref(), Some(now));
                let root = Root::sign(said, &key)?;
                write_root(connection, &root)?;
                let next = row.day.next();
                if !is_day(connection, next)? {
                    chain::write_row(connection, &chain::follows(row, next))?;
                }
                Ok((true, Vec::new()))
            })
            .await?;
        if done && (totals.delivered != journal || counted != row.records) {
            tracing::error!(
                day = %row.day, journal, delivered = totals.delivered, records = row.records, counted,
                "the evidence of a day is not complete; `gatepost tls evidence export` says what is missing"
            );
        }
        Ok(done)
    }

    /// Marks the days before `day` as no longer kept, and gives the number of the first
    /// record that is. What is left of the chain begins with a signed root.
    pub(super) async fn cut_chain(&self, day: UtcDay) -> Result<u64, StoreError> {
        self.act(move |connection, _| {
            connection
                .prepare_cached(
                    "UPDATE evidence_day SET kept = 0
                     WHERE day < ?1 AND kept = 1 AND statement IS NOT NULL",
                )?
                .execute([day.number()])?;
            let first: Option<i64> = connection
                .prepare_cached("SELECT min(first) FROM evidence_day WHERE kept = 1")?
                .query_row([], |row| row.get(0))?;
            Ok((rows::unsigned(first.unwrap_or(0)), Vec::new()))
        })
        .await
    }
}

/// A day with its sums.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Summed {
    row: DayRow,
    totals: Tally,
    journal: u64,
    /// Records that are there.
    counted: u64,
}

fn sum_up(connection: &Connection, row: DayRow) -> Result<Summed, StoreError> {
    let (mut totals, mut counted) = (Tally::default(), 0_u64);
    if row.records > 0 {
        let mut statement = connection.prepare_cached(
            "SELECT class, count(*) FROM attempt WHERE seq BETWEEN ?1 AND ?2 GROUP BY class",
        )?;
        let last = row.next().saturating_sub(1);
        let mut found = statement.query([rows::signed(row.first), rows::signed(last)])?;
        while let Some(sum) = found.next()? {
            let count = rows::unsigned(sum.get(1)?);
            totals.add(Class::numbered(sum.get(0)?), count);
            counted = counted.saturating_add(count);
        }
    }
    let journal = delivered(connection, row.day)?;
    Ok(Summed { row, totals, journal, counted })
}

/// Recipients that left the queue as delivered on a day.
fn delivered(connection: &Connection, day: UtcDay) -> Result<u64, StoreError> {
    let count: Option<i64> = connection
        .prepare_cached("SELECT recipients FROM delivered_day WHERE day = ?1")?
        .query_row([day.number()], |row| row.get(0))
        .optional()?;
    Ok(rows::unsigned(count.unwrap_or(0)))
}

/// The key of the last day that was signed.
fn last_key(connection: &Connection) -> Result<Option<PublicKey>, StoreError> {
    let key: Option<String> = connection
        .prepare_cached(
            "SELECT key FROM evidence_day WHERE statement IS NOT NULL ORDER BY day DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(key.and_then(|key| PublicKey::parse(&key)))
}

/// The first day that is not closed.
fn first_open_row(connection: &Connection) -> Result<Option<DayRow>, StoreError> {
    let row = connection
        .prepare_cached(
            "SELECT day, first, records, before, after FROM evidence_day
             WHERE statement IS NULL ORDER BY day LIMIT 1",
        )?
        .query_row([], chain::day_row)
        .optional()?;
    Ok(row)
}

/// The same, with its sums.
fn first_open(connection: &Connection) -> Result<Option<Summed>, StoreError> {
    first_open_row(connection)?.map(|row| sum_up(connection, row)).transpose()
}

fn statement_before(
    connection: &Connection,
    day: UtcDay,
) -> Result<Option<String>, rusqlite::Error> {
    let found = connection
        .prepare_cached("SELECT statement FROM evidence_day WHERE day = ?1")?
        .query_row([day.number().saturating_sub(1)], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// The last day before `day`.
fn row_before(connection: &Connection, day: UtcDay) -> Result<Option<DayRow>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT day, first, records, before, after FROM evidence_day
             WHERE day < ?1 ORDER BY day DESC LIMIT 1",
        )?
        .query_row([day.number()], chain::day_row)
        .optional()
}

fn is_day(connection: &Connection, day: UtcDay) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM evidence_day WHERE day = ?1)")?
        .query_row([day.number()], |row| row.get(0))
}

fn write_root(connection: &Connection, root: &Root) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE evidence_day SET statement = ?2, key = ?3, signature = ?4
             WHERE day = ?1 AND statement IS NULL",
        )?
        .execute(params![
            root.statement.day.number(),
            root.text,
            root.key.to_hex(),
            root.signature
        ])?;
    Ok(())
}

/// A day, with its root where it is closed.
enum Stored {
    Open(DayRow),
    Closed(Root),
}

/// The roots of days. What is not closed is signed as it stands; a day that was passed
/// over, and will be closed, stands between its neighbours.
fn roots(
    connection: &Connection,
    key: &InstanceKey,
    from: UtcDay,
    to: UtcDay,
) -> Result<Vec<Root>, StoreError> {
    let mut roots: Vec<Root> = Vec::new();
    let mut last = row_before(connection, from)?;
    let mut before = statement_before(connection, from)?;
    for (row, stored) in stored_days(connection, from, to)? {
        while let Some(missing) = last.take_if(|last| last.day.next() < row.day) {
            let missing = chain::follows(&missing, missing.day.next());
            if missing.day >= from {
                let said = missing.statement(Tally::default(), 0, before.as_deref(), None);
                let root = Root::sign(said, key)?;
                before = Some(root.text.clone());
                roots.push(root);
            }
            last = Some(missing);
        }
        let root = match stored {
            Stored::Closed(root) => root,
            Stored::Open(row) => {
                let Summed { row, totals, journal, counted: _ } = sum_up(connection, row)?;
                Root::sign(row.statement(totals, journal, before.as_deref(), None), key)?
            }
        };
        before = Some(root.text.clone());
        roots.push(root);
        last = Some(row);
    }
    Ok(roots)
}

fn stored_days(
    connection: &Connection,
    from: UtcDay,
    to: UtcDay,
) -> Result<Vec<(DayRow, Stored)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT day, first, records, before, after, statement, key, signature, kept
         FROM evidence_day WHERE day BETWEEN ?1 AND ?2 ORDER BY day",
    )?;
    let mut found = statement.query([from.number(), to.number()])?;
    let mut days = Vec::new();
    while let Some(columns) = found.next()? {
        let row = chain::day_row(columns)?;
        let said: Option<String> = columns.get(5)?;
        let stored = match said {
            None => Stored::Open(row.clone()),
            Some(said) => {
                let statement: Statement = serde_json::from_str(&said)?;
                let key: String = columns.get(6)?;
                let key = PublicKey::parse(&key).ok_or_else(unreadable)?;
                let (signature, kept) = (columns.get(7)?, columns.get(8)?);
                Stored::Closed(Root { statement, text: said, key, signature, kept })
            }
        };
        days.push((row, stored));
    }
    Ok(days)
}

fn unreadable() -> StoreError {
    <serde_json::Error as serde::de::Error>::custom("a stored key is none").into()
}
