//! `gatepost rules`: the Message Rules in order, and the simulator.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatepost_policy::document::{ActionEntry, ConditionEntry, FinalAction, RuleEntry, SystemRule};
use gatepost_policy::rules::explain::{ConditionTrace, RecipientTrace, Trace, trace};
use gatepost_policy::rules::simulation::{Simulation as Simulated, Unusable};
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Clock as _, SystemClock};
use serde::Serialize;
use serde_json::Value;

use super::out::{Ink, colour, inked, one_line};
use super::table::Table;
use super::{Done, Status, Trouble, out, policy, read_file, store};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Every rule, in the order in which they are tried.
    List {
        /// Of a file instead of the policy that holds; `-` is stdin.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// What would become of a message, and why.
    Trace(Simulation),
}

#[derive(Debug, Args)]
pub(crate) struct Simulation {
    /// A policy file instead of the policy that holds; it works without a store.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The envelope sender; `<>` is the null sender.
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    from: String,
    /// A recipient; say it again for more.
    #[arg(long, value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// The message; without it, one without fields and without content.
    #[arg(long, value_name = "FILE.eml")]
    message: Option<PathBuf>,
    /// The client's address. Default: 127.0.0.1.
    #[arg(long, value_name = "IP")]
    source_ip: Option<String>,
    /// Of all recipients, whatever their domains: inbound or outbound.
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::List { policy, json } => list(config, policy.as_deref(), json).await,
        Verb::Trace(simulation) => simulate(config, simulation).await,
    }
}

/// What is not done because of a file that cannot be used.
const NOTHING: &str = "nothing was looked at";

/// The policy of a file, or the one that holds.
pub(crate) async fn snapshot(
    config: Option<&Path>,
    file: Option<&Path>,
) -> Result<Snapshot, Trouble> {
    let config = super::load(config, NOTHING)?;
    match file {
        Some(file) => {
            let profile = store::profile(&config).await?;
            policy::read_policy(&config, file, profile, NOTHING)
        }
        None => {
            let (revision, document, profile) = store::policy_or_initial(&config).await?;
            policy::compile(&config, revision, document, profile)
        }
    }
}

/// A line of `rules list`.
#[derive(Debug, Serialize)]
struct Line<'d> {
    priority: usize,
    name: &'d str,
    system: Option<&'static str>,
    active: bool,
    shadow: bool,
    conditions: &'d [ConditionEntry],
    actions: &'d [ActionEntry],
    final_action: FinalAction,
    reply: Option<&'d str>,
}

async fn list(config: Option<&Path>, file: Option<&Path>, json: bool) -> Done {
    let snapshot = snapshot(config, file).await?;
    let lines: Vec<Line<'_>> =
        snapshot.document.rules.iter().enumerate().map(|(at, entry)| line(at + 1, entry)).collect();
    if json {
        out::json(&lines)?;
        return Ok(Status::Fine);
    }
    let mut table = Table::new(&["", "name", "", "conditions", "actions", "final action"]);
    for line in &lines {
        let kind = match (line.active, line.shadow, line.system) {
            (false, _, _) => ("off", Ink::Faint),
            (true, true, _) => ("shadow", Ink::Warn),
            (true, false, Some(_)) => ("system", Ink::Plain),
            (true, false, None) => ("", Ink::Plain),
        };
        let conditions: Vec<String> = line.conditions.iter().map(condition).collect();
        let actions: Vec<String> = line.actions.iter().map(action).collect();
        table.inked_row([
            (line.priority.to_string(), Ink::Faint),
            (line.name.to_owned(), Ink::Bold),
            (kind.0.to_owned(), kind.1),
            (conditions.join(" and "), Ink::Plain),
            (actions.join(", "), Ink::Plain),
            (line.final_action.word().to_owned(), Ink::Plain),
        ]);
    }
    table.print("There is no rule.");
    Ok(Status::Fine)
}

fn line(priority: usize, entry: &RuleEntry) -> Line<'_> {
    match entry {
        RuleEntry::System(entry) => Line {
            priority,
            name: entry.system.name(),
            system: Some(entry.system.word()),
            active: entry.active,
            shadow: false,
            conditions: &[],
            actions: &[],
            final_action: system_end(entry.system),
            reply: None,
        },
        RuleEntry::Custom(rule) => Line {
            priority,
            name: &rule.name,
            system: None,
            active: rule.active,
            shadow: rule.shadow,
            conditions: &rule.conditions,
            actions: &rule.actions,
            final_action: rule.final_action,
            reply: rule.reply.as_deref(),
        },
    }
}

