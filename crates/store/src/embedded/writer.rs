//! The thread that writes: group commit, and what happens when the disk fails.
//!
//! A group is flushed to its segment, committed in one transaction, shown to the
//! index, and only then answered. After a failure nothing of the group was
//! acknowledged, the store takes no mail, and what failed is not tried again as if
//! it were good: bodies go on in a new file that was written and flushed without a
//! fault, rows through a reopened database that was. Settlements are owed: they
//! are kept here and written first once that is so.

mod heal;
mod tidy;

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use gatepost_policy::id::MessageId;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    bodies::Appender,
    chain::Chain,
    core::{Core, locked},
    enqueue::Arrival,
    queue::Departure,
};
use crate::error::{Cause, Certainty, StoreError, Unhealthy};

/// Operations that are committed together, at most.
const GROUP: usize = 256;

/// Bytes of bodies that are flushed together, roughly.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// How often the writer looks after itself and for what other processes did.
const TICK: Duration = Duration::from_millis(50);

pub(super) type Answer = oneshot::Sender<Result<(), StoreError>>;

/// Something to be written.
pub(super) enum Op {
    /// A message comes in.
    Arrive(Box<Arrival>, Answer),
    /// A claim is settled. Without an answer, it is one that was owed.
    Depart(Box<Departure>, Option<Answer>),
    /// Anything else.
    Act(Box<dyn Act>),
}

/// Any write that is neither an arrival nor a departure.
pub(super) trait Act: Send {
    /// Writes rows. It may be run again before one of the runs is committed.
    fn run(&mut self, connection: &Connection, core: &Core) -> Result<(), StoreError>;

    /// It is committed, or it is not.
    fn done(self: Box<Self>, core: &Core, result: Result<(), StoreError>);
}

/// Starts the thread. It ends when the sender is dropped.
pub(super) fn start(
    core: Arc<Core>,
    connection: Connection,
    appender: Appender,
    ops: mpsc::Receiver<Op>,
) -> std::io::Result<JoinHandle<()>> {
    let mut writer = Writer {
        core,
        connection: Some(connection),
        appender,
        owed: Vec::new(),
        doubtful: Vec::new(),
        keeps_files: false,
        data_version: None,
        behind: false,
        since_checkpoint: 0,
        tried: None,
    };
    std::thread::Builder::new().name("store-writer".into()).spawn(move || {
        let mut end = End { core: Arc::clone(&writer.core), orderly: false };
        writer.run(&ops);
        end.orderly = true;
    })
}

/// Makes a panic of the thread known: nothing can be written down any more, so
/// nothing is taken and nothing handed out.
struct End {
    core: Arc<Core>,
    orderly: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.orderly {
            let what = "the thread that writes the store has panicked";
            tracing::error!("{what}; no mail is taken or sent until the next start");
            locked(&self.core.health).database = Some(what.into());
            self.core.changed.notify_one();
        }
    }
}

pub(super) struct Writer {
    core: Arc<Core>,
    connection: Option<Connection>,
    appender: Appender,
    /// Settlements that could not be written yet.
    owed: Vec<Departure>,
    /// Messages of which nobody knows whether they were written, and which nobody
    /// was told are.
    doubtful: Vec<MessageId>,
    /// Nothing is removed until the next start, which reads the rows again: nobody knows
    /// which files they point to.
    keeps_files: bool,
    data_version: Option<i64>,
    /// A batch of what other processes told of was followed, and there is more.
    behind: bool,
    since_checkpoint: usize,
    /// When it was last tried to get well again, on the monotonic clock.
    tried: Option<Duration>,
}

/// Why a group was not committed.
enum Failed {
    /// Something about one of its operations, or another process held the database.
    Group(StoreError),
    /// The database itself.
    Database(StoreError),
}

