//! One delivery attempt: the hosts of a destination, one after the other.
//!
//! Pass 1 goes to every host with TLS where it is offered. Pass 2 is clear text,
//! for opportunistic mail alone, on a new connection, to hosts whose handshake
//! failed in pass 1 or is known to fail; it comes only when no host took the message
//! with TLS and never after a host has said anything about the message under TLS
//! (`tls-delivery.md` 5.4). For enforced mail there is no pass 2: the candidates
//! for it are made in one place, from an [`Opportunistic`] requirement.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gatepost_net::{dns::Resolver, failure::Failure, tls::Connector};
use gatepost_policy::{
    evidence::{NoTls, Stage, TlsRecord, Why},
    tls::{NextHop, Opportunistic, Preference, Requirement},
};
use gatepost_store::{Claim, Dispatch};
use gatepost_wire::{command::BodyKind, ehlo::Extensions};

use crate::{
    broken_tls::BrokenTls,
    converse::{Afterwards, Letter, Spoken},
    destination::{self, Worst},
    guard::carry,
    observe::Observe,
    open::{Opened, Opener},
    parts::Secrets,
    session::{Live, Place, Purpose, Session},
    settings::{DeliverySettings, PreferTls, TryFallback},
    trial::{HostTry, Said, Trial},
};

/// The most recipients of one transaction. Every host takes a hundred (RFC 5321
/// section 4.5.3.1.8); more would only be told to come back.
const MOST_RECIPIENTS: usize = 100;

/// What an attempt works with.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub claim: &'a Claim,
    pub dispatch: &'a dyn Dispatch,
    pub resolver: &'a dyn Resolver,
    pub connector: &'a Connector,
    pub settings: &'a DeliverySettings,
    pub secrets: &'a dyn Secrets,
    pub observe: &'a Arc<dyn Observe>,
    pub broken_tls: &'a BrokenTls,
    /// Called as soon as a host could be used.
    pub on_contact: &'a (dyn Fn() + Send + Sync),
    /// The hosts, and what a session to each must be.
    pub plan: &'a [(NextHop, Requirement)],
    /// The epoch of policy and settings that the plan was made in.
    pub epoch: u64,
    /// The monotonic time at which the attempt began.
    pub now: Duration,
}

