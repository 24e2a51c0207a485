//! `gatepost tls report`: shares of TLS and of clear text, from the evidence of every attempt.
//!
//! The attempts are read a page at a time and only sums are kept, so a report over years takes no more memory than
//! one over a day. A delivery counts once for each recipient, and an attempt that waits counts each time.

use std::path::Path;

use clap::{Args, ValueEnum};
use gatepost_store::report::{self, By, Report};
use gatepost_store::{Clock, Inspect, Ledger, Stretch, SystemClock};
use gatepost_wire::timestamp::Timestamp;

use crate::cli::messages::moment;
use crate::cli::out::Ink;
use crate::cli::select::domain_key;
use crate::cli::table::Table;
use crate::cli::{Done, Status, Trouble, load, out, store};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Since then: 30d for the last thirty days, 2026-11-24, or 2026-11-24T03:00:00Z.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: String,
    /// Only this domain of recipients.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// A line for each of these periods, in UTC; a week begins on Monday.
    #[arg(long, value_name = "PERIOD")]
    by: Option<Period>,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "table", conflicts_with = "json")]
    format: Format,
    /// One JSON document, as --format json.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// Comma-separated, with a head (RFC 4180).
    Csv,
    /// One document.
    Json,
}

/// A stretch of time that gets a line of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Period {
    /// A day in UTC.
    Day,
    /// Seven days, from Monday on.
    Week,
    /// A month of the calendar.
    Month,
}

impl From<Period> for By {
    fn from(period: Period) -> Self {
        match period {
            Period::Day => Self::Day,
            Period::Week => Self::Week,
            Period::Month => Self::Month,
        }
    }
}

/// Attempts that are read at once.
const PAGE: usize = 2_000;

pub(crate) async fn run(arguments: &Arguments, config: Option<&Path>) -> Done {
    let until = SystemClock::new().now();
    let since = moment(&arguments.since, until)?;
    let domain = arguments.domain.as_deref().map(domain_key).transpose()?;
    let config = load(config, "nothing was read")?;
    let store = store::open(&config).await?;
    let report = gather(&store, since, until, domain, arguments.by.map(By::from)).await?;
    let format = if arguments.json { Format::Json } else { arguments.format };
    match format {
        Format::Table => table(&report).print("Nothing was delivered, and nothing waited for TLS."),
        Format::Csv => out::print(&report::csv(&report)),
        Format::Json => out::json(&report)?,
    }
    Ok(Status::Fine)
}

async fn gather(
    store: &(impl Ledger + Inspect),
    since: Timestamp,
    until: Timestamp,
    domain: Option<String>,
    by: Option<By>,
) -> Result<Report, Trouble> {
    let mut report = Report::new(since, until, by);
    let stretch = Stretch { since: Some(since), domain: domain.clone() };
    let mut after = None;
    loop {
        let page = store.attempts(&stretch, after, PAGE).await.map_err(store::failed)?;
        for (domain, attempt) in &page.attempts {
            if attempt.at <= until {
                report.add(domain, attempt);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    for entry in store.queue_list().await.map_err(store::failed)? {
        let for_tls = entry.last.as_ref().and_then(|last| last.why).is_some_and(|why| why.is_tls());
        if for_tls && domain.as_ref().is_none_or(|domain| *domain == entry.domain) {
            report.waits(&entry.domain);
        }
    }
    report.close();
    Ok(report)
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&[
        "domain",
        "period",
        "delivered",
        "TLS",
        "share",
        "verified",
        "clear text",
        "deferred",
        "bounced",
        "waiting",
        "versions",
        "last",
    ]);
    if report.rows.is_empty() {
        return table;
    }
    let rows = report.rows.iter().map(|row| {
        (row.domain.as_str(), row.period.as_deref().unwrap_or("-"), &row.sums, Ink::Plain)
    });
    for (domain, period, sums, ink) in rows.chain([("all", "-", &report.totals, Ink::Bold)]) {
        let clear = sums.in_clear.total();
        let clear_ink = if clear > 0 { Ink::Warn } else { ink };
        let trouble = |count: u64| if count > 0 { Ink::Bad } else { ink };
        table.inked_row([
            (domain.to_owned(), ink),
            (period.to_owned(), ink),
            (sums.delivered.to_string(), ink),
            (sums.over_tls.to_string(), ink),
            (sums.tls_share.map_or_else(|| "-".to_owned(), |share| format!("{share:.1} %")), ink),
            (sums.verified.to_string(), ink),
            (clear_text(sums), clear_ink),
            (sums.deferred_for_tls.to_string(), trouble(sums.deferred_for_tls)),
            (sums.bounced_for_tls.to_string(), trouble(sums.bounced_for_tls)),
            (sums.waiting_for_tls.map_or_else(|| "-".to_owned(), |n| n.to_string()), ink),
            (report::counted(&sums.versions), ink),
            (sums.last.map_or_else(|| "-".to_owned(), Timestamp::rfc3339), Ink::Faint),
        ]);
    }
    table
}

/// How much went in clear text, and why.
fn clear_text(sums: &report::Sums) -> String {
    let clear = &sums.in_clear;
    let reasons: Vec<String> = clear
        .each()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    match clear.total() {
        0 => "0".to_owned(),
        total => format!("{total} ({})", reasons.join(", ")),
    }
}

#[cfg(test)]
mod tests;
