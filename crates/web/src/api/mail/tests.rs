//! Mail over the API, with a real store behind the real router.

mod bench;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use gatepost_policy::direction::{Direction, Matched};
use gatepost_policy::evidence::{Attempt, Ending, NoTls, Why};
use gatepost_policy::id::MessageId;
use gatepost_policy::tls::{Demand, Level, Source, fingerprint};
use gatepost_store::{
    ClientFacts, Clock as _, Dispatch as _, Enqueue as _, Fate, Lane, NewCopy, NewMessage,
    NewQuarantined, NewRecipient, Outcome, Role,
};
use gatepost_wire::address::{Mailbox, ReversePath};
use gatepost_wire::command::{MailParams, RcptParams};
use gatepost_wire::message::Edits;
use serde_json::{Value, json};

use crate::api::tests::world::{Ask, World};

const HOSTILE: &str = "</script><script>alert(1)</script>\u{202e}\"\\ ünïcode";

fn recipients(to: &[&str]) -> Vec<NewRecipient> {
    let one = |to: &&str| NewRecipient {
        mailbox: Mailbox::parse(to).unwrap(),
        params: RcptParams::default(),
    };
    to.iter().map(one).collect()
}

fn demands() -> Vec<Demand> {
    let source = Source::Rule { rule: "Enforce TLS".into(), field: "x-TLSLevel: Require".into() };
    vec![Demand::new(Level::Require, source)]
}

fn copy(to: &[&str]) -> NewCopy {
    let recipients = recipients(to);
    NewCopy {
        domain: recipients.first().unwrap().mailbox.domain().clone(),
        recipients,
        direction: Direction::Outbound,
        demands: demands(),
        edits: Edits { top: Vec::new(), cut: Vec::new() },
        matched: vec![Matched { rule: "Enforce TLS".into(), shadow: false }],
        rule: Some("Deliver Outbound".into()),
        fate: Fate::Deliver,
    }
}

fn quarantined(world: &World, to: &[&str]) -> NewQuarantined {
    let NewCopy { recipients, direction, domain, demands, edits, matched, .. } = copy(to);
    let expires = world.clock.now().plus(Duration::from_secs(86_400));
    let (rule, company) = ("Hold".into(), false);
    NewQuarantined {
        recipients,
        direction,
        domain,
        demands,
        edits,
        matched,
        rule,
        company,
        expires,
    }
}

fn message(world: &World, subject: &str) -> NewMessage {
    NewMessage {
        id: world.store.mint(),
        received_at: world.clock.now(),
        sender: ReversePath::parse("sender@acme.example").unwrap(),
        params: MailParams::default(),
        client: ClientFacts {
            address: IpAddr::from([192, 0, 2, 7]),
            helo: "client.example".into(),
            tls: None,
            from_source: true,
            ..serde_json::from_value(json!({
                "address": "192.0.2.7", "helo": "client.example", "tls": null, "from_source": true
            }))
            .unwrap()
        },
        revision: 1,
        subject: subject.into(),
        copies: Vec::new(),
        quarantined: Vec::new(),
        closed: Vec::new(),
    }
}

async fn put(world: &World, message: NewMessage, body: &str) -> MessageId {
    let mut staging = world.store.stage(None).unwrap();
    staging.append(body.replace('\n', "\r\n").as_bytes()).await.unwrap();
    world.store.commit(staging.finish(), message).await.unwrap().id()
}

async fn send(world: &World, subject: &str, to: &[&str]) -> MessageId {
    let message = NewMessage { copies: vec![copy(to)], ..message(world, subject) };
    put(world, message, "Subject: x\n\nhello\n").await
}

