use super::*;
use crate::samples::*;

/// The kinds of findings with the rules they are about.
fn lint(text: &str) -> Vec<(FindingKind, String)> {
    let findings = standard(text).rules.lint();
    findings.into_iter().map(|f| (f.kind, f.rule.unwrap_or_default())).collect()
}

fn found(kind: FindingKind, rule: &str) -> (FindingKind, String) {
    (kind, rule.to_owned())
}

fn ending(name: &str, conditions: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\nconditions = [{conditions}]\nfinal_action = \"deliver\"\n"
    )
}

fn writing(name: &str, value: &str, conditions: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\nconditions = [{conditions}]\n\
         actions = [{{ action = \"add_message_header\", value = \"{value}\" }}]\n"
    )
}

const TO_A: &str = r#"{ condition = "recipient", match = "matches", value = "a.example" }"#;
const TO_B: &str = r#"{ condition = "recipient", match = "matches", value = "b.example" }"#;
const OUT: &str = r#"{ condition = "direction", match = "matches", value = "outbound" }"#;
const IN: &str = r#"{ condition = "direction", match = "matches", value = "inbound" }"#;

#[test]
fn the_guides_set_ups_give_no_finding() {
    for rules in [
        String::new(),
        format!("{LIST}{ENFORCE}"),
        TRY.to_owned(),
        format!("{LIST}{ENFORCE}{TRY_GUARDED}"),
        format!("{LIST}{TRY_GUARDED}{ENFORCE}"),
    ] {
        assert_eq!(lint(&format!("{BASE}{rules}")), [], "{rules}");
    }
}

#[test]
fn a31_try_above_require_gives_both_findings_about_the_lower_rule() {
    let findings = lint(&format!("{BASE}{LIST}{TRY}{ENFORCE}"));
    assert_eq!(
        findings,
        [
            found(FindingKind::DuplicateTlsLevel, "Enforce TLS to partners"),
            found(FindingKind::TlsDowngrade, "Enforce TLS to partners"),
        ]
    );
}

#[test]
fn require_above_an_unguarded_try_is_a_duplicate_alone() {
    let findings = lint(&format!("{BASE}{LIST}{ENFORCE}{TRY}"));
    assert_eq!(findings, [found(FindingKind::DuplicateTlsLevel, "Try TLS")]);
}

#[test]
fn levels_for_different_recipients_do_not_meet() {
    let text = format!(
        "{BASE}{}{}",
        writing("a", "x-TLSLevel: Try", TO_A),
        writing("b", "x-TLSLevel: Require", TO_B)
    );
    assert_eq!(lint(&text), []);
}

#[test]
fn set_tls_level_below_another_is_no_duplicate() {
    let text = format!(
        "{BASE}{}{}",
        writing("a", "x-TLSLevel: Try", TO_A),
        "[[rule]]\nname = \"b\"\nactions = [{ action = \"set_tls_level\", value = \"require\" }]\n"
    );
    assert_eq!(lint(&text), []);
}

#[test]
fn a_rule_that_ends_the_walk_writes_no_duplicate_below() {
    let text = format!(
        "{BASE}{}{}{}",
        writing("a", "x-TLSLevel: Try", TO_A),
        ending("end", TO_A),
        writing("b", "x-TLSLevel: Require", OUT)
    );
    assert_eq!(lint(&text), []);
}

#[test]
fn inactive_and_shadow_rules_write_no_duplicate() {
    for key in ["active = false", "shadow = true"] {
        let first = TRY.replace("name = \"Try TLS\"", &format!("name = \"Try TLS\"\n{key}"));
        assert_eq!(lint(&format!("{BASE}{LIST}{first}{ENFORCE}")), [], "{key}");
    }
}

#[test]
fn a_rule_below_one_that_takes_its_mail_is_unreachable() {
    let text = format!("{BASE}{}{}", ending("a", OUT), ending("b", &format!("{OUT}, {TO_A}")));
    let findings = lint(&text);
    assert!(findings.contains(&found(FindingKind::Unreachable, "b")), "{findings:?}");
    assert!(findings.contains(&found(FindingKind::Unreachable, "Deliver Outbound")));
    assert!(!findings.contains(&found(FindingKind::Unreachable, "Deliver Inbound")));
}

#[test]
fn a_rule_below_the_system_rules_is_unreachable() {
    let text = format!(
        "{BASE}[[rule]]\nsystem = \"deliver_inbound\"\n[[rule]]\nsystem = \"deliver_outbound\"\n{}",
        rule("")
    );
    assert_eq!(lint(&text), [found(FindingKind::Unreachable, "r")]);
}

#[test]
fn a_list_and_its_complement_together_leave_nothing() {
    let not = |text: &str| text.replace("\"matches\"", "\"does_not_match\"");
    let text =
        format!("{BASE}{}{}{}", ending("a", TO_A), ending("b", &not(TO_A)), ending("c", TO_B));
    assert!(lint(&text).contains(&found(FindingKind::Unreachable, "c")));
    let some = format!("{BASE}{}{}", ending("a", TO_A), ending("b", TO_B));
    assert_eq!(lint(&some), []);
}

#[test]
fn conditions_that_exclude_one_another_are_unreachable() {
    assert_eq!(
        lint(&format!("{BASE}{}", ending("a", &format!("{IN}, {OUT}")))),
        [found(FindingKind::Unreachable, "a")]
    );
    let count = |match_type: &str, value: u8| {
        format!("{{ condition = \"recipient_count\", match = \"{match_type}\", value = {value} }}")
    };
    let text = format!("{}, {}", count("greater_than", 3), count("less_than", 4));
    assert_eq!(
        lint(&format!("{BASE}{}", ending("a", &text))),
        [found(FindingKind::Unreachable, "a")]
    );
    let text = format!("{}, {}", count("greater_than", 3), count("less_than", 5));
    assert_eq!(lint(&format!("{BASE}{}", ending("a", &text))), []);
}

#[test]
fn inbound_is_our_own_domains() {
    let text = format!("{BASE}{}", ending("a", &format!("{IN}, {TO_A}")));
    assert_eq!(lint(&text), [found(FindingKind::Unreachable, "a")]);
    let text = format!("{BASE}{}", ending("a", &format!("{OUT}, {TO_A}")));
    assert_eq!(lint(&text), []);
}

#[test]
fn an_unknown_level_is_a_finding_even_where_the_rule_is_off() {
    let text = format!("{BASE}{}", writing("a", "x-TLSLevel: Requre", TO_A));
    assert_eq!(lint(&text), [found(FindingKind::UnknownTlsLevel, "a")]);
}

#[test]
fn sets_that_are_empty_or_unused_are_named() {
    let set = "[[rule_data]]\nname = \"Nobody\"\nkind = \"domains\"\nvalues = \"\\n# none\\n\"\n";
    let findings = standard(&format!("{BASE}{set}")).rules.lint();
    let kinds: Vec<FindingKind> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::EmptyRuleData, FindingKind::UnusedRuleData]);
    assert!(findings.iter().all(|f| f.rule.is_none() && f.text.contains("Nobody")));
}

