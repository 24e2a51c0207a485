//! What is told to whoever counts: metrics, journal.
//!
//! An observer is called on the way of every message, so it must not wait for anything.

use std::net::IpAddr;

use gatepost_policy::{
    accept::Warning,
    direction::{Direction, Matched},
    id::MessageId,
};
use gatepost_store::Verdict;
use gatepost_wire::body::BodyError;

use crate::login::Login;

/// Told what happens in sessions. Every method does nothing unless it is written.
pub trait Observe: Send + Sync {
    /// A session has begun.
    fn session_opened(&self) {}
    /// A session has ended.
    fn session_closed(&self) {}
    /// A client has tried to authenticate, and this came of it.
    fn login(&self, _login: &Login) {}
    /// A message was stored that has recipients of this direction. One with recipients of both is told twice.
    fn message_received(&self, _direction: Direction) {}
    /// The rules ended so for this many recipients of a message.
    fn verdict(&self, _verdict: Verdict, _recipients: usize) {}
    /// A rule matched for this many recipients of a message.
    fn rule_hit(&self, _matched: &Matched, _recipients: usize) {}
    /// The rules noticed something about a message.
    fn warning(&self, _message: MessageId, _warning: &Warning) {}
    /// A client did something that no good one does, or something went wrong.
    fn anomaly(&self, _client: IpAddr, _what: Anomaly) {}
}

/// What is out of the ordinary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Anomaly {
    /// A message that is none, or too big.
    BrokenBody(BodyError),
    /// A message that has been here, or everywhere, too often.
    Loop,
    /// A client that was too slow.
    Timeout,
    /// A handshake that failed.
    Handshake,
    /// A connection that was one too many.
    TooManyConnections,
    /// The store did not take a message.
    NotStored,
    /// A fault of ours ended a session.
    Panic,
}

impl Anomaly {
    /// A word for it, for metrics and log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BrokenBody(BodyError::BareCr) => "bare_cr",
            Self::BrokenBody(BodyError::BareLf) => "bare_lf",
            Self::BrokenBody(BodyError::Nul) => "nul",
            Self::BrokenBody(BodyError::TooBig) => "too_big",
            Self::BrokenBody(BodyError::HeaderTooBig) => "header_too_big",
            Self::Loop => "loop",
            Self::Timeout => "timeout",
            Self::Handshake => "handshake",
            Self::TooManyConnections => "too_many_connections",
            Self::NotStored => "not_stored",
            Self::Panic => "panic",
        }
    }
}
