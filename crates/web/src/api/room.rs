//! Room for long bodies: all that are being worked on together are bounded, whoever sends them.
//!
//! A body takes its length until its request is answered, one of unknown length all there is. Short ones take none. Who
//! finds no room is refused at once and told when to come again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::policy::body::LARGEST;
use crate::problem::Problem;

/// A body up to this needs no room.
const SHORT: u64 = 256 * 1024;

/// What one permit stands for.
const UNIT: u64 = 1024;

const COME_AGAIN: Duration = Duration::from_secs(2);

/// The room there is: for one body of the largest size.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(all()).unwrap_or(1))))
    }
}

fn all() -> u32 {
    u32::try_from(LARGEST as u64 / UNIT).unwrap_or(u32::MAX)
}

impl Room {
    /// Room for a body of this length at most, for as long as what is given is held.
    ///
    /// # Errors
    /// 503 with `Retry-After`, where there is none.
    pub(super) fn take(
        &self,
        length: Option<u64>,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let wanted = match length {
            Some(length) if length <= SHORT => return Ok(None),
            Some(length) => u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX).min(all()),
            None => all(),
        };
        let taken = Arc::clone(&self.0).try_acquire_many_owned(wanted);
        taken
            .map(Some)
            .map_err(|_| Problem::busy("Other large documents are being worked on.", COME_AGAIN))
    }
}
