//! Idle sessions, kept for the next message that may use them.
//!
//! A session is handed out on an equal [`Place`] alone, latest first, and never
//! past its limits (`tls-delivery.md` 5.9, rule 8) nor from before a change of
//! policy, settings or trust (rule 4). What the pool hands out is a candidate: the
//! gate is asked for every message, whatever the pool believes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatepost_wire::timestamp::Timestamp;

use crate::session::{Live, Place, Validity};

/// How long a session may wait for the next message.
pub(crate) const MOST_IDLE: Duration = Duration::from_secs(30);
/// How old a session may become.
pub(crate) const MOST_AGE: Duration = Duration::from_secs(300);

/// The idle sessions of an engine.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Place, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    live: Live,
    since: Duration,
}

/// What the time is, and which epoch it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub monotonic: Duration,
    pub wall: Timestamp,
    pub epoch: u64,
}

/// Why a session is given up, as a metric label.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unfit {
    Idle,
    Age,
    Epoch,
    Certificate,
}

impl Unfit {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Age => "age",
            Self::Epoch => "epoch",
            Self::Certificate => "certificate",
        }
    }
}

/// A session that may not be used any more, and why.
pub(crate) type Stale = (Live, Unfit);

impl Validity {
    /// Why a session may not carry another message; `None` where it may.
    pub(crate) fn unfit(&self, at: Moment) -> Option<Unfit> {
        if self.epoch != at.epoch {
            return Some(Unfit::Epoch);
        }
        if at.monotonic.saturating_sub(self.born) >= MOST_AGE {
            return Some(Unfit::Age);
        }
        let expired = self.proven_until.is_some_and(|end| end <= at.wall);
        expired.then_some(Unfit::Certificate)
    }
}

impl Idle {
    fn unfit(&self, at: Moment) -> Option<Unfit> {
        let idle = at.monotonic.saturating_sub(self.since) >= MOST_IDLE;
        idle.then_some(Unfit::Idle).or_else(|| self.live.validity.unfit(at))
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, HashMap<Place, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a session.
    pub(crate) fn put(&self, live: Live, now: Duration) {
        self.idle().entry(live.place.clone()).or_default().push(Idle { live, since: now });
    }

    /// The latest session of a place that may be used, and those that may not.
    pub(crate) fn take(&self, place: &Place, at: Moment) -> (Option<Live>, Vec<Stale>) {
        let mut stale = Vec::new();
        let mut idle = self.idle();
        let Some(there) = idle.get_mut(place) else { return (None, stale) };
        let mut found = None;
        while let Some(one) = there.pop() {
            match one.unfit(at) {
                None => {
                    found = Some(one.live);
                    break;
                }
                Some(why) => stale.push((one.live, why)),
            }
        }
        if there.is_empty() {
            idle.remove(place);
        }
        (found, stale)
    }

    /// Takes out every session that may not be used any more.
    pub(crate) fn stale(&self, at: Moment) -> Vec<Stale> {
        let mut stale = Vec::new();
        self.idle().retain(|_, there| {
            let (unfit, fit): (Vec<_>, Vec<_>) =
                std::mem::take(there).into_iter().partition(|one| one.unfit(at).is_some());
            *there = fit;
            let given_up = |one: Idle| one.unfit(at).map(|why| (one.live, why));
            stale.extend(unfit.into_iter().filter_map(given_up));
            !there.is_empty()
        });
        stale
    }

    /// Takes out the session that has waited longest, to make room for another.
    pub(crate) fn longest_idle(&self) -> Option<Live> {
        let mut idle = self.idle();
        let oldest = |there: &Vec<Idle>| there.first().map(|one| one.since);
        let place = idle.iter().min_by_key(|(_, there)| oldest(there)).map(|(place, _)| place)?;
        let place = place.clone();
        let there = idle.get_mut(&place)?;
        let live = (!there.is_empty()).then(|| there.remove(0).live);
        if there.is_empty() {
            idle.remove(&place);
        }
        live
    }

    /// Takes out everything.
    pub(crate) fn drain(&self) -> Vec<Live> {
        let all = std::mem::take(&mut *self.idle());
        all.into_values().flatten().map(|one| one.live).collect()
    }

    /// How many sessions wait.
    pub(crate) fn len(&self) -> usize {
        self.idle().values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BORN: Duration = Duration::from_secs(1_000);
    const END: Timestamp = Timestamp::from_millis(5_000_000);

    fn at(seconds: u64) -> Moment {
        let monotonic = BORN + Duration::from_secs(seconds);
        Moment { monotonic, wall: Timestamp::from_millis(0), epoch: 3 }
    }

    #[test]
    fn j13_a_session_is_good_for_five_minutes_and_until_its_certificate_ends() {
        let validity = Validity { epoch: 3, born: BORN, proven_until: Some(END) };
        assert_eq!(validity.unfit(at(299)), None);
        assert_eq!(validity.unfit(at(300)), Some(Unfit::Age));
        let ended = Moment { wall: END, ..at(1) };
        assert_eq!(validity.unfit(ended), Some(Unfit::Certificate));
        let unproven = Validity { proven_until: None, ..validity };
        assert_eq!(unproven.unfit(ended), None);
    }

    #[test]
    fn j06_a_session_is_good_for_the_epoch_that_it_was_opened_in() {
        let validity = Validity { epoch: 2, born: BORN, proven_until: None };
        assert_eq!(validity.unfit(at(1)), Some(Unfit::Epoch));
    }
}
