//! Envelopes and bodies.

use std::time::Duration;

use gatepost_net::{
    conn::{Clear, Conn, Envelope, Mail, Permit, Rcpt},
    dial::Timeouts,
    failure::Failure,
};
use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    tls::Level,
};
use gatepost_testkit::{Answer, Channel, Ehlo, FakeMx, HangUp, Idle, Versions};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    command::{BodyKind, MailParams, Notify, RcptParams, Ret},
    reply::Response,
};

use crate::support::{PATIENT, Scripted, Step, World, job};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.dot\r\n..\r\nbody\r\n";

fn sender() -> ReversePath {
    ReversePath::parse("a@client.test").unwrap()
}

fn mailbox(address: &str) -> Mailbox {
    Mailbox::parse(address).unwrap()
}

async fn envelope<'a, S>(
    permit: Permit<'a, S>,
    recipients: &[&str],
) -> Result<Envelope<'a, S>, Failure> {
    let (from, params, rcpt_params) = (sender(), MailParams::default(), RcptParams::default());
    let recipients: Vec<Mailbox> = recipients.iter().map(|address| mailbox(address)).collect();
    let recipients: Vec<Rcpt<'_>> =
        recipients.iter().map(|to| Rcpt { to, params: &rcpt_params }).collect();
    permit.envelope(Mail { from: &from, params: &params, size: 30 }, &recipients).await
}

/// A whole transaction in clear text.
async fn send(conn: &mut Conn<Clear>, recipients: &[&str]) -> Result<Response, Failure> {
    match envelope(conn.admit(job()), recipients).await? {
        Envelope::Open { mut body, .. } => {
            for piece in MESSAGE.chunks(7) {
                body.write(piece).await?;
            }
            body.finish().await
        }
        Envelope::Refused { stage, response, recipients } => {
            panic!("refused at {stage:?}: {response:?} {recipients:?}")
        }
    }
}

async fn clear(script: FakeMx) -> (World, Conn<Clear>) {
    let world = World::new(script).await;
    let conn = world.greet().await.unwrap().stay_clear(NoTls::NotOffered);
    (world, conn)
}

async fn scripted(offer: &'static str, steps: Vec<Step>) -> (Scripted, Conn<Clear>) {
    scripted_within(PATIENT, offer, steps).await
}

async fn scripted_within(
    timeouts: Timeouts,
    offer: &'static str,
    steps: Vec<Step>,
) -> (Scripted, Conn<Clear>) {
    let mut all = vec![Step::Say("220 mx\r\n"), Step::Until("\r\n"), Step::Say(offer)];
    all.extend(steps);
    let peer = Scripted::new(all).await;
    let conn = peer.greet_within(timeouts).await.unwrap().stay_clear(NoTls::NotOffered);
    (peer, conn)
}

const PIPELINING: &str = "250-mx\r\n250 PIPELINING\r\n";
const PLAIN: &str = "250 mx\r\n";

#[tokio::test]
async fn messages_follow_each_other_on_a_session_with_and_without_pipelining() {
    for ehlo in [Ehlo::good(), Ehlo::without("PIPELINING"), Ehlo::Refused("502 what".into())] {
        let (world, mut conn) = clear(FakeMx { ehlo, ..FakeMx::default() }).await;
        for _ in 0..3 {
            conn.ready_for_next().await.unwrap();
            let response = send(&mut conn, &["b@d.test", "c@d.test"]).await.unwrap();
            assert_eq!(response.code, 250);
        }
        conn.quit().await;
        let messages = world.mx.messages();
        assert_eq!(messages.len(), 3);
        for message in messages {
            assert_eq!(message.message, MESSAGE);
            assert_eq!(message.to, ["b@d.test", "c@d.test"]);
        }
        assert_eq!(world.mx.connections().len(), 1);
    }
}

#[tokio::test]
async fn a_message_travels_under_tls() {
    let world = World::new(FakeMx::default()).await;
    let mut conn = world.secure(Level::Verify).await.unwrap();
    let verify = gatepost_net::conn::Job::new(crate::support::enforced(Level::Verify), ());
    let permit = conn.admit_enforced(&verify).unwrap();
    let Envelope::Open { mut body, .. } = envelope(permit, &["b@d.test"]).await.unwrap() else {
        panic!("refused");
    };
    body.write(MESSAGE).await.unwrap();
    assert_eq!(body.finish().await.unwrap().code, 250);
    conn.ready_for_next().await.unwrap();
    conn.quit().await;
    let message = world.mx.messages().remove(0);
    assert_eq!((message.channel, message.message.as_slice()), (Channel::Tls, MESSAGE));
}

