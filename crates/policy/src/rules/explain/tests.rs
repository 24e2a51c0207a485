use serde_json::json;

use super::*;
use crate::samples::*;

fn traced(snapshot: &Snapshot, message: &[u8], to: &[&str]) -> Value {
    let facts = facts(message, to);
    let traced = trace(snapshot, &facts);
    let levels_traced: Vec<_> = traced.recipients.iter().map(|one| one.tls.clone()).collect();
    assert_eq!(levels(snapshot, &facts), levels_traced);
    serde_json::to_value(traced).unwrap()
}

#[test]
fn the_trace_has_the_documented_shape() {
    let snapshot = standard(&format!("{BASE}{LIST}{ENFORCE}"));
    let json = traced(&snapshot, MESSAGE, &["anna@partner.example"]);
    assert_eq!(
        json["recipients"][0]["steps"][0],
        json!({
            "rule": "Enforce TLS to partners",
            "matched": true,
            "conditions": [
                { "condition": "direction", "match": "matches", "wanted": "outbound", "seen": "outbound", "holds": true },
                { "condition": "recipient", "match": "matches", "wanted": "TLS Enforced Domains",
                  "seen": "anna@partner.example", "holds": true },
            ],
            "actions": [{ "action": "add_message_header", "value": "x-TLSLevel:Require" }],
        })
    );
    let recipient = &json["recipients"][0];
    assert_eq!(recipient["final_action"], "deliver");
    assert_eq!(recipient["direction"], "outbound");
    assert_eq!(
        recipient["headers"],
        json!(["x-TLSLevel: Require", "From: bob@acme.example", "Subject: Hello"])
    );
    assert_eq!(recipient["tls"]["level"], "require");
    assert_eq!(recipient["tls"]["decided_by"]["rule"], "Enforce TLS to partners");
    assert_eq!(recipient["tls"]["decided_by"]["revision"], 7);
    assert_eq!(recipient["warnings"], json!([]));
    let rules: Vec<&str> = recipient["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        rules,
        ["Enforce TLS to partners", "Opportunistic TLS", "Deliver Inbound", "Deliver Outbound"]
    );
    let guard = &recipient["steps"][1]["conditions"][1];
    assert_eq!(guard["seen"], "Require");
    assert_eq!(guard["holds"], false);
}

#[test]
fn inactive_rules_are_not_tried_and_shadow_rules_do_nothing() {
    let text = format!(
        "{BASE}[[rule]]\nname = \"off\"\nactive = false\n[[rule]]\nname = \"ghost\"\nshadow = true\n\
         actions = [{{ action = \"add_message_header\", value = \"X-A: b\" }}]\n"
    );
    let json = traced(&standard(&text), MESSAGE, &["anna@partner.example"]);
    let recipient = &json["recipients"][0];
    assert_eq!(recipient["steps"][0]["rule"], "ghost");
    assert_eq!(recipient["steps"][0]["matched"], true);
    assert_eq!(recipient["steps"][0]["actions"], json!([]));
    assert!(recipient["warnings"][0].as_str().unwrap().starts_with("shadow: "));
    assert_eq!(recipient["headers"][0], "x-TLSLevel: Try");
}

#[test]
fn every_condition_says_what_it_saw() {
    let text = format!(
        "{BASE}{}",
        rule(
            r#"conditions = [
  { condition = "sender", match = "matches", value = ["acme.example", "b.example"] },
  { condition = "recipient_count", match = "greater_than", value = 1 },
  { condition = "subject", match = "matches", value = "hell" },
  { condition = "header", name = "X-Foo", match = "matches", value = "c" },
  { condition = "header", match = "matches", regex = "^Subject: H" },
  { condition = "size", match = "less_than", value = "1KiB" },
  { condition = "connection_ip", match = "matches", value = "10.0.0.0/8" },
  { condition = "own_domain", match = "matches" },
  { condition = "header", name = "X-None", match = "exists" },
]"#
        )
    );
    let message = b"X-Foo: a\r\nx-foo: =?utf-8?q?b=C3=BCc?=\r\nSubject: Hello\r\n\r\n";
    let json = traced(&standard(&text), message, &["a@partner.example", "b@acme.example"]);
    let conditions = json["recipients"][0]["steps"][0]["conditions"].as_array().unwrap();
    let seen: Vec<&Value> = conditions.iter().map(|condition| &condition["seen"]).collect();
    assert_eq!(
        seen,
        [
            &json!("bob@acme.example"),
            &json!(2),
            &json!("Hello"),
            &json!(["a", "büc"]),
            &json!("Subject: Hello"),
            &json!(message.len()),
            &json!("10.0.0.1"),
            &json!("bob@acme.example"),
            &json!(null),
        ]
    );
    let holds: Vec<bool> = conditions.iter().map(|c| c["holds"].as_bool().unwrap()).collect();
    assert_eq!(holds, [true, true, true, true, true, true, true, true, false]);
    assert_eq!(conditions[0]["wanted"], json!(["acme.example", "b.example"]));
    assert_eq!(conditions[7]["wanted"], json!(null));
}

