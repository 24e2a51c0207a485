//! TLS with the first byte, and logins.

use gatepost_net::{
    auth::{Credentials, Password},
    conn::{Conn, Secured},
    dial::dial,
    failure::Failure,
};
use gatepost_policy::{
    evidence::{Stage, Why},
    tls::{Level, VerifiedBy},
};
use gatepost_testkit::{Answer, Banner, Cert, Channel, FakeMx, Login};

use crate::support::{World, job, requirement};

const PASSWORD: &str = "correct horse battery";
/// Of the password, and of `\0gate\0` and the password.
const ENCODED: [&str; 2] = ["Y29ycmVjdCBob3JzZSBiYXR0ZXJ5", "AGdhdGUAY29ycmVjdCBob3JzZSBiYXR0ZXJ5"];

fn credentials() -> Credentials {
    Credentials { username: "gate".into(), password: Password::new(PASSWORD.into()) }
}

async fn at_once(world: &World, level: Level) -> Result<Conn<Secured>, Failure> {
    let dialed = dial(world.target(), &world.timeouts).await?;
    dialed.secure_at_once(&world.connector, &requirement(level), "client.test").await
}

/// Logs in at a host that lists these mechanisms before TLS and under it.
async fn login(clear: &str, tls: &str) -> (World, Result<(), Failure>) {
    let world = World::new(FakeMx::with_auth(clear, tls)).await;
    let mut conn = world.secure(Level::Require).await.expect("a handshake");
    let outcome = conn.login(&credentials()).await;
    (world, outcome)
}

fn logins(world: &World) -> Vec<Login> {
    world.mx.connections().into_iter().flat_map(|seen| seen.logins).collect()
}

#[tokio::test]
async fn c20_tls_begins_with_the_first_byte_where_it_is_implicit() {
    let world = World::new(FakeMx::implicit_tls()).await;
    let conn = at_once(&world, Level::Verify).await.unwrap();
    assert_eq!(conn.tls().unwrap().verified_by, VerifiedBy::WebPki);
    conn.quit().await;
    assert!(world.mx.until(world.timeouts.command, |all| all[0].closed).await);
    let seen = &world.mx.connections()[0];
    assert_eq!(seen.verbs(Channel::Tls), ["EHLO", "QUIT"]);
    assert!(seen.clear_bytes.is_empty() && seen.clear_verbs().is_empty());
    assert_eq!(seen.sni.as_deref(), Some("mx.d.test"));
}

#[tokio::test]
async fn implicit_tls_is_verified_as_any_other() {
    let script = FakeMx { cert: Cert::WrongName, ..FakeMx::implicit_tls() };
    let world = World::new(script).await;
    let failure = at_once(&world, Level::Verify).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Verify, Why::CertName));
    assert!(at_once(&world, Level::Require).await.is_ok());
}

#[tokio::test]
async fn a_host_in_clear_text_where_tls_is_implicit_gets_no_command() {
    let world = World::new(FakeMx::default()).await;
    let failure = at_once(&world, Level::Require).await.unwrap_err();
    assert_eq!(failure.stage, Stage::Tls, "{failure}");
    assert!(world.mx.connections()[0].lines.iter().all(|line| line.verb() != "EHLO"));
}

#[tokio::test]
async fn a_refused_session_under_implicit_tls_is_no_failed_handshake() {
    let banner = Banner::Say("554 5.7.1 not you".into());
    let world = World::new(FakeMx { banner, ..FakeMx::implicit_tls() }).await;
    let failure = at_once(&world, Level::Require).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Banner, Why::RemoteReply));
    assert!(!failure.is_failed_handshake());
}

#[tokio::test]
async fn a_login_uses_plain_before_login_and_only_what_is_listed_under_tls() {
    for (listed, mechanism) in [
        ("PLAIN LOGIN", "PLAIN"),
        ("login plain", "PLAIN"),
        ("CRAM-MD5 LOGIN", "LOGIN"),
        ("PLAIN", "PLAIN"),
    ] {
        let (world, outcome) = login("", listed).await;
        outcome.unwrap();
        let seen = logins(&world);
        assert_eq!(seen.len(), 1, "{listed}");
        assert_eq!((seen[0].mechanism.as_str(), seen[0].channel), (mechanism, Channel::Tls));
        assert_eq!((seen[0].username.as_str(), seen[0].password.as_str()), ("gate", PASSWORD));
    }
}

