//! The store of a single machine: SQLite for everything that is searched,
//! append-only segment files for bodies.
//!
//! One thread writes. It takes what has gathered, flushes the bodies, commits the
//! rows of all of it in one transaction, and only then answers each of those who
//! wait. Claims are in memory, under the lock that a serving process holds: a
//! crash gives all of them back. Other processes open the same database for rows
//! only and announce what they did; the serving one looks for that every 50 ms.

mod accounts;
mod audit;
mod bodies;
mod browse;
mod chain;
mod changes;
mod core;
mod dispatch;
mod enqueue;
mod evidence;
mod index;
mod inspect;
mod journal;
mod ledger;
mod orders;
mod prepare;
mod probes;
mod prune;
mod quarantine;
mod queue;
mod recover;
mod rows;
mod rulebook;
mod schema;
mod settings;
mod sums;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use gatepost_policy::document::Profile;

use self::{
    core::{Core, locked},
    writer::Op,
};
use crate::{
    accounts::PasswordCost,
    body::blocking,
    clock::Clock,
    error::{Cause, StoreError},
};

/// What a store is opened with.
#[derive(Clone)]
pub struct Options {
    /// What a new store starts with; one that exists keeps its own.
    pub profile: Profile,
    /// Bytes of the disk that stay free; `None` for a twentieth of it, at most 256 MiB.
    pub disk_reserve: Option<u64>,
    /// When a body segment is full.
    pub segment_size: u64,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
    /// Is told of each commit.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Options {
    /// The usual: segments of 64 MiB, the reserve by the disk's size, passwords hashed in
    /// earnest, no observer.
    pub fn new(profile: Profile, clock: Arc<dyn Clock>) -> Self {
        Self {
            profile,
            disk_reserve: None,
            segment_size: 64 * 1024 * 1024,
            clock,
            password_cost: PasswordCost::STANDARD,
            observer: None,
        }
    }

    /// With hashes of passwords that cost next to nothing. For tests alone.
    #[must_use]
    pub fn with_cheap_passwords(self) -> Self {
        Self { password_cost: PasswordCost::TESTS, ..self }
    }
}

/// Is told of each commit, for metrics.
pub trait Observer: Send + Sync {
    /// `operations` were committed together, and it took that long.
    fn committed(&self, operations: usize, took: Duration);
}

/// As what a process opens the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// As the gateway: takes the lock, takes and hands out mail.
    Serve,
    /// Beside a gateway or without one: rows only, no lock.
    Tool,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process serves from it.
    #[error("{} is in use by {}", .dir.display(), match .pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    })]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process that holds the lock.
        pid: Option<u32>,
    },
    /// It was written by a newer version.
    #[error("the store has format {found}, and this version knows formats up to {known}")]
    TooNew {
        /// The format of the store.
        found: i64,
        /// The newest format that this version knows.
        known: i64,
    },
    /// A file or directory cannot be used.
    #[error("{} cannot be used", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database or a record in it cannot be used.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
}

/// An open store. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Embedded {
    core: Arc<Core>,
    writer: Arc<Writer>,
}

/// The way to the thread that writes. When the last handle is dropped, the thread
/// finishes what it was given, and is waited for.
struct Writer {
    ops: Mutex<Option<mpsc::Sender<Op>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Whether there is a store in `dir`. Asking makes none.
pub fn exists(dir: &Path) -> bool {
    core::Paths::new(dir).database().exists()
}

/// Opens the store in `dir`, and makes it if it is not there.
///
/// # Errors
/// [`OpenError::Locked`] if another process serves from it; any other if it cannot be used.
pub async fn open(dir: &Path, options: Options, mode: Mode) -> Result<Embedded, OpenError> {
    let mut tries = LOCK_TRIES;
    loop {
        let (dir, options) = (dir.to_owned(), options.clone());
        match blocking(move || open_now(&dir, options, mode)).await? {
            // A tool holds it for the moment of one transaction.
            Err(OpenError::Locked { .. }) if tries > 0 => {
                tries -= 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// How often, and how long apart, a lock that somebody holds is tried again.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

fn open_now(dir: &Path, options: Options, mode: Mode) -> Result<Embedded, OpenError> {
    let opened = recover::open(dir, options, mode)?;
    let core = Arc::new(opened.core);
    let (sender, receiver) = mpsc::channel();
    let thread = writer::start(Arc::clone(&core), opened.connection, opened.appender, receiver)
        .map_err(|source| OpenError::File { path: dir.to_owned(), source })?;
    let writer = Writer { ops: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) };
    Ok(Embedded { core, writer: Arc::new(writer) })
}

impl Embedded {
    /// Finishes what was asked for, and closes the store. Later calls fail.
    pub async fn close(&self) {
        let writer = Arc::clone(&self.writer);
        // An error means that the runtime is going down, and then dropping does it.
        if blocking(move || writer.finish()).await.is_err() {
            tracing::debug!("the store is closed by being dropped");
        }
    }

    /// Bytes of the disk that are free where the store lives; `None` where the system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        crate::disk::free(self.core.dir())
    }

    /// The directory that the store lives in.
    pub fn dir(&self) -> &Path {
        self.core.dir()
    }

    fn send(&self, op: Op) -> Result<(), StoreError> {
        let closed = || StoreError::not_applied(Cause::Closed);
        let sender = locked(&self.writer.ops).clone().ok_or_else(closed)?;
        sender.send(op).map_err(|_| closed())
    }
}

impl Writer {
    fn finish(&self) {
        drop(locked(&self.ops).take());
        let thread = locked(&self.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the store has panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}
