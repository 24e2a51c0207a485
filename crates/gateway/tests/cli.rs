//! The command line from outside: the real binary, its exit statuses, what it prints, and what it leaves alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a verb did.
#[derive(Debug)]
struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Run {
    /// The verb ended with this status.
    fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }
}

/// A folder that verbs run in.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path().join(name), text).expect("the file is written");
        self
    }

    fn run(&self, words: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(words)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        Run {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text on stdout"),
            err: String::from_utf8(output.stderr).expect("text on stderr"),
        }
    }

    /// The files of the folder, sorted.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path())
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }
}

/// The policy of the guide, and nothing unwise in it.
const POLICY: &str = r#"
[[domain]]
name = "acme.example"

[[outbound_source]]
network = "10.0.0.0/8"

[[rule_data]]
name = "TLS Enforced Domains"
kind = "domains"
values = ["partner.example"]

[[rule]]
name = "Enforce TLS to partners"
conditions = [
  { condition = "direction", match = "matches", value = "outbound" },
  { condition = "recipient", match = "matches", rule_data = "TLS Enforced Domains" },
]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Require" }]
"#;

#[test]
fn init_writes_a_file_that_is_taken_and_never_writes_over_one() {
    let folder = Folder::new();
    folder.run(&["init", "made", "--profile", "classic"]).ended(0);
    let file = folder.path().join("made/gatepost.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("profile = \"classic\""), "{text}");
    folder.run(&["init", "made"]).ended(2);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let rules =
        folder.run(&["rules", "list", "--json", "--config", "made/gatepost.toml"]).ended(0).json();
    let names: Vec<&str> =
        rules.as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Deliver Inbound", "Deliver Outbound"]);
    folder.run(&["init", "elsewhere", "--profile", "modern"]).ended(2);
}

#[test]
fn check_finds_what_is_missing_and_makes_no_store() {
    let folder = Folder::new();
    folder.run(&["init"]).ended(0);
    let check = folder.run(&["check", "--json"]).ended(1);
    let kinds: Vec<String> = check
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        kinds.contains(&"no_domain".to_owned()) && kinds.contains(&"no_source".to_owned()),
        "{kinds:?}"
    );
    assert_eq!(folder.files(), ["gatepost.toml"]);
}

#[test]
fn a_broken_configuration_names_every_problem_and_nothing_is_started() {
    let folder = Folder::new();
    folder.write(
        "gatepost.toml",
        "hostnam = \"x\"\n[[listener]]\naddress = \"0.0.0.0\"\n[delivery]\ndane = true\n",
    );
    for verb in [&["serve"][..], &["check"], &["queue", "list"], &["policy", "export"]] {
        let run = folder.run(verb).ended(2);
        for place in [
            "gatepost.toml:1:1  hostnam\n",
            "gatepost.toml:3:11  listener[0].address\n",
            "gatepost.toml:5:8  delivery.dane\n",
        ] {
            assert!(run.err.contains(place), "{verb:?} does not name {place:?}:\n{}", run.err);
        }
        assert!(
            run.err.contains("Did you mean `hostname`?") && run.err.contains("not in this version"),
            "{}",
            run.err
        );
        assert!(run.err.contains("3 problems; "), "{}", run.err);
        assert!(run.out.is_empty());
    }
    assert_eq!(folder.files(), ["gatepost.toml"]);
}

#[test]
fn a_configuration_that_is_named_and_is_not_there_is_2() {
    let run = Folder::new().run(&["check", "--config", "nowhere.toml"]).ended(2);
    assert!(run.err.contains("nowhere.toml"), "{}", run.err);
}

#[test]
fn a_policy_is_applied_shown_compared_and_rolled_back() {
    let folder = Folder::new();
    folder.write("policy.toml", POLICY);
    folder.run(&["policy", "diff", "policy.toml"]).ended(1);
    let applied =
        folder.run(&["policy", "apply", "policy.toml", "--reason", "ticket 4711"]).ended(0);
    assert!(applied.out.contains("Revision 2"), "{}", applied.out);
    folder.run(&["policy", "diff", "policy.toml"]).ended(0);
    // what is there already makes no revision
    folder.run(&["policy", "apply", "policy.toml"]).ended(0);
    let history = folder.run(&["policy", "history", "--json"]).ended(0).json();
    let history = history.as_array().unwrap();
    assert_eq!(history.len(), 2, "{history:?}");
    assert_eq!(
        (history[0]["revision"].as_u64(), history[0]["reason"].as_str()),
        (Some(2), Some("ticket 4711"))
    );
    // the export of what was made gives the same again
    let export = folder.run(&["policy", "export"]).ended(0).out;
    folder.write("export.toml", &export);
    folder.run(&["policy", "diff", "export.toml"]).ended(0);
    // and back
    folder.run(&["policy", "rollback", "1"]).ended(0);
    let rolled = folder.run(&["policy", "diff", "policy.toml"]).ended(1);
    assert!(rolled.out.contains("+name = \"Enforce TLS to partners\""), "{}", rolled.out);
    folder.run(&["policy", "rollback", "77"]).ended(1);
    folder.run(&["policy", "rollback", "seven"]).ended(2);
}

