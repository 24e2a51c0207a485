//! Policies and messages that the tests of several modules share.

use gatepost_wire::{
    address::{Mailbox, ReversePath},
    timestamp::Timestamp,
};

use crate::{
    accept::{Accepted, Disposition, End, Origin, accept},
    diagnostic::Diagnostic,
    document::{PolicyDocument, Profile},
    facts::{Facts, Headers},
    snapshot::{Snapshot, SubmittedLevel, TlsSettings},
    tls::{Level, strictest},
};

/// A domain and a source, so that nothing is found about those.
pub(crate) const BASE: &str = r#"
[[domain]]
name = "acme.example"
[[outbound_source]]
network = "10.0.0.0/8"
"#;

pub(crate) const LIST: &str = r#"
[[rule_data]]
name = "TLS Enforced Domains"
kind = "domains"
values = """
partner.example
.hospital.example
"""
"#;

pub(crate) const ENFORCE: &str = r#"
[[rule]]
name = "Enforce TLS to partners"
conditions = [
  { condition = "direction", match = "matches", value = "outbound" },
  { condition = "recipient", match = "matches", rule_data = "TLS Enforced Domains" },
]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Require" }]
"#;

/// The guide's second set-up, by hand.
pub(crate) const TRY: &str = r#"
[[rule]]
name = "Try TLS"
conditions = [{ condition = "direction", match = "matches", value = "outbound" }]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Try" }]
"#;

/// The guide's third set-up: the same with its guard.
pub(crate) const TRY_GUARDED: &str = r#"
[[rule]]
name = "Try TLS"
conditions = [
  { condition = "direction", match = "matches", value = "outbound" },
  { condition = "recipient", match = "does_not_match", rule_data = "TLS Enforced Domains" },
]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Try" }]
"#;

pub(crate) fn build(
    text: &str,
    profile: Profile,
    tls: TlsSettings,
) -> Result<Snapshot, Vec<Diagnostic>> {
    let parsed = PolicyDocument::parse_toml(text, "policy.toml")?;
    Snapshot::build(7, profile, parsed.document, &parsed.spans, tls)
}

pub(crate) fn standard(text: &str) -> Snapshot {
    build(text, Profile::Standard, TlsSettings::of(Profile::Standard)).unwrap()
}

pub(crate) fn classic(text: &str) -> Snapshot {
    build(text, Profile::Classic, TlsSettings::of(Profile::Classic)).unwrap()
}

pub(crate) fn raising(text: &str) -> Snapshot {
    let tls =
        TlsSettings { submitted: SubmittedLevel::Raise, ..TlsSettings::of(Profile::Standard) };
    build(text, Profile::Standard, tls).unwrap()
}

/// The problems of a policy that has some, as people see them.
pub(crate) fn problems(text: &str) -> Vec<String> {
    build(text, Profile::Standard, TlsSettings::of(Profile::Standard))
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

pub(crate) fn rule(rest: &str) -> String {
    format!("[[rule]]\nname = \"r\"\n{rest}\n")
}

/// When the messages of the tests arrive: 2026-11-24T03:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_489_200_000);

pub(crate) fn facts(message: &[u8], to: &[&str]) -> Facts {
    Facts {
        sender: ReversePath::parse("bob@acme.example").unwrap(),
        recipients: to.iter().map(|to| Mailbox::parse(to).unwrap()).collect(),
        client: [10, 0, 0, 1].into(),
        from_source: true,
        size: u64::try_from(message.len()).unwrap(),
        headers: Headers::scan(message),
        now: NOW,
        direction_override: None,
    }
}

pub(crate) const MESSAGE: &[u8] = b"From: bob@acme.example\r\nSubject: Hello\r\n\r\nbody\r\n";

pub(crate) fn accepted(snapshot: &Snapshot, message: &[u8], to: &[&str]) -> Accepted {
    accept(snapshot, &facts(message, to), Origin::Client, b"Received: by us\r\n").unwrap()
}

/// The only disposition of a message to one recipient.
pub(crate) fn single(snapshot: &Snapshot, message: &[u8], to: &str) -> Disposition {
    let mut accepted = accepted(snapshot, message, &[to]);
    assert_eq!(accepted.dispositions.len(), 1);
    accepted.dispositions.swap_remove(0)
}

pub(crate) fn level(disposition: &Disposition) -> Level {
    strictest(&disposition.demands).unwrap().level()
}

/// The message as it goes out, without our Received.
pub(crate) fn outgoing(disposition: &Disposition, message: &[u8]) -> String {
    let text = String::from_utf8_lossy(&disposition.edits.apply(message)).into_owned();
    text.strip_prefix("Received: by us\r\n").unwrap().to_owned()
}

pub(crate) fn words(accepted: &Accepted) -> Vec<&'static str> {
    accepted.warnings.iter().map(|warning| warning.word()).collect()
}

pub(crate) fn is_refused(disposition: &Disposition) -> bool {
    matches!(disposition.end, End::Reject { .. })
}
