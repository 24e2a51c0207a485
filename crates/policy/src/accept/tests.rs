use proptest::prelude::*;

use super::*;
use crate::{
    document::Profile,
    samples::*,
    tls::{Level, UnknownLevel},
};

const TO: &str = "anna@partner.example";

fn adding(values: &[&str]) -> String {
    let rules: String = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let value = value.replace('"', "\\\"");
            format!(
                "[[rule]]\nname = \"rule {at}\"\nactions = [{{ action = \"add_message_header\", \
                 value = \"{value}\" }}]\n"
            )
        })
        .collect();
    format!("{BASE}{rules}")
}

#[test]
fn a02_without_a_level_the_default_of_the_profile_holds() {
    let plain = single(&classic(BASE), MESSAGE, TO);
    assert_eq!(plain.demands, [Demand::new(Level::Plain, Source::Default)]);
    let tried = single(&standard(BASE), MESSAGE, "anna@acme.example");
    assert_eq!(tried.demands, [Demand::new(Level::Try, Source::Default)]);
}

#[test]
fn a03_the_system_rule_writes_try_for_outbound_mail() {
    let disposition = single(&standard(BASE), MESSAGE, TO);
    assert_eq!(
        disposition.demands,
        [Demand::new(
            Level::Try,
            Source::Rule { rule: "Opportunistic TLS".into(), field: "x-TLSLevel: Try".into() }
        )]
    );
    assert_eq!(disposition.decided.as_deref(), Some("Deliver Outbound"));
    assert!(outgoing(&disposition, MESSAGE).starts_with("x-TLSLevel: Try\r\nFrom: "));
}

#[test]
fn a05_field_name_and_value_are_case_insensitive() {
    let disposition = single(&standard(&adding(&["X-TLSLEVEL: rEqUiRe"])), MESSAGE, TO);
    assert_eq!(level(&disposition), Level::Require);
    let text = outgoing(&disposition, MESSAGE);
    assert!(text.starts_with("X-TLSLEVEL: rEqUiRe\r\nFrom"), "{text}");
    assert!(!text.contains("Try"), "the System Rule sees the field whatever its case");
}

#[test]
fn a07_a_submitted_folded_field_raises() {
    let message = b"x-TLSLevel:\r\n Require\r\nSubject: a\r\n\r\n";
    let disposition = single(&raising(BASE), message, TO);
    assert_eq!(level(&disposition), Level::Require);
    assert!(!outgoing(&disposition, message).contains("Require"));
}

#[test]
fn a08_a_submitted_field_with_a_blank_before_the_colon_raises() {
    let message = b"x-TLSLevel : Require\r\nSubject: a\r\n\r\n";
    let disposition = single(&raising(BASE), message, TO);
    assert_eq!(level(&disposition), Level::Require);
    assert_eq!(
        disposition.demands.last().unwrap().source,
        Source::Submitted { field: "x-TLSLevel: Require".into() }
    );
}

#[test]
fn a09_of_require_then_try_the_first_decides() {
    let snapshot = standard(&adding(&["x-TLSLevel:Require", "x-TLSLevel: Try"]));
    let accepted = accepted(&snapshot, MESSAGE, &[TO]);
    assert_eq!(level(&accepted.dispositions[0]), Level::Require);
    assert_eq!(words(&accepted), ["duplicate"]);
    assert!(
        outgoing(&accepted.dispositions[0], MESSAGE)
            .starts_with("x-TLSLevel: Require\r\nx-TLSLevel: Try\r\nFrom: ")
    );
}

#[test]
fn a10_of_try_then_require_the_first_decides_and_both_rules_are_named() {
    let snapshot = standard(&adding(&["x-TLSLevel:Try", "x-TLSLevel: Require"]));
    let accepted = accepted(&snapshot, MESSAGE, &[TO]);
    assert_eq!(level(&accepted.dispositions[0]), Level::Try);
    assert_eq!(words(&accepted), ["duplicate, enforcement shadowed"]);
    let text = accepted.warnings[0].to_string();
    assert!(text.contains("rule 0") && text.contains("rule 1"), "{text}");
}

