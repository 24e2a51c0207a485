//! Bodies: one that is being received, and one that is being sent.
//!
//! A body that is being received stays in memory up to [`IN_MEMORY`] bytes and
//! then goes on in a file of its own, so that a large message never is in memory;
//! a body that is being sent is read in pieces. Whatever waits for a disk does so
//! on a thread where it holds up nobody.

use std::{fs::File, mem, os::unix::fs::FileExt as _, sync::Arc};

use bytes::{Bytes, BytesMut};
use tokio::sync::Semaphore;

use crate::error::{Cause, StoreError, Unhealthy};

mod staging;

pub(crate) use staging::{Content, Spill, Spool};
pub use staging::{HEAD, IN_MEMORY, Staged, Staging};

/// How much of a file [`Body::next`] reads at a time.
const PIECE: u64 = 64 * 1024;

/// How many large bodies are written or read at the same moment: more do not make a disk faster, and each needs
/// a thread while it is, whose memory stays with it.
const AT_ONCE: usize = 16;

/// Whose turn it is at the files of large bodies. Clones share their turns.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Runs what may wait for a disk where it holds up nobody, when it is its turn.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::not_applied(Cause::Closed))?;
        // The turn goes along: it lasts as long as the work, also where nobody waits for that any more.
        blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
    }
}

/// The body of a stored message, as it was received.
#[derive(Debug)]
pub struct Body {
    source: Source,
    length: u64,
}

#[derive(Debug)]
enum Source {
    Memory(Option<Bytes>),
    File {
        file: Arc<File>,
        turns: Turns,
        at: u64,
        end: u64,
        /// The piece before, whose memory is used again once nobody else has it.
        last: Bytes,
    },
}

impl Body {
    pub(crate) fn memory(bytes: Bytes) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { source: Source::Memory(Some(bytes)), length }
    }

    /// A body in a file of its own, whose sum was found to be right.
    pub(crate) fn file(file: File, turns: Turns, at: u64, length: u64) -> Self {
        let end = at.saturating_add(length);
        let source = Source::File { file: Arc::new(file), turns, at, end, last: Bytes::new() };
        Self { source, length }
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
            Source::File { file, turns, at, end, last } => {
                if at >= end {
                    return Ok(None);
                }
                let length = PIECE.min(end.saturating_sub(*at));
                let room = usize::try_from(length).unwrap_or(0);
                let mut piece = mem::take(last).try_into_mut().unwrap_or_else(|_| BytesMut::new());
                piece.resize(room, 0);
                let (file, from) = (Arc::clone(file), *at);
                let read = turns.blocking(move || {
                    file.read_exact_at(&mut piece, from)?;
                    Ok::<_, std::io::Error>(piece.freeze())
                });
                let piece = read.await??;
                *at = at.saturating_add(length);
                *last = piece.clone();
                Ok(Some(piece))
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
