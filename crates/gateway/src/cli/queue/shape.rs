//! How much waits, for how long, and where: a table of ages in the manner of qshape.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, ValueEnum};
use gatepost_policy::tls::Level;
use gatepost_store::{Clock, QueueEntry, SystemClock};
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;

use super::super::out::one_line;
use super::super::{Done, Status, out};
use super::{NOTHING, Seen, entries};

/// Ends of the ages in minutes; what is older is in a last one.
const MINUTES: [u64; 9] = [5, 10, 20, 40, 80, 160, 320, 640, 1280];
const AGES: usize = MINUTES.len() + 1;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    seen: Seen,
    /// A line for each of what.
    #[arg(long, value_enum, default_value = "domain", value_name = "WHAT")]
    by: By,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum By {
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
    fn key(self, entry: &QueueEntry) -> String {
        let last = entry.last.as_ref();
        let found = match self {
            Self::Domain => Some(entry.domain.clone()),
            Self::Sender if entry.sender.is_empty() => Some("<>".to_owned()),
            Self::Sender => Some(entry.sender.clone()),
            Self::Level => entry.level.map(|level: Level| level.word().to_owned()),
            Self::Why => last.and_then(|last| last.why).map(|why| why.word().to_owned()),
            Self::Host => last.and_then(|last| last.host.clone()),
        };
        found.unwrap_or_else(|| if last.is_none() { "not tried yet" } else { "-" }.to_owned())
    }
}

/// A line: how many, and how many of each age.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
struct Line {
    total: usize,
    ages: [usize; AGES],
}

impl Line {
    fn add(&mut self, age: usize) {
        self.total += 1;
        if let Some(count) = self.ages.get_mut(age) {
            *count += 1;
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    key: String,
    #[serde(flatten)]
    line: Line,
}

#[derive(Debug, Serialize)]
struct Shape {
    by: By,
    /// The ends of the ages in seconds; the last has none.
    ages: Vec<Option<u64>>,
    total: Line,
    /// Most first.
    rows: Vec<Row>,
}

pub(super) async fn run(config: Option<&Path>, arguments: &Arguments) -> Done {
    let selection = arguments.seen.selection()?;
    let config = super::super::load(config, NOTHING)?;
    let entries = entries(&config, selection).await?;
    let shape = shape(&entries, arguments.by, SystemClock::new().now());
    if arguments.json {
        out::json(&shape)?;
    } else if entries.is_empty() {
        out::print("Nothing waits.\n");
    } else {
        out::print(&text(&shape));
    }
    Ok(Status::Fine)
}

fn shape(entries: &[QueueEntry], by: By, now: Timestamp) -> Shape {
    let mut total = Line::default();
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for entry in entries {
        let minutes = now.since(entry.accepted_at).as_secs() / 60;
        let age = MINUTES.iter().position(|end| minutes < *end).unwrap_or(MINUTES.len());
        total.add(age);
        lines.entry(by.key(entry)).or_default().add(age);
    }
    let mut rows: Vec<Row> = lines.into_iter().map(|(key, line)| Row { key, line }).collect();
    rows.sort_by(|a, b| b.line.total.cmp(&a.line.total).then_with(|| a.key.cmp(&b.key)));
    let ages = MINUTES.iter().map(|minutes| Some(minutes * 60)).chain([None]).collect();
    Shape { by, ages, total, rows }
}

/// The table; ages are in minutes.
fn text(shape: &Shape) -> String {
    let head = MINUTES.iter().map(u64::to_string).chain(["1280+".to_owned()]);
    let mut table: Vec<Vec<String>> =
        vec![[String::new(), "T".to_owned()].into_iter().chain(head).collect()];
    let line = |key: &str, line: &Line| {
        let numbers = [line.total].into_iter().chain(line.ages);
        [one_line(key)].into_iter().chain(numbers.map(|number| number.to_string())).collect()
    };
    table.push(line("TOTAL", &shape.total));
    table.extend(shape.rows.iter().map(|row| line(&row.key, &row.line)));
    let width = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..AGES + 2).map(width).collect();
    let mut text = String::new();
    for row in &table {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        text.push_str(&cells.collect::<Vec<_>>().join("  "));
        text.push('\n');
    }
    text
}
