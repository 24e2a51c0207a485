//! One delivery attempt: the hosts of a destination, one after the other.
//!
//! Pass 1 goes to every host with TLS where it is offered. Pass 2 is clear text,
//! for opportunistic mail alone, on a new connection, to hosts whose handshake
//! failed in pass 1; it comes only when no host took the message with TLS and
//! never after a host has said anything about the message under TLS
//! (`tls-delivery.md` 5.4). For enforced mail there is no pass 2: the candidates
//! for it are made in one place, from an [`Opportunistic`] requirement.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use gatepost_net::{
    conn::{Clear, Conn, Greeted, Job, Secured, StartTls},
    dial::{self, Target},
    dns::Resolver,
    failure::Failure,
    tls::Connector,
};
use gatepost_policy::{
    evidence::{NoTls, Stage, TlsRecord, Why},
    tls::{NextHop, Opportunistic, Preference, Requirement},
};
use gatepost_store::{Claim, Dispatch};
use gatepost_wire::{command::BodyKind, ehlo::Extensions, reply::Response};

use crate::{
    converse::{self, Afterwards, Letter, Spoken},
    destination::{self, Barred, LOOKUP, MOST_ADDRESSES},
    observe::Observe,
    settings::{DeliverySettings, PreferTls, TryFallback, TryOn454},
    trial::{HostTry, Said, Trial},
};

/// The most recipients of one transaction. Every host takes a hundred (RFC 5321
/// section 4.5.3.1.8); more would only be told to come back.
const MOST_RECIPIENTS: usize = 100;

/// A session, by what it is.
#[derive(Debug)]
pub(crate) enum Session {
    Clear(Conn<Clear>),
    Secured(Conn<Secured>),
}

/// An open session to a host, and how often it was used.
#[derive(Debug)]
pub(crate) struct Live {
    pub session: Session,
    pub hop: NextHop,
    pub address: SocketAddr,
    pub carried: u32,
    _counted: Counted,
}

/// A session that is counted as long as it lives.
#[derive(Debug)]
struct Counted(Arc<dyn Observe>);

impl Counted {
    fn new(observe: &Arc<dyn Observe>) -> Self {
        observe.sessions(1);
        Self(Arc::clone(observe))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sessions(-1);
    }
}

impl Live {
    fn new(session: Session, hop: &NextHop, address: SocketAddr, work: &Work<'_>) -> Self {
        let counted = Counted::new(work.observe);
        Self { session, hop: hop.clone(), address, carried: 0, _counted: counted }
    }

    /// Says goodbye.
    pub(crate) async fn quit(self) {
        match self.session {
            Session::Clear(conn) => conn.quit().await,
            Session::Secured(conn) => conn.quit().await,
        }
    }

    /// Whether the session can still carry a message.
    pub(crate) async fn is_ready(&mut self) -> bool {
        match &mut self.session {
            Session::Clear(conn) => conn.ready_for_next().await.is_ok(),
            Session::Secured(conn) => conn.ready_for_next().await.is_ok(),
        }
    }

    const fn extensions(&self) -> &Extensions {
        match &self.session {
            Session::Clear(conn) => conn.extensions(),
            Session::Secured(conn) => conn.extensions(),
        }
    }

    const fn is_secured(&self) -> bool {
        match self.session {
            Session::Clear(_) => false,
            Session::Secured(_) => true,
        }
    }
}

/// What an attempt works with.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub claim: &'a Claim,
    pub dispatch: &'a dyn Dispatch,
    pub resolver: &'a dyn Resolver,
    pub connector: &'a Connector,
    pub settings: &'a DeliverySettings,
    pub observe: &'a Arc<dyn Observe>,
    /// The hosts, and what a session to each must be.
    pub plan: &'a [(NextHop, Requirement)],
}

/// A host for pass 2, and why it is spoken to in clear text.
struct Candidate<'a> {
    hop: &'a NextHop,
    address: SocketAddr,
    requirement: &'a Opportunistic,
    why: NoTls,
}

