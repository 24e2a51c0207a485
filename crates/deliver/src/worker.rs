//! A worker: claims a message of its lane, makes an attempt, has it written down,
//! and goes on with the next one over the same session.

use std::{sync::Arc, time::Duration};

use gatepost_policy::{
    evidence::Why,
    tls::{self, NextHop, PlanInput, Requirement},
};
use gatepost_store::{Claim, Fate, Lane, NewMessage, Outcome, Settlement, StoreError};
use gatepost_wire::timestamp::Timestamp;
use tokio::sync::Semaphore;

use crate::{
    alert,
    attempt::{self, Ran, Work},
    backoff::{Held, Waiting},
    destination::{self, Destination, Nowhere},
    engine::{Engine, Lesson, Terms},
    faults::Hand,
    judge::{Ended, Judged, Seen},
    luck,
    notice::{self, Case},
    parts::Parts,
    session::Live,
    settings::LINGER,
};

/// Settlements of one worker that may be on their way to the disk while it goes on.
/// It bounds how many messages a crash can make arrive twice.
const UNSETTLED: usize = 8;

/// How long what DNS said, and a session that was opened by it, is used.
const OUTLOOK: Duration = Duration::from_secs(60);

/// In milliseconds.
const AS_GOOD_AS_OWN: i64 = 60_000;

/// How long a lane is left alone after the store could hand nothing out.
const PAUSE: Duration = Duration::from_secs(1);

/// What a worker found out for its lane, as long as policy and settings are the same.
struct Outlook {
    terms: Terms,
    destination: Destination,
    taken: Duration,
}

impl Outlook {
    async fn take(engine: &Engine, lane: &Lane, terms: Terms) -> Self {
        let parts = &engine.parts;
        let now = parts.clock.now();
        let seed = luck::mix(now.millis().unsigned_abs(), lane.domain.key().as_bytes());
        let Terms { snapshot, settings, .. } = &terms;
        let destination =
            destination::find(lane, snapshot, settings, parts.resolver.as_ref(), seed).await;
        let taken = parts.clock.monotonic();
        Self { terms, destination, taken }
    }

    fn is_current(&self, engine: &Engine, terms: &Terms) -> bool {
        let age = engine.parts.clock.monotonic().saturating_sub(self.taken);
        let found = match &self.destination {
            Destination::Hosts(_) => true,
            // That there is no host is asked again for each message.
            Destination::Nowhere(_) => false,
        };
        found && age < OUTLOOK && self.terms.epoch == terms.epoch
    }
}

/// Works on a lane until there is nothing due in it.
pub(crate) async fn run(engine: &Arc<Engine>, lane: &Lane, hand: &Hand) {
    let unsettled = Arc::new(Semaphore::new(UNSETTLED));
    let mut outlook: Option<Outlook> = None;
    let mut live: Option<Live> = None;
    while !engine.stop.is_cancelled() {
        let Some(claim) = next(engine, lane).await else {
            // Whoever gets mail first may have the session meanwhile.
            let used = live.take().map(|live| engine.keep(live));
            if used.is_some() && engine.wait_for_mail(lane, LINGER).await {
                continue;
            }
            break;
        };
        let terms = engine.terms();
        let message = claim.message().id;
        hand.holds(message);
        let kept = live.take().and_then(|live| reusable(engine, live, &terms));
        let to_hosts = match claim.copy().fate {
            Fate::Deliver => true,
            Fate::Report { .. } | Fate::Returned { .. } => false,
        };
        if to_hosts && engine.faults.is_hopeless(message) {
            let settled = settle(engine, &terms, claim, &Seen::Nowhere(&fault())).await;
            live = kept;
            write_down(engine, settled.settlement, &unsettled).await;
            continue;
        }
        // An open session says more about the hosts than what failed a while ago.
        let held = if kept.is_some() { None } else { held_back(engine, &terms, &claim) };
        if let Some(held) = held {
            let settled = settle(engine, &terms, claim, &Seen::SetBack(&held)).await;
            write_down(engine, settled.settlement, &unsettled).await;
            continue;
        }
        let view = match outlook.take().filter(|view| view.is_current(engine, &terms)) {
            Some(view) => view,
            None => Outlook::take(engine, lane, terms).await,
        };
        let (settled, left) = deliver(engine, &view, claim, kept).await;
        live = left.and_then(|live| reusable(engine, live, &view.terms));
        outlook = Some(view);
        if let Some(Settled { settlement, lesson }) = settled {
            write_down(engine, settlement, &unsettled).await;
            if lesson == Lesson::Crowded {
                break;
            }
        }
    }
    if let Some(live) = live {
        engine.close(live);
    }
}

