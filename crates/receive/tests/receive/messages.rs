//! What becomes of a message.

use std::collections::HashSet;

use gatepost_policy::direction::Direction;
use gatepost_receive::Anomaly;
use gatepost_store::{Fate, Inspect as _, Verdict};
use gatepost_wire::body::BodyError;

use crate::world::{Client, OURS, SOURCE, Setup, World, id, snapshot};

const MESSAGE: &str = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n..stuffed\r\nbody";

fn rules(rules: &str) -> Setup {
    Setup { policy: format!("{OURS}{SOURCE}{rules}"), ..Setup::default() }
}

#[tokio::test]
async fn a_message_goes_from_socket_to_store_byte_for_byte() {
    let world = World::new(Setup::default()).await;
    let reply =
        world.client().await.deliver("a@client.example", &["anna@acme.example"], MESSAGE).await;
    let story = world.store.message_show(id(&reply)).await.unwrap().unwrap();
    assert_eq!(story.sender, "a@client.example");
    assert_eq!(story.subject, "Grüße");
    assert_eq!(story.client.helo, "client.example");
    assert_eq!(story.client.address.to_string(), "127.0.0.1");
    assert!(!story.client.from_source);
    let bytes =
        world.store.message_bytes(id(&reply)).await.unwrap().unwrap().read_all().await.unwrap();
    assert_eq!(
        bytes,
        MESSAGE
            .replace("..stuffed", ".stuffed")
            .as_bytes()
            .iter()
            .chain(b"\r\n")
            .copied()
            .collect::<Vec<_>>()
    );
    assert_eq!(world.queued().await, ["anna@acme.example"]);
    let claims = world.claims().await;
    let top = String::from_utf8(claims[0].copy().edits.top.clone()).unwrap();
    assert!(
        top.starts_with("Received: from client.example ([127.0.0.1])\r\n\tby gw.example "),
        "{top}"
    );
    assert!(top.contains(&format!("id {} for <anna@acme.example>;\r\n", id(&reply))), "{top}");
}

#[tokio::test]
async fn received_names_no_recipient_where_there_are_two() {
    let world = World::new(Setup::default()).await;
    world.client().await.deliver("", &["anna@acme.example", "bert@acme.example"], MESSAGE).await;
    let claims = world.claims().await;
    assert!(!String::from_utf8_lossy(&claims[0].copy().edits.top).contains(" for "));
    assert_eq!(claims[0].copy().recipients.len(), 2);
}

#[tokio::test]
async fn pipelined_commands_and_two_messages_are_answered_in_order() {
    let world = World::new(Setup::default()).await;
    let mut client = world.greeted().await;
    let one = "MAIL FROM:<a@client.example>\r\nRCPT TO:<anna@acme.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n";
    client.send(format!("EHLO x\r\n{one}")).await;
    for start in ["250", "250 2.1.0", "250 2.1.5", "550 5.7.1", "354"] {
        assert!(client.reply().await.starts_with(start));
    }
    client.send(format!("A: 1\r\n\r\nx\r\n.\r\n{one}")).await;
    for start in ["250 2.0.0 queued as", "250 2.1.0", "250 2.1.5", "550 5.7.1", "354"] {
        assert!(client.reply().await.starts_with(start));
    }
    client.send("B: 1\r\n\r\ny\r\n.\r\nQUIT\r\n").await;
    assert!(client.reply().await.starts_with("250 2.0.0 queued as"));
    assert!(client.reply().await.starts_with("221 2.0.0"));
    assert!(client.is_closed().await);
    assert_eq!(world.queued().await.len(), 2);
}