#[test]
fn a12_an_unknown_value_acts_as_require_and_is_told() {
    let snapshot = standard(&adding(&["x-TLSLevel: Requre"]));
    let accepted = accepted(&snapshot, MESSAGE, &[TO]);
    assert_eq!(accepted.dispositions[0].demands[0].asked, Asked::Unknown("Requre".into()));
    assert_eq!(level(&accepted.dispositions[0]), Level::Require);
    assert_eq!(words(&accepted), ["unknown-value"]);
}

#[test]
fn a15_only_the_exact_token_is_a_level() {
    for value in ["Try, Require", "\"Try\"", "Try (x)", "Try;", "=?utf-8?q?Try?=", ""] {
        let snapshot = standard(&adding(&[&format!("x-TLSLevel: {value}")]));
        let disposition = single(&snapshot, MESSAGE, TO);
        assert_eq!(disposition.demands[0].asked, Asked::Unknown(value.into()), "{value}");
        assert_eq!(level(&disposition), Level::Require, "{value}");
    }
}

#[test]
fn a18_text_that_only_looks_like_the_field_is_no_level() {
    let message = b"Subject: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        x-TLSLevel: Require\r\n--b\r\nx-TLSLevel: Require\r\n\r\n--b--\r\n";
    let accepted = accepted(&raising(BASE), message, &[TO]);
    assert_eq!(level(&accepted.dispositions[0]), Level::Try);
    assert!(accepted.warnings.is_empty());
    assert_eq!(accepted.dispositions[0].edits.cut, []);
}

#[test]
fn a20_a_submitted_field_counts_however_far_down_it_stands() {
    let mut message = Vec::new();
    for at in 0..1499 {
        message.extend_from_slice(format!("X-{at}: y\r\n").as_bytes());
    }
    message.extend_from_slice(b"X-Long: ");
    message.extend_from_slice(&[b'a'; 60_000]);
    message.extend_from_slice(b"\r\nx-TLSLevel: Require\r\n\r\nbody\r\n");
    let disposition = single(&raising(BASE), &message, TO);
    assert_eq!(level(&disposition), Level::Require);
    assert!(!outgoing(&disposition, &message).contains("x-TLSLevel: Require"));
}

#[test]
fn a21_a_submitted_try_is_removed_and_the_rule_decides() {
    let message = b"x-TLSLevel: Try\r\nSubject: a\r\n\r\n";
    let snapshot = standard(&format!("{BASE}{LIST}{ENFORCE}"));
    let accepted = accepted(&snapshot, message, &[TO]);
    assert_eq!(level(&accepted.dispositions[0]), Level::Require);
    assert_eq!(words(&accepted), ["spoof-removed"]);
    assert_eq!(
        outgoing(&accepted.dispositions[0], message),
        "x-TLSLevel: Require\r\nSubject: a\r\n\r\n"
    );
}

#[test]
fn a22_a_submitted_require_is_removed_and_only_raise_heeds_it() {
    let message = b"x-TLSLevel: Require\r\nSubject: a\r\n\r\n";
    let ignored = accepted(&standard(BASE), message, &[TO]);
    assert_eq!(level(&ignored.dispositions[0]), Level::Try);
    assert_eq!(words(&ignored), ["spoof-removed"]);
    let raised = single(&raising(BASE), message, TO);
    assert_eq!(level(&raised), Level::Require);
    assert_eq!(raised.demands.len(), 2, "one more demand, beside that of the rules");
}

#[test]
fn a23_a_submitted_try_never_lowers_what_a_rule_wrote() {
    let message = b"x-TLSLevel: Try\r\nSubject: a\r\n\r\n";
    let snapshot = raising(&format!("{BASE}{LIST}{ENFORCE}"));
    let disposition = single(&snapshot, message, TO);
    assert_eq!(disposition.demands.len(), 1);
    assert_eq!(level(&disposition), Level::Require);
}

#[test]
fn a25_variants_of_the_name_are_removed_and_a_look_alike_is_left_alone() {
    // The last one has a Cyrillic letter in it.
    let message =
        "X-TlsLevel : Try\r\nx-tlslevel\r\n : Try\r\nх-TLSLevel: Require\r\n\r\n".as_bytes();
    let disposition = single(&raising(BASE), message, TO);
    assert_eq!(level(&disposition), Level::Try);
    assert_eq!(outgoing(&disposition, message), "x-TLSLevel: Try\r\nх-TLSLevel: Require\r\n\r\n");
}

