//! Reads a file of rule tests, with all its problems at once.

use std::net::{IpAddr, Ipv4Addr};

use gatepost_wire::address::{Mailbox, ReversePath};

use super::{Expect, Expectation, Expectations};
use crate::{
    diagnostic::{Diagnostic, quote},
    direction::Direction,
    document::{
        FinalAction, Spans,
        node::{self, Node, Value},
        read::fields::{Fields, Reader},
    },
    tls::Level,
};

pub(super) fn toml(text: &str, file: &str) -> Result<Expectations, Vec<Diagnostic>> {
    let entries = node::from_toml(text, file)?;
    let mut reader = Reader { spans: Spans::of(text, file), problems: vec![] };
    let mut fields = Fields::new(&mut reader, String::new(), None, entries);
    let nodes = fields.list("test");
    if nodes.is_empty() {
        fields.missing("test", "Write at least one [[test]].");
    }
    fields.finish();
    let tests = reader.each("test", nodes, test);
    let Reader { mut problems, .. } = reader;
    if problems.is_empty() {
        return Ok(Expectations { tests });
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

fn test(mut fields: Fields<'_>) -> Option<Expectation> {
    let place = fields.place();
    let name = fields.required_text("name");
    let from = sender(&mut fields);
    let to = recipients(&mut fields);
    let direction = direction(&mut fields);
    let source = fields.text("source_ip").map(|text| {
        let parsed = text.trim().parse::<IpAddr>();
        if parsed.is_err() {
            fields.complain("source_ip", &text, "is no address", "Write \"192.0.2.1\".");
        }
        parsed.ok()
    });
    let lines = texts(&mut fields, "headers");
    let message = fields.text("message");
    let expect = fields.take("expect");
    let (reader, path) = fields.finish();
    let expect = match expect {
        Some(node) => reader.one(&format!("{path}.expect"), node, expect_table),
        None => {
            let remedy = "Add `expect = { level = \"require\" }`.";
            reader.problem(&path, "`expect` is missing.".to_owned(), remedy);
            None
        }
    };
    Some(Expectation {
        name: name?,
        place,
        from: from?,
        to: to?,
        direction,
        source: match source {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(parsed) => parsed?,
        },
        message: assemble(&lines, message.as_deref()),
        expect: expect?,
    })
}

/// The header lines that the test names, then the message or an empty one, with CRLF throughout.
fn assemble(headers: &[String], message: Option<&str>) -> Vec<u8> {
    let mut text = String::new();
    for header in headers {
        text.push_str(header.trim_end());
        text.push('\n');
    }
    text.push_str(message.unwrap_or("\n"));
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    text.into_bytes()
}

fn expect_table(mut fields: Fields<'_>) -> Option<Expect> {
    let levels: Vec<&'static str> = Level::ALL.into_iter().map(Level::word).collect();
    let finals: Vec<&'static str> = FinalAction::ALL.into_iter().map(FinalAction::word).collect();
    let level = fields.word("level", &levels, &[]).and_then(Level::parse);
    let last = fields.word("final_action", &finals, &[]);
    let direction = direction(&mut fields);
    let expect = Expect {
        level,
        final_action: FinalAction::ALL.into_iter().find(|action| Some(action.word()) == last),
        direction,
        rules: texts(&mut fields, "rule"),
        no_rules: texts(&mut fields, "no_rule"),
        headers: texts(&mut fields, "headers"),
        no_headers: texts(&mut fields, "no_headers"),
        warnings: texts(&mut fields, "warnings"),
    };
    fields.finish();
    Some(expect)
}

fn sender(fields: &mut Fields<'_>) -> Option<ReversePath> {
    if !fields.has("from") {
        fields.missing("from", "");
    }
    let text = fields.text("from")?;
    let parsed = ReversePath::parse(text.trim());
    if parsed.is_err() {
        fields.complain("from", &text, "is no address", "Write \"bob@acme.example\", or \"<>\".");
    }
    parsed.ok()
}

fn recipients(fields: &mut Fields<'_>) -> Option<Vec<Mailbox>> {
    if !fields.has("to") {
        fields.missing("to", "");
        return None;
    }
    let texts = texts(fields, "to");
    let mut mailboxes = Vec::with_capacity(texts.len());
    for text in &texts {
        match Mailbox::parse(text.trim()) {
            Ok(mailbox) => mailboxes.push(mailbox),
            Err(_) => {
                fields.complain("to", text, "is no address", "Write \"anna@partner.example\".");
            }
        }
    }
    (!mailboxes.is_empty() && mailboxes.len() == texts.len()).then_some(mailboxes)
}

fn direction(fields: &mut Fields<'_>) -> Option<Direction> {
    match fields.word("direction", &["inbound", "outbound"], &[])? {
        "inbound" => Some(Direction::Inbound),
        _ => Some(Direction::Outbound),
    }
}

/// A string, or an array of strings.
fn texts(fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
    let Some(Node { value, .. }) = fields.take(key) else { return vec![] };
    let path = fields.path_of(key);
    let nodes = match value {
        Value::Text(text) => return vec![text],
        Value::List(nodes) => nodes,
        other @ (Value::Number(_) | Value::Boolean(_) | Value::Table(_) | Value::Other(_)) => {
            let problem = format!("`{key}` is {}.", other.described());
            fields.reader().problem(&path, problem, "Write a string, or an array of strings.");
            return vec![];
        }
    };
    let mut texts = Vec::with_capacity(nodes.len());
    for (at, Node { range, value }) in nodes.into_iter().enumerate() {
        if let Value::Text(text) = value {
            texts.push(text);
        } else {
            let path = format!("{path}[{at}]");
            fields.reader().spans.note(&path, range);
            let problem = format!("This is {}.", value.described());
            fields.reader().problem(&path, problem, "Write it in quotes.");
        }
    }
    texts
}

impl Fields<'_> {
    /// Reports the text of a key.
    fn complain(&mut self, key: &str, text: &str, what: &str, remedy: &str) {
        let path = self.path_of(key);
        self.reader().problem(&path, format!("{} {what}.", quote(text)), remedy);
    }
}
