//! When a client is too slow.
//!
//! A command line has one deadline that no single byte moves. A body has windows, in each of which enough bytes have to come;
//! so somebody who sends a byte now and then holds a session no longer than somebody who sends none.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Timeouts;

/// Room for commands.
const SMALL_READ: usize = 4 * 1024;
/// Room for a body, which is mostly short.
pub(crate) const MEDIUM_READ: usize = 16 * 1024;
/// Room for a body that turned out to be long.
const LARGE_READ: usize = 64 * 1024;

/// What the client owes us next.
#[derive(Debug)]
pub(crate) enum Pace {
    /// A command line by then.
    Command { until: Instant },
    /// More of a body.
    Body { window_ends: Instant, bytes: u64 },
}

/// Whether to go on waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    Left,
    Lost,
}

/// Whether the session took a step since the last time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moved {
    Yes,
    No,
}

impl Pace {
    /// A command line comes next.
    pub(crate) fn command(timeouts: &Timeouts) -> Self {
        Self::Command { until: Instant::now() + timeouts.command }
    }

    /// Says what comes next. The deadline of a command moves only where the session did.
    pub(crate) fn turn(&mut self, in_body: bool, moved: Moved, timeouts: &Timeouts) {
        match (&self, in_body) {
            (Self::Body { .. }, true) => {}
            (Self::Command { .. }, true) => {
                *self = Self::Body { window_ends: Instant::now() + timeouts.body_window, bytes: 0 };
            }
            (Self::Command { .. }, false) if moved == Moved::No => {}
            (Self::Command { .. } | Self::Body { .. }, false) => *self = Self::command(timeouts),
        }
    }

    /// Bytes came.
    pub(crate) fn came(&mut self, count: usize) {
        if let Self::Body { bytes, .. } = self {
            *bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    /// How much room there is to be for what comes next.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Command { .. } => SMALL_READ,
            Self::Body { bytes, .. } if *bytes > 2 * 16 * 1024 => LARGE_READ,
            Self::Body { .. } => MEDIUM_READ,
        }
    }

    /// How long to wait for more.
    pub(crate) const fn deadline(&self) -> Instant {
        match self {
            Self::Command { until } => *until,
            Self::Body { window_ends, .. } => *window_ends,
        }
    }

    /// The deadline has passed.
    pub(crate) fn expired(&mut self, timeouts: &Timeouts) -> Patience {
        match self {
            Self::Command { .. } => Patience::Lost,
            Self::Body { window_ends, bytes } => {
                if *bytes < owed(timeouts.body_window, timeouts.body_rate) {
                    return Patience::Lost;
                }
                *window_ends = Instant::now() + timeouts.body_window;
                *bytes = 0;
                Patience::Left
            }
        }
    }
}

/// What has to come in one window.
fn owed(window: Duration, rate: u32) -> u64 {
    window.as_secs().saturating_mul(u64::from(rate)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_do_not_move_the_deadline_of_a_command() {
        let timeouts = Timeouts::default();
        let mut pace = Pace::command(&timeouts);
        let deadline = pace.deadline();
        pace.came(1);
        tokio::time::sleep(Duration::from_millis(2)).await;
        pace.turn(false, Moved::No, &timeouts);
        assert_eq!(pace.deadline(), deadline);
        assert_eq!(pace.expired(&timeouts), Patience::Lost);
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_given_up_and_one_that_flows_is_not() {
        let timeouts = Timeouts {
            body_window: Duration::from_secs(10),
            body_rate: 100,
            ..Timeouts::default()
        };
        let mut pace = Pace::command(&timeouts);
        pace.turn(true, Moved::Yes, &timeouts);
        pace.came(1000);
        assert_eq!(pace.expired(&timeouts), Patience::Left);
        pace.came(999);
        assert_eq!(pace.expired(&timeouts), Patience::Lost);
    }
}
