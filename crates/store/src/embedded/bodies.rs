//! Body segments: where each body is, which are still needed, and the files.
//!
//! A segment is appended to by this process alone and never across a restart. A
//! file goes once no row needs a body in it; one that is nearly empty is emptied
//! by copying forward what is left. After a write or flush that failed, a segment
//! is never used again for writing.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use gatepost_policy::id::MessageId;

use crate::{
    disk,
    segment::{self, Check, Expected, HEADER, Header},
};

/// What a segment begins with. Writing and flushing it proves that the disk takes
/// writes.
const PREAMBLE: [u8; 16] = *b"gatepost segm 1\n";

/// The number that means a file of its own.
pub(super) const OWN_FILE: u32 = 0;

/// Where the record of a body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The segment, or [`OWN_FILE`].
    pub(super) segment: u32,
    /// Where in it.
    pub(super) at: u64,
    /// Bytes of the whole record.
    pub(super) record: u64,
}

impl Place {
    /// The file that it is in.
    pub(super) fn path(&self, dir: &Path, message: MessageId) -> PathBuf {
        if self.segment == OWN_FILE {
            own_path(dir, message)
        } else {
            segment_path(dir, self.segment)
        }
    }

    pub(super) const fn expected(&self, message: MessageId) -> Expected {
        Expected { message, at: self.at, record: self.record }
    }
}

/// The file of a large body.
pub(super) fn own_path(dir: &Path, message: MessageId) -> PathBuf {
    dir.join(format!("{message}.body"))
}

/// The file of a segment.
pub(super) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:010}.segment"))
}

/// What a file in the directory of bodies is.
pub(super) enum Named {
    Segment(u32),
    Own(MessageId),
}

/// Reads a file's name.
pub(super) fn parse_name(name: &str) -> Option<Named> {
    if let Some(number) = name.strip_suffix(".segment") {
        return number.parse().ok().map(Named::Segment);
    }
    name.strip_suffix(".body").and_then(|id| id.parse().ok()).map(Named::Own)
}

/// Which bodies are needed, and where they are.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    live: HashMap<MessageId, Live>,
    segments: BTreeMap<u32, Segment>,
    dead: Vec<(MessageId, Place)>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    place: Place,
    references: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    length: u64,
    live: u64,
    sealed: bool,
    left_alone: bool,
}

impl Bodies {
    /// Adds a body that `references` rows need.
    pub(super) fn add(&mut self, message: MessageId, place: Place, references: u32) {
        if references == 0 {
            self.dead.push((message, place));
            return;
        }
        self.live.insert(message, Live { place, references });
        if place.segment != OWN_FILE {
            let segment = self.segments.entry(place.segment).or_default();
            segment.live = segment.live.saturating_add(place.record);
        }
    }

    /// A message was not stored: if there is a file of its own for it, it goes.
    pub(super) fn not_needed(&mut self, message: MessageId) {
        self.dead.push((message, Place { segment: OWN_FILE, at: 0, record: 0 }));
    }

    /// One row less needs the body.
    pub(super) fn drop_reference(&mut self, message: MessageId) {
        let left = self.live.get(&message).map(|live| live.references.saturating_sub(1));
        if let Some(left) = left {
            self.set_references(message, left);
        }
    }

    /// So many rows need the body.
    pub(super) fn set_references(&mut self, message: MessageId, references: u32) {
        if references > 0 {
            if let Some(live) = self.live.get_mut(&message) {
                live.references = references;
            }
        } else if let Some(live) = self.live.remove(&message) {
            self.less(live.place);
            self.dead.push((message, live.place));
        }
    }

    /// Where a needed body is.
    pub(super) fn place(&self, message: MessageId) -> Option<Place> {
        self.live.get(&message).map(|live| live.place)
    }

    /// A body was copied to another place.
    pub(super) fn moved(&mut self, message: MessageId, to: Place) {
        if let Some(live) = self.live.get_mut(&message) {
            let (from, references) = (live.place, live.references);
            self.less(from);
            self.add(message, to, references);
        }
    }

    /// A segment has this length; nothing is added to a sealed one.
    pub(super) fn extent(&mut self, number: u32, length: u64, sealed: bool) {
        let segment = self.segments.entry(number).or_default();
        segment.length = length;
        segment.sealed = sealed;
    }

    /// Files that nobody needs any more: of large bodies, and of sealed segments.
    pub(super) fn take_unneeded(&mut self, dir: &Path) -> Vec<PathBuf> {
        let own = std::mem::take(&mut self.dead).into_iter();
        // The id of a message that was refused may be that of one that is needed.
        let needed = |id: &MessageId| self.place(*id).is_some_and(|at| at.segment == OWN_FILE);
        let own = own.filter(|(id, place)| place.segment == OWN_FILE && !needed(id));
        let mut files: Vec<_> = own.map(|(id, _)| own_path(dir, id)).collect();
        let empty = |segment: &Segment| segment.sealed && segment.live == 0;
        let gone: Vec<u32> =
            self.segments.iter().filter(|(_, s)| empty(s)).map(|(number, _)| *number).collect();
        for number in gone {
            self.segments.remove(&number);
            files.push(segment_path(dir, number));
        }
        files
    }

