//! What the thread that writes and everybody else have in common.
//!
//! Locks are held for moments, never across a read or a write, and never two at a
//! time.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use gatepost_policy::document::Profile;
use rusqlite::Connection;
use tokio::sync::{Notify, watch};

use super::{Options, bodies::Bodies, index::Index, rows::StoredCopy, schema};
use crate::{
    accounts::Hasher,
    body::{Turns, blocking},
    claim::{CopyKey, TakeBack},
    disk,
    error::{StoreError, Unhealthy},
};

/// Connections for reading that are kept open.
const IDLE_READERS: usize = 4;

/// Bytes of bodies that are kept at hand for a delivery soon to come.
const AT_HAND: usize = 64 * 1024 * 1024;

/// What is shared within a process.
pub(super) struct Core {
    pub(super) options: Options,
    pub(super) serving: bool,
    pub(super) reserve: u64,
    pub(super) profile: Profile,
    pub(super) index: Mutex<Index>,
    pub(super) fresh: Mutex<Fresh>,
    pub(super) bodies: Mutex<Bodies>,
    pub(super) health: Mutex<Health>,
    pub(super) head: watch::Sender<u64>,
    pub(super) changed: Notify,
    pub(super) hasher: Hasher,
    /// At the files of large bodies.
    pub(super) turns: Turns,
    /// Copies came back without a settlement: something may be ordered about them.
    pub(super) came_back: AtomicBool,
    paths: Paths,
    readers: Mutex<Vec<Connection>>,
    /// Held as long as the store is open.
    lock: Mutex<Option<File>>,
}

/// Where things are.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    dir: PathBuf,
}

impl Paths {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("gatepost.db")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub(super) fn bodies(&self) -> PathBuf {
        self.dir.join("bodies")
    }

    /// Large bodies that are being received.
    pub(super) fn incoming(&self) -> PathBuf {
        self.dir.join("incoming")
    }
}

/// What is wrong, if something is.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) bodies: Option<String>,
    pub(super) database: Option<String>,
}

impl Health {
    /// Why no mail is taken.
    pub(super) fn fault(&self) -> Option<Unhealthy> {
        let what = self.database.as_ref().or(self.bodies.as_ref())?;
        Some(Unhealthy::Fault { what: what.clone() })
    }
}

/// Copies that came in a moment ago, whose delivery then needs to read nothing.
/// When it is full, later ones are read from disk: the oldest are sent first.
#[derive(Default)]
pub(super) struct Fresh {
    copies: HashMap<CopyKey, (StoredCopy, Bytes)>,
    bytes: usize,
}

impl Fresh {
    /// What a copy takes beside its body, roughly.
    const OVERHEAD: usize = 1024;

    pub(super) fn keep(&mut self, key: CopyKey, copy: StoredCopy, body: Bytes) {
        let cost = body.len().saturating_add(Self::OVERHEAD);
        if self.bytes.saturating_add(cost) <= AT_HAND {
            self.bytes = self.bytes.saturating_add(cost);
            self.copies.insert(key, (copy, body));
        }
    }

    pub(super) fn take(&mut self, key: &CopyKey) -> Option<(StoredCopy, Bytes)> {
        let found = self.copies.remove(key)?;
        self.bytes = self.bytes.saturating_sub(found.1.len().saturating_add(Self::OVERHEAD));
        Some(found)
    }
}

/// What a [`Core`] is made of when a store has been opened.
pub(super) struct Parts {
    pub(super) paths: Paths,
    pub(super) lock: Option<File>,
    pub(super) reserve: u64,
    pub(super) profile: Profile,
    pub(super) index: Index,
    pub(super) bodies: Bodies,
    pub(super) head: u64,
}

impl Core {
    pub(super) fn new(options: Options, parts: Parts) -> Self {
        let Parts { paths, lock, reserve, profile, index, bodies, head } = parts;
        let hasher = Hasher::new(options.password_cost);
        Self {
            options,
            serving: lock.is_some(),
            reserve,
            profile,
            index: Mutex::new(index),
            fresh: Mutex::default(),
            bodies: Mutex::new(bodies),
            health: Mutex::default(),
            head: watch::Sender::new(head),
            changed: Notify::new(),
            hasher,
            turns: Turns::new(),
            came_back: AtomicBool::new(false),
            paths,
            readers: Mutex::default(),
            lock: Mutex::new(lock),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        self.paths.dir()
    }

    pub(super) const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Whether a message of `size` bytes can be taken at present.
    pub(super) fn accepting(&self, size: u64) -> Result<(), Unhealthy> {
        if let Some(fault) = locked(&self.health).fault() {
            return Err(fault);
        }
        match disk::below_reserve(self.dir(), self.reserve, size) {
            Ok(None) => Ok(()),
            Ok(Some(low)) => Err(low),
            Err(error) => Err(Unhealthy::Fault { what: format!("free space is unknown: {error}") }),
        }
    }

    /// Records that bodies can no longer be written or flushed.
    pub(super) fn bodies_failed(&self, doing: &str, error: &std::io::Error) {
        tracing::error!(doing, %error, "body files failed, no mail is taken until a new one can be written and flushed");
        locked(&self.health).bodies = Some(format!("{doing} failed: {error}"));
    }

    /// Runs a read where it holds up nobody.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let core = Arc::clone(self);
        blocking(move || core.read_now(work)).await?
    }

    /// Runs a read at once, on a connection of its own.
    pub(super) fn read_now<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = locked(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::connect(&self.paths.database())?,
        };
        let result = work(&connection)?;
        // One that has failed is not used again.
        let mut readers = locked(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        Ok(result)
    }

    /// Looks which revision of the policy holds.
    pub(super) fn see_head(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let head = super::settings::head(connection)?;
        self.head.send_if_modified(|known| std::mem::replace(known, head) != head);
        Ok(())
    }

    /// Lets go of the files and of the lock.
    pub(super) fn close(&self) {
        self.close_readers();
        drop(locked(&self.lock).take());
    }

    /// Closes idle connections, so that the database can be opened anew.
    pub(super) fn close_readers(&self) {
        let readers = std::mem::take(&mut *locked(&self.readers));
        drop(readers);
    }
}

impl TakeBack for Core {
    fn take_back(&self, key: CopyKey) {
        locked(&self.index).take_back(key);
        self.came_back.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }
}

/// The owner that a claim gives itself back to.
pub(super) fn owner(core: &Arc<Core>) -> Weak<dyn TakeBack> {
    let weak: Weak<Core> = Arc::downgrade(core);
    weak
}

/// Takes a lock. What it guards is made valid before each is let go, so that a
/// panic elsewhere does not make it unusable.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
