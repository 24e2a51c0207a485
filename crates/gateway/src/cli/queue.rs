//! `gatepost queue`: what waits, why, and what is done about it.

mod act;
mod reevaluate;
mod shape;

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_policy::tls::Level;
use gatepost_store::{
    Clock, EntryState, Inspect, Order, QueueEntry, Selection, Settings, SystemClock,
};

use super::out::{Ink, one_line};
use super::select::{Chosen, any_id, domain_key, parse_filter, with_default};
use super::table::Table;
use super::{Done, Status, Trouble, out, store};
use crate::config::Config;
use crate::serve::settings::{default_level, lifetime};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Every waiting recipient.
    List {
        #[command(flatten)]
        seen: Seen,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// One entry, or all recipients of a message.
    Show {
        /// The id of an entry or of a message.
        id: String,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// How much waits, for how long, and where: a table of ages.
    Shape(shape::Arguments),
    /// Makes waiting mail due now.
    Retry(Gentle),
    /// Keeps waiting mail from being tried, until it is released.
    Hold(Gentle),
    /// Lets mail go that is held; it is due at once.
    Release(Gentle),
    /// Gives waiting mail up, and tells its senders why.
    Bounce(Grave),
    /// Gives waiting mail up, and tells nobody.
    Delete(Grave),
    /// Judges waiting mail by today's rules.
    Reevaluate(reevaluate::Arguments),
}

/// What a listing shows.
#[derive(Debug, Args)]
pub(crate) struct Seen {
    /// Only those at this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only what this picks: `domain=partner.example and level=require and age>2h`.
    #[arg(long, value_name = "EXPR", conflicts_with = "domain")]
    filter: Option<String>,
}

impl Seen {
    fn selection(&self) -> Result<Selection, Trouble> {
        if let Some(text) = &self.filter {
            let filter = Box::new(parse_filter(text)?);
            return Ok(Selection::Filter { filter, default: Level::Try });
        }
        let domain = self.domain.as_deref().map(domain_key).transpose()?;
        Ok(domain.map_or(Selection::All, Selection::Domain))
    }
}

/// A verb that destroys nothing.
#[derive(Debug, Args)]
pub(crate) struct Gentle {
    #[command(flatten)]
    chosen: Chosen,
    /// How many there are; where it is said and wrong, nothing is done.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Kept in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A verb that decides for others.
#[derive(Debug, Args)]
pub(crate) struct Grave {
    #[command(flatten)]
    chosen: Chosen,
    /// How many there are; needed with --domain, --all and --filter.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Kept in the history; the sender of mail that is bounced is told it too.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::List { seen, json } => list(config, &seen, json).await,
        Verb::Show { id, json } => show(config, &id, json).await,
        Verb::Shape(arguments) => shape::run(config, &arguments).await,
        Verb::Retry(gentle) => act::gentle(config, gentle, Order::Retry).await,
        Verb::Hold(gentle) => act::gentle(config, gentle, Order::Hold).await,
        Verb::Release(gentle) => act::gentle(config, gentle, Order::Release).await,
        Verb::Bounce(grave) => act::grave(config, grave, Order::Bounce).await,
        Verb::Delete(grave) => act::grave(config, grave, Order::Delete).await,
        Verb::Reevaluate(arguments) => reevaluate::run(config, arguments).await,
    }
}

async fn list(config: Option<&Path>, seen: &Seen, json: bool) -> Done {
    let selection = seen.selection()?;
    let config = super::load(config, NOTHING)?;
    let entries = entries(&config, selection).await?;
    if json {
        out::json(&entries)?;
    } else {
        table(&entries).print("Nothing waits.");
    }
    Ok(Status::Fine)
}

/// The waiting recipients that a selection takes, with what only the configuration knows.
async fn entries(config: &Config, selection: Selection) -> Result<Vec<QueueEntry>, Trouble> {
    let store = store::open(config).await?;
    let level = default_level(config, store.profile());
    let selection = with_default(selection, level);
    let now = SystemClock::new().now();
    let mut entries = store.queue_list().await.map_err(store::failed)?;
    entries.retain(|entry| selection.takes(entry, now));
    complete(&mut entries, config, level);
    Ok(entries)
}

async fn show(config: Option<&Path>, id: &str, json: bool) -> Done {
    let id = any_id(id)?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let mut entries = store.queue_find(id).await.map_err(store::failed)?;
    if entries.is_empty() {
        return Err(Trouble::Failed(format!("nothing in the queue has the id {id}")));
    }
    complete(&mut entries, &config, default_level(&config, store.profile()));
    if json {
        out::json(&entries)?;
        return Ok(Status::Fine);
    }
    for entry in &entries {
        out::print(&story(entry));
    }
    Ok(Status::Fine)
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was read";

/// Fills in what only the configuration knows.
pub(crate) fn complete(entries: &mut [QueueEntry], config: &Config, default: Level) {
    entries.iter_mut().for_each(|entry| entry.complete(lifetime(config), default));
}

fn table(entries: &[QueueEntry]) -> Table {
    let mut table =
        Table::new(&["id", "recipient", "level", "state", "tries", "next attempt", "why"]);
    for entry in entries {
        let last = entry.last.as_ref().and_then(|last| last.text.clone()).unwrap_or_default();
        let why = held(entry).unwrap_or(last);
        table.inked_row([
            (entry.id.to_string(), Ink::Plain),
            (entry.recipient.clone(), Ink::Plain),
            (entry.level.map_or("", Level::word).to_owned(), Ink::Plain),
            (entry.state.word().to_owned(), ink(entry.state)),
            (entry.attempts.to_string(), Ink::Plain),
            (entry.next_attempt.rfc3339(), Ink::Plain),
            (why, Ink::Faint),
        ]);
    }
    table
}

fn story(entry: &QueueEntry) -> String {
    let mut lines = vec![
        ("id", entry.id.to_string()),
        ("message", entry.message.to_string()),
        ("sender", if entry.sender.is_empty() { "<>".to_owned() } else { entry.sender.clone() }),
        ("recipient", entry.recipient.clone()),
        ("level", entry.level.map_or("", Level::word).to_owned()),
        ("state", entry.state.word().to_owned()),
        ("attempts", entry.attempts.to_string()),
        ("next attempt", entry.next_attempt.rfc3339()),
        ("given up", entry.expires.map_or_else(String::new, |at| at.rfc3339())),
    ];
    lines.extend(held(entry).map(|held| ("held", held)));
    if let Some(asked) = entry.asked {
        lines.push(("asked for", format!("an attempt, {}", asked.rfc3339())));
    }
    if let Some(pending) = entry.pending {
        lines.push(("ordered", format!("{pending}, when the attempt ends that is going on")));
    }
    if entry.warned {
        lines.push(("delay", "its sender was told".to_owned()));
    }
    match &entry.last {
        None => lines.push(("last", "not tried yet".to_owned())),
        Some(last) => {
            lines.push(("last host", last.host.clone().unwrap_or_default()));
            lines.push(("status", last.status.clone()));
            lines.push(("why", last.why.map_or("", |why| why.word()).to_owned()));
            lines.push(("", last.text.clone().unwrap_or_default()));
        }
    }
    let mut text = String::new();
    for (name, value) in lines {
        text.push_str(format!("{name:<13}{}", one_line(&value)).trim_end());
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Who holds an entry and why, in a clause.
fn held(entry: &QueueEntry) -> Option<String> {
    let held = entry.held.as_ref()?;
    let mut text = format!("held by {}", held.by);
    if let Some(at) = held.at {
        text.push_str(&format!(" since {}", at.rfc3339()));
    }
    if let Some(reason) = &held.reason {
        text.push_str(&format!(": {reason}"));
    }
    Some(text)
}

const fn ink(state: EntryState) -> Ink {
    match state {
        EntryState::Waiting => Ink::Warn,
        EntryState::Sending => Ink::Good,
        EntryState::Held => Ink::Bad,
    }
}