/// The state of one attempt.
struct Running<'a> {
    work: Work<'a>,
    trial: Trial,
    candidates: Vec<Candidate<'a>>,
    live: Option<Live>,
    /// No further host may be tried: one spoke about the message under TLS and
    /// was lost, or may have taken it.
    pass_two_closed: bool,
    cut_short: Option<CutShort>,
}

/// Why an attempt ends before every host was tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CutShort {
    /// A host may have taken the message.
    Uncertain,
    /// The stored message is damaged.
    Damaged,
}

/// What an attempt leaves behind.
pub(crate) struct Ran {
    /// What was seen.
    pub trial: Trial,
    /// A session that can carry the next message.
    pub live: Option<Live>,
    /// The stored message is damaged: the store holds it, and there is nothing to settle.
    pub damaged: bool,
}

/// Makes one attempt. `kept` is a session of the same lane that is still open.
pub(crate) async fn run(work: Work<'_>, kept: Option<Live>) -> Ran {
    let mut running = Running {
        work,
        trial: Trial::new(work.claim.copy().recipients.len()),
        candidates: Vec::new(),
        live: None,
        pass_two_closed: false,
        cut_short: None,
    };
    running.over_kept(kept).await;
    running.pass_one().await;
    running.pass_two().await;
    let Running { trial, live, cut_short, .. } = running;
    // What a host has settled already must be written down, damaged or not.
    let damaged = cut_short == Some(CutShort::Damaged) && !trial.has_settled();
    Ran { trial, live, damaged }
}

impl<'a> Running<'a> {
    fn is_over(&self) -> bool {
        self.cut_short.is_some() || self.trial.is_settled()
    }

    /// Over a session that is still open. One that turns out to be gone is as if it
    /// had never been: no host is blamed (decision 23).
    async fn over_kept(&mut self, kept: Option<Live>) {
        let Some(mut live) = kept else { return };
        let planned = self.work.plan.iter().find(|(hop, _)| *hop == live.hop);
        let Some((_, requirement)) = planned else { return live.quit().await };
        let clear = match &live.session {
            Session::Clear(conn) => conn.clear_because(),
            Session::Secured(_) => None,
        };
        if clear.is_some_and(|why| !self.may_go_clear(why)) {
            return live.quit().await;
        }
        if live.is_ready().await {
            self.speak(live, requirement, true).await;
        }
    }

    async fn pass_one(&mut self) {
        for (hop, requirement) in self.work.plan {
            if self.is_over() {
                return;
            }
            let addresses = match self.addresses(hop).await {
                Ok(addresses) => addresses,
                Err(failure) => {
                    self.trial.failed(&hop.host, None, failure);
                    continue;
                }
            };
            for address in addresses {
                if self.is_over() || self.was_spoken_to(hop, address) {
                    break;
                }
                if self.one_host(hop, address, requirement).await {
                    break;
                }
            }
        }
    }

    /// Whether a host has already answered about the message in this attempt.
    fn was_spoken_to(&self, hop: &NextHop, address: SocketAddr) -> bool {
        let address = address.to_string();
        self.trial
            .tries
            .iter()
            .any(|one| one.host == hop.host && one.address.as_deref() == Some(address.as_str()))
    }

    /// Tries one address of a host. Returns whether the host was reached, so that its
    /// other addresses need not be tried.
    async fn one_host(
        &mut self,
        hop: &'a NextHop,
        address: SocketAddr,
        requirement: &'a Requirement,
    ) -> bool {
        match open(&self.work, hop, address, requirement).await {
            Opened::Ready(session) => {
                let live = Live::new(*session, hop, address, &self.work);
                self.speak(live, requirement, false).await;
                true
            }
            Opened::Failed { failure, clear } => {
                let reached = failure.stage > Stage::Banner;
                if let (Some(why), Requirement::Opportunistic(requirement)) = (clear, requirement) {
                    self.candidates.push(Candidate { hop, address, requirement, why });
                }
                self.trial.failed(&hop.host, Some(address.to_string()), failure);
                reached
            }
        }
    }

