//! `gatepost tls probe`: readiness of domains, printed and kept.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use gatepost_deliver::probe::{Parts, Prober, Report};
use gatepost_net::tls::Connector;
use gatepost_policy::diagnostic::{Diagnostic, choice, quote};
use gatepost_policy::tls::Level;
use gatepost_store::embedded::Embedded;
use gatepost_store::{Clock, KeptProbe, Ledger as _, Probes as _, Settings as _, SystemClock};
use gatepost_wire::address::AddressDomain;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::entries::Wanted;
use super::show;
use crate::cli::select::domain_key;
use crate::cli::{Done, Status, Trouble, load, out, policy, read_file, store};
use crate::config::Config;
use crate::serve::{self, secrets::PasswordFiles, settings};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Domains: partner.example, an address in brackets, or .partner.example for subdomains that mail went to.
    #[arg(value_name = "DOMAIN")]
    domains: Vec<String>,
    /// A file with one domain a line; `#` begins a comment, `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "kept")]
    file: Option<PathBuf>,
    /// Every entry of a set of kind "domains" of the policy.
    #[arg(long, value_name = "NAME", conflicts_with = "kept")]
    rule_data: Option<String>,
    /// The level that domains have to be ready for: plain, try, require or verify.
    #[arg(long, value_name = "LEVEL", default_value = "require", conflicts_with = "kept")]
    level: String,
    /// Connections at once.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=1000),
        conflicts_with = "kept"
    )]
    parallel: u16,
    /// What earlier probes showed, newest first; nothing is connected to. With domains, all that is kept of them.
    #[arg(long)]
    kept: bool,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// What does not happen because of input that cannot be used.
const NOTHING: &str = "nothing was probed";

pub(crate) async fn run(arguments: Arguments, config: Option<&Path>) -> Done {
    if arguments.kept {
        return kept(&arguments.domains, arguments.json, config).await;
    }
    let config = load(config, NOTHING)?;
    let mut wanted = Wanted::default();
    let level = level(&arguments.level, &mut wanted);
    wanted.arguments(&arguments.domains);
    if let Some(file) = &arguments.file {
        wanted.file(file, &read_file(file)?);
    }
    let named = arguments.file.is_some() || arguments.rule_data.is_some();
    if arguments.domains.is_empty() && !named {
        return Err(Trouble::Input(
            "nothing to probe; name domains, --file FILE or --rule-data NAME".to_owned(),
        ));
    }
    let store = store::open(&config).await?;
    let current = store::current(&store).await?;
    if let Some(name) = &arguments.rule_data {
        wanted.rule_data(&current.document, name);
    }
    if !wanted.problems.is_empty() {
        return Err(Trouble::Problems { found: wanted.problems, so: NOTHING });
    }
    known_subdomains(&mut wanted, &store).await?;
    for note in &wanted.notes {
        out::error(&format!("note: {}\n", out::one_line(note)));
    }
    let domains = wanted.into_domains();
    if domains.is_empty() {
        return Err(Trouble::Failed("there is no domain to probe".to_owned()));
    }
    let revision = current.revision.revision;
    let snapshot = policy::compile(&config, revision, current.document, store.profile())?;
    let prober = prober(&config, snapshot, level, usize::from(arguments.parallel)).await?;
    let reports = probe(&prober, domains, &store).await?;
    if arguments.json {
        out::json(&reports)?;
    } else {
        out::print(&show::reports(&reports, SystemClock::new().now(), out::colour()));
    }
    Ok(if reports.iter().all(|report| report.ready) { Status::Fine } else { Status::Wrong })
}

/// The level that was asked for; a word that is none is one of the problems.
fn level(word: &str, wanted: &mut Wanted) -> Level {
    let built: Vec<&str> = Level::ALL.iter().filter(|l| l.is_built()).map(|l| l.word()).collect();
    let problem = match Level::parse(word) {
        Some(level) if level.is_built() => return level,
        Some(level) => format!("The level \"{level}\" is not in this version."),
        None => format!("{} is no level.", quote(word)),
    };
    wanted.problems.push(Diagnostic {
        file: "command line".to_owned(),
        line: 0,
        column: 0,
        path: "--level".to_owned(),
        problem,
        remedy: format!("Write {}.", choice(&built)),
    });
    Level::Require
}

