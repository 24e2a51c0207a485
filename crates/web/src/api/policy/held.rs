//! The policy that holds, compiled, and the one way to change it.
//!
//! Every route reads the policy here and writes it by [`commit`], so a change is always compiled as a whole before
//! it is kept, always made to the revision that its author saw, and always has an author. Compiling takes time for
//! long policies: it runs on threads of its own, so many at a time, and what came of it is kept for who asks next.

use std::sync::{Arc, Mutex, PoisonError};

use gatepost_policy::diagnostic::Diagnostic;
use gatepost_policy::document::{Edited, PolicyDocument, RuleEntry, Spans};
use gatepost_policy::rules::lint::Finding;
use gatepost_policy::snapshot::{Snapshot, TlsSettings};
use gatepost_store::{Ids, Named, Renamed, SettingsError};
use gatepost_wire::timestamp::Timestamp;
use tokio::sync::Semaphore;

use super::super::Api;
use super::super::caller::Caller;
use super::super::precondition::IfMatch;
use crate::problem::{Fault, Problem};

/// Policies that are compiled at the same time; others wait. A policy of the largest size takes much memory.
const AT_ONCE: usize = 2;

/// How often ids are read again while somebody else changes the policy.
const TRIES: usize = 4;

/// What the routes of the policy share.
pub(in crate::api) struct Desk {
    kept: Mutex<Option<Arc<Held>>>,
    turns: Semaphore,
}

impl Default for Desk {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

/// The policy of one revision.
#[derive(Debug)]
pub(in crate::api) struct Held {
    /// It compiled; its `revision` is the store's.
    pub(in crate::api) snapshot: Arc<Snapshot>,
    /// What lint found.
    pub(in crate::api) findings: Vec<Finding>,
    /// The day for which it was looked at: a policy can end with a day.
    day: i64,
    settings: TlsSettings,
}

impl Held {
    /// The revision.
    pub(in crate::api) fn revision(&self) -> u64 {
        self.snapshot.revision
    }

    /// The document, with all its System Rules.
    pub(in crate::api) fn document(&self) -> &PolicyDocument {
        &self.snapshot.document
    }

    fn of(snapshot: Arc<Snapshot>, now: Timestamp) -> Self {
        let findings = snapshot.lint(now);
        let settings = snapshot.tls;
        Self { snapshot, findings, day: day(now), settings }
    }

    fn is_of(&self, revision: u64, settings: TlsSettings, now: Timestamp) -> bool {
        self.snapshot.revision == revision && self.settings == settings && self.day == day(now)
    }
}

fn day(now: Timestamp) -> i64 {
    now.millis().div_euclid(24 * 3_600_000)
}

/// Runs what takes time where it holds up nobody, a few at a time.
pub(in crate::api) async fn heavy<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let _turn = api.desk.turns.acquire().await;
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(cause = %error, "work for the API ended without an answer");
        Problem::unavailable("This could not be worked out; the log says why.")
    })
}

/// The policy that holds now.
pub(in crate::api) async fn held(api: &Api) -> Result<Arc<Held>, Problem> {
    let revision = api.stores.settings.head();
    let effect = api.snapshot.load_full();
    let (settings, now) = (effect.tls, api.clock.now());
    let kept = api.desk.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(kept) = kept.filter(|kept| kept.is_of(revision, settings, now)) {
        return Ok(kept);
    }
    let held = if effect.revision == revision {
        heavy(api, move || Held::of(effect, now)).await?
    } else {
        let stored = api.stores.settings.load(revision).await?;
        let stored = stored.ok_or_else(|| Problem::unavailable("The policy is not there."))?;
        let profile = api.stores.settings.profile();
        let built = heavy(api, move || {
            let document = stored.document;
            Snapshot::build(revision, profile, document, &Spans::default(), settings)
                .map(|snapshot| Held::of(Arc::new(snapshot), now))
        });
        built.await?.map_err(|problems| {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            tracing::error!(revision, first, "the policy of the store cannot be used");
            Problem::unavailable(format!(
                "Revision {revision} of the policy cannot be used by this version: {first}"
            ))
        })?
    };
    Ok(keep(api, held))
}

fn keep(api: &Api, held: Held) -> Arc<Held> {
    let held = Arc::new(held);
    let mut kept = api.desk.kept.lock().unwrap_or_else(PoisonError::into_inner);
    // One that somebody else kept meanwhile may be newer.
    if kept.as_ref().is_none_or(|kept| kept.revision() <= held.revision()) {
        *kept = Some(Arc::clone(&held));
    }
    held
}

/// The policy that holds, with an id for each of its rules and sets.
pub(in crate::api) async fn with_ids(api: &Api) -> Result<(Arc<Held>, Ids), Problem> {
    for _ in 0..TRIES {
        let held = held(api).await?;
        let ids = api.stores.rulebook.ids().await?;
        if has_all(held.document(), &ids) {
            return Ok((held, ids));
        }
    }
    Err(Problem::unavailable("The policy is being changed all the time; try again."))
}

/// Whether the ids are of this document: a later revision may have renamed something.
fn has_all(document: &PolicyDocument, ids: &Ids) -> bool {
    let rules = document.rules.iter().all(|rule| rule_id(rule, ids).is_some());
    rules && document.rule_data.iter().all(|set| ids.of(Named::RuleData, &set.name).is_some())
}