#[tokio::test]
async fn an_envelope_is_one_write_where_pipelining_is_offered() {
    let whole = "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@d.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n";
    let (peer, mut conn) = scripted(
        PIPELINING,
        vec![
            // Nothing is answered before the last command is there.
            Step::Until("DATA\r\n"),
            Step::Say("250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n"),
            Step::Until("\r\n.\r\n"),
            Step::Say("250 taken\r\n"),
        ],
    )
    .await;
    let Envelope::Open { recipients, mut body } =
        envelope(conn.admit(job()), &["b@d.test", "c@d.test"]).await.unwrap()
    else {
        panic!("refused");
    };
    let codes: Vec<u16> = recipients.iter().map(|response| response.code).collect();
    assert_eq!(codes, [250, 550]);
    body.write(b"x\r\n").await.unwrap();
    body.finish().await.unwrap();
    drop(conn);
    assert_eq!(peer.read().await, format!("EHLO client.test\r\n{whole}x\r\n.\r\n"));
}

#[tokio::test]
async fn parameters_go_out_where_they_are_offered() {
    let offer =
        "250-mx\r\n250-SIZE 1000\r\n250-8bitmime\r\n250-DSN\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n";
    let params = MailParams {
        size: Some(1),
        body: BodyKind::EightBit,
        smtputf8: true,
        ret: Some(Ret::Hdrs),
        envid: Some("QQ+2B".into()),
        auth: false,
    };
    let notify = Notify { failure: true, delay: true, ..Notify::default() };
    let rcpt = RcptParams { notify: Some(notify), orcpt: Some("rfc822;b@d.test".into()) };
    let (from, to) = (sender(), mailbox("b@münchen.test"));
    for (offer, wanted) in [
        (
            offer,
            "MAIL FROM:<a@client.test> SIZE=30 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B\r\n\
             RCPT TO:<b@münchen.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b@d.test\r\nDATA\r\n",
        ),
        (PIPELINING, "MAIL FROM:<a@client.test>\r\nRCPT TO:<b@xn--mnchen-3ya.test>\r\nDATA\r\n"),
    ] {
        let (peer, mut conn) =
            scripted(offer, vec![Step::Until("DATA\r\n"), Step::Say("421 bye\r\n")]).await;
        let mail = Mail { from: &from, params: &params, size: 30 };
        let recipients = [Rcpt { to: &to, params: &rcpt }];
        let failure = conn.admit(job()).envelope(mail, &recipients).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Mail, Why::RemoteReply));
        drop(conn);
        assert_eq!(peer.read().await, format!("EHLO client.test\r\n{wanted}"));
    }
}

#[tokio::test]
async fn an_address_that_the_host_cannot_take_is_not_sent() {
    let (world, mut conn) =
        clear(FakeMx { ehlo: Ehlo::without("SMTPUTF8"), ..FakeMx::default() }).await;
    let failure = envelope(conn.admit(job()), &["jürgen@d.test"]).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Rcpt, Why::NeedsUtf8));
    conn.ready_for_next().await.unwrap();
    conn.quit().await;
    assert_eq!(world.mx.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
}

#[tokio::test]
async fn b13_a_refused_sender_leaves_the_session_usable() {
    for ehlo in [Ehlo::good(), Ehlo::without("PIPELINING")] {
        let script = FakeMx { mail: Answer::from("550 5.7.1 no"), ehlo, ..FakeMx::default() };
        let (world, mut conn) = clear(script).await;
        let refused = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap();
        let Envelope::Refused { stage: Stage::Mail, response: Some(response), recipients } =
            refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((response.code, recipients.len()), (550, 0));
        if conn.ready_for_next().await.is_ok() {
            conn.quit().await;
            let verbs = world.mx.connections()[0].clear_verbs();
            assert_eq!(verbs[verbs.len() - 2..], ["RSET", "QUIT"]);
        }
        assert!(world.mx.messages().is_empty());
    }
}

