//! A body that is being received, and the file that a large one goes to.
//!
//! What is in memory of a body does not grow with it: a small one as a whole; of a
//! large one its header section and what was not written yet. [`Staging::append`]
//! waits for the disk once enough has gathered, so a sender is read no faster than
//! the disk takes it. A [`Staging`] or [`Staged`] that is dropped leaves nothing behind.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    mem,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::Turns;
use crate::{
    disk,
    error::{Cause, StoreError},
    segment::HEADER,
};

/// Larger bodies get a file of their own.
pub const IN_MEMORY: usize = 256 * 1024;

/// How much of a header section [`Staging::head`] gives at most.
pub const HEAD: usize = 1024 * 1024;

/// Room that is made at once for a body whose size was announced.
const USUAL: usize = 64 * 1024;

/// How much of a large body gathers before it is written.
const WRITE: usize = 128 * 1024;

/// How often free space is looked at while a large body comes in.
const LOOK_EVERY: u64 = 1024 * 1024;

/// Where large bodies go while they are received.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    pub(crate) dir: PathBuf,
    pub(crate) reserve: u64,
    pub(crate) turns: Turns,
}

/// A body that is being received.
#[derive(Debug)]
pub struct Staging {
    spool: Option<Spool>,
    /// The whole body while it is small, then its header section.
    head: Vec<u8>,
    large: Option<Large>,
    length: u64,
    sum: u32,
}

/// What there is of a large body besides its header section.
#[derive(Debug)]
struct Large {
    target: Target,
    /// What is not written yet.
    pending: Vec<u8>,
    turns: Turns,
    /// Whether `head` has all that it will have.
    head_ends: bool,
}

/// Where a large body is written to.
#[derive(Debug)]
enum Target {
    /// To a file in here that is not made yet.
    New(Spool),
    File(Spill),
    /// A write failed, or was given up while it was under way: the body is of no use any more.
    Lost,
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
    /// A large body; the end of it is still to be written.
    File {
        spill: Spill,
        rest: Vec<u8>,
    },
    /// A write of it failed.
    Lost,
}

/// A large body's own file. The record's header is written last.
#[derive(Debug)]
pub(crate) struct Spill {
    path: Option<PathBuf>,
    file: File,
    reserve: u64,
    written: u64,
    looked_at: u64,
}

impl Staging {
    /// A body that goes to a file in `spool` when it grows; without one, it stays in memory.
    pub(crate) fn new(spool: Option<Spool>, size_hint: Option<u64>) -> Self {
        let expected = usize::try_from(size_hint.unwrap_or(0)).unwrap_or(USUAL).min(USUAL);
        Self { spool, head: Vec::with_capacity(expected), large: None, length: 0, sum: 0 }
    }

    /// Adds the next bytes. Of a large body it waits until the disk has taken what gathered.
    ///
    /// # Errors
    /// When the file of a large body cannot be written, or the disk comes below
    /// its reserve. Then, and when the wait was given up, the body is of no use any more.
    pub async fn append(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        let length = self.length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if self.large.is_none()
            && length > u64::try_from(IN_MEMORY).unwrap_or(u64::MAX)
            && let Some(spool) = self.spool.take()
        {
            let pending = mem::take(&mut self.head);
            let (turns, target) = (spool.turns.clone(), Target::New(spool));
            let mut large = Large { target, pending: Vec::new(), turns, head_ends: false };
            large.extend_head(&mut self.head, &pending);
            large.pending = pending;
            self.large = Some(large);
        }
        self.sum = crc32c::crc32c_append(self.sum, chunk);
        self.length = length;
        let Some(large) = &mut self.large else {
            self.head.extend_from_slice(chunk);
            return Ok(());
        };
        large.extend_head(&mut self.head, chunk);
        large.pending.extend_from_slice(chunk);
        if large.pending.len() >= WRITE { large.write().await } else { Ok(()) }
    }