/// The id of a rule; the word of a System Rule.
pub(in crate::api) fn rule_id(rule: &RuleEntry, ids: &Ids) -> Option<String> {
    match rule {
        RuleEntry::System(entry) => Some(entry.system.word().to_owned()),
        RuleEntry::Custom(rule) => ids.of(Named::Rule, &rule.name).map(|id| id.to_string()),
    }
}

/// A change that is to be committed.
pub(in crate::api) struct Change {
    /// The policy as it shall be.
    pub(in crate::api) edited: Edited,
    /// The part of the policy that was sent, as a pointer; faults of it point into what was sent.
    pub(in crate::api) part: String,
    /// Where that part is in what was sent.
    pub(in crate::api) sent_at: &'static str,
    /// What has another name and stays the same thing.
    pub(in crate::api) renamed: Vec<Renamed>,
    /// Faults that the caller found.
    pub(in crate::api) faults: Vec<Fault>,
    /// The earlier revision that this makes the policy again.
    pub(in crate::api) back_to: Option<u64>,
}

impl Change {
    /// A change of a part.
    pub(in crate::api) fn new(edited: Edited, part: impl Into<String>) -> Self {
        let part = part.into();
        Self { edited, part, sent_at: "", renamed: vec![], faults: vec![], back_to: None }
    }

    /// A change that needs no reading: nothing of it was sent as a part of a document.
    pub(in crate::api) fn of(document: PolicyDocument) -> Self {
        let edited = Edited { document, spans: Spans::none("policy"), problems: vec![] };
        Self::new(edited, "")
    }
}

/// What came of a change.
#[derive(Debug)]
pub(in crate::api) struct Done {
    /// The revision that holds now.
    pub(in crate::api) revision: u64,
    /// Whether it is a new one.
    pub(in crate::api) changed: bool,
    /// The policy that holds now.
    pub(in crate::api) held: Arc<Held>,
}

/// Compiles a change and makes it the policy: all of it or none.
pub(in crate::api) async fn commit(
    api: &Api,
    caller: &Caller,
    base: IfMatch,
    reason: Option<&str>,
    change: Change,
) -> Result<Done, Problem> {
    let Change { edited, part, sent_at, renamed, faults, back_to } = change;
    let Edited { document, spans, problems } = edited;
    let settings = api.snapshot.load().tls;
    let (profile, now) = (api.stores.settings.profile(), api.clock.now());
    let built = heavy(api, move || {
        let built = Snapshot::build(0, profile, document, &spans, settings);
        match built {
            Ok(snapshot) if problems.is_empty() && faults.is_empty() => Ok(snapshot),
            built => Err(all(faults, problems, built.err().unwrap_or_default(), &part, sent_at)),
        }
    });
    let mut snapshot = built.await?.map_err(Problem::invalid)?;
    let author = caller.author(reason);
    let (settings, base) = (&api.stores.settings, base.0);
    let committed = match back_to {
        None => settings.commit_renamed(base, &snapshot.document, &renamed, &author).await,
        Some(to) => settings.rollback_renamed(base, to, &renamed, &author).await,
    };
    let committed = committed.map_err(refused)?;
    snapshot.revision = committed.revision;
    let held = heavy(api, move || Held::of(Arc::new(snapshot), now)).await?;
    let held = keep(api, held);
    Ok(Done { revision: committed.revision, changed: committed.changed, held })
}

/// A commit that the store did not take.
pub(in crate::api) fn refused(error: SettingsError) -> Problem {
    match error {
        SettingsError::Conflict { base: _, head } => Problem::changed(head),
        SettingsError::NoSuchRevision(number) => {
            Problem::not_found(&format!("revision {number} of the policy"))
        }
        SettingsError::Store(error) => error.into(),
    }
}

fn all(
    mut faults: Vec<Fault>,
    shape: Vec<Diagnostic>,
    meaning: Vec<Diagnostic>,
    part: &str,
    sent_at: &str,
) -> Vec<Fault> {
    let mut seen: Vec<Diagnostic> = vec![];
    for problem in shape.into_iter().chain(meaning) {
        if seen.contains(&problem) {
            continue;
        }
        let fault = fault(&problem, part, sent_at);
        // What the caller has said about a place is said once.
        if !faults.iter().any(|told| told.pointer == fault.pointer && told.detail == fault.detail) {
            faults.push(fault);
        }
        if seen.len() < 64 {
            seen.push(problem);
        }
    }
    faults
}

/// A problem of the whole document as a fault of the part that was sent.
pub(in crate::api) fn fault(problem: &Diagnostic, part: &str, sent_at: &str) -> Fault {
    let pointer = problem.pointer();
    let mut text = problem.problem.clone();
    // A document that was sent as TOML has lines.
    if problem.line > 0 {
        text = format!("Line {}, column {}: {text}", problem.line, problem.column);
    }
    let inside = pointer
        .strip_prefix(part)
        .filter(|rest| rest.is_empty() || rest.starts_with('/') || part.is_empty());
    match inside {
        Some(rest) => Fault::new(format!("{sent_at}{rest}"), text, problem.remedy.clone()),
        None => Fault::new(sent_at, format!("{}: {text}", problem.path), problem.remedy.clone()),
    }
}