#[tokio::test]
async fn a_stranger_may_send_to_our_domains_only() {
    let world = World::new(Setup::default()).await;
    let mut client = world.client().await;
    client.expect("MAIL FROM:<a@client.example>", "250").await;
    for refused in [
        "x@elsewhere.example",
        "x@sub.acme.example",
        "x@[127.0.0.1]",
        "x@gw.example",
        "x%elsewhere.example@acme.example",
        "elsewhere.example!x@acme.example",
        "\\\"x@elsewhere.example\\\"@acme.example",
        "\"x@elsewhere.example\"@acme.example",
    ] {
        let reply = client.say(&format!("RCPT TO:<{refused}>")).await;
        assert!(
            reply.starts_with("550 5.7.1") || reply.starts_with("501 5.1.3"),
            "{refused}: {reply}"
        );
    }
    client.expect("RCPT TO:<anna@ACME.example>", "250").await;
    client.expect("RCPT TO:<postmaster>", "250").await;
}

#[tokio::test]
async fn a_source_of_ours_may_send_to_anybody_and_both_directions() {
    let world = World::new(rules("")).await;
    let to = ["x@elsewhere.example", "anna@acme.example", "\"a%b\"@third.example"];
    let reply = world.client().await.deliver("a@acme.example", &to, MESSAGE).await;
    assert!(world.store.message_show(id(&reply)).await.unwrap().unwrap().client.from_source);
    assert_eq!(world.claims().await.len(), 3);
    let directions: HashSet<_> = world.seen.received.lock().unwrap().drain(..).collect();
    assert_eq!(directions, HashSet::from([Direction::Inbound, Direction::Outbound]));
}

#[tokio::test]
async fn without_domains_and_sources_nobody_may_send_anything() {
    let world = World::new(Setup { policy: String::new(), ..Setup::default() }).await;
    let mut client = world.client().await;
    client.expect("MAIL FROM:<a@client.example>", "250").await;
    client.expect("RCPT TO:<anna@acme.example>", "550 5.7.1").await;
    client.expect("RCPT TO:<postmaster>", "550 5.1.1").await;
    client.expect("DATA", "503 5.5.1").await;
}

#[tokio::test]
async fn the_same_recipient_twice_gets_one_copy_and_postmaster_has_an_address() {
    let world = World::new(Setup::default()).await;
    world
        .client()
        .await
        .deliver(
            "",
            &["anna@acme.example", "anna@acme.example", "postmaster", "POSTMASTER"],
            MESSAGE,
        )
        .await;
    assert_eq!(world.queued().await, ["anna@acme.example", "postmaster@acme.example"]);
}

#[tokio::test]
async fn a_message_that_all_rules_refuse_is_answered_with_the_rules_reply() {
    let world = World::new(rules(
        "[[rule]]\nname = \"no\"\nconditions = [{ condition = \"subject\", match = \"matches\", value = \"spam\" }]\n\
         final_action = \"reject\"\nreply = \"554 5.7.9 go away\"\n",
    ))
    .await;
    let mut client = world.client().await;
    let reply =
        client.deliver("a@acme.example", &["x@elsewhere.example"], "Subject: spam\r\n\r\nx").await;
    assert_eq!(reply, "554 5.7.9 go away");
    assert!(world.queued().await.is_empty());
    assert_eq!(*world.seen.verdicts.lock().unwrap(), [(Verdict::Reject, 1)]);
    assert_eq!(*world.seen.hits.lock().unwrap(), ["no"]);
    // The session goes on.
    id(&client.deliver("a@acme.example", &["x@elsewhere.example"], MESSAGE).await);
}

const REJECT_ONE: &str = "[[rule]]\nname = \"one\"\n\
    conditions = [{ condition = \"recipient\", match = \"matches\", value = [\"bad@acme.example\", \"bad@elsewhere.example\"] }]\nfinal_action = \"reject\"\n";

#[tokio::test]
async fn one_refused_of_two_is_reported_to_a_source_of_ours_where_it_is_outbound() {
    let world = World::new(rules(REJECT_ONE)).await;
    id(&world
        .client()
        .await
        .deliver("a@acme.example", &["bad@elsewhere.example", "anna@acme.example"], MESSAGE)
        .await);
    let claims = world.claims().await;
    let reported: Vec<_> =
        claims.iter().filter(|claim| claim.copy().fate != Fate::Deliver).collect();
    assert_eq!(claims.len(), 2);
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].copy().recipients[0].mailbox.to_string(), "bad@elsewhere.example");
}

