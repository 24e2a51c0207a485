//! From what was seen to what happens next: each recipient of a claim is
//! delivered, tried again, or given up, with its evidence.
//!
//! Retry or bounce is decided here and nowhere else. A cause that is about a host
//! never bounces a message before its time; one that is about the message or the
//! recipient does at once.

use std::time::Duration;

use gatepost_policy::{
    evidence::{Attempt, Ending, Stage, Why},
    tls::{NextHop, Requirement},
};
use gatepost_store::{Claim, Outcome, QueuedRecipient};
use gatepost_wire::{address::ReversePath, escape::printable, timestamp::Timestamp};

use crate::{
    backoff::Held,
    destination::Nowhere,
    luck,
    settings::{DeliverySettings, EnforcedFailure},
    trial::{self, HostTry, Said, Trial},
};

/// The most characters of the reason for which a message was returned.
const MOST_REASON: usize = 500;

/// What is known when an attempt has ended.
pub(crate) enum Seen<'a> {
    /// Hosts were tried.
    Hosts { trial: &'a Trial, plan: &'a [(NextHop, Requirement)], began: Timestamp },
    /// There was no host to try.
    Nowhere(&'a Nowhere),
    /// No host of the lane could be used a short while ago, so none was tried.
    SetBack(&'a Held),
    /// A rule refused the recipient after the message was taken; the rule's reply.
    Report { reply: &'a str },
    /// An administrator returned the message to its sender, for this reason.
    Returned { reason: Option<&'a str> },
}

impl Seen<'_> {
    /// Recipients that were delivered to a host which reports no success itself.
    pub(crate) fn relayed(&self) -> Vec<usize> {
        match self {
            Self::Hosts { trial, .. } => trial.relayed(),
            Self::Nowhere(_) | Self::SetBack(_) | Self::Report { .. } | Self::Returned { .. } => {
                Vec::new()
            }
        }
    }

    /// When the attempt began, where it says something new about the destination.
    pub(crate) const fn began(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Hosts { began, .. } => Some(*began),
            Self::Nowhere(_) => Some(now),
            Self::SetBack(_) | Self::Report { .. } | Self::Returned { .. } => None,
        }
    }
}

/// An attempt that has ended.
pub(crate) struct Ended<'a> {
    pub claim: &'a Claim,
    pub settings: &'a DeliverySettings,
    pub seen: &'a Seen<'a>,
    pub now: Timestamp,
}

/// What becomes of a recipient, with what its sender and the administrators are told.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub outcome: Outcome,
    /// What was found where no host was tried.
    pub detail: Option<String>,
    /// The TLS that a clause demanded could not be had.
    pub for_tls: bool,
    /// Its sender is told now that it takes long.
    pub warns: bool,
    /// When it is given up, where it still waits.
    pub until: Option<Timestamp>,
}

/// Why a recipient was not delivered, as far as the decision needs it.
struct Trouble {
    why: Why,
    status: String,
    /// Trying again would not help.
    permanent: bool,
    /// TLS was demanded and could not be had.
    for_tls: bool,
    /// When it makes sense to try again, where that is known.
    not_before: Option<Timestamp>,
}

