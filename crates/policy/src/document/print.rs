//! The policy file that reads back as an equal document.
//!
//! Strings are basic strings with everything escaped that TOML wants escaped; a
//! string with several lines stands as a block, so that lists stay readable.

use super::{
    ActionEntry, ConditionEntry, CustomRule, DomainEntry, FinalAction, Literal, PolicyDocument,
    RouteEntry, RuleDataEntry, RuleEntry, SmartHostEntry, SourceEntry, SystemEntry, TlsPolicyEntry,
    Values,
};

/// The document as TOML.
pub(super) fn toml(document: &PolicyDocument) -> String {
    let PolicyDocument { domains, outbound_sources, smart_hosts, rule_data, tls_policies, rules } =
        document;
    let mut tables: Vec<String> = Vec::new();
    tables.extend(domains.iter().map(domain));
    tables.extend(outbound_sources.iter().map(source));
    tables.extend(smart_hosts.iter().map(smart_host));
    tables.extend(rule_data.iter().map(set));
    tables.extend(tls_policies.iter().map(tls_policy));
    tables.extend(rules.iter().map(|entry| match entry {
        RuleEntry::System(entry) => system(entry),
        RuleEntry::Custom(entry) => rule(entry),
    }));
    tables.join("\n")
}

fn domain(entry: &DomainEntry) -> String {
    let DomainEntry { name, routes } = entry;
    let mut out = format!("[[domain]]\nname = {}\n", string(name));
    if !routes.is_empty() {
        push_list(&mut out, "routes", routes.iter().map(route));
    }
    out
}

fn route(entry: &RouteEntry) -> String {
    let RouteEntry { host, port, weight, tls } = entry;
    format!("{{ host = {}, port = {port}, weight = {weight}, tls = \"{tls}\" }}", string(host))
}

fn source(entry: &SourceEntry) -> String {
    let SourceEntry { network } = entry;
    format!("[[outbound_source]]\nnetwork = {}\n", string(network))
}

fn smart_host(entry: &SmartHostEntry) -> String {
    let SmartHostEntry { domains, host, port, tls, implicit_tls, username, password_file } = entry;
    let mut out = String::from("[[smart_host]]\n");
    push_line(&mut out, "domains", &array(domains));
    push_line(&mut out, "host", &string(host));
    push_line(&mut out, "port", &port.to_string());
    push_line(&mut out, "tls", &format!("\"{tls}\""));
    if *implicit_tls {
        push_line(&mut out, "implicit_tls", "true");
    }
    for (key, text) in [("username", username), ("password_file", password_file)] {
        if let Some(text) = text {
            push_line(&mut out, key, &string(text));
        }
    }
    out
}

fn tls_policy(entry: &TlsPolicyEntry) -> String {
    let TlsPolicyEntry { domains, level, until } = entry;
    let mut out = String::from("[[tls_policy]]\n");
    push_line(&mut out, "domains", &array(domains));
    push_line(&mut out, "level", &format!("\"{level}\""));
    if let Some(until) = until {
        push_line(&mut out, "until", &format!("\"{until}\""));
    }
    out
}

fn set(entry: &RuleDataEntry) -> String {
    let RuleDataEntry { name, note, kind, values } = entry;
    let mut out = format!("[[rule_data]]\nname = {}\n", string(name));
    push_note(&mut out, note.as_deref());
    push_line(&mut out, "kind", &format!("\"{}\"", kind.word()));
    match values {
        Values::Lines(text) => push_line(&mut out, "values", &lines(text)),
        Values::List(list) => push_list(&mut out, "values", list.iter().map(|value| string(value))),
    }
    out
}

fn system(entry: &SystemEntry) -> String {
    let SystemEntry { system, active } = entry;
    let mut out = format!("[[rule]]\nsystem = \"{}\"\n", system.word());
    if !active {
        out.push_str("active = false\n");
    }
    out
}

fn rule(entry: &CustomRule) -> String {
    let CustomRule { name, note, active, shadow, conditions, actions, final_action, reply } = entry;
    let mut out = format!("[[rule]]\nname = {}\n", string(name));
    push_note(&mut out, note.as_deref());
    if !active {
        out.push_str("active = false\n");
    }
    if *shadow {
        out.push_str("shadow = true\n");
    }
    if !conditions.is_empty() {
        push_list(&mut out, "conditions", conditions.iter().map(condition));
    }
    if !actions.is_empty() {
        push_list(&mut out, "actions", actions.iter().map(action));
    }
    if *final_action != FinalAction::None {
        push_line(&mut out, "final_action", &format!("\"{}\"", final_action.word()));
    }
    if let Some(reply) = reply {
        push_line(&mut out, "reply", &string(reply));
    }
    out
}

fn condition(entry: &ConditionEntry) -> String {
    let ConditionEntry { condition, match_type, name, value, regex, rule_data } = entry;
    let mut out =
        format!("{{ condition = \"{}\", match = \"{}\"", condition.word(), match_type.word());
    if let Some(value) = value {
        out.push_str(", value = ");
        out.push_str(&literal(value));
    }
    for (key, text) in [("name", name), ("regex", regex), ("rule_data", rule_data)] {
        if let Some(text) = text {
            out.push_str(", ");
            out.push_str(key);
            out.push_str(" = ");
            out.push_str(&string(text));
        }
    }
    out.push_str(" }");
    out
}

fn action(entry: &ActionEntry) -> String {
    let (word, key, text) = match entry {
        ActionEntry::AddMessageHeader { value } => ("add_message_header", "value", value),
        ActionEntry::RemoveMessageHeader { name } => ("remove_message_header", "name", name),
        ActionEntry::SetTlsLevel { value } => ("set_tls_level", "value", value),
    };
    format!("{{ action = \"{word}\", {key} = {} }}", string(text))
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Text(text) => string(text),
        Literal::Number(number) => number.to_string(),
        Literal::List(list) => {
            format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Short lists stay on their line.
fn array(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| string(text)).collect::<Vec<_>>().join(", "))
}

fn push_note(out: &mut String, note: Option<&str>) {
    if let Some(note) = note {
        push_line(out, "note", &lines(note));
    }
}

fn push_line(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    out.push_str(" = ");
    out.push_str(value);
    out.push('\n');
}

fn push_list(out: &mut String, key: &str, elements: impl Iterator<Item = String>) {
    out.push_str(key);
    out.push_str(" = [\n");
    for element in elements {
        out.push_str("  ");
        out.push_str(&element);
        out.push_str(",\n");
    }
    out.push_str("]\n");
}

/// A text of several lines as a block, any other on its line.
fn lines(text: &str) -> String {
    if text.contains('\n') { block(text) } else { string(text) }
}

fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other => push_escaped(&mut out, other),
        }
    }
    out.push('"');
    out
}

/// A string over several lines. TOML drops the newline behind the opening quotes.
fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    out.push_str("\"\"\"\n");
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            other => push_escaped(&mut out, other),
        }
    }
    out.push_str("\"\"\"");
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\r' => out.push_str("\\r"),
        c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        c => out.push(c),
    }
}
