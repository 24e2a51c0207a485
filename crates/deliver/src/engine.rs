//! The delivery engine: staffs every lane that has mail due with workers.
//!
//! A worker owns at most one session and pulls the next message of its lane itself;
//! a session without mail waits in the pool for whoever may use it. A lane whose
//! hosts have not answered yet has one worker, so that neither a thousand messages
//! nor silence costs more than a probe. A session is given up when the policy or the
//! settings change, since it was opened under the old ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatepost_net::tls::Connector;
use gatepost_policy::{
    evidence::{Attempt, Stage},
    snapshot::Snapshot,
    tls::{NextHop, Requirement},
};
use gatepost_store::{Lane, Ready};
use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    backoff::{self, Backoff, Failed},
    broken_tls::BrokenTls,
    faults::{Faults, Hand},
    luck,
    parts::Parts,
    pool::{Moment, Pool, Unfit},
    session::{Live, Place},
    settings::DeliverySettings,
    worker,
};

/// The delivery engine.
pub struct Engine {
    pub(crate) parts: Parts,
    payroll: Mutex<Payroll>,
    /// A worker ended, or a lane was found to work, so that a lane may be short of one.
    vacancy: Notify,
    /// The terms that hold, as they were seen last.
    terms: Mutex<Option<Terms>>,
    pub(crate) pool: Pool,
    pub(crate) broken_tls: BrokenTls,
    pub(crate) backoff: Backoff,
    pub(crate) faults: Faults,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// What an attempt is made under. As long as all of it is the same, so is the epoch.
#[derive(Clone)]
pub(crate) struct Terms {
    pub snapshot: Arc<Snapshot>,
    pub settings: Arc<DeliverySettings>,
    pub connector: Arc<Connector>,
    pub epoch: u64,
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
    /// Workers that had a session and wait for mail.
    waiting: usize,
    /// A host was reached since the lane was last empty or failed.
    works: bool,
    /// When one was reached or took a message last.
    worked_at: Option<Timestamp>,
    /// The most connections that the hosts take at once, as far as that was learned.
    at_most: Option<usize>,
    bell: Arc<Notify>,
}

/// What an attempt taught about the hosts of a lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lesson {
    /// Nothing that changes anything.
    Nothing,
    /// They serve others and take no more: the worker is one too many.
    Crowded,
    /// They are left alone until then.
    LeftAlone { until: Timestamp },
}

/// For how long a lane counts as served after a host was reached or took a message.
const SERVED: Duration = Duration::from_secs(300);
/// Messages that one worker should find waiting before another is added.
const PER_WORKER: usize = 4;
/// How often idle sessions are looked through.
const TIDY: Duration = Duration::from_secs(1);
/// How long the engine looks away when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

impl Staff {
    /// What the others' work says about an attempt that ended; `None` where the lane is
    /// to be left alone if it is `about_hosts`.
    fn learn(&mut self, about_hosts: bool, began: Timestamp, now: Timestamp) -> Option<Lesson> {
        if !about_hosts {
            self.worked_at = Some(now);
            return Some(Lesson::Nothing);
        }
        let served = self.worked_at.is_some_and(|at| began.since(at) < SERVED);
        if served && self.workers > 1 {
            self.at_most = Some(self.workers.saturating_sub(1));
            return Some(Lesson::Crowded);
        }
        self.works = false;
        self.worked_at = None;
        None
    }
}

