//! Bodies: one that is being received, and one that is being sent.
//!
//! A body that is being received stays in memory up to [`IN_MEMORY`] bytes and
//! then goes on in a file of its own, so that a large message never is in memory.
//! A [`Staging`] or [`Staged`] that is dropped leaves nothing behind.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    disk,
    error::{Cause, StoreError, Unhealthy},
    segment::{self, HEADER},
};

/// Larger bodies get a file of their own.
pub const IN_MEMORY: usize = 256 * 1024;

/// How much of the beginning of a message [`Staging::head`] gives at least.
pub const HEAD: usize = 1024 * 1024;

/// Room that is made at once for a body whose size was announced.
const USUAL: usize = 64 * 1024;

/// How much of a file [`Body::next`] reads at a time.
const PIECE: u64 = 256 * 1024;

/// How often free space is looked at while a large body comes in.
const LOOK_EVERY: u64 = 1024 * 1024;

/// Where large bodies go while they are received.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    pub(crate) dir: PathBuf,
    pub(crate) reserve: u64,
}

/// A body that is being received.
#[derive(Debug)]
pub struct Staging {
    spool: Option<Spool>,
    /// The whole body while it is small, then its beginning.
    head: Vec<u8>,
    spill: Option<Spill>,
    length: u64,
    sum: u32,
}

/// A body that has been received and is not committed yet.
#[derive(Debug)]
pub struct Staged {
    pub(crate) content: Content,
    pub(crate) sum: u32,
    length: u64,
}

#[derive(Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    File(Spill),
}

/// A large body's own file. The record's header is written last.
#[derive(Debug)]
pub(crate) struct Spill {
    path: Option<PathBuf>,
    file: File,
    reserve: u64,
    looked_at: u64,
}

impl Staging {
    /// A body that goes to a file in `spool` when it grows; without one, it stays in memory.
    pub(crate) fn new(spool: Option<Spool>, size_hint: Option<u64>) -> Self {
        let expected = usize::try_from(size_hint.unwrap_or(0)).unwrap_or(USUAL).min(USUAL);
        Self { spool, head: Vec::with_capacity(expected), spill: None, length: 0, sum: 0 }
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// When the file of a large body cannot be written, or the disk comes below
    /// its reserve. Then the body is of no use any more.
    pub fn append(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        let length = self.length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if self.spill.is_none()
            && length > u64::try_from(IN_MEMORY).unwrap_or(u64::MAX)
            && let Some(spool) = &self.spool
        {
            let mut spill = Spill::create(spool)?;
            spill.file.write_all(&self.head)?;
            self.spill = Some(spill);
        }
        match &mut self.spill {
            None => self.head.extend_from_slice(chunk),
            Some(spill) => {
                spill.write(chunk, length)?;
                let room = HEAD.saturating_sub(self.head.len()).min(chunk.len());
                self.head.extend(chunk.iter().take(room));
            }
        }
        self.sum = crc32c::crc32c_append(self.sum, chunk);
        self.length = length;
        Ok(())
    }

    /// Bytes so far.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing has been added yet.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The beginning of the body: all of it while it is small, and always at
    /// least the first [`HEAD`] bytes that there are.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Ends the body.
    pub fn finish(self) -> Staged {
        let Self { spool: _, head, spill, length, sum } = self;
        // What was announced may be far more than what came: keep no more than that.
        let memory = || Content::Memory(head.into_boxed_slice().into());
        let content = spill.map_or_else(memory, Content::File);
        Staged { content, sum, length }
    }
}

impl Staged {
    /// Bytes of the body.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether the body is empty.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Spill {
    fn create(spool: &Spool) -> io::Result<Self> {
        let path = spool.dir.join(format!("{}.part", ulid::Ulid::generate()));
        let mut file = disk::private().create_new(true).open(&path)?;
        let spill = |file| Self { path: Some(path), file, reserve: spool.reserve, looked_at: 0 };
        match file.write_all(&[0; HEADER]) {
            Ok(()) => Ok(spill(file)),
            Err(error) => {
                drop(spill(file));
                Err(error)
            }
        }
    }

    fn write(&mut self, chunk: &[u8], length: u64) -> Result<(), StoreError> {
        if length.saturating_sub(self.looked_at) >= LOOK_EVERY {
            self.looked_at = length;
            if let Some(path) = &self.path
                && let Some(low) = disk::below_reserve(path, self.reserve, 0)?
            {
                return Err(StoreError::not_applied(low));
            }
        }
        Ok(self.file.write_all(chunk)?)
    }

    /// Completes the record, flushes it and gives it its final name; the directory
    /// is flushed too. Only then may a row point to it.
    pub(crate) fn keep(
        mut self,
        header: &[u8; HEADER],
        envelope: &[u8],
        to: &Path,
    ) -> io::Result<()> {
        self.file.write_all(envelope)?;
        self.file.write_all_at(header, 0)?;
        self.file.sync_data()?;
        if let Some(path) = &self.path {
            fs::rename(path, to)?;
            self.path = None;
        }
        to.parent().map_or(Ok(()), disk::flush_dir)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = fs::remove_file(&path)
        {
            // It is dropped at the next start.
            tracing::warn!(path = %path.display(), %error, "unfinished body not removed");
        }
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
