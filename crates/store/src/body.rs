//! Bodies: one that is being received, and one that is being sent.
//!
//! A body that is being received stays in memory up to [`IN_MEMORY`] bytes and
//! then goes on in a file of its own, so that a large message never is in memory;
//! a body that is being sent is read in pieces. Whatever waits for a disk does so
//! on a thread where it holds up nobody.

use std::{fs::File, sync::Arc};

use bytes::Bytes;

use crate::{
    error::{Cause, StoreError, Unhealthy},
    segment,
};

mod staging;

pub(crate) use staging::{Content, Spill, Spool};
pub use staging::{HEAD, IN_MEMORY, Staged, Staging};

/// How much of a file [`Body::next`] reads at a time.
const PIECE: u64 = 128 * 1024;

/// The body of a stored message, as it was received.
#[derive(Debug)]
pub struct Body {
    source: Source,
    length: u64,
}

#[derive(Debug)]
enum Source {
    Memory(Option<Bytes>),
    File { file: Arc<File>, at: u64, end: u64 },
}

impl Body {
    pub(crate) fn memory(bytes: Bytes) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { source: Source::Memory(Some(bytes)), length }
    }

    /// A body in a file of its own, whose sum was found to be right.
    pub(crate) fn file(file: File, at: u64, length: u64) -> Self {
        let end = at.saturating_add(length);
        Self { source: Source::File { file: Arc::new(file), at, end }, length }
    }

    /// Its size in bytes.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The next bytes, and `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match &mut self.source {
            Source::Memory(bytes) => Ok(bytes.take().filter(|bytes| !bytes.is_empty())),
            Source::File { file, at, end } => {
                if at >= end {
                    return Ok(None);
                }
                let length = PIECE.min(end.saturating_sub(*at));
                let (file, from) = (Arc::clone(file), *at);
                let piece = blocking(move || segment::read_exact_at(&file, from, length)).await??;
                *at = at.saturating_add(length);
                Ok(Some(piece.into()))
            }
        }
    }

    /// All of it at once, for lists and tools; what is sent is read in pieces.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub async fn read_all(mut self) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

/// Runs what may wait for a disk where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::unknown(Cause::Closed))
}

impl From<Unhealthy> for StoreError {
    fn from(why: Unhealthy) -> Self {
        Self::not_applied(why)
    }
}