impl Writer {
    fn run(&mut self, ops: &mpsc::Receiver<Op>) {
        loop {
            let at_once = self.behind && self.connection.is_some();
            match ops.recv_timeout(if at_once { Duration::ZERO } else { TICK }) {
                Ok(first) => {
                    let group = gather(first, ops);
                    self.write(group);
                    self.tidy(false);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.tidy(true),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        self.write(Vec::new());
        for departure in &self.owed {
            tracing::error!(message = %departure.message(), "the outcome of an attempt was never written; the message may be sent again");
        }
        self.connection = None;
        self.core.close();
    }

    /// Flushes, commits and answers a group, with what is owed before it.
    fn write(&mut self, group: Vec<Op>) {
        let begun = self.core.options.clock.monotonic();
        let owed = std::mem::take(&mut self.owed).into_iter();
        let mut all: Vec<Op> =
            owed.map(|departure| Op::Depart(Box::new(departure), None)).collect();
        all.extend(group.into_iter().filter_map(|op| self.still_wanted(op)));
        let (mut ready, blocked) = self.flush_bodies(all);
        if let Some((ops, error)) = blocked {
            self.refuse(ops, &error);
        }
        if ready.is_empty() {
            return;
        }
        let operations = ready.len();
        match self.commit(&mut ready) {
            Ok(()) => {
                let took = self.core.options.clock.monotonic().saturating_sub(begun);
                if let Some(observer) = &self.core.options.observer {
                    observer.committed(operations, took);
                }
                for op in ready {
                    acknowledge(&self.core, op);
                }
            }
            // One of them cannot be written: find out which, each by itself.
            Err(Failed::Group(_)) if operations > 1 => self.write_singly(ready),
            Err(Failed::Group(error)) => self.refuse(ready, &error),
            Err(Failed::Database(error)) => {
                self.database_failed(&error);
                self.refuse(ready, &error);
            }
        }
    }

    /// The operation, unless it is mail whose sender has been told to try again.
    fn still_wanted(&self, op: Op) -> Option<Op> {
        if let Op::Arrive(arrival, answer) = &op
            && answer.is_closed()
        {
            tracing::warn!(message = %arrival.message.id(), "nobody waits for this message to be stored any more; it is dropped");
            arrival.discard(&self.core);
            return None;
        }
        Some(op)
    }

    fn write_singly(&mut self, group: Vec<Op>) {
        let mut group = group.into_iter();
        while let Some(op) = group.next() {
            // The ones before it may have taken long.
            let Some(op) = self.still_wanted(op) else { continue };
            let mut alone = vec![op];
            match self.commit(&mut alone) {
                Ok(()) => alone.into_iter().for_each(|op| acknowledge(&self.core, op)),
                Err(Failed::Group(error)) if is_busy(&error) => {
                    // The others would wait as long, each, for the same process.
                    alone.extend(group.by_ref());
                    self.refuse(alone, &error);
                }
                Err(Failed::Group(error)) => self.refuse(alone, &error),
                Err(Failed::Database(error)) => {
                    self.database_failed(&error);
                    self.refuse(alone, &error);
                }
            }
        }
    }

    /// Writes and flushes the bodies of a group. Gives what can go on, and what
    /// cannot, with the reason.
    fn flush_bodies(&mut self, mut group: Vec<Op>) -> (Vec<Op>, Option<(Vec<Op>, StoreError)>) {
        let mut arrivals: Vec<&mut Arrival> = Vec::new();
        for op in &mut group {
            match op {
                Op::Arrive(arrival, _) => arrivals.push(arrival),
                Op::Depart(departure, _) => arrivals.extend(departure.notices.iter_mut()),
                Op::Act(_) => {}
            }
        }
        arrivals.retain(|arrival| arrival.wants_flush());
        if arrivals.is_empty() {
            return (group, None);
        }
        let Err(error) = append(&self.core, &mut self.appender, arrivals) else {
            return (group, None);
        };
        let (blocked, ready) = group.into_iter().partition(|op| match op {
            Op::Arrive(arrival, _) => arrival.wants_flush(),
            Op::Depart(departure, _) => departure.notices.iter().any(Arrival::wants_flush),
            Op::Act(_) => false,
        });
        (ready, Some((blocked, error)))
    }

    /// Commits the rows of a group.
    fn commit(&mut self, group: &mut [Op]) -> Result<(), Failed> {
        let Some(connection) = &self.connection else {
            let fault = locked(&self.core.health).fault();
            let cause = fault.map_or(Cause::Closed, Cause::Unhealthy);
            return Err(Failed::Group(StoreError::not_applied(cause)));
        };
        connection.execute_batch("BEGIN IMMEDIATE").map_err(sort)?;
        let sealed = self.appender.take_sealed();
        let committed = write_rows(connection, &self.core, group, &sealed).and_then(|()| {
            connection.execute_batch("COMMIT").map_err(|error| match sort(error) {
                Failed::Group(error) => Failed::Group(error),
                // The frames may be in the log, flushed or not.
                Failed::Database(error) => Failed::Database(StoreError::unknown(error.cause)),
            })
        });
        if committed.is_err() {
            self.appender.keep_sealed(sealed);
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::warn!(%error, "a transaction was not rolled back");
            }
        }
        self.since_checkpoint = self.since_checkpoint.saturating_add(group.len());
        committed
    }

    fn refuse(&mut self, ops: Vec<Op>, error: &StoreError) {
        let doubtful = error.certainty == Certainty::Unknown;
        for op in ops {
            match op {
                Op::Arrive(arrival, answer) => {
                    if doubtful {
                        self.doubtful.push(arrival.message.id());
                    } else {
                        arrival.discard(&self.core);
                    }
                    tell(answer, Err(error.clone()));
                }
                Op::Depart(mut departure, answer) => {
                    if doubtful {
                        self.doubtful.extend(departure.notices.iter().map(|n| n.message.id()));
                    }
                    // Written again later, to wherever is good then.
                    departure.notices.iter_mut().for_each(|notice| notice.place = None);
                    if let Some(answer) = answer {
                        tracing::error!(
                            message = %departure.message(), %error, cause = %error.cause,
                            "outcome of an attempt not written yet; nobody gets the message until it is"
                        );
                        tell(answer, Err(error.clone()));
                    }
                    self.owed.push(*departure);
                }
                Op::Act(act) => act.done(&self.core, Err(error.clone())),
            }
        }
    }
}

/// Takes what has gathered, up to a group.
fn gather(first: Op, ops: &mpsc::Receiver<Op>) -> Vec<Op> {
    let mut bytes = weight(&first);
    let mut group = vec![first];
    while group.len() < GROUP
        && bytes < GROUP_BYTES
        && let Ok(op) = ops.try_recv()
    {
        bytes = bytes.saturating_add(weight(&op));
        group.push(op);
    }
    group
}

fn weight(op: &Op) -> usize {
    match op {
        Op::Arrive(arrival, _) => arrival.weight(),
        Op::Depart(departure, _) => departure.notices.iter().map(Arrival::weight).sum(),
        Op::Act(_) => 0,
    }
}

/// Appends records to the segment and flushes it.
fn append(
    core: &Core,
    appender: &mut Appender,
    arrivals: Vec<&mut Arrival>,
) -> Result<(), StoreError> {
    if let Some(what) = locked(&core.health).bodies.clone() {
        return Err(Unhealthy::Fault { what }.into());
    }
    let records: Vec<_> = arrivals.iter().filter_map(|arrival| arrival.record()).collect();
    let appended = appender.append(&records);
    let mut bodies = locked(&core.bodies);
    for (number, length) in appender.newly_sealed() {
        bodies.extent(number, length, true);
    }
    if let Some((number, length)) = appender.extent() {
        bodies.extent(number, length, false);
    }
    drop(bodies);
    match appended {
        Ok(places) => {
            for (arrival, place) in arrivals.into_iter().zip(places) {
                arrival.place = Some(place);
            }
            Ok(())
        }
        Err(error) => {
            core.bodies_failed("writing a body segment", &error);
            Err(error.into())
        }
    }
}

fn write_rows(
    connection: &Connection,
    core: &Core,
    group: &mut [Op],
    sealed: &[(u32, u64)],
) -> Result<(), Failed> {
    for (number, length) in sealed {
        connection
            .prepare_cached("INSERT OR REPLACE INTO segment (number, length) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute((number, super::rows::signed(*length))))
            .map_err(sort)?;
    }
    let mut chain = Chain::new(core.options.clock.as_ref());
    for op in group {
        let written = match op {
            Op::Arrive(arrival, _) => arrival.write(connection),
            Op::Depart(departure, _) => departure.write(connection, core, &mut chain),
            // It may close the day that the chain is at.
            Op::Act(act) => chain.put_down(connection).and_then(|()| act.run(connection, core)),
        };
        written.map_err(sort_written)?;
    }
    chain.put_down(connection).map_err(sort_written)
}

fn sort_written(error: StoreError) -> Failed {
    let fault = matches!(&error.cause, Cause::Database(cause) if is_database_fault(cause));
    if fault { Failed::Database(error) } else { Failed::Group(error) }
}

fn acknowledge(core: &Core, op: Op) {
    match op {
        Op::Arrive(arrival, answer) => {
            arrival.apply(core);
            tell(answer, Ok(()));
        }
        Op::Depart(departure, answer) => {
            departure.apply(core);
            if let Some(answer) = answer {
                tell(answer, Ok(()));
            }
        }
        Op::Act(act) => act.done(core, Ok(())),
    }
}

pub(super) fn tell<T>(answer: oneshot::Sender<T>, what: T) {
    if answer.send(what).is_err() {
        tracing::trace!("nobody waits for the answer of the store any more");
    }
}

/// Whether an error is of the database as such, or of what was asked of it.
fn sort(error: rusqlite::Error) -> Failed {
    if is_database_fault(&error) {
        Failed::Database(StoreError::not_applied(error))
    } else {
        Failed::Group(StoreError::not_applied(error))
    }
}

/// Whether another process held the database for long.
fn is_busy(error: &StoreError) -> bool {
    use rusqlite::ErrorCode;
    matches!(&error.cause, Cause::Database(error) if matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    ))
}

fn is_database_fault(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode;
    // Another process that holds the database for long, a row that is there
    // already, a value that is too large: none of them says anything about the disk.
    error.sqlite_error_code().is_some_and(|code| {
        !matches!(
            code,
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ConstraintViolation
                | ErrorCode::TooBig
                | ErrorCode::TypeMismatch
        )
    })
}