/// DNS does not list the subdomains of a domain. Those that mail was sent to are known.
async fn known_subdomains(wanted: &mut Wanted, store: &Embedded) -> Result<(), Trouble> {
    for parent in wanted.below.clone() {
        let known = store.domains_below(parent.as_str()).await.map_err(store::failed)?;
        let count = known.len();
        for name in known {
            if let Ok(domain) = AddressDomain::parse(&name) {
                wanted.add(domain);
            }
        }
        wanted.notes.push(format!(
            ".{parent} means every subdomain, and DNS does not list them: {}",
            match count {
                0 => "mail was sent to none so far, so none of them is probed".to_owned(),
                1 => "the one that mail was sent to is probed".to_owned(),
                _ => format!("the {count} that mail was sent to are probed"),
            }
        ));
    }
    Ok(())
}

async fn prober(
    config: &Config,
    snapshot: gatepost_policy::snapshot::Snapshot,
    level: Level,
    parallel: usize,
) -> Result<Prober, Trouble> {
    let resolver = serve::hickory(config).map_err(|why| Trouble::Input(why.to_string()))?;
    let roots = settings::roots(config);
    let connector = tokio::task::spawn_blocking(move || Connector::new(&roots))
        .await
        .map_err(|why| Trouble::Failed(why.to_string()))?;
    if let Err(why) = connector.roots_ok() {
        out::error(&format!(
            "note: no certificate can be verified: {}\n",
            out::one_line(&why.to_string())
        ));
    }
    let listeners = config.listeners.iter().map(|listener| listener.address).collect();
    let parts = Parts {
        resolver,
        connector,
        snapshot: Arc::new(snapshot),
        settings: settings::delivery(config, listeners),
        secrets: Arc::new(PasswordFiles::of(config)),
        clock: Arc::new(SystemClock::new()),
    };
    Prober::new(parts, level, parallel).map_err(|broken| Trouble::Input(broken.to_string()))
}

/// Probes, keeps each report as soon as it is there, and gives them in the order of the domains.
async fn probe(
    prober: &Prober,
    domains: Vec<AddressDomain>,
    store: &Embedded,
) -> Result<Vec<Report>, Trouble> {
    let count = domains.len();
    let bar = bar(count);
    let mut reports = Vec::with_capacity(count);
    let mut probing = prober.probe(domains);
    while let Some((place, report)) = probing.next().await {
        bar.set_message(out::one_line(&report.domain));
        bar.inc(1);
        let record = serde_json::to_value(&report)
            .map_err(|why| Trouble::Failed(format!("no JSON can be made: {why}")))?;
        store.keep_probe(&report.domain, report.at, &record).await.map_err(store::failed)?;
        reports.push((place, report));
    }
    bar.finish_and_clear();
    if reports.len() < count {
        let missing = count - reports.len();
        return Err(Trouble::Failed(format!("{missing} of {count} domains could not be probed")));
    }
    reports.sort_by_key(|(place, _)| *place);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

/// Progress on stderr, where that is a terminal.
fn bar(domains: usize) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(u64::try_from(domains).ok(), target);
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {pos}/{len} probed  {wide_msg}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(250));
    }
    bar
}

async fn kept(domains: &[String], json: bool, config: Option<&Path>) -> Done {
    let config = load(config, "nothing was read")?;
    let keys = domains.iter().map(|domain| domain_key(domain)).collect::<Result<Vec<_>, _>>()?;
    let store = store::open(&config).await?;
    let mut found = Vec::new();
    if keys.is_empty() {
        found = store.probes(None).await.map_err(store::failed)?;
    }
    for key in keys {
        found.extend(store.probes(Some(&key)).await.map_err(store::failed)?);
    }
    found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.domain.cmp(&b.domain)));
    found.dedup_by(|a, b| a.at == b.at && a.domain == b.domain);
    if json {
        let records: Vec<Value> =
            found.into_iter().map(|KeptProbe { record, .. }| record).collect();
        out::json(&records)?;
    } else {
        show::kept(&found, SystemClock::new().now()).print("No probe is kept.");
    }
    Ok(Status::Fine)
}
