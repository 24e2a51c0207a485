//! `gatepost quarantine`: mail that a rule kept back.

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_store::embedded::Embedded;
use gatepost_store::{Author, Inspect, QuarantineEntry, Selection};
use gatepost_wire::address::Mailbox;
use ulid::Ulid;

use super::absent::refused;
use super::out::one_line;
use super::select::{Selected, any_id, picks};
use super::table::Table;
use super::{Done, Status, Trouble, out, store};
use crate::config::user;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Everything that is kept back.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// One entry, or all of a message.
    Show {
        /// The id of an entry or of a message.
        id: String,
        /// The message itself, byte for byte, and nothing else.
        #[arg(long, conflicts_with = "json")]
        raw: bool,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Delivers it, with the level that the rules gave it.
    Release {
        #[command(flatten)]
        selected: Selected,
        /// Walk the rules again. Not in this version.
        #[arg(long, hide = true)]
        with_rules: bool,
        /// Kept in the history.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Deletes it.
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    selected: Selected,
    /// How many there are; needed with --domain and --all.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Kept in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::List { json } => list(config, json).await,
        Verb::Show { id, raw: true, json: _ } => show_raw(config, &id).await,
        Verb::Show { id, raw: false, json } => show(config, &id, json).await,
        Verb::Release { with_rules: true, .. } => Err(refused("quarantine release --with-rules")),
        Verb::Release { selected, with_rules: false, reason } => {
            release(config, &selected, reason.as_deref()).await
        }
        Verb::Delete(arguments) => delete(config, arguments).await,
    }
}

async fn list(config: Option<&Path>, json: bool) -> Done {
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let entries = store.quarantine_list().await.map_err(store::failed)?;
    if json {
        out::json(&entries)?;
        return Ok(Status::Fine);
    }
    let mut table = Table::new(&[
        "id",
        "since",
        "sender",
        "recipient",
        "rule",
        "kept for",
        "expires",
        "subject",
    ]);
    for entry in entries {
        table.row([
            entry.id.to_string(),
            entry.since.rfc3339(),
            sender(&entry),
            entry.recipient,
            entry.rule,
            if entry.company { "the company" } else { "the recipient" }.to_owned(),
            entry.expires.rfc3339(),
            entry.subject,
        ]);
    }
    table.print("The quarantine is empty.");
    Ok(Status::Fine)
}

async fn show(config: Option<&Path>, id: &str, json: bool) -> Done {
    let id = any_id(id)?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let entries = found(&store, id).await?;
    if json {
        out::json(&entries)?;
        return Ok(Status::Fine);
    }
    for entry in &entries {
        let kept = if entry.company { "for the company" } else { "for the recipient" };
        for (name, value) in [
            ("id", entry.id.to_string()),
            ("message", entry.message.to_string()),
            ("sender", sender(entry)),
            ("recipient", entry.recipient.clone()),
            ("subject", entry.subject.clone()),
            ("rule", format!("{}, kept {kept}", entry.rule)),
            ("since", entry.since.rfc3339()),
            ("expires", entry.expires.rfc3339()),
        ] {
            out::print(&format!("{name:<11}{}\n", one_line(&value)));
        }
        out::print("\n");
    }
    Ok(Status::Fine)
}

async fn show_raw(config: Option<&Path>, id: &str) -> Done {
    let id = any_id(id)?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let entries = found(&store, id).await?;
    let Some(entry) = entries.first() else { return Ok(Status::Wrong) };
    let Some(mut body) = store.message_bytes(entry.message).await.map_err(store::failed)? else {
        return Err(Trouble::Failed(format!("the content of {} is no longer kept", entry.message)));
    };
    while let Some(chunk) = body.next().await.map_err(store::failed)? {
        out::print_bytes(&chunk);
    }
    Ok(Status::Fine)
}

async fn found(store: &Embedded, id: Ulid) -> Result<Vec<QuarantineEntry>, Trouble> {
    let entries = store.quarantine_find(id).await.map_err(store::failed)?;
    if entries.is_empty() {
        return Err(Trouble::Failed(format!("nothing in quarantine has the id {id}")));
    }
    Ok(entries)
}

async fn release(config: Option<&Path>, selected: &Selected, reason: Option<&str>) -> Done {
    let selection = selected.selection()?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let count = store
        .quarantine_release(&selection, &Author::new(&user(), reason))
        .await
        .map_err(store::failed)?;
    done(count, "released")
}

/// What destroys mail by a filter asks for the count first (decision 20), and then deletes exactly what was counted.
async fn delete(config: Option<&Path>, arguments: Delete) -> Done {
    let Delete { selected, count, reason } = arguments;
    let mut selection = selected.selection()?;
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    if selected.is_filter() || count.is_some() {
        let all = store.quarantine_list().await.map_err(store::failed)?;
        let counted: Vec<Ulid> = all
            .iter()
            .filter(|entry| {
                picks(&selection, entry.id, entry.message, &domain_of(&entry.recipient))
            })
            .map(|entry| entry.id.ulid())
            .collect();
        let there = counted.len();
        match count {
            None => {
                let why = format!(
                    "{there} would be deleted; say --count {there} to delete them. Nothing was done"
                );
                return Err(Trouble::Input(why));
            }
            Some(said) if said != there => {
                return Err(Trouble::Failed(format!(
                    "{there} would be deleted, not {said}; nothing was done"
                )));
            }
            Some(_) => selection = Selection::Ids(counted),
        }
    }
    let count = store
        .quarantine_delete(&selection, &Author::new(&user(), reason.as_deref()))
        .await
        .map_err(store::failed)?;
    done(count, "deleted")
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was done";

fn done(count: usize, what: &str) -> Done {
    if count == 0 {
        return Err(Trouble::Failed("nothing in quarantine matches".to_owned()));
    }
    let noun = if count == 1 { "recipient" } else { "recipients" };
    out::print(&format!("{count} {noun} {what}.\n"));
    Ok(Status::Fine)
}

fn sender(entry: &QuarantineEntry) -> String {
    if entry.sender.is_empty() { "<>".to_owned() } else { entry.sender.clone() }
}

/// The domain of an entry as domains are compared.
fn domain_of(recipient: &str) -> String {
    Mailbox::parse(recipient).map_or_else(|_| String::new(), |mailbox| mailbox.domain().key())
}
