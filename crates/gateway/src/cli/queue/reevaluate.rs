//! Judging waiting mail by today's rules: a preview, and then the act.

use std::{collections::HashMap, path::Path};

use clap::Args;
use gatepost_policy::tls::Level;
use gatepost_store::{Clock, Inspect, Order, Settings, SystemClock, Verdict};
use serde::Serialize;

use super::super::out::Ink;
use super::super::select::Chosen;
use super::super::table::Table;
use super::super::{Done, Status, Trouble, out, policy, store};
use super::{NOTHING, act};
use crate::reevaluate::{Change, Court, Opinion};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Shows what would be different for whom, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// The preview as one JSON document.
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// How many are judged; needed with --domain, --all and --filter.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Kept in the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn run(config: Option<&Path>, arguments: Arguments) -> Done {
    let Arguments { chosen, dry_run, json, count, reason } = arguments;
    let selection = chosen.selection()?;
    let config = super::super::load(config, NOTHING)?;
    let (store, selection) = act::open(&config, selection).await?;
    if !dry_run {
        let order = Order::Reevaluate(HashMap::new());
        act::needs_count(&store, &chosen, &selection, (&order, count)).await?;
    }
    let current = store::current(&store).await?;
    let (revision, document) = (current.revision.revision, current.document);
    let snapshot = policy::compile(&config, revision, document, store.profile())?;
    let waiting = store.queue_pick(&selection).await.map_err(store::failed)?;
    let now = SystemClock::new().now();
    let expires = now.plus(config.retention.quarantine);
    let court = Court { store: &store, snapshot: &snapshot, now, expires };
    let opinion = court.judge(&waiting).await.map_err(store::failed)?;
    if json {
        out::json(&preview(&opinion))?;
    } else {
        show(&opinion);
    }
    if dry_run {
        if waiting.is_empty() {
            return Err(Trouble::Failed("nothing in the queue matches".to_owned()));
        }
        return Ok(if opinion.unjudged.is_empty() { Status::Fine } else { Status::Wrong });
    }
    let unjudged = !opinion.unjudged.is_empty();
    let command = act::Command { order: opinion.order(revision), count, reason };
    let status = act::give(&store, &selection, command).await?;
    Ok(if unjudged { Status::Wrong } else { status })
}

/// A line of the preview.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: String,
    recipient: &'a str,
    before: Side,
    after: Side,
    rule: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Side {
    level: Level,
    final_action: Verdict,
}

fn side((level, final_action): (Level, Verdict)) -> Side {
    Side { level, final_action }
}

impl<'a> Line<'a> {
    fn of(change: &'a Change) -> Self {
        let Change { recipient, before, after, rule, of: _, judged } = change;
        Self {
            id: judged.entry.to_string(),
            recipient,
            before: side(*before),
            after: side(*after),
            rule: rule.as_deref(),
        }
    }
}

fn preview(opinion: &Opinion) -> Vec<Line<'_>> {
    opinion.changed.iter().map(Line::of).collect()
}

fn show(opinion: &Opinion) {
    let Opinion { changed, same, unjudged } = opinion;
    let mut table = Table::new(&["id", "recipient", "before", "after", "by"]);
    for change in changed {
        let words = |(level, verdict): (Level, Verdict)| match verdict {
            Verdict::Deliver => level.word().to_owned(),
            Verdict::Quarantine
            | Verdict::QuarantineCompany
            | Verdict::Delete
            | Verdict::Reject => verdict.word().to_owned(),
        };
        table.inked_row([
            (change.judged.entry.to_string(), Ink::Plain),
            (change.recipient.clone(), Ink::Plain),
            (words(change.before), Ink::Plain),
            (words(change.after), Ink::Warn),
            (change.rule.clone().unwrap_or_else(|| "no rule".to_owned()), Ink::Faint),
        ]);
    }
    table.print("Today's rules change nothing.");
    let mut text = format!("{} changed, {} as before.\n", changed.len(), same.len());
    for (entry, why) in unjudged {
        text.push_str(&format!("{entry} stays as it is: {why}.\n"));
    }
    out::print(&text);
}