#[tokio::test]
async fn one_refused_of_two_is_only_recorded_for_a_stranger() {
    let world =
        World::new(Setup { policy: format!("{OURS}{REJECT_ONE}"), ..Setup::default() }).await;
    let to = ["bad@acme.example", "anna@acme.example"];
    let reply = world.client().await.deliver("a@client.example", &to, MESSAGE).await;
    assert_eq!(world.queued().await, ["anna@acme.example"]);
    let story = world.store.message_show(id(&reply)).await.unwrap().unwrap();
    let rejected: Vec<_> =
        story.verdicts.iter().filter(|verdict| verdict.verdict == Verdict::Reject).collect();
    assert_eq!(rejected[0].recipients, ["bad@acme.example"]);
}

#[tokio::test]
async fn deleted_and_quarantined_mail_is_taken_and_kept_by_its_id() {
    let world = World::new(rules(
        "[[rule]]\nname = \"gone\"\nconditions = [{ condition = \"recipient\", match = \"matches\", value = \"gone.example\" }]\n\
         final_action = \"delete\"\n\
         [[rule]]\nname = \"kept\"\nconditions = [{ condition = \"recipient\", match = \"matches\", value = \"kept.example\" }]\n\
         final_action = \"quarantine_company\"\n",
    ))
    .await;
    let to = ["a@gone.example", "b@kept.example"];
    let reply = world.client().await.deliver("a@acme.example", &to, MESSAGE).await;
    let story = world.store.message_show(id(&reply)).await.unwrap().unwrap();
    assert!(story.verdicts.iter().any(|verdict| verdict.verdict == Verdict::Delete));
    let kept = world.store.quarantine_list().await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].rule.as_str(), kept[0].company, kept[0].subject.as_str()),
        ("kept", true, "Grüße")
    );
    assert!(world.queued().await.is_empty());
}

#[tokio::test]
async fn a_message_that_goes_round_is_stopped() {
    let world = World::new(Setup::default()).await;
    let ours =
        "Received: from x ([192.0.2.1])\r\n\tby gw.example (Gatepost) with ESMTP id 1; x\r\n";
    let theirs = ours.replace("gw.example", "other.example");
    let mut client = world.client().await;
    for (message, start) in [
        (ours.repeat(9), "250 2.0.0"),
        (ours.repeat(10), "554 5.4.6"),
        (theirs.repeat(99), "250 2.0.0"),
        (theirs.repeat(100), "554 5.4.6"),
    ] {
        let reply = client
            .deliver("", &["anna@acme.example"], &format!("{message}Subject: x\r\n\r\nx"))
            .await;
        assert!(reply.starts_with(start), "{reply}");
    }
    assert_eq!(*world.seen.anomalies.lock().unwrap(), [Anomaly::Loop, Anomaly::Loop]);
}

#[tokio::test]
async fn a_policy_applied_in_the_middle_of_a_transaction_judges_the_next_one() {
    let world = World::new(Setup::default()).await;
    let mut client = world.client().await;
    client.start("a@client.example", &["anna@acme.example"]).await;
    world.policy.store(std::sync::Arc::new(snapshot(2, "")));
    client.send("A: 1\r\n\r\nx\r\n.\r\n").await;
    let reply = client.reply().await;
    assert_eq!(world.store.message_show(id(&reply)).await.unwrap().unwrap().revision, 1);
    client.expect("MAIL FROM:<a@client.example>", "250").await;
    client.expect("RCPT TO:<anna@acme.example>", "550 5.7.1").await;
}

