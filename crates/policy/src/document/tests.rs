use proptest::prelude::*;

use super::*;
use crate::samples::{BASE, ENFORCE, LIST, TRY_GUARDED};

fn parse(text: &str) -> PolicyDocument {
    PolicyDocument::parse_toml(text, "policy.toml").unwrap().document
}

fn problems(text: &str) -> Vec<String> {
    let found = PolicyDocument::parse_toml(text, "policy.toml").unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_guide_is_read_and_exported_as_it_was() {
    let document = parse(&format!("{BASE}{LIST}{ENFORCE}{TRY_GUARDED}"));
    assert_eq!(document.rules.len(), 2);
    assert_eq!(parse(&document.to_toml()), document);
    let RuleEntry::Custom(rule) = &document.rules[0] else { panic!("a rule of ours") };
    assert!(rule.active && !rule.shadow);
    assert_eq!(rule.final_action, FinalAction::None);
}

#[test]
fn json_has_the_keys_of_the_file_and_reads_back() {
    let document = parse(&format!("{BASE}{LIST}{ENFORCE}[[rule]]\nsystem = \"deliver_inbound\"\n"));
    let json = serde_json::to_value(&document).unwrap();
    for key in ["domain", "outbound_source", "rule_data", "rule"] {
        assert!(json[key].is_array(), "{key}");
    }
    assert_eq!(json["rule"][0]["conditions"][1]["rule_data"], "TLS Enforced Domains");
    assert!(json["rule"][0]["reply"].is_null() && json["rule"][0].get("reply").is_some());
    assert_eq!(serde_json::from_value::<PolicyDocument>(json.clone()).unwrap(), document);
    assert_eq!(PolicyDocument::parse_json(json).unwrap().document, document);
}

#[test]
fn problems_of_json_have_a_path_and_no_line() {
    let json = serde_json::json!({ "rule": [{ "name": "a", "final_action": "explode" }] });
    let found = PolicyDocument::parse_json(json).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].path.as_str()), (0, "rule[0].final_action"));
    assert!(PolicyDocument::parse_json(serde_json::json!([])).is_err());
}

#[test]
fn a_bad_value_of_a_set_in_json_is_told_with_its_line() {
    let found = |values: serde_json::Value| {
        let set = serde_json::json!({ "name": "s", "kind": "domains", "values": values });
        let json = serde_json::json!({ "rule_data": [set] });
        let parsed = PolicyDocument::parse_json(json).unwrap();
        let settings = crate::snapshot::TlsSettings::of(Profile::Standard);
        let built = crate::snapshot::Snapshot::build(
            1,
            Profile::Standard,
            parsed.document,
            &parsed.spans,
            settings,
        );
        let problem = built.unwrap_err().swap_remove(0);
        (problem.pointer(), problem.problem)
    };
    let (pointer, problem) = found("a.example\n\na b\n".into());
    assert_eq!(pointer, "/rule_data/0/values");
    assert!(problem.starts_with("Line 3: "), "{problem}");
    let (pointer, problem) = found(serde_json::json!(["a.example", "a b"]));
    assert_eq!(pointer, "/rule_data/0/values/1");
    assert!(problem.starts_with("\"a b\""), "{problem}");
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    assert_eq!(
        problems("[[domain]]\nname = \"a.example\"\nroute = []\n"),
        [
            "policy.toml:3:1  domain[0].route\n  There is no key \"route\" here.\n  Did you mean \"routes\"?"
        ]
    );
    let top = problems("[[rules]]\nname = \"a\"\n");
    assert!(top[0].contains("Did you mean \"rule\"?"), "{top:?}");
}

#[test]
fn what_is_not_built_is_refused_with_that_reason() {
    for text in [
        "[[smart_host]]\ndomains = [\"*\"]\nhost = \"a\"\ntls = \"dane\"\n",
        "[[tls_policy]]\ndomains = [\"*\"]\nlevel = \"secure\"\n",
        "[[tls_exception]]\nname = \"x\"\n",
        "[[rule]]\nname = \"a\"\nconditions = [{ condition = \"spf\", match = \"matches\" }]\n",
        "[[rule]]\nname = \"a\"\nactions = [{ action = \"send_copy_to\", value = \"x\" }]\n",
        "[[domain]]\nname = \"a.example\"\nroutes = [{ host = \"b.example\", tls = \"dane\" }]\n",
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("not in this version"), "{found:?}");
    }
    assert_eq!(parse("smart_host = []\ntls_policy = []\n"), PolicyDocument::default());
}