impl Ended<'_> {
    /// What becomes of one recipient, by its index in the claim.
    pub(crate) fn judge(&self, index: usize, recipient: &QueuedRecipient) -> Judged {
        match self.seen {
            Seen::Report { reply } => self.reported(recipient, reply),
            Seen::Returned { reason } => self.returned(recipient, *reason),
            Seen::Nowhere(nowhere) => {
                let trouble = Trouble {
                    why: nowhere.why,
                    status: nowhere.status.to_owned(),
                    permanent: nowhere.permanent,
                    for_tls: false,
                    not_before: None,
                };
                let mut attempt = self.evidence(recipient, None);
                attempt.reply = None;
                let judged = self.decide(trouble, attempt, recipient);
                let detail = Some(nowhere.detail.clone()).filter(|detail| !detail.is_empty());
                Judged { detail, ..judged }
            }
            Seen::SetBack(held) => self.set_back(held, recipient),
            Seen::Hosts { trial, .. } => self.tried(trial, index, recipient),
        }
    }

    /// With what the last probe of the lane saw, and due again when the next one is.
    fn set_back(&self, held: &Held, recipient: &QueuedRecipient) -> Judged {
        let seen = &held.setback.attempt;
        let why = seen.why.unwrap_or(Why::DnsFail);
        let stage = seen.tries.iter().map(|one| one.stage).max().unwrap_or(Stage::Dns);
        let trouble = Trouble {
            why,
            status: seen.status.clone(),
            permanent: false,
            for_tls: seen.level.is_enforced() && is_about_tls(stage, why),
            not_before: Some(held.until),
        };
        let mut attempt = self.evidence(recipient, None);
        if seen.level > attempt.level {
            // The way to the host demanded more than the message.
            attempt.level = seen.level;
            attempt.decided_by = seen.decided_by.clone();
        }
        attempt.host.clone_from(&seen.host);
        attempt.address.clone_from(&seen.address);
        attempt.reply.clone_from(&seen.reply);
        attempt.tries.clone_from(&seen.tries);
        attempt.learned_from = Some(seen.message);
        self.decide(trouble, attempt, recipient)
    }

    fn tried(&self, trial: &Trial, index: usize, recipient: &QueuedRecipient) -> Judged {
        let Some((host, said)) = trial.deciding(index) else {
            let trouble = Trouble {
                why: Why::DnsFail,
                status: Why::DnsFail.status().to_owned(),
                permanent: false,
                for_tls: false,
                not_before: None,
            };
            return self.decide(trouble, self.evidence(recipient, None), recipient);
        };
        let mut attempt = self.evidence(recipient, Some(host));
        attempt.tries = trial.lines(index);
        let enforced = self.is_enforced(host);
        let trouble = match said {
            Said::Accepted { reply } => {
                attempt.reply = Some(reply.text.clone());
                attempt.status = reply.status.clone();
                return settled(Outcome::Delivered(attempt), false);
            }
            Said::Refused { reply, .. } => {
                attempt.reply = Some(reply.text.clone());
                Trouble {
                    why: Why::RemoteReply,
                    status: reply.status.clone(),
                    permanent: true,
                    for_tls: false,
                    not_before: None,
                }
            }
            Said::Waits { stage, why, status, reply } => {
                attempt.reply = reply.as_ref().map(|quote| quote.text.clone());
                Trouble {
                    why: *why,
                    status: status.clone(),
                    permanent: is_hopeless(trial, index),
                    for_tls: enforced && is_about_tls(*stage, *why),
                    not_before: None,
                }
            }
        };
        self.decide(with_final_status(trouble), attempt, recipient)
    }

    fn is_enforced(&self, host: &HostTry) -> bool {
        match self.seen {
            Seen::Hosts { plan, .. } => {
                plan.iter().any(|(hop, requirement)| is_at(host, hop) && requirement.is_enforced())
            }
            Seen::Nowhere(_) | Seen::SetBack(_) | Seen::Report { .. } | Seen::Returned { .. } => {
                false
            }
        }
    }

    fn decide(
        &self,
        trouble: Trouble,
        mut attempt: Attempt,
        recipient: &QueuedRecipient,
    ) -> Judged {
        let Trouble { why, status, permanent, for_tls, not_before } = trouble;
        attempt.why = Some(why);
        attempt.status = status;
        if permanent {
            return bounced(attempt, for_tls);
        }
        if for_tls && self.settings.enforced_failure == EnforcedFailure::Bounce {
            attempt.status = format!("5{}", attempt.status.trim_start_matches('4'));
            return bounced(attempt, for_tls);
        }
        let copy = self.claim.copy();
        let end = self.settings.lifetime.end(copy.accepted_at, for_tls);
        if self.now >= end {
            // The class stays 4: to send it again later may work (RFC 3463 section 2).
            return bounced(attempt, for_tls);
        }
        let seed =
            luck::mix(self.now.millis().unsigned_abs(), recipient.entry.to_string().as_bytes());
        let attempts = recipient.attempts.saturating_add(1);
        let next = self.settings.schedule.next(attempts, self.now, seed);
        let next = not_before.unwrap_or(next);
        let warning = self.warning(recipient, end);
        let warns = warning.is_some_and(|at| self.now >= at);
        // The last attempt falls on the end of the lifetime, not an hour behind it; and
        // one falls on the time at which the sender is to be told of the delay.
        let latest = warning.filter(|at| self.now < *at).map_or(end, |at| at.min(end));
        let soonest = self.now.plus(Duration::from_millis(1));
        let next = next.min(latest).max(soonest);
        attempt.outcome = Ending::Deferred;
        let warned = recipient.warned || warns;
        let outcome = Outcome::Deferred { attempt, next, warned };
        Judged { outcome, detail: None, for_tls, warns, until: Some(end) }
    }

    /// When the sender of a recipient is told that it takes long, where that is still
    /// to be done. RFC 3461 section 4.1: without NOTIFY the delay is reported, with it
    /// only where it names DELAY. A warning at the end would come with the failure.
    fn warning(&self, recipient: &QueuedRecipient, end: Timestamp) -> Option<Timestamp> {
        let wants = recipient.params.notify.is_none_or(|notify| notify.delay && !notify.never);
        let is_heard = matches!(self.claim.message().sender, ReversePath::Mailbox(_));
        let at = self.claim.copy().accepted_at.plus(self.settings.delay_warning);
        (wants && is_heard && !recipient.warned && at < end).then_some(at)
    }

    fn reported(&self, recipient: &QueuedRecipient, reply: &str) -> Judged {
        let mut attempt = self.evidence(recipient, None);
        attempt.why = Some(Why::RejectedByRule);
        attempt.reply = Some(reply.to_owned());
        attempt.status = reply
            .split_ascii_whitespace()
            .nth(1)
            .filter(|code| code.starts_with("5.") || code.starts_with("4."))
            .unwrap_or_else(|| Why::RejectedByRule.status())
            .to_owned();
        bounced(attempt, false)
    }

    /// Who returned it is in the journal, and is no business of a stranger's.
    fn returned(&self, recipient: &QueuedRecipient, reason: Option<&str>) -> Judged {
        let mut attempt = self.evidence(recipient, None);
        attempt.why = Some(Why::ReturnedByAdmin);
        attempt.reply = reason.map(|reason| printable(reason.as_bytes(), MOST_REASON));
        Why::ReturnedByAdmin.status().clone_into(&mut attempt.status);
        bounced(attempt, false)
    }

    fn evidence(&self, recipient: &QueuedRecipient, host: Option<&HostTry>) -> Attempt {
        let message = self.claim.message();
        let demands = match (self.seen, host) {
            (Seen::Hosts { plan, .. }, Some(host)) => {
                let at = plan.iter().find(|(hop, _)| is_at(host, hop));
                at.map_or_else(|| self.claim.copy().demands.as_slice(), |(_, at)| at.demands())
            }
            (
                Seen::Hosts { .. }
                | Seen::Nowhere(_)
                | Seen::SetBack(_)
                | Seen::Report { .. }
                | Seen::Returned { .. },
                _,
            ) => self.claim.copy().demands.as_slice(),
        };
        let (level, decided_by) = Attempt::wanted(demands, message.revision);
        Attempt {
            message: message.id,
            recipient: recipient.mailbox.to_string(),
            at: self.now,
            outcome: Ending::Delivered,
            level,
            decided_by,
            host: host.map(|host| host.host.clone()),
            address: host.and_then(|host| host.address.clone()),
            tls: host.and_then(|host| host.tls.clone()),
            clear_because: host.and_then(|host| host.clear_because),
            why: None,
            reply: None,
            status: String::new(),
            tries: Vec::new(),
            learned_from: None,
        }
    }
}