    /// Bytes so far.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing has been added yet.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The beginning of the body: all of it while it is small; of a large one the header section
    /// with the empty line behind it, or the first [`HEAD`] bytes of a longer one.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Ends the body.
    pub fn finish(self) -> Staged {
        let Self { spool: _, head, large, length, sum } = self;
        let content = match large {
            // What was announced may be far more than what came: keep no more than that.
            None => Content::Memory(head.into_boxed_slice().into()),
            Some(Large { target: Target::File(spill), pending, .. }) => {
                Content::File { spill, rest: pending }
            }
            // A large body has more than gathers before a write, so there was one.
            Some(Large { target: Target::New(_) | Target::Lost, .. }) => Content::Lost,
        };
        Staged { content, sum, length }
    }
}

impl Large {
    /// Adds to the header section, up to the empty line that ends it.
    fn extend_head(&mut self, head: &mut Vec<u8>, chunk: &[u8]) {
        if self.head_ends {
            return;
        }
        // The line end before the empty line may be in what was there already.
        let from = head.len().saturating_sub(2);
        let most = HEAD.saturating_sub(head.len()).min(chunk.len());
        head.extend(chunk.iter().take(most));
        if let Some(end) = section_end(head, from) {
            head.truncate(end);
            self.head_ends = true;
        } else {
            self.head_ends = head.len() >= HEAD;
        }
        if self.head_ends {
            head.shrink_to_fit();
        }
    }

    /// Writes what gathered, on a thread of its own.
    async fn write(&mut self) -> Result<(), StoreError> {
        let target = mem::replace(&mut self.target, Target::Lost);
        let mut bytes = mem::take(&mut self.pending);
        let work = move || {
            let mut spill = match target {
                Target::New(spool) => Spill::create(&spool)?,
                Target::File(spill) => spill,
                Target::Lost => return Err(StoreError::not_applied(Cause::Closed)),
            };
            spill.write(&bytes)?;
            bytes.clear();
            Ok((spill, bytes))
        };
        let (spill, bytes) = self.turns.blocking(work).await??;
        self.target = Target::File(spill);
        // The first write has all that was in memory; what gathers behind it is less.
        let fits = bytes.capacity() <= 2 * WRITE;
        self.pending = if fits { bytes } else { Vec::with_capacity(2 * WRITE) };
        Ok(())
    }
}

/// Where the header section ends, behind its empty line, looking from the byte `from` on.
fn section_end(head: &[u8], from: usize) -> Option<usize> {
    let empty = |at: usize| {
        let rest = head.get(at..)?;
        let line = [b"\r\n".as_slice(), b"\n"].into_iter().find(|line| rest.starts_with(line))?;
        Some(at.saturating_add(line.len()))
    };
    if let Some(end) = (from == 0).then(|| empty(0)).flatten() {
        return Some(end);
    }
    let searched = head.get(from..).unwrap_or_default();
    memchr::memchr_iter(b'\n', searched)
        .find_map(|at| empty(from.saturating_add(at).saturating_add(1)))
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
        let file = disk::private().create_new(true).open(&path)?;
        let mut spill =
            Self { path: Some(path), file, reserve: spool.reserve, written: 0, looked_at: 0 };
        spill.file.write_all(&[0; HEADER])?;
        Ok(spill)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let written = self.written.saturating_add(more);
        if written.saturating_sub(self.looked_at) >= LOOK_EVERY {
            self.looked_at = written;
            if let Some(path) = &self.path
                && let Some(low) = disk::below_reserve(path, self.reserve, 0)?
            {
                return Err(StoreError::not_applied(low));
            }
        }
        self.file.write_all(bytes)?;
        self.written = written;
        Ok(())
    }

    /// Completes the record, flushes it and gives it its final name; the directory
    /// is flushed too. Only then may a row point to it.
    pub(crate) fn keep(
        mut self,
        header: &[u8; HEADER],
        rest: &[u8],
        envelope: &[u8],
        to: &Path,
    ) -> io::Result<Kept> {
        self.file.write_all(rest)?;
        self.file.write_all(envelope)?;
        self.file.write_all_at(header, 0)?;
        self.file.sync_data()?;
        let kept = Kept { path: Some(to.to_owned()) };
        if let Some(path) = &self.path {
            fs::rename(path, to)?;
            self.path = None;
        }
        to.parent().map_or(Ok(()), disk::flush_dir)?;
        Ok(kept)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            remove(&path);
        }
    }
}

