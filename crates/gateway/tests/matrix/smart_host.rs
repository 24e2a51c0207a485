//! Smart hosts: outbound mail that goes elsewhere than to MX, with a login and with TLS from the first byte. The rows of
//! other groups that need one stand here too.

use gatepost_policy::evidence::{Attempt, Ending, Why};
use gatepost_policy::tls::Level;
use gatepost_testkit::mx::After220;
use gatepost_testkit::{Cert, Channel, FakeMx, RunningMx};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule, require};

/// What must never be seen in clear.
const PASSWORD: &str = "correct horse";
/// The same in base64, as AUTH LOGIN sends it, and a piece of what AUTH PLAIN sends for `acme`.
const ENCODED: [&str; 2] = ["Y29ycmVjdCBob3JzZQ==", "AGFjbWUA"];

/// A smart host at `relay`, for these domains, with more lines.
fn smart_host(domains: &str, relay: &RunningMx, more: &str) -> String {
    format!(
        "[[smart_host]]\ndomains = {domains}\nhost = \"relay.test\"\nport = {}\n{more}\n",
        relay.address().port()
    )
}

const LOGIN: &str = "username = \"acme\"\npassword_file = \"relay.password\"\n";

/// A world with the smart host `relay.test` for everything outside, a password for it, and these rules.
async fn relayed(script: FakeMx, more: &str, rules: &str) -> (World, std::sync::Arc<RunningMx>) {
    let mut world = World::new().await;
    let relay = world.mx("relay.test", script).await;
    world.file("relay.password", &format!("{PASSWORD}\n"));
    let policy = format!("{}{rules}", smart_host("[\"*\"]", &relay, more));
    world.start(Setup::with(policy)).await;
    (world, relay)
}

/// Neither the password nor a message was seen in clear.
fn nothing_in_clear(relay: &RunningMx) {
    for connection in relay.connections() {
        let clear = String::from_utf8_lossy(&connection.clear_bytes).into_owned();
        for secret in [PASSWORD, ENCODED[0], ENCODED[1], "AUTH", "MAIL"] {
            assert!(!clear.contains(secret), "{secret:?} in {clear:?}");
        }
        assert!(connection.logins.iter().all(|login| login.channel == Channel::Tls));
    }
    assert!(relay.messages().iter().all(|message| message.channel == Channel::Tls));
}

#[tokio::test]
async fn b22_smart_host_with_a_login_that_breaks_tls_is_never_told_anything_in_clear() {
    let script = FakeMx { after_220: After220::Close, ..FakeMx::with_auth("PLAIN", "PLAIN LOGIN") };
    let (world, relay) = relayed(script, LOGIN, "").await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!((attempt.outcome, attempt.status.as_str()), (Ending::Deferred, "4.7.5"));
    assert_eq!(attempt.level, Level::Require);
    assert_eq!(attempt.decided_by.login.as_deref(), Some("relay.test"));
    assert_eq!(relay.connections().len(), 1, "no second connection in clear");
    world.next_attempt("b@d.test", 2).await;
    nothing_in_clear(&relay);
    world.finish().await;
}

#[tokio::test]
async fn c20_smart_host_with_tls_from_the_first_byte_is_never_sent_starttls() {
    let (world, relay) = relayed(FakeMx::implicit_tls(), "implicit_tls = true", &require()).await;
    world.send_one("b@d.test").await.is_sent_tls();
    let seen = &relay.connections()[0];
    assert!(seen.clear_bytes.is_empty(), "{:?}", seen.clear_bytes);
    let verbs = seen.verbs(Channel::Tls);
    assert!(verbs.starts_with(&["EHLO".into(), "MAIL".into()]), "{verbs:?}");
    assert!(!verbs.contains(&"STARTTLS".to_owned()));
    assert_eq!(seen.sni.as_deref(), Some("relay.test"));
    world.finish().await;
}

#[tokio::test]
async fn tls_from_the_first_byte_that_fails_leaves_nothing_to_fall_back_to() {
    // A host that expects STARTTLS: it says its banner, and never takes a ClientHello for one.
    let (world, relay) = relayed(FakeMx::default(), "implicit_tls = true", "").await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!((attempt.outcome, attempt.status.as_str()), (Ending::Deferred, "4.7.5"));
    assert_eq!(attempt.level, Level::Require);
    assert!(relay.messages().is_empty());
    nothing_in_clear(&relay);
    world.finish().await;
}

#[tokio::test]
async fn l16_login_that_is_offered_in_clear_alone_is_not_used() {
    let (world, relay) = relayed(FakeMx::with_auth("PLAIN LOGIN", ""), LOGIN, "").await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.0", Why::AuthUnavailable);
    assert!(relay.connections()[0].logins.is_empty() && relay.messages().is_empty());
    nothing_in_clear(&relay);
    world.finish().await;

    let script = FakeMx { starttls: "502 5.5.1 no".into(), ..FakeMx::with_auth("PLAIN", "") };
    let (world, relay) = relayed(script, LOGIN, "").await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!((attempt.outcome, attempt.status.as_str()), (Ending::Deferred, "4.7.4"));
    nothing_in_clear(&relay);
    world.finish().await;
}