impl<'a> Work<'a> {
    const fn opener(&self) -> Opener<'a> {
        Opener {
            connector: self.connector,
            settings: self.settings,
            secrets: self.secrets,
            observe: self.observe,
            message: self.claim.message().id,
        }
    }

    fn live(
        &self,
        session: Session,
        hop: &NextHop,
        address: SocketAddr,
        requirement: &Requirement,
    ) -> Live {
        let purpose = Purpose {
            hop,
            requirement,
            domain: &self.claim.copy().lane.domain,
            helo: &self.settings.hostname,
            epoch: self.epoch,
            now: self.now,
        };
        (self.on_contact)();
        Live::new(session, purpose, address, self.observe)
    }
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
        let Work { plan, claim, settings, epoch, .. } = self.work;
        let domain = &claim.copy().lane.domain;
        let planned = plan.iter().find(|(hop, requirement)| {
            let places = Place::candidates(hop, requirement, domain, &settings.hostname);
            places.contains(&live.place)
        });
        let Some((_, requirement)) = planned else { return live.quit().await };
        if live.validity.epoch != epoch || !self.may_reuse(&live) {
            return live.quit().await;
        }
        if live.is_ready().await {
            self.speak(live, requirement, true).await;
        }
    }

    /// Whether a session may be used before any host was tried. One in clear text may
    /// not where another host could still take the message under TLS.
    fn may_reuse(&self, live: &Live) -> bool {
        let Some(why) = live.clear_because() else { return true };
        let last_resort = match why {
            NoTls::LevelPlain => false,
            NoTls::NotOffered | NoTls::Refused => {
                self.work.settings.opportunistic.prefer_tls == PreferTls::AnyMx
            }
            NoTls::HandshakeFailed => true,
        };
        self.may_go_clear(why) && !(last_resort && self.work.plan.len() > 1)
    }

    async fn pass_one(&mut self) {
        let mut worst = Worst::default();
        for (hop, requirement) in self.work.plan {
            if self.is_over() {
                return;
            }
            if worst.leaves_out(hop) {
                continue;
            }
            let found = destination::addresses(hop, self.work.resolver, self.work.settings).await;
            let addresses = match found {
                Ok(addresses) => addresses,
                Err(failure) => {
                    worst.learn(hop, &failure);
                    self.trial.failed(&hop.host, None, failure);
                    continue;
                }
            };
            for address in addresses {
                if self.is_over() || self.was_spoken_to(hop, address) {
                    break;
                }
                if self.known_broken(hop, address, requirement) {
                    continue;
                }
                if self.one_host(hop, address, requirement, &mut worst).await {
                    break;
                }
            }
        }
    }

    /// Leaves a host whose handshake is known to fail for pass 2, where the message may
    /// travel in clear text and no demand asks for more.
    fn known_broken(
        &mut self,
        hop: &'a NextHop,
        address: SocketAddr,
        requirement: &'a Requirement,
    ) -> bool {
        let requirement = match requirement {
            Requirement::Opportunistic(requirement) => requirement,
            Requirement::Enforced(_) => return false,
        };
        let why = NoTls::HandshakeFailed;
        let known = requirement.preference() == Preference::Try
            && self.may_go_clear(why)
            && self.work.broken_tls.is_broken(&hop.host, address, self.work.now);
        if known {
            self.candidates.push(Candidate { hop, address, requirement, why });
        }
        known
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
        worst: &mut Worst,
    ) -> bool {
        match self.work.opener().open(hop, address, requirement).await {
            Opened::Ready(session) => {
                let live = self.work.live(*session, hop, address, requirement);
                if live.is_secured() {
                    self.work.broken_tls.works(&hop.host, address);
                }
                self.speak(live, requirement, false).await;
                true
            }
            Opened::Failed { failure, clear } => {
                let reached = failure.stage > Stage::Banner || failure.why == Why::Loop;
                self.note_broken(hop, address, requirement, &failure);
                if let (Some(why), Requirement::Opportunistic(requirement)) = (clear, requirement) {
                    self.candidates.push(Candidate { hop, address, requirement, why });
                }
                worst.learn(hop, &failure);
                self.trial.failed(&hop.host, Some(address.to_string()), failure);
                reached
            }
        }
    }

    /// Remembers a handshake that failed. A certificate that was judged is no broken TLS
    /// (row B21), nor is a handshake that offered less because it wanted proof, nor a
    /// fault of ours.
    fn note_broken(
        &self,
        hop: &NextHop,
        address: SocketAddr,
        requirement: &Requirement,
        failure: &Failure,
    ) {
        let wants_proof = match requirement {
            Requirement::Opportunistic(_) => false,
            Requirement::Enforced(enforced) => enforced.needs_proof(),
        };
        if failure.stage == Stage::Tls && !wants_proof && !failure.why.is_ours() {
            self.work.broken_tls.failed(&hop.host, address, self.work.now);
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
            let greeted = match self.work.opener().greet(hop, address).await {
                Ok(greeted) => greeted,
                Err(failure) => {
                    self.trial.failed(&hop.host, Some(address.to_string()), failure);
                    continue;
                }
            };
            let session = Session::Clear(greeted.stay_clear(why));
            let requirement = Requirement::Opportunistic(requirement.clone());
            let live = self.work.live(session, hop, address, &requirement);
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
            if !live.is_secured() {
                spoken.said.iter_mut().for_each(|(_, said)| said.wait_for_tls());
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
        let tls = match &live.session {
            Session::Clear(_) => None,
            Session::Secured(conn) => conn.tls().map(TlsRecord::from),
        };
        let mut said = vec![None; self.work.claim.copy().recipients.len()];
        for (index, what) in spoken.said {
            if let Some(place) = said.get_mut(index) {
                *place = Some(what);
            }
        }
        self.trial.conversed(HostTry {
            host: live.host.clone(),
            address: Some(live.address.to_string()),
            tls,
            clear_because: live.clear_because(),
            detail: spoken.detail,
            reports: live.extensions().dsn,
            said,
        });
    }
}

#[cfg(test)]
mod tests;
