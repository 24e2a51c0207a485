//! `gatepost queue`: what waits, why, and making it due now.

use std::path::Path;

use clap::Subcommand;
use gatepost_policy::tls::Level;
use gatepost_store::{EntryState, Inspect, QueueEntry, Settings};

use super::absent::{Anything, refused};
use super::out::{Ink, one_line};
use super::select::{Selected, any_id, domain_key, picks};
use super::table::Table;
use super::{Done, Status, Trouble, out, store};
use crate::config::{Config, user};
use crate::serve::settings::{default_level, lifetime};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Every waiting recipient.
    List {
        /// Only those at this domain.
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
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
    /// Makes waiting mail due now.
    Retry {
        #[command(flatten)]
        selected: Selected,
        /// Kept in the history.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Not in this version.
    #[command(hide = true)]
    Shape(Anything),
    /// Not in this version.
    #[command(hide = true)]
    Hold(Anything),
    /// Not in this version.
    #[command(hide = true)]
    Release(Anything),
    /// Not in this version.
    #[command(hide = true)]
    Bounce(Anything),
    /// Not in this version.
    #[command(hide = true)]
    Delete(Anything),
    /// Not in this version.
    #[command(hide = true)]
    Reevaluate(Anything),
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::List { domain, json } => list(config, domain.as_deref(), json).await,
        Verb::Show { id, json } => show(config, &id, json).await,
        Verb::Retry { selected, reason } => retry(config, &selected, reason.as_deref()).await,
        Verb::Shape(_) => Err(refused("queue shape")),
        Verb::Hold(_) => Err(refused("queue hold")),
        Verb::Release(_) => Err(refused("queue release")),
        Verb::Bounce(_) => Err(refused("queue bounce")),
        Verb::Delete(_) => Err(refused("queue delete")),
        Verb::Reevaluate(_) => Err(refused("queue reevaluate")),
    }
}

async fn list(config: Option<&Path>, domain: Option<&str>, json: bool) -> Done {
    let config = super::load(config, NOTHING)?;
    let domain = domain.map(domain_key).transpose()?;
    let store = store::open(&config).await?;
    let mut entries = store.queue_list().await.map_err(store::failed)?;
    entries.retain(|entry| {
        domain.as_ref().is_none_or(|domain| domain.eq_ignore_ascii_case(&entry.domain))
    });
    let level = default_level(&config, store.profile());
    let entries = complete(entries, &config, level);
    if json {
        out::json(&entries)?;
    } else {
        table(&entries).print("Nothing waits.");
    }
    Ok(Status::Fine)
}

async fn show(config: Option<&Path>, id: &str, json: bool) -> Done {
    let id = any_id(id)?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let entries = store.queue_find(id).await.map_err(store::failed)?;
    if entries.is_empty() {
        return Err(Trouble::Failed(format!("nothing in the queue has the id {id}")));
    }
    let entries = complete(entries, &config, default_level(&config, store.profile()));
    if json {
        out::json(&entries)?;
        return Ok(Status::Fine);
    }
    for entry in &entries {
        out::print(&story(entry));
    }
    Ok(Status::Fine)
}

async fn retry(config: Option<&Path>, selected: &Selected, reason: Option<&str>) -> Done {
    let selection = selected.selection()?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let sending = store.queue_list().await.map_err(store::failed)?;
    let sending = sending
        .iter()
        .filter(|entry| entry.state == EntryState::Sending)
        .filter(|entry| picks(&selection, entry.id, entry.message, &entry.domain))
        .count();
    let count = store.retry(&selection, &user(), reason).await.map_err(store::failed)?;
    if count == 0 {
        return Err(Trouble::Failed("nothing in the queue matches".to_owned()));
    }
    let noun = if count == 1 { "recipient is" } else { "recipients are" };
    let mut text = format!("{count} {noun} due now.\n");
    if sending > 0 {
        text.push_str(&format!(
            "{sending} of them being sent: due again when that attempt ends.\n"
        ));
    }
    out::print(&text);
    Ok(Status::Fine)
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was read";

/// Fills in what only the configuration knows.
pub(crate) fn complete(
    entries: Vec<QueueEntry>,
    config: &Config,
    default: Level,
) -> Vec<QueueEntry> {
    entries
        .into_iter()
        .map(|entry| {
            let for_tls =
                entry.last.as_ref().and_then(|last| last.why).is_some_and(|why| why.is_tls());
            let level = entry.level.unwrap_or(default);
            let expires = lifetime(config).end(entry.accepted_at, for_tls && level.is_enforced());
            QueueEntry { level: Some(level), expires: Some(expires), ..entry }
        })
        .collect()
}

fn table(entries: &[QueueEntry]) -> Table {
    let mut table =
        Table::new(&["id", "recipient", "level", "state", "tries", "next attempt", "why"]);
    for entry in entries {
        let last = entry.last.as_ref().and_then(|last| last.text.clone()).unwrap_or_default();
        table.inked_row([
            (entry.id.to_string(), Ink::Plain),
            (entry.recipient.clone(), Ink::Plain),
            (entry.level.map_or("", Level::word).to_owned(), Ink::Plain),
            (state(entry.state).to_owned(), ink(entry.state)),
            (entry.attempts.to_string(), Ink::Plain),
            (entry.next_attempt.rfc3339(), Ink::Plain),
            (last, Ink::Faint),
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
        ("state", state(entry.state).to_owned()),
        ("attempts", entry.attempts.to_string()),
        ("next attempt", entry.next_attempt.rfc3339()),
        ("given up", entry.expires.map_or_else(String::new, |at| at.rfc3339())),
    ];
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

const fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::Waiting => "waiting",
        EntryState::Sending => "sending",
        EntryState::Held => "held",
    }
}

const fn ink(state: EntryState) -> Ink {
    match state {
        EntryState::Waiting => Ink::Warn,
        EntryState::Sending => Ink::Good,
        EntryState::Held => Ink::Bad,
    }
}