#[tokio::test]
async fn a_host_that_hangs_up_after_refusing_the_sender_has_refused_it() {
    for offer in [PIPELINING, PLAIN] {
        let (_peer, mut conn) =
            scripted(offer, vec![Step::Until("\r\n"), Step::Say("550 5.7.1 no\r\n")]).await;
        let refused = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap();
        assert!(
            matches!(
                &refused,
                Envelope::Refused { stage: Stage::Mail, response: Some(said), .. }
                    if said.code == 550
            ),
            "{refused:?}"
        );
        while conn.ready_for_next().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_354_behind_a_refused_sender_gets_no_body() {
    let (peer, mut conn) = scripted(
        PIPELINING,
        vec![
            Step::Until("DATA\r\n"),
            Step::Say("550 no\r\n250 ok\r\n354 go\r\n"),
            Step::Until("never"),
        ],
    )
    .await;
    let refused = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap();
    assert!(matches!(refused, Envelope::Refused { stage: Stage::Mail, .. }), "{refused:?}");
    assert!(conn.ready_for_next().await.is_err());
    conn.quit().await;
    assert!(peer.read().await.ends_with("DATA\r\n"));
}

#[tokio::test]
async fn with_every_recipient_refused_nothing_is_sent() {
    for ehlo in [Ehlo::good(), Ehlo::without("PIPELINING")] {
        let mut script =
            FakeMx { ehlo, rcpt: Answer::from("450 4.7.1 later"), ..FakeMx::default() };
        script.rcpt_of.insert("c@d.test".into(), Answer::from("550 5.1.1 who"));
        let (world, mut conn) = clear(script).await;
        let refused = envelope(conn.admit(job()), &["b@d.test", "c@d.test"]).await.unwrap();
        let Envelope::Refused { stage: Stage::Rcpt, response: None, recipients } = refused else {
            panic!("{refused:?}");
        };
        let codes: Vec<u16> = recipients.iter().map(|response| response.code).collect();
        assert_eq!(codes, [450, 550]);
        conn.ready_for_next().await.unwrap();
        conn.quit().await;
        assert!(world.mx.messages().is_empty());
    }
}

#[tokio::test]
async fn a_354_for_nobody_is_ended_with_an_empty_body() {
    let (peer, mut conn) = scripted(
        PIPELINING,
        vec![
            Step::Until("DATA\r\n"),
            Step::Say("250 ok\r\n550 no\r\n354 go\r\n"),
            Step::Until(".\r\n"),
            Step::Say("554 no valid recipients\r\n"),
            Step::Until("RSET\r\n"),
            Step::Say("250 ok\r\n"),
            Step::Until("QUIT\r\n"),
        ],
    )
    .await;
    let refused = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap();
    assert!(matches!(refused, Envelope::Refused { stage: Stage::Rcpt, .. }), "{refused:?}");
    conn.ready_for_next().await.unwrap();
    conn.quit().await;
    assert!(peer.read().await.ends_with("DATA\r\n.\r\nRSET\r\nQUIT\r\n"));
}

#[tokio::test]
async fn a_refused_data_is_the_hosts_reply() {
    for ehlo in [Ehlo::good(), Ehlo::without("PIPELINING")] {
        let script = FakeMx { data: Answer::from("451 4.3.0 not now"), ehlo, ..FakeMx::default() };
        let (_world, mut conn) = clear(script).await;
        let refused = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap();
        let Envelope::Refused { stage: Stage::Data, response: Some(response), .. } = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(response.code, 451);
        conn.ready_for_next().await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_message_is_the_hosts_reply_and_the_session_goes_on() {
    let script = FakeMx { body: Answer::from("554 5.7.1 spam"), ..FakeMx::default() };
    let (_world, mut conn) = clear(script).await;
    assert_eq!(send(&mut conn, &["b@d.test"]).await.unwrap().code, 554);
    conn.ready_for_next().await.unwrap();
}

#[tokio::test]
async fn data_that_nobody_asked_for_stops_the_message() {
    let (peer, mut conn) =
        scripted(PLAIN, vec![Step::Say("250 surprise\r\n"), Step::Until("never")]).await;
    // The bytes are there as soon as the socket says so.
    let failure = loop {
        match conn.ready_for_next().await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(failure) => break failure,
        }
    };
    assert_eq!((failure.why, failure.status()), (Why::ResponseInjection, "4.7.0"));
    assert!(envelope(conn.admit(job()), &["b@d.test"]).await.is_err());
    drop(conn);
    assert_eq!(peer.read().await, "EHLO client.test\r\n");

    let (peer, mut conn) = scripted(
        PLAIN,
        vec![Step::Until("\r\n"), Step::Say("250 ok\r\n250 and another\r\n"), Step::Until("never")],
    )
    .await;
    let failure = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Rcpt, Why::ResponseInjection));
    drop(conn);
    assert_eq!(peer.read().await, "EHLO client.test\r\nMAIL FROM:<a@client.test>\r\n");
}

#[tokio::test]
async fn a_reply_ahead_of_the_end_of_the_message_does_not_accept_it() {
    for (early, why) in [
        ("354 go\r\n250 taken\r\n", Why::ResponseInjection),
        ("354 go\r\n552 5.3.4 too big\r\n", Why::RemoteReply),
        ("354 go\r\n421 4.3.2 bye\r\n", Why::RemoteReply),
    ] {
        let (peer, mut conn) = scripted(
            PIPELINING,
            vec![
                Step::Until("DATA\r\n"),
                Step::Say("250 ok\r\n250 ok\r\n"),
                Step::Say(early),
                Step::Until("never"),
            ],
        )
        .await;
        // The reply can come with the 354 or a little later: in both cases before the
        // dot, and the host never sees the dot.
        let failure = match envelope(conn.admit(job()), &["b@d.test"]).await {
            Err(failure) => failure,
            Ok(Envelope::Refused { .. }) => panic!("refused"),
            Ok(Envelope::Open { mut body, .. }) => {
                body.write(b"x\r\n").await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
                body.finish().await.unwrap_err()
            }
        };
        assert_eq!((failure.stage, failure.why), (Stage::Data, why), "{early:?}");
        assert!(conn.ready_for_next().await.is_err());
        drop(conn);
        assert!(!peer.read().await.contains(".\r\n."));
    }
}

#[tokio::test]
async fn l09_a_bare_line_end_breaks_the_message_off() {
    for bad in [&b"a\n.\nb"[..], b"a\n.\r\n", b"a\r\n.\n", b"a\r.\rb", b"a\r.\r\n", b"a\0"] {
        let (world, mut conn) = clear(FakeMx::default()).await;
        let Envelope::Open { mut body, .. } =
            envelope(conn.admit(job()), &["b@d.test"]).await.unwrap()
        else {
            panic!("refused");
        };
        let written = match body.write(bad).await {
            Ok(()) => body.finish().await.map(|_| ()),
            Err(failure) => Err(failure),
        };
        if bad.contains(&0) && written.is_ok() {
            // Whether a null byte may go out is the stuffer's to say.
            continue;
        }
        assert_eq!(written.unwrap_err().why, Why::MessageUnreadable, "{bad:?}");
        assert!(conn.ready_for_next().await.is_err());
        drop(conn);
        assert!(world.mx.until(Duration::from_secs(20), |all| all[0].closed).await);
        assert!(world.mx.messages().is_empty(), "{bad:?}");
    }
}

#[tokio::test]
async fn b14_a_connection_lost_inside_data_is_said() {
    let script = FakeMx { hang_up: HangUp::InData(10), ..FakeMx::default() };
    let (world, mut conn) = clear(script).await;
    let failure = send(&mut conn, &["b@d.test"]).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Data, Why::ConnectionLost), "{failure}");
    assert!(conn.ready_for_next().await.is_err());
    assert!(world.mx.messages().is_empty());
}

