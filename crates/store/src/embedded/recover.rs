//! Opening a store: the lock, the tables, and what a process that died left behind.
//!
//! Sealed segments have a row and are believed; of the others, the record of every
//! row is checked. A record without a row was never acknowledged and goes. A row
//! whose record is damaged is kept, reported and never sent, until a later start
//! finds the record whole. A file that cannot be read is no damage: the store does
//! not open before it can.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
};

use gatepost_policy::{document::Profile, id::MessageId};
use rusqlite::Connection;

use super::{
    Mode, OpenError, Options,
    bodies::{self, Appender, Bodies, Named, OWN_FILE, Place},
    core::{Core, Parts, Paths, locked},
    index::Index,
    orders, queue, rows, schema, settings,
};
use crate::{
    disk,
    error::{Cause, StoreError},
    segment::{self, Check},
};

/// A store that was opened, before its thread runs.
pub(super) struct Opened {
    pub(super) core: Core,
    pub(super) connection: Connection,
    pub(super) appender: Appender,
}

pub(super) fn open(dir: &Path, options: Options, mode: Mode) -> Result<Opened, OpenError> {
    let paths = Paths::new(dir);
    for path in [dir, &paths.bodies(), &paths.incoming()] {
        disk::make_dir(path).map_err(file(path))?;
    }
    let lock = match mode {
        Mode::Serve => Some(lock(&paths)?),
        Mode::Tool => None,
    };
    let reserve = disk::reserve(dir, options.disk_reserve).map_err(file(dir))?;
    // SQLite makes its other files with the permissions of the first.
    disk::private().create(true).open(paths.database()).map_err(file(&paths.database()))?;
    let connection = schema::open(&paths.database(), options.profile, options.clock.now())?;
    disk::flush_dir(dir).map_err(file(dir))?;
    let profile = profile(&connection)?;
    let head = settings::head(&connection).map_err(StoreError::from)?;
    let mut parts = Parts {
        paths: paths.clone(),
        lock,
        reserve,
        profile,
        index: Index::default(),
        bodies: Bodies::default(),
        head,
    };
    let mut next = 1;
    let mut damaged = Vec::new();
    if mode == Mode::Serve {
        schema::own_checkpoints(&connection).map_err(StoreError::from)?;
        // What other processes did is in the rows that are about to be read.
        connection.execute("DELETE FROM change", []).map_err(StoreError::from)?;
        orders::catch_up(&connection, options.clock.now())?;
        (next, damaged) = recover_bodies(&connection, &paths, &mut parts.bodies)?;
    }
    let appender = Appender::new(paths.bodies(), options.segment_size, next);
    let core = Core::new(options, parts);
    for message in damaged {
        tracing::error!(%message, "the stored body is damaged; the message is kept and not sent");
        queue::hold_damaged(&connection, &core, message)?;
    }
    if mode == Mode::Serve {
        free_readable(&connection, &core)?;
        let mut index = locked(&core.index);
        rows::load_entries(&connection, None)?.into_iter().for_each(|entry| index.insert(entry));
    }
    Ok(Opened { core, connection, appender })
}

