//! Rules, Rule Data and routing one by one, over the API.

use std::time::Duration;

use gatepost_store::Clock as _;
use gatepost_store::{Hit, Rulebook as _, Settings as _};
use serde_json::{Value, json};

use super::policy::pointers;
use super::world::{Ask, World};

async fn rules(world: &World) -> Vec<Value> {
    world.get("/api/v1/rules?limit=1000").await["items"].as_array().unwrap().clone()
}

fn names(rules: &[Value]) -> Vec<&str> {
    rules.iter().map(|rule| rule["name"].as_str().unwrap()).collect()
}

fn ids(rules: &[Value]) -> Vec<Value> {
    rules.iter().map(|rule| rule["id"].clone()).collect()
}

#[tokio::test]
async fn a_new_rule_stands_where_it_acts_and_keeps_its_id() {
    let world = World::new().await;
    world.guide().await;
    let body = json!({ "name": "Reject Eve", "final_action": "reject", "note": "ticket 1",
        "conditions": [{ "condition": "sender", "match": "matches", "value": "eve@x.example" }] });
    let made = world.change("POST", "/api/v1/rules?reason=eve", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let rule = made.json();
    assert_eq!((&rule["position"], &rule["note"]), (&json!(2), &json!("ticket 1")));
    let path = format!("/api/v1/rules/{}", rule["id"].as_str().unwrap());
    assert_eq!(made.header("location"), path);
    assert_eq!(made.header("etag"), "\"3\"");
    // what GET gives can be sent back; another name and place, the same id and count
    let now = world.clock.now();
    let hit = Hit { rule: "Reject Eve".into(), shadow: false, count: 3, last: now };
    world.store.count_hits(vec![hit]).await.unwrap();
    let mut sent = world.get(&path).await;
    assert_eq!(sent["hits"]["total"], 3);
    sent["name"] = json!("Refuse Eve");
    sent["position"] = json!(1);
    let changed = world.change("PUT", &path, Some(sent)).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    let changed = changed.json();
    assert_eq!((&changed["id"], &changed["position"]), (&rule["id"], &json!(1)));
    assert_eq!((&changed["hits"]["total"], &changed["hits"]["last_24h"]), (&json!(3), &json!(3)));
    assert_eq!(changed["hits"]["shadow"]["total"], 0);
    assert_eq!(names(&rules(&world).await)[..2], ["Refuse Eve", "Enforce"]);
    let gone = world.change("DELETE", &path, None).await;
    assert_eq!(gone.status, 204);
    assert_eq!(world.owner(Ask::new("GET", &path)).await.status, 404);
}

#[tokio::test]
async fn faults_of_a_rule_point_into_what_was_sent() {
    let world = World::new().await;
    world.guide().await;
    let body = json!({ "name": "enforce", "final_action": "explode", "x/y": 1,
        "conditions": [{ "condition": "recipient", "match": "matches", "rule_data": "Nobody" }] });
    let answer = world.change("POST", "/api/v1/rules", Some(body)).await;
    assert_eq!(answer.status, 422);
    let found = pointers(&answer);
    for pointer in ["/name", "/final_action", "/x~1y", "/conditions/0/rule_data"] {
        assert!(found.iter().any(|p| p == pointer), "{pointer}: {found:?}");
    }
    for (body, pointer) in [
        (json!({ "name": "a", "position": 99 }), "/position"),
        (json!({ "system": "deliver_inbound" }), "/system"),
        (json!([]), ""),
    ] {
        let answer = world.change("POST", "/api/v1/rules", Some(body)).await;
        assert_eq!((answer.status.as_u16(), pointers(&answer)), (422, vec![pointer.to_owned()]));
    }
    assert_eq!(world.store.head(), 2);
}

#[tokio::test]
async fn a_system_rule_is_switched_and_nothing_else() {
    let world = World::new().await;
    let path = "/api/v1/rules/opportunistic_tls";
    let mut sent = world.get(path).await;
    assert_eq!(sent["system"], "opportunistic_tls");
    assert_eq!(sent["conditions"][0]["condition"], "direction");
    sent["active"] = json!(false);
    let answer = world.change("PUT", path, Some(sent.clone())).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["active"]), (200, &json!(false)));
    sent["final_action"] = json!("reject");
    let answer = world.change("PUT", path, Some(sent)).await;
    assert_eq!(
        (answer.status.as_u16(), pointers(&answer)),
        (422, vec!["/final_action".to_owned()])
    );
    assert_eq!(world.change("DELETE", path, None).await.status, 409);
}

