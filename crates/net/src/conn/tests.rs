//! The writer's door under random demands, sessions and peers: what is refused, the
//! peer never hears of, and a demand more never admits what was refused before.
//!
//! The session's record is made up here, which nothing outside this crate can do; the
//! socket, the door and the peer's side of it are real. What must happen is said by an
//! oracle that shares no code with the guard.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    io,
    time::Duration,
};

use gatepost_policy::tls::{
    Asked, Demand, Enforced, Level, Login, NextHop, PlanInput, Proof, Source, TlsPolicies,
    UnknownLevel, VerifiedBy, plan,
};
use gatepost_wire::{
    address::{AddressDomain, Mailbox, ReversePath},
    command::{MailParams, RcptParams},
    timestamp::Timestamp,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::net::{TcpListener, TcpSocket};

use super::*;

/// Each goes through the door twice: with its demands, and with one more.
const CASES: u32 = 100_000;

/// What decides about a message, and the session that it is to go through.
#[derive(Clone, Debug)]
struct Case {
    demands: Vec<Demand>,
    more: More,
    unknown: UnknownLevel,
    /// `None` in clear text; else whether a chain and a name were proven.
    session: Option<bool>,
    observed: VerifiedBy,
    pipelining: bool,
    /// What the peer says to MAIL.
    reply: &'static str,
}

/// One demand more, from wherever one can come.
#[derive(Clone, Debug)]
enum More {
    Demand(Demand),
    Route(Level),
    Login,
}

fn demand() -> impl Strategy<Value = Demand> {
    let source = prop_oneof![
        Just(Source::Default),
        Just(Source::Submitted { field: "x-TLSLevel: x".into() }),
        "[a-c]".prop_map(|rule| Source::Rule { rule, field: "x-TLSLevel: x".into() }),
        "[a-c]".prop_map(|domain| Source::TlsPolicy { domain }),
    ];
    (asked(), source).prop_map(|(asked, source)| Demand { asked, source })
}

fn asked() -> impl Strategy<Value = Asked> {
    let word = prop_oneof![
        3 => Just(Level::Plain),
        4 => Just(Level::Try),
        2 => Just(Level::Require),
        2 => Just(Level::Verify),
        1 => prop::sample::select(&[Level::Secure, Level::Dane][..]),
    ];
    prop_oneof![20 => word.prop_map(Asked::Level), 1 => Just(Asked::Unknown("Requre".into()))]
}

fn case() -> impl Strategy<Value = Case> {
    let more = prop_oneof![
        4 => demand().prop_map(More::Demand),
        1 => prop::sample::select(&Level::ALL[..]).prop_map(More::Route),
        1 => Just(More::Login),
    ];
    let unknown = prop::sample::select(&[UnknownLevel::Require, UnknownLevel::Defer][..]);
    let observed = prop::sample::select(&[VerifiedBy::None, VerifiedBy::WebPki][..]);
    let reply = prop::sample::select(&["250 2.1.0 ok", "450 4.7.1 later", "550 5.7.1 no"][..]);
    let session = prop_oneof![1 => Just(None), 2 => any::<bool>().prop_map(Some)];
    let demands = prop::collection::vec(demand(), 0..4);
    (demands, more, unknown, session, observed, any::<bool>(), reply).prop_map(
        |(demands, more, unknown, session, observed, pipelining, reply)| Case {
            demands,
            more,
            unknown,
            session,
            observed,
            pipelining,
            reply,
        },
    )
}

impl Case {
    fn record(&self, proven: bool) -> SessionRecord {
        SessionRecord {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_128_GCM_SHA256".into(),
            certificate_sha256: None,
            proofs: if proven { BTreeSet::from([Proof::PkixMx]) } else { BTreeSet::new() },
            verified_by: self.observed,
            not_after: None,
            certificate: None,
        }
    }

    /// What the gateway makes of the demands; `None` where they cannot be judged.
    fn requirement(&self, with_more: bool) -> Option<Requirement> {
        let (mut demands, mut hop) = (self.demands.clone(), NextHop::mx("mx.test".into(), 25, 10));
        match self.more.clone() {
            _ if !with_more => {}
            More::Demand(demand) => demands.push(demand),
            More::Route(level) => hop.route_level = Some(level),
            More::Login => {
                hop.login = Some(Login { username: "u".into(), password_file: "p".into() });
            }
        }
        let input = PlanInput {
            demands: &demands,
            unknown: self.unknown,
            hosts: &[hop],
            domain: &AddressDomain::parse("d.test").unwrap(),
            policies: &TlsPolicies::default(),
            now: Timestamp::from_millis(0),
        };
        plan(input).ok().map(|mut plan| plan.attempts.remove(0).1)
    }

    /// Whether the message may go through the session, from the levels' own meaning.
    fn may_pass(&self, with_more: bool) -> bool {
        let mut levels: Vec<Option<Level>> = self.demands.iter().map(|d| self.meant(d)).collect();
        match &self.more {
            _ if !with_more => {}
            More::Demand(demand) => levels.push(self.meant(demand)),
            More::Route(level) => levels.push(Some(*level)),
            More::Login => levels.push(Some(Level::Require)),
        }
        levels.into_iter().all(|level| match level {
            Some(Level::Plain | Level::Try) => true,
            Some(Level::Require) => self.session.is_some(),
            Some(Level::Verify) => self.session == Some(true),
            Some(Level::Secure | Level::Dane) | None => false,
        })
    }

    fn meant(&self, demand: &Demand) -> Option<Level> {
        match (&demand.asked, self.unknown) {
            (Asked::Level(level), _) => Some(*level),
            (Asked::Unknown(_), UnknownLevel::Require) => Some(Level::Require),
            (Asked::Unknown(_), UnknownLevel::Defer) => None,
        }
    }
}

/// Both ends of a connection. The line is taken out while it is in use.
struct Door {
    line: Option<Line>,
    peer: TcpStream,
}

impl Door {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) =
            tokio::join!(TcpSocket::new_v4().unwrap().connect(address), listener.accept());
        let limit = Duration::from_secs(20);
        let timeouts = Timeouts { connect: limit, tls: limit, command: limit };
        let target = Target { host: "mx.test".into(), address, source: None };
        let ours = ours.unwrap();
        ours.set_nodelay(true).unwrap();
        let peer = theirs.unwrap().0;
        peer.set_nodelay(true).unwrap();
        Self { line: Some(Line::new(Io::plain(ours), target, timeouts)), peer }
    }

    /// Tries to send a message; whether it was let in, and every line the peer heard.
    async fn through(&mut self, case: &Case, with_more: bool) -> (bool, Vec<String>) {
        let Some(requirement) = case.requirement(with_more) else { return (false, Vec::new()) };
        let line = self.line.take().unwrap();
        let extensions = Extensions { pipelining: case.pipelining, ..Extensions::none() };
        let mut heard = Vec::new();
        let admitted = match case.session {
            None => {
                let security = Clear { why: NoTls::NotOffered };
                let mut conn = Conn { line, extensions, security };
                let admitted = match requirement {
                    Requirement::Opportunistic(requirement) => {
                        let job = Job::new(requirement, ());
                        self.send(conn.admit(&job), case.reply, &mut heard).await;
                        true
                    }
                    // There is nothing to call: see the crate's `compile_fail` examples.
                    Requirement::Enforced(_) => false,
                };
                self.line = Some(conn.line);
                admitted
            }
            Some(proven) => {
                let security = Secured { record: case.record(proven) };
                let mut conn = Conn { line, extensions, security };
                let admitted = match requirement {
                    Requirement::Opportunistic(requirement) => {
                        let job = Job::new(requirement, ());
                        self.send(conn.admit(&job), case.reply, &mut heard).await;
                        true
                    }
                    Requirement::Enforced(requirement) => {
                        self.enforced(&mut conn, requirement, case.reply, &mut heard).await
                    }
                };
                self.line = Some(conn.line);
                admitted
            }
        };
        self.overhear(&mut heard);
        (admitted, heard)
    }

    async fn enforced(
        &self,
        conn: &mut Conn<Secured>,
        requirement: Enforced,
        reply: &str,
        heard: &mut Vec<String>,
    ) -> bool {
        let job = Job::new(requirement, ());
        let Ok(permit) = conn.admit_enforced(&job) else { return false };
        self.send(permit, reply, heard).await;
        true
    }

    /// An envelope whose only recipient is refused, so that the session stays open.
    async fn send<S: Security>(&self, permit: Permit<'_, S>, reply: &str, heard: &mut Vec<String>) {
        let (from, to) = (ReversePath::Null, Mailbox::parse("b@d.test").unwrap());
        let mail = Mail { from: &from, params: &MailParams::default(), size: 1 };
        let params = RcptParams::default();
        let recipients = [Rcpt { to: &to, params: &params }];
        tokio::select! {
            envelope = permit.envelope(mail, &recipients) => {
                assert!(matches!(envelope, Ok(Envelope::Refused { .. })), "{envelope:?}");
            }
            () = self.answer(reply, heard) => panic!("the connection ended"),
        }
    }

    /// The peer: hears lines and answers them.
    async fn answer(&self, mail: &str, heard: &mut Vec<String>) {
        let mut held = String::new();
        loop {
            self.peer.readable().await.unwrap();
            let mut bytes = [0; 512];
            match self.peer.try_read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => held.push_str(std::str::from_utf8(&bytes[..read]).unwrap()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => return,
            }
            while let Some((line, rest)) = held.split_once("\r\n") {
                let reply = match line.get(..4) {
                    Some("MAIL") => mail,
                    Some("RCPT") => "550 5.1.1 no",
                    Some("RSET") => "250 2.0.0 ok",
                    _ => "503 5.5.1 no",
                };
                heard.push(line.to_owned());
                held = rest.to_owned();
                let reply = format!("{reply}\r\n");
                assert_eq!(self.peer.try_write(reply.as_bytes()).unwrap(), reply.len());
            }
        }
    }

    /// What has reached the peer and was not heard yet.
    fn overhear(&self, heard: &mut Vec<String>) {
        let mut bytes = [0; 512];
        while let Ok(read @ 1..) = self.peer.try_read(&mut bytes) {
            heard.push(String::from_utf8_lossy(&bytes[..read]).into_owned());
        }
    }
}

