//! The policy as a whole, over the API: conflicts, problems, drafts, history, the simulator.

use gatepost_store::{Role, Settings as _};
use serde_json::{Value, json};

use super::world::{Answer, Ask, World};

/// A policy as JSON from its file.
pub(super) fn policy(toml: &str) -> Value {
    let parsed = gatepost_policy::document::PolicyDocument::parse_toml(toml, "policy.toml");
    serde_json::to_value(parsed.unwrap().document).unwrap()
}

const GUIDE: &str = r#"
[[domain]]
name = "acme.example"
[[outbound_source]]
network = "10.0.0.0/8"
[[rule_data]]
name = "Partners"
kind = "domains"
values = "partner.example\n"
[[rule]]
name = "Enforce"
conditions = [
  { condition = "direction", match = "matches", value = "outbound" },
  { condition = "recipient", match = "matches", rule_data = "Partners" },
]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Require" }]
"#;

impl World {
    /// Sends a change of the policy that holds.
    pub(super) async fn change(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let ask = Ask::new(method, path).with("if-match", &format!("\"{}\"", self.store.head()));
        self.owner(match body {
            Some(body) => ask.json(body),
            None => ask,
        })
        .await
    }

    /// Makes the policy of the guide hold.
    pub(super) async fn guide(&self) {
        let answer = self.change("PUT", "/api/v1/policy?reason=guide", Some(policy(GUIDE))).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
}

/// The pointers of a problem.
pub(super) fn pointers(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_policy_is_published_with_its_author_and_reason_and_read_in_both_forms() {
    let world = World::new().await;
    let answer = world.change("PUT", "/api/v1/policy?reason=guide", Some(policy(GUIDE))).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"2\""));
    assert_eq!((&answer.json()["revision"], &answer.json()["changed"]), (&json!(2), &json!(true)));
    assert_eq!(answer.json()["findings"], json!([]));
    let read = world.owner(Ask::new("GET", "/api/v1/policy")).await;
    assert_eq!(read.header("etag"), "\"2\"");
    assert_eq!(read.json()["rule"][0]["name"], "Enforce");
    let toml =
        world.owner(Ask::new("GET", "/api/v1/policy").with("accept", "application/toml")).await;
    assert_eq!(toml.header("content-type"), "application/toml");
    let text = String::from_utf8(toml.bytes).unwrap();
    assert_eq!(policy(&text), read.json());
    let known = Ask::new("GET", "/api/v1/policy").with("if-none-match", "\"2\"");
    assert_eq!(world.owner(known).await.status, 304);
    let again = world.change("PUT", "/api/v1/policy", Some(read.json())).await;
    assert_eq!((&again.json()["revision"], &again.json()["changed"]), (&json!(2), &json!(false)));
    let line = world.get("/api/v1/policy/revisions?limit=1").await;
    assert_eq!(line["items"][0]["reason"], "guide");
    assert_eq!(line["items"][0]["by"], "owner's");
    assert_eq!(line["total"], 2);
    let audit = world.get("/api/v1/audit?what=policy").await;
    let entry = &audit["items"][0];
    assert_eq!((&entry["what"], &entry["revision"]), (&json!("policy.commit"), &json!(2)));
    assert_eq!((&entry["reason"], &entry["by"]), (&json!("guide"), &json!("owner's")));
    assert_eq!(entry["before"]["rule"]["Enforce"], Value::Null);
    assert_eq!(entry["after"]["rule"]["Enforce"]["name"], "Enforce");
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
    let next = line["next"].as_str().unwrap();
    let rest = world.get(&format!("/api/v1/policy/revisions?limit=1&cursor={next}")).await;
    assert_eq!((&rest["items"][0]["revision"], &rest["next"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn a_change_says_which_revision_it_was_made_to() {
    let world = World::new().await;
    let ask = || Ask::new("PUT", "/api/v1/policy").json(policy(GUIDE));
    let without = world.owner(ask()).await;
    assert_eq!((without.status.as_u16(), &without.json()["revision"]), (428, &json!(1)));
    world.guide().await;
    let old = world.owner(ask().with("if-match", "\"1\"")).await;
    assert_eq!((old.status.as_u16(), &old.json()["revision"]), (412, &json!(2)));
    assert_eq!(old.json()["type"], "/problems/policy-changed");
    assert_eq!(world.store.head(), 2);
}

#[tokio::test]
async fn every_problem_is_told_at_once_with_its_place() {
    let world = World::new().await;
    let mut broken = policy(GUIDE);
    broken["rule"][0]["conditions"][1]["rule_data"] = json!("Nobody");
    broken["rule"][0]["final_action"] = json!("explode");
    broken["domain"][0]["nmae"] = json!("x");
    broken["rule_data"][0]["values"] = json!("good.example\na b\n");
    let answer = world.change("PUT", "/api/v1/policy", Some(broken.clone())).await;
    assert_eq!(answer.status, 422);
    let mut found = pointers(&answer);
    found.sort();
    let wanted = [
        "/domain/0/nmae",
        "/rule/0/conditions/1/rule_data",
        "/rule/0/final_action",
        "/rule_data/0/values",
    ];
    assert_eq!(found, wanted, "{}", answer.json());
    assert!(answer.json()["errors"][0]["remedy"].is_string());
    assert_eq!(world.store.head(), 1);
    // a check says the same and is no failure
    let checked = world.owner(Ask::new("POST", "/api/v1/policy/check").json(broken)).await;
    assert_eq!(checked.status, 200);
    assert_eq!(checked.json()["errors"].as_array().unwrap().len(), 4);
    let toml = Ask::new("PUT", "/api/v1/policy").with("content-type", "text/plain");
    assert_eq!(world.owner(toml.with("if-match", "*")).await.status, 415);
}

#[tokio::test]
async fn a_draft_is_checked_and_compared_and_nothing_holds_of_it() {
    let world = World::new().await;
    world.guide().await;
    let mut draft = world.get("/api/v1/policy").await;
    let rules = draft["rule"].as_array_mut().unwrap();
    let enforce = rules.remove(0);
    rules.push(enforce);
    let checked = world.owner(Ask::new("POST", "/api/v1/policy/check").json(draft.clone())).await;
    let checked = checked.json();
    assert_eq!(checked["errors"], json!([]));
    let kinds: Vec<&str> = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["unreachable"]);
    assert_eq!(checked["rules"][3]["unreachable"], true);
    assert_eq!(checked["rules"][0]["system"], "opportunistic_tls");
    let body = json!({ "document": draft, "base": null });
    let compared = world.owner(Ask::new("POST", "/api/v1/policy/diff").json(body)).await.json();
    let change = &compared["changes"][0];
    assert_eq!(
        (&change["area"], &change["name"], &change["change"]),
        (&json!("rule"), &json!("Enforce"), &json!("moved"))
    );
    assert_eq!((&change["from_position"], &change["to_position"]), (&json!(1), &json!(4)));
    assert!(compared["text"].as_str().unwrap().starts_with("--- revision 2\n+++ draft\n"));
    let wrong = json!({ "document": { "rule": 7 }, "base": "x", "more": 1 });
    let answer = world.owner(Ask::new("POST", "/api/v1/policy/diff").json(wrong)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(pointers(&answer), ["/more", "/base", "/document/rule"]);
    assert_eq!(world.store.head(), 2);
}

#[tokio::test]
async fn an_old_revision_holds_again_as_a_new_one() {
    let world = World::new().await;
    world.guide().await;
    let back = json!({ "revision": 1 });
    let answer = world.change("POST", "/api/v1/policy/rollback", Some(back)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["revision"]), (200, &json!(3)));
    let whole = world.get("/api/v1/policy/revisions/3").await;
    assert_eq!(whole["reason"], "back to revision 1");
    assert!(whole["toml"].as_str().unwrap().contains("opportunistic_tls"));
    let audit = world.get("/api/v1/audit?what=policy").await;
    let entry = &audit["items"][0];
    assert_eq!(
        (&entry["what"], &entry["target"]),
        (&json!("policy.rollback"), &json!("revision 1"))
    );
    assert_eq!(
        (&entry["revision"], &entry["before"]["rule"]["Enforce"]["name"]),
        (&json!(3), &json!("Enforce"))
    );
    let difference = world.get("/api/v1/policy/revisions/2/diff?to=3").await;
    assert_eq!(difference["changes"].as_array().unwrap().len(), 4);
    let none =
        world.change("POST", "/api/v1/policy/rollback", Some(json!({ "revision": 99 }))).await;
    assert_eq!(none.status, 404);
    assert_eq!(world.owner(Ask::new("GET", "/api/v1/policy/revisions/99")).await.status, 404);
}

#[tokio::test]
async fn the_simulator_walks_the_policy_that_holds_or_a_draft() {
    let world = World::new().await;
    world.guide().await;
    let body = json!({ "from": "bob@acme.example", "to": ["anna@partner.example"] });
    let held = world.owner(Ask::new("POST", "/api/v1/trace").json(body.clone())).await.json();
    let of_anna = &held["recipients"][0];
    assert_eq!(of_anna["tls"]["level"], "require");
    assert_eq!(of_anna["steps"][0]["rule"], "Enforce");
    assert_eq!(of_anna["final_action"], "deliver");
    let mut draft = world.get("/api/v1/policy").await;
    draft["rule"][0]["active"] = json!(false);
    let mut with_draft = body.clone();
    with_draft["policy"] = draft;
    let viewer = world.make_token("viewer", Role::Viewer).await;
    let traced = world.ask(Ask::new("POST", "/api/v1/trace").json(with_draft).token(&viewer)).await;
    assert_eq!(traced.json()["recipients"][0]["tls"]["level"], "try");
    let wrong = json!({ "from": "x", "to": ["a b"], "source_ip": "1", "direction": "up" });
    let answer = world.owner(Ask::new("POST", "/api/v1/trace").json(wrong)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(pointers(&answer), ["/from", "/to/0", "/source_ip", "/direction"]);
    // the bytes of kept mail are not for every role
    let mut kept = body;
    kept["message_id"] = json!("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let refused =
        world.ask(Ask::new("POST", "/api/v1/trace").json(kept.clone()).token(&viewer)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(world.owner(Ask::new("POST", "/api/v1/trace").json(kept)).await.status, 404);
}

#[tokio::test]
async fn a_rule_that_got_another_name_in_a_draft_is_the_same_rule() {
    let world = World::new().await;
    world.guide().await;
    let id = world.get("/api/v1/rules").await["items"][0]["id"].clone();
    let mut draft = world.get("/api/v1/policy").await;
    draft["rule"][0]["name"] = json!("Partners need TLS");
    let answer = world.change("PUT", "/api/v1/policy", Some(draft)).await;
    assert_eq!(answer.status, 200);
    let rule = world.get("/api/v1/rules").await["items"][0].clone();
    assert_eq!((&rule["name"], &rule["id"]), (&json!("Partners need TLS"), &id));
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let world = World::new().await;
    world.guide().await;
    let viewer = world.make_token("viewer", Role::Viewer).await;
    for (method, path) in [
        ("PUT", "/api/v1/policy"),
        ("POST", "/api/v1/policy/rollback"),
        ("POST", "/api/v1/rules"),
        ("PUT", "/api/v1/rules/order"),
        ("PUT", "/api/v1/rules/deliver_inbound"),
        ("DELETE", "/api/v1/rules/deliver_inbound"),
        ("POST", "/api/v1/rule-data"),
        ("POST", "/api/v1/domains"),
        ("DELETE", "/api/v1/domains/acme.example"),
        ("POST", "/api/v1/outbound-sources"),
        ("PUT", "/api/v1/smart-hosts"),
        ("PUT", "/api/v1/tls-policies"),
    ] {
        let ask = Ask::new(method, path).with("if-match", "*").json(json!({})).token(&viewer);
        assert_eq!(world.ask(ask).await.status, 403, "{method} {path}");
    }
    assert_eq!(world.store.head(), 2);
}