/// How a System Rule ends the walk.
const fn system_end(rule: SystemRule) -> FinalAction {
    match rule {
        SystemRule::OpportunisticTls => FinalAction::None,
        SystemRule::DeliverInbound | SystemRule::DeliverOutbound => FinalAction::Deliver,
    }
}

fn condition(entry: &ConditionEntry) -> String {
    let name = entry.name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    let with = match (&entry.value, &entry.regex, &entry.rule_data) {
        (Some(value), _, _) => serde_json::to_string(value).unwrap_or_default(),
        (None, Some(regex), _) => format!("/{regex}/"),
        (None, None, Some(set)) => format!("[{set}]"),
        (None, None, None) => String::new(),
    };
    format!("{}{name} {} {with}", entry.condition.word(), entry.match_type.word())
        .trim_end()
        .to_owned()
}

fn action(entry: &ActionEntry) -> String {
    match entry {
        ActionEntry::AddMessageHeader { value } => format!("add {value:?}"),
        ActionEntry::RemoveMessageHeader { name } => format!("remove {name}"),
        ActionEntry::SetTlsLevel { value } => format!("TLS level {value}"),
    }
}

async fn simulate(config: Option<&Path>, simulation: Simulation) -> Done {
    let Simulation { policy, from, to, message, source_ip, direction, json } = simulation;
    let message = message.as_deref().map(read_file).transpose()?;
    let snapshot = snapshot(config, policy.as_deref()).await?;
    let simulated = Simulated {
        from: &from,
        to: &to,
        message: message.as_deref(),
        source_ip: source_ip.as_deref(),
        direction: direction.as_deref(),
    };
    let facts = simulated.facts(&snapshot, SystemClock::new().now()).map_err(unusable)?;
    let trace = trace(&snapshot, &facts);
    if json {
        out::json(&trace)?;
    } else {
        out::print(&text(&trace, colour()));
    }
    Ok(Status::Fine)
}

fn unusable(found: Vec<Unusable>) -> Trouble {
    let problems: Vec<String> = found.into_iter().map(|one| one.problem).collect();
    Trouble::Input(problems.join("\n"))
}

fn text(trace: &Trace, colour: bool) -> String {
    let mut text = String::new();
    for recipient in &trace.recipients {
        text.push_str(&of_recipient(recipient, colour));
        text.push('\n');
    }
    text
}

fn of_recipient(trace: &RecipientTrace, colour: bool) -> String {
    let head = format!("{} ({})", one_line(&trace.recipient), trace.direction);
    let mut text = format!("{}\n", inked(&head, Ink::Bold, colour));
    for step in &trace.steps {
        let (mark, ink) =
            if step.matched { ("matched", Ink::Good) } else { ("no match", Ink::Faint) };
        text.push_str(&format!(
            "  {}  {}\n",
            inked(&format!("{mark:<8}"), ink, colour),
            one_line(&step.rule)
        ));
        for condition in &step.conditions {
            text.push_str(&of_condition(condition, colour));
        }
        for entry in &step.actions {
            text.push_str(&format!("      does: {}\n", one_line(&action(entry))));
        }
    }
    text.push_str(&format!("  final action: {}\n", trace.final_action.word()));
    let decided = &trace.tls.decided_by;
    let by = match (&decided.rule, &decided.header, &decided.tls_policy) {
        (Some(rule), ..) => format!("rule {rule}"),
        (None, Some(header), _) => format!("the submitted {header}"),
        (None, None, Some(domain)) => format!("the TLS policy for {domain}"),
        (None, None, None) => "the default".to_owned(),
    };
    text.push_str(&format!("  TLS: {} by {}\n", trace.tls.level.title(), one_line(&by)));
    for header in &trace.headers {
        text.push_str(&inked(&format!("  | {}", one_line(header)), Ink::Faint, colour));
        text.push('\n');
    }
    for warning in &trace.warnings {
        text.push_str(&inked(&format!("  warning: {}", one_line(warning)), Ink::Warn, colour));
        text.push('\n');
    }
    text
}

fn of_condition(condition: &ConditionTrace, colour: bool) -> String {
    let (mark, ink) = match condition.holds {
        Some(true) => ("yes", Ink::Good),
        Some(false) => ("no", Ink::Plain),
        None => ("cannot tell", Ink::Warn),
    };
    let wanted = if condition.wanted == Value::Null {
        String::new()
    } else {
        format!(" {}", condition.wanted)
    };
    let line = format!(
        "{} {}{wanted}, seen {}",
        word(&condition.condition),
        word(&condition.match_type),
        condition.seen
    );
    format!("      {}: {}\n", inked(mark, ink, colour), one_line(&line))
}

/// A word of the policy file, as it is in JSON.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
