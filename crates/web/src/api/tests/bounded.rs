//! What takes long: bounded in time and in number, with everything that was not done named.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_policy::retry::Lifetime;
use gatepost_policy::tls::Level;
use gatepost_store::{Order, StoreError, Waiting};
use gatepost_wire::address::AddressDomain;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::world::{Alone, Answer, Ask, World};
use crate::api::weight::Weight;
use crate::outside::{Outside, Probed, SystemFacts};

/// A gateway that has so much patience, and hears nothing from domains that begin with `silent`.
struct Reluctant {
    patience: Duration,
    /// A permit for every probe that waits for such a domain.
    waiting: Semaphore,
}

impl Reluctant {
    fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self { patience, waiting: Semaphore::new(0) })
    }
}

#[async_trait]
impl Outside for Reluctant {
    fn hostname(&self) -> String {
        Alone.hostname()
    }

    fn system(&self) -> SystemFacts {
        Alone.system()
    }

    fn lifetime(&self) -> Lifetime {
        Alone.lifetime()
    }

    async fn judge(&self, waiting: &[Waiting]) -> Result<Order, StoreError> {
        Alone.judge(waiting).await
    }

    fn patience(&self) -> Duration {
        self.patience
    }

    async fn probe(
        &self,
        domains: Vec<AddressDomain>,
        level: Level,
        connections: usize,
        seen: &mut Vec<Probed>,
    ) -> Result<(), String> {
        let silent = |domain: &AddressDomain| domain.key().starts_with("silent");
        let (silent, quick): (Vec<_>, Vec<_>) = domains.into_iter().partition(silent);
        Alone.probe(quick, level, connections, seen).await?;
        if silent.is_empty() {
            return Ok(());
        }
        self.waiting.add_permits(1);
        std::future::pending().await
    }
}

async fn probe(world: &World, body: Value) -> Answer {
    world.owner(Ask::new("POST", "/api/v1/tls/probe").json(body)).await
}

fn words(answer: &Answer) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let all = answer.json();
    let of = |one: &Value| (text(&one["domain"]).unwrap(), text(&one["not_probed"]));
    all.as_array().unwrap_or_else(|| panic!("{all}")).iter().map(of).collect()
}

#[tokio::test]
async fn a_probe_of_a_set_names_every_entry_that_is_no_domain() {
    let world = World::new().await;
    let set = json!({ "name": "Partners", "kind": "domains",
        "values": ".hospital.example # all of them\npartner.example\nanna@b.example\n<>\n" });
    let made = world.change("POST", "/api/v1/rule-data", Some(set)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let answer = probe(&world, json!({ "rule_data": "partners" })).await;
    let wanted = [
        ("b.example", None),
        ("partner.example", None),
        ("<>", Some("no_domain")),
        (".hospital.example", Some("subdomains")),
    ];
    let owned = wanted.map(|(entry, word)| (entry.to_owned(), word.map(str::to_owned)));
    assert_eq!(words(&answer), owned);
    let pattern = &answer.json()[3];
    assert_eq!((&pattern["ready"], &pattern["verdicts"]), (&json!(false), &json!({})));
    assert!(pattern["detail"].as_str().unwrap().contains("mail was sent to none so far"));
    // Only what was seen is kept.
    assert_eq!(world.get("/api/v1/tls/probes").await["total"], 2);
}

#[tokio::test]
async fn a_probe_that_takes_too_long_gives_what_is_known_and_names_the_rest() {
    let world = World::beside(Reluctant::new(Duration::ZERO)).await;
    let domains = ["silent.example", "a.example", "z.example"];
    let answer = probe(&world, json!({ "domains": domains })).await;
    let done = |entry: &str| (entry.to_owned(), None);
    let late = ("silent.example".to_owned(), Some("time".to_owned()));
    assert_eq!(words(&answer), [done("a.example"), done("z.example"), late]);
    assert_eq!(world.get("/api/v1/tls/probes").await["total"], 2);
}

#[tokio::test]
async fn more_domains_than_a_request_probes_are_refused_with_what_to_do() {
    let world = World::new().await;
    let domains: Vec<String> = (0..1001).map(|n| format!("d{n}.example")).collect();
    let answer = probe(&world, json!({ "domains": domains })).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["errors"][0]["pointer"]),
        (422, &json!("/domains"))
    );
    let twice = json!({ "domains": vec!["a.example"; 1001] });
    assert_eq!(words(&probe(&world, twice).await).len(), 1);
}