/// Ends the attempt at everything that is due at a domain.
async fn attempt(world: &World, domain: &str, outcome: Ending) {
    let now = world.clock.now();
    let lane = Lane {
        direction: Direction::Outbound,
        domain: gatepost_wire::address::AddressDomain::parse(domain).unwrap(),
        fingerprint: fingerprint(&demands()),
    };
    for claim in world.store.claim(&lane, 10_000, now).await.unwrap() {
        let id = claim.message().id;
        let settlement = claim.settle(|recipient| {
            let (level, decided_by) = Attempt::wanted(&demands(), 1);
            let clear = (outcome == Ending::Delivered).then_some(NoTls::NotOffered);
            let attempt = Attempt {
                message: id,
                recipient: recipient.mailbox.to_string(),
                at: now,
                outcome,
                level: if clear.is_some() { Level::Try } else { level },
                decided_by,
                host: Some("mx1.partner.example".into()),
                address: Some("192.0.2.10:25".into()),
                tls: None,
                clear_because: clear,
                why: clear.is_none().then_some(Why::StartTlsRefused),
                reply: Some(HOSTILE.into()),
                status: "4.7.4".into(),
                tries: Vec::new(),
                learned_from: None,
            };
            match outcome {
                Ending::Delivered => Outcome::Delivered(attempt),
                Ending::Bounced => Outcome::Bounced(attempt),
                Ending::Deferred => {
                    let next = now.plus(Duration::from_secs(300));
                    Outcome::Deferred { attempt, next, warned: false }
                }
            }
        });
        world.store.settle(settlement).await.unwrap();
    }
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

/// Asks as a token.
async fn as_token(world: &World, token: &str, ask: Ask<'_>) -> (u16, Value) {
    let answer = world.ask(ask.token(token)).await;
    assert!(answer.header("content-type").contains("json"), "{answer:?}");
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn what_strangers_wrote_is_text_and_nothing_else() {
    let world = World::new().await;
    let id = send(&world, HOSTILE, &["anna@partner.example"]).await;
    attempt(&world, "partner.example", Ending::Deferred).await;
    let queue = world.get("/api/v1/queue").await;
    let [entry] = items(&queue).as_slice() else { panic!("{queue}") };
    let because = &entry["waiting_because"];
    assert_eq!(because["why"], "starttls-refused");
    assert!(because["cause"].as_str().unwrap().contains("refused it"), "{because}");
    assert!(because["letter"].as_str().unwrap().contains("gateway.acme.example"), "{because}");
    assert_eq!((&entry["level"], &entry["state"]), (&json!("require"), &json!("waiting")));
    assert!(entry["expires"].is_string() && entry["held"].is_null());
    let history = world.get("/api/v1/history?q=%3C%2Fscript%3E").await;
    let [line] = items(&history).as_slice() else { panic!("{history}") };
    assert_eq!(line["subject"], HOSTILE);
    assert!(line["recipients"][0]["reason"].as_str().unwrap().contains(HOSTILE), "{line}");
    let attempts = world.get("/api/v1/messages?why=starttls-refused&q=alert").await;
    assert_eq!(items(&attempts)[0]["reply"], HOSTILE);
    assert_eq!(items(&attempts)[0]["subject"], HOSTILE);
    let story = world.get(&format!("/api/v1/messages/{id}")).await;
    assert!(story["story"].as_array().unwrap().len() > 2, "{story}");
    assert_eq!(story["queue"][0]["waiting_because"]["why"], "starttls-refused");
    assert_eq!(world.get(&format!("/api/v1/queue/{id}")).await["total"], 1);
}

#[tokio::test]
async fn pages_give_each_row_once_while_rows_are_added() {
    let world = World::new().await;
    let mut ids = BTreeSet::new();
    for _ in 0..2500 {
        world.clock.advance(Duration::from_millis(1));
        ids.insert(send(&world, "x", &["anna@partner.example"]).await.to_string());
    }
    let mut others = 0;
    for list in ["history", "queue"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = world.get(&format!("/api/v1/{list}?limit=240{cursor}")).await;
            let key = if list == "queue" { "message" } else { "id" };
            seen.extend(items(&page).iter().map(|one| one[key].as_str().unwrap().to_owned()));
            pages += 1;
            world.clock.advance(Duration::from_millis(1));
            let other = send(&world, "y", &["bert@other.example"]).await.to_string();
            assert!(!ids.contains(&other));
            others += 1;
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(pages > 10, "{pages}");
        let old: Vec<&String> = seen.iter().filter(|id| ids.contains(*id)).collect();
        assert_eq!(old.len(), 2500, "{list}");
        assert_eq!(old.into_iter().cloned().collect::<BTreeSet<_>>(), ids, "{list}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{list}");
    }
    let answer = world.owner(Ask::new("GET", "/api/v1/history?cursor=bm9uZQ")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(world.get("/api/v1/history?limit=1").await["total"], 2500 + others);
}

#[tokio::test]
async fn what_decides_for_many_has_to_know_how_many() {
    let world = World::new().await;
    send(&world, "x", &["a@one.example", "b@one.example"]).await;
    send(&world, "x", &["c@two.example"]).await;
    let act = |action: &str, filter: &str, count: usize| {
        let body =
            json!({ "filter": filter, "action": action, "count": count, "reason": "ticket 4711" });
        Ask::new("POST", "/api/v1/queue/actions").json(body)
    };
    let answer = world.owner(act("delete", "domain=one.example", 1)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (409, &json!(2)));
    assert_eq!(world.get("/api/v1/queue/count").await["count"], 3);
    let answer = world.owner(act("hold", "domain=one.example", 2)).await;
    assert_eq!(answer.json()["done"].as_array().unwrap().len(), 2, "{answer:?}");
    let held = world.get("/api/v1/queue?filter=state%3Dheld").await;
    assert_eq!(items(&held).len(), 2);
    assert_eq!(items(&held)[0]["held"]["reason"], "ticket 4711");
    assert!(items(&held)[0]["waiting_because"]["letter"].is_null());
    let answer = world.owner(act("reevaluate", "", 1)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (409, &json!(3)));
    let shape = world.get("/api/v1/queue/shape").await;
    assert_eq!(shape["rows"][0]["domain"], "one.example");
    assert_eq!(shape["rows"][0]["counts"][0], 2);
    assert_eq!(shape["ages"].as_array().unwrap().len(), 10);
    let answer = world.owner(act("delete", "domain=one.example", 2)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.get("/api/v1/queue/count").await["count"], 1);
    for (path, status) in [
        ("/api/v1/queue?filter=domain%3D%3D", 400),
        ("/api/v1/queue?filter=state%3Dheld&domain=a.example", 400),
        ("/api/v1/queue?what=x", 400),
        ("/api/v1/queue/nothing", 404),
        ("/api/v1/messages?why=nonsense", 400),
        ("/api/v1/history?state=gone", 400),
    ] {
        assert_eq!(world.owner(Ask::new("GET", path)).await.status, status, "{path}");
    }
    let until = json!({ "reason": null, "until": "2030-01-01T00:00:00Z" });
    let entry = items(&world.get("/api/v1/queue").await)[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/queue/{entry}/hold");
    let answer = world.owner(Ask::new("POST", &path).json(until)).await;
    assert_eq!(answer.status, 422);
    assert!(answer.json()["detail"].as_str().unwrap().contains("not in this version"));
}

const MAIL: &str = "From: x@y.example
Subject: =?utf-8?q?=3Cscript=3E?=
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<p>Hello <script>alert(1)</script>&#x202e;you</p>
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=\"<img src=x>.pdf\"

1234
--b--
";

#[tokio::test]
async fn the_quarantine_is_looked_at_released_and_deleted() {
    let world = World::new().await;
    for to in ["a@one.example", "b@two.example", "c@three.example"] {
        let message = message(&world, HOSTILE);
        let message = NewMessage { quarantined: vec![quarantined(&world, &[to])], ..message };
        put(&world, message, MAIL).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let all = world.get("/api/v1/quarantine").await;
    assert_eq!((items(&all).len(), &all["total"]), (3, &json!(3)));
    let id = items(&all)[0]["id"].as_str().unwrap().to_owned();
    let viewer = world.make_token("viewer", Role::Viewer).await;
    let operator = world.make_token("operator", Role::QueueOperator).await;
    let path = format!("/api/v1/quarantine/{id}/preview");
    assert_eq!(as_token(&world, &viewer, Ask::new("GET", &path)).await.0, 403);
    let (status, seen) = as_token(&world, &operator, Ask::new("GET", &path)).await;
    assert_eq!(status, 200);
    assert_eq!(seen["text"], "Hello \\u{202e}you\n");
    assert_eq!(seen["headers"][1], json!(["Subject", "<script>"]));
    assert_eq!(seen["attachments"][0]["name"], "<img src=x>.pdf");
    assert_eq!((&seen["from_html"], &seen["truncated"]), (&json!(true), &json!(false)));
    let release = format!("/api/v1/quarantine/{id}/release");
    let ask = |with_rules: bool| {
        Ask::new("POST", &release).json(json!({ "reason": "harmless", "with_rules": with_rules }))
    };
    assert_eq!(as_token(&world, &viewer, ask(false)).await.0, 403);
    let (status, problem) = as_token(&world, &operator, ask(true)).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("not in this version"), "{problem}");
    assert_eq!(as_token(&world, &operator, ask(false)).await, (200, json!({ "done": 1 })));
    assert_eq!(as_token(&world, &operator, ask(false)).await.0, 404);
    assert_eq!(world.get("/api/v1/queue/count").await["count"], 1);
    let many = |count: usize| {
        let body =
            json!({ "ids": null, "all": true, "action": "delete", "count": count, "reason": null });
        Ask::new("POST", "/api/v1/quarantine/actions").json(body)
    };
    let (status, problem) = as_token(&world, &operator, many(3)).await;
    assert_eq!((status, &problem["count"]), (409, &json!(2)));
    assert_eq!(as_token(&world, &operator, many(2)).await, (200, json!({ "done": 2 })));
    assert!(items(&world.get("/api/v1/quarantine").await).is_empty());
}

#[tokio::test]
async fn a_viewer_sees_and_changes_nothing() {
    let world = World::new().await;
    let id = send(&world, "x", &["anna@partner.example"]).await;
    let viewer = world.make_token("viewer", Role::Viewer).await;
    for path in [
        "queue",
        "queue/count",
        "queue/shape",
        "history",
        "messages",
        "quarantine",
        "tls/report",
        "tls/probes",
        "overview",
    ] {
        let path = format!("/api/v1/{path}");
        assert_eq!(as_token(&world, &viewer, Ask::new("GET", &path)).await.0, 200, "{path}");
        assert_eq!(world.ask(Ask::new("GET", &path)).await.status, 401, "{path}");
    }
    for verb in ["retry", "hold", "release", "bounce"] {
        let path = format!("/api/v1/queue/{id}/{verb}");
        let ask = Ask::new("POST", &path).json(json!({ "reason": null }));
        assert_eq!(as_token(&world, &viewer, ask).await.0, 403, "{path}");
    }
    let path = format!("/api/v1/queue/{id}");
    assert_eq!(as_token(&world, &viewer, Ask::new("DELETE", &path)).await.0, 403);
    let probe = Ask::new("POST", "/api/v1/tls/probe").json(json!({ "domains": ["a.example"] }));
    assert_eq!(as_token(&world, &viewer, probe).await.0, 403);
    assert_eq!(world.get("/api/v1/queue/count").await["count"], 1);
}

#[tokio::test]
async fn the_report_and_the_overview_add_up() {
    let world = World::new().await;
    send(&world, "x", &["a@clear.example"]).await;
    send(&world, "x", &["b@late.example", "c@late.example"]).await;
    attempt(&world, "clear.example", Ending::Delivered).await;
    attempt(&world, "late.example", Ending::Deferred).await;
    for _ in 0..2 {
        let seen = world.get("/api/v1/overview").await;
        assert_eq!(seen["accepting"], true);
        let day = &seen["last_24h"];
        assert_eq!(
            (&day["received"], &day["delivered"], &day["clear"]),
            (&json!(2), &json!(1), &json!(1))
        );
        assert_eq!(day["clear_under_enforced"], 0);
        assert_eq!(seen["hours"].as_array().unwrap().len(), 25);
        let [refusal] = seen["refusals"].as_array().unwrap().as_slice() else { panic!("{seen}") };
        assert_eq!((&refusal["domain"], &refusal["count"]), (&json!("late.example"), &json!(2)));
        let report = world.get("/api/v1/tls/report").await;
        assert_eq!(report["domains"].as_array().unwrap().len(), 2, "{report}");
        assert_eq!(report["totals"]["delivered"], 1);
        assert_eq!(report["totals"]["waiting_for_tls"], 2);
        let [day] = report["days"].as_array().unwrap().as_slice() else { panic!("{report}") };
        assert_eq!(
            (&day["none"], &day["waiting"], &day["tls13"]),
            (&json!(1), &json!(2), &json!(0))
        );
        // What is settled by now is not read again, and counts once all the same.
        world.clock.advance(Duration::from_secs(120));
    }
    let one = world.get("/api/v1/tls/report?domain=clear.example").await;
    assert_eq!(one["domains"].as_array().unwrap().len(), 1);
    let csv = world.owner(Ask::new("GET", "/api/v1/tls/report?format=csv")).await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(String::from_utf8(csv.bytes).unwrap().starts_with("domain,period,delivered"));
}

#[tokio::test]
async fn a_probe_is_kept_and_every_fault_is_named() {
    let world = World::new().await;
    let ask = |body: Value| Ask::new("POST", "/api/v1/tls/probe").json(body);
    let answer =
        world.owner(ask(json!({ "domains": ["b.example", "a.example", "A.example"] }))).await;
    let domains: Vec<Value> =
        answer.json().as_array().unwrap().iter().map(|one| one["domain"].clone()).collect();
    assert_eq!(domains, ["a.example", "b.example"]);
    assert_eq!(world.get("/api/v1/tls/probes?limit=1").await["total"], 2);
    let bad = json!({ "domains": ["a b", "ok.example"], "rule_data": "none", "level": "nonsense" });
    let answer = world.owner(ask(bad)).await;
    assert_eq!(answer.status, 422);
    let pointers: Vec<Value> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/level", "/domains/0", "/rule_data"]);
    assert_eq!(world.owner(ask(json!({}))).await.status, 422);
}