fn bounced(mut attempt: Attempt, for_tls: bool) -> Judged {
    attempt.outcome = Ending::Bounced;
    settled(Outcome::Bounced(attempt), for_tls)
}

/// The recipient does not wait any longer.
const fn settled(outcome: Outcome, for_tls: bool) -> Judged {
    Judged { outcome, detail: None, for_tls, warns: false, until: None }
}

/// Whether a host that was tried is this one of the plan: two routes may differ in their port alone.
fn is_at(host: &HostTry, hop: &NextHop) -> bool {
    let port = || host.address.as_ref()?.parse::<std::net::SocketAddr>().ok();
    host.host == hop.host && port().is_none_or(|address| address.port() == hop.port)
}

/// Whether the TLS that was demanded could not be had. Data that nobody asked for is
/// about TLS only within the handshake; elsewhere the two sides have lost step.
fn is_about_tls(stage: Stage, why: Why) -> bool {
    why.is_tls() && (why != Why::ResponseInjection || matches!(stage, Stage::Tls | Stage::Verify))
}

/// A cause that trying again cannot mend: every host that was tried says so.
fn is_hopeless(trial: &Trial, index: usize) -> bool {
    let lines = trial.lines(index);
    !lines.is_empty()
        && lines.iter().all(|line| line.why.is_some_and(|why| trial::is_hopeless(line.stage, why)))
}

/// A permanent failure has a status of class 5.
fn with_final_status(mut trouble: Trouble) -> Trouble {
    if trouble.permanent {
        // Every MX host lacks an address, or is at one that is not used.
        if matches!(trouble.why, Why::NoMx | Why::AddressRefused) {
            "5.4.4".clone_into(&mut trouble.status);
        } else if trouble.why != Why::RemoteReply {
            trouble.why.status().clone_into(&mut trouble.status);
        }
    }
    trouble
}

#[cfg(test)]
mod tests;
