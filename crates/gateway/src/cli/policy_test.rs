//! `gatepost policy test`: rule tests, kept as text beside the policy.

use std::path::{Path, PathBuf};

use clap::Args;
use gatepost_policy::rules::expectation::Expectations;
use gatepost_store::{Clock as _, SystemClock};
use serde::Serialize;

use super::out::{Ink, colour, inked, one_line};
use super::{Done, Status, Trouble, out, read_file, rules};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files of tests.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The policy to test instead of the one that holds; it works without a store.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// How one test went.
#[derive(Debug, Serialize)]
struct Outcome {
    name: String,
    place: String,
    passed: bool,
    failures: Vec<Miss>,
}

/// One thing that was not as expected.
#[derive(Debug, Serialize)]
struct Miss {
    recipient: String,
    what: &'static str,
    wanted: String,
    seen: String,
}

pub(crate) async fn run(arguments: Arguments, config: Option<&Path>) -> Done {
    let Arguments { files, policy, json } = arguments;
    let mut tests = Vec::new();
    let mut found = Vec::new();
    for file in &files {
        let name = file.display().to_string();
        let text = String::from_utf8(read_file(file)?)
            .map_err(|_| Trouble::Input(format!("{name} is no text")))?;
        match Expectations::parse_toml(&text, &name) {
            Ok(read) => tests.extend(read.tests),
            Err(problems) => found.extend(problems),
        }
    }
    if !found.is_empty() {
        return Err(Trouble::Problems { found, so: "nothing was tested" });
    }
    let snapshot = rules::snapshot(config, policy.as_deref()).await?;
    let now = SystemClock::new().now();
    let outcomes: Vec<Outcome> = tests
        .iter()
        .map(|test| {
            let failures: Vec<Miss> = test
                .run(&snapshot, now)
                .into_iter()
                .map(|miss| Miss {
                    recipient: miss.recipient,
                    what: miss.what,
                    wanted: miss.wanted,
                    seen: miss.seen,
                })
                .collect();
            Outcome {
                name: test.name.clone(),
                place: test.place.clone(),
                passed: failures.is_empty(),
                failures,
            }
        })
        .collect();
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    if json {
        out::json(&outcomes)?;
    } else {
        out::print(&text(&outcomes, failed));
    }
    Ok(if failed == 0 { Status::Fine } else { Status::Wrong })
}

fn text(outcomes: &[Outcome], failed: usize) -> String {
    let colour = colour();
    let mut text = String::new();
    for outcome in outcomes {
        let (mark, ink) = if outcome.passed { ("pass", Ink::Good) } else { ("FAIL", Ink::Bad) };
        text.push_str(&format!(
            "{}  {}  {}\n",
            inked(mark, ink, colour),
            outcome.place,
            one_line(&outcome.name)
        ));
        for miss in &outcome.failures {
            let line = format!(
                "{}: {}: wanted {}, seen {}",
                miss.recipient, miss.what, miss.wanted, miss.seen
            );
            text.push_str(&format!("      {}\n", one_line(&line)));
        }
    }
    text.push_str(&format!("{} passed, {failed} failed.\n", outcomes.len() - failed));
    text
}