/// A message whose attempts end in faults of our own waits without any, and is given
/// up in its time like any other.
fn fault() -> Nowhere {
    let why = Why::InternalFault;
    let detail = "attempts at the message made a worker fail again and again";
    Nowhere { why, status: why.status(), permanent: false, detail: detail.to_owned() }
}

/// Why a message makes no connection now: the hosts of its lane could not be used a
/// short while ago. What has no need of hosts is not held back, and at the end of its
/// lifetime a message has one attempt more.
fn held_back(engine: &Engine, terms: &Terms, claim: &Claim) -> Option<Held> {
    let copy = claim.copy();
    match copy.fate {
        Fate::Deliver => {}
        Fate::Report { .. } | Fate::Returned { .. } => return None,
    }
    let now = engine.parts.clock.now();
    let lifetime = terms.settings.lifetime;
    let ends = [true, false].map(|for_tls| lifetime.end(copy.accepted_at, for_tls));
    let asked = copy.recipients.iter().filter_map(|recipient| recipient.asked);
    let asked = asked.chain(wish_at_end(ends, now)).max();
    let waiting = Waiting { is_new: copy.attempts == 0, asked };
    engine.backoff.holds(&copy.lane, now, waiting)
}

/// When the last attempt of a message that has reached an end of its lifetime was due,
/// less the time within which a probe of its lane is as good as its own: a backlog
/// that ends together costs a probe a minute.
fn wish_at_end(ends: [Timestamp; 2], now: Timestamp) -> Option<Timestamp> {
    let reached = ends.into_iter().filter(|end| *end <= now).max()?;
    Some(Timestamp::from_millis(reached.millis().saturating_sub(AS_GOOD_AS_OWN)))
}

async fn next(engine: &Engine, lane: &Lane) -> Option<Claim> {
    let now = engine.parts.clock.now();
    match engine.parts.dispatch.claim(lane, 1, now).await {
        Ok(claims) => claims.into_iter().next(),
        Err(error) => {
            tracing::error!(
                ?lane,
                error = &error as &dyn std::error::Error,
                "nothing could be claimed"
            );
            // The lane stays due, so the engine would ask again at once.
            pause(engine).await;
            None
        }
    }
}

