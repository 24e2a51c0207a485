//! The stages of a session, one struct each, consumed by the transition to the next.
//!
//! What holds: a body can only be asked for by a stage that has a sender and at least one recipient, and no stage is left
//! with what belongs to another.

use crate::address::ReversePath;
use crate::auth::Exchange;
use crate::body::{BdatDecoder, BodyLimits, DataDecoder};
use crate::command::{MailParams, RcptParams, Recipient};
use crate::reply::Reply;

/// How the client introduced itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Helo {
    /// The name it gave, as it gave it.
    pub name: String,
    /// Whether it said EHLO.
    pub extended: bool,
}

/// Everything about a message that is not in it.
#[derive(Debug)]
pub struct Envelope {
    /// How the client introduced itself.
    pub helo: Helo,
    /// The sender.
    pub sender: ReversePath,
    /// What came with the sender.
    pub params: MailParams,
    /// The recipients that were answered with 250, in their order; at least one.
    pub recipients: Vec<Addressee>,
    /// Whether the body came by BDAT.
    pub chunked: bool,
}

/// One recipient.
#[derive(Clone, Debug)]
pub struct Addressee {
    /// Who.
    pub to: Recipient,
    /// What came with it.
    pub params: RcptParams,
}

#[derive(Debug, Default)]
pub(super) enum Stage {
    /// Greeted by us, not by the client.
    Fresh,
    Greeted(Greeted),
    /// The client's next line belongs to an exchange of AUTH.
    Authenticating {
        greeted: Greeted,
        exchange: Exchange,
    },
    Open(Open),
    Addressed(Addressed),
    /// The driver was asked.
    Asking(Question),
    /// Bytes of a body come next.
    Receiving(Box<Receiving>),
    /// One chunk was taken, another comes.
    BetweenChunks(Box<Receiving>),
    /// A chunk was refused: until the last one or RSET there is nothing but BDAT to be refused (RFC 3030 section 2).
    Spoiled(Greeted),
    #[default]
    Closed,
}

impl Stage {
    /// Gives up whatever transaction there is.
    pub(super) fn into_greeted(self) -> Option<Greeted> {
        match self {
            Self::Fresh | Self::Closed => None,
            Self::Greeted(greeted)
            | Self::Authenticating { greeted, .. }
            | Self::Spoiled(greeted) => Some(greeted),
            Self::Open(open) => Some(open.greeted),
            Self::Addressed(addressed) => Some(addressed.open.greeted),
            Self::Asking(question) => question.into_greeted(),
            Self::Receiving(receiving) | Self::BetweenChunks(receiving) => {
                Some(receiving.into_greeted())
            }
        }
    }
}

/// The client has said EHLO or HELO.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) helo: Helo,
}

impl Greeted {
    pub(super) fn open(self, from: ReversePath, params: MailParams) -> Open {
        Open { greeted: self, from, params }
    }
}

/// There is a sender.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) greeted: Greeted,
    pub(super) from: ReversePath,
    pub(super) params: MailParams,
}

impl Open {
    pub(super) fn address(self, first: Addressee) -> Addressed {
        Addressed { open: self, recipients: vec![first] }
    }
}

/// There is a sender and at least one recipient.
#[derive(Debug)]
pub(super) struct Addressed {
    pub(super) open: Open,
    pub(super) recipients: Vec<Addressee>,
}

impl Addressed {
    /// The body comes by DATA.
    pub(super) fn data(self, limits: BodyLimits) -> Receiving {
        Receiving {
            envelope: self.envelope(false),
            body: Body::Data(DataDecoder::new(limits)),
            refusal: None,
        }
    }

    /// The body comes by BDAT, the first chunk now.
    pub(super) fn bdat(self, limits: BodyLimits, size: u64, last: bool) -> Receiving {
        let mut decoder = BdatDecoder::new(limits);
        decoder.chunk(size);
        Receiving {
            envelope: self.envelope(true),
            body: Body::Chunk { decoder, size, last },
            refusal: None,
        }
    }

    fn envelope(self, chunked: bool) -> Envelope {
        let Self { open: Open { greeted: Greeted { helo }, from, params }, recipients } = self;
        Envelope { helo, sender: from, params, recipients, chunked }
    }
}

/// What the driver has been asked, with the stage that it was asked in.
#[derive(Debug)]
pub(super) enum Question {
    Auth(Greeted),
    Mail { greeted: Greeted, from: ReversePath, params: MailParams },
    First { open: Open, addressee: Addressee },
    Further { addressed: Addressed, addressee: Addressee },
    Data(Addressed),
    Bdat { addressed: Addressed, size: u64, last: bool },
}

impl Question {
    fn into_greeted(self) -> Option<Greeted> {
        Some(match self {
            Self::Auth(greeted) | Self::Mail { greeted, .. } => greeted,
            Self::First { open, .. } => open.greeted,
            Self::Further { addressed, .. }
            | Self::Data(addressed)
            | Self::Bdat { addressed, .. } => addressed.open.greeted,
        })
    }
}

/// A body on its way.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) envelope: Envelope,
    pub(super) body: Body,
    /// What is said at the end instead of taking the message.
    pub(super) refusal: Option<Reply>,
}

#[derive(Debug)]
pub(super) enum Body {
    Data(DataDecoder),
    Chunk { decoder: BdatDecoder, size: u64, last: bool },
}

impl Receiving {
    pub(super) fn into_greeted(self) -> Greeted {
        Greeted { helo: self.envelope.helo }
    }
}
