//! The time, passed in.
//!
//! [`SystemClock`] is the only place of the product that asks the operating
//! system for it. [`ManualClock`] stands still until a test moves it, so five
//! days of retries take a millisecond. Wall time stamps and schedules; monotonic
//! time measures, so that a jump of the wall clock shortens nothing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gatepost_wire::timestamp::Timestamp;
use tokio::sync::watch;

/// What the rest of the product knows about time.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock, in UTC.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which never jumps.
    fn monotonic(&self) -> Duration;

    /// Returns once [`Clock::now`] is at or after `at`; at once if it already is.
    async fn sleep_until(&self, at: Timestamp);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A wait is cut into pieces of this length, so that a wall clock that was
    /// set is noticed.
    const PIECE: Duration = Duration::from_secs(30);

    /// The machine's clock; its monotonic time counts from here.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Self::PIECE)).await;
        }
    }
}

/// A clock that a test moves by hand.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<(Timestamp, Duration)>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { now: watch::Sender::new((start, Duration::ZERO)) }
    }

    /// Moves both the wall and the monotonic clock forward, and wakes whoever
    /// waited for a moment that has come.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|(wall, monotonic)| {
            *wall = wall.plus(by);
            *monotonic = monotonic.saturating_add(by);
        });
    }
}

#[async_trait::async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.now.borrow().0
    }

    fn monotonic(&self) -> Duration {
        self.now.borrow().1
    }

    async fn sleep_until(&self, at: Timestamp) {
        // The sender lives in `self`, so the wait can only end by the time coming.
        if self.now.subscribe().wait_for(|(wall, _)| *wall >= at).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn advancing_wakes_a_sleeper_whose_moment_has_come() {
        let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let sleeper = {
            let clock = std::sync::Arc::clone(&clock);
            async move {
                clock.sleep_until(Timestamp::from_millis(3_000)).await;
                clock.now().millis()
            }
        };
        let mover = async {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(1));
        };
        let (woken_at, ()) = tokio::join!(sleeper, mover);
        assert_eq!(woken_at, 3_000);
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_moment_in_the_past_is_not_waited_for() {
        let clock = SystemClock::new();
        clock.sleep_until(Timestamp::from_millis(0)).await;
        assert!(clock.now().millis() > 1_600_000_000_000);
    }
}
