use proptest::prelude::*;

use super::*;
use crate::samples::{BASE, ENFORCE, LIST, TRY_GUARDED};

fn parse(text: &str) -> PolicyDocument {
    PolicyDocument::parse_toml(text, "policy.toml").unwrap().document
}

/// `area name: change from>to`, one a change.
fn said(old: &str, new: &str) -> Vec<String> {
    changes(&parse(old), &parse(new))
        .iter()
        .map(|change| {
            let place = |at: Option<usize>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
            format!(
                "{:?} {}: {:?} {}>{}",
                change.area,
                change.name,
                change.change,
                place(change.from_position),
                place(change.to_position)
            )
        })
        .collect()
}

#[test]
fn what_came_went_and_changed_is_told_by_name() {
    let old = format!("{BASE}{LIST}{ENFORCE}");
    let new =
        format!("{BASE}{}{ENFORCE}{TRY_GUARDED}", LIST.replace("partner.example", "a.example"));
    assert_eq!(said(&old, &old), [""; 0]);
    assert_eq!(
        said(&old, &new),
        ["Rule Try TLS: Added ->2", "RuleData TLS Enforced Domains: Changed 1>1"]
    );
    assert_eq!(
        said(&new, &old),
        ["Rule Try TLS: Removed 2>-", "RuleData TLS Enforced Domains: Changed 1>1"]
    );
    let of_set = changes(&parse(&old), &parse(&new)).swap_remove(1);
    let values = of_set.values.unwrap();
    assert_eq!((values.added, values.removed), (1, 1));
    assert_eq!(
        (values.first_added, values.first_removed),
        (vec!["a.example".to_owned()], vec!["partner.example".to_owned()])
    );
    assert_eq!(of_set.before.unwrap()["kind"], "domains");
}

#[test]
fn a_rule_that_was_dragged_moved_and_the_others_did_not() {
    let rules = |names: &[&str]| -> String {
        names.iter().map(|name| format!("[[rule]]\nname = \"{name}\"\n")).collect()
    };
    assert_eq!(
        said(&rules(&["a", "b", "c", "d"]), &rules(&["d", "a", "b", "c"])),
        ["Rule d: Moved 4>1"]
    );
    assert_eq!(
        said(&rules(&["a", "b", "c"]), &rules(&["x", "b", "c"])),
        ["Rule a: Removed 1>-", "Rule x: Added ->1"]
    );
    assert_eq!(
        said(&rules(&["a", "b"]), &rules(&["B", "a"])),
        ["Rule B: Changed 2>1", "Rule B: Moved 2>1"]
    );
}

#[test]
fn the_values_of_a_large_set_are_told_by_their_number() {
    let set = |count: usize| {
        let values: String = (0..count).map(|n| format!("d{n}.example\n")).collect();
        format!(
            "[[rule_data]]\nname = \"many\"\nkind = \"domains\"\nvalues = \"\"\"\n{values}\"\"\"\n"
        )
    };
    let change = changes(&parse(&set(10_000)), &parse(&set(10_500))).swap_remove(0);
    let values = change.values.unwrap();
    assert_eq!((values.added, values.removed, values.first_added.len()), (500, 0, 100));
    assert_eq!(change.after.unwrap()["values"], Value::Null);
}

/// Parts that differ in little, so that many pairs of documents have much in common.
fn document() -> impl Strategy<Value = PolicyDocument> {
    let rule = prop_oneof![
        ("[a-cA]", any::<bool>())
            .prop_map(|(name, active)| format!("[[rule]]\nname = \"{name}\"\nactive = {active}\n")),
        any::<bool>().prop_map(|active| format!(
            "[[rule]]\nsystem = \"deliver_inbound\"\nactive = {active}\n"
        )),
    ];
    let set = ("[ab]", "[xy]").prop_map(|(name, value)| {
        format!("[[rule_data]]\nname = \"{name}\"\nkind = \"text\"\nvalues = \"{value}\"\n")
    });
    let domain = "[ab]".prop_map(|name| format!("[[domain]]\nname = \"{name}\"\n"));
    let source = "[12]".prop_map(|n| format!("[[outbound_source]]\nnetwork = \"10.0.0.{n}\"\n"));
    let host = ("[ab]", "[xy]").prop_map(|(domain, host)| {
        format!("[[smart_host]]\ndomains = [\"{domain}\"]\nhost = \"{host}\"\n")
    });
    let policy = ("[ab]", "try|require").prop_map(|(domain, level)| {
        format!("[[tls_policy]]\ndomains = [\"{domain}\"]\nlevel = \"{level}\"\n")
    });
    let part = prop_oneof![4 => rule, 2 => set, 1 => domain, 1 => source, 1 => host, 1 => policy];
    prop::collection::vec(part, 0..6).prop_map(|parts| parse(&parts.concat()))
}

proptest! {
    #[test]
    fn there_are_no_changes_exactly_where_the_documents_are_equal(old in document(), new in document()) {
        prop_assert_eq!(changes(&old, &new).is_empty(), old == new);
        prop_assert!(changes(&old, &old.clone()).is_empty());
    }

    #[test]
    fn what_is_said_of_the_rules_leads_from_the_old_ones_to_the_new_ones(old in document(), new in document()) {
        let found: Vec<Change> =
            changes(&old, &new).into_iter().filter(|change| change.area == Area::Rule).collect();
        // what stayed, in its old order, with what came and moved put where it is said to stand
        let mut rules: Vec<Option<Value>> = vec![None; new.rules.len()];
        let mut gone: Vec<usize> = vec![];
        for change in &found {
            match change.change {
                Kind::Removed => gone.push(change.from_position.unwrap() - 1),
                Kind::Added => rules[change.to_position.unwrap() - 1] = change.after.clone(),
                Kind::Moved => {
                    let from = change.from_position.unwrap() - 1;
                    gone.push(from);
                    let place = &mut rules[change.to_position.unwrap() - 1];
                    if place.is_none() {
                        *place = Some(serde_json::to_value(&old.rules[from]).unwrap());
                    }
                }
                Kind::Changed => rules[change.to_position.unwrap() - 1] = change.after.clone(),
            }
        }
        let changed: Vec<usize> = found
            .iter()
            .filter(|change| change.change == Kind::Changed)
            .map(|change| change.from_position.unwrap() - 1)
            .collect();
        let mut stayed = old
            .rules
            .iter()
            .enumerate()
            .filter(|(at, _)| !gone.contains(at) && !changed.contains(at))
            .map(|(_, rule)| serde_json::to_value(rule).unwrap());
        let made: Vec<Value> =
            rules.into_iter().map(|rule| rule.unwrap_or_else(|| stayed.next().unwrap())).collect();
        let wanted: Vec<Value> =
            new.rules.iter().map(|rule| serde_json::to_value(rule).unwrap()).collect();
        prop_assert_eq!(made, wanted);
        prop_assert!(stayed.next().is_none());
    }
}