#[test]
fn a_header_that_no_rule_above_adds_is_named() {
    let waits =
        |name: &str| format!("{{ condition = \"header\", name = \"{name}\", match = \"exists\" }}");
    let text = format!("{BASE}{}", ending("a", &waits("X-Foo")));
    assert_eq!(lint(&text), [found(FindingKind::HeaderNeverAdded, "a")]);
    let text =
        format!("{BASE}{}{}", writing("first", "x-foo: 1", TO_A), ending("a", &waits("X-Foo")));
    assert_eq!(lint(&text), []);
    assert_eq!(lint(&format!("{BASE}{}", ending("a", &waits("List-Id")))), []);
}

#[test]
fn a_new_store_has_no_domain_and_no_source() {
    assert_eq!(lint(""), [found(FindingKind::NoDomain, ""), found(FindingKind::NoSource, "")]);
}

#[test]
fn findings_serialise_as_documented() {
    let findings = standard("").rules.lint();
    let json = serde_json::to_value(&findings[0]).unwrap();
    assert!(json["rule"].is_null() && json.get("rule").is_some());
    assert_eq!(json["kind"], "no_domain");
    assert_eq!(json["kind"], findings[0].kind.word());
}

#[test]
fn a_thousand_rules_are_linted() {
    let mut text = BASE.to_owned();
    for at in 0..1000 {
        let to = format!(
            "{OUT}, {{ condition = \"recipient\", match = \"matches\", value = \"d{at}.example\" }}"
        );
        text.push_str(&writing(&format!("w{at}"), "x-TLSLevel: Require", &to));
    }
    assert_eq!(lint(&text), []);
}

#[test]
fn among_a_thousand_rules_one_that_two_others_leave_nothing_for_is_found() {
    let from = |who: &str| {
        format!("{{ condition = \"sender\", match = \"matches\", value = \"{who}@acme.example\" }}")
    };
    let about = |what: &str| {
        format!("{{ condition = \"subject\", match = \"matches\", value = \"{what}\" }}")
    };
    let mut text = BASE.to_owned();
    for number in 0..500 {
        text.push_str(&ending(&format!("s{number}"), &about(&format!("project {number:03}"))));
        text.push_str(&ending(&format!("p{number}"), &from(&format!("person{number}"))));
    }
    let anna = from("anna");
    text.push_str(&ending("out", &format!("{anna}, {OUT}")));
    text.push_str(&ending("in", &format!("{anna}, {IN}")));
    text.push_str(&ending("nothing left", &anna));
    text.push_str(&ending("something left", &from("bob")));
    assert_eq!(lint(&text), [found(FindingKind::Unreachable, "nothing left")]);
}