impl Engine {
    /// An engine whose workers run on `tracker` until `stop` is cancelled.
    pub fn new(parts: Parts, tracker: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            parts,
            payroll: Mutex::default(),
            vacancy: Notify::new(),
            terms: Mutex::default(),
            pool: Pool::default(),
            broken_tls: BrokenTls::default(),
            backoff: Backoff::default(),
            faults: Faults::default(),
            tracker,
            stop,
        })
    }

    /// Runs until stopped. Attempts in hand are finished by their workers, which the
    /// tracker knows.
    pub async fn run(self: Arc<Self>) {
        self.tracker.spawn(Arc::clone(&self).tidy());
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
        let connections = limits.connections.max(1);
        let mut payroll = self.payroll();
        let Payroll { lanes, workers } = &mut *payroll;
        let staff = lanes.entry(ready.lane.clone()).or_default();
        for _ in 0..staff.waiting.min(ready.count) {
            staff.bell.notify_one();
        }
        let most = if staff.works { limits.per_site.max(1) } else { 1 };
        let most = staff.at_most.map_or(most, |learned| learned.min(most)).max(1);
        let wanted = ready.count.div_ceil(PER_WORKER).min(most);
        while staff.workers < wanted && *workers < connections {
            if workers.saturating_add(self.pool.len()) >= connections
                && let Some(live) = self.pool.longest_idle()
            {
                self.close(live);
            }
            staff.workers += 1;
            *workers += 1;
            self.hire(ready.lane.clone());
        }
        if staff.workers == 0 {
            lanes.remove(&ready.lane);
        }
    }

    /// What holds now. A change begins a new epoch, in which nothing that was seen or
    /// opened before counts.
    pub(crate) fn terms(&self) -> Terms {
        let mut last = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        let Parts { snapshot, settings, connector, .. } = &self.parts;
        let (snapshot, settings, connector) =
            (snapshot.load_full(), settings.load_full(), connector.load_full());
        if let Some(terms) = &*last
            && Arc::ptr_eq(&terms.snapshot, &snapshot)
            && Arc::ptr_eq(&terms.settings, &settings)
            && Arc::ptr_eq(&terms.connector, &connector)
        {
            return terms.clone();
        }
        let epoch = last.as_ref().map_or(0, |terms| terms.epoch.wrapping_add(1));
        let terms = Terms { snapshot, settings, connector, epoch };
        *last = Some(terms.clone());
        self.backoff.forget();
        terms
    }

    pub(crate) fn moment(&self, epoch: u64) -> Moment {
        let clock = &self.parts.clock;
        Moment { monotonic: clock.monotonic(), wall: clock.now(), epoch }
    }

    /// Keeps a session for the next message that may use it.
    pub(crate) fn keep(&self, live: Live) {
        if self.stop.is_cancelled() {
            return self.close(live);
        }
        self.pool.put(live, self.parts.clock.monotonic());
    }

    /// Says goodbye to a session, without waiting for it.
    pub(crate) fn close(&self, live: Live) {
        self.tracker.spawn(live.quit());
    }

    /// Closes a session that must not be used any more.
    pub(crate) fn give_up(&self, live: Live, why: Unfit) {
        self.parts.observe.session_given_up(why.word());
        self.close(live);
    }

    /// An idle session to one of the best hosts of a plan, in the plan's order.
    pub(crate) async fn idle_session(
        &self,
        plan: &[(NextHop, Requirement)],
        domain: &AddressDomain,
        terms: &Terms,
    ) -> Option<Live> {
        if self.pool.len() == 0 {
            return None;
        }
        let best = plan.first().map(|(hop, _)| hop.preference);
        for (hop, requirement) in plan.iter().filter(|(hop, _)| Some(hop.preference) == best) {
            let helo = &terms.settings.hostname;
            for place in Place::candidates(hop, requirement, domain, helo) {
                loop {
                    let (found, stale) = self.pool.take(&place, self.moment(terms.epoch));
                    for (live, why) in stale {
                        self.give_up(live, why);
                    }
                    let Some(mut live) = found else { break };
                    if live.is_ready().await {
                        return Some(live);
                    }
                    self.parts.observe.session_given_up("closed");
                }
            }
        }
        None
    }

    /// Closes idle sessions in time, and all of them at the end.
    async fn tidy(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(TIDY) => {}
            }
            if self.pool.len() > 0 {
                let epoch = self.terms().epoch;
                for (live, why) in self.pool.stale(self.moment(epoch)) {
                    self.give_up(live, why);
                }
            }
        }
        // Workers that are under way put nothing back: they close what they have.
        for live in self.pool.drain() {
            self.close(live);
        }
    }

    /// A host of a lane was reached: the lane may have all the workers that it deserves.
    pub(crate) fn host_works(&self, lane: &Lane) {
        self.backoff.works(lane);
        let now = self.parts.clock.now();
        let mut payroll = self.payroll();
        let Some(staff) = payroll.lanes.get_mut(lane) else { return };
        staff.worked_at = Some(now);
        if !staff.works {
            staff.works = true;
            drop(payroll);
            self.vacancy.notify_one();
        }
    }

    /// Learns from an attempt that said something new about the hosts of a lane. Where
    /// other workers are being served, hosts that refuse one more only take no more
    /// connections than there are.
    pub(crate) fn learn(
        &self,
        lane: &Lane,
        began: Timestamp,
        attempt: &Attempt,
        terms: &Terms,
    ) -> Lesson {
        let now = self.parts.clock.now();
        let about_hosts = backoff::is_about_hosts(attempt);
        let spoken_to = attempt.tries.iter().any(|one| one.stage >= Stage::Mail);
        if !about_hosts && !spoken_to {
            return Lesson::Nothing;
        }
        if let Some(staff) = self.payroll().lanes.get_mut(lane)
            && let Some(lesson) = staff.learn(about_hosts, began, now)
        {
            return lesson;
        }
        if !about_hosts {
            return Lesson::Nothing;
        }
        let luck = luck::mix(now.millis().unsigned_abs(), lane.domain.key().as_bytes());
        let schedule = &terms.settings.schedule;
        let failed = Failed { attempt, now, schedule, luck };
        Lesson::LeftAlone { until: self.backoff.failed(lane, began, &failed) }
    }

    fn payroll(&self) -> MutexGuard<'_, Payroll> {
        self.payroll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker. One that panics has given its claim back, which is due at once:
    /// its place stays taken for a moment, so that a message which panics every time
    /// costs little and stops nobody else's; and what it had in hand is remembered.
    fn hire(self: &Arc<Self>, lane: Lane) {
        let engine = Arc::clone(self);
        self.tracker.spawn(async move {
            let desk = Desk { engine: Arc::clone(&engine), lane: lane.clone() };
            let hand = Arc::new(Hand::default());
            let work = {
                let (engine, lane, hand) = (Arc::clone(&engine), lane.clone(), Arc::clone(&hand));
                async move { Box::pin(worker::run(&engine, &lane, &hand)).await }
            };
            if let Err(error) = engine.tracker.spawn(work).await {
                let message = hand.message();
                tracing::error!(?lane, ?message, %error, "a worker failed; its message is tried again");
                if let Some(message) = message {
                    engine.faults.count(message);
                }
                worker::pause(&engine).await;
            }
            drop(desk);
        });
    }

    /// Waits for mail in a lane whose session is in the pool. `false`: no mail came.
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn hosts_that_serve_others_take_no_more_and_are_not_left_alone() {
        let mut staff = Staff { workers: 11, ..Staff::default() };
        assert_eq!(staff.learn(false, at(0), at(1)), Some(Lesson::Nothing));
        assert_eq!(staff.learn(true, at(2), at(3)), Some(Lesson::Crowded));
        assert_eq!(staff.at_most, Some(10));
    }

    #[test]
    fn the_last_worker_that_fails_has_the_lane_left_alone() {
        let mut staff = Staff { workers: 1, works: true, ..Staff::default() };
        assert_eq!(staff.learn(false, at(0), at(1)), Some(Lesson::Nothing));
        assert_eq!(staff.learn(true, at(2), at(3)), None);
        assert!(!staff.works);
    }

    #[test]
    fn what_worked_long_ago_says_nothing() {
        let mut staff = Staff { workers: 2, worked_at: Some(at(0)), ..Staff::default() };
        assert_eq!(staff.learn(true, at(300), at(301)), None);
    }
}