#[tokio::test]
async fn who_probes_beside_too_many_others_is_told_when_to_come_again() {
    let outside = Reluctant::new(Duration::from_secs(3600));
    let world = World::beside(outside.clone()).await;
    let four = json!({ "domains": ["silent.a", "silent.b", "silent.c", "silent.d"] });
    let held = async {
        let all = (probe(&world, four.clone()), probe(&world, four.clone()));
        let more = (probe(&world, four.clone()), probe(&world, four.clone()));
        tokio::join!(all.0, all.1, more.0, more.1)
    };
    let refused = async {
        let all = outside.waiting.acquire_many(4).await.unwrap();
        drop(all);
        probe(&world, json!({ "domains": ["a.example"] })).await
    };
    let answer = tokio::select! {
        _ = held => panic!("a silent domain has answered"),
        answer = refused => answer,
    };
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    assert_eq!(answer.json()["type"], "/problems/busy");
    // The others have gone away, and their turns with them.
    assert_eq!(probe(&world, json!({ "domains": ["a.example"] })).await.status, 200);
}

#[tokio::test]
async fn the_simulator_is_bounded_in_recipients_and_in_time() {
    let world = World::beside(Reluctant::new(Duration::ZERO)).await;
    let to: Vec<String> = (0..1001).map(|n| format!("r{n}@partner.example")).collect();
    let trace = |to: &[String]| {
        let body = json!({ "from": "bob@acme.example", "to": to });
        Ask::new("POST", "/api/v1/trace").json(body)
    };
    let answer = world.owner(trace(&to)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["errors"][0]["pointer"]),
        (422, &json!("/to"))
    );
    let answer = world.owner(trace(&to[..3])).await.json();
    assert_eq!(answer["recipients"].as_array().unwrap().len(), 1);
    assert_eq!(answer["not_done"], json!(["r1@partner.example", "r2@partner.example"]));
}

#[tokio::test]
async fn a_document_of_too_many_objects_is_refused_before_it_is_read() {
    let world = World::new().await;
    let rules = json!({ "rule": vec![json!({}); Weight::OBJECTS + 1] });
    for path in ["/api/v1/policy/check", "/api/v1/rules"] {
        let answer = world.change("POST", path, Some(rules.clone())).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["type"]),
            (413, &json!("/problems/too-large"))
        );
        assert!(answer.json()["detail"].as_str().unwrap().contains("50000 objects"));
    }
    let toml = "[[rule]]\n".repeat(Weight::OBJECTS + 1);
    let ask = Ask::new("POST", "/api/v1/policy/check").text("application/toml", &toml);
    assert_eq!(world.owner(ask).await.status, 413);
}

#[tokio::test]
async fn large_documents_that_come_all_at_once_are_not_all_taken() {
    let world = World::new().await;
    let values = "partner.example\n".repeat(3 * 65_536);
    let set = json!({ "rule_data": [{ "name": "P", "kind": "domains", "values": values }] });
    let check = || world.owner(Ask::new("POST", "/api/v1/policy/check").json(set.clone()));
    // Each has three MiB, and there is room for 32.
    let four = || async { tokio::join!(check(), check(), check(), check()) };
    let (a, b, c, d, e) = tokio::join!(four(), four(), four(), four(), four());
    let all = [a, b, c, d, e].into_iter().flat_map(|(a, b, c, d)| [a, b, c, d]);
    let (done, refused): (Vec<Answer>, Vec<Answer>) = all.partition(|answer| answer.status == 200);
    assert!(!done.is_empty() && !refused.is_empty(), "{} {}", done.len(), refused.len());
    for answer in refused {
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"));
    }
    assert_eq!(check().await.status, 200);
}
