use proptest::prelude::*;

use super::*;
use crate::{
    direction::Direction,
    document::{ConditionEntry, ConditionKind, Literal, MatchType},
    samples::{BASE, facts, standard},
};

/// Every kind of Condition with values that sometimes match the messages below.
fn condition() -> impl Strategy<Value = ConditionEntry> {
    let text = "(a|b|Hello|acme)";
    let literal = |text: &str| Some(Literal::Text(text.to_owned()));
    let operand = move |kind: ConditionKind, text: String, pattern: bool| match kind {
        ConditionKind::Direction => (literal("outbound"), None),
        ConditionKind::OwnDomain => (None, None),
        ConditionKind::ConnectionIp => (literal("10.0.0.0/8"), None),
        ConditionKind::Sender
        | ConditionKind::Recipient
        | ConditionKind::Subject
        | ConditionKind::Header
        | ConditionKind::RecipientCount
        | ConditionKind::Size
            if pattern =>
        {
            (None, Some(text))
        }
        ConditionKind::Sender | ConditionKind::Recipient => {
            (literal(&format!("{}.example", text.to_lowercase())), None)
        }
        ConditionKind::Subject
        | ConditionKind::Header
        | ConditionKind::RecipientCount
        | ConditionKind::Size => (literal(&text), None),
    };
    let kinds = [
        ConditionKind::Direction,
        ConditionKind::Sender,
        ConditionKind::Recipient,
        ConditionKind::Subject,
        ConditionKind::Header,
        ConditionKind::ConnectionIp,
        ConditionKind::OwnDomain,
    ];
    (0..kinds.len(), text, any::<bool>()).prop_map(move |(at, text, pattern)| {
        let condition = kinds[at];
        let (value, regex) = operand(condition, text, pattern);
        let name = (condition == ConditionKind::Header).then(|| "X-Foo".to_owned());
        let match_type = MatchType::Matches;
        ConditionEntry { condition, match_type, name, value, regex, rule_data: None }
    })
}

fn matched(entry: ConditionEntry, message: &[u8], to: &str) -> bool {
    let rule = crate::document::CustomRule {
        name: "r".into(),
        note: None,
        active: true,
        shadow: false,
        conditions: vec![entry],
        actions: vec![],
        final_action: FinalAction::None,
        reply: None,
    };
    let text = PolicyDocument {
        rules: vec![crate::document::RuleEntry::Custom(Box::new(rule))],
        ..PolicyDocument::default()
    };
    let snapshot = standard(&format!("{BASE}{}", text.to_toml()));
    let trace = explain::trace(&snapshot, &facts(message, &[to]));
    trace.recipients[0].steps[0].matched
}

proptest! {
    #[test]
    fn does_not_match_is_the_exact_opposite_of_matches(
        entry in condition(),
        subject in "(Subject: (a|Hello|=\\?utf-8\\?q\\?b\\?=)\r\n)?",
        foo in "(X-Foo: (a|b)\r\n){0,2}",
        to in "x@(a|b|acme)\\.example",
    ) {
        let message = format!("{subject}{foo}\r\n");
        let opposite = ConditionEntry { match_type: MatchType::DoesNotMatch, ..entry.clone() };
        prop_assert_ne!(
            matched(entry, message.as_bytes(), &to),
            matched(opposite, message.as_bytes(), &to)
        );
    }
}

#[test]
fn a_rule_without_conditions_applies_to_every_recipient() {
    let snapshot = standard(&format!("{BASE}[[rule]]\nname = \"r\"\n"));
    let trace = explain::trace(&snapshot, &facts(b"\r\n", &["a@acme.example", "b@x.example"]));
    assert!(trace.recipients.iter().all(|recipient| recipient.steps[0].matched));
    assert_eq!(trace.recipients[0].direction, Direction::Inbound);
}
