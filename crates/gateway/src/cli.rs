//! What a person types: every verb, its arguments and its exit status.
//!
//! One file a family of verbs. A verb returns what it found (`Status`) or why it could not be done
//! (`Trouble`); only this file turns either into an exit status: 0 done, 1 done but something is wrong,
//! 2 the input could not be used.

mod absent;
mod admin;
mod audit;
mod check;
mod demo;
mod init;
mod messages;
mod out;
mod policy;
mod policy_test;
mod quarantine;
mod queue;
mod rules;
mod select;
mod serve;
mod store;
mod table;
mod tls;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gatepost_policy::diagnostic::Diagnostic;

use crate::config::{self, Config, Unusable};

/// A self-hosted email security gateway: Message Rules in, exactly the right TLS out.
#[derive(Debug, Parser)]
#[command(
    name = "gatepost",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Arguments {
    /// The configuration. Default: ./gatepost.toml, then /etc/gatepost/gatepost.toml, then built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the gateway in the foreground; the log goes to stderr.
    Serve,
    /// The guide's story, for real, on loopback, in a temporary folder.
    Demo(demo::Arguments),
    /// Writes a commented gatepost.toml.
    Init(init::Arguments),
    /// Configuration and policy: errors, then lint findings.
    Check(check::Arguments),
    /// The policy as a file.
    #[command(subcommand)]
    Policy(policy::Verb),
    /// The Message Rules, and the simulator.
    #[command(subcommand)]
    Rules(rules::Verb),
    /// Mail that waits.
    #[command(subcommand)]
    Queue(queue::Verb),
    /// History with evidence.
    #[command(subcommand)]
    Messages(messages::Verb),
    /// Mail that a rule kept back.
    #[command(subcommand)]
    Quarantine(quarantine::Verb),
    /// TLS of other sites: what it is good for, and what it was.
    #[command(subcommand)]
    Tls(tls::Verb),
    /// Accounts of people, of SMTP clients and of programs.
    #[command(subcommand)]
    Admin(admin::Verb),
    /// Who did what, and whether the record of it is whole.
    #[command(subcommand)]
    Audit(audit::Verb),
}

/// How a verb ended that was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    /// Exit status 0.
    Fine,
    /// Exit status 1: done, and something is wrong.
    Wrong,
}

/// Why a verb was not done.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Exit status 2: a file has problems, all of them here.
    Problems {
        found: Vec<Diagnostic>,
        /// What did not happen because of them: `nothing was changed`.
        so: &'static str,
    },
    /// Exit status 2: the input cannot be used.
    Input(String),
    /// Exit status 1: it could not be done.
    Failed(String),
}

pub(crate) type Done = Result<Status, Trouble>;

/// Runs what the command line of this process says.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs a command line; its first word is the program's name.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(refused) => {
            // help and version are 0, everything else is a command line that cannot be used
            let status = if refused.use_stderr() { 2 } else { 0 };
            return if refused.print().is_ok() {
                ExitCode::from(status)
            } else {
                ExitCode::from(2)
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return end(Err(Trouble::Failed(format!("no runtime can be started: {why}")))),
    };
    let done = runtime.block_on(Box::pin(perform(arguments)));
    // a verb has nothing left to wait for; `serve` has waited already
    runtime.shutdown_background();
    end(done)
}

async fn perform(arguments: Arguments) -> Done {
    let Arguments { config, verb } = arguments;
    let config = config.as_deref();
    match verb {
        Verb::Serve => serve::run(config).await,
        Verb::Demo(arguments) => demo::run(arguments).await,
        Verb::Init(arguments) => init::run(arguments, config),
        Verb::Check(arguments) => check::run(arguments, config).await,
        Verb::Policy(verb) => policy::run(verb, config).await,
        Verb::Rules(verb) => rules::run(verb, config).await,
        Verb::Queue(verb) => queue::run(verb, config).await,
        Verb::Messages(verb) => messages::run(verb, config).await,
        Verb::Quarantine(verb) => quarantine::run(verb, config).await,
        Verb::Tls(verb) => tls::run(verb, config).await,
        Verb::Admin(verb) => admin::run(verb, config).await,
        Verb::Audit(verb) => audit::run(verb, config).await,
    }
}

fn end(done: Done) -> ExitCode {
    match done {
        Ok(Status::Fine) => ExitCode::SUCCESS,
        Ok(Status::Wrong) => ExitCode::from(1),
        Err(Trouble::Problems { found, so }) => {
            let mut text: String = found.iter().map(|problem| format!("{problem}\n")).collect();
            let noun = if found.len() == 1 { "problem" } else { "problems" };
            text.push_str(&format!("{} {noun}; {so}.\n", found.len()));
            out::error(&text);
            ExitCode::from(2)
        }
        Err(Trouble::Input(why)) => {
            out::error(&format!("gatepost: {why}\n"));
            ExitCode::from(2)
        }
        Err(Trouble::Failed(why)) => {
            out::error(&format!("gatepost: {why}\n"));
            ExitCode::from(1)
        }
    }
}

/// The configuration a verb works with.
pub(crate) fn load(named: Option<&Path>, so: &'static str) -> Result<Config, Trouble> {
    config::load(named).map_err(|unusable| match unusable {
        Unusable::Wrong(found) => Trouble::Problems { found, so },
        Unusable::Unreadable { .. } => Trouble::Input(unusable.to_string()),
    })
}

/// The text of a file that a person named; `-` is stdin.
pub(crate) fn read_file(file: &Path) -> Result<Vec<u8>, Trouble> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|why| Trouble::Input(format!("{} cannot be read: {why}", file.display())))
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
