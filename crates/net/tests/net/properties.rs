//! Random demands against real handshakes: what a session does not satisfy, its peer
//! never hears of.
//!
//! A case opens a session under one set of demands and hands it a message with another,
//! as a pool that had lost its way would. The peers are in this process; what they show
//! is known beforehand, and the oracle goes by that, not by what we recorded.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_net::{
    conn::{Envelope, Job, Mail, Permit, Rcpt, Security, StartTls},
    dial::{Target, dial},
    tls::Connector,
};
use gatepost_policy::{
    evidence::NoTls,
    tls::{Level, Requirement},
};
use gatepost_testkit::{
    After220, Cert, Channel, Connection, FakeMx, Net, RunningMx, TestCa, Versions,
};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    command::{MailParams, RcptParams},
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::support::{HOST, PATIENT, requirement_of, trusting};

/// More than the handshakes that must be finished, as some peers never finish one.
const CASES: usize = 4_000;
const HANDSHAKES: usize = 2_000;
/// At once.
const TOGETHER: usize = 24;

/// What a peer is, as it was set up.
#[derive(Clone, Debug)]
struct Peer {
    script: FakeMx,
    /// Whether a handshake with it can succeed at all.
    shakes_hands: bool,
    /// Whether its certificate proves that it is the host.
    proves: bool,
}

fn peers() -> Vec<Peer> {
    let certs = [
        (Cert::Good, true),
        (Cert::Chain, true),
        (Cert::Names(vec!["*.d.test".into()]), true),
        (Cert::SelfSigned, false),
        (Cert::Expired, false),
        (Cert::Future, false),
        (Cert::WrongName, false),
        (Cert::OtherCa, false),
        (Cert::NoChain, false),
        (Cert::CnOnly, false),
        (Cert::ClientOnly, false),
        (Cert::Constrained, false),
        (Cert::Stolen, false),
    ];
    let mut all = Vec::new();
    for (cert, proves) in certs {
        // What a proof needs comes together less often than what spoils it.
        let versions = [Versions::Only12, Versions::Only13];
        for versions in versions.into_iter().cycle().take(if proves { 8 } else { 2 }) {
            for begins in [FakeMx::default().begins, FakeMx::implicit_tls().begins] {
                let script = FakeMx { cert: cert.clone(), versions, begins, ..FakeMx::default() };
                all.push(Peer { script, shakes_hands: true, proves });
            }
        }
    }
    let broken = [After220::Close, After220::Reset, After220::Alert(40)];
    let scripts = broken.map(FakeMx::breaking).into_iter();
    let refusing = [FakeMx::without_starttls(), FakeMx::answering_starttls("454 4.7.0 later")];
    // Each of them often enough to matter.
    for script in scripts.chain(refusing).cycle().take(15) {
        all.push(Peer { script, shakes_hands: false, proves: false });
    }
    all
}

#[derive(Clone, Debug)]
struct Case {
    number: usize,
    peer: usize,
    /// What the session is opened for.
    session: Vec<Level>,
    /// What the message demands.
    message: Vec<Level>,
}

fn case(peers: usize) -> impl Strategy<Value = Case> {
    let level = || prop::sample::select(&Level::ALL[..4]);
    let levels = move || prop::collection::vec(level(), 0..3);
    // Half of the messages go through a session that was opened for them.
    let message = prop_oneof![Just(None), levels().prop_map(Some)];
    (0..peers, levels(), message).prop_map(|(peer, session, message)| Case {
        number: 0,
        peer,
        message: message.unwrap_or_else(|| session.clone()),
        session,
    })
}

impl Case {
    /// The strictest demand that the peer, as it is, can meet when the session is opened so.
    fn reaches(&self, peer: &Peer) -> Option<Level> {
        let opened = self.session.iter().max().copied().unwrap_or(Level::Try);
        let implicit = peer.script.begins == FakeMx::implicit_tls().begins;
        if opened == Level::Verify {
            return peer.proves.then_some(Level::Verify);
        }
        if peer.shakes_hands && (opened != Level::Plain || implicit) {
            return Some(Level::Require);
        }
        // In clear text, where the session's own demands allow it. After a failed handshake
        // there is no session; refusing STARTTLS leaves one.
        let breaks = peer.script.after_220 != After220::Handshake;
        let clear = opened == Level::Plain || (opened == Level::Try && !breaks);
        clear.then_some(Level::Try)
    }

    fn may_pass(&self, peer: &Peer) -> bool {
        let wanted = self.message.iter().max().copied().unwrap_or(Level::Try);
        self.reaches(peer).is_some_and(|reached| wanted <= reached || wanted <= Level::Try)
    }

    /// Opens the session as it would be opened for mail with its demands, then hands it
    /// the message. Whether the message was let in.
    async fn run(&self, mx: &RunningMx, implicit: bool, connector: &Connector) -> bool {
        let (session, message) = (requirement_of(&self.session), requirement_of(&self.message));
        let target = Target { host: HOST.into(), address: mx.address(), source: None };
        let dialed = dial(target, &PATIENT).await.expect("loopback");
        if implicit {
            let conn = dialed.secure_at_once(connector, &session, "client.test").await;
            return match conn {
                Ok(conn) => self.under_tls(conn, message).await,
                Err(_) => false,
            };
        }
        let greeted = dialed.greet("client.test").await.expect("a greeting");
        let plain = self.session.iter().max() == Some(&Level::Plain);
        if plain || !greeted.extensions().starttls {
            return self.in_clear(greeted, &session, message, plain).await;
        }
        match greeted.starttls().await {
            Ok(StartTls::Ready(ready)) => match ready.handshake(connector, &session).await {
                Ok(conn) => self.under_tls(conn, message).await,
                Err(_) => false,
            },
            Ok(StartTls::Refused(greeted, _)) => {
                self.in_clear(greeted, &session, message, false).await
            }
            Err(_) => false,
        }
    }