/// `tls-delivery.md` 5.9, rule 7: any byte, and the end of either layer. What TLS says for itself is no byte of the
/// session: the tickets that TLS 1.3 sends behind every handshake leave it as it was.
#[tokio::test]
async fn an_idle_session_under_tls_that_says_or_ends_anything_is_not_used_again() {
    for (idle, why) in [
        (Idle::Waits, None),
        (Idle::Says("421 4.4.2 idle for too long".into()), Some(Why::RemoteReply)),
        (Idle::Says("250 2.0.0 surprise".into()), Some(Why::ResponseInjection)),
        (Idle::Closes, Some(Why::ConnectionLost)),
        (Idle::Cuts, Some(Why::ConnectionLost)),
    ] {
        for versions in [Versions::Only12, Versions::Only13] {
            let script = FakeMx { idle: idle.clone(), versions, ..FakeMx::default() };
            let world = World::new(script).await;
            let mut conn = world.secure(Level::Require).await.unwrap();
            let Envelope::Open { mut body, .. } =
                envelope(conn.admit(job()), &["b@d.test"]).await.unwrap()
            else {
                panic!("refused");
            };
            body.write(MESSAGE).await.unwrap();
            assert_eq!(body.finish().await.unwrap().code, 250);
            // Where something comes, it comes in a moment; where nothing comes, it stays so.
            let mut ready = conn.ready_for_next().await;
            for _ in 0..if why.is_some() { 4000 } else { 20 } {
                if ready.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                ready = conn.ready_for_next().await;
            }
            let failed = ready.map_err(|failure| failure.why).err();
            if why.is_none() {
                assert_eq!(failed, None, "{versions:?}");
                continue;
            }
            // What comes in one piece with the reply has spoilt the session before it is asked about.
            assert!(failed == why || failed == Some(Why::ConnectionLost), "{idle:?}: {failed:?}");
            assert!(conn.ready_for_next().await.is_err(), "{idle:?}");
            assert_eq!(world.mx.messages().len(), 1, "the message has not failed");
        }
    }
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_is_not_ready_for_the_next() {
    let (peer, mut conn) = scripted(PLAIN, vec![]).await;
    let failure = loop {
        match conn.ready_for_next().await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.why, Why::ConnectionLost);
    drop(conn);
    assert_eq!(peer.read().await, "EHLO client.test\r\n");
}

#[tokio::test]
async fn j10_a_refused_rset_means_a_new_connection() {
    for answer in ["421 bye\r\n", "550 no\r\n", "what?\r\n"] {
        let (_peer, mut conn) = scripted(
            PLAIN,
            vec![
                Step::Until("\r\n"),
                Step::Say("550 no\r\n"),
                Step::Until("RSET\r\n"),
                Step::Say(answer),
            ],
        )
        .await;
        let refused = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap();
        assert!(matches!(refused, Envelope::Refused { stage: Stage::Mail, .. }));
        assert!(conn.ready_for_next().await.is_err(), "{answer}");
        assert!(conn.ready_for_next().await.is_err(), "{answer}");
    }
}

#[tokio::test]
async fn an_envelope_that_was_given_up_halfway_spoils_the_session() {
    let (_peer, mut conn) = scripted(PLAIN, vec![Step::Until("never")]).await;
    let half = envelope(conn.admit(job()), &["b@d.test"]);
    assert!(tokio::time::timeout(Duration::from_millis(200), half).await.is_err());
    assert!(conn.ready_for_next().await.is_err());
}

#[tokio::test]
async fn the_reply_to_the_final_dot_gets_twice_the_time() {
    let mut timeouts = PATIENT;
    timeouts.command = Duration::from_secs(1);
    let (_peer, mut conn) = scripted_within(
        timeouts,
        PIPELINING,
        vec![
            Step::Until("DATA\r\n"),
            Step::Say("250 ok\r\n250 ok\r\n354 go\r\n"),
            Step::Until("\r\n.\r\n"),
            Step::Wait(Duration::from_millis(1300)),
            Step::Say("250 taken\r\n"),
        ],
    )
    .await;
    assert_eq!(send(&mut conn, &["b@d.test"]).await.unwrap().code, 250);
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let (world, mut conn) = clear(FakeMx::default()).await;
    let line = b".a line of a large message\r\n";
    let Envelope::Open { mut body, .. } = envelope(conn.admit(job()), &["b@d.test"]).await.unwrap()
    else {
        panic!("refused");
    };
    for _ in 0..20_000 {
        body.write(line).await.unwrap();
    }
    assert_eq!(body.finish().await.unwrap().code, 250);
    assert_eq!(world.mx.messages()[0].message, line.repeat(20_000));
}
