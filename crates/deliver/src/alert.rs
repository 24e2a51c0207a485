//! Alerts: what administrators are told of at once, and not again and again.
//!
//! The first enforced failure of a domain, a level that nobody knows, and every fault
//! of this gateway itself become an [`Alert`]: a mail to the postmaster, and a call of
//! [`Observe::alert`](crate::Observe::alert) for metrics, log and journal. The same
//! alert is raised again after six hours at the soonest. What was raised is remembered
//! in [`Alerts`], which is filled from the journal at start. The mail has no sender,
//! and what happens to it raises no further mail, so there is no loop.

mod text;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatepost_policy::{
    evidence::{Attempt, Ending, Why},
    id::MessageId,
    tls::Asked,
};
use gatepost_store::NewMessage;
use gatepost_wire::{address::Mailbox, timestamp::Timestamp};

use crate::{
    judge::Judged,
    notice::{self, Case},
};

/// How long the same alert is not raised again.
pub const QUIET: Duration = Duration::from_secs(6 * 3600);

/// How long after its last failure a domain counts as mended.
const MENDED: Duration = Duration::from_secs(24 * 3600);

/// Alerts that are remembered; more are forgotten, oldest first.
const MOST: usize = 10_000;

/// The most mails of alerts in an hour. What is beyond them is in the log, in the
/// journal and in the metric: a hundred domains that fail at once are one trouble.
const MOST_MAILS: usize = 20;
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Stands for the domain of alerts that nobody can be told by mail.
const NOBODY: &str = "(nobody to tell)";

/// What an alert is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum AlertKind {
    /// Mail to a domain needs TLS, which could not be had.
    EnforcedFailure,
    /// Mail waits because a rule asks for a level that nobody knows.
    UnknownLevel,
    /// Mail waits because this gateway cannot judge or do what is demanded: its TLS
    /// library, its trust store, a level that is not in this version.
    PolicyBroken,
    /// The last check before a message is sent stopped it.
    GuardTripped,
    /// A stored message cannot be read.
    MessageUnreadable,
    /// Attempts at a message ended in a fault of this gateway, again and again.
    InternalFault,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::EnforcedFailure,
        Self::UnknownLevel,
        Self::PolicyBroken,
        Self::GuardTripped,
        Self::MessageUnreadable,
        Self::InternalFault,
    ];

    /// The word of metrics, logs and the journal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EnforcedFailure => "enforced-failure",
            Self::UnknownLevel => "unknown-level",
            Self::PolicyBroken => Why::PolicyBroken.word(),
            Self::GuardTripped => Why::GuardTripped.word(),
            Self::MessageUnreadable => Why::MessageUnreadable.word(),
            Self::InternalFault => Why::InternalFault.word(),
        }
    }

    /// The kind that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether the fault is this gateway's own.
    pub const fn is_ours(self) -> bool {
        match self {
            Self::EnforcedFailure | Self::UnknownLevel => false,
            Self::PolicyBroken
            | Self::GuardTripped
            | Self::MessageUnreadable
            | Self::InternalFault => true,
        }
    }

    /// Whether each domain has an alert of its own; otherwise all share one.
    const fn is_per_domain(self) -> bool {
        match self {
            Self::EnforcedFailure | Self::UnknownLevel => true,
            Self::PolicyBroken
            | Self::GuardTripped
            | Self::MessageUnreadable
            | Self::InternalFault => false,
        }
    }
}

/// Something that administrators have to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// The domain of the recipient, as A-label.
    pub domain: String,
    /// When it was raised.
    pub at: Timestamp,
    /// Since when this goes on.
    pub since: Timestamp,
    /// The message that showed it.
    pub message: MessageId,
    /// Its recipient.
    pub recipient: String,
    /// The cause.
    pub why: Why,
    /// The host that showed it, where one was tried.
    pub host: Option<String>,
    /// One sentence for people.
    pub text: String,
}

/// When an alert was raised, and since when it goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Known {
    since: Timestamp,
    /// The last failure.
    last: Timestamp,
    told: Timestamp,
}

/// What was raised, shared by all workers.
#[derive(Debug, Default)]
pub struct Alerts {
    known: Mutex<BTreeMap<(AlertKind, String), Known>>,
    /// When the mails of the last hour were made.
    mails: Mutex<VecDeque<Timestamp>>,
}

impl Alerts {
    /// Takes over that an alert was raised at that time by an earlier process.
    pub fn remember(&self, kind: AlertKind, domain: &str, since: Timestamp, told: Timestamp) {
        let known = Known { since, last: told, told };
        self.lock().insert(key(kind, domain), known);
    }

