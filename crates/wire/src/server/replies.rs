//! What the machine says by itself, in one place: the code and the enhanced status of each (RFC 5321 section 4.2, RFC 3463).

use super::ServerConfig;
use crate::body::BodyError;
use crate::reply::{EnhancedCode, Reply};

const DONE: EnhancedCode = EnhancedCode::new(2, 0, 0);
const SYNTAX: EnhancedCode = EnhancedCode::new(5, 5, 2);
const COMMAND: EnhancedCode = EnhancedCode::new(5, 5, 1);
const SIZE: EnhancedCode = EnhancedCode::new(5, 3, 4);

pub(super) fn greeting(hostname: &str) -> Reply {
    Reply::new(220, None, &format!("{hostname} ESMTP Gatepost"))
}

pub(super) fn helo(hostname: &str) -> Reply {
    Reply::new(250, None, hostname)
}

pub(super) fn ehlo(config: &ServerConfig, tls: bool) -> Reply {
    let size = format!("SIZE {}", config.limits.message_size);
    let always =
        ["PIPELINING", &size, "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES"];
    let starttls = (config.starttls && !tls).then_some("STARTTLS");
    let auth = (config.auth && tls).then_some("AUTH PLAIN LOGIN");
    let keywords = always.into_iter().chain(starttls).chain(auth);
    Reply::lines(250, None, std::iter::once(config.hostname.as_str()).chain(keywords))
}

pub(super) fn goodbye() -> Reply {
    Reply::new(221, Some(DONE), "goodbye")
}

pub(super) fn noop() -> Reply {
    Reply::new(250, Some(DONE), "ok")
}

pub(super) fn reset() -> Reply {
    Reply::new(250, Some(DONE), "forgotten")
}

pub(super) fn help() -> Reply {
    Reply::new(
        214,
        Some(DONE),
        "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT; see RFC 5321",
    )
}

pub(super) fn vrfy() -> Reply {
    Reply::new(252, Some(DONE), "send mail to the address to find out")
}

pub(super) fn sender_taken() -> Reply {
    Reply::new(250, Some(EnhancedCode::new(2, 1, 0)), "sender ok")
}

pub(super) fn recipient_taken() -> Reply {
    Reply::new(250, Some(EnhancedCode::new(2, 1, 5)), "recipient ok")
}

pub(super) fn start_data() -> Reply {
    Reply::new(354, None, "end with CRLF . CRLF")
}

pub(super) fn chunk_taken(size: u64) -> Reply {
    Reply::new(250, Some(DONE), &format!("{size} octets received"))
}

pub(super) fn ready_for_tls() -> Reply {
    Reply::new(220, Some(DONE), "ready for TLS")
}

pub(super) fn tls_first() -> Reply {
    Reply::new(530, Some(EnhancedCode::new(5, 7, 0)), "issue STARTTLS first")
}

pub(super) fn tls_already() -> Reply {
    Reply::new(503, Some(COMMAND), "TLS is in use already")
}

pub(super) fn bytes_behind_starttls() -> Reply {
    Reply::new(503, Some(COMMAND), "nothing may be sent behind STARTTLS before its reply")
}

pub(super) fn out_of_order(text: &str) -> Reply {
    Reply::new(503, Some(COMMAND), text)
}

pub(super) fn not_implemented() -> Reply {
    Reply::new(502, Some(COMMAND), "command not implemented")
}

pub(super) fn no_auth() -> Reply {
    Reply::new(503, Some(COMMAND), "authentication is not offered here")
}

pub(super) fn auth_needs_tls() -> Reply {
    Reply::new(
        538,
        Some(EnhancedCode::new(5, 7, 11)),
        "authentication is offered under TLS alone; issue STARTTLS first",
    )
}

pub(super) fn no_mechanism() -> Reply {
    Reply::new(504, Some(EnhancedCode::new(5, 5, 4)), "the mechanisms are PLAIN and LOGIN")
}

/// The blank behind 334 stays where the challenge is empty (RFC 4954 section 4).
pub(super) fn challenge(text: &str) -> Reply {
    Reply::new(334, None, text)
}

pub(super) fn authenticated() -> Reply {
    Reply::new(235, Some(EnhancedCode::new(2, 7, 0)), "authentication successful")
}

pub(super) fn auth_failed() -> Reply {
    Reply::new(535, Some(EnhancedCode::new(5, 7, 8)), "authentication failed")
}

pub(super) fn auth_cancelled() -> Reply {
    Reply::new(501, Some(EnhancedCode::new(5, 7, 0)), "authentication cancelled")
}

pub(super) fn malformed_auth() -> Reply {
    Reply::new(501, Some(SYNTAX), "this is no base64 of what the mechanism asks for")
}

pub(super) fn long_auth_line() -> Reply {
    Reply::new(500, Some(EnhancedCode::new(5, 5, 6)), "authentication exchange line is too long")
}

pub(super) fn auth_parameter() -> Reply {
    Reply::new(555, Some(EnhancedCode::new(5, 5, 4)), "the parameter AUTH is not offered here")
}

pub(super) fn broken_line() -> Reply {
    Reply::new(
        500,
        Some(SYNTAX),
        "a command may hold no NUL and no CR or LF but the CRLF at its end",
    )
}

pub(super) fn long_line() -> Reply {
    Reply::new(500, Some(SYNTAX), "line too long")
}

pub(super) fn not_smtp() -> Reply {
    Reply::new(500, Some(SYNTAX), "this is an SMTP server")
}

pub(super) fn needs_smtputf8() -> Reply {
    Reply::new(553, Some(EnhancedCode::new(5, 6, 7)), "this address needs SMTPUTF8 in MAIL")
}

pub(super) fn too_many_recipients() -> Reply {
    Reply::new(
        452,
        Some(EnhancedCode::new(4, 5, 3)),
        "too many recipients; send to the others in another transaction",
    )
}

pub(super) fn too_big() -> Reply {
    Reply::new(552, Some(SIZE), "message too big")
}

pub(super) fn header_too_big() -> Reply {
    Reply::new(552, Some(SIZE), "header section too big")
}

pub(super) fn no_message(error: BodyError) -> Reply {
    Reply::new(550, Some(EnhancedCode::new(5, 6, 0)), &format!("not taken: {error}"))
}

pub(super) fn too_much() -> Reply {
    Reply::new(421, Some(EnhancedCode::new(4, 7, 0)), "too many errors or idle commands")
}