    /// A sealed segment of which less than a quarter is needed, with what is.
    pub(super) fn sparse(&self) -> Option<(u32, Vec<(MessageId, Place)>)> {
        let sparse = |s: &Segment| s.sealed && !s.left_alone && s.live > 0 && s.live < s.length / 4;
        let (number, _) = self.segments.iter().find(|(_, segment)| sparse(segment))?;
        let in_it = self.live.iter().filter(|(_, live)| live.place.segment == *number);
        Some((*number, in_it.map(|(id, live)| (*id, live.place)).collect()))
    }

    /// A segment could not be emptied, and stays as it is until the next start.
    pub(super) fn leave_alone(&mut self, number: u32) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.left_alone = true;
        }
    }

    /// Every needed body with its place.
    pub(super) fn live(&self) -> impl Iterator<Item = (MessageId, Place)> {
        self.live.iter().map(|(id, live)| (*id, live.place))
    }

    fn less(&mut self, place: Place) {
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.live = segment.live.saturating_sub(place.record);
        }
    }
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Appender {
    dir: PathBuf,
    size: u64,
    open: Option<Open>,
    next: u32,
    sealed: Vec<(u32, u64)>,
}

#[derive(Debug)]
struct Open {
    number: u32,
    file: File,
    length: u64,
}

impl Appender {
    /// Writes into `dir` from segment `next` on, each up to `size` bytes.
    pub(super) const fn new(dir: PathBuf, size: u64, next: u32) -> Self {
        Self { dir, size, open: None, next, sealed: Vec::new() }
    }

    /// Writes records to the end and flushes them. Gives where each one is.
    ///
    /// # Errors
    /// Then none of them is there, and the segment is not written to again.
    pub(super) fn append(&mut self, records: &[(Header, &[u8], &[u8])]) -> io::Result<Vec<Place>> {
        if self.open.as_ref().is_some_and(|open| open.length >= self.size) {
            self.seal();
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.create()?,
        };
        let mut places = Vec::with_capacity(records.len());
        let mut bytes = Vec::new();
        let mut at = open.length;
        for (header, body, envelope) in records {
            segment::encode(header, body, envelope, &mut bytes);
            places.push(Place { segment: open.number, at, record: header.record() });
            at = at.saturating_add(header.record());
        }
        match open.file.write_all(&bytes).and_then(|()| open.file.sync_data()) {
            Ok(()) => {
                open.length = at;
                self.open = Some(open);
                Ok(places)
            }
            Err(error) => {
                // What the kernel still holds of it may be lost without a word
                // later; nothing in it is counted on beyond this length.
                self.sealed.push((open.number, open.length));
                Err(error)
            }
        }
    }

    /// Shows that a new file can be made, written and flushed.
    pub(super) fn prove(&mut self) -> io::Result<()> {
        self.seal();
        let open = self.create()?;
        self.open = Some(open);
        Ok(())
    }

    /// The open segment and its length.
    pub(super) fn extent(&self) -> Option<(u32, u64)> {
        self.open.as_ref().map(|open| (open.number, open.length))
    }

    /// Segments that were sealed and have no row yet, with their lengths.
    pub(super) fn take_sealed(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.sealed)
    }

    /// Their rows were not written after all.
    pub(super) fn keep_sealed(&mut self, sealed: Vec<(u32, u64)>) {
        self.sealed.extend(sealed);
    }

    /// Segments that are sealed and have no row yet.
    pub(super) fn newly_sealed(&self) -> impl Iterator<Item = (u32, u64)> {
        self.sealed.iter().copied()
    }

    fn seal(&mut self) {
        self.sealed.extend(self.open.take().map(|open| (open.number, open.length)));
    }

    fn create(&mut self) -> io::Result<Open> {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let path = segment_path(&self.dir, number);
        let mut file = disk::private().create_new(true).open(&path)?;
        let begun = file.write_all(&PREAMBLE).and_then(|()| file.sync_data());
        if let Err(error) = begun.and_then(|()| disk::flush_dir(&self.dir)) {
            self.sealed.push((number, 0));
            return Err(error);
        }
        let length = u64::try_from(PREAMBLE.len()).unwrap_or(0);
        Ok(Open { number, file, length })
    }
}

/// A body that was read: its bytes, or a file in which it stands.
pub(super) enum Found {
    Bytes(Vec<u8>),
    File { file: File, at: u64, length: u64 },
    Damaged,
}

/// Reads and checks the body at a place. That of a large one is checked in pieces
/// and left in its file.
///
/// # Errors
/// When the file cannot be read; `NotFound` where it is no longer there.
pub(super) fn read(dir: &Path, message: MessageId, place: Place) -> io::Result<Found> {
    let file = File::open(place.path(dir, message))?;
    let expected = place.expected(message);
    if place.segment == OWN_FILE {
        return Ok(match segment::check(&file, expected)? {
            Check::Good(header) => {
                let at = place.at.saturating_add(u64::try_from(HEADER).unwrap_or(0));
                Found::File { file, at, length: header.body }
            }
            Check::Damaged => Found::Damaged,
        });
    }
    Ok(segment::read(&file, expected)?.map_or(Found::Damaged, |(header, mut rest)| {
        rest.truncate(usize::try_from(header.body).unwrap_or(usize::MAX));
        Found::Bytes(rest)
    }))
}
