//! Rule tests as text: what should happen to which mail, kept beside the policy and
//! run by `gatepost policy test`.
//!
//! ```toml
//! [[test]]
//! name = "mail to the partner needs TLS"
//! from = "bob@acme.example"
//! to = "anna@partner.example"
//! expect = { level = "require", final_action = "deliver", rule = "Enforce TLS to partners" }
//! ```
//! A test is a trace with expectations: what is not named in `expect` may be anything.

mod read;

use std::net::IpAddr;

use gatepost_wire::{
    address::{Mailbox, ReversePath},
    timestamp::Timestamp,
};

use super::explain::{RecipientTrace, trace};
use crate::{
    diagnostic::Diagnostic,
    direction::Direction,
    document::FinalAction,
    facts::{Facts, Headers},
    snapshot::Snapshot,
    tls::Level,
};

/// The tests of one file, in its order.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// At least one.
    pub tests: Vec<Expectation>,
}

/// One `[[test]]`.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What it is about.
    pub name: String,
    /// The file and line it stands at, `FILE:LINE`.
    pub place: String,
    from: ReversePath,
    to: Vec<Mailbox>,
    direction: Option<Direction>,
    source: IpAddr,
    /// The message: header section and body, CRLF at line ends.
    message: Vec<u8>,
    expect: Expect,
}

/// What should be seen, for every recipient of the test.
#[derive(Clone, Debug, Default)]
struct Expect {
    level: Option<Level>,
    final_action: Option<FinalAction>,
    direction: Option<Direction>,
    /// Rules that match.
    rules: Vec<String>,
    /// Rules that do not.
    no_rules: Vec<String>,
    /// Lines `Name: value` that the message has after the walk.
    headers: Vec<String>,
    /// Names that it does not have.
    no_headers: Vec<String>,
    /// Words that begin a warning.
    warnings: Vec<String>,
}

/// Something that was not as expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The recipient for whom it was not.
    pub recipient: String,
    /// What was looked at: a key of `expect`.
    pub what: &'static str,
    /// What should have been there.
    pub wanted: String,
    /// What was there.
    pub seen: String,
}

impl Expectations {
    /// Reads a file of tests.
    ///
    /// # Errors
    /// Every problem of the file, with its place.
    pub fn parse_toml(text: &str, file: &str) -> Result<Self, Vec<Diagnostic>> {
        read::toml(text, file)
    }
}

impl Expectation {
    /// Runs the test against a policy as it is at a time. No failure: it passed.
    pub fn run(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<Failure> {
        let facts = Facts {
            sender: self.from.clone(),
            recipients: self.to.clone(),
            client: self.source,
            from_source: snapshot.may_relay(self.source),
            size: u64::try_from(self.message.len()).unwrap_or(u64::MAX),
            headers: Headers::scan(&self.message),
            now,
            direction_override: self.direction,
        };
        trace(snapshot, &facts)
            .recipients
            .iter()
            .flat_map(|seen| self.expect.compare(seen))
            .collect()
    }
}

impl Expect {
    fn compare(&self, trace: &RecipientTrace) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut fail = |what, wanted: String, seen: String| {
            failures.push(Failure { recipient: trace.recipient.clone(), what, wanted, seen });
        };
        let Self { level, final_action, direction, rules, no_rules, headers, no_headers, warnings } =
            self;
        if let Some(wanted) = level.filter(|wanted| *wanted != trace.tls.level) {
            fail("level", wanted.to_string(), trace.tls.level.to_string());
        }
        if let Some(wanted) = final_action.filter(|wanted| *wanted != trace.final_action) {
            fail("final_action", wanted.word().to_owned(), trace.final_action.word().to_owned());
        }
        if let Some(wanted) = direction.filter(|wanted| *wanted != trace.direction) {
            fail("direction", wanted.to_string(), trace.direction.to_string());
        }
        let matched: Vec<&str> =
            trace.steps.iter().filter(|step| step.matched).map(|step| step.rule.as_str()).collect();
        let has_matched = |rule: &String| {
            matched.iter().any(|matched| matched.to_lowercase() == rule.trim().to_lowercase())
        };
        for rule in rules.iter().filter(|rule| !has_matched(rule)) {
            fail("rule", rule.clone(), list(&matched));
        }
        for rule in no_rules.iter().filter(|rule| has_matched(rule)) {
            fail("no_rule", format!("not {rule}"), list(&matched));
        }
        let lines: Vec<&str> = trace.headers.iter().map(String::as_str).collect();
        for header in
            headers.iter().filter(|header| !lines.iter().any(|line| is_same(line, header)))
        {
            fail("headers", header.clone(), list(&of_name(&lines, header)));
        }
        for name in no_headers {
            let there = of_name(&lines, name);
            if !there.is_empty() {
                fail("no_headers", format!("no {name}"), list(&there));
            }
        }
        for word in warnings {
            let is_there = |warning: &&String| warning.starts_with(word.as_str());
            if trace.warnings.iter().find(is_there).is_none() {
                let all: Vec<&str> = trace.warnings.iter().map(String::as_str).collect();
                fail("warnings", word.clone(), list(&all));
            }
        }
        failures
    }
}

fn list(texts: &[&str]) -> String {
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}

fn name_of(line: &str) -> &str {
    line.split_once(':').map_or(line, |(name, _)| name).trim()
}

fn of_name<'a>(lines: &[&'a str], wanted: &str) -> Vec<&'a str> {
    let wanted = name_of(wanted);
    lines.iter().copied().filter(|line| name_of(line).eq_ignore_ascii_case(wanted)).collect()
}

/// Names without regard to case, values exactly, blanks around them aside.
fn is_same(line: &str, wanted: &str) -> bool {
    let value = |text: &str| text.split_once(':').map(|(_, value)| value.trim().to_owned());
    name_of(line).eq_ignore_ascii_case(name_of(wanted)) && value(line) == value(wanted)
}

#[cfg(test)]
mod tests;