#[tokio::test]
async fn the_order_is_one_of_all_rules_and_system_rules_keep_theirs() {
    let world = World::new().await;
    world.guide().await;
    let held = rules(&world).await;
    let mut order = ids(&held);
    order.rotate_left(1);
    let answer = world.change("PUT", "/api/v1/rules/order", Some(json!({ "order": order }))).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["findings"][0]["kind"], "unreachable");
    assert_eq!(
        names(&rules(&world).await),
        ["Opportunistic TLS", "Deliver Inbound", "Deliver Outbound", "Enforce"]
    );
    order.swap(0, 1);
    let answer = world.change("PUT", "/api/v1/rules/order", Some(json!({ "order": order }))).await;
    assert_eq!(answer.status, 422);
    assert!(pointers(&answer)[0].starts_with("/order/1"), "{}", answer.json());
    let order = json!({ "order": [order[0], order[0], "01ARZ3NDEKTSV4RRFFQ69G5FAV"] });
    let answer = world.change("PUT", "/api/v1/rules/order", Some(order)).await;
    assert_eq!(pointers(&answer), ["/order/1", "/order/2", "/order", "/order", "/order"]);
}

#[tokio::test]
async fn a_set_is_renamed_with_its_users_and_kept_while_it_has_any() {
    let world = World::new().await;
    world.guide().await;
    let listed = world.get("/api/v1/rule-data").await;
    let set = &listed["items"][0];
    assert_eq!((&set["values"], &set["count"]), (&Value::Null, &json!(1)));
    assert_eq!(set["used_by"], json!(["Enforce"]));
    let path = format!("/api/v1/rule-data/{}", set["id"].as_str().unwrap());
    let refused = world.change("DELETE", &path, None).await;
    assert_eq!(refused.status, 409);
    assert!(refused.json()["detail"].as_str().unwrap().contains("Enforce"));
    let mut sent = world.get(&path).await;
    assert_eq!(sent["values"], "partner.example\n");
    sent["name"] = json!("Our partners");
    sent["values"] = json!("partner.example\nclinic.example\n");
    let changed = world.change("PUT", &path, Some(sent)).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    assert_eq!((&changed.json()["id"], &changed.json()["count"]), (&set["id"], &json!(2)));
    let rule = rules(&world).await.swap_remove(0);
    assert_eq!(rule["conditions"][1]["rule_data"], "Our partners");
    let bad = json!({ "name": "b", "kind": "domains", "values": ["a.example", "a b"] });
    let answer = world.change("POST", "/api/v1/rule-data", Some(bad)).await;
    assert_eq!((answer.status.as_u16(), pointers(&answer)), (422, vec!["/values/1".to_owned()]));
    let fine = json!({ "name": "b", "kind": "text", "values": "x" });
    let made = world.change("POST", "/api/v1/rule-data", Some(fine)).await;
    assert_eq!(made.status, 201);
    let path = made.header("location").to_owned();
    assert_eq!(world.change("DELETE", &path, None).await.status, 204);
}

