use super::*;
use crate::samples::{BASE, ENFORCE, LIST, standard};

fn run(text: &str) -> Vec<Failure> {
    let snapshot = standard(&format!("{BASE}{LIST}{ENFORCE}"));
    let expectations = Expectations::parse_toml(text, "tests.toml").unwrap();
    expectations.tests.iter().flat_map(|test| test.run(&snapshot, crate::samples::NOW)).collect()
}

fn problems(text: &str) -> Vec<String> {
    let found = Expectations::parse_toml(text, "tests.toml").unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_as_expected_gives_no_failure() {
    let failures = run(r#"
[[test]]
name = "partner"
from = "bob@acme.example"
to = ["anna@partner.example", "x@mail.hospital.example"]
source_ip = "10.0.0.1"
headers = ["Subject: hello", "x-TLSLevel: Plain"]
expect = { level = "require", final_action = "deliver", direction = "outbound", rule = "enforce tls to partners", no_rule = "Opportunistic TLS", headers = ["X-TLSLevel: Require", "subject: hello"], warnings = "spoof-removed" }

[[test]]
name = "ours"
from = "<>"
to = "bob@acme.example"
message = """
Subject: in

text
"""
expect = { level = "try", rule = "Deliver Inbound", no_headers = ["x-TLSLevel"] }
"#);
    assert_eq!(failures, []);
}

#[test]
fn what_is_not_says_what_was_seen_and_wanted() {
    let failures = run(r#"
[[test]]
name = "wrong"
from = "bob@acme.example"
to = "anna@partner.example"
direction = "inbound"
expect = { level = "require", final_action = "reject", rule = "Enforce TLS to partners", no_rule = ["Deliver Inbound"], headers = "X-Foo: a", no_headers = "nothing", warnings = ["duplicate"] }
"#);
    let what: Vec<&str> = failures.iter().map(|failure| failure.what).collect();
    assert_eq!(what, ["level", "final_action", "rule", "no_rule", "headers", "warnings"]);
    assert_eq!(failures[0].wanted, "require");
    assert_eq!(failures[0].seen, "try");
    assert_eq!(failures[0].recipient, "anna@partner.example");
    assert_eq!(failures[2].seen, "Deliver Inbound");
}

#[test]
fn a_test_knows_where_it_stands() {
    let text = "\n[[test]]\nname = \"a\"\nfrom = \"\"\nto = \"a@b.example\"\nexpect = {}\n";
    let expectations = Expectations::parse_toml(text, "tests.toml").unwrap();
    assert_eq!(expectations.tests[0].place, "tests.toml:2");
}

#[test]
fn every_problem_of_a_file_is_told() {
    let found = problems(
        "[[test]]\nnme = \"a\"\nfrom = \"b@\"\nto = [\"c\", 3]\nsource_ip = \"here\"\nexpect = { level = \"requre\" }\n",
    );
    let paths: Vec<&str> =
        found.iter().map(|text| text.lines().next().unwrap().split("  ").nth(1).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "test[0].name",
            "test[0].nme",
            "test[0].from",
            "test[0].to",
            "test[0].to[1]",
            "test[0].source_ip",
            "test[0].expect.level",
        ],
        "{found:#?}"
    );
    assert!(problems("")[0].contains("`test` is missing"));
}