    async fn pass_two(&mut self) {
        let candidates = std::mem::take(&mut self.candidates);
        for Candidate { hop, address, requirement, why } in candidates {
            if self.is_over() || self.pass_two_closed {
                return;
            }
            if !self.may_go_clear(why) {
                continue;
            }
            let greeted = match greet(&self.work, hop, address).await {
                Ok(greeted) => greeted,
                Err(failure) => {
                    self.trial.failed(&hop.host, Some(address.to_string()), failure);
                    continue;
                }
            };
            let session = Session::Clear(greeted.stay_clear(why));
            let live = Live::new(session, hop, address, &self.work);
            let requirement = Requirement::Opportunistic(requirement.clone());
            self.speak(live, &requirement, false).await;
        }
    }

    fn may_go_clear(&self, why: NoTls) -> bool {
        match why {
            NoTls::LevelPlain | NoTls::NotOffered | NoTls::Refused => true,
            NoTls::HandshakeFailed => match self.work.settings.opportunistic.fallback {
                TryFallback::Immediate => true,
                TryFallback::AfterBackoff => self.work.claim.copy().attempts > 0,
                TryFallback::Never => false,
            },
        }
    }

    /// Carries the message to all recipients that are still open, over one session.
    async fn speak(&mut self, mut live: Live, requirement: &Requirement, kept: bool) {
        let copy = self.work.claim.copy();
        if let Some(why) = self.lacks(live.extensions()) {
            let said = Said::waits(Stage::Ehlo, why, None);
            self.record(
                &live,
                Spoken {
                    said: self
                        .trial
                        .open()
                        .into_iter()
                        .map(|index| (index, said.clone()))
                        .collect(),
                    detail: None,
                    session: Afterwards::Alive,
                },
            );
            return live.quit().await;
        }
        let mut first = kept;
        for group in self.trial.open().chunks(MOST_RECIPIENTS) {
            let recipients = group
                .iter()
                .filter_map(|index| Some((*index, copy.recipients.get(*index)?)))
                .collect();
            let letter =
                Letter { claim: self.work.claim, dispatch: self.work.dispatch, recipients };
            let mut spoken = carry(&mut live.session, requirement, letter).await;
            let session = spoken.session;
            if first && session == Afterwards::LostBeforeMail {
                return;
            }
            first = false;
            if live.is_secured() && session != Afterwards::LostBeforeMail {
                self.pass_two_closed = true;
            }
            if !matches!(session, Afterwards::Alive | Afterwards::Damaged) {
                self.leave_waiting(group, &mut spoken);
            }
            self.record(&live, spoken);
            match session {
                Afterwards::Alive => live.carried = live.carried.saturating_add(1),
                Afterwards::Uncertain => return self.cut_short = Some(CutShort::Uncertain),
                Afterwards::Damaged => {
                    self.cut_short = Some(CutShort::Damaged);
                    break;
                }
                Afterwards::LostBeforeMail | Afterwards::Lost => return,
            }
        }
        self.keep(live).await;
    }

    /// Recipients of later groups wait because the session was lost before their turn.
    fn leave_waiting(&self, group: &[usize], spoken: &mut Spoken) {
        let rest = self.trial.open().into_iter().filter(|index| !group.contains(index));
        let said = Said::waits(Stage::Mail, Why::ConnectionLost, None);
        spoken.said.extend(rest.map(|index| (index, said.clone())));
    }

    /// Keeps a session for the next message, in place of an earlier one.
    async fn keep(&mut self, live: Live) {
        if let Some(earlier) = self.live.replace(live) {
            earlier.quit().await;
        }
    }

