//! `gatepost demo`: the guide's story on loopback, and its table.

use std::io::IsTerminal;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::out::{Ink, colour, inked};
use super::{Done, Status, Trouble, out};
use crate::demo::{Demo, Report};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Exit when the table is there: 0 if everything went as the policy says, else 1.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Done {
    let once = arguments.once || !std::io::stdin().is_terminal();
    let progress = |text: &str| {
        if std::io::stderr().is_terminal() {
            out::error(&format!("{text}\n"));
        }
    };
    progress("starting a gateway, its DNS and five remote sites on loopback …");
    let demo = Box::pin(Demo::start()).await.map_err(|why| Trouble::Failed(why.to_string()))?;
    progress("sending a message to each …");
    let report = match demo.tell().await {
        Ok(report) => report,
        Err(why) => {
            demo.stop().await;
            return Err(Trouble::Failed(why.to_string()));
        }
    };
    out::print(&text(&report, colour()));
    let status = if report.is_right() { Status::Fine } else { Status::Wrong };
    if !once {
        out::print(&format!(
            "\nThe gateway keeps running: http://{}/metrics\nLook around with: gatepost --config {} messages search\n\
             Ctrl-C ends it and removes everything.\n",
            demo.admin(),
            demo.config().display()
        ));
        ended().await;
    }
    demo.stop().await;
    Ok(status)
}

/// Returns when somebody wants the demo to end. Where no signal can be heard, that is at once: its folder is removed
/// by ending, and by nothing else.
async fn ended() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn text(report: &Report, colour: bool) -> String {
    let mut text = String::new();
    let width = |cell: fn(&crate::demo::Row) -> &str| {
        report.rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0)
    };
    let (site, domain) = (width(|row| row.site), width(|row| row.domain));
    let (asked, happened) = (width(|row| &row.asked), width(|row| &row.happened));
    let columns = ("remote site", "domain", "TLS, and who asked", "what happened");
    let head = format!(
        "{:<site$}  {:<domain$}  {:<asked$}  {}",
        columns.0, columns.1, columns.2, columns.3
    );
    text.push_str(&format!("{}\n", inked(&head, Ink::Bold, colour)));
    for row in &report.rows {
        let ink = if !row.wrong.is_empty() {
            Ink::Bad
        } else if row.happened.starts_with("waiting") {
            Ink::Warn
        } else {
            Ink::Good
        };
        let happened = inked(&format!("{:<happened$}", row.happened), ink, colour);
        let verdict =
            if row.wrong.is_empty() { "as the policy says" } else { "NOT as the policy says" };
        text.push_str(&format!(
            "{:<site$}  {:<domain$}  {:<asked$}  {happened}  {verdict}\n",
            row.site, row.domain, row.asked
        ));
        for line in &row.evidence {
            text.push_str(&inked(&format!("    {}", out::one_line(line)), Ink::Faint, colour));
            text.push('\n');
        }
        for line in &row.wrong {
            text.push_str(&inked(&format!("    wrong: {line}"), Ink::Bad, colour));
            text.push('\n');
        }
    }
    text.push_str(if report.is_right() {
        "\nEverything went as the policy says.\n"
    } else {
        "\nNot everything went as the policy says.\n"
    });
    text
}
