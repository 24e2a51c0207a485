//! What the rules are asked about: the envelope, the client, and the header section as it came.
//!
//! Everything is gathered before the rules run; a decision looks nothing up. The
//! header section is scanned once, and values are decoded when a rule wants them.

use std::{net::IpAddr, ops::Range};

use gatepost_wire::{
    address::{Mailbox, ReversePath},
    message::{Field, HeaderSection, decode_value, unfold},
    timestamp::Timestamp,
};

use crate::direction::Direction;

/// What is known about a message when the rules run.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The envelope sender.
    pub sender: ReversePath,
    /// The envelope recipients, all of them.
    pub recipients: Vec<Mailbox>,
    /// The client's address.
    pub client: IpAddr,
    /// Whether the client may send to anybody: it is a source of ours, or the
    /// message is made by Gatepost.
    pub from_source: bool,
    /// Bytes as received.
    pub size: u64,
    /// The header section as received.
    pub headers: Headers,
    /// When the rules run: a `[[tls_policy]]` may have an end.
    pub now: Timestamp,
    /// Overrides the direction of every recipient, in the simulator.
    pub direction_override: Option<Direction>,
}

/// A header section and its fields, topmost first.
#[derive(Clone, Debug)]
pub struct Headers {
    bytes: Vec<u8>,
    section: HeaderSection,
    /// A hash of each field's name, so that asking for a name that is not there costs next to nothing.
    hashes: Vec<u32>,
}

impl Headers {
    /// Scans the header section at the head of a message. What follows the section is not kept.
    pub fn scan(head: &[u8]) -> Self {
        let section = HeaderSection::scan(head);
        let bytes = head.get(..section.body_offset()).unwrap_or(head).to_vec();
        let hashes =
            section.fields().iter().map(|field| name_hash(field.name_bytes(&bytes))).collect();
        Self { bytes, section, hashes }
    }

    /// The header section as it came, with the empty line behind it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the fields stand in [`Headers::bytes`].
    pub const fn section(&self) -> &HeaderSection {
        &self.section
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.section.fields().len()
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.section.fields().is_empty()
    }

    /// What must stand between fields on top and the message: see [`HeaderSection::separator`].
    pub(crate) fn separator(&self) -> &'static [u8] {
        self.section.separator()
    }

    /// Whether a field has this name: case and blanks before the colon do not count
    /// (RFC 5322 sections 1.2.2 and 4.5).
    pub(crate) fn is_named(&self, field: usize, name: &str) -> bool {
        self.field(field).is_some_and(|field| field.name_is(&self.bytes, name))
    }

    /// The fields of a name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        let wanted = name_hash(name.as_bytes());
        let hashes = self.hashes.iter().enumerate();
        hashes
            .filter(move |(field, hash)| **hash == wanted && self.is_named(*field, name))
            .map(|(field, _)| field)
    }

    /// A field's name as it was written.
    pub(crate) fn name(&self, field: usize) -> String {
        let name = self.field(field).map_or(&[][..], |field| field.name_bytes(&self.bytes));
        String::from_utf8_lossy(name).into_owned()
    }

    /// The bytes behind a field's colon, folds included.
    pub(crate) fn raw_value(&self, field: usize) -> &[u8] {
        self.field(field).map_or(&[], |field| field.raw_value(&self.bytes))
    }

    /// A field's value, unfolded and decoded (RFC 2047).
    pub(crate) fn decoded(&self, field: usize) -> String {
        decode_value(self.raw_value(field))
    }

    /// A field on one line, `Name: value`, not decoded.
    pub(crate) fn line(&self, field: usize) -> String {
        let value = unfold(self.raw_value(field));
        format!("{}: {}", self.name(field), String::from_utf8_lossy(&value))
    }

    /// The bytes of the message that a field takes up, with its final line end.
    pub(crate) fn extent(&self, field: usize) -> Option<Range<u64>> {
        self.field(field).map(Field::range)
    }

    fn field(&self, field: usize) -> Option<&Field> {
        self.section.fields().get(field)
    }
}

/// FNV-1a over a name in lower case.
fn name_hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
}
