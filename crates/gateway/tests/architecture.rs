//! The shape of the house, held against what `cargo` and the files say (architecture.md 3.2 and 3.3).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each product crate may depend on within the workspace; nothing else.
const MAY: &[(&str, &[&str])] = &[
    ("gatepost-wire", &[]),
    ("gatepost-policy", &["gatepost-wire"]),
    ("gatepost-store", &["gatepost-wire", "gatepost-policy"]),
    ("gatepost-net", &["gatepost-wire", "gatepost-policy"]),
    ("gatepost-receive", &["gatepost-wire", "gatepost-policy", "gatepost-store", "gatepost-net"]),
    ("gatepost-deliver", &["gatepost-wire", "gatepost-policy", "gatepost-store", "gatepost-net"]),
    ("gatepost-web", &["gatepost-wire", "gatepost-policy", "gatepost-store"]),
    (
        "gatepost",
        &[
            "gatepost-wire",
            "gatepost-policy",
            "gatepost-store",
            "gatepost-net",
            "gatepost-receive",
            "gatepost-deliver",
            "gatepost-web",
        ],
    ),
    ("gatepost-testkit", &["gatepost-wire", "gatepost-policy", "gatepost-net"]),
];

/// Crates that decide and must not do: no runtime, no socket, no file, no clock.
const PURE: &[&str] = &["gatepost-wire", "gatepost-policy"];

/// What makes a crate impure when it is anywhere below it.
const RUNTIMES: &[&str] =
    &["tokio", "async-std", "smol", "mio", "socket2", "rusqlite", "hickory-resolver", "rustls"];

/// Source files longer than this are places to look.
const LONG: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// The names in a crate's tree of ordinary dependencies; `depth` limits it.
fn tree(package: &str, depth: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--offline",
        "-p",
        package,
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--depth",
        depth,
    ]);
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn pure_crates_have_no_runtime() {
    for package in PURE {
        let below = tree(package, "99");
        let impure: Vec<&&str> = RUNTIMES.iter().filter(|name| below.contains(**name)).collect();
        assert!(impure.is_empty(), "{package} must stay pure, and has {impure:?} below it");
    }
}

#[test]
fn no_forbidden_edge_exists() {
    let may: BTreeMap<&str, &[&str]> = MAY.iter().copied().collect();
    let ours: BTreeSet<&str> = may.keys().copied().collect();
    let metadata: serde_json::Value = serde_json::from_str(&cargo(&[
        "metadata",
        "--offline",
        "--no-deps",
        "--format-version",
        "1",
    ]))
    .unwrap();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let allowed = *may
            .get(name)
            .unwrap_or_else(|| panic!("{name} is new: say in MAY what it may depend on"));
        seen.insert(name.to_owned());
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let for_tests = dependency["kind"] == "dev";
            // `testkit` is for tests of all crates but the two that it is itself made of
            let fine = allowed.contains(&on)
                || (for_tests && on == "gatepost-testkit" && !PURE.contains(&name));
            assert!(!ours.contains(on) || fine, "{name} must not depend on {on}");
        }
    }
    assert_eq!(
        seen,
        ours.iter().map(|name| (*name).to_owned()).collect(),
        "MAY names crates that are not there"
    );
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let root = root();
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    let mut missing = Vec::new();
    // a path stands between back-ticks, has a slash, and is no glob, no address and no media type
    for code in text.split('`').skip(1).step_by(2) {
        let is_path = code.contains('/')
            && !code.contains([' ', '<', '(', ':', '*', '=', '"'])
            && !code.starts_with('/');
        if !is_path {
            continue;
        }
        for path in expand(code) {
            named += 1;
            let found = root.join(&path).exists() || root.join("crates").join(&path).exists();
            if !found {
                missing.push(path);
            }
        }
    }
    assert!(named > 20, "only {named} paths were found in ARCHITECTURE.md");
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist: {missing:#?}");
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((inside, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    inside.split(',').flat_map(|part| expand(&format!("{before}{}{after}", part.trim()))).collect()
}

#[test]
fn long_source_files_are_named() {
    let mut folders = vec![root().join("crates")];
    let mut long = Vec::new();
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let lines = std::fs::read_to_string(&path).unwrap().lines().count();
                read += 1;
                if lines > LONG {
                    long.push(format!(
                        "{lines:5}  {}",
                        path.strip_prefix(root()).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(read > 50, "only {read} source files were found");
    long.sort();
    for line in &long {
        println!("longer than {LONG} lines: {line}");
    }
}

/// The words of evidence are a promise to operators: each stands in their pages, with its status.
#[test]
fn every_word_of_evidence_is_explained_to_operators() {
    let page = std::fs::read_to_string(root().join("docs/operator/queue-and-evidence.md"))
        .expect("the page of evidence");
    for why in gatepost_policy::evidence::Why::ALL {
        let row = format!("| `{}` | {} | {} |", why.word(), why.status(), why.sentence());
        assert!(page.contains(&row), "docs/operator/queue-and-evidence.md lacks the row: {row}");
    }
}

/// A decision's status is a fact: proposed, accepted, rejected, or superseded by another that exists.
#[test]
fn every_decision_has_a_status() {
    let folder = root().join("docs/adr");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("docs/adr").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a decision");
        let line = text.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or_default();
        let status = line.split("  ").next().unwrap_or_default().trim();
        let known = match status.strip_prefix("superseded by ") {
            Some(number) => std::fs::read_dir(&folder).expect("docs/adr").flatten().any(|other| {
                other.file_name().to_string_lossy().starts_with(&format!("{number}-"))
            }),
            None => ["proposed", "accepted", "rejected"].contains(&status),
        };
        assert!(known, "{}: the status {status:?} is none", entry.path().display());
        seen += 1;
    }
    assert!(seen >= 9, "the decisions are gone");
}
