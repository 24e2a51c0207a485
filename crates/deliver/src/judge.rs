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
use gatepost_wire::timestamp::Timestamp;

use crate::{
    backoff::Setback,
    destination::Nowhere,
    luck,
    settings::{DeliverySettings, EnforcedFailure},
    trial::{HostTry, Said, Trial},
};

/// What is known when an attempt has ended.
pub(crate) enum Seen<'a> {
    /// Hosts were tried.
    Hosts { trial: &'a Trial, plan: &'a [(NextHop, Requirement)], began: Timestamp },
    /// There was no host to try.
    Nowhere(&'a Nowhere),
    /// No host of the lane could be used a short while ago, so none was tried.
    SetBack(&'a Setback),
    /// A rule refused the recipient after the message was taken; the rule's reply.
    Report { reply: &'a str },
}

impl Seen<'_> {
    /// Recipients that were delivered to a host which reports no success itself.
    pub(crate) fn relayed(&self) -> Vec<usize> {
        match self {
            Self::Hosts { trial, .. } => trial.relayed(),
            Self::Nowhere(_) | Self::SetBack(_) | Self::Report { .. } => Vec::new(),
        }
    }

    /// When the attempt began, where it made connections.
    pub(crate) const fn began(&self) -> Option<Timestamp> {
        match self {
            Self::Hosts { began, .. } => Some(*began),
            Self::Nowhere(_) | Self::SetBack(_) | Self::Report { .. } => None,
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
    /// The outcome for one recipient, by its index in the claim.
    pub(crate) fn outcome(&self, index: usize, recipient: &QueuedRecipient) -> Outcome {
        match self.seen {
            Seen::Report { reply } => self.reported(recipient, reply),
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
                self.decide(trouble, attempt, recipient)
            }
            Seen::SetBack(setback) => self.set_back(setback, recipient),
            Seen::Hosts { trial, .. } => self.tried(trial, index, recipient),
        }
    }

    /// With what the last probe of the lane saw, and due again when the next one is.
    fn set_back(&self, setback: &Setback, recipient: &QueuedRecipient) -> Outcome {
        let seen = &setback.attempt;
        let why = seen.why.unwrap_or(Why::DnsFail);
        let stage = seen.tries.iter().map(|one| one.stage).max().unwrap_or(Stage::Dns);
        let trouble = Trouble {
            why,
            status: seen.status.clone(),
            permanent: false,
            for_tls: seen.level.is_enforced() && is_about_tls(stage, why),
            not_before: Some(setback.until),
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

    fn tried(&self, trial: &Trial, index: usize, recipient: &QueuedRecipient) -> Outcome {
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
                return Outcome::Delivered(attempt);
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
            Seen::Nowhere(_) | Seen::SetBack(_) | Seen::Report { .. } => false,
        }
    }

    fn decide(
        &self,
        trouble: Trouble,
        mut attempt: Attempt,
        recipient: &QueuedRecipient,
    ) -> Outcome {
        let Trouble { why, status, permanent, for_tls, not_before } = trouble;
        attempt.why = Some(why);
        attempt.status = status;
        if permanent {
            return bounced(attempt);
        }
        if for_tls && self.settings.enforced_failure == EnforcedFailure::Bounce {
            attempt.status = format!("5{}", attempt.status.trim_start_matches('4'));
            return bounced(attempt);
        }
        let copy = self.claim.copy();
        let end = self.settings.lifetime.end(copy.accepted_at, for_tls);
        if self.now >= end {
            // The class stays 4: to send it again later may work (RFC 3463 section 2).
            return bounced(attempt);
        }
        let seed =
            luck::mix(self.now.millis().unsigned_abs(), recipient.entry.to_string().as_bytes());
        let attempts = recipient.attempts.saturating_add(1);
        let next = self.settings.schedule.next(attempts, self.now, seed);
        let next = not_before.unwrap_or(next);
        // The last attempt falls on the end of the lifetime, not an hour behind it.
        let soonest = self.now.plus(Duration::from_millis(1));
        attempt.outcome = Ending::Deferred;
        Outcome::Deferred { attempt, next: next.min(end).max(soonest), warned: recipient.warned }
    }

    fn reported(&self, recipient: &QueuedRecipient, reply: &str) -> Outcome {
        let mut attempt = self.evidence(recipient, None);
        attempt.why = Some(Why::RejectedByRule);
        attempt.reply = Some(reply.to_owned());
        attempt.status = reply
            .split_ascii_whitespace()
            .nth(1)
            .filter(|code| code.starts_with("5.") || code.starts_with("4."))
            .unwrap_or_else(|| Why::RejectedByRule.status())
            .to_owned();
        bounced(attempt)
    }

    fn evidence(&self, recipient: &QueuedRecipient, host: Option<&HostTry>) -> Attempt {
        let message = self.claim.message();
        let demands = match (self.seen, host) {
            (Seen::Hosts { plan, .. }, Some(host)) => {
                let at = plan.iter().find(|(hop, _)| is_at(host, hop));
                at.map_or_else(|| self.claim.copy().demands.as_slice(), |(_, at)| at.demands())
            }
            (Seen::Hosts { .. } | Seen::Nowhere(_) | Seen::SetBack(_) | Seen::Report { .. }, _) => {
                self.claim.copy().demands.as_slice()
            }
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

const fn bounced(mut attempt: Attempt) -> Outcome {
    attempt.outcome = Ending::Bounced;
    Outcome::Bounced(attempt)
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
    let hopeless = |why: Why| {
        matches!(why, Why::NeedsUtf8 | Why::NeedsEightBit | Why::AddressRefused | Why::Loop)
    };
    let no_address = |stage: Stage, why: Why| stage == Stage::Dns && why == Why::NoMx;
    !lines.is_empty()
        && lines
            .iter()
            .all(|line| line.why.is_some_and(|why| hopeless(why) || no_address(line.stage, why)))
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
