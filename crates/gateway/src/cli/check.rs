//! `gatepost check`: the configuration and the policy: errors, then lint findings. It changes nothing.

use std::path::Path;

use clap::Args;
use gatepost_policy::rules::lint::Finding;
use gatepost_store::{Accounts, Clock as _, SystemClock};
use serde::Serialize;

use super::{Done, Status, Trouble, out, policy, store};
use crate::serve::logins;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The findings as one JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments, config: Option<&Path>) -> Done {
    let Arguments { json } = arguments;
    let config = super::load(config, "nothing was started")?;
    crate::serve::settings::check_files(&config)?;
    let found = store::open_existing(&config).await?;
    let accounts = found.as_ref().map(|store| store as &dyn Accounts);
    if let Some(problem) = logins::missing(&config, accounts).await.map_err(store::failed)? {
        return Err(Trouble::Input(problem));
    }
    let (revision, document, profile) = store::policy_or_initial(&config).await?;
    let snapshot = policy::compile(&config, revision, document, profile)?;
    let findings = snapshot.lint(SystemClock::new().now());
    let remarks = crate::serve::settings::remarks(&config, &snapshot);
    if json {
        let remarks = remarks.iter().map(|text| Entry::Remark(Remark::of(text)));
        out::json(&remarks.chain(findings.iter().map(Entry::Finding)).collect::<Vec<_>>())?;
    } else {
        let file = config
            .file
            .as_ref()
            .map_or_else(|| "the built-in defaults".to_owned(), |file| file.display().to_string());
        out::print(&format!("configuration: {file}\nstore: {}\n", config.data_dir.display()));
        for remark in &remarks {
            out::print(&format!("{remark}\n"));
        }
        policy::report(&findings);
    }
    if findings.is_empty() && remarks.is_empty() {
        if !json {
            out::print("Everything is in order.\n");
        }
        return Ok(Status::Fine);
    }
    Ok(Status::Wrong)
}

/// What is odd about the configuration, in the shape of a lint finding.
#[derive(Serialize)]
struct Remark<'a> {
    rule: Option<&'a str>,
    kind: &'a str,
    text: &'a str,
    fix: Option<&'a str>,
}

impl<'a> Remark<'a> {
    const fn of(text: &'a str) -> Self {
        Self { rule: None, kind: "configuration", text, fix: None }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Remark(Remark<'a>),
    Finding(&'a Finding),
}
