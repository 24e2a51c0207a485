//! What goes wrong between two hosts, in the closed vocabulary of the journal.
//!
//! A [`Failure`] always means that the connection is gone: nothing that returns one
//! hands a socket back, so no caller can go on in clear text on a connection whose
//! handshake failed.

use std::fmt;

use gatepost_policy::evidence::{Stage, Why};
use gatepost_wire::reply::Response;

/// One way in which a host could not be used. The connection no longer exists.
#[derive(Debug)]
pub struct Failure {
    /// How far the conversation had come. [`Stage::Tls`] and [`Stage::Verify`] are
    /// a failed handshake (decision 12).
    pub stage: Stage,
    /// The word for it.
    pub why: Why,
    /// What the peer said, where it said something.
    pub response: Option<Response>,
    /// One sentence for people. What a peer sent is escaped in it.
    pub detail: String,
}

impl Failure {
    /// A failure without a reply of the peer.
    pub fn new(stage: Stage, why: Why, detail: impl Into<String>) -> Self {
        Self { stage, why, response: None, detail: detail.into() }
    }

    /// A reply of the peer that ended the conversation.
    pub fn replied(stage: Stage, why: Why, response: Response) -> Self {
        let detail = format!("the host said: {}", response.text());
        Self { stage, why, response: Some(response), detail }
    }

    /// Whether this is a failed handshake: anything from STARTTLS to the EHLO under
    /// TLS. Only then may mail without any demand go on in clear text, and only on a
    /// new connection (decision 12).
    pub fn is_failed_handshake(&self) -> bool {
        matches!(self.stage, Stage::Tls | Stage::Verify)
    }

    /// The enhanced status code of a message that waits because of it. Data that
    /// nobody asked for is 4.7.0 anywhere but behind the reply to STARTTLS
    /// (`tls-delivery.md` 5.5).
    pub fn status(&self) -> &'static str {
        if self.why == Why::ResponseInjection && !self.is_failed_handshake() {
            return "4.7.0";
        }
        self.why.status()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_nobody_asked_for_has_its_own_status_outside_a_handshake() {
        let behind_220 = Failure::new(Stage::Tls, Why::ResponseInjection, "");
        assert_eq!(behind_220.status(), "4.7.5");
        assert!(behind_220.is_failed_handshake());
        let elsewhere = Failure::new(Stage::Mail, Why::ResponseInjection, "");
        assert_eq!(elsewhere.status(), "4.7.0");
        assert!(!elsewhere.is_failed_handshake());
    }
}
