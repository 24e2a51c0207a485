//! Accounts, tokens and the audit log from outside: the real binary on a store of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery\n";

/// What a verb did.
#[derive(Debug)]
struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Run {
    fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }
}

/// Runs a verb in a folder with this on stdin.
fn run(folder: &Path, words: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("its stdin");
    let input = input.to_owned();
    // a verb that refuses its arguments reads nothing, and then the pipe is broken
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    Run {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("text on stdout"),
        err: String::from_utf8(output.stderr).expect("text on stderr"),
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn create(folder: &Path, name: &str, role: &str) -> Run {
    let words = ["admin", "create-user", name, "--role", role, "--password-stdin"];
    run(folder, &words, PASSWORD)
}

#[test]
fn accounts_and_tokens_are_made_listed_and_revoked() {
    let folder = folder();
    let dir = folder.path();
    create(dir, "Anna", "owner").ended(0);
    let smtp = ["admin", "create-smtp-user", "scanner", "--password-stdin"];
    run(dir, &smtp, "another horse battery\r\nwhat comes after\n").ended(0);
    let token =
        ["admin", "create-token", "backup", "--role", "auditor", "--expires", "90d", "--json"];
    let token = run(dir, &token, "").ended(0).json();
    let text = token["token"].as_str().expect("the token");
    assert!(text.starts_with("gp_") && text.len() == 46, "{text}");
    assert_eq!((&token["name"], &token["role"]), (&"backup".into(), &"auditor".into()));
    // for people the token stands alone on the first line
    let shown = run(dir, &["admin", "create-token", "x", "--role", "viewer"], "").ended(0).out;
    assert!(shown.lines().next().is_some_and(|line| line.starts_with("gp_") && line.len() == 46));

    let list = run(dir, &["admin", "list", "--json"], "").ended(0);
    assert!(!list.out.contains(text) && !list.out.contains("argon2"), "{}", list.out);
    let list = list.json();
    let users = list["users"].as_array().expect("users");
    let names: Vec<_> = users.iter().map(|user| (&user["name"], &user["kind"])).collect();
    assert_eq!(
        names,
        [(&"Anna".into(), &"person".into()), (&"scanner".into(), &"smtp".into())]
            as [(&Value, &Value); 2]
    );
    assert_eq!(users[1]["role"], Value::Null);

    let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
    run(dir, &["admin", "revoke", &id(&token)], "").ended(0);
    run(dir, &["admin", "revoke", &id(&token)], "").ended(1);
    run(dir, &["admin", "revoke", &id(&users[1]), "--reason", "sold"], "").ended(0);
    let kept = run(dir, &["admin", "revoke", &id(&users[0])], "").ended(1);
    assert!(kept.err.contains("last owner"), "{}", kept.err);
    run(dir, &["admin", "revoke", "not-an-id"], "").ended(2);
    let list = run(dir, &["admin", "list", "--json"], "").ended(0).json();
    assert_eq!(list["users"][1]["disabled"], true);
    assert_eq!(list["tokens"].as_array().map(Vec::len), Some(1));

    let set = ["admin", "set-password", "SCANNER", "--password-stdin"];
    run(dir, &set, PASSWORD).ended(0);
    run(dir, &["admin", "reset-second-factor", "anna"], "").ended(0);
    run(dir, &["admin", "reset-second-factor", "nobody"], "").ended(1);
    run(dir, &["audit", "verify"], "").ended(0);
}

#[test]
fn what_is_no_name_password_or_role_is_refused_with_a_clear_word() {
    let folder = folder();
    let dir = folder.path();
    for (name, password, word) in [
        ("anna", "short\n", "12 characters"),
        ("anna", "", "12 characters"),
        ("anna", &"x".repeat(2000), "1024 bytes"),
        ("", PASSWORD, "at least one character"),
        ("an\tna", PASSWORD, "control characters"),
        (&"x".repeat(65), PASSWORD, "64 characters"),
    ] {
        let words = ["admin", "create-user", name, "--role", "viewer", "--password-stdin"];
        let refused = run(dir, &words, password).ended(2);
        assert!(refused.err.contains(word), "{name:?}: {}", refused.err);
    }
    assert!(create(dir, "anna", "king").ended(2).err.contains("policy-editor"));
    run(dir, &["admin", "create-user", "anna", "--role", "viewer"], PASSWORD).ended(2);
    let token = ["admin", "create-token", "x", "--role", "viewer", "--expires", "soon"];
    run(dir, &token, "").ended(2);
    create(dir, "anna", "viewer").ended(0);
    assert!(create(dir, "ANNA", "viewer").ended(1).err.contains("anna"));
}

#[test]
fn the_audit_log_tells_who_and_why_and_finds_what_was_changed() {
    let folder = folder();
    let dir = folder.path();
    std::fs::write(dir.join("policy.toml"), "[[domain]]\nname = \"acme.example\"\n")
        .expect("the file is written");
    run(dir, &["policy", "apply", "policy.toml", "--reason", "ticket 4711"], "");
    create(dir, "anna", "owner").ended(0);
    create(dir, "ben", "viewer").ended(0);
    let all = run(dir, &["audit", "list", "--json"], "").ended(0).json();
    let words: Vec<_> = all.as_array().expect("entries").iter().map(|e| &e["what"]).collect();
    assert_eq!(words, ["user.create", "user.create", "policy.commit"]);
    let first = &all[2];
    assert_eq!((&first["seq"], &first["revision"]), (&1.into(), &2.into()));
    assert_eq!((&first["reason"], &first["via"]), (&"ticket 4711".into(), &"cli".into()));
    assert_eq!(first["after"]["domain"]["acme.example"]["name"], "acme.example");
    let some = run(dir, &["audit", "list", "--what", "policy", "--json"], "").ended(0).json();
    assert_eq!(some.as_array().map(Vec::len), Some(1));
    let some = run(dir, &["audit", "list", "--since", "2000-01-01", "--until", "2001-01-01"], "");
    assert!(some.ended(0).out.contains("No entry matches"));
    run(dir, &["audit", "list", "--since", "yesterday"], "").ended(2);

    let check = run(dir, &["audit", "verify", "--json"], "").ended(0).json();
    assert_eq!((&check["checked"], &check["broken_at"]), (&3.into(), &Value::Null));
    assert_eq!(check["head"], all[0]["hash"]);
    // somebody writes another role into the middle of the log, in as many bytes
    let database = dir.join("gatepost-data/gatepost.db");
    let bytes = std::fs::read(&database).expect("the database");
    let (from, to) = (b"ticket 4711", b"ticket 4712");
    let mut changed = bytes;
    let mut found = 0;
    for at in 0..changed.len().saturating_sub(from.len()) {
        if changed[at..].starts_with(from) {
            changed[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found >= 1, "the reason is in the database");
    std::fs::write(&database, changed).expect("the database is written");
    let broken = run(dir, &["audit", "verify"], "").ended(1);
    assert!(broken.err.contains("entry 1"), "{}", broken.err);
    let check = run(dir, &["audit", "verify", "--json"], "").ended(1).json();
    assert_eq!(check["broken_at"], 1);
}