#[test]
fn the_ways_out_and_the_policies_of_the_design_are_read_and_exported_as_they_were() {
    let document = parse(WAYS);
    let host = &document.smart_hosts[0];
    assert_eq!((host.port, host.tls, host.implicit_tls), (587, Level::Require, false));
    assert_eq!(host.password_file.as_deref(), Some("relay.password"));
    let policy = &document.tls_policies[0];
    assert_eq!(policy.until.unwrap().to_string(), "2027-01-31");
    assert_eq!(document.to_toml(), WAYS);
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(json["tls_policy"][0]["until"], "2027-01-31");
    assert_eq!(json["tls_policy"][1]["until"], serde_json::Value::Null);
    assert_eq!(PolicyDocument::parse_json(json).unwrap().document, document);
}

const WAYS: &str = r#"[[smart_host]]
domains = ["*"]
host = "relay.isp.example"
port = 587
tls = "require"
username = "acme"
password_file = "relay.password"

[[tls_policy]]
domains = ["clearing.example", ".clearing.example"]
level = "verify"
until = "2027-01-31"

[[tls_policy]]
domains = ["*"]
level = "try"
"#;

#[test]
fn notes_are_read_and_exported_as_they_were() {
    let text = "[[rule_data]]\nname = \"Partners\"\nnote = \"as of the contract\"\nkind = \"domains\"\n\
                values = \"partner.example\"\n\n[[rule]]\nname = \"Enforce\"\nnote = \"\"\"\nticket 4711\n\
                asked for by the board\"\"\"\n";
    let document = parse(text);
    assert_eq!(document.rule_data[0].note.as_deref(), Some("as of the contract"));
    let RuleEntry::Custom(rule) = &document.rules[0] else { panic!("a rule of ours") };
    assert_eq!(rule.note.as_deref(), Some("ticket 4711\nasked for by the board"));
    assert_eq!(document.to_toml(), text);
    let found = problems("[[rule]]\nname = \"a\"\nnote = 7\n");
    assert!(found[0].contains("`note` must be a string"), "{found:?}");
}

#[test]
fn a_smart_host_has_defaults_that_fit_how_tls_begins() {
    let document = parse(
        "[[smart_host]]\ndomains = [\"a.test\"]\nhost = \"a\"\n\
         [[smart_host]]\ndomains = [\"b.test\"]\nhost = \"b\"\nimplicit_tls = true\n",
    );
    let [starttls, implicit] = document.smart_hosts.as_slice() else { panic!("two of them") };
    assert_eq!((starttls.port, starttls.tls), (25, Level::Try));
    assert_eq!((implicit.port, implicit.tls), (465, Level::Require));
    assert_eq!(parse(&document.to_toml()), document);
}

#[test]
fn wrong_shapes_of_smart_hosts_and_policies_are_told_at_once() {
    insta::assert_snapshot!(
        problems(
            r#"
[[smart_host]]
domains = "a.test"
port = 99999
pasword_file = "x"
[[smart_host]]
domains = ["ok.test", 7]
host = ""
tls = "verfy"
implicit_tls = "yes"
[[tls_policy]]
level = "dane"
[[tls_policy]]
domains = ["a..b", "x@y.test", "c.test"]
until = "31.01.2027"
[[tls_policy]]
domains = ["d.test"]
level = "try"
until = 2027-01-31
"#
        )
        .join("\n")
    );
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let found = problems("[[rule]]\nname = \"a\nfinal_action = none\n");
    assert!(found[0].starts_with("policy.toml:2:"), "{found:?}");
    assert!(found.iter().any(|problem| problem.starts_with("policy.toml:3:")), "{found:?}");
}

#[test]
fn wrong_types_are_told_where_they_stand() {
    let found = problems(
        "domain = 3\n[rule]\nname = \"a\"\n[[rule_data]]\nname = 1\nkind = \"text\"\nvalues = [1.5, \"a\"]\n",
    );
    let places: Vec<&str> = found.iter().map(|text| text.lines().next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "policy.toml:1:10  domain",
            "policy.toml:2:1  rule",
            "policy.toml:5:8  rule_data[0].name",
            "policy.toml:7:11  rule_data[0].values[0]",
        ]
    );
}

#[test]
fn beside_system_only_active_is_taken() {
    let found = problems("[[rule]]\nsystem = \"deliver_inbound\"\nname = \"x\"\nactive = false\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("policy.toml:3:1  rule[0].name\n"));
}

#[test]
fn a_new_store_starts_with_the_system_rules_of_its_profile() {
    assert_eq!(PolicyDocument::initial(Profile::Standard).rules.len(), 3);
    assert_eq!(PolicyDocument::initial(Profile::Classic).rules.len(), 2);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,12}",
        Just("ü\"\\'''\"\"\"#\t\u{7}\u{7f}\u{85}\u{2028}😀".to_owned()),
        Just("a\r\nb\n\n\tc\r".to_owned()),
    ]
    .prop_filter("a blank name is refused", |text| !text.trim().is_empty())
}

fn note() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![text(), Just(String::new())])
}

