//! How much one client may ask of a session, and the count of what it has used.
//!
//! What holds: a session that only costs ends by itself, with 421 4.7.0.

use super::replies;
use crate::reply::Reply;

/// Limits of a session and of a message in it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of a message (552 5.3.4).
    pub message_size: u64,
    /// Bytes of a header section (552 5.3.4).
    pub header_section: u64,
    /// Recipients of a message (452 4.5.3).
    pub recipients: usize,
    /// Bytes of a command line without its CR LF (500 5.5.2). RFC 5321 section 4.5.3.1.4 asks for 510, the extensions for more.
    pub command_line: usize,
    /// Errors in a session; the last one of them ends it.
    pub errors: u32,
    /// Commands since the last message that move no mail: NOOP, RSET, VRFY, HELP, EHLO.
    pub junk: u32,
    /// Refused authentications in a session; the last one of them ends it.
    pub logins: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_size: 50 * 1024 * 1024,
            header_section: 1024 * 1024,
            recipients: 1000,
            command_line: 2048,
            errors: 20,
            junk: 100,
            logins: 5,
        }
    }
}

/// Recipients over the limit are refused with a reply that is no error of the client's, so they have a bound of their own.
const MOST_RECIPIENTS_OVER: u32 = 100_000;

/// What a session has used up.
#[derive(Debug)]
pub(super) struct Budget {
    errors_left: u32,
    junk_limit: u32,
    junk_left: u32,
    over_left: u32,
    logins_left: u32,
    spent: bool,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            errors_left: limits.errors,
            junk_limit: limits.junk,
            junk_left: limits.junk,
            over_left: MOST_RECIPIENTS_OVER,
            logins_left: limits.logins,
            spent: false,
        }
    }

    pub(super) fn error(&mut self) {
        spend(&mut self.errors_left, &mut self.spent);
    }

    pub(super) fn junk(&mut self) {
        spend(&mut self.junk_left, &mut self.spent);
    }

    pub(super) fn login_failed(&mut self) {
        spend(&mut self.logins_left, &mut self.spent);
    }

    pub(super) fn recipient_over(&mut self) {
        spend(&mut self.over_left, &mut self.spent);
    }

    /// A message came: the client is not one that only costs.
    pub(super) fn message(&mut self) {
        self.junk_left = self.junk_limit;
    }

    /// The last words, if the session is to end.
    pub(super) fn verdict(&self) -> Option<Reply> {
        self.spent.then(replies::too_much)
    }
}

fn spend(left: &mut u32, spent: &mut bool) {
    *left = left.saturating_sub(1);
    *spent |= *left == 0;
}
