//! How much waits, for how long, and where: a table of ages in the manner of qshape.

use std::path::Path;

use clap::{Args, ValueEnum};
use gatepost_policy::tls::Level;
use gatepost_store::{AGES, By, Clock, Shape, ShapeLine, SystemClock};

use super::super::out::one_line;
use super::super::{Done, Status, out};
use super::{NOTHING, Seen, entries};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    seen: Seen,
    /// A line for each of what.
    #[arg(long, value_enum, default_value = "domain", value_name = "WHAT")]
    by: What,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
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

impl From<What> for By {
    fn from(what: What) -> Self {
        match what {
            What::Domain => Self::Domain,
            What::Sender => Self::Sender,
            What::Level => Self::Level,
            What::Why => Self::Why,
            What::Host => Self::Host,
        }
    }
}

pub(super) async fn run(config: Option<&Path>, arguments: &Arguments) -> Done {
    let selection = arguments.seen.selection()?;
    let config = super::super::load(config, NOTHING)?;
    let entries = entries(&config, selection).await?;
    // Entries are complete: each has a level.
    let shape = Shape::of(&entries, arguments.by.into(), Level::Try, SystemClock::new().now());
    if arguments.json {
        out::json(&shape)?;
    } else if entries.is_empty() {
        out::print("Nothing waits.\n");
    } else {
        out::print(&text(&shape));
    }
    Ok(Status::Fine)
}

/// The table; ages are in minutes.
fn text(shape: &Shape) -> String {
    let head = Shape::minutes().iter().map(u64::to_string).chain(["1280+".to_owned()]);
    let mut table: Vec<Vec<String>> =
        vec![[String::new(), "T".to_owned()].into_iter().chain(head).collect()];
    let line = |key: &str, line: &ShapeLine| {
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