#[test]
fn a_message_that_its_session_does_not_satisfy_is_never_begun_and_a_demand_more_admits_no_more() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let door = RefCell::new(runtime.block_on(Door::new()));
    let counted = |cell: &Cell<u32>| cell.set(cell.get() + 1);
    let (admitted, refused, turned) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let unproven = Cell::new(0);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&case(), |case| {
        let mut passed = [false; 2];
        for with_more in [false, true] {
            // A case that failed, which is shrunk next, may have left the line behind.
            if door.borrow().line.as_ref().is_none_or(|line| line.state == line::State::Broken) {
                door.replace(runtime.block_on(Door::new()));
            }
            let through = runtime.block_on(door.borrow_mut().through(&case, with_more));
            let (may_pass, begun) =
                (case.may_pass(with_more), through.1.iter().any(|line| line.contains("MAIL")));
            prop_assert_eq!(through.0, may_pass, "the guard, with one more: {}", with_more);
            prop_assert_eq!(begun, may_pass, "what the peer heard: {:?}", through.1);
            if !may_pass {
                prop_assert!(through.1.is_empty(), "{:?}", through.1);
            }
            counted(if may_pass { &admitted } else { &refused });
            if !may_pass && case.session == Some(false) {
                counted(&unproven);
            }
            passed[usize::from(with_more)] = through.0;
        }
        prop_assert!(passed[0] || !passed[1], "a demand more admitted what was refused");
        if passed[0] && !passed[1] {
            counted(&turned);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // That a refusal, an admission and a change from one to the other were all looked at.
    let (admitted, refused, turned) = (admitted.get(), refused.get(), turned.get());
    println!("{admitted} admitted, {refused} refused, {turned} refused for one demand more");
    assert_eq!(admitted + refused, 2 * CASES);
    assert!(admitted > CASES / 4 && refused > CASES / 4, "{admitted} and {refused}");
    assert!(turned > CASES / 50, "{turned}");
    assert!(unproven.get() > CASES / 20, "{}", unproven.get());
}