#[test]
fn a_broken_policy_names_every_problem_and_changes_nothing() {
    let folder = Folder::new();
    folder.write("policy.toml", POLICY).run(&["policy", "apply", "policy.toml"]).ended(0);
    let broken = POLICY
        .replace("match = \"matches\", value", "match = \"matchs\", value")
        .replace("rule_data = \"TLS", "rule_data = \"TSL")
        .replace("10.0.0.0/8", "10.0.0.0/88");
    folder.write("broken.toml", &broken);
    let run = folder.run(&["policy", "apply", "broken.toml"]).ended(2);
    for place in ["broken.toml:6:", "broken.toml:16:", "broken.toml:17:"] {
        assert!(run.err.contains(place), "{place} is not named:\n{}", run.err);
    }
    assert!(run.err.contains("nothing was changed"), "{}", run.err);
    assert_eq!(
        folder.run(&["policy", "history", "--json"]).ended(0).json().as_array().unwrap().len(),
        2
    );
    folder.run(&["policy", "apply", "nowhere.toml"]).ended(2);
}

#[test]
fn lint_of_a_file_needs_no_store() {
    let folder = Folder::new();
    folder.write("policy.toml", POLICY);
    folder.run(&["policy", "lint", "policy.toml"]).ended(0);
    let unwise = POLICY.replace("x-TLSLevel:Require", "x-TLSLevel:Requre");
    folder.write("unwise.toml", &unwise);
    let findings = folder.run(&["policy", "lint", "unwise.toml", "--json"]).ended(1).json();
    assert_eq!(findings[0]["kind"], "unknown_tls_level");
    assert_eq!(findings[0]["rule"], "Enforce TLS to partners");
    assert!(findings[0]["text"].is_string() && findings[0]["fix"].is_string());
    assert_eq!(folder.files(), ["policy.toml", "unwise.toml"]);
    // applied all the same, and said
    folder.run(&["policy", "apply", "unwise.toml"]).ended(1);
    folder.run(&["policy", "diff", "unwise.toml"]).ended(0);
    folder.run(&["policy", "lint"]).ended(1);
}

#[test]
fn the_simulator_works_without_a_store_and_is_0_whatever_the_verdict() {
    let folder = Folder::new();
    folder.write("policy.toml", POLICY);
    folder.write("mail.eml", "Subject: hello\nx-TLSLevel: Try\n\nbody\n");
    let words = [
        "rules",
        "trace",
        "--policy",
        "policy.toml",
        "--from",
        "<>",
        "--to",
        "anna@partner.example",
        "--to",
        "Bob@Elsewhere.example",
        "--to",
        "eve@acme.example",
        "--message",
        "mail.eml",
        "--source-ip",
        "10.1.2.3",
        "--json",
    ];
    let trace = folder.run(&words).ended(0).json();
    let recipients = trace["recipients"].as_array().unwrap();
    assert_eq!(recipients.len(), 3);
    assert_eq!(recipients[0]["recipient"], "anna@partner.example");
    assert_eq!(recipients[0]["direction"], "outbound");
    assert_eq!(recipients[0]["tls"]["level"], "require");
    assert_eq!(recipients[0]["tls"]["decided_by"]["rule"], "Enforce TLS to partners");
    assert_eq!(recipients[0]["final_action"], "deliver");
    assert_eq!(recipients[0]["headers"][0], "x-TLSLevel: Require");
    assert_eq!(recipients[1]["tls"]["level"], "try");
    assert_eq!(recipients[1]["tls"]["decided_by"]["rule"], "Opportunistic TLS");
    assert_eq!(recipients[2]["direction"], "inbound");
    assert!(recipients[0]["steps"][0]["conditions"][0]["holds"].is_boolean());
    assert_eq!(folder.files(), ["mail.eml", "policy.toml"]);
    folder
        .run(&[
            "rules",
            "trace",
            "--policy",
            "policy.toml",
            "--from",
            "no address",
            "--to",
            "a@b.example",
        ])
        .ended(2);
    folder.run(&["rules", "trace", "--policy", "policy.toml", "--from", "a@b.example"]).ended(2);
    folder
        .run(&[
            "rules",
            "trace",
            "--from",
            "a@b.example",
            "--to",
            "c@d.example",
            "--direction",
            "sideways",
        ])
        .ended(2);
}