#[tokio::test]
async fn a_session_carries_mail_behind_a_login() {
    let world = World::new(FakeMx::with_auth("", "PLAIN")).await;
    let mut conn = world.secure(Level::Require).await.unwrap();
    conn.login(&credentials()).await.unwrap();
    conn.ready_for_next().await.unwrap();
    let _permit = conn.admit(job());
    assert!(world.mx.connections()[0].clear_verbs() == ["EHLO", "STARTTLS"]);
}

#[tokio::test]
async fn l16_a_login_that_is_offered_before_tls_only_is_never_done() {
    for under_tls in ["", "CRAM-MD5 GSSAPI", "PLAINER"] {
        let (world, outcome) = login("PLAIN LOGIN", under_tls).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Auth, Why::AuthUnavailable));
        assert_eq!(failure.status(), "4.7.0");
        assert!(logins(&world).is_empty());
        let lines = &world.mx.connections()[0].lines;
        assert!(lines.iter().all(|line| line.verb() != "AUTH"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_refused_login_is_about_us_and_ends_the_session() {
    for reply in ["535 5.7.8 wrong", "454 4.7.0 later", "534 5.7.9 too weak"] {
        let script = FakeMx { auth: Answer::from(reply), ..FakeMx::with_auth("", "PLAIN") };
        let world = World::new(script).await;
        let mut conn = world.secure(Level::Require).await.unwrap();
        let failure = conn.login(&credentials()).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Auth, Why::RemoteReply), "{reply}");
        assert_eq!(failure.response.unwrap().to_string(), reply);
        assert!(conn.ready_for_next().await.is_err());
        assert!(world.mx.until(world.timeouts.command, |all| all[0].closed).await);
        assert_eq!(world.mx.connections()[0].verbs(Channel::Tls), ["EHLO", "AUTH", "QUIT"]);
    }
}

#[tokio::test]
async fn a_positive_reply_that_is_not_235_is_no_login() {
    for reply in ["250 2.0.0 ok", "334 bW9yZQ=="] {
        let script = FakeMx { auth: Answer::from(reply), ..FakeMx::with_auth("", "PLAIN") };
        let world = World::new(script).await;
        let mut conn = world.secure(Level::Require).await.unwrap();
        let failure = conn.login(&credentials()).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Auth, Why::ReplyMalformed), "{reply}");
        assert!(conn.ready_for_next().await.is_err());
    }
}

#[tokio::test]
async fn what_a_host_repeats_of_a_login_is_shown_nowhere() {
    for secret in [PASSWORD, ENCODED[0], ENCODED[1]] {
        let auth = Answer::Say(format!("535 5.7.8 you said {secret}"));
        let world = World::new(FakeMx { auth, ..FakeMx::with_auth("", "PLAIN LOGIN") }).await;
        let mut conn = world.secure(Level::Require).await.unwrap();
        let failure = conn.login(&credentials()).await.unwrap_err();
        let shown = format!("{failure} {failure:?} {conn:?} {:?}", credentials());
        for part in [PASSWORD, "correct", ENCODED[0], ENCODED[1]] {
            assert!(!shown.contains(part), "{shown}");
        }
        assert_eq!(failure.response.unwrap().code, 535);
    }
}

#[tokio::test]
async fn a_nul_in_a_login_is_not_sent() {
    let world = World::new(FakeMx::with_auth("", "PLAIN LOGIN")).await;
    for (username, password) in [("a\0b", "c"), ("a", "b\0c")] {
        let mut conn = world.secure(Level::Require).await.unwrap();
        let password = Password::new(password.into());
        let failure =
            conn.login(&Credentials { username: username.into(), password }).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Auth, Why::PolicyBroken));
    }
    assert!(logins(&world).is_empty());
}
