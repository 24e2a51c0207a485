//! The delivery engine: staffs every lane that has mail due with workers.
//!
//! A worker owns at most one session and pulls the next message of its lane
//! itself, so a session only ever carries mail of one destination with one set of
//! demands, and the gate is asked again for each message. A session is given up
//! when the policy or the settings change, since it was opened under the old ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatepost_store::{Lane, Ready};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{parts::Parts, worker};

/// The delivery engine.
pub struct Engine {
    pub(crate) parts: Parts,
    payroll: Mutex<Payroll>,
    /// A worker ended, so that a lane may be short of one.
    vacancy: Notify,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Every worker there is.
#[derive(Default)]
struct Payroll {
    lanes: HashMap<Lane, Staff>,
    /// The workers of all lanes together.
    workers: usize,
}

/// The workers of a lane.
#[derive(Default)]
struct Staff {
    workers: usize,
    /// Workers that hold an idle session and wait for mail.
    waiting: usize,
    bell: Arc<Notify>,
}

/// Messages that one worker should find waiting before another is added.
const PER_WORKER: usize = 4;
/// How long the engine looks away when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

impl Engine {
    /// An engine whose workers run on `tracker` until `stop` is cancelled.
    pub fn new(parts: Parts, tracker: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { parts, payroll: Mutex::default(), vacancy: Notify::new(), tracker, stop })
    }

    /// Runs until stopped. Attempts in hand are finished by their workers, which the
    /// tracker knows.
    pub async fn run(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let now = self.parts.clock.now();
            for ready in self.parts.dispatch.ready(now) {
                self.staff(&ready);
            }
            let next = self.parts.dispatch.next_due(now);
            let wake = next.unwrap_or_else(|| now.plus(IDLE));
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.parts.dispatch.changed() => {}
                () = self.vacancy.notified() => {}
                () = self.parts.clock.sleep_until(wake) => {}
            }
        }
    }

    /// Brings a lane's workers up to what its mail deserves.
    fn staff(self: &Arc<Self>, ready: &Ready) {
        let limits = self.parts.settings.load().limits;
        let wanted = ready.count.div_ceil(PER_WORKER).min(limits.per_site.max(1));
        let mut payroll = self.payroll();
        let Payroll { lanes, workers } = &mut *payroll;
        let staff = lanes.entry(ready.lane.clone()).or_default();
        for _ in 0..staff.waiting.min(ready.count) {
            staff.bell.notify_one();
        }
        while staff.workers < wanted && *workers < limits.connections.max(1) {
            staff.workers += 1;
            *workers += 1;
            self.hire(ready.lane.clone());
        }
        if staff.workers == 0 {
            lanes.remove(&ready.lane);
        }
    }

    fn payroll(&self) -> MutexGuard<'_, Payroll> {
        self.payroll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker. One that panics has given its claim back, which is due at once:
    /// its place stays taken for a moment, so that a message which panics every time
    /// costs little and stops nobody else's.
    fn hire(self: &Arc<Self>, lane: Lane) {
        let engine = Arc::clone(self);
        self.tracker.spawn(async move {
            let desk = Desk { engine: Arc::clone(&engine), lane: lane.clone() };
            let work = {
                let (engine, lane) = (Arc::clone(&engine), lane.clone());
                async move { worker::run(&engine, &lane).await }
            };
            if let Err(error) = engine.tracker.spawn(work).await {
                tracing::error!(?lane, %error, "a worker failed; its message is tried again");
                worker::pause(&engine).await;
            }
            drop(desk);
        });
    }

    /// Waits for mail in a lane, with an idle session. `false`: close the session.
    pub(crate) async fn wait_for_mail(&self, lane: &Lane, patience: Duration) -> bool {
        let bell = {
            let mut payroll = self.payroll();
            let staff = payroll.lanes.entry(lane.clone()).or_default();
            staff.waiting += 1;
            Arc::clone(&staff.bell)
        };
        // Mail that came after this worker had found none rang no bell: the engine looks again.
        self.vacancy.notify_one();
        let rang = tokio::select! {
            () = bell.notified() => true,
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(patience) => false,
        };
        if let Some(staff) = self.payroll().lanes.get_mut(lane) {
            staff.waiting = staff.waiting.saturating_sub(1);
        }
        rang
    }

    fn leave(&self, lane: &Lane) {
        let mut payroll = self.payroll();
        payroll.workers = payroll.workers.saturating_sub(1);
        if let Some(staff) = payroll.lanes.get_mut(lane) {
            staff.workers = staff.workers.saturating_sub(1);
            if staff.workers == 0 {
                payroll.lanes.remove(lane);
            }
        }
        drop(payroll);
        self.vacancy.notify_one();
    }
}

/// A worker's place in a lane. Dropped, also by a panic, it frees the place.
struct Desk {
    engine: Arc<Engine>,
    lane: Lane,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.engine.leave(&self.lane);
    }
}