#[test]
fn a31_try_above_require_sends_by_the_first() {
    let snapshot = standard(&format!("{BASE}{LIST}{TRY}{ENFORCE}"));
    let disposition = single(&snapshot, MESSAGE, TO);
    assert_eq!(level(&disposition), Level::Try);
}

#[test]
fn a32_the_combined_set_up_writes_exactly_one_field() {
    let snapshot = standard(&format!("{BASE}{LIST}{ENFORCE}{TRY_GUARDED}"));
    let others = ["bob@ordinary.example", "x@a.hospital.example", "x@hospital.example"];
    let accepted = accepted(&snapshot, MESSAGE, &[TO, others[0], others[1], others[2]]);
    assert!(accepted.warnings.is_empty());
    assert_eq!(accepted.dispositions.len(), 2);
    let [enforced, tried] = &accepted.dispositions[..] else { panic!("two outcomes") };
    assert_eq!((level(enforced), &enforced.recipients), (Level::Require, &vec![0, 2]));
    assert_eq!((level(tried), &tried.recipients), (Level::Try, &vec![1, 3]));
    for disposition in [enforced, tried] {
        assert_eq!(outgoing(disposition, MESSAGE).matches("x-TLSLevel").count(), 1);
    }
}

#[test]
fn a36_a_header_with_a_line_break_is_refused() {
    for value in ["X-A: b\\r\\nx-TLSLevel: Plain", "X-A: b\\nc", "X-A: b\\u0000", "X-A:\\tb"] {
        let found = problems(&adding(&[value]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("policy.toml:8:53  rule[0].actions[0].value\n"), "{found:?}");
    }
}

#[test]
fn strip_leaves_the_level_out_of_the_message_and_keeps_the_demand() {
    let tls = TlsSettings { strip: true, ..TlsSettings::of(Profile::Standard) };
    let text = adding(&["x-TLSLevel:Require", "X-Foo: bar"]);
    let snapshot = build(&text, Profile::Standard, tls).unwrap();
    let disposition = single(&snapshot, MESSAGE, TO);
    assert_eq!(level(&disposition), Level::Require);
    assert!(outgoing(&disposition, MESSAGE).starts_with("X-Foo: bar\r\nFrom: "));
}

#[test]
fn unknown_levels_stay_unknown_for_the_engine_to_judge() {
    let tls = TlsSettings { unknown: UnknownLevel::Defer, ..TlsSettings::of(Profile::Standard) };
    let snapshot = build(&adding(&["x-TLSLevel: Dann"]), Profile::Standard, tls).unwrap();
    let disposition = single(&snapshot, MESSAGE, TO);
    assert_eq!(disposition.demands[0].asked, Asked::Unknown("Dann".into()));
}

#[test]
fn remove_takes_a_rules_field_and_the_messages_own() {
    let text = format!(
        "{}{}",
        adding(&["X-Foo: from a rule", "X-Bar: b"]),
        "[[rule]]\nname = \"off\"\nactions = [{ action = \"remove_message_header\", name = \"x-foo\" }]\n"
    );
    let message = b"X-FOO : first\r\nSubject: a\r\nx-foo: second\r\n\r\n";
    let disposition = single(&standard(&text), message, TO);
    assert_eq!(
        outgoing(&disposition, message),
        "X-Bar: b\r\nx-TLSLevel: Try\r\nSubject: a\r\n\r\n"
    );
}

#[test]
fn set_tls_level_replaces_what_earlier_rules_wrote() {
    let text = format!(
        "{}{}",
        adding(&["x-TLSLevel: Try"]),
        "[[rule]]\nname = \"set\"\nactions = [{ action = \"set_tls_level\", value = \"require\" }]\n"
    );
    let accepted = accepted(&standard(&text), MESSAGE, &[TO]);
    assert_eq!(level(&accepted.dispositions[0]), Level::Require);
    assert!(accepted.warnings.is_empty());
    assert!(
        outgoing(&accepted.dispositions[0], MESSAGE).starts_with("x-TLSLevel: Require\r\nFrom")
    );
}

#[test]
fn a_shadow_rule_is_recorded_and_changes_nothing() {
    let text = format!(
        "{BASE}[[rule]]\nname = \"ghost\"\nshadow = true\nfinal_action = \"delete\"\n\
         actions = [{{ action = \"add_message_header\", value = \"x-TLSLevel: Require\" }}]\n"
    );
    let disposition = single(&standard(&text), MESSAGE, TO);
    assert_eq!(disposition.end, End::Deliver);
    assert_eq!(level(&disposition), Level::Try);
    assert_eq!(disposition.matched[0], Matched { rule: "ghost".into(), shadow: true });
}

#[test]
fn final_actions_end_the_walk_as_they_say() {
    for (word, end) in [
        ("deliver", End::Deliver),
        ("quarantine", End::Quarantine { company: false }),
        ("quarantine_company", End::Quarantine { company: true }),
        ("delete", End::Delete),
        ("reject", End::Reject { reply: REFUSED.into() }),
    ] {
        let text = format!("{BASE}{}", rule(&format!("final_action = \"{word}\"")));
        let disposition = single(&standard(&text), MESSAGE, TO);
        assert_eq!(disposition.end, end);
        assert_eq!(disposition.decided.as_deref(), Some("r"));
        assert_eq!(disposition.matched.len(), 1, "nothing below was tried");
    }
}

#[test]
fn a_rule_that_rejects_may_have_its_own_reply() {
    for (written, told) in [
        ("550 5.7.1 not to them", "550 5.7.1 not to them"),
        ("554 no", "554 5.7.1 no"),
        ("550", "550 5.7.1 message refused by policy"),
        ("550 5.7.0", "550 5.7.0 message refused by policy"),
    ] {
        let text = rule(&format!("final_action = \"reject\"\nreply = \"{written}\""));
        let disposition = single(&standard(&format!("{BASE}{text}")), MESSAGE, TO);
        assert_eq!(disposition.end, End::Reject { reply: told.into() });
    }
}

#[test]
fn where_no_rule_ends_the_walk_the_recipient_is_refused() {
    let text = format!("{BASE}[[rule]]\nsystem = \"deliver_outbound\"\nactive = false\n");
    let disposition = single(&standard(&text), MESSAGE, TO);
    assert!(is_refused(&disposition));
    assert_eq!(disposition.decided, None);
    assert_eq!(level(&disposition), Level::Try, "the level is known all the same");
}

#[test]
fn mail_that_gatepost_makes_is_delivered_with_the_levels_of_the_rules() {
    let text = format!("{BASE}{LIST}{ENFORCE}{}", rule("final_action = \"delete\""));
    let snapshot = standard(&text);
    let facts = facts(MESSAGE, &[TO]);
    let accepted = accept(&snapshot, &facts, Origin::Gatepost, b"").unwrap();
    assert_eq!(accepted.dispositions[0].end, End::Deliver);
    assert_eq!(level(&accepted.dispositions[0]), Level::Require);
}

#[test]
fn recipients_of_both_directions_are_told_apart() {
    let accepted = accepted(&standard(BASE), MESSAGE, &["a@acme.example", TO, "b@ACME.example"]);
    let split: Vec<(Direction, Vec<usize>)> =
        accepted.dispositions.iter().map(|d| (d.direction, d.recipients.clone())).collect();
    assert_eq!(split, [(Direction::Inbound, vec![0, 2]), (Direction::Outbound, vec![1])]);
}

#[test]
fn fields_on_top_never_run_into_a_message_without_a_header_section() {
    let message = b"just text\r\nmore: text\r\n";
    let disposition = single(&standard(BASE), message, TO);
    assert_eq!(
        outgoing(&disposition, message),
        "x-TLSLevel: Try\r\n\r\njust text\r\nmore: text\r\n"
    );
}

fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"x-TLSLevel"[..]),
        Just(&b"Subject"[..]),
        Just(&b": "[..]),
        Just(&b":"[..]),
        Just(&b"Require"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"\n"[..]),
        Just(&b" "[..]),
        Just(&b"=?utf-8?q?=FF"[..]),
        Just(&b"\0\xFF"[..]),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn busy() -> Snapshot {
    raising(&format!(
        "{BASE}{}{}",
        r#"
[[rule]]
name = "a"
conditions = [
  { condition = "subject", match = "does_not_match", value = "zzz" },
  { condition = "header", match = "does_not_match", regex = "^X-Never: .*$" },
  { condition = "header", name = "To", match = "does_not_exist" },
]
actions = [
  { action = "remove_message_header", name = "Subject" },
  { action = "add_message_header", value = "Subject: new" },
]
"#,
        TRY
    ))
}

