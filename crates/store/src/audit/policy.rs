//! What is different between two policies, for the audit log.
//!
//! Both sides name each entry of the policy that is different, and of it only what is
//! different: an entry that came is `null` before, one that went is `null` after. Of
//! the values of Custom Rule Data there are those that went and those that came. The
//! whole policy is in its revision; here it is cut where it would be long.

use std::collections::HashMap;

use gatepost_policy::document::PolicyDocument;
use serde_json::{Map, Value};

/// Values of one set that are listed, on each side.
const LISTED: usize = 200;

/// Lists in which the order says something.
const ORDERED: &[&str] = &["rule", "smart_host"];

/// What was different before, and what is after, by area and name.
///
/// # Errors
/// When a document cannot be written as JSON.
pub fn policy_changes(
    before: &PolicyDocument,
    after: &PolicyDocument,
) -> Result<(Value, Value), serde_json::Error> {
    let (before, after) = (serde_json::to_value(before)?, serde_json::to_value(after)?);
    let mut sides = Sides::default();
    let areas = |document: &Value| -> Vec<String> {
        document.as_object().into_iter().flat_map(|areas| areas.keys().cloned()).collect()
    };
    let mut all = areas(&before);
    all.extend(areas(&after));
    all.sort();
    all.dedup();
    for area in all {
        let (old, new) = (entries(before.get(&area)), entries(after.get(&area)));
        compare(&area, &old, &new, &mut sides);
        if ORDERED.contains(&area.as_str()) {
            moved(&area, &old, &new, &mut sides);
        }
    }
    let Sides { before, after } = sides;
    Ok((Value::Object(before), Value::Object(after)))
}

/// What was and what is, by area.
#[derive(Default)]
struct Sides {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Sides {
    fn put(&mut self, area: &str, name: &str, (before, after): (Value, Value)) {
        for (side, value) in [(&mut self.before, before), (&mut self.after, after)] {
            let area = side.entry(area).or_insert_with(|| Value::Object(Map::new()));
            let Some(names) = area.as_object_mut() else { continue };
            match (names.get_mut(name), value) {
                (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
                (_, value) => {
                    names.insert(name.to_owned(), value);
                }
            }
        }
    }
}

/// The entries of an area with what names each, in their order.
fn entries(area: Option<&Value>) -> Vec<(String, &Map<String, Value>)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let listed = area.and_then(Value::as_array).into_iter().flatten();
    listed
        .filter_map(Value::as_object)
        .map(|entry| {
            let name = name_of(entry);
            let count = seen.entry(name.clone()).or_default();
            *count = count.saturating_add(1);
            (if *count > 1 { format!("{name} ({count})") } else { name }, entry)
        })
        .collect()
}

fn name_of(entry: &Map<String, Value>) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let domains = || {
        let domains = entry.get("domains")?.as_array()?;
        Some(domains.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
    };
    text("name")
        .or_else(|| text("system"))
        .or_else(|| text("network"))
        .or_else(domains)
        .unwrap_or_default()
}

fn compare(
    area: &str,
    old: &[(String, &Map<String, Value>)],
    new: &[(String, &Map<String, Value>)],
    sides: &mut Sides,
) {
    let before: HashMap<&str, &Map<String, Value>> =
        old.iter().map(|(name, entry)| (name.as_str(), *entry)).collect();
    let after: HashMap<&str, &Map<String, Value>> =
        new.iter().map(|(name, entry)| (name.as_str(), *entry)).collect();
    for (name, entry) in old {
        match after.get(name.as_str()) {
            None => sides.put(area, name, (whole(entry), Value::Null)),
            Some(other) if *other == *entry => {}
            Some(other) => sides.put(area, name, parts(entry, other)),
        }
    }
    for (name, entry) in new {
        if !before.contains_key(name.as_str()) {
            sides.put(area, name, (Value::Null, whole(entry)));
        }
    }
}

/// An entry by itself, its values cut.
fn whole(entry: &Map<String, Value>) -> Value {
    let mut entry = entry.clone();
    if let Some(values) = entry.get_mut("values") {
        *values = listed(&lines(values).iter().collect::<Vec<_>>());
    }
    Value::Object(entry)
}

/// What is different between two entries of one name.
fn parts(old: &Map<String, Value>, new: &Map<String, Value>) -> (Value, Value) {
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (was, is) = (old.get(key).cloned(), new.get(key).cloned());
        let (was, is) = (was.unwrap_or(Value::Null), is.unwrap_or(Value::Null));
        if was == is {
            continue;
        }
        let (was, is) = if key == "values" { set_parts(&was, &is) } else { (was, is) };
        before.insert(key.clone(), was);
        after.insert(key.clone(), is);
    }
    (Value::Object(before), Value::Object(after))
}

/// The values that went, and those that came.
fn set_parts(old: &Value, new: &Value) -> (Value, Value) {
    let (old, new) = (lines(old), lines(new));
    let (was, is): (std::collections::HashSet<_>, std::collections::HashSet<_>) =
        (old.iter().collect(), new.iter().collect());
    let gone: Vec<_> = old.iter().filter(|line| !is.contains(line)).collect();
    let come: Vec<_> = new.iter().filter(|line| !was.contains(line)).collect();
    (listed(&gone), listed(&come))
}

