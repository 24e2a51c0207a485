//! What is known about lanes whose hosts could not be used, so that a thousand
//! messages for one such lane cost one probe per interval and not a thousand.
//!
//! A lane is a destination with one set of demands: mail that waits for TLS never
//! holds up mail that does not ask for it, nor the other way round (row C23). Only
//! causes that are about the hosts set a lane back; what a host says about a message
//! never does. Until its time has come, mail of the lane waits with what the last
//! probe saw, and makes no connection; somebody who asks for an attempt gets one, and
//! mail that was never tried waits no longer than after a first failure.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatepost_policy::{
    evidence::{Attempt, Ending, Stage, Why},
    retry::Schedule,
};
use gatepost_store::Lane;
use gatepost_wire::timestamp::Timestamp;

/// How long after its end a setback still counts for how long the next one lasts.
const ECHO: Duration = Duration::from_secs(2 * 3600);
/// Above so many lanes those whose setback has faded are looked for and forgotten.
const MANY: usize = 1_000;

/// An attempt that reached no host of a lane.
#[derive(Clone, Debug)]
pub(crate) struct Setback {
    /// What it saw.
    pub attempt: Attempt,
    /// When it ended.
    pub at: Timestamp,
    /// When the next one is due.
    until: Timestamp,
    /// When mail that was never tried may make one.
    until_for_new: Timestamp,
    /// How many there were, one after the other.
    failures: u32,
}

/// Mail that is due in a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// It was never tried.
    pub is_new: bool,
    /// When somebody asked for an attempt at it: only a setback since then counts.
    pub asked: Option<Timestamp>,
}

/// A setback that keeps mail from being tried.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub setback: Arc<Setback>,
    pub until: Timestamp,
}

/// The lanes that are set back.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    lanes: Mutex<HashMap<Lane, Arc<Setback>>>,
}

impl Backoff {
    fn lanes(&self) -> MutexGuard<'_, HashMap<Lane, Arc<Setback>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why mail of a lane makes no connection now, and until when.
    pub(crate) fn holds(&self, lane: &Lane, now: Timestamp, mail: Waiting) -> Option<Held> {
        let lanes = self.lanes();
        let setback = lanes.get(lane)?;
        let until = if mail.is_new { setback.until_for_new } else { setback.until };
        let holds = now < until && mail.asked.is_none_or(|asked| asked < setback.at);
        holds.then(|| Held { setback: Arc::clone(setback), until })
    }

    /// An attempt that began at `began` and ends now reached no host; gives when the next
    /// one is due. One that was under way at the same time as another that failed
    /// counts once.
    pub(crate) fn failed(&self, lane: &Lane, began: Timestamp, failed: &Failed<'_>) -> Timestamp {
        let Failed { attempt, now, schedule, luck } = *failed;
        let mut lanes = self.lanes();
        let failures = match lanes.get(lane) {
            Some(last) if last.at > began => return last.until,
            Some(last) if now < last.until.plus(ECHO) => last.failures.saturating_add(1),
            Some(_) | None => 1,
        };
        if lanes.len() >= MANY {
            lanes.retain(|_, setback| now < setback.until.plus(ECHO));
        }
        let until = schedule.next(failures, now, luck);
        let until_for_new = schedule.next(1, now, luck).min(until);
        let setback = Setback { attempt: attempt.clone(), at: now, until, until_for_new, failures };
        lanes.insert(lane.clone(), Arc::new(setback));
        until
    }

    /// A host of the lane could be used.
    pub(crate) fn works(&self, lane: &Lane) {
        let mut lanes = self.lanes();
        if !lanes.is_empty() {
            lanes.remove(lane);
        }
    }

    /// Policy or settings changed: what was seen under the old ones counts no more.
    pub(crate) fn forget(&self) {
        self.lanes().clear();
    }
}

/// An attempt that reached no host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<'a> {
    pub attempt: &'a Attempt,
    pub now: Timestamp,
    pub schedule: &'a Schedule,
    /// For the jitter.
    pub luck: u64,
}

/// Whether an attempt says that no host of the lane can be used, whatever the message.
pub(crate) fn is_about_hosts(attempt: &Attempt) -> bool {
    let about_message = |why: Why| {
        matches!(
            why,
            Why::NeedsEightBit
                | Why::NeedsUtf8
                | Why::MessageUnreadable
                | Why::GuardTripped
                | Why::PolicyBroken
                | Why::InternalFault
        )
    };
    let may_be_retried = match attempt.outcome {
        Ending::Deferred => true,
        // Given up because its time was over, not because of what it is.
        Ending::Bounced => attempt.status.starts_with('4'),
        Ending::Delivered => false,
    };
    may_be_retried
        && attempt.why.is_some_and(|why| !about_message(why))
        && attempt
            .tries
            .iter()
            .all(|one| one.stage < Stage::Mail && one.why.is_some_and(|why| !about_message(why)))
}

#[cfg(test)]
mod tests;
