//! Every way to tamper with a file is found, and no byte of it is free.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{
        Addresses, NoEvidence, Wanted,
        canonical::canonical,
        form::hex,
        key::{InstanceKey, Purpose},
        verify,
    },
    Run, check, good, lines,
};
use sha2::{Digest as _, Sha256};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn text(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{}\n", canonical(line)).into_bytes()).collect()
}

/// The lines with a seal that is right for them, as who holds the key could make it: what is
/// found then is found by the chain and its roots alone.
fn sealed(mut lines: Vec<Value>, key: &InstanceKey) -> Vec<u8> {
    lines.pop();
    let body = text(&lines);
    let hash = Sha256::digest(&body);
    lines.push(json!({
        "kind": "seal",
        "lines": lines.len(),
        "sha256": hex(&hash),
        "signature": key.sign(Purpose::File, &hash),
    }));
    text(&lines)
}

fn places(lines: &[Value], kind: &str) -> Vec<usize> {
    (0..lines.len()).filter(|place| lines[*place]["kind"] == kind).collect()
}

type Change = (&'static str, Box<dyn Fn(&mut Vec<Value>)>);

fn change(name: &'static str, how: impl Fn(&mut Vec<Value>) + 'static) -> Change {
    (name, Box::new(how))
}

/// What can be done to records; `first`, `second` and `last` are their lines.
fn to_records(first: usize, second: usize, last: usize) -> Vec<Change> {
    vec![
        change("change a record", move |l| l[second]["record"]["level"] = json!("try")),
        change("change a record and its hash", move |l| {
            l[second]["record"]["level"] = json!("try");
            let leaf = super::super::form::leaf(canonical(&l[second]["record"]).as_bytes());
            l[second]["leaf"] = json!(hex(&leaf));
        }),
        change("remove a record", move |l| drop(l.remove(second))),
        change("remove a record and close up", move |l| {
            l.remove(second);
            l[second]["seq"] = json!(2);
        }),
        change("remove the last record", move |l| drop(l.remove(last))),
        change("swap records", move |l| l.swap(first, second)),
        change("swap records and their numbers", move |l| {
            l.swap(first, second);
            l[first]["seq"] = json!(1);
            l[second]["seq"] = json!(2);
        }),
        change("add a record", move |l| {
            let mut more = l[last].clone();
            more["seq"] = json!(7);
            l.insert(last + 1, more);
        }),
        change("say a record twice", move |l| l.insert(last, l[last].clone())),
        change("hide a record", move |l| {
            l[second] = json!({ "kind": "links", "first": 2, "leaves": [l[second]["leaf"]] });
        }),
        change("call a record missing", move |l| {
            l[second] = json!({ "kind": "gap", "first": 2, "last": 2 });
        }),
    ]
}

/// What can be done to roots; the last day goes up to line `last`.
fn to_roots(roots: &[usize], last: usize) -> Vec<Change> {
    let (root, other, third) = (roots[0], roots[1], roots[2]);
    vec![
        change("change a count", move |l| l[root]["statement"]["totals"]["clear"] = json!(0)),
        change("change the journal", move |l| l[root]["statement"]["journal"] = json!(2)),
        change("swap signatures", move |l| {
            let swapped = l[root]["signature"].clone();
            l[root]["signature"] = l[other]["signature"].clone();
            l[other]["signature"] = swapped;
        }),
        change("sign a root with another key", move |l| {
            let dir = tempfile::tempdir().unwrap();
            let stranger = InstanceKey::make(dir.path()).unwrap();
            let said = canonical(&l[root]["statement"]);
            l[root]["key"] = json!(stranger.public().to_hex());
            l[root]["signature"] = json!(stranger.sign(Purpose::Day, said.as_bytes()));
        }),
        change("remove a day", move |l| drop(l.drain(root..other))),
        change("remove a day without mail", move |l| drop(l.remove(other))),
        change("remove the last day", move |l| drop(l.drain(third..=last))),
        change("say a day is no longer kept", move |l| l[root]["kept"] = json!(false)),
    ]
}

/// What can be done to the rest of a file.
fn to_the_rest() -> Vec<Change> {
    let remove = |kind: &'static str| move |l: &mut Vec<Value>| drop(l.remove(places(l, kind)[0]));
    vec![
        change("change the sums of a domain", |l| {
            let place = places(l, "domain")[0];
            l[place]["totals"]["clear"] = json!(0);
        }),
        change("say the sums of a domain twice", |l| {
            let all = places(l, "domain");
            l[all[1]] = l[all[0]].clone();
        }),
        change("change the summary", |l| {
            let place = places(l, "summary")[0];
            l[place]["totals"]["delivered"] = json!(3);
        }),
        change("remove a domain", remove("domain")),
        change("remove the summary", remove("summary")),
        change("remove the policy", remove("policy")),
        change("begin later", |l| l[0]["from"] = json!("2026-11-25")),
        change("end earlier", |l| l[0]["to"] = json!("2026-11-25")),
        change("say that addresses are shown", |l| l[0]["addresses"] = json!("clear")),
        change("narrow the scope", |l| l[0]["scope"]["domains"] = json!(["partner.example"])),
    ]
}

#[test]
fn tampering_is_found_even_by_who_can_seal_a_file_again() {
    let runtime = runtime();
    let run = runtime.block_on(Run::three_days());
    let (file, _) = runtime.block_on(run.export(run.wanted()));
    let key = InstanceKey::find(run.dir.path()).unwrap().unwrap();
    let honest = lines(&file);
    good(&sealed(honest.clone(), &key));
    let (records, roots) = (places(&honest, "record"), places(&honest, "root"));
    let last = records[5];
    let changes = to_records(records[0], records[1], last)
        .into_iter()
        .chain(to_roots(&roots, last))
        .chain(to_the_rest());
    for (name, change) in changes {
        let mut changed = honest.clone();
        change(&mut changed);
        assert_ne!(changed, honest, "{name}");
        let checked = check(&sealed(changed, &key));
        assert!(!checked.is_good(), "{name} was not found");
    }
}

#[test]
fn an_enforced_record_in_clear_is_a_problem_of_its_own() {
    let runtime = runtime();
    let run = runtime.block_on(Run::new());
    runtime.block_on(async {
        // A store that was lied to: this library makes no such attempt.
        run.attempt("anna@partner.example", super::How::Clear).await;
    });
    let (file, _) = runtime.block_on(run.export(run.wanted()));
    let key = InstanceKey::find(run.dir.path()).unwrap().unwrap();
    let mut changed = lines(&file);
    let place = places(&changed, "record")[0];
    changed[place]["record"]["level"] = json!("require");
    let told = check(&sealed(changed, &key)).problems;
    assert!(told.iter().any(|one| one.text.contains("enforced level went to")), "{told:?}");
    run.meddle("UPDATE attempt SET class = class + 32");
    let survey = runtime.block_on(run.survey());
    assert_eq!(survey.totals.clear_under_enforced, 1);
    run.meddle(
        "UPDATE attempt SET json = replace(json, '\"level\":\"try\"', '\"level\":\"require\"')",
    );
    let (file, exported) = runtime.block_on(run.export(run.wanted()));
    assert_eq!((exported.damaged, exported.complete), (1, false));
    assert!(!check(&file).is_good());
}

#[test]
fn a_key_that_is_not_trusted_is_told() {
    let runtime = runtime();
    let run = runtime.block_on(Run::three_days());
    let (file, exported) = runtime.block_on(run.export(run.wanted()));
    let own = exported.key.fingerprint();
    assert!(verify(file.as_slice(), std::slice::from_ref(&own)).unwrap().is_good());
    let other = "0".repeat(64);
    let checked = verify(file.as_slice(), std::slice::from_ref(&other)).unwrap();
    assert!(checked.problems.iter().any(|one| one.text.contains("not trusted")));
    assert!(verify(file.as_slice(), &[other, own]).unwrap().is_good());
}

#[test]
fn roots_of_an_earlier_key_are_good_where_both_are_named() {
    let runtime = runtime();
    let run = runtime.block_on(Run::three_days());
    let old = InstanceKey::find(run.dir.path()).unwrap().unwrap().public().fingerprint();
    std::fs::remove_file(run.dir.path().join("evidence.key")).unwrap();
    let (file, exported) = runtime.block_on(run.export(run.wanted()));
    let new = exported.key.fingerprint();
    assert_ne!(old, new);
    assert!(check(&file).problems.iter().all(|one| one.text.contains("not trusted")));
    assert!(!check(&file).is_good());
    assert!(verify(file.as_slice(), &[old, new]).unwrap().is_good());
}

#[test]
fn what_is_no_evidence_is_refused() {
    for file in ["", "\n", "{}\n", "From: a@b.example\r\n\r\n", "[1]\n", "{\"kind\":\"header\"}\n"]
    {
        assert!(matches!(verify(file.as_bytes(), &[]), Err(NoEvidence::NoHeader)), "{file:?}");
    }
    let runtime = runtime();
    let run = runtime.block_on(Run::new());
    let (file, _) = runtime.block_on(run.export(run.wanted()));
    let mut newer = lines(&file);
    newer[0]["version"] = json!(2);
    assert!(matches!(verify(text(&newer).as_slice(), &[]), Err(NoEvidence::TooNew(2))));
}

#[test]
fn any_byte_that_is_changed_added_or_removed_is_found() {
    let runtime = runtime();
    let run = runtime.block_on(Run::three_days());
    let wanted = Wanted { addresses: Addresses::Clear, ..run.wanted() };
    let (file, _) = runtime.block_on(run.export(wanted));
    good(&file);
    proptest!(ProptestConfig::with_cases(1500), |(place in 0..file.len(), byte: u8, how in 0..4_u8)| {
        let mut changed = file.clone();
        match how {
            0 => changed[place] = byte,
            1 => changed.insert(place, byte),
            2 => { changed.remove(place); }
            _ => changed.truncate(place),
        }
        prop_assume!(changed != file);
        // After an error, the header is no header any more.
        if let Ok(checked) = verify(changed.as_slice(), &[]) {
            prop_assert!(!checked.is_good(), "{how} {byte} at {place}");
        }
    });
}

#[test]
fn lines_in_another_order_are_found() {
    let runtime = runtime();
    let run = runtime.block_on(Run::three_days());
    let (file, _) = runtime.block_on(run.export(run.wanted()));
    let honest = lines(&file);
    let key = InstanceKey::find(run.dir.path()).unwrap().unwrap();
    proptest!(ProptestConfig::with_cases(200), |(from in 1..honest.len() - 1, to in 1..honest.len() - 1)| {
        prop_assume!(from != to);
        let mut moved = honest.clone();
        let line = moved.remove(from);
        moved.insert(to, line);
        prop_assert!(!check(&sealed(moved, &key)).is_good(), "{from} to {to}");
    });
}

#[test]
fn nothing_that_is_read_makes_it_panic() {
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..400))| {
        if let Ok(checked) = verify(bytes.as_slice(), &[]) {
            prop_assert!(!checked.is_good());
        }
    });
}