#[tokio::test]
async fn a_text_of_rule_data_is_looked_at_before_it_is_kept() {
    let world = World::new().await;
    let body =
        json!({ "kind": "domains", "text": "MÜNCHEN.example\r\nmünchen.example\na b\nco.uk\n" });
    let found = world.owner(Ask::new("POST", "/api/v1/rule-data/preview").json(body)).await.json();
    assert_eq!(found["count"], 2);
    assert_eq!(found["entries"][0]["normalized"], "xn--mnchen-3ya.example");
    assert_eq!(found["duplicates"][0]["first_line"], 1);
    assert_eq!(found["errors"][0]["line"], 3);
    assert_eq!(found["warnings"][0]["line"], 4);
    let wrong = Ask::new("POST", "/api/v1/rule-data/preview").json(json!({ "kind": "x" }));
    assert_eq!(pointers(&world.owner(wrong).await), ["/kind", "/text"]);
}

#[tokio::test]
async fn domains_sources_and_lists_are_changed_by_name_and_as_a_whole() {
    let world = World::new().await;
    let domain = json!({ "name": "acme.example", "routes": [{ "host": "10.0.0.5" }] });
    let made = world.change("POST", "/api/v1/domains", Some(domain.clone())).await;
    assert_eq!((made.status.as_u16(), &made.json()["routes"][0]["port"]), (201, &json!(25)));
    let twice = world.change("POST", "/api/v1/domains", Some(domain)).await;
    assert_eq!((twice.status.as_u16(), pointers(&twice)), (422, vec!["/name".to_owned()]));
    let body = json!({ "name": "acme.example", "routes": [] });
    let changed = world.change("PUT", "/api/v1/domains/ACME.example", Some(body)).await;
    assert_eq!(changed.json()["routes"], json!([]));
    let source = json!({ "network": "10.0.0.0/8" });
    let made = world.change("POST", "/api/v1/outbound-sources", Some(source.clone())).await;
    assert_eq!(made.status, 201);
    assert_eq!(world.change("POST", "/api/v1/outbound-sources", Some(source)).await.status, 409);
    let gone = world.change("DELETE", "/api/v1/outbound-sources/10.0.0.0%2F8", None).await;
    assert_eq!(gone.status, 204);
    let hosts =
        json!({ "items": [{ "domains": ["*"], "host": "relay.isp.example", "tls": "require" }] });
    let put = world.change("PUT", "/api/v1/smart-hosts", Some(hosts)).await;
    assert_eq!(put.status, 200, "{}", put.json());
    let listed = world.get("/api/v1/smart-hosts").await;
    assert_eq!(listed["items"][0]["tls"], "require");
    assert_eq!(
        world.change("PUT", "/api/v1/smart-hosts", Some(listed)).await.json()["changed"],
        false
    );
    let wrong = json!({ "items": [{ "domains": ["a.example"], "level": "verfy" }] });
    let answer = world.change("PUT", "/api/v1/tls-policies", Some(wrong)).await;
    assert_eq!(pointers(&answer), ["/items/0/level"]);
    assert_eq!(world.change("DELETE", "/api/v1/domains/acme.example", None).await.status, 204);
}

#[tokio::test]
async fn a_thousand_rules_are_listed_quickly_and_whole() {
    let world = World::new().await;
    let text: String = (0..1000)
        .map(|n| {
            format!(
                "[[rule]]\nname = \"Rule {n}\"\nconditions = [{{ condition = \"recipient\", match = \
                 \"matches\", value = \"d{n}.example\" }}]\nactions = [{{ action = \
                 \"add_message_header\", value = \"X-N: {n}\" }}]\n"
            )
        })
        .collect();
    let policy = super::policy::policy(&text);
    let answer = world.change("PUT", "/api/v1/policy", Some(policy)).await;
    assert_eq!(answer.status, 200);
    // this build is not optimised for speed, and the machine may be busy
    let listing =
        tokio::time::timeout(Duration::from_millis(1500), world.get("/api/v1/rules?limit=1000"));
    let first = listing.await.expect("a thousand rules are listed quickly");
    assert_eq!((first["items"].as_array().unwrap().len(), &first["total"]), (1000, &json!(1003)));
    let next = first["next"].as_str().unwrap();
    let rest = world.get(&format!("/api/v1/rules?limit=1000&cursor={next}")).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (3, &Value::Null));
}