/// Waits a moment, or until the engine stops.
pub(crate) async fn pause(engine: &Engine) {
    tokio::select! {
        () = engine.stop.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

/// Keeps a session while it may carry more.
fn reusable(engine: &Engine, live: Live, terms: &Terms) -> Option<Live> {
    if live.carried >= terms.settings.limits.messages_per_connection {
        engine.close(live);
        return None;
    }
    match live.validity.unfit(engine.moment(terms.epoch)) {
        None => Some(live),
        Some(why) => {
            engine.give_up(live, why);
            None
        }
    }
}

/// One attempt at one message, judged. There is nothing to settle where the stored
/// message turned out to be damaged: the claim goes back, and the store holds it.
async fn deliver(
    engine: &Engine,
    view: &Outlook,
    claim: Claim,
    live: Option<Live>,
) -> (Option<Settled>, Option<Live>) {
    if let Fate::Report { reply } = &claim.copy().fate {
        let reply = reply.clone();
        return (
            Some(settle(engine, &view.terms, claim, &Seen::Report { reply: &reply }).await),
            live,
        );
    }
    if let Fate::Returned { by: _, reason } = &claim.copy().fate {
        let reason = reason.clone();
        let seen = Seen::Returned { reason: reason.as_deref() };
        return (Some(settle(engine, &view.terms, claim, &seen).await), live);
    }
    let hosts = match &view.destination {
        Destination::Hosts(hosts) => hosts,
        Destination::Nowhere(nowhere) => {
            return (Some(settle(engine, &view.terms, claim, &Seen::Nowhere(nowhere)).await), live);
        }
    };
    let plan = match plan(&claim, view, hosts, engine.parts.clock.now()) {
        Ok(plan) => plan,
        Err(broken) => {
            return (Some(settle(engine, &view.terms, claim, &Seen::Nowhere(&broken)).await), live);
        }
    };
    let Terms { settings, connector, epoch, .. } = &view.terms;
    let lane = &claim.copy().lane;
    let live = match live {
        Some(live) => Some(live),
        None => {
            let found = engine.idle_session(&plan, &lane.domain, &view.terms).await;
            if found.is_some() {
                engine.host_works(lane);
            }
            found
        }
    };
    let began = engine.parts.clock.now();
    let work = Work {
        claim: &claim,
        dispatch: engine.parts.dispatch.as_ref(),
        resolver: engine.parts.resolver.as_ref(),
        connector,
        settings,
        secrets: engine.parts.secrets.as_ref(),
        observe: &engine.parts.observe,
        broken_tls: &engine.broken_tls,
        on_contact: &|| engine.host_works(lane),
        plan: &plan,
        epoch: *epoch,
        now: engine.parts.clock.monotonic(),
    };
    let Ran { trial, live, damaged } = attempt::run(work, live).await;
    let seen = Seen::Hosts { trial: &trial, plan: &plan, began };
    if damaged {
        tell_of_damage(engine, &view.terms, &claim, &seen).await;
        engine.parts.dispatch.release(claim);
        return (None, live);
    }
    (Some(settle(engine, &view.terms, claim, &seen).await), live)
}

/// The requirement for each host. A demand that cannot be judged makes the message
/// wait, and no connection.
fn plan(
    claim: &Claim,
    view: &Outlook,
    hosts: &[NextHop],
    now: Timestamp,
) -> Result<Vec<(NextHop, Requirement)>, Nowhere> {
    let copy = claim.copy();
    let input = PlanInput {
        demands: &copy.demands,
        unknown: view.terms.snapshot.tls.unknown,
        hosts,
        domain: &copy.lane.domain,
        policies: &view.terms.snapshot.tls_policies,
        now,
    };
    tls::plan(input).map(|plan| plan.attempts).map_err(|broken| Nowhere {
        why: Why::PolicyBroken,
        status: Why::PolicyBroken.status(),
        permanent: false,
        detail: broken.to_string(),
    })
}

/// Administrators hear of a message whose stored bytes are damaged. There is nothing to
/// settle, since the store holds it; so the mail is stored by itself.
async fn tell_of_damage(engine: &Engine, terms: &Terms, claim: &Claim, seen: &Seen<'_>) {
    let parts = &engine.parts;
    let now = parts.clock.now();
    let ended = Ended { claim, settings: &terms.settings, seen, now };
    let recipients = claim.copy().recipients.iter().enumerate();
    let judged: Vec<Judged> =
        recipients.map(|(index, recipient)| ended.judge(index, recipient)).collect();
    let case = Case {
        parts,
        snapshot: &terms.snapshot,
        settings: &terms.settings,
        claim,
        judged: &judged,
        relayed: &[],
        now,
    };
    for (bytes, message) in alert::raise(&case) {
        if let Err(error) = store(parts, &bytes, message).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the mail of an alert could not be stored");
        }
    }
}

async fn store(parts: &Parts, bytes: &[u8], message: NewMessage) -> Result<(), StoreError> {
    let mut staging = parts.enqueue.stage(u64::try_from(bytes.len()).ok())?;
    staging.append(bytes).await?;
    parts.enqueue.commit(staging.finish(), message).await.map(drop)
}

/// A settlement that is to be written down, and what was learned on the way.
struct Settled {
    settlement: Settlement,
    lesson: Lesson,
}

/// Judges every recipient, and adds the reports that are due.
async fn settle(engine: &Engine, terms: &Terms, claim: Claim, seen: &Seen<'_>) -> Settled {
    let parts = &engine.parts;
    let now = parts.clock.now();
    let ended = Ended { claim: &claim, settings: &terms.settings, seen, now };
    let mut judged: Vec<Judged> = claim
        .copy()
        .recipients
        .iter()
        .enumerate()
        .map(|(index, recipient)| ended.judge(index, recipient))
        .collect();
    let lesson = match (seen.began(now), judged.first()) {
        (Some(began), Some(first)) => {
            engine.learn(&claim.copy().lane, began, first.outcome.attempt(), terms)
        }
        (Some(_) | None, _) => Lesson::Nothing,
    };
    if let Lesson::LeftAlone { until } = lesson {
        judged.iter_mut().for_each(|judged| come_with_the_lane(&mut judged.outcome, until));
    }
    let waited = now.since(claim.message().received_at);
    for judged in &judged {
        tell(&judged.outcome);
        parts.observe.attempted(judged.outcome.attempt(), waited);
    }
    let relayed = seen.relayed();
    let case = Case {
        parts,
        snapshot: &terms.snapshot,
        settings: &terms.settings,
        claim: &claim,
        judged: &judged,
        relayed: &relayed,
        now,
    };
    let notices = notice::make(&case).await;
    let mut outcomes = judged.into_iter().map(|judged| judged.outcome);
    let mut settlement = claim.settle(|_| {
        outcomes.next().expect("one outcome was made for each recipient above, in this order")
    });
    for (bytes, message) in notices {
        settlement = settlement.with_notice(bytes, message);
    }
    Settled { settlement, lesson }
}

/// A message and its lane have the same wait, each with jitter of its own: one that
/// would come up just before its lane comes with it.
fn come_with_the_lane(outcome: &mut Outcome, until: Timestamp) {
    if let Outcome::Deferred { attempt, next, .. } = outcome {
        let wait = until.since(attempt.at);
        if *next < until && until.since(*next) < wait.mul_f64(0.25) {
            *next = until;
        }
    }
}

fn tell(outcome: &Outcome) {
    let attempt = outcome.attempt();
    if let (Outcome::Delivered(_), Some(because)) = (outcome, attempt.clear_because) {
        tracing::info!(
            message = %attempt.message,
            to = attempt.recipient,
            host = attempt.host.as_deref(),
            level = attempt.level.word(),
            clear_because = because.word(),
            "sent in clear text"
        );
    }
    tracing::info!(
        message = %attempt.message,
        to = attempt.recipient,
        outcome = attempt.outcome.word(),
        level = attempt.level.word(),
        host = attempt.host.as_deref(),
        address = attempt.address.as_deref(),
        tls = attempt.tls.as_ref().map(|tls| tls.version.as_str()),
        clear_because = attempt.clear_because.map(gatepost_policy::evidence::NoTls::word),
        why = attempt.why.map(Why::word),
        status = attempt.status,
        reply = attempt.reply.as_deref(),
        "attempt ended"
    );
}

/// Has a settlement written without waiting for the disk, unless too many are on
/// their way already.
async fn write_down(engine: &Arc<Engine>, settlement: Settlement, unsettled: &Arc<Semaphore>) {
    let Ok(permit) = Arc::clone(unsettled).acquire_owned().await else { return };
    let engine_of_task = Arc::clone(engine);
    engine.tracker.spawn(async move {
        let message = settlement.message();
        if let Err(error) = engine_of_task.parts.dispatch.settle(settlement).await {
            tracing::error!(
                %message,
                error = &error as &dyn std::error::Error,
                "the outcome of an attempt is not on disk yet"
            );
        }
        drop(permit);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn c23_at_its_end_a_message_wants_a_probe_that_is_a_minute_old_at_most() {
        let ends = [at(1_000), at(5_000)];
        assert_eq!(wish_at_end(ends, at(999)), None);
        assert_eq!(wish_at_end(ends, at(1_000)), Some(at(940)));
        assert_eq!(wish_at_end(ends, at(6_000)), Some(at(4_940)), "the later end");
    }
}
