//! The API, sent what its own OpenAPI document allows and what it forbids.
//!
//! Schemathesis makes the requests; the real binary answers them. No answer is a 500, every answer is one that the
//! document names, in the shape that it gives, and no role gets through to what it has no capability for.
//! `GATEPOST_FUZZ_SECONDS` says how long each of the three roles takes (30).

#[path = "outside/gateway.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod gateway;
#[path = "outside/peers.rs"]
#[expect(dead_code, reason = "shared with tests that need other programs")]
mod peers;

use std::path::Path;
use std::process::Command;

use gateway::Gateway;
use serde_json::Value;

const POLICY: &str = r#"
[[domain]]
name = "acme.example"
routes = [{ host = "127.0.0.9" }]

[[outbound_source]]
network = "127.0.0.0/8"

[[rule_data]]
name = "Partners"
kind = "domains"
values = """
partner.example
"""

[[rule]]
name = "Enforce TLS to partners"
conditions = [
  { condition = "direction", match = "matches", value = "outbound" },
  { condition = "recipient", match = "matches", rule_data = "Partners" },
]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Require" }]
"#;

/// A role, and all that it may do.
const ROLES: [(&str, &str); 3] = [
    (
        "owner",
        "read,edit_policy,operate_queue,probe,read_content,read_audit,export_evidence,manage_access,own",
    ),
    ("viewer", "read"),
    ("queue-operator", "read,operate_queue,probe,read_content"),
];

#[test]
fn the_api_holds_to_its_document_and_to_its_roles() {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz/bin/schemathesis");
    if !tool.is_file() {
        peers::skip(
            "the API fuzzed from its document",
            "Schemathesis is not here; `make test` brings it in where it can",
        );
        return;
    }
    let mut gateway = Gateway::prepare(POLICY, &[]);
    gateway.start();
    for (role, capabilities) in ROLES {
        let (status, made) =
            gateway.verb(&["admin", "create-token", role, "--role", role, "--json"]);
        assert_eq!(status, 0, "{made}");
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let token = made["token"].as_str().expect("a token");
        let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,no_call_without_its_capability,a_problem_is_a_problem_document";
        let output = Command::new(&tool)
            .args(["run", &format!("http://{}/api/openapi.json", gateway.admin)])
            .args([
                "--checks",
                checks,
                "--max-time",
                &seconds(),
                "--phases",
                "examples,coverage,fuzzing",
            ])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--continue-on-failure", "--warnings", "off", "--no-color", "--seed", "1"])
            // it would end what it works with; what it does is tried by the tests of `web`
            .args(["--exclude-path", "/api/v1/session", "--exclude-path", "/api/v1/setup"])
            .args(["--request-timeout", "60", "--suppress-health-check", "all"])
            .env("SCHEMATHESIS_HOOKS", "fuzz_checks")
            .env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools"))
            .env("GATEPOST_CAPABILITIES", capabilities)
            .current_dir(gateway.folder.path())
            .output()
            .expect("Schemathesis runs");
        let said = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        assert!(output.status.success(), "as {role}:\n{said}");
        gateway::say(&format!(
            "fuzzed as {role}: {}",
            said.lines().rev().find(|line| line.contains("generated")).unwrap_or("")
        ));
    }
    let (status, verified) = gateway.verb(&["audit", "verify"]);
    assert_eq!(status, 0, "the audit log is whole after all that: {verified}");
}

#[expect(clippy::disallowed_methods, reason = "how long is a matter of who runs the tests")]
fn seconds() -> String {
    std::env::var("GATEPOST_FUZZ_SECONDS").unwrap_or_else(|_| "30".to_owned())
}
