//! One Action: what a matching rule does to the message.

use gatepost_wire::message::{HeaderLine, decode_value};

use crate::{
    document::ActionEntry,
    tls::{Asked, Level, level},
};

/// A compiled Action.
#[derive(Debug)]
pub(crate) struct Action {
    /// As it was written, for the trace.
    pub(crate) entry: ActionEntry,
    pub(crate) effect: Effect,
}

/// What an Action does.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Writes a field below those of earlier rules.
    Add(HeaderField),
    /// Removes every field of a name, a rule's or the message's own.
    Remove(String),
    /// Removes every `x-TLSLevel` of earlier rules, then writes one.
    SetLevel(HeaderField),
}

impl Action {
    /// The field that the Action writes, if it writes one.
    pub(crate) const fn field(&self) -> Option<&HeaderField> {
        match &self.effect {
            Effect::Add(field) | Effect::SetLevel(field) => Some(field),
            Effect::Remove(_) => None,
        }
    }

    /// The name of the fields that the Action changes.
    pub(crate) fn touched(&self) -> &str {
        match &self.effect {
            Effect::Add(field) | Effect::SetLevel(field) => field.name(),
            Effect::Remove(removed) => removed,
        }
    }
}

/// A field that a rule writes.
#[derive(Debug)]
pub(crate) struct HeaderField {
    line: HeaderLine,
    /// As Conditions see it.
    decoded: String,
    /// What it asks of the delivery engine, where it is `x-TLSLevel`.
    asked: Option<Asked>,
}

impl HeaderField {
    pub(crate) fn new(line: HeaderLine) -> Self {
        let asked = line.name().eq_ignore_ascii_case(level::FIELD).then(|| {
            level::read_value(line.value().as_bytes()).map_or_else(Asked::Unknown, Asked::Level)
        });
        Self { decoded: decode_value(line.value().as_bytes()), line, asked }
    }

    pub(crate) fn name(&self) -> &str {
        self.line.name()
    }

    /// The value as Conditions see it.
    pub(crate) fn decoded(&self) -> &str {
        &self.decoded
    }

    /// `Name: value` on one line.
    pub(crate) fn text(&self) -> String {
        self.line.to_string()
    }

    /// The bytes that go out, with their line end.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.line.as_bytes()
    }

    /// What the field asks of the delivery engine; `None` for any field but `x-TLSLevel`.
    pub(crate) const fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// The level that the field asks for; `None` for any field but `x-TLSLevel`.
    pub(crate) fn level(&self) -> Option<Level> {
        self.asked.as_ref().map(Asked::level)
    }
}