fn literal() -> impl Strategy<Value = Literal> {
    let leaf =
        || prop_oneof![text().prop_map(Literal::Text), any::<i64>().prop_map(Literal::Number)];
    prop_oneof![leaf(), prop::collection::vec(leaf(), 0..3).prop_map(Literal::List)]
}

fn condition() -> impl Strategy<Value = ConditionEntry> {
    let optional = || prop::option::of(text());
    (0_usize..9, 0_usize..6, optional(), prop::option::of(literal()), optional(), optional())
        .prop_map(|(condition, match_type, name, value, regex, rule_data)| ConditionEntry {
            condition: ConditionKind::ALL[condition],
            match_type: MatchType::ALL[match_type],
            name,
            value,
            regex,
            rule_data,
        })
}

fn action() -> impl Strategy<Value = ActionEntry> {
    prop_oneof![
        text().prop_map(|value| ActionEntry::AddMessageHeader { value }),
        text().prop_map(|name| ActionEntry::RemoveMessageHeader { name }),
        text().prop_map(|value| ActionEntry::SetTlsLevel { value }),
    ]
}

fn rule() -> impl Strategy<Value = RuleEntry> {
    let system = (0_usize..3, any::<bool>()).prop_map(|(at, active)| {
        RuleEntry::System(SystemEntry { system: SystemRule::ALL[at], active })
    });
    let custom = (
        text(),
        note(),
        any::<(bool, bool)>(),
        prop::collection::vec(condition(), 0..3),
        prop::collection::vec(action(), 0..3),
        0_usize..6,
        prop::option::of(text()),
    )
        .prop_map(|(name, note, (active, shadow), conditions, actions, last, reply)| {
            RuleEntry::Custom(Box::new(CustomRule {
                name,
                note,
                active,
                shadow,
                conditions,
                actions,
                final_action: FinalAction::ALL[last],
                reply,
            }))
        });
    prop_oneof![system, custom]
}

fn document() -> impl Strategy<Value = PolicyDocument> {
    let route = (text(), 1_u16.., 1_u16.., 0_usize..4).prop_map(|(host, port, weight, level)| {
        RouteEntry { host, port, weight, tls: Level::ALL[level] }
    });
    let domain = (text(), prop::collection::vec(route, 0..3))
        .prop_map(|(name, routes)| DomainEntry { name, routes });
    let values = prop_oneof![
        text().prop_map(Values::Lines),
        Just(Values::Lines(String::new())),
        prop::collection::vec(text(), 0..3).prop_map(Values::List),
    ];
    let set = (text(), note(), 0_usize..4, values).prop_map(|(name, note, kind, values)| {
        RuleDataEntry { name, note, kind: DataKind::ALL[kind], values }
    });
    (
        prop::collection::vec(domain, 0..3),
        prop::collection::vec(text().prop_map(|network| SourceEntry { network }), 0..3),
        prop::collection::vec(smart_host(), 0..3),
        prop::collection::vec(set, 0..3),
        prop::collection::vec(tls_policy(), 0..3),
        prop::collection::vec(rule(), 0..4),
    )
        .prop_map(
            |(domains, outbound_sources, smart_hosts, rule_data, tls_policies, rules)| {
                PolicyDocument {
                    domains,
                    outbound_sources,
                    smart_hosts,
                    rule_data,
                    tls_policies,
                    rules,
                }
            },
        )
}

fn smart_host() -> impl Strategy<Value = SmartHostEntry> {
    let optional = || prop::option::of(text());
    let domains = prop::collection::vec(text(), 0..3);
    (domains, text(), 1_u16.., 0_usize..4, any::<bool>(), optional(), optional()).prop_map(
        |(domains, host, port, level, implicit_tls, username, password_file)| SmartHostEntry {
            domains,
            host,
            port,
            tls: Level::ALL[level],
            implicit_tls,
            username,
            password_file,
        },
    )
}

fn tls_policy() -> impl Strategy<Value = TlsPolicyEntry> {
    let until = (1970_u16..2100, 1_u8..=12, 1_u8..=28)
        .prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}").parse().unwrap());
    (prop::collection::vec(text(), 0..3), 0_usize..4, prop::option::of(until)).prop_map(
        |(domains, level, until)| TlsPolicyEntry { domains, level: Level::ALL[level], until },
    )
}

proptest! {
    #[test]
    fn export_then_parse_is_identity(document in document()) {
        prop_assert_eq!(parse(&document.to_toml()), document);
    }

    #[test]
    fn json_then_parse_is_identity(document in document()) {
        let json = serde_json::to_value(&document).unwrap();
        prop_assert_eq!(PolicyDocument::parse_json(json).unwrap().document, document);
    }

    #[test]
    fn no_text_panics(text in "(\\[\\[(rule|domain)\\]\\]|name|values|=|\"|\\{|\\[|\\]|\\}|\n|,|a|3|ü| ){0,40}") {
        let _read = PolicyDocument::parse_toml(&text, "policy.toml");
    }
}
