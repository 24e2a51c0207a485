use crate::samples::{BASE, LIST, classic, problems, rule, standard};

/// The problems of one rule: place and problem.
fn of_rule(rest: &str) -> Vec<String> {
    problems(&format!("{LIST}{}", rule(rest)))
}

fn only(rest: &str) -> String {
    let mut found = of_rule(rest);
    assert_eq!(found.len(), 1, "{found:?}");
    found.swap_remove(0)
}

fn condition(text: &str) -> String {
    only(&format!("conditions = [{{ {text} }}]"))
}

fn action(text: &str) -> String {
    only(&format!("actions = [{{ {text} }}]"))
}

#[test]
fn an_unknown_set_is_refused_with_the_nearest_name() {
    let text = condition(
        r#"condition = "recipient", match = "matches", rule_data = "TLS Enforced Domain""#,
    );
    assert_eq!(
        text,
        "policy.toml:11:73  rule[0].conditions[0].rule_data\n  There is no set named \"TLS Enforced \
         Domain\".\n  Did you mean \"TLS Enforced Domains\"?"
    );
}

#[test]
fn a_condition_without_a_value_is_refused() {
    let text = condition(r#"condition = "recipient", match = "matches""#);
    assert!(
        text.starts_with("policy.toml:11:15  rule[0].conditions[0]\n  The Condition has no value.")
    );
    let text = condition(r#"condition = "recipient", match = "matches", value = []"#);
    assert!(text.contains("nothing to compare with"), "{text}");
    let text = condition(
        r#"condition = "recipient", match = "matches", value = "a.example", regex = "b""#,
    );
    assert!(text.contains("value and regex at once"), "{text}");
}

#[test]
fn a_set_of_the_wrong_kind_is_refused() {
    let text = condition(
        r#"condition = "connection_ip", match = "matches", rule_data = "TLS Enforced Domains""#,
    );
    assert!(text.contains("is of kind \"domains\""), "{text}");
    let text = condition(r#"condition = "connection_ip", match = "matches", regex = "1""#);
    assert!(text.contains("not compared with a pattern"), "{text}");
}

#[test]
fn every_condition_takes_its_own_match_types() {
    for (text, taken) in [
        (
            r#"condition = "size", match = "matches", value = "1MiB""#,
            "\"greater_than\" or \"less_than\"",
        ),
        (r#"condition = "direction", match = "exists""#, "\"matches\" or \"does_not_match\""),
        (
            r#"condition = "recipient_count", match = "does_not_match", value = 3"#,
            "\"matches\", \"greater_than\" or \"less_than\"",
        ),
        (r#"condition = "header", match = "exists""#, "name = \"X-Foo\""),
    ] {
        let found = of_rule(&format!("conditions = [{{ {text} }}]"));
        assert!(found.iter().any(|problem| problem.contains(taken)), "{text}: {found:?}");
    }
}

#[test]
fn bad_values_are_refused_where_they_stand() {
    for (text, what) in [
        (r#"condition = "direction", match = "matches", value = "sideways""#, "is no direction"),
        (r#"condition = "recipient", match = "matches", value = "a b""#, "is no domain"),
        (r#"condition = "connection_ip", match = "matches", value = "1.2.3""#, "is no address"),
        (r#"condition = "size", match = "greater_than", value = "big""#, "nothing that size has"),
        (
            r#"condition = "recipient_count", match = "less_than", value = "3""#,
            "nothing that recipient_count",
        ),
        (
            r#"condition = "recipient_count", match = "less_than", value = [1, 2]"#,
            "takes one number",
        ),
        (r#"condition = "subject", match = "matches", regex = "a(?!b)""#, "look-around"),
        (r#"condition = "own_domain", match = "matches", value = "x""#, "compared with nothing"),
        (r#"condition = "header", name = "X Foo", match = "exists""#, "no name of a header field"),
        (
            r#"condition = "subject", name = "X", match = "matches", value = "a""#,
            "Only a header Condition",
        ),
    ] {
        let found = condition(text);
        assert!(found.contains(what), "{text}: {found}");
    }
}

#[test]
fn a_bad_element_of_an_array_is_shown_at_its_place() {
    let text = condition(
        "condition = \"recipient\", match = \"matches\", value = [\"a.example\",\n  \"b c\"]",
    );
    assert!(text.starts_with("policy.toml:12:3 "), "{text}");
}

#[test]
fn headers_that_may_not_be_written_are_refused() {
    for (text, what) in [
        (r#"action = "add_message_header", value = "x-TLSLevel Require""#, "has no colon"),
        (r#"action = "add_message_header", value = ": x""#, "is no name of a header field"),
        (r#"action = "add_message_header", value = "X Y: x""#, "is no name of a header field"),
        (r#"action = "add_message_header", value = "received: x""#, "Received belongs to SMTP"),
        (
            r#"action = "add_message_header", value = "Return-Path : x""#,
            "Return-Path belongs to SMTP",
        ),
        (r#"action = "add_message_header", value = "DKIM-Signature: x""#, "belongs to a signature"),
        (r#"action = "remove_message_header", name = "Received""#, "Received belongs to SMTP"),
        (r#"action = "add_message_header", value = "x-TLSLevel: Dane""#, "not in this version"),
        (r#"action = "add_message_header", value = "x-tlslevel:secure""#, "not in this version"),
        (r#"action = "set_tls_level", value = "dane""#, "not in this version"),
        (r#"action = "set_tls_level", value = "requre""#, "is no level"),
    ] {
        let found = action(text);
        assert!(found.starts_with("policy.toml:11:"), "{found}");
        assert!(found.contains(what), "{text}: {found}");
    }
}

#[test]
fn an_unknown_level_in_a_header_is_no_error() {
    standard(&rule(r#"actions = [{ action = "add_message_header", value = "x-TLSLevel: None" }]"#));
}

#[test]
fn a_reply_goes_with_reject_and_rejects() {
    for (rest, what) in [
        ("reply = \"550 5.7.1 no\"", "Only a rule with final_action"),
        ("final_action = \"reject\"\nreply = \"450 4.7.1 later\"", "is no reply that rejects"),
        ("final_action = \"reject\"\nreply = \"no\"", "is no reply that rejects"),
        ("final_action = \"reject\"\nreply = \"550 4.7.1 no\"", "does not go with 550"),
        ("final_action = \"reject\"\nreply = \"550 5.7.1 a\\r\\nb\"", "is no reply that rejects"),
        ("final_action = \"reject\"\nreply = \"5501 no\"", "is no reply that rejects"),
    ] {
        let found = only(rest);
        assert!(found.contains(what), "{rest}: {found}");
    }
}

#[test]
fn names_are_unique_without_regard_to_case() {
    let found = problems(&format!("{LIST}{}{}", rule(""), "[[rule]]\nname = \"R\"\n"));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("policy.toml:13:8  rule[1].name\n"), "{found:?}");
    let twice = problems(&format!("{LIST}{}", LIST.replace("TLS Enforced", "tls ENFORCED")));
    assert!(twice[0].contains("There is another set of the name"), "{twice:?}");
    let system = problems("[[rule]]\nname = \"deliver inbound\"\n");
    assert!(system[0].contains("is a System Rule"), "{system:?}");
}

#[test]
fn the_classic_profile_leaves_the_name_of_the_try_rule_to_the_administrator() {
    let snapshot = classic("[[rule]]\nname = \"Opportunistic TLS\"\n");
    assert_eq!(snapshot.rules.list().count(), 3);
}

#[test]
fn system_rules_out_of_order_or_twice_are_refused() {
    let found = problems(
        "[[rule]]\nsystem = \"deliver_outbound\"\n[[rule]]\nsystem = \"deliver_inbound\"\n\
         [[rule]]\nsystem = \"deliver_outbound\"\n",
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("policy.toml:4:10  rule[1].system\n"), "{found:?}");
    assert!(found[1].contains("named twice"), "{found:?}");
}

#[test]
fn a_bad_line_of_a_list_is_shown_in_its_line() {
    let found = problems(
        "[[rule_data]]\nname = \"a\"\nkind = \"domains\"\nvalues = \"\"\"\ngood.example\n  b c\n\n@x.example\n\"\"\"\n\
         [[rule_data]]\nname = \"b\"\nkind = \"networks\"\nvalues = [\"10.0.0.0/8\", \"10.0.0.1/8\"]\n",
    );
    let places: Vec<&str> = found.iter().map(|text| text.split("  ").next().unwrap()).collect();
    assert_eq!(places, ["policy.toml:6:3", "policy.toml:8:1", "policy.toml:13:25"]);
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let found = problems(&format!(
        "{BASE}{}",
        r#"
[[rule]]
nme = "a"
conditions = [
  { condition = "recipient", match = "matchs", value = "a.example" },
  { condition = "recipient", match = "matches", rule_data = "nowhere" },
]
final_action = "explode"
[[rule_data]]
name = "broken"
kind = "domain"
values = "x.example"
[[rule]]
name = "b"
conditions = [{ condition = "sender", match = "matches", rule_data = "broken" }]
actions = [{ action = "add_message_header", value = "no colon" }]
"#
    ));
    let paths: Vec<&str> =
        found.iter().map(|text| text.lines().next().unwrap().split("  ").nth(1).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "rule[0].name",
            "rule[0].nme",
            "rule[0].conditions[0].match",
            "rule[0].conditions[1].rule_data",
            "rule[0].final_action",
            "rule_data[0].kind",
            "rule[1].actions[0].value",
        ],
        "{found:#?}"
    );
}
