//! Reads a document from the tree of TOML or JSON, and reports all that is wrong with its shape.
//!
//! A part that cannot be read is left out and the reader goes on; what was left
//! out is noted in [`Spans`], so that nothing is complained about twice.

pub(crate) mod fields;
mod rule;
mod tls;

use self::fields::{Fields, Reader};
pub(super) use self::{
    rule::rule,
    tls::{policy as tls_policy, smart_host},
};
use super::{
    DataKind, DomainEntry, Parsed, PolicyDocument, Profile, RouteEntry, RuleDataEntry, SourceEntry,
    Spans, Values,
    node::{self, Entry, Node, Value},
};
use crate::{
    diagnostic::{Diagnostic, choice},
    snapshot::{Snapshot, TlsSettings},
    tls::Level,
};

/// Tables of the design that this version does not have (decision 17).
const NOT_BUILT: &[&str] = &["tls_exception"];

/// Reads a policy file.
pub(super) fn toml(text: &str, file: &str) -> Result<Parsed, Vec<Diagnostic>> {
    let entries = node::from_toml(text, file)?;
    read(entries, Spans::of(text, file))
}

/// Reads the JSON form.
pub(super) fn json(json: serde_json::Value) -> Result<Parsed, Vec<Diagnostic>> {
    let entries = node::from_json(json)?;
    read(entries, Spans::none("policy"))
}

fn read(entries: Vec<Entry>, spans: Spans) -> Result<Parsed, Vec<Diagnostic>> {
    let mut reader = Reader { spans, problems: vec![] };
    let document = document(&mut reader, entries);
    let Reader { spans, mut problems } = reader;
    if problems.is_empty() {
        return Ok(Parsed { document, spans });
    }
    // The profile only adds System Rules, so the smaller one finds no problem that is not there.
    let settings = TlsSettings::of(Profile::Classic);
    if let Err(more) = Snapshot::build(0, Profile::Classic, document, &spans, settings) {
        problems.extend(more);
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    Err(problems)
}

fn document(reader: &mut Reader, entries: Vec<Entry>) -> PolicyDocument {
    let mut fields = Fields::new(reader, String::new(), None, entries);
    for key in NOT_BUILT {
        fields.not_built(key);
    }
    let domains = fields.list("domain");
    let sources = fields.list("outbound_source");
    let smart_hosts = fields.list("smart_host");
    let sets = fields.list("rule_data");
    let policies = fields.list("tls_policy");
    let rules = fields.list("rule");
    fields.finish();
    PolicyDocument {
        domains: reader.each("domain", domains, domain),
        outbound_sources: reader.each("outbound_source", sources, source),
        smart_hosts: reader.each("smart_host", smart_hosts, smart_host),
        rule_data: reader.each("rule_data", sets, set),
        tls_policies: reader.each("tls_policy", policies, tls_policy),
        rules: reader.each("rule", rules, rule),
    }
}

pub(super) fn domain(mut fields: Fields<'_>) -> Option<DomainEntry> {
    let name = fields.required_text("name");
    let nodes = fields.list("routes");
    let (reader, path) = fields.finish();
    let routes = reader.each(&format!("{path}.routes"), nodes, route);
    Some(DomainEntry { name: name?, routes })
}

fn route(mut fields: Fields<'_>) -> Option<RouteEntry> {
    let host = fields.required_text("host");
    let port = fields.number("port", 1, 65_535).unwrap_or(25);
    let weight = fields.number("weight", 1, 65_535).unwrap_or(1);
    let tls = level(&mut fields, "tls").unwrap_or(Level::Try);
    fields.finish();
    Some(RouteEntry { host: host?, port, weight, tls })
}

/// A level; `None` where the key is not there or holds no level.
fn level(fields: &mut Fields<'_>, key: &'static str) -> Option<Level> {
    let words: Vec<&'static str> =
        Level::ALL.into_iter().filter(|level| level.is_built()).map(Level::word).collect();
    let later: Vec<&'static str> =
        Level::ALL.into_iter().filter(|level| !level.is_built()).map(Level::word).collect();
    fields.word(key, &words, &later).and_then(Level::parse)
}

pub(super) fn source(mut fields: Fields<'_>) -> Option<SourceEntry> {
    let network = fields.required_text("network");
    fields.finish();
    Some(SourceEntry { network: network? })
}

pub(super) fn set(mut fields: Fields<'_>) -> Option<RuleDataEntry> {
    let name = fields.required_text("name");
    let note = fields.text("note");
    let words: Vec<&'static str> = DataKind::ALL.into_iter().map(DataKind::word).collect();
    let kind = fields.word("kind", &words, &[]);
    if kind.is_none() {
        fields.missing("kind", &format!("Say what its values are: {}.", choice(&words)));
    }
    let values = values(&mut fields);
    let (reader, _) = fields.finish();
    let name = name?;
    let kind = kind.and_then(|word| DataKind::ALL.into_iter().find(|kind| kind.word() == word));
    let (Some(kind), Some(values)) = (kind, values) else {
        reader.spans.note_broken_set(name);
        return None;
    };
    Some(RuleDataEntry { name, note, kind, values })
}

fn values(fields: &mut Fields<'_>) -> Option<Values> {
    const REMEDY: &str = "Write a string with one value a line, or an array of strings.";
    let Some(node) = fields.take("values") else {
        fields.missing("values", REMEDY);
        return None;
    };
    let path = fields.path_of("values");
    match node.value {
        Value::Text(text) => Some(Values::Lines(text)),
        Value::List(nodes) => {
            let mut offsets = Vec::with_capacity(nodes.len());
            let mut list = Vec::with_capacity(nodes.len());
            for (at, Node { range, value }) in nodes.into_iter().enumerate() {
                if let Some(range) = &range {
                    offsets.push(range.start);
                }
                if let Value::Text(text) = value {
                    list.push(text);
                } else {
                    let problem =
                        format!("A value is a string, and this is {}.", value.described());
                    fields.reader().spans.note(&format!("{path}[{at}]"), range);
                    fields.reader().problem(&format!("{path}[{at}]"), problem, REMEDY);
                    // Keeps the places of the values behind it.
                    list.push(String::new());
                }
            }
            fields.reader().spans.note_elements(&path, offsets);
            Some(Values::List(list))
        }
        other @ (Value::Number(_) | Value::Boolean(_) | Value::Table(_) | Value::Other(_)) => {
            let problem = format!("The values are {}.", other.described());
            fields.reader().problem(&path, problem, REMEDY);
            None
        }
    }
}
