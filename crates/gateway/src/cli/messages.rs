//! `gatepost messages`: history with evidence.

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_policy::evidence::{Attempt, Ending};
use gatepost_policy::units::Period;
use gatepost_store::{Clock, Inspect, MessageStory, Search, Settings, SystemClock};
use gatepost_wire::timestamp::Timestamp;

use super::out::{Ink, one_line};
use super::select::{any_id, domain_key};
use super::table::Table;
use super::{Done, Status, Trouble, out, store};
use crate::serve::settings::default_level;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Delivery attempts that match, oldest first, all of them.
    Search(Filter),
    /// All that is known about a message.
    Show {
        /// The message's id, as the 250 said it.
        id: String,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only to this address.
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Only to this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only with this outcome: delivered, deferred or bounced.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only since then: 2026-11-24T03:00:00Z, 2026-11-24, or 30d for the last thirty days.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::Search(filter) => search(config, filter).await,
        Verb::Show { id, json } => show(config, &id, json).await,
    }
}

async fn search(config: Option<&Path>, filter: Filter) -> Done {
    let Filter { recipient, domain, outcome, since, json } = filter;
    let search = Search {
        recipient,
        domain: domain.as_deref().map(domain_key).transpose()?,
        outcome: outcome.as_deref().map(ending).transpose()?,
        since: since.as_deref().map(|text| moment(text, SystemClock::new().now())).transpose()?,
    };
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let attempts = store.messages_search(&search).await.map_err(store::failed)?;
    if json {
        out::json(&attempts)?;
    } else {
        table(&attempts).print("No attempt matches.");
    }
    Ok(Status::Fine)
}

async fn show(config: Option<&Path>, id: &str, json: bool) -> Done {
    let id = gatepost_policy::id::MessageId::from_ulid(any_id(id)?);
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let story = store.message_show(id).await.map_err(store::failed)?;
    let Some(mut story) = story else {
        return Err(Trouble::Failed(format!("no message has the id {id}")));
    };
    let queue = std::mem::take(&mut story.queue);
    story.queue = super::queue::complete(queue, &config, default_level(&config, store.profile()));
    if json {
        out::json(&story)?;
    } else {
        out::print(&text(&story));
    }
    Ok(Status::Fine)
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was read";

fn ending(word: &str) -> Result<Ending, Trouble> {
    Ending::parse(word).ok_or_else(|| {
        Trouble::Input(format!("{word:?} is no outcome; write delivered, deferred or bounced"))
    })
}

/// A time as a person types it: exact, a day (its beginning, UTC), or so long ago.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Trouble> {
    let exact = || Timestamp::parse_rfc3339(text);
    let day = || Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    let ago = || {
        let millis = i64::try_from(text.parse::<Period>().ok()?.duration().as_millis()).ok()?;
        Some(Timestamp::from_millis(now.millis().saturating_sub(millis)))
    };
    exact().or_else(day).or_else(ago).ok_or_else(|| {
        Trouble::Input(format!("{text:?} is no time; write 2026-11-24T03:00:00Z, 2026-11-24, or 30d for the last thirty days"))
    })
}

/// How the connection of an attempt was, in a few words.
pub(crate) fn connection(attempt: &Attempt) -> String {
    match (&attempt.tls, attempt.clear_because) {
        (Some(tls), _) => format!("{} {}", tls.version, tls.verified_by.word()),
        (None, Some(why)) => format!("clear: {}", why.word()),
        (None, None) => "-".to_owned(),
    }
}

pub(crate) const fn ink(outcome: Ending) -> Ink {
    match outcome {
        Ending::Delivered => Ink::Good,
        Ending::Deferred => Ink::Warn,
        Ending::Bounced => Ink::Bad,
    }
}

fn table(attempts: &[Attempt]) -> Table {
    let mut table = Table::new(&[
        "at",
        "message",
        "recipient",
        "outcome",
        "level",
        "tls",
        "host",
        "status",
        "said",
    ]);
    for attempt in attempts {
        let said = attempt
            .why
            .map_or_else(|| attempt.reply.clone(), |_| attempt.sentence())
            .unwrap_or_default();
        table.inked_row([
            (attempt.at.rfc3339(), Ink::Plain),
            (attempt.message.to_string(), Ink::Plain),
            (attempt.recipient.clone(), Ink::Plain),
            (attempt.outcome.word().to_owned(), ink(attempt.outcome)),
            (attempt.level.word().to_owned(), Ink::Plain),
            (connection(attempt), Ink::Plain),
            (attempt.host.clone().unwrap_or_default(), Ink::Plain),
            (attempt.status.clone(), Ink::Plain),
            (said, Ink::Faint),
        ]);
    }
    table
}

fn text(story: &MessageStory) -> String {
    let mut text = String::new();
    let sender = if story.sender.is_empty() { "<>" } else { &story.sender };
    let client = &story.client;
    let tls = client.tls.as_deref().unwrap_or("clear text");
    for (name, value) in [
        ("message", story.id.to_string()),
        ("received", format!("{}, {} bytes", story.received_at.rfc3339(), story.size)),
        ("from", sender.to_owned()),
        ("client", format!("{} ({}), {tls}", client.address, client.helo)),
        ("subject", story.subject.clone()),
        ("revision", story.revision.to_string()),
    ] {
        text.push_str(&format!("{name:<10}{}\n", one_line(&value)));
    }
    text.push_str("\nverdicts\n");
    for verdict in &story.verdicts {
        let rules: Vec<String> = verdict
            .matched
            .iter()
            .map(|matched| {
                if matched.shadow {
                    format!("{} (shadow)", matched.rule)
                } else {
                    matched.rule.clone()
                }
            })
            .collect();
        let by = verdict.rule.as_deref().unwrap_or("no rule");
        let line = format!(
            "  {}: {} by {by}; matched: {}",
            verdict.recipients.join(", "),
            super::rules::verdict_word(verdict.verdict),
            rules.join(", ")
        );
        text.push_str(&one_line(&line));
        text.push('\n');
    }
    if !story.attempts.is_empty() {
        text.push_str("\nattempts\n");
        text.push_str(&table(&story.attempts).text(out::colour()));
    }
    for entry in &story.queue {
        let line = format!(
            "waits: {} (entry {}), next attempt {}",
            entry.recipient,
            entry.id,
            entry.next_attempt.rfc3339()
        );
        text.push_str(&format!("\n{}\n", one_line(&line)));
    }
    for entry in &story.quarantine {
        let line = format!(
            "in quarantine: {} (entry {}) by {}, until {}",
            entry.recipient,
            entry.id,
            entry.rule,
            entry.expires.rfc3339()
        );
        text.push_str(&format!("\n{}\n", one_line(&line)));
    }
    if !story.events.is_empty() {
        text.push_str("\nevents\n");
    }
    for event in &story.events {
        let by =
            event.author.as_ref().map_or_else(String::new, |author| format!(" by {}", author.by));
        let line = format!("  {} {}{by} {}", event.at.rfc3339(), event.what, event.detail);
        text.push_str(&one_line(&line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_exact_a_day_or_so_long_ago() {
        let now = Timestamp::parse_rfc3339("2026-11-24T12:00:00Z").unwrap();
        for (text, means) in [
            ("2026-11-24T03:00:00Z", "2026-11-24T03:00:00Z"),
            ("2026-11-24", "2026-11-24T00:00:00Z"),
            ("12h", "2026-11-24T00:00:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().rfc3339(), means, "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "-1d"] {
            assert!(matches!(moment(text, now), Err(Trouble::Input(_))), "{text}");
        }
    }
}
