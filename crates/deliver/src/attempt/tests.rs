//! The attempt against fake hosts on loopback, with a kept session handed in.

use std::time::Duration;

use gatepost_net::tls::Roots;
use gatepost_policy::tls::{Level, PlanInput, TlsPolicies, UnknownLevel, plan};
use gatepost_testkit::{Channel, FakeDns, FakeMx, Net, RunningMx, TestCa};

use super::*;
use crate::samples::{ACCEPTED, claimed, memory, settings};

#[derive(Debug)]
struct Silent;

impl Observe for Silent {
    fn attempted(&self, _: &gatepost_policy::evidence::Attempt, _: Duration) {}
    fn sessions(&self, _: i64) {}
    fn session_given_up(&self, _: &'static str) {}
    fn starttls_stripped(&self, _: gatepost_policy::id::MessageId, _: &str, _: SocketAddr) {}

    fn alert(&self, _: &crate::alert::Alert) {}
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn password(&self, file: &str) -> Result<gatepost_net::auth::Password, String> {
        Err(format!("there is no {file}"))
    }
}

struct Bench {
    mx: RunningMx,
    settings: DeliverySettings,
    connector: Connector,
    observe: Arc<dyn Observe>,
    broken_tls: BrokenTls,
}

impl Bench {
    async fn with(script: FakeMx) -> Self {
        let ca = TestCa::new();
        let net = Net::new();
        let mx = script.start("mx.d.test", net.next(), &ca).await.unwrap();
        Self {
            settings: DeliverySettings { port: mx.address().port(), ..settings() },
            mx,
            connector: Connector::new(&Roots::System),
            observe: Arc::new(Silent),
            broken_tls: BrokenTls::default(),
        }
    }

    async fn run(&self, level: Level, kept: Option<Kept>) -> (Trial, Option<Live>) {
        let store = memory();
        let claim = claimed(&store, level).await;
        let address = self.mx.address();
        let hop = NextHop::mx(address.ip().to_string(), address.port(), 0);
        let demands = claim.copy().demands.clone();
        let input = PlanInput {
            demands: &demands,
            unknown: UnknownLevel::Require,
            hosts: &[hop],
            domain: &claim.copy().lane.domain,
            policies: &TlsPolicies::default(),
            now: ACCEPTED,
        };
        let plan = plan(input).unwrap().attempts;
        let dns = FakeDns::new();
        let work = Work {
            claim: &claim,
            dispatch: &store,
            resolver: &dns,
            connector: &self.connector,
            settings: &self.settings,
            secrets: &NoSecrets,
            observe: &self.observe,
            broken_tls: &self.broken_tls,
            on_contact: &|| {},
            plan: &plan,
            epoch: 0,
            now: Duration::ZERO,
        };
        let kept = kept.map(|kept| kept.into_live(&plan, &claim, &self.settings.hostname));
        let Ran { trial, live, damaged } = run(work, kept).await;
        assert!(!damaged);
        (trial, live)
    }
}

/// A session that is handed in.
enum Kept {
    /// As it is.
    Right(Live),
    /// As a pool would that has mistaken it for one of the message's own.
    Mistaken(Live),
}

impl Kept {
    fn into_live(self, plan: &[(NextHop, Requirement)], claim: &Claim, helo: &str) -> Live {
        match self {
            Self::Right(live) => live,
            Self::Mistaken(mut live) => {
                let (hop, requirement) = &plan[0];
                let domain = &claim.copy().lane.domain;
                let [own, _] = Place::candidates(hop, requirement, domain, helo);
                live.place = own;
                live
            }
        }
    }
}

fn why(trial: &Trial) -> Option<Why> {
    match trial.deciding(0)?.1 {
        Said::Waits { why, .. } => Some(*why),
        Said::Accepted { .. } | Said::Refused { .. } => None,
    }
}

#[tokio::test]
async fn j15_a_clear_session_that_is_handed_to_an_enforced_message_carries_nothing() {
    let bench = Bench::with(FakeMx::without_starttls()).await;
    let (trial, clear) = bench.run(Level::Try, None).await;
    assert!(trial.is_settled());
    assert!(matches!(clear.as_ref().unwrap().session, Session::Clear(_)));

    let (trial, _) = bench.run(Level::Require, clear.map(Kept::Mistaken)).await;

    let first = match &trial.tries.first().unwrap().said[0] {
        Some(Said::Waits { why, status, .. }) => (*why, status.as_str()),
        other => panic!("{other:?}"),
    };
    assert_eq!(first, (Why::GuardTripped, "4.3.0"));
    assert!(!trial.is_settled());
    let mails = bench
        .mx
        .connections()
        .iter()
        .flat_map(|connection| connection.lines.clone())
        .filter(|line| line.verb() == "MAIL" && line.channel == Channel::Clear)
        .count();
    assert_eq!(mails, 1, "only the opportunistic message was ever announced in clear text");
}

#[tokio::test]
async fn a_kept_session_carries_the_next_message_of_the_lane() {
    let bench = Bench::with(FakeMx::default()).await;
    let (trial, live) = bench.run(Level::Require, None).await;
    assert!(trial.is_settled());
    let (trial, live) = bench.run(Level::Require, live.map(Kept::Right)).await;
    assert!(trial.is_settled());
    assert_eq!(live.unwrap().carried, 2);
    assert_eq!(bench.mx.connections().len(), 1);
    assert_eq!(bench.mx.messages().len(), 2);
}

#[tokio::test]
async fn a_kept_session_that_is_gone_blames_no_host() {
    let mut bench = Bench::with(FakeMx::default()).await;
    let (_, live) = bench.run(Level::Require, None).await;
    bench.mx.stop().await;
    let (trial, _) = bench.run(Level::Require, live.map(Kept::Right)).await;
    assert_eq!(trial.tries.len(), 1, "only the new connection was a try: {:?}", trial.tries);
    assert_eq!(why(&trial), Some(Why::ConnectRefused));
}

#[tokio::test]
async fn a_session_of_another_kind_or_epoch_is_not_used() {
    let bench = Bench::with(FakeMx::default()).await;
    let (_, opportunistic) = bench.run(Level::Try, None).await;
    let (trial, required) = bench.run(Level::Require, opportunistic.map(Kept::Right)).await;
    assert!(trial.is_settled());
    assert_eq!(bench.mx.connections().len(), 2);
    let mut old = required.unwrap();
    old.validity.epoch = 7;
    let (trial, _) = bench.run(Level::Require, Some(Kept::Right(old))).await;
    assert!(trial.is_settled());
    assert_eq!(bench.mx.connections().len(), 3);
}
