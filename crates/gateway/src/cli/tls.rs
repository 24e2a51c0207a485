//! `gatepost tls`: what other sites' TLS is good for, and what ours was.

mod entries;
mod evidence;
mod probe;
mod report;
mod show;

use std::path::Path;

use clap::Subcommand;

use super::Done;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What delivery to these domains would do at each level, found out without sending anything.
    Probe(probe::Arguments),
    /// Shares of TLS and of clear text, by domain and over time.
    Report(report::Arguments),
    /// The audit file, and its offline check.
    #[command(subcommand)]
    Evidence(evidence::Verb),
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::Probe(arguments) => probe::run(arguments, config).await,
        Verb::Report(arguments) => report::run(&arguments, config).await,
        Verb::Evidence(verb) => evidence::run(verb, config).await,
    }
}