/// A large body that has its final name and no row yet. Dropped, it goes again.
#[derive(Debug)]
pub(crate) struct Kept {
    path: Option<PathBuf>,
}

impl Kept {
    /// Somebody else sees to the file from here on.
    pub(crate) fn hand_over(mut self) {
        self.path = None;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            remove(&path);
        }
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // It is dropped at the next start.
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "unfinished body not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool() -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool { dir: dir.path().to_owned(), reserve: 0, turns: Turns::new() };
        (dir, spool)
    }

    fn files(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[tokio::test]
    async fn of_a_large_body_only_the_header_section_stays_in_memory_however_it_is_cut() {
        let section = b"Subject: x\r\n folded\r\nX-Y: z\r\n\r\n";
        let body = [section.as_slice(), &vec![b'x'; IN_MEMORY * 3]].concat();
        for cut in [1, 7, 29, 31, 32, 33, 1000, 64 * 1024, IN_MEMORY + 1, body.len()] {
            let (dir, spool) = spool();
            let mut staging = Staging::new(Some(spool), None);
            for chunk in body.chunks(cut) {
                staging.append(chunk).await.unwrap();
            }
            assert_eq!(staging.head(), section, "in pieces of {cut}");
            let large = staging.large.as_ref().unwrap();
            assert!(large.pending.capacity() <= body.len().min(2 * IN_MEMORY) + cut);
            assert_eq!(files(dir.path()), 1);
            let staged = staging.finish();
            assert_eq!(staged.len(), u64::try_from(body.len()).unwrap());
            assert_eq!(staged.sum, crc32c::crc32c(&body));
            drop(staged);
            assert_eq!(files(dir.path()), 0);
        }
    }

    #[tokio::test]
    async fn a_header_section_that_comes_late_is_whole_and_an_endless_one_is_bounded() {
        let (_dir, spool) = spool();
        let section = format!("X: {}\r\n\r\n", "y".repeat(IN_MEMORY * 2));
        let mut staging = Staging::new(Some(spool.clone()), None);
        for chunk in
            [section.as_bytes(), b"body\r\n".repeat(50_000).as_slice()].concat().chunks(4096)
        {
            staging.append(chunk).await.unwrap();
        }
        assert_eq!(staging.head(), section.as_bytes());
        let mut staging = Staging::new(Some(spool), None);
        for _ in 0..40 {
            staging.append(&[b'x'; 60_000]).await.unwrap();
        }
        assert_eq!(staging.head().len(), HEAD);
    }

    #[tokio::test]
    async fn a_message_that_begins_with_its_body_has_an_empty_section() {
        let (_dir, spool) = spool();
        let mut staging = Staging::new(Some(spool), None);
        staging.append(b"\r\nbody\r\n\r\n").await.unwrap();
        staging.append(&vec![b'x'; IN_MEMORY * 2]).await.unwrap();
        assert_eq!(staging.head(), b"\r\n");
    }

    #[tokio::test]
    async fn a_body_of_which_a_write_failed_cannot_be_stored() {
        let (dir, spool) = spool();
        let mut staging = Staging::new(Some(spool), None);
        drop(dir);
        staging.append(&vec![b'x'; IN_MEMORY * 2]).await.unwrap_err();
        staging.append(&vec![b'x'; IN_MEMORY * 2]).await.unwrap_err();
        assert!(matches!(staging.finish().content, Content::Lost));
    }

    #[test]
    fn a_kept_body_that_nobody_takes_over_goes_again() {
        let (dir, spool) = spool();
        let to = dir.path().join("1.body");
        let keep = || {
            let mut spill = Spill::create(&spool).unwrap();
            spill.write(b"body").unwrap();
            spill.keep(&[1; HEADER], b" and rest", b"{}", &to).unwrap()
        };
        drop(keep());
        assert_eq!(files(dir.path()), 0);
        keep().hand_over();
        let bytes = fs::read(&to).unwrap();
        assert_eq!(bytes.get(HEADER..), Some(b"body and rest{}".as_slice()));
        assert_eq!(files(dir.path()), 1);
    }
}