/// Takes the lock, and writes into it who holds it.
fn lock(paths: &Paths) -> Result<File, OpenError> {
    let path = paths.lock();
    let mut lock =
        disk::private().read(true).create(true).truncate(false).open(&path).map_err(file(&path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).map_err(file(&path))?;
            let pid = holder.trim().parse().ok();
            return Err(OpenError::Locked { dir: paths.dir().to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(file(&path)(error)),
    }
    let written = lock
        .set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(lock, "{}", std::process::id()));
    written.map_err(file(&path))?;
    Ok(lock)
}

fn profile(connection: &Connection) -> Result<Profile, StoreError> {
    let profile = schema::meta(connection, "profile")?.unwrap_or_default();
    Ok(serde_json::from_str(&profile)?)
}

/// Finds the bodies that are needed, checks those of unsealed segments, and
/// removes what nobody needs. Gives the number for the next segment, and the
/// messages whose body is damaged.
fn recover_bodies(
    connection: &Connection,
    paths: &Paths,
    found: &mut Bodies,
) -> Result<(u32, Vec<MessageId>), OpenError> {
    let dir = paths.bodies();
    let sealed = sealed(connection)?;
    let files = files(&dir)?;
    load_bodies(connection, found)?;
    let mut damaged = Vec::new();
    let mut open_files: HashMap<u32, Option<File>> = HashMap::new();
    for (message, place) in found.live() {
        let there = if place.segment == OWN_FILE {
            files.own.contains_key(&message)
        } else {
            files.segments.contains_key(&place.segment)
        };
        let believed = place.segment == OWN_FILE || sealed.contains_key(&place.segment);
        if there && believed {
            continue;
        }
        let path = place.path(&dir, message);
        let opened = match open_files.entry(place.segment) {
            Entry::Occupied(opened) => opened.into_mut(),
            Entry::Vacant(free) => free.insert(open_if_there(&path).map_err(file(&path))?),
        };
        let good = match opened {
            Some(opened) if there => is_good(opened, message, place).map_err(file(&path))?,
            Some(_) | None => false,
        };
        if !good {
            damaged.push(message);
        }
    }
    let mut next = 1;
    for (number, length) in &files.segments {
        next = next.max(number.saturating_add(1));
        found.extent(*number, *length, true);
        if !sealed.contains_key(number) {
            connection
                .execute(
                    "INSERT OR REPLACE INTO segment (number, length) VALUES (?1, ?2)",
                    (number, rows::signed(*length)),
                )
                .map_err(StoreError::from)?;
        }
    }
    forget_segments(connection, &sealed, &files)?;
    remove_orphans(&dir, paths, found, &files)?;
    Ok((next, damaged))
}

/// Removes the rows of segments that are gone: a new segment may get the number,
/// and must not be believed because of an old row.
fn forget_segments(
    connection: &Connection,
    sealed: &HashMap<u32, u64>,
    files: &Files,
) -> Result<(), StoreError> {
    for number in sealed.keys().filter(|number| !files.segments.contains_key(number)) {
        connection.execute("DELETE FROM segment WHERE number = ?1", [number])?;
    }
    Ok(())
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_good(opened: &File, message: MessageId, place: Place) -> io::Result<bool> {
    Ok(matches!(segment::check(opened, place.expected(message))?, Check::Good(_)))
}

/// Lets copies go that were held and whose row and record read well by now.
fn free_readable(connection: &Connection, core: &Core) -> Result<(), StoreError> {
    let dir = core.paths().bodies();
    for key in rows::held_copies(connection)? {
        let message = key.message;
        let Some(place) = locked(&core.bodies).place(message) else { continue };
        match rows::load_copy(connection, key) {
            Ok(Some(_)) => {}
            Ok(None) | Err(StoreError { cause: Cause::Record(_), .. }) => continue,
            Err(error) => return Err(error),
        }
        let good = open_if_there(&place.path(&dir, message))
            .and_then(|opened| opened.map_or(Ok(false), |opened| is_good(&opened, message, place)));
        match good {
            Ok(true) => queue::free(connection, core, key)?,
            Ok(false) => {}
            // It is held already, and stays so.
            Err(error) => tracing::warn!(%message, %error, "held body cannot be read"),
        }
    }
    Ok(())
}

fn load_bodies(connection: &Connection, found: &mut Bodies) -> Result<(), StoreError> {
    let mut statement = connection.prepare(
        "SELECT m.id, m.segment, m.position, m.record, needed.count
         FROM (SELECT message, count(*) AS count FROM
                  (SELECT message FROM copy UNION ALL SELECT message FROM quarantine)
               GROUP BY message) AS needed
         JOIN message m ON m.id = needed.message
         WHERE m.segment IS NOT NULL",
    )?;
    let mut rows_found = statement.query([])?;
    while let Some(row) = rows_found.next()? {
        found.add(rows::message_id(row, 0)?, rows::place(row, 1)?, row.get(4)?);
    }
    Ok(())
}

fn sealed(connection: &Connection) -> Result<HashMap<u32, u64>, StoreError> {
    let mut statement = connection.prepare("SELECT number, length FROM segment")?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, rows::unsigned(row.get(1)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The files in the directory of bodies.
#[derive(Default)]
struct Files {
    segments: HashMap<u32, u64>,
    own: HashMap<MessageId, u64>,
}

fn files(dir: &Path) -> Result<Files, OpenError> {
    let mut files = Files::default();
    for entry in fs::read_dir(dir).map_err(file(dir))? {
        let entry = entry.map_err(file(dir))?;
        let length = entry.metadata().map_err(file(&entry.path()))?.len();
        let name = entry.file_name();
        match name.to_str().and_then(bodies::parse_name) {
            Some(Named::Segment(number)) => {
                files.segments.insert(number, length);
            }
            Some(Named::Own(message)) => {
                files.own.insert(message, length);
            }
            // Not ours: it stays.
            None => tracing::warn!(path = %entry.path().display(), "unknown file among the bodies"),
        }
    }
    Ok(files)
}

/// Removes large bodies without a row, segments without a needed record, and
/// bodies that were being received.
fn remove_orphans(
    dir: &Path,
    paths: &Paths,
    found: &mut Bodies,
    files: &Files,
) -> Result<(), OpenError> {
    let mut orphans = found.take_unneeded(dir);
    let own = files.own.keys().filter(|message| found.place(**message).is_none());
    orphans.extend(own.map(|message| bodies::own_path(dir, *message)));
    let incoming = paths.incoming();
    for entry in fs::read_dir(&incoming).map_err(file(&incoming))? {
        orphans.push(entry.map_err(file(&incoming))?.path());
    }
    for orphan in orphans {
        match fs::remove_file(&orphan) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file(&orphan)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn file(path: &Path) -> impl Fn(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::File { path: path.clone(), source }
}