    /// What the message needs and a host does not offer.
    fn lacks(&self, extensions: &Extensions) -> Option<Why> {
        let params = &self.work.claim.message().params;
        if params.smtputf8 && !extensions.smtputf8 {
            return Some(Why::NeedsUtf8);
        }
        match params.body {
            BodyKind::EightBit if !extensions.eightbitmime => Some(Why::NeedsEightBit),
            BodyKind::EightBit | BodyKind::SevenBit => None,
        }
    }

    fn record(&mut self, live: &Live, spoken: Spoken) {
        let (tls, clear_because) = match &live.session {
            Session::Clear(conn) => (None, conn.clear_because()),
            Session::Secured(conn) => (conn.tls().map(TlsRecord::from), None),
        };
        let mut said = vec![None; self.work.claim.copy().recipients.len()];
        for (index, what) in spoken.said {
            if let Some(place) = said.get_mut(index) {
                *place = Some(what);
            }
        }
        self.trial.conversed(HostTry {
            host: live.hop.host.clone(),
            address: Some(live.address.to_string()),
            tls,
            clear_because,
            detail: spoken.detail,
            reports: live.extensions().dsn,
            said,
        });
    }

    /// The addresses of a host that may be connected to.
    async fn addresses(&self, hop: &NextHop) -> Result<Vec<SocketAddr>, Failure> {
        let found = match hop.host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => self.work.resolver.addresses(&hop.host).await.map_err(|error| {
                let failed = destination::lookup_failed(error);
                Failure::new(LOOKUP, failed.why, failed.detail)
            })?,
        };
        if found.is_empty() {
            let detail = format!("{} has no address", hop.host);
            return Err(Failure::new(LOOKUP, Why::NoMx, detail));
        }
        let mut barred = None;
        let mut reachable = Vec::new();
        for ip in found {
            let address = SocketAddr::new(ip, hop.port);
            match destination::may_reach(address, hop, self.work.settings) {
                Ok(()) => reachable.push(address),
                Err(why) => barred = Some((why, address)),
            }
        }
        match barred {
            Some((Barred::Ourselves, address)) if reachable.is_empty() => {
                let detail = format!("{address} is a listener of this gateway");
                Err(Failure::new(LOOKUP, Why::Loop, detail))
            }
            Some((Barred::Private, address)) if reachable.is_empty() => {
                let detail = format!("{address} is a private address");
                Err(Failure::new(LOOKUP, Why::AddressRefused, detail))
            }
            Some(_) | None => {
                reachable.truncate(MOST_ADDRESSES);
                Ok(reachable)
            }
        }
    }
}

/// Whether a session is ready for mail.
enum Opened {
    Ready(Box<Session>),
    Failed {
        failure: Failure,
        /// Why the host may be tried in clear text later, if the message allows it.
        clear: Option<NoTls>,
    },
}

impl Opened {
    fn ready(session: Session) -> Self {
        Self::Ready(Box::new(session))
    }

    const fn lost(failure: Failure) -> Self {
        Self::Failed { failure, clear: None }
    }
}

async fn greet(work: &Work<'_>, hop: &NextHop, address: SocketAddr) -> Result<Greeted, Failure> {
    let target = Target { host: hop.host.clone(), address, source: None };
    let dialed = dial::dial(target, &work.settings.timeouts).await?;
    dialed.greet(&work.settings.hostname).await
}