    async fn in_clear(
        &self,
        greeted: gatepost_net::conn::Greeted,
        session: &Requirement,
        message: Requirement,
        plain: bool,
    ) -> bool {
        if session.is_enforced() {
            greeted.quit().await;
            return false;
        }
        let mut conn =
            greeted.stay_clear(if plain { NoTls::LevelPlain } else { NoTls::NotOffered });
        let admitted = match message {
            Requirement::Opportunistic(message) => {
                self.send(conn.admit(&Job::new(message, ()))).await;
                true
            }
            Requirement::Enforced(_) => false,
        };
        conn.quit().await;
        admitted
    }

    async fn under_tls(
        &self,
        mut conn: gatepost_net::conn::Conn<gatepost_net::conn::Secured>,
        message: Requirement,
    ) -> bool {
        let admitted = match message {
            Requirement::Opportunistic(message) => {
                self.send(conn.admit(&Job::new(message, ()))).await;
                true
            }
            Requirement::Enforced(message) => match conn.admit_enforced(&Job::new(message, ())) {
                Ok(permit) => {
                    self.send(permit).await;
                    true
                }
                Err(_) => false,
            },
        };
        conn.quit().await;
        admitted
    }

    async fn send<S: Security>(&self, permit: Permit<'_, S>) {
        let from = ReversePath::Mailbox(Mailbox::parse(&self.sender()).expect("an address"));
        let mail = Mail { from: &from, params: &MailParams::default(), size: 10 };
        let to = Mailbox::parse("b@d.test").expect("an address");
        let recipients = [Rcpt { to: &to, params: &RcptParams::default() }];
        let Ok(Envelope::Open { mut body, .. }) = permit.envelope(mail, &recipients).await else {
            panic!("{self:?}: the peer takes everything")
        };
        body.write(b"Subject: x\r\n\r\n").await.expect("written");
        assert!(body.finish().await.expect("an answer").is_positive());
    }

    fn sender(&self) -> String {
        format!("case-{}@a.test", self.number)
    }
}

/// By sender: the channel of every MAIL that any peer heard.
fn heard(connections: &[Connection]) -> BTreeMap<String, Channel> {
    let lines = connections.iter().flat_map(|connection| &connection.lines);
    let mails = lines.filter(|line| line.verb() == "MAIL");
    mails
        .map(|line| {
            let sender = line.text.split(['<', '>']).nth(1).unwrap_or_default();
            (sender.to_owned(), line.channel)
        })
        .collect()
}

#[tokio::test]
async fn a_peer_hears_of_no_message_that_its_session_does_not_satisfy() {
    let (ca, net, peers) = (TestCa::new(), Net::new(), Arc::new(peers()));
    let (connector, _roots) = trusting(&ca.roots_pem());
    let mut hosts = Vec::new();
    for peer in peers.iter() {
        let mx = peer.script.clone().start(HOST, net.next(), &ca).await.unwrap();
        hosts.push(Arc::new(mx));
    }
    let config = Config { failure_persistence: None, ..Config::default() };
    let (mut runner, strategy) = (TestRunner::new(config), case(peers.len()));
    let limit = Arc::new(Semaphore::new(TOGETHER));
    let mut running = JoinSet::new();
    for number in 0..CASES {
        let case = Case { number, ..strategy.new_tree(&mut runner).unwrap().current() };
        let permit = limit.clone().acquire_owned().await.unwrap();
        let (mx, peers, connector) = (hosts[case.peer].clone(), peers.clone(), connector.clone());
        running.spawn(async move {
            let implicit = peers[case.peer].script.begins == FakeMx::implicit_tls().begins;
            let admitted = Box::pin(case.run(&mx, implicit, &connector)).await;
            drop(permit);
            (case, admitted)
        });
    }
    let outcomes = running.join_all().await;
    for mx in &hosts {
        let closed = |all: &[Connection]| all.iter().all(|connection| connection.closed);
        assert!(mx.until(PATIENT.command, closed).await, "a connection is still open");
    }
    let connections: Vec<Connection> = hosts.iter().flat_map(|mx| mx.connections()).collect();
    let heard = heard(&connections);
    let (mut refused, mut tls, mut clear, mut proven) = (0, 0, 0, 0);
    for (case, admitted) in outcomes {
        let peer = &peers[case.peer];
        let channel = heard.get(&case.sender()).copied();
        assert_eq!(channel.is_some(), case.may_pass(peer), "heard: {case:?} {peer:#?}");
        assert_eq!(admitted, case.may_pass(peer), "let in: {case:?} {peer:#?}");
        let wanted = case.message.iter().max().copied().unwrap_or(Level::Try);
        assert!(channel != Some(Channel::Clear) || wanted <= Level::Try, "{case:?}");
        match channel {
            None => refused += 1,
            Some(Channel::Clear) => clear += 1,
            Some(Channel::Tls) => tls += 1,
        }
        proven += usize::from(channel.is_some() && wanted == Level::Verify);
    }
    let handshakes = connections.iter().filter(|connection| connection.tls.is_some()).count();
    println!(
        "{refused} refused, {tls} under TLS ({proven} proven), {clear} in clear; \
         {handshakes} finished handshakes"
    );
    // That a refusal and every kind of admission were looked at.
    assert_eq!(refused + tls + clear, CASES);
    assert!(refused > CASES / 10 && tls > CASES / 10 && clear > CASES / 100);
    assert!(proven > CASES / 50 && handshakes >= HANDSHAKES, "{proven} and {handshakes}");
}