#[test]
fn conditions_see_the_message_after_the_edits_of_earlier_rules() {
    let text = format!(
        "{BASE}{}",
        r#"
[[rule]]
name = "swap"
actions = [
  { action = "remove_message_header", name = "Subject" },
  { action = "add_message_header", value = "X-Foo: yes" },
]
[[rule]]
name = "seen"
conditions = [
  { condition = "header", name = "x-foo", match = "matches", value = "YES" },
  { condition = "header", name = "subject", match = "does_not_exist" },
  { condition = "subject", match = "does_not_match", value = "Hello" },
]
"#
    );
    let json = traced(&standard(&text), MESSAGE, &["a@partner.example"]);
    assert_eq!(json["recipients"][0]["steps"][1]["matched"], true, "{json}");
}

#[test]
fn a_submitted_level_is_not_seen_by_conditions() {
    let text = format!(
        "{BASE}{}",
        rule(r#"conditions = [{ condition = "header", name = "x-TLSLevel", match = "exists" }]"#)
    );
    let message = b"X-TLSLEVEL : Plain\r\nSubject: a\r\n\r\n";
    let json = traced(&standard(&text), message, &["a@partner.example"]);
    let recipient = &json["recipients"][0];
    assert_eq!(recipient["steps"][0]["matched"], false);
    assert_eq!(recipient["headers"], json!(["x-TLSLevel: Try", "Subject: a"]));
    assert!(recipient["warnings"][0].as_str().unwrap().starts_with("spoof-removed: "));
}

#[test]
fn the_direction_can_be_overridden_for_all() {
    let mut facts = facts(MESSAGE, &["a@acme.example", "b@partner.example"]);
    facts.direction_override = Some(Direction::Inbound);
    let trace = trace(&standard(BASE), &facts);
    assert!(trace.recipients.iter().all(|recipient| recipient.direction == Direction::Inbound));
}

#[test]
fn a_walk_that_nothing_ends_is_a_rejection() {
    let text = format!("{BASE}[[rule]]\nsystem = \"deliver_outbound\"\nactive = false\n");
    let json = traced(&standard(&text), MESSAGE, &["a@partner.example"]);
    assert_eq!(json["recipients"][0]["final_action"], "reject");
    assert!(json["recipients"][0]["warnings"][0].as_str().unwrap().starts_with("no-final-action"));
}

#[test]
fn a_policy_that_decides_is_named_by_the_domain_that_matched() {
    let policy = |level: &str| {
        format!(
            "{BASE}[[tls_policy]]\ndomains = [\"a.test\", \".PARTNER.example\"]\nlevel = \"{level}\"\n"
        )
    };
    for (level, header_decides) in [("verify", false), ("plain", false), ("try", true)] {
        let snapshot = standard(&policy(level));
        let json = traced(&snapshot, MESSAGE, &["anna@mx.partner.example"]);
        let tls = &json["recipients"][0]["tls"];
        assert_eq!(tls["level"], level);
        if header_decides {
            assert_eq!(tls["decided_by"]["rule"], "Opportunistic TLS");
            assert_eq!(tls["decided_by"]["tls_policy"], Value::Null);
        } else {
            assert_eq!(tls["decided_by"]["tls_policy"], ".PARTNER.example");
            assert_eq!(tls["decided_by"]["header"], Value::Null);
        }
    }
}

#[test]
fn a_header_that_asks_for_more_decides_and_not_the_policy() {
    let policy = "[[tls_policy]]\ndomains = [\"*\"]\nlevel = \"try\"\n";
    let snapshot = standard(&format!("{BASE}{LIST}{policy}{ENFORCE}"));
    let json = traced(&snapshot, MESSAGE, &["anna@partner.example"]);
    let tls = &json["recipients"][0]["tls"];
    assert_eq!(tls["level"], "require");
    assert_eq!(tls["decided_by"]["rule"], "Enforce TLS to partners");
}

#[test]
fn a_trace_ends_where_it_is_enough_and_every_long_text_says_how_much_more_there_is() {
    let snapshot = standard(&format!("{BASE}{LIST}{ENFORCE}"));
    let to = ["a@partner.example", "b@partner.example", "c@partner.example"];
    let mut count = 0;
    let some = trace_while(&snapshot, &facts(MESSAGE, &to), |_| {
        count += 1;
        count < 2
    });
    assert_eq!(some.recipients.len(), 2);
    assert_eq!(some.recipients, trace(&snapshot, &facts(MESSAGE, &to)).recipients[..2]);
    let text = format!(
        "{BASE}[[rule]]\nname = \"s\"\nconditions = [\
         {{ condition = \"subject\", match = \"matches\", value = \"x\" }},\
         {{ condition = \"header\", name = \"X-A\", match = \"exists\" }}]\n"
    );
    let long =
        format!("Subject: {}\r\n{}\r\n", "ä".repeat(10_007), "X-A: 123456\r\n".repeat(5_000));
    let json = traced(&standard(&text), long.as_bytes(), &["anna@partner.example"]);
    let seen = |at: usize| json["recipients"][0]["steps"][0]["conditions"][at]["seen"].clone();
    assert!(seen(0).as_str().unwrap().ends_with("ä… and 7 characters more"), "{}", seen(0));
    let fields = seen(1).as_array().unwrap().clone();
    assert_eq!(fields.len(), 1_668);
    assert_eq!(fields[1_666], "1234… and 2 characters more");
    assert_eq!(fields[1_667], "… and 3333 more");
}
