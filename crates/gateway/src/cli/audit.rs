//! `gatepost audit`: who did what, and whether the record of it is whole.

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_store::{Audit, AuditEntry, AuditSearch, Clock as _, SystemClock};

use super::messages::moment;
use super::table::Table;
use super::{Done, Status, Trouble, out, store};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Entries, newest first.
    List(Filter),
    /// Checks the whole chain: 0 if it is as it was written, else 1.
    Verify {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only since then: 2026-11-24T03:00:00Z, 2026-11-24, or 30d for the last thirty days.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only by this account.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Only this: policy.commit, or all of a kind: queue.
    #[arg(long, value_name = "WORD")]
    what: Option<String>,
    /// Only with this text somewhere in it.
    #[arg(long)]
    text: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was looked at";

/// Entries that are read at once.
const PAGE: usize = 1000;

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::List(filter) => list(config, filter).await,
        Verb::Verify { json } => verify(config, json).await,
    }
}

async fn list(config: Option<&Path>, filter: Filter) -> Done {
    let Filter { since, until, by, what, text, json } = filter;
    let now = SystemClock::new().now();
    let time = |text: Option<String>| text.map(|text| moment(&text, now)).transpose();
    let wanted = AuditSearch { by, what, since: time(since)?, until: time(until)?, text };
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let mut entries: Vec<AuditEntry> = Vec::new();
    let mut before = None;
    loop {
        let page = store.entries(&wanted, before, PAGE).await.map_err(store::failed)?;
        entries.extend(page.entries);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if json {
        out::json(&entries)?;
        return Ok(Status::Fine);
    }
    let mut table = Table::new(&["number", "at", "by", "via", "what", "target", "reason"]);
    for entry in entries {
        table.row([
            entry.seq.to_string(),
            entry.at.rfc3339(),
            entry.by,
            entry.from.map_or_else(
                || entry.via.word().to_owned(),
                |from| format!("{} from {from}", entry.via.word()),
            ),
            entry.what,
            entry.target.unwrap_or_default(),
            entry.reason.unwrap_or_default(),
        ]);
    }
    table.print("No entry matches.");
    Ok(Status::Fine)
}

async fn verify(config: Option<&Path>, json: bool) -> Done {
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let check = store.verify().await.map_err(store::failed)?;
    if json {
        out::json(&check)?;
        return Ok(if check.broken_at.is_none() { Status::Fine } else { Status::Wrong });
    }
    match check.broken_at {
        None => {
            out::print(&format!(
                "{} entries, all as they were written. The last hash is {}.\n",
                check.checked, check.head
            ));
            Ok(Status::Fine)
        }
        Some(number) => Err(Trouble::Failed(format!(
            "the audit log is broken at entry {number}: it was changed or is missing; {} entries before it are as they were written",
            check.checked
        ))),
    }
}