#[test]
fn rule_tests_pass_or_say_what_was_otherwise() {
    let folder = Folder::new();
    folder.write("policy.toml", POLICY);
    let test = "[[test]]\nname = \"the partner needs TLS\"\nfrom = \"bob@acme.example\"\nto = \"anna@partner.example\"\n";
    folder.write(
        "good.toml",
        &format!("{test}expect = {{ level = \"require\", final_action = \"deliver\" }}\n"),
    );
    folder.write("bad.toml", &format!("{test}expect = {{ level = \"try\" }}\n"));
    folder.run(&["policy", "test", "good.toml", "--policy", "policy.toml"]).ended(0);
    let bad = folder
        .run(&["policy", "test", "good.toml", "bad.toml", "--policy", "policy.toml"])
        .ended(1);
    assert!(bad.out.contains("1 passed, 1 failed"), "{}", bad.out);
    folder.write("broken.toml", "[[test]]\nnmae = \"x\"\n");
    folder.run(&["policy", "test", "broken.toml", "--policy", "policy.toml"]).ended(2);
}

#[test]
fn an_empty_store_lists_nothing_and_knows_no_id() {
    let folder = Folder::new();
    for verb in [["queue", "list"], ["messages", "search"], ["quarantine", "list"]] {
        assert_eq!(
            folder.run(&[&verb[..], &["--json"]].concat()).ended(0).json(),
            Value::Array(vec![]),
            "{verb:?}"
        );
        folder.run(&verb).ended(0);
    }
    let id = "01JDZ0000000000000000000ZZ";
    for verb in [
        ["queue", "show"],
        ["queue", "retry"],
        ["messages", "show"],
        ["quarantine", "show"],
        ["quarantine", "release"],
        ["quarantine", "delete"],
    ] {
        folder.run(&[verb[0], verb[1], id]).ended(1);
        folder.run(&[verb[0], verb[1], "not-an-id"]).ended(2);
    }
    folder.run(&["queue", "retry"]).ended(2);
    folder.run(&["queue", "retry", "--all"]).ended(1);
    folder.run(&["queue", "retry", "--domain", "partner.example"]).ended(1);
    folder.run(&["messages", "search", "--outcome", "lost"]).ended(2);
    folder.run(&["messages", "search", "--since", "yesterday"]).ended(2);
    // what destroys asks for the count first
    let asked = folder.run(&["quarantine", "delete", "--all"]).ended(2);
    assert!(asked.err.contains("--count 0"), "{}", asked.err);
    folder.run(&["quarantine", "delete", "--all", "--count", "3"]).ended(1);
}

#[test]
fn evidence_is_exported_and_checked() {
    let folder = Folder::new();
    let export = ["tls", "evidence", "export", "--from", "2026-01-01", "--output", "e.jsonl"];
    // a gateway that never ran has none: the file is sound, and proves nothing
    let said = folder.run(&export).ended(1);
    assert!(said.out.is_empty() && said.err.contains("Key: "), "{}", said.err);
    assert!(said.err.contains("There is no evidence of this period"), "{}", said.err);
    let none = folder.run(&["tls", "evidence", "verify", "e.jsonl"]).ended(1).out;
    assert!(none.contains("NO EVIDENCE: a sound file") && !none.contains("GOOD"), "{none}");
    let key = said.err.split("Key: ").nth(1).unwrap().trim();
    let none = folder.run(&["tls", "evidence", "verify", "e.jsonl", "--key", key]).ended(1).out;
    assert!(none.contains("NO EVIDENCE"), "{none}");
    let other = "0".repeat(64);
    let strange = folder.run(&["tls", "evidence", "verify", "e.jsonl", "--key", &other]).ended(1);
    assert!(strange.out.contains("NOT GOOD"), "{}", strange.out);
    folder.run(&["tls", "evidence", "verify", "e.jsonl", "--key", "short"]).ended(2);
    let file = folder.path().join("e.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"before_chain\":0", "\"before_chain\":1")).unwrap();
    let bad = folder.run(&["tls", "evidence", "verify", "e.jsonl", "--json"]).ended(1).out;
    assert!(bad.contains("the seal is over another file"), "{bad}");
    folder.run(&["tls", "evidence", "verify", "gatepost.toml"]).ended(2);
    folder.run(&["tls", "evidence", "verify", "nowhere"]).ended(2);
    folder
        .run(&["tls", "evidence", "export", "--from", "2026-02-01", "--to", "2026-01-01"])
        .ended(2);
    folder.run(&["tls", "evidence", "export", "--domain", "no domain"]).ended(2);
    let set = folder.run(&["tls", "evidence", "export", "--rule-data", "partners"]).ended(2);
    assert!(set.err.contains("there is no set"), "{}", set.err);
}

