//! `gatepost tls evidence`: the audit file, and its check without a store.

use std::fs::File;
use std::io::{BufReader, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use gatepost_policy::document::{DataKind, PolicyDocument};
use gatepost_store::embedded::Embedded;
use gatepost_store::evidence::{
    Addresses, Checked, Export, Exported, Outside, Scope, Tally, UtcDay, Wanted, verify,
};
use gatepost_store::{Audit as _, Author, Clock, NewAudit, Settings, SystemClock};
use serde_json::json;

use crate::cli::messages::moment;
use crate::cli::{Done, Status, Trouble, chain, load, out, store};
use crate::config::user;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Writes the evidence of a period as one file that proves itself.
    Export(ExportArguments),
    /// Checks an evidence file, without a store and without a network.
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The first day, UTC: 2026-11-01, or 30d for the last thirty days.
    #[arg(long, value_name = "DAY", default_value = "30d")]
    from: String,
    /// The last day, UTC. Default: today.
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Only this domain of recipients, .partner.example for its subdomains; more than once for more.
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// Only the domains of a set of kind "domains" of the policy.
    #[arg(long, value_name = "NAME")]
    rule_data: Option<String>,
    /// Whether recipients' addresses and other servers' replies are shown.
    #[arg(long, value_name = "HOW", default_value = "hidden")]
    addresses: Shown,
    /// Where to. Default: stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Shown {
    /// As commitments: who knows an address and its salt can check that it is meant.
    Hidden,
    /// With the addresses and what opens the commitments.
    Clear,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The file; - is stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The fingerprint of a key that is trusted; more than once where the instance was given a new one.
    #[arg(long, value_name = "FINGERPRINT")]
    key: Vec<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::Export(arguments) => export(&arguments, config).await,
        Verb::Verify(arguments) => {
            let checking = tokio::task::spawn_blocking(move || check(&arguments)).await;
            checking.map_err(|why| Trouble::Failed(why.to_string()))?
        }
    }
}

async fn export(arguments: &ExportArguments, config: Option<&Path>) -> Done {
    let made = SystemClock::new().now();
    let from = UtcDay::of(moment(&arguments.from, made)?);
    let to = match &arguments.to {
        Some(to) => UtcDay::of(moment(to, made)?),
        None => UtcDay::of(made),
    };
    if to < from {
        return Err(Trouble::Input(format!("the period ends on {to}, before it begins on {from}")));
    }
    let config = load(config, "nothing was written")?;
    let store = store::open(&config).await?;
    let document = store::current(&store).await?.document;
    let (rule_data, scope) = scope(arguments, &document)?;
    let wanted = Wanted {
        from,
        to,
        scope,
        rule_data,
        addresses: match arguments.addresses {
            Shown::Hidden => Addresses::Hidden,
            Shown::Clear => Addresses::Clear,
        },
        instance: config.hostname.as_str().to_owned(),
        made,
    };
    note(&store, &wanted).await?;
    let exported = match &arguments.output {
        None => write(&store, wanted, &mut std::io::stdout().lock()).await?,
        Some(file) => write_file(&store, wanted, file).await?,
    };
    out::error(&told(&exported));
    let broken = exported.totals.clear_under_enforced > 0;
    Ok(if exported.complete && !broken { Status::Fine } else { Status::Wrong })
}

/// The domains that were asked for; without any, all.
fn scope(
    arguments: &ExportArguments,
    policy: &PolicyDocument,
) -> Result<(Option<String>, Scope), Trouble> {
    let mut entries: Vec<&str> = arguments.domain.iter().map(String::as_str).collect();
    let mut named = None;
    if let Some(name) = &arguments.rule_data {
        let (set, values) = rule_data(policy, name)?;
        if values.is_empty() {
            return Err(Trouble::Input(format!("the set {set:?} has no domains")));
        }
        named = Some(set.to_owned());
        entries.extend(values);
    }
    let scope = Scope::of(entries).map_err(|why| Trouble::Input(why.to_string()))?;
    Ok((named, scope))
}

