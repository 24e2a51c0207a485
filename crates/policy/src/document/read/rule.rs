//! Reads `[[rule]]`: the shape of Conditions and Actions, and which of the
//! design's words this version does not have yet.

use super::{
    super::{
        ActionEntry, ConditionEntry, ConditionKind, CustomRule, FinalAction, Literal, MatchType,
        RuleEntry, SystemEntry, SystemRule,
        node::{Node, Value},
    },
    fields::Fields,
};
use crate::diagnostic::choice;

const CONDITIONS_NOT_BUILT: &[&str] = &[
    "body",
    "body_or_subject",
    "attachment_name",
    "file_type",
    "protected_attachment",
    "group",
    "sender_in_list",
    "spf",
    "dkim",
    "dmarc",
    "message_security",
    "spam_score",
    "virus_score",
    "nearby_domains",
];

const ACTIONS: &[&str] = &["add_message_header", "remove_message_header", "set_tls_level"];

const ACTIONS_NOT_BUILT: &[&str] = &[
    "append_to_subject",
    "prefix_to_subject",
    "append_text",
    "prefix_text",
    "append_html",
    "prefix_html",
    "add_to_spam_score",
    "set_spam_score",
    "subtract_from_spam_score",
    "add_to_virus_score",
    "set_virus_score",
    "subtract_from_virus_score",
    "send_copy_to",
    "re_route_to",
    "save_copy_in_quarantine",
    "notify_sender",
    "notify_recipient",
    "dkim_signing",
];

/// Reads one `[[rule]]`.
pub(in crate::document) fn rule(fields: Fields<'_>) -> Option<RuleEntry> {
    if fields.has("system") {
        system(fields).map(RuleEntry::System)
    } else {
        Some(RuleEntry::Custom(Box::new(custom(fields))))
    }
}

fn system(mut fields: Fields<'_>) -> Option<SystemEntry> {
    let words: Vec<&'static str> = SystemRule::ALL.into_iter().map(SystemRule::word).collect();
    let word = fields.word("system", &words, &[]);
    let active = fields.boolean("active", true);
    fields.finish();
    let system = SystemRule::ALL.into_iter().find(|system| Some(system.word()) == word)?;
    Some(SystemEntry { system, active })
}

/// A rule whose name could not be read gets an empty one, which nothing else complains about.
fn custom(mut fields: Fields<'_>) -> CustomRule {
    let name = fields.required_text("name").unwrap_or_default();
    let note = fields.text("note");
    let active = fields.boolean("active", true);
    let shadow = fields.boolean("shadow", false);
    let conditions = fields.list("conditions");
    let actions = fields.list("actions");
    let words: Vec<&'static str> = FinalAction::ALL.into_iter().map(FinalAction::word).collect();
    let named = fields.has("final_action");
    let word = fields.word("final_action", &words, &[]);
    let reply = fields.text("reply");
    let final_action = FinalAction::ALL.into_iter().find(|action| Some(action.word()) == word);
    // A Final Action that could not be read says nothing about the reply beside it.
    let reply = reply.filter(|_| final_action.is_some() || !named);
    let (reader, path) = fields.finish();
    CustomRule {
        name,
        note,
        active,
        shadow,
        conditions: reader.each(&format!("{path}.conditions"), conditions, condition),
        actions: reader.each(&format!("{path}.actions"), actions, action),
        final_action: final_action.unwrap_or_default(),
        reply,
    }
}

fn condition(mut fields: Fields<'_>) -> Option<ConditionEntry> {
    let kinds: Vec<&'static str> =
        ConditionKind::ALL.into_iter().map(ConditionKind::word).collect();
    let matches: Vec<&'static str> = MatchType::ALL.into_iter().map(MatchType::word).collect();
    let kind = fields.word("condition", &kinds, CONDITIONS_NOT_BUILT);
    if kind.is_none() {
        fields.missing("condition", &format!("Say what it looks at: {}.", choice(&kinds)));
    }
    let match_type = fields.word("match", &matches, &[]);
    if match_type.is_none() {
        fields.missing("match", &format!("Say how it compares: {}.", choice(&matches)));
    }
    let before = fields.reader().problems.len();
    let name = fields.text("name");
    let value = fields.take("value").and_then(|node| literal(&mut fields, node));
    let regex = fields.text("regex");
    let rule_data = fields.text("rule_data");
    let operands_read = fields.reader().problems.len() == before;
    fields.finish();
    let condition = ConditionKind::ALL.into_iter().find(|known| Some(known.word()) == kind)?;
    let match_type = MatchType::ALL.into_iter().find(|known| Some(known.word()) == match_type)?;
    operands_read.then_some(ConditionEntry { condition, match_type, name, value, regex, rule_data })
}

fn literal(fields: &mut Fields<'_>, node: Node) -> Option<Literal> {
    let path = fields.path_of("value");
    match node.value {
        Value::Text(text) => Some(Literal::Text(text)),
        Value::Number(number) => Some(Literal::Number(number)),
        Value::List(nodes) => {
            let offsets =
                nodes.iter().filter_map(|node| node.range.as_ref().map(|r| r.start)).collect();
            fields.reader().spans.note_elements(&path, offsets);
            let count = nodes.len();
            let list: Vec<Literal> = nodes
                .into_iter()
                .filter_map(|node| match node.value {
                    Value::Text(text) => Some(Literal::Text(text)),
                    Value::Number(number) => Some(Literal::Number(number)),
                    Value::Boolean(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => None,
                })
                .collect();
            if list.len() == count {
                return Some(Literal::List(list));
            }
            let problem = "The array holds something that is no string and no number.".to_owned();
            fields.reader().problem(&path, problem, "Write strings in quotes, numbers without.");
            None
        }
        other @ (Value::Boolean(_) | Value::Table(_) | Value::Other(_)) => {
            let problem = format!("`value` is {}.", other.described());
            fields.reader().problem(
                &path,
                problem,
                "Write a string, a number, or an array of them.",
            );
            None
        }
    }
}

fn action(mut fields: Fields<'_>) -> Option<ActionEntry> {
    let Some(word) = fields.word("action", ACTIONS, ACTIONS_NOT_BUILT) else {
        fields.missing("action", &format!("Say what it does: {}.", choice(ACTIONS)));
        // The keys of an Action that is not known are not known either.
        return None;
    };
    let entry = match word {
        "add_message_header" => {
            header_text(&mut fields).map(|value| ActionEntry::AddMessageHeader { value })
        }
        "remove_message_header" => {
            fields.required_text("name").map(|name| ActionEntry::RemoveMessageHeader { name })
        }
        _ => fields.required_text("value").map(|value| ActionEntry::SetTlsLevel { value }),
    };
    fields.finish();
    entry
}

/// The text of a header Action. An empty one is judged with all others, when rules are compiled.
fn header_text(fields: &mut Fields<'_>) -> Option<String> {
    let there = fields.has("value");
    let text = fields.text("value");
    if !there {
        fields.missing("value", "Add `value = \"Name: value\"`.");
    }
    text
}