#[tokio::test]
async fn smart_host_for_everybody_takes_mail_after_a_login() {
    for (offered, mechanism) in [("PLAIN LOGIN", "PLAIN"), ("LOGIN", "LOGIN")] {
        let (mut world, relay) = relayed(FakeMx::with_auth("", offered), LOGIN, "").await;
        for recipient in ["b@d.test", "c@e.test"] {
            world.expected.fields.insert(recipient.to_owned(), vec!["x-TLSLevel: Try".to_owned()]);
            let attempt = world.send_one(recipient).await;
            attempt.is_sent_tls();
            assert_eq!(attempt.host.as_deref(), Some("relay.test"));
        }
        for connection in relay.connections() {
            let [login] = connection.logins.as_slice() else { panic!("{:?}", connection.logins) };
            assert_eq!(login.mechanism, mechanism);
            assert_eq!((login.username.as_str(), login.password.as_str()), ("acme", PASSWORD));
            assert!(login.accepted);
        }
        nothing_in_clear(&relay);
        world.finish().await;
    }
}

#[tokio::test]
async fn login_over_tls_from_the_first_byte_works_too() {
    let script = FakeMx { begins: FakeMx::implicit_tls().begins, ..FakeMx::with_auth("", "PLAIN") };
    let more = format!("implicit_tls = true\n{LOGIN}");
    let (mut world, relay) = relayed(script, &more, "").await;
    world.expected.fields.insert("b@d.test".to_owned(), vec!["x-TLSLevel: Try".to_owned()]);
    world.send_one("b@d.test").await.is_sent_tls();
    assert!(relay.connections()[0].clear_bytes.is_empty());
    assert_eq!(relay.connections()[0].logins.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn mail_waits_for_a_password_that_cannot_be_read_and_goes_once_it_can() {
    let (mut world, relay) = relayed(FakeMx::with_auth("", "PLAIN"), LOGIN, "").await;
    world.file("relay.password", "");
    world.expected.fields.insert("b@d.test".to_owned(), vec!["x-TLSLevel: Try".to_owned()]);
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.3.5", Why::PolicyBroken);
    assert!(relay.connections().iter().all(|seen| seen.logins.is_empty()));
    world.file("relay.password", PASSWORD);
    world.next_attempt("b@d.test", 2).await.is_sent_tls();
    world.finish().await;
}

#[tokio::test]
async fn refused_login_waits_and_no_mail_is_given() {
    let refusing = FakeMx { auth: "535 5.7.8 no".into(), ..FakeMx::with_auth("", "PLAIN") };
    let (world, relay) = relayed(refusing, LOGIN, "").await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!((attempt.outcome, attempt.why), (Ending::Deferred, Some(Why::RemoteReply)));
    assert!(relay.messages().is_empty());
    nothing_in_clear(&relay);
    world.finish().await;
}

#[tokio::test]
async fn the_smart_host_that_fits_best_is_taken_and_other_mail_goes_by_mx() {
    let mut world = World::new().await;
    let relay = world.mx("relay.test", FakeMx::default()).await;
    let site = world.site("d.test", FakeMx::default()).await;
    // Not asked for: a domain with a smart host needs no MX.
    let rules = smart_host("[\"e.test\", \".d.test\"]", &relay, "");
    world.start(Setup::with(rules)).await;
    for (recipient, host) in
        [("b@d.test", "mx.d.test"), ("b@sub.d.test", "relay.test"), ("b@e.test", "relay.test")]
    {
        let attempt = world.send_one(recipient).await;
        attempt.is_sent_tls();
        assert_eq!(attempt.host.as_deref(), Some(host), "{recipient}");
    }
    assert_eq!((relay.messages().len(), site.messages().len()), (2, 1));
    world.finish().await;
}

#[tokio::test]
async fn mail_for_an_address_goes_where_all_mail_goes() {
    let (mut world, relay) = relayed(FakeMx::default(), "tls = \"require\"", "").await;
    let recipient = "b@[127.0.0.77]";
    world.expected.fields.insert(recipient.to_owned(), vec!["x-TLSLevel: Try".to_owned()]);
    let attempt = world.send_one(recipient).await;
    attempt.is_sent_tls();
    assert_eq!((attempt.host.as_deref(), attempt.level), (Some("relay.test"), Level::Require));
    assert_eq!(relay.messages().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn mail_waits_for_a_smart_host_without_an_address() {
    let mut world = World::new().await;
    let relay = world.mx("relay.test", FakeMx::default()).await;
    let typo = smart_host("[\"*\"]", &relay, "").replace("relay.test", "rellay.test");
    world.start(Setup::with(typo)).await;
    world.send_one("b@d.test").await.is_deferred("4.4.3", Why::DnsFail);
    world.apply(&smart_host("[\"*\"]", &relay, "")).await;
    world.next_attempt("b@d.test", 2).await.is_sent_tls();
    world.finish().await;
}

#[tokio::test]
async fn mail_for_our_own_domains_never_goes_to_a_smart_host() {
    let (world, relay) = relayed(FakeMx::default(), "", "").await;
    let attempt: Attempt = world.send_one("c@acme.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.host.as_deref(), Some("mail.acme.test"));
    assert!(relay.connections().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn level_of_the_smart_host_and_of_the_message_hold_both() {
    let verify = header_rule("Verified TLS", None, "x-TLSLevel:Verify");
    for (more, rules, by_route) in
        [("tls = \"verify\"", String::new(), true), ("tls = \"plain\"", verify, false)]
    {
        let (world, relay) = relayed(FakeMx::with_cert(Cert::WrongName), more, &rules).await;
        let attempt = world.send_one("b@d.test").await;
        attempt.is_deferred("4.7.5", Why::CertName);
        assert_eq!(attempt.level, Level::Verify);
        assert_eq!(attempt.decided_by.route.as_deref() == Some("relay.test"), by_route);
        assert!(relay.messages().is_empty());
        world.finish().await;
    }
}