#[test]
fn what_this_version_does_not_have_is_known_and_refused() {
    let folder = Folder::new();
    let absent: &[&[&str]] =
        &[&["quarantine", "release", "01JDZ0000000000000000000ZZ", "--with-rules"]];
    for verb in absent {
        let run = folder.run(verb).ended(2);
        assert!(run.err.contains("not in this version"), "{verb:?}: {}", run.err);
    }
    for verb in [&["fly"][..], &["queue", "fly"], &["policy", "apply"], &["serve", "--colour"], &[]]
    {
        let run = folder.run(verb).ended(2);
        assert!(!run.err.is_empty() && run.out.is_empty(), "{verb:?}");
    }
    assert!(folder.run(&["--version"]).ended(0).out.starts_with("gatepost "));
    assert!(folder.run(&["queue", "--help"]).ended(0).out.contains("retry"));
    assert!(folder.files().is_empty());
}

/// A way out with a login, and policies beside the rules.
const WAYS: &str = r#"
[[smart_host]]
domains = ["*"]
host = "relay.isp.example"
port = 587
tls = "require"
username = "acme"
password_file = "relay.password"

[[tls_policy]]
domains = ["clearing.example", ".clearing.example"]
level = "verify"

[[tls_policy]]
domains = ["old.example"]
level = "require"
until = "2020-01-31"
"#;

#[test]
fn check_reads_the_password_file_and_names_what_has_ended_and_shows_no_password() {
    let folder = Folder::new();
    folder.run(&["init"]).ended(0);
    folder.write("policy.toml", &format!("{POLICY}{WAYS}"));
    let kinds = |run: &Run| -> Vec<String> {
        let findings = run.json();
        let kind = |finding: &Value| finding["kind"].as_str().unwrap().to_owned();
        findings.as_array().unwrap().iter().map(kind).collect()
    };
    folder.run(&["policy", "apply", "policy.toml"]).ended(1);
    let missing = folder.run(&["check", "--json"]).ended(1);
    assert_eq!(kinds(&missing), ["configuration", "expired_tls_policy"], "{}", missing.out);
    assert!(missing.out.contains("relay.isp.example will wait"), "{}", missing.out);

    folder.write("relay.password", "correct horse\n");
    let mode = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(folder.path().join("relay.password"), permissions).unwrap();
    };
    mode(0o644);
    let open = folder.run(&["check", "--json"]).ended(1);
    assert!(open.out.contains("open to everybody"), "{}", open.out);
    mode(0o600);
    let good = folder.run(&["check", "--json"]).ended(1);
    assert_eq!(kinds(&good), ["expired_tls_policy"], "{}", good.out);
    for run in [missing, open, good, folder.run(&["policy", "export"]).ended(0)] {
        assert!(!run.out.contains("correct horse") && !run.err.contains("correct horse"));
    }
}

#[test]
fn ways_out_and_policies_are_exported_compared_and_traced_as_they_were_applied() {
    let folder = Folder::new();
    folder.run(&["init"]).ended(0);
    folder.write("policy.toml", &format!("{POLICY}{WAYS}"));
    folder.run(&["policy", "apply", "policy.toml"]).ended(1);
    let exported = folder.run(&["policy", "export"]).ended(0).out;
    for line in ["password_file = \"relay.password\"", "until = \"2020-01-31\"", "port = 587"] {
        assert!(exported.contains(line), "{exported}");
    }
    folder.write("exported.toml", &exported);
    folder.run(&["policy", "diff", "exported.toml"]).ended(0);
    let again = folder.run(&["policy", "apply", "exported.toml"]).ended(1);
    assert!(again.out.contains("nothing was changed"), "{}", again.out);
    folder.write("looser.toml", &exported.replace("level = \"verify\"", "level = \"try\""));
    let diff = folder.run(&["policy", "diff", "looser.toml"]).ended(1);
    assert!(diff.out.contains("-level = \"verify\"\n+level = \"try\""), "{}", diff.out);

    let trace = |to: &str| {
        let words = ["rules", "trace", "--from", "a@acme.example", "--to", to, "--json"];
        folder.run(&words).ended(0).json()["recipients"][0]["tls"].clone()
    };
    let clearing = trace("b@sub.clearing.example");
    assert_eq!(clearing["level"], "verify");
    assert_eq!(clearing["decided_by"]["tls_policy"], ".clearing.example");
    assert_eq!(trace("b@old.example")["level"], "try", "its last day is over");
    assert_eq!(trace("b@partner.example")["decided_by"]["tls_policy"], Value::Null);
}
