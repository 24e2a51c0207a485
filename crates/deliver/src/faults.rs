//! Faults of our own: a message that makes workers fail every time is not tried for
//! ever, and the log says which one it was.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use gatepost_policy::id::MessageId;

/// After so many failed workers a message is not attempted any more until a restart.
const MOST: u32 = 3;
/// How many messages are remembered; beyond it all are forgotten and tried again.
const MANY: usize = 10_000;

/// How often each message made a worker fail.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<HashMap<MessageId, u32>>);

impl Faults {
    /// A worker failed with this message in hand.
    pub(crate) fn count(&self, message: MessageId) {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() >= MANY {
            faults.clear();
        }
        let count = faults.entry(message).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether it is not to be attempted.
    pub(crate) fn is_hopeless(&self, message: MessageId) -> bool {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get(&message).is_some_and(|count| *count >= MOST)
    }
}

/// What a worker has in hand, to be asked after it failed.
#[derive(Debug, Default)]
pub(crate) struct Hand(Mutex<Option<MessageId>>);

impl Hand {
    /// This message from now on.
    pub(crate) fn holds(&self, message: MessageId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    /// The last message that it had.
    pub(crate) fn message(&self) -> Option<MessageId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    #[test]
    fn a_message_is_given_three_workers_and_no_more() {
        let faults = Faults::default();
        let message = MessageId::from_ulid(Ulid::from_parts(1, 2));
        let other = MessageId::from_ulid(Ulid::from_parts(1, 3));
        for _ in 0..3 {
            assert!(!faults.is_hopeless(message));
            faults.count(message);
        }
        assert!(faults.is_hopeless(message));
        assert!(!faults.is_hopeless(other));
    }
}