/// The name and the entries of a set of kind `domains`.
fn rule_data<'a>(
    policy: &'a PolicyDocument,
    name: &str,
) -> Result<(&'a str, Vec<&'a str>), Trouble> {
    let is_one = |kind| kind == DataKind::Domains;
    let sets = policy.rule_data.iter().filter(|set| is_one(set.kind));
    let found = sets.clone().find(|set| set.name.to_lowercase() == name.to_lowercase());
    let set = found.ok_or_else(|| {
        let names: Vec<String> = sets.map(|set| format!("{:?}", set.name)).collect();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Trouble::Input(format!("there is no set {name:?} of kind \"domains\"; there is {there}"))
    })?;
    Ok((&set.name, Scope::entries_of(set.values.lines())))
}

/// Whoever takes evidence away is in the audit log, before the first byte is out.
async fn note(store: &Embedded, wanted: &Wanted) -> Result<(), Trouble> {
    let author = Author::new(&user(), None);
    let entry = NewAudit::new("evidence.export", &author).change(
        serde_json::Value::Null,
        json!({
            "from": wanted.from, "to": wanted.to, "domains": wanted.scope.entries(),
            "rule_data": wanted.rule_data, "addresses": wanted.addresses.word(),
        }),
    );
    store.note(entry).await.map_err(store::failed)
}

/// Writes a file that only its owner can read. It stands in the place of an older one once it is whole.
async fn write_file(store: &Embedded, wanted: Wanted, path: &Path) -> Result<Exported, Trouble> {
    let cannot = |why: std::io::Error| {
        Trouble::Input(format!("{} cannot be written: {why}", path.display()))
    };
    // A pipe or a device has no place to be taken.
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        let mut file = File::options().write(true).open(path).map_err(cannot)?;
        return write(store, wanted, &mut file).await;
    }
    let draft = path.with_added_extension(format!("{}.new", std::process::id()));
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(&draft).map_err(cannot)?;
    let written = write(store, wanted, &mut file).await;
    let placed = written.and_then(|exported| {
        file.sync_all().and_then(|()| std::fs::rename(&draft, path)).map_err(cannot)?;
        Ok(exported)
    });
    if placed.is_err() && std::fs::remove_file(&draft).is_err() {
        out::error(&format!("{} is not whole, and cannot be removed\n", draft.display()));
    }
    placed
}

async fn write(
    store: &Embedded,
    wanted: Wanted,
    to: &mut (dyn Write + '_),
) -> Result<Exported, Trouble> {
    let failed = |why: &dyn std::error::Error| Trouble::Failed(chain(why));
    let store = Arc::new(store.clone());
    let settings: Arc<dyn Settings> = Arc::<Embedded>::clone(&store);
    let mut export = Export::begin(store, settings, wanted).await.map_err(|why| failed(&why))?;
    while let Some(piece) = export.next_piece().await.map_err(|why| failed(&why))? {
        to.write_all(&piece).map_err(|why| failed(&why))?;
    }
    to.flush().map_err(|why| failed(&why))?;
    Ok(export.exported())
}

/// What a file says, for people.
fn told(exported: &Exported) -> String {
    let mut text = String::new();
    let mut line = |what: String| {
        text.push_str(&what);
        text.push('\n');
    };
    match exported.days {
        Some((from, to)) => line(format!("Evidence from {from} to {to} (UTC).")),
        None => line("There is no evidence of this period.".to_owned()),
    }
    line(sums(exported.records, &exported.totals));
    let Outside { before_chain, elsewhere } = exported.outside;
    if let Some(since) = exported.chain_since.filter(|_| before_chain > 0) {
        line(format!(
            "MISSING: {before_chain} attempts are from before the chain began on {since}, and are not in the file."
        ));
    }
    if elsewhere > 0 {
        line(format!(
            "MISSING: {elsewhere} attempts of these days are in the chain under days far from them: a clock was wrong. Export those days too."
        ));
    }
    if exported.removed_days > 0 {
        line(format!(
            "Of {} days only the signed root is left: their records have been kept long enough.",
            exported.removed_days
        ));
    }
    for gap in &exported.gaps {
        line(format!("MISSING: records {} to {}.", gap.first, gap.last));
    }
    for day in &exported.mismatches {
        line(format!(
            "MISSING: on {} {} recipients left the queue as delivered, and {} have a record of it.",
            day.day, day.journal, day.records
        ));
    }
    if exported.damaged > 0 {
        line(format!(
            "DAMAGED: {} records or days are not as they were written.",
            exported.damaged
        ));
    }
    line(format!("Key: {}", exported.key.fingerprint()));
    text
}

fn sums(records: u64, totals: &Tally) -> String {
    format!(
        "{records} records: {} delivered, {} of them under TLS ({} verified) and {} in clear text; {} of those at an enforced level. {} attempts were refused for want of TLS.",
        totals.delivered,
        totals.encrypted,
        totals.verified,
        totals.clear,
        totals.clear_under_enforced,
        totals.refused,
    )
}

fn check(arguments: &VerifyArguments) -> Done {
    let keys = arguments.key.iter().map(|key| fingerprint(key)).collect::<Result<Vec<_>, _>>()?;
    let path = &arguments.file;
    let unusable =
        |why: &dyn std::error::Error| Trouble::Input(format!("{}: {}", path.display(), chain(why)));
    let checked = if path == Path::new("-") {
        verify(BufReader::new(std::io::stdin().lock()), &keys)
    } else {
        let file = File::open(path).map_err(|why| unusable(&why))?;
        verify(BufReader::with_capacity(1 << 16, file), &keys)
    };
    let checked = checked.map_err(|why| unusable(&why))?;
    if arguments.json {
        out::json(&as_json(&checked))?;
    } else {
        out::print(&verdict(&checked, !keys.is_empty()));
    }
    Ok(if checked.is_good() { Status::Fine } else { Status::Wrong })
}

/// A fingerprint as people paste it: in any case, with colons or blanks.
fn fingerprint(text: &str) -> Result<String, Trouble> {
    let digits: String =
        text.chars().filter(|c| !matches!(c, ':' | ' ')).flat_map(char::to_lowercase).collect();
    if digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err(Trouble::Input(format!(
            "{text:?} is no fingerprint: that is 64 hexadecimal digits, as `tls evidence export` prints them"
        )))
    }
}

