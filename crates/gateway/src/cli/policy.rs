//! `gatepost policy`: the policy as a file, its history, and what is unwise in it.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use gatepost_policy::difference::unified;
use gatepost_policy::document::{Parsed, PolicyDocument, Profile, Spans};
use gatepost_policy::rules::lint::Finding;
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Author, Clock as _, Committed, Settings, SettingsError, SystemClock};

use super::out::{Ink, colour, inked, one_line};
use super::table::Table;
use super::{Done, Status, Trouble, out, policy_test, read_file, store};
use crate::config::{Config, user};
use crate::serve::settings::tls as tls_settings;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The policy that holds, with its revision.
    Show {
        /// Another revision.
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// The policy as a file, and nothing else.
    Export {
        /// Another revision.
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Makes a file the policy: all of it or none.
    Apply {
        /// The file; `-` is stdin.
        file: PathBuf,
        /// Kept in the history.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// What a file would change; 0 where it would change nothing.
    Diff {
        /// The file; `-` is stdin.
        file: PathBuf,
    },
    /// Runs tests of rules from files.
    Test(policy_test::Arguments),
    /// What is unwise in a file, or in the policy that holds.
    Lint {
        /// The file; `-` is stdin. It works without a store.
        file: Option<PathBuf>,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Every revision, newest first.
    History {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Makes an old revision the policy again.
    Rollback {
        /// The revision.
        revision: u64,
        /// Kept in the history.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::Show { revision, json } => show(config, revision, json).await,
        Verb::Export { revision, json } => export(config, revision, json).await,
        Verb::Apply { file, reason } => apply(config, &file, reason.as_deref()).await,
        Verb::Diff { file } => difference(config, &file).await,
        Verb::Test(arguments) => policy_test::run(arguments, config).await,
        Verb::Lint { file, json } => lint(config, file.as_deref(), json).await,
        Verb::History { json } => history(config, json).await,
        Verb::Rollback { revision, reason } => rollback(config, revision, reason.as_deref()).await,
    }
}

/// What is not done because of a file that cannot be used.
const UNCHANGED: &str = "nothing was changed";

async fn load(
    config: Option<&Path>,
    revision: Option<u64>,
) -> Result<gatepost_store::StoredRevision, Trouble> {
    let config = super::load(config, UNCHANGED)?;
    let store = store::open(&config).await?;
    match revision {
        Some(number) => store::revision(&store, number).await,
        None => store::current(&store).await,
    }
}

async fn show(config: Option<&Path>, revision: Option<u64>, json: bool) -> Done {
    let stored = load(config, revision).await?;
    if json {
        out::json(&stored.document)?;
        return Ok(Status::Fine);
    }
    let line = &stored.revision;
    let reason = line.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let head =
        format!("# revision {}, {}, by {}{reason}", line.revision, line.at.rfc3339(), line.by);
    out::print(&format!(
        "{}\n\n{}",
        inked(&one_line(&head), Ink::Faint, colour()),
        stored.document.to_toml()
    ));
    Ok(Status::Fine)
}

async fn export(config: Option<&Path>, revision: Option<u64>, json: bool) -> Done {
    let stored = load(config, revision).await?;
    if json {
        out::json(&stored.document)?;
    } else {
        out::print(&stored.document.to_toml());
    }
    Ok(Status::Fine)
}

async fn apply(config: Option<&Path>, file: &Path, reason: Option<&str>) -> Done {
    let config = super::load(config, UNCHANGED)?;
    let store = store::open(&config).await?;
    let snapshot = read_policy(&config, file, store.profile(), UNCHANGED)?;
    let author = Author::new(&user(), reason);
    committed(store.commit(None, &snapshot.document, &author).await)?;
    let findings = snapshot.lint(SystemClock::new().now());
    Ok(report(&findings))
}

async fn rollback(config: Option<&Path>, revision: u64, reason: Option<&str>) -> Done {
    let config = super::load(config, UNCHANGED)?;
    let store = store::open(&config).await?;
    // for its answer where there is none
    store::revision(&store, revision).await?;
    let default_reason = format!("back to revision {revision}");
    let author = Author::new(&user(), Some(reason.unwrap_or(&default_reason)));
    committed(store.rollback(None, revision, &author).await)?;
    Ok(Status::Fine)
}

fn committed(done: Result<Committed, SettingsError>) -> Result<(), Trouble> {
    let committed = done.map_err(|why| match why {
        SettingsError::Conflict { .. } | SettingsError::NoSuchRevision(_) => {
            Trouble::Failed(format!("{why}; nothing was changed"))
        }
        SettingsError::Store(why) => store::failed(why),
    })?;
    if committed.changed {
        out::print(&format!("Revision {} holds now.\n", committed.revision));
    } else {
        out::print(&format!(
            "Revision {} holds already and says the same; nothing was changed.\n",
            committed.revision
        ));
    }
    Ok(())
}

async fn difference(config: Option<&Path>, file: &Path) -> Done {
    let config = super::load(config, UNCHANGED)?;
    let (revision, current, profile) = store::policy_or_initial(&config).await?;
    let snapshot = read_policy(&config, file, profile, "nothing was compared")?;
    let name = format!("revision {revision}");
    let text = unified(
        &current.to_toml(),
        &snapshot.document.to_toml(),
        &name,
        &file.display().to_string(),
    );
    if text.is_empty() {
        return Ok(Status::Fine);
    }
    let coloured: String = text
        .lines()
        .map(|line| {
            let ink = match line.as_bytes().first() {
                Some(b'+') => Ink::Good,
                Some(b'-') => Ink::Bad,
                Some(b'@') => Ink::Faint,
                Some(_) | None => Ink::Plain,
            };
            format!("{}\n", inked(&one_line(line), ink, colour()))
        })
        .collect();
    out::print(&coloured);
    Ok(Status::Wrong)
}

async fn lint(config: Option<&Path>, file: Option<&Path>, json: bool) -> Done {
    const SO: &str = "nothing was looked at";
    let config = super::load(config, SO)?;
    let snapshot = match file {
        Some(file) => {
            let profile = store::profile(&config).await?;
            read_policy(&config, file, profile, SO)?
        }
        None => {
            let (revision, document, profile) = store::policy_or_initial(&config).await?;
            compile(&config, revision, document, profile)?
        }
    };
    let findings = snapshot.lint(SystemClock::new().now());
    if json {
        out::json(&findings)?;
        return Ok(if findings.is_empty() { Status::Fine } else { Status::Wrong });
    }
    if findings.is_empty() {
        out::print("Nothing to find fault with.\n");
    }
    Ok(report(&findings))
}

async fn history(config: Option<&Path>, json: bool) -> Done {
    let config = super::load(config, UNCHANGED)?;
    let store = store::open(&config).await?;
    let revisions = store.history().await.map_err(store::failed)?;
    if json {
        out::json(&revisions)?;
        return Ok(Status::Fine);
    }
    let mut table = Table::new(&["revision", "at", "by", "reason"]);
    for line in revisions {
        table.row([
            line.revision.to_string(),
            line.at.rfc3339(),
            line.by,
            line.reason.unwrap_or_default(),
        ]);
    }
    table.print("There is no revision.");
    Ok(Status::Fine)
}

/// Reads and compiles a policy file, TOML or, where its name ends so, JSON.
pub(crate) fn read_policy(
    config: &Config,
    file: &Path,
    profile: Profile,
    so: &'static str,
) -> Result<Snapshot, Trouble> {
    let bytes = read_file(file)?;
    let name = file.display().to_string();
    let text = String::from_utf8(bytes).map_err(|why| {
        Trouble::Input(format!(
            "{name} is no text: byte {} is not UTF-8",
            why.utf8_error().valid_up_to()
        ))
    })?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = if is_json {
        let value = serde_json::from_str(&text)
            .map_err(|why| Trouble::Input(format!("{name} is not JSON: {why}")))?;
        PolicyDocument::parse_json(value)
    } else {
        PolicyDocument::parse_toml(&text, &name)
    };
    let Parsed { document, spans } = parsed.map_err(|found| Trouble::Problems { found, so })?;
    Snapshot::build(0, profile, document.completed(profile), &spans, tls_settings(config, profile))
        .map_err(|found| Trouble::Problems { found, so })
}

/// Compiles a policy that came out of a store.
pub(crate) fn compile(
    config: &Config,
    revision: u64,
    document: PolicyDocument,
    profile: Profile,
) -> Result<Snapshot, Trouble> {
    Snapshot::build(revision, profile, document, &Spans::default(), tls_settings(config, profile))
        .map_err(|found| Trouble::Problems { found, so: "the policy of the store cannot be used" })
}

/// Prints findings for people.
pub(crate) fn report(findings: &[Finding]) -> Status {
    if findings.is_empty() {
        return Status::Fine;
    }
    let colour = colour();
    let mut text = String::new();
    for finding in findings {
        let about =
            finding.rule.as_ref().map_or_else(String::new, |rule| format!("  {}", one_line(rule)));
        text.push_str(&format!("{}{about}\n", inked(finding.kind.word(), Ink::Warn, colour)));
        text.push_str(&format!("  {}\n  {}\n", one_line(&finding.text), one_line(&finding.fix)));
    }
    let noun = if findings.len() == 1 { "finding" } else { "findings" };
    text.push_str(&format!("{} {noun}.\n", findings.len()));
    out::print(&text);
    Status::Wrong
}
