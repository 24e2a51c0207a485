use gatepost_policy::tls::{Level, Login};

use super::*;
use crate::{
    probe::{asked, bare},
    samples,
};

fn requirement(level: Level) -> Requirement {
    bare(&[asked(level)]).unwrap()
}

fn problem(stage: Stage, why: Why) -> Problem {
    Problem::new(stage, why, "")
}

fn seen(met: Met) -> Seen {
    Seen { extensions: vec![], takes_login: false, met }
}

fn broken() -> Seen {
    let failed = problem(Stage::Tls, Why::TlsAlert);
    let handshakes = Handshakes { observed: Err(failed.clone()), proven: Err(failed) };
    seen(Met::Tls(Box::new(handshakes)))
}

fn without_offer() -> Seen {
    let problem = problem(Stage::Ehlo, Why::StartTlsNotOffered);
    seen(Met::NoTls { why: NoTls::NotOffered, problem, for_now: false })
}

fn place(host: &str, preference: u16, found: Result<Seen, Problem>) -> Place {
    let address = SocketAddr::from(([192, 0, 2, 1], 25));
    let found = found.map(|seen| vec![(address, Arc::new(seen))]);
    Place { hop: NextHop::mx(host.to_owned(), 25, preference), found }
}

fn judged(places: &[Place], level: Level, settings: &DeliverySettings) -> Verdict {
    verdict(places, &vec![requirement(level); places.len()], settings)
}

#[test]
fn after_a_failed_handshake_the_settings_decide_about_clear_text() {
    let places = [place("mx.d.test", 10, Ok(broken()))];
    let mut settings = samples::settings();
    let at_once = judged(&places, Level::Try, &settings);
    assert_eq!(at_once.clear_because, Some(NoTls::HandshakeFailed));
    assert!(!at_once.text.contains("first attempt"), "{}", at_once.text);
    settings.opportunistic.fallback = TryFallback::AfterBackoff;
    let later = judged(&places, Level::Try, &settings);
    assert!(later.passes, "{later:?}");
    assert!(later.text.contains("after a first attempt that waits"), "{}", later.text);
    settings.opportunistic.fallback = TryFallback::Never;
    let never = judged(&places, Level::Try, &settings);
    assert_eq!((never.passes, never.why), (false, Some(Why::TlsAlert)));
    assert!(judged(&places, Level::Plain, &settings).passes, "plain does not try");
}

#[test]
fn the_host_that_got_furthest_says_why() {
    let places = [
        place("mx1.d.test", 10, Ok(without_offer())),
        place("mx2.d.test", 20, Ok(broken())),
        place("mx3.d.test", 30, Err(problem(Stage::Dns, Why::DnsFail))),
    ];
    let verdict = judged(&places, Level::Require, &samples::settings());
    assert_eq!((verdict.host.as_deref(), verdict.why), (Some("mx2.d.test"), Some(Why::TlsAlert)));
    assert_eq!(verdict.text, "would wait: mx2.d.test failed the TLS handshake");
    let bounce = EnforcedFailure::Bounce;
    let settings = DeliverySettings { enforced_failure: bounce, ..samples::settings() };
    assert!(judged(&places, Level::Require, &settings).text.starts_with("would bounce"));
}

#[test]
fn where_we_are_an_mx_ourselves_worse_hosts_are_left_out() {
    let ourselves = || Err(problem(Stage::Dns, Why::Loop));
    let first =
        [place("mx1.d.test", 10, ourselves()), place("mx2.d.test", 20, Ok(without_offer()))];
    let verdict = judged(&first, Level::Try, &samples::settings());
    assert_eq!((verdict.passes, verdict.why), (false, Some(Why::Loop)));
    assert!(verdict.text.starts_with("would bounce"), "{}", verdict.text);
    let second =
        [place("mx1.d.test", 10, Ok(without_offer())), place("mx2.d.test", 20, ourselves())];
    assert!(judged(&second, Level::Try, &samples::settings()).passes);
}

#[test]
fn a_host_that_wants_a_login_and_offers_none_takes_nothing() {
    let mut hop = NextHop::mx("relay.test".to_owned(), 587, 0);
    hop.login = Some(Login { username: "acme".into(), password_file: "password".into() });
    let way = logged_in(&broken(), &hop);
    assert!(matches!(&way, Way::No(problem) if problem.why == Why::AuthUnavailable), "{way:?}");
    assert_eq!(logged_in(&Seen { takes_login: true, ..broken() }, &hop), Way::Tls);
    hop.login = None;
    assert_eq!(logged_in(&broken(), &hop), Way::Tls);
}
