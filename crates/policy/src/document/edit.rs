//! One part of a document put in place from its JSON form.
//!
//! Whoever changes a single rule sends that rule and not the policy. It is read by the same
//! reader as a whole document, at the place where it will stand, so that its problems have
//! the paths of that place; the caller compiles the document and adds what is found there.

use super::{
    PolicyDocument, Spans, node,
    read::{self, fields::Reader},
};
use crate::diagnostic::Diagnostic;

/// A document with a part put in place, and what was wrong with the part's shape.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The document; a part that could not be read is as it was, or left out.
    pub document: PolicyDocument,
    /// For compiling it.
    pub spans: Spans,
    /// What is wrong with the shape of the part; paths are those of the whole document.
    pub problems: Vec<Diagnostic>,
}

/// Where a part is put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum At {
    /// In the place of the entry with this index.
    Replace(usize),
    /// Before the entry with this index; behind the last one where there is none.
    Insert(usize),
}

impl At {
    const fn index(self) -> usize {
        match self {
            Self::Replace(at) | Self::Insert(at) => at,
        }
    }

    fn put<T>(self, list: &mut Vec<T>, entry: T) {
        match self {
            Self::Replace(at) => {
                if let Some(slot) = list.get_mut(at) {
                    *slot = entry;
                }
            }
            Self::Insert(at) => list.insert(at.min(list.len()), entry),
        }
    }
}

impl PolicyDocument {
    /// Puts a rule in place.
    pub fn put_rule(self, at: At, json: serde_json::Value) -> Edited {
        self.put("rule", at, json, read::rule, |document| &mut document.rules)
    }

    /// Puts a set of Custom Rule Data in place.
    pub fn put_rule_data(self, at: At, json: serde_json::Value) -> Edited {
        self.put("rule_data", at, json, read::set, |document| &mut document.rule_data)
    }

    /// Puts a domain of ours in place.
    pub fn put_domain(self, at: At, json: serde_json::Value) -> Edited {
        self.put("domain", at, json, read::domain, |document| &mut document.domains)
    }

    /// Puts an outbound source in place.
    pub fn put_source(self, at: At, json: serde_json::Value) -> Edited {
        self.put("outbound_source", at, json, read::source, |document| {
            &mut document.outbound_sources
        })
    }

    /// Takes these smart hosts for all that were there.
    pub fn put_smart_hosts(self, json: serde_json::Value) -> Edited {
        self.put_all("smart_host", json, read::smart_host, |document| &mut document.smart_hosts)
    }

    /// Takes these policies for all that were there.
    pub fn put_tls_policies(self, json: serde_json::Value) -> Edited {
        self.put_all("tls_policy", json, read::tls_policy, |document| &mut document.tls_policies)
    }

    fn put<T>(
        mut self,
        list: &str,
        at: At,
        json: serde_json::Value,
        read: impl Fn(read::fields::Fields<'_>) -> Option<T>,
        of: impl Fn(&mut Self) -> &mut Vec<T>,
    ) -> Edited {
        let mut reader = Reader { spans: Spans::none("policy"), problems: vec![] };
        let path = format!("{list}[{}]", at.index());
        if let Some(entry) = reader.one(&path, node::node_of_json(json), read) {
            at.put(of(&mut self), entry);
        }
        let Reader { spans, problems } = reader;
        Edited { document: self, spans, problems }
    }

    fn put_all<T>(
        mut self,
        list: &'static str,
        json: serde_json::Value,
        read: impl Fn(read::fields::Fields<'_>) -> Option<T>,
        of: impl Fn(&mut Self) -> &mut Vec<T>,
    ) -> Edited {
        let mut reader = Reader { spans: Spans::none("policy"), problems: vec![] };
        match node::node_of_json(json).value {
            node::Value::List(nodes) => *of(&mut self) = reader.each(list, nodes, read),
            other @ (node::Value::Text(_)
            | node::Value::Number(_)
            | node::Value::Boolean(_)
            | node::Value::Table(_)
            | node::Value::Other(_)) => {
                let problem = format!("This must be an array, and it is {}.", other.described());
                reader.problem(list, problem, "Write all entries in brackets: [ … ].");
            }
        }
        let Reader { spans, problems } = reader;
        Edited { document: self, spans, problems }
    }
}