/// Opens a session that is as good as the requirement wants it, or says why not.
async fn open(
    work: &Work<'_>,
    hop: &NextHop,
    address: SocketAddr,
    requirement: &Requirement,
) -> Opened {
    let greeted = match greet(work, hop, address).await {
        Ok(greeted) => greeted,
        Err(failure) => return Opened::lost(failure),
    };
    match requirement {
        Requirement::Opportunistic(may) if may.preference() == Preference::Plain => {
            return Opened::ready(Session::Clear(greeted.stay_clear(NoTls::LevelPlain)));
        }
        Requirement::Opportunistic(_) | Requirement::Enforced(_) => {}
    }
    if !greeted.extensions().starttls {
        if greeted.extensions().starttls_overwritten {
            let message = work.claim.message().id;
            tracing::warn!(%message, host = hop.host, %address, "STARTTLS seems to have been written over on the way");
            work.observe.starttls_stripped(message, &hop.host, address);
        }
        return without_tls(work, greeted, requirement, None).await;
    }
    let failure = match greeted.starttls().await {
        Ok(StartTls::Refused(greeted, reply)) => {
            return without_tls(work, greeted, requirement, Some(reply)).await;
        }
        Ok(StartTls::Ready(ready)) => match ready.handshake(work.connector, requirement).await {
            Ok(conn) => return Opened::ready(Session::Secured(conn)),
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    let clear = failure.is_failed_handshake().then_some(NoTls::HandshakeFailed);
    Opened::Failed { failure, clear }
}

/// A host that gives no TLS, and whose session is in a state that both sides know.
async fn without_tls(
    work: &Work<'_>,
    greeted: Greeted,
    requirement: &Requirement,
    refusal: Option<Response>,
) -> Opened {
    let settings = work.settings.opportunistic;
    let why = if refusal.is_some() { NoTls::Refused } else { NoTls::NotOffered };
    let put_off =
        refusal.as_ref().is_some_and(Response::is_transient) && settings.on_454 == TryOn454::Defer;
    match requirement {
        Requirement::Enforced(_) => {}
        Requirement::Opportunistic(_) if put_off => {}
        Requirement::Opportunistic(_) => match settings.prefer_tls {
            PreferTls::SamePreference => {
                return Opened::ready(Session::Clear(greeted.stay_clear(why)));
            }
            PreferTls::AnyMx => {
                greeted.quit().await;
                return Opened::Failed { failure: no_tls(refusal), clear: Some(why) };
            }
        },
    }
    greeted.quit().await;
    Opened::lost(no_tls(refusal))
}

fn no_tls(refusal: Option<Response>) -> Failure {
    match refusal {
        Some(reply) => Failure::replied(Stage::Starttls, Why::StartTlsRefused, reply),
        None => Failure::new(Stage::Ehlo, Why::StartTlsNotOffered, ""),
    }
}

/// Carries a letter over a session, if the session may carry it. This is the last
/// guard (row J15): an enforced message on a clear session has no permit to get.
async fn carry(session: &mut Session, requirement: &Requirement, letter: Letter<'_>) -> Spoken {
    match (requirement, session) {
        (Requirement::Opportunistic(requirement), Session::Clear(conn)) => {
            let job = Job::new(requirement.clone(), letter);
            converse::transmit(conn.admit(&job), job.message()).await
        }
        (Requirement::Opportunistic(requirement), Session::Secured(conn)) => {
            let job = Job::new(requirement.clone(), letter);
            converse::transmit(conn.admit(&job), job.message()).await
        }
        (Requirement::Enforced(requirement), Session::Secured(conn)) => {
            let job = Job::new(requirement.clone(), letter);
            match conn.admit_enforced(&job) {
                Ok(permit) => converse::transmit(permit, job.message()).await,
                Err(shortfall) => tripped(job.message(), &shortfall.to_string()),
            }
        }
        (Requirement::Enforced(_), Session::Clear(_)) => {
            tripped(&letter, "an enforced message was about to be sent in clear text")
        }
    }
}

fn tripped(letter: &Letter<'_>, detail: &str) -> Spoken {
    tracing::error!(
        message = %letter.claim.message().id,
        lane = ?letter.claim.copy().lane,
        detail,
        "guard tripped: nothing was sent"
    );
    let said = Said::waits(Stage::Plan, Why::GuardTripped, None);
    Spoken {
        said: letter.recipients.iter().map(|(index, _)| (*index, said.clone())).collect(),
        detail: Some(detail.to_owned()),
        session: Afterwards::Lost,
    }
}

#[cfg(test)]
mod tests;