proptest! {
    #[test]
    fn no_header_section_panics_or_smuggles_a_level_through(message in header_bytes()) {
        let snapshot = busy();
        let disposition = single(&snapshot, &message, TO);
        prop_assert!(level(&disposition) >= Level::Try);
        prop_assert!(disposition.edits.cut.is_sorted_by(|a, b| a.end < b.start));
        let out = disposition.edits.apply(&message);
        let there = Facts { headers: crate::facts::Headers::scan(&out), ..facts(&out, &[TO]) };
        prop_assert_eq!(spoofed(&there), ["x-TLSLevel: Try"]);
    }

    #[test]
    fn adding_a_rule_below_never_changes_what_an_upper_rule_ended(
        upper in 0_usize..5,
        lower in 0_usize..5,
        value in "(X-Foo: a|x-TLSLevel: Try|x-TLSLevel: Verify)",
    ) {
        let words = ["deliver", "quarantine", "quarantine_company", "delete", "reject"];
        let first = format!(
            "{BASE}[[rule]]\nname = \"u\"\nfinal_action = \"{}\"\nconditions = [{{ condition = \
             \"recipient\", match = \"matches\", value = \"partner.example\" }}]\n",
            words[upper]
        );
        let second = format!(
            "[[rule]]\nname = \"l\"\nfinal_action = \"{}\"\nactions = [{{ action = \
             \"add_message_header\", value = \"{value}\" }}]\n",
            words[lower]
        );
        let before = single(&standard(&first), MESSAGE, TO);
        let after = single(&standard(&format!("{first}{second}")), MESSAGE, TO);
        prop_assert_eq!(before, after);
    }
}

