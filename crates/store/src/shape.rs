//! How much waits, for how long, and where: a table of ages in the manner of qshape.

use std::collections::BTreeMap;

use gatepost_policy::tls::Level;
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;

use crate::view::QueueEntry;

/// Ends of the ages in minutes; what is older is in a last one.
const MINUTES: [u64; 9] = [5, 10, 20, 40, 80, 160, 320, 640, 1280];

/// How many ages there are.
pub const AGES: usize = MINUTES.len() + 1;

/// What a line is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The recipient's domain.
    Domain,
    /// The envelope sender.
    Sender,
    /// The TLS level.
    Level,
    /// The cause that the last attempt found.
    Why,
    /// The host that the last attempt was about.
    Host,
}

impl By {
    fn key(self, entry: &QueueEntry, default: Level) -> String {
        let last = entry.last.as_ref();
        let found = match self {
            Self::Domain => Some(entry.domain.clone()),
            Self::Sender if entry.sender.is_empty() => Some("<>".to_owned()),
            Self::Sender => Some(entry.sender.clone()),
            Self::Level => Some(entry.level.unwrap_or(default).word().to_owned()),
            Self::Why => last.and_then(|last| last.why).map(|why| why.word().to_owned()),
            Self::Host => last.and_then(|last| last.host.clone()),
        };
        found.unwrap_or_else(|| if last.is_none() { "not tried yet" } else { "-" }.to_owned())
    }
}

/// How many, and how many of each age.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Line {
    /// All of them.
    pub total: usize,
    /// By age.
    pub ages: [usize; AGES],
}

impl Line {
    fn add(&mut self, age: usize, count: usize) {
        self.total = self.total.saturating_add(count);
        if let Some(there) = self.ages.get_mut(age) {
            *there = there.saturating_add(count);
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Row {
    /// What it is about.
    pub key: String,
    /// Its numbers.
    #[serde(flatten)]
    pub line: Line,
}

/// The table.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Shape {
    /// What its lines are about.
    pub by: By,
    /// The ends of the ages in seconds; the last has none.
    pub ages: Vec<Option<u64>>,
    /// All lines together.
    pub total: Line,
    /// Most first.
    pub rows: Vec<Row>,
}

/// A table that is being added up.
#[derive(Debug)]
pub(crate) struct Shaping {
    by: By,
    now: Timestamp,
    total: Line,
    lines: BTreeMap<String, Line>,
}

impl Shaping {
    pub(crate) const fn new(by: By, now: Timestamp) -> Self {
        Self { by, now, total: Line { total: 0, ages: [0; AGES] }, lines: BTreeMap::new() }
    }

    /// Adds recipients that were accepted together.
    pub(crate) fn add(&mut self, key: &str, accepted_at: Timestamp, count: usize) {
        let minutes = self.now.since(accepted_at).as_secs() / 60;
        let age = MINUTES.iter().position(|end| minutes < *end).unwrap_or(MINUTES.len());
        self.total.add(age, count);
        match self.lines.get_mut(key) {
            Some(line) => line.add(age, count),
            None => self.lines.entry(key.to_owned()).or_default().add(age, count),
        }
    }

    pub(crate) fn entry(&mut self, entry: &QueueEntry, default: Level) {
        let key = self.by.key(entry, default);
        self.add(&key, entry.accepted_at, 1);
    }

    pub(crate) fn done(self) -> Shape {
        let Self { by, now: _, total, lines } = self;
        let mut rows: Vec<Row> = lines.into_iter().map(|(key, line)| Row { key, line }).collect();
        rows.sort_by(|a, b| b.line.total.cmp(&a.line.total).then_with(|| a.key.cmp(&b.key)));
        let ages =
            MINUTES.iter().map(|minutes| Some(minutes.saturating_mul(60))).chain([None]).collect();
        Shape { by, ages, total, rows }
    }
}

impl Shape {
    /// The table of these entries.
    pub fn of(entries: &[QueueEntry], by: By, default: Level, now: Timestamp) -> Self {
        let mut shaping = Shaping::new(by, now);
        entries.iter().for_each(|entry| shaping.entry(entry, default));
        shaping.done()
    }

    /// The ends of the ages in minutes; the last age has none.
    pub const fn minutes() -> &'static [u64] {
        &MINUTES
    }
}