#[tokio::test]
async fn a24_bare_line_ends_are_refused_and_never_a_second_message() {
    let world = World::new(Setup::default()).await;
    let mut client = world.client().await;
    for (bad, error) in [
        ("Subject: a\rx-TLSLevel: Try\r\n\r\nx", BodyError::BareCr),
        ("Subject: a\nx-TLSLevel: Try\r\n\r\nx", BodyError::BareLf),
        (
            "Subject: a\r\n\r\nx\n.\nMAIL FROM:<evil@x.example>\nRCPT TO:<b@acme.example>\nDATA\nx",
            BodyError::BareLf,
        ),
        (
            "Subject: a\r\n\r\nx\n.\r\nMAIL FROM:<evil@x.example>\r\nRCPT TO:<b@acme.example>\r\nDATA\r\nx",
            BodyError::BareLf,
        ),
        ("Subject: a\r\n\r\nx\0", BodyError::Nul),
    ] {
        let reply = client.deliver("", &["anna@acme.example"], bad).await;
        assert!(reply.starts_with("550 5.6.0"), "{bad:?}: {reply}");
        assert_eq!(world.seen.anomalies.lock().unwrap().pop(), Some(Anomaly::BrokenBody(error)));
        client.expect("NOOP", "250").await;
    }
    assert!(world.queued().await.is_empty());
}

async fn stored_by(client: &mut Client, world: &World, how: &str, message: &[u8]) -> Vec<u8> {
    client.expect("MAIL FROM:<a@client.example>", "250").await;
    client.expect("RCPT TO:<anna@acme.example>", "250").await;
    if how == "DATA" {
        client.expect("DATA", "354").await;
        client.send(message).await;
        client.send(".\r\n").await;
    } else {
        let (first, rest) = message.split_at(message.len() / 3);
        client.send(format!("BDAT {}\r\n", first.len())).await;
        client.send(first).await;
        assert!(client.reply().await.starts_with("250 2.0.0"));
        client.send(format!("BDAT {} LAST\r\n", rest.len())).await;
        client.send(rest).await;
    }
    let reply = client.reply().await;
    world.store.message_bytes(id(&reply)).await.unwrap().unwrap().read_all().await.unwrap()
}

#[tokio::test]
async fn a_message_of_five_megabytes_is_stored_as_it_came() {
    let world = World::new(Setup::default()).await;
    let mut message = b"Subject: large\r\n\r\n".to_vec();
    for number in 0..100_000 {
        message.extend_from_slice(format!("{number:048x}\r\n").as_bytes());
    }
    let mut client = world.client().await;
    assert!(stored_by(&mut client, &world, "DATA", &message).await == message);
    assert!(stored_by(&mut client, &world, "BDAT", &message).await == message);
}

#[tokio::test]
async fn a_message_too_big_is_552_at_its_end_and_the_session_goes_on() {
    let mut setup = Setup::default();
    setup.settings.limits.message_size = 100_000;
    let world = World::new(setup).await;
    let mut client = world.client().await;
    client.expect("MAIL FROM:<a@client.example> SIZE=100001", "552 5.3.4").await;
    let big = format!("A: 1\r\n\r\n{}", "0123456789\r\n".repeat(100_000));
    let reply = client.deliver("", &["anna@acme.example"], &big).await;
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    id(&client.deliver("", &["anna@acme.example"], MESSAGE).await);
}

#[tokio::test]
async fn l10_a_false_end_of_data_is_refused_at_the_true_end_and_nothing_is_queued() {
    let world = World::new(Setup::default()).await;
    let ends: [&[u8]; 10] = [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\r\n.\r\r\n",
        b"\0\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
    ];
    for end in ends {
        let mut client = world.client().await;
        client.start("", &["anna@acme.example"]).await;
        client.send(b"Subject: x\r\n\r\nfirst").await;
        client.send(end).await;
        client.send("MAIL FROM:<evil@bank.example>\r\nRCPT TO:<anna@acme.example>\r\nDATA\r\nSubject: y\r\n\r\nz\r\n.\r\n").await;
        assert!(client.reply().await.starts_with("550 5.6.0"), "{end:?}");
        client.expect("QUIT", "221").await;
        assert!(client.is_closed().await, "{end:?}");
    }
    assert!(world.queued().await.is_empty());
}