fn listed(lines: &[&String]) -> Value {
    let mut shown: Vec<Value> =
        lines.iter().take(LISTED).map(|line| Value::String((*line).clone())).collect();
    if let Some(more) = lines.len().checked_sub(LISTED).filter(|more| *more > 0) {
        shown.push(Value::String(format!("… and {more} more")));
    }
    Value::Array(shown)
}

/// The values of a set: an array of them, or a text with one a line.
fn lines(values: &Value) -> Vec<String> {
    match values {
        Value::Array(values) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), Into::into);
            values.iter().map(text).collect()
        }
        Value::String(text) => text.lines().map(ToOwned::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// The places of entries that were moved past others, counted from 1: as few as explain
/// the new order.
fn moved(
    area: &str,
    old: &[(String, &Map<String, Value>)],
    new: &[(String, &Map<String, Value>)],
    sides: &mut Sides,
) {
    let place = |list: &[(String, &Map<String, Value>)]| -> HashMap<String, usize> {
        list.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect()
    };
    let (was, is) = (place(old), place(new));
    let common: Vec<(&str, usize, usize)> = new
        .iter()
        .filter_map(|(name, _)| Some((name.as_str(), *was.get(name)?, *is.get(name)?)))
        .collect();
    let stays = longest_rising(&common.iter().map(|(_, was, _)| *was).collect::<Vec<_>>());
    for (at, (name, was, is)) in common.iter().enumerate() {
        if !stays.contains(&at) {
            let position = |at: &usize| serde_json::json!({ "position": at.saturating_add(1) });
            sides.put(area, name, (position(was), position(is)));
        }
    }
}

/// Where the members of a longest rising subsequence are.
fn longest_rising(numbers: &[usize]) -> std::collections::HashSet<usize> {
    // The place of the smallest last member of a rising run of each length, and what is before each.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let length =
            ends.partition_point(|end| numbers.get(*end).is_some_and(|last| last < number));
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut members = std::collections::HashSet::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        members.insert(at);
        next = before.get(at).copied().flatten();
    }
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(toml: &str) -> PolicyDocument {
        PolicyDocument::parse_toml(toml, "policy.toml").unwrap().document
    }

    fn rules(names: &[&str]) -> String {
        names.iter().map(|name| format!("[[rule]]\nname = \"{name}\"\n")).collect()
    }

    fn changes(before: &str, after: &str) -> (Value, Value) {
        policy_changes(&document(before), &document(after)).unwrap()
    }

    #[test]
    fn only_what_is_different_is_named() {
        let before = "
            [[domain]]
            name = \"a.example\"
            [[domain]]
            name = \"b.example\"
            [[outbound_source]]
            network = \"10.0.0.0/8\"";
        let after = "
            [[domain]]
            name = \"a.example\"
            routes = [{ host = \"10.0.0.5\" }]
            [[outbound_source]]
            network = \"10.0.0.0/8\"
            [[domain]]
            name = \"c.example\"";
        let (was, is) = changes(before, after);
        assert_eq!(was["domain"]["a.example"], json!({ "routes": [] }));
        assert_eq!(is["domain"]["a.example"]["routes"][0]["host"], "10.0.0.5");
        assert_eq!(
            (&was["domain"]["b.example"]["name"], &is["domain"]["b.example"]),
            (&json!("b.example"), &Value::Null)
        );
        assert_eq!(
            (&was["domain"]["c.example"], &is["domain"]["c.example"]["name"]),
            (&Value::Null, &json!("c.example"))
        );
        assert!(was.get("outbound_source").is_none() && is.get("outbound_source").is_none());
        assert_eq!(changes(before, before), (json!({}), json!({})));
    }

    #[test]
    fn of_a_set_the_values_that_went_and_came_are_named() {
        let set = |values: &str| {
            format!(
                "[[rule_data]]\nname = \"P\"\nkind = \"domains\"\nvalues = \"\"\"\n{values}\"\"\""
            )
        };
        let (was, is) = changes(&set("a.example\nb.example\n"), &set("b.example\nc.example\n"));
        assert_eq!(was, json!({ "rule_data": { "P": { "values": ["a.example"] } } }));
        assert_eq!(is, json!({ "rule_data": { "P": { "values": ["c.example"] } } }));
        let many: String = (0..1000).map(|n| format!("d{n}.example\n")).collect();
        let (_, is) = changes("", &set(&many));
        let values = is["rule_data"]["P"]["values"].as_array().unwrap();
        assert_eq!((values.len(), values.last().unwrap()), (201, &json!("… and 800 more")));
    }

    #[test]
    fn a_rule_that_was_moved_is_named_and_those_it_passed_are_not() {
        let (was, is) = changes(&rules(&["a", "b", "c", "d"]), &rules(&["d", "a", "b", "c"]));
        assert_eq!(was, json!({ "rule": { "d": { "position": 4 } } }));
        assert_eq!(is, json!({ "rule": { "d": { "position": 1 } } }));
        // One that came moves nobody.
        let (was, _) = changes(&rules(&["a", "b"]), &rules(&["new", "a", "b"]));
        assert_eq!(was, json!({ "rule": { "new": null } }));
    }
}
