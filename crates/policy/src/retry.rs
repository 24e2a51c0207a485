//! When a message is tried again, and when it is given up. Pure: the time and the
//! jitter are handed in.

use std::time::Duration;

use gatepost_wire::timestamp::Timestamp;

/// The waits between attempts (`retry` in the configuration).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schedule {
    waits: Vec<Duration>,
}

impl Schedule {
    /// The share of a wait by which jitter moves it, either way.
    pub const JITTER: f64 = 0.1;

    /// A schedule of at least one wait; the last one repeats. `None` for no wait at all.
    pub fn new(waits: Vec<Duration>) -> Option<Self> {
        (!waits.is_empty()).then_some(Self { waits })
    }

    /// The nominal wait after the given number of attempts (1 after the first).
    pub fn wait(&self, attempts: u32) -> Duration {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = self.waits.last().copied().unwrap_or_default();
        self.waits.get(index).copied().unwrap_or(last)
    }

    /// The time of the next attempt after `attempts` of them, the last one having
    /// ended at `now`. `luck` is any number; equal luck gives equal times.
    pub fn next(&self, attempts: u32, now: Timestamp, luck: u64) -> Timestamp {
        let spread = f64::from(u32::try_from(luck % 10_001).unwrap_or(0)) / 5_000.0 - 1.0;
        now.plus(self.wait(attempts).mul_f64(1.0 + Self::JITTER * spread))
    }
}

/// How long messages are kept trying.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetime {
    /// `expire`.
    pub ordinary: Duration,
    /// `enforced_expire`: for mail that waits because TLS was demanded and could
    /// not be had.
    pub enforced: Duration,
}

impl Lifetime {
    /// When a message accepted at `accepted` is given up. `for_tls`: the attempt
    /// that ended failed for a TLS cause that a clause made fatal (decision 33).
    pub fn end(&self, accepted: Timestamp, for_tls: bool) -> Timestamp {
        accepted.plus(if for_tls { self.enforced.min(self.ordinary) } else { self.ordinary })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standard() -> Schedule {
        let minutes = [5, 5, 10, 20, 20, 60];
        Schedule::new(minutes.map(|m| Duration::from_secs(60 * m)).to_vec()).unwrap()
    }

    #[test]
    fn k01_attempts_are_at_0_5_10_20_40_60_minutes_then_hourly() {
        let mut at = vec![0];
        for attempts in 1..=7 {
            at.push(at.last().unwrap() + standard().wait(attempts).as_secs() / 60);
        }
        assert_eq!(at, [0, 5, 10, 20, 40, 60, 120, 180]);
    }

    proptest! {
        #[test]
        fn k01_jitter_stays_within_a_tenth(attempts in 1_u32..20, luck in any::<u64>()) {
            let start = Timestamp::from_millis(1_000_000);
            let wait = standard().next(attempts, start, luck).since(start);
            let nominal = standard().wait(attempts);
            prop_assert!(wait >= nominal.mul_f64(0.899) && wait <= nominal.mul_f64(1.101));
        }
    }

    #[test]
    fn a_lifetime_is_shorter_only_for_a_tls_cause() {
        let life =
            Lifetime { ordinary: Duration::from_secs(100), enforced: Duration::from_secs(10) };
        let start = Timestamp::from_millis(0);
        assert_eq!(life.end(start, true), Timestamp::from_millis(10_000));
        assert_eq!(life.end(start, false), Timestamp::from_millis(100_000));
    }
}