fn verdict(checked: &Checked, key_named: bool) -> String {
    let mut text = String::new();
    for problem in &checked.problems {
        text.push_str(&format!("line {}: {}\n", problem.line, out::one_line(&problem.text)));
    }
    if checked.more > 0 {
        text.push_str(&format!("and {} more problems\n", checked.more));
    }
    let period = match (checked.from, checked.to) {
        (Some(from), Some(to)) => format!("{from} to {to} (UTC)"),
        (_, _) => "no day".to_owned(),
    };
    let scope =
        if checked.scope.is_empty() { "all domains".to_owned() } else { checked.scope.join(", ") };
    text.push_str(&format!(
        "{} of {}, {period}, {}.\n{}\n{} days, {} of them without records, {} not over yet.\n",
        match (checked.is_good(), checked.days) {
            (true, _) => "GOOD: evidence",
            (false, 0) if checked.problems.is_empty() => "NO EVIDENCE: a sound file",
            (false, _) => "NOT GOOD: evidence",
        },
        out::one_line(&checked.instance),
        out::one_line(&scope),
        sums(checked.records, &checked.totals),
        checked.days,
        checked.removed_days,
        checked.open_days,
    ));
    text.push_str(&format!("Key: {}\n", checked.key.fingerprint()));
    if !key_named {
        text.push_str("Compare the key with the one that the administrator has told you, or name it with --key.\n");
    }
    text
}

fn as_json(checked: &Checked) -> serde_json::Value {
    json!({
        "good": checked.is_good(),
        "instance": checked.instance,
        "key_fingerprint": checked.key.fingerprint(),
        "from": checked.from,
        "to": checked.to,
        "domains": if checked.scope.is_empty() { None } else { Some(&checked.scope) },
        "addresses": checked.addresses.word(),
        "days": checked.days,
        "open_days": checked.open_days,
        "removed_days": checked.removed_days,
        "before_chain": checked.before_chain,
        "elsewhere": checked.elsewhere,
        "records": checked.records,
        "journal": checked.journal,
        "totals": checked.totals,
        "lines": checked.lines,
        "problems": checked.problems,
        "more_problems": checked.more,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_people_paste_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&colons).unwrap(), plain);
        assert_eq!(fingerprint(&plain).unwrap(), plain);
        for text in ["", "ab", &"xy".repeat(32)] {
            assert!(matches!(fingerprint(text), Err(Trouble::Input(_))), "{text}");
        }
    }
}