const POLICIES: &str = r#"
[[tls_policy]]
domains = ["partner.example", ".partner.example"]
level = "verify"
until = "2026-11-24"
[[tls_policy]]
domains = ["*.example"]
level = "require"
[[tls_policy]]
domains = ["partner.example"]
level = "plain"
"#;

fn by_policy(level: Level, domain: &str) -> Demand {
    Demand::new(level, Source::TlsPolicy { domain: domain.to_owned() })
}

#[test]
fn every_policy_for_the_recipients_domain_is_kept_with_the_message() {
    let snapshot = standard(&format!("{BASE}{POLICIES}"));
    let disposition = single(&snapshot, MESSAGE, TO);
    assert_eq!(
        disposition.demands[1..],
        [by_policy(Level::Verify, "partner.example"), by_policy(Level::Require, "*.example")],
        "plain is no demand, and is asked for anew at each attempt"
    );
    let text = outgoing(&disposition, MESSAGE);
    assert!(text.starts_with("x-TLSLevel: Try\r\n"), "the header says what the rules say: {text}");
}

#[test]
fn a_policy_whose_last_day_is_over_is_not_kept() {
    let snapshot = standard(&format!("{BASE}{POLICIES}"));
    let after = gatepost_wire::timestamp::Timestamp::parse_rfc3339("2026-11-25T00:00:00Z").unwrap();
    let late = Facts { now: after, ..facts(MESSAGE, &[TO]) };
    let accepted = accept(&snapshot, &late, Origin::Client, b"").unwrap();
    assert_eq!(accepted.dispositions[0].demands[1..], [by_policy(Level::Require, "*.example")]);
}

#[test]
fn recipients_of_whom_different_policies_hold_do_not_share_a_copy() {
    let snapshot = standard(&format!("{BASE}{POLICIES}"));
    let to = ["a@partner.example", "b@other.example", "c@mx.partner.example", "d@else.test"];
    let accepted = accepted(&snapshot, MESSAGE, &to);
    let groups: Vec<_> =
        accepted.dispositions.iter().map(|one| (one.recipients.clone(), level(one))).collect();
    assert_eq!(
        groups,
        [
            (vec![0], Level::Verify),
            (vec![1], Level::Require),
            (vec![2], Level::Verify),
            (vec![3], Level::Try)
        ]
    );
}

#[test]
fn mail_of_our_own_has_the_policies_too() {
    let snapshot = standard(&format!("{BASE}{POLICIES}"));
    let accepted = accept(&snapshot, &facts(MESSAGE, &[TO]), Origin::Gatepost, b"").unwrap();
    assert_eq!(level(&accepted.dispositions[0]), Level::Verify);
}
