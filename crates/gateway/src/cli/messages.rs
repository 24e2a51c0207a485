//! `gatepost messages`: history with evidence.

mod story;

use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_policy::diagnostic::suggest;
use gatepost_policy::evidence::{Attempt, Ending, Why};
use gatepost_policy::id::MessageId;
use gatepost_policy::tls::Level;
use gatepost_policy::units::Period;
use gatepost_store::story::{Line, lines, report_of};
use gatepost_store::{Clock, Inspect, MessageStory, Search, Settings, SystemClock};
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;

use super::out::Ink;
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
    /// Only from this sender; `<>` is the null sender.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Only of this message.
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// Only with this cause, such as starttls-not-offered.
    #[arg(long, value_name = "WORD")]
    why: Option<String>,
    /// Only where this level was wanted.
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
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
    let Filter { recipient, domain, sender, message, why, level, outcome, since, json } = filter;
    let search = Search {
        recipient,
        domain: domain.as_deref().map(domain_key).transpose()?,
        outcome: outcome.as_deref().map(ending).transpose()?,
        since: since.as_deref().map(|text| moment(text, SystemClock::new().now())).transpose()?,
        sender,
        message: message.as_deref().map(any_id).transpose()?.map(MessageId::from_ulid),
        why: why.as_deref().map(cause).transpose()?,
        level: level.as_deref().map(level_of).transpose()?,
        until: None,
        text: None,
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
    let id = MessageId::from_ulid(any_id(id)?);
    let config = super::load(config, NOTHING)?;
    let store = store::open(&config).await?;
    let story = store.message_show(id).await.map_err(store::failed)?;
    let Some(mut story) = story else {
        return Err(Trouble::Failed(format!("no message has the id {id}")));
    };
    super::queue::complete(&mut story.queue, &config, default_level(&config, store.profile()));
    let reports = reports(&store, &story).await?;
    let lines = lines(&story, &reports);
    if json {
        out::json(&Shown { known: &story, story: &lines })?;
    } else {
        out::print(&story::text(&story, &lines));
    }
    Ok(Status::Fine)
}

/// The document of `messages show --json`.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    known: &'a MessageStory,
    /// What happened, in order and in words.
    story: &'a [Line],
}

/// The stories of the reports that were made about a message.
async fn reports(store: &impl Inspect, story: &MessageStory) -> Result<Vec<MessageStory>, Trouble> {
    let mut reports = Vec::new();
    for id in story.events.iter().filter_map(report_of) {
        reports.extend(store.message_show(id).await.map_err(store::failed)?);
    }
    Ok(reports)
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was read";

fn ending(word: &str) -> Result<Ending, Trouble> {
    Ending::parse(word).ok_or_else(|| {
        Trouble::Input(format!("{word:?} is no outcome; write delivered, deferred or bounced"))
    })
}

fn cause(word: &str) -> Result<Why, Trouble> {
    Why::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Why::ALL.iter().map(|why| why.word()).collect();
        let remedy = suggest(word, &words).map_or_else(
            || format!("the causes are {}", words.join(", ")),
            |meant| format!("did you mean {meant}?"),
        );
        Trouble::Input(format!("{word:?} is no cause; {remedy}"))
    })
}

fn level_of(word: &str) -> Result<Level, Trouble> {
    Level::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Level::ALL.iter().map(|level| level.word()).collect();
        Trouble::Input(format!("{word:?} is no level; write one of {}", words.join(", ")))
    })
}

/// A time as a person types it: exact, a day (its beginning, UTC), or so long ago.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Trouble> {
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
            (attempt.connection(), Ink::Plain),
            (attempt.host.clone().unwrap_or_default(), Ink::Plain),
            (attempt.status.clone(), Ink::Plain),
            (said, Ink::Faint),
        ]);
    }
    table
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