    /// Notes a failure. Gives since when it goes on if it is time to tell people.
    fn failed(&self, kind: AlertKind, domain: &str, now: Timestamp) -> Option<Timestamp> {
        let mut all = self.lock();
        let known = all.get(&key(kind, domain)).copied();
        let since = known
            .filter(|known| now.since(known.last) < MENDED)
            .map_or(now, |known| known.since.min(now));
        let due = known.is_none_or(|known| now.since(known.told) >= QUIET);
        let told = known.filter(|_| !due).map_or(now, |known| known.told);
        all.insert(key(kind, domain), Known { since, last: now, told });
        while all.len() > MOST {
            let oldest = all.iter().min_by_key(|(_, known)| known.last);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            all.remove(&oldest);
        }
        drop(all);
        due.then_some(since)
    }

    /// Enforced mail went through: a later failure begins anew, and is told no sooner.
    fn delivered(&self, domain: &str) {
        let mut all = self.lock();
        if let Some(known) = all.get_mut(&key(AlertKind::EnforcedFailure, domain)) {
            known.last = Timestamp::from_millis(i64::MIN / 2);
        }
    }

    /// Whether another mail may be made now; it counts as made.
    fn may_mail(&self, now: Timestamp) -> bool {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        while mails.front().is_some_and(|made| now.since(*made) >= AN_HOUR) {
            mails.pop_front();
        }
        if mails.len() >= MOST_MAILS {
            tracing::warn!(
                most = MOST_MAILS,
                "no mail is made of this alert: there were enough in this hour"
            );
            return false;
        }
        mails.push_back(now);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(AlertKind, String), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(kind: AlertKind, domain: &str) -> (AlertKind, String) {
    let own = kind.is_per_domain() || domain == NOBODY;
    (kind, if own { domain.to_owned() } else { String::new() })
}

/// Raises the alerts that a settled claim gives reason for, and gives the mails to the
/// postmaster, to be stored together with the settlement.
pub(crate) fn raise(case: &Case<'_>) -> Vec<(Vec<u8>, NewMessage)> {
    let mut mails = Vec::new();
    let domain = case.claim.copy().lane.domain.key();
    for judged in case.judged {
        let attempt = judged.outcome.attempt();
        if attempt.outcome == Ending::Delivered {
            if attempt.level.is_enforced() {
                case.parts.alerts.delivered(&domain);
            }
            continue;
        }
        let Some((kind, why)) = reason(case, judged) else { continue };
        let postmaster = postmaster_to_tell(case, attempt);
        // What cannot be told by mail keeps nothing else from being told.
        let about = if postmaster.is_some() { domain.as_str() } else { NOBODY };
        let Some(since) = case.parts.alerts.failed(kind, about, case.now) else { continue };
        let alert = Alert {
            kind,
            domain: domain.clone(),
            at: case.now,
            since,
            message: attempt.message,
            recipient: attempt.recipient.clone(),
            why,
            host: attempt.host.clone(),
            text: text::sentence(kind, &domain, judged),
        };
        case.parts.observe.alert(&alert);
        if let Some(postmaster) = postmaster.filter(|_| case.parts.alerts.may_mail(case.now)) {
            let id = case.parts.enqueue.mint();
            let bytes = text::mail(case, &alert, judged, &postmaster, id);
            let mail = notice::as_mail(case, id, &postmaster, &bytes);
            mails.push((bytes, mail));
        }
    }
    mails
}

/// What there is to tell about a recipient that was not delivered.
fn reason(case: &Case<'_>, judged: &Judged) -> Option<(AlertKind, Why)> {
    let why = judged.outcome.attempt().why?;
    let asks_for_the_unknown =
        || case.claim.copy().demands.iter().any(|demand| matches!(demand.asked, Asked::Unknown(_)));
    let is_unknown = judged.outcome.attempt().tries.is_empty() && asks_for_the_unknown();
    let kind = if why == Why::PolicyBroken {
        if is_unknown { AlertKind::UnknownLevel } else { AlertKind::PolicyBroken }
    } else if why == Why::GuardTripped {
        AlertKind::GuardTripped
    } else if why == Why::MessageUnreadable {
        AlertKind::MessageUnreadable
    } else if why == Why::InternalFault {
        AlertKind::InternalFault
    } else if judged.for_tls {
        AlertKind::EnforcedFailure
    } else {
        return None;
    };
    Some((kind, why))
}

/// Nobody is told by mail about mail to them, which would fail in the same way.
fn postmaster_to_tell(case: &Case<'_>, attempt: &Attempt) -> Option<Mailbox> {
    let postmaster = case.snapshot.postmaster(case.settings.postmaster.as_ref())?;
    (postmaster.to_string() != attempt.recipient).then_some(postmaster)
}

#[cfg(test)]
mod tests;
