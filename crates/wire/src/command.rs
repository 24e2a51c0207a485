//! One line of a client becomes a command (RFC 5321 §4.1, and the parameters of RFC 1870, 3030, 3461, 6152, 6531).
//!
//! Strict, because what is let through here goes on to other servers: a line with NUL, CR or LF in it is no command, an address is
//! one by the grammar or is refused, a parameter is known, well-formed and given once. Two leniences only: blanks at the end of
//! the line, and one blank behind `FROM:` and `TO:`. Whether a command may come now is the business of `server`.

use crate::address::path::{split_path, strip_route};
use crate::address::{AddressError, Mailbox, ReversePath};
use crate::auth::{InitialResponse, Mechanism};
use crate::reply::{EnhancedCode, Reply};

mod params;
mod xtext;

pub use params::{BodyKind, MailParams, Notify, RcptParams, Ret};
pub use xtext::{decode_xtext, encode_xtext};

/// A command, understood.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Command {
    /// `EHLO` with the name that the client gives itself. It holds no blank, bracket, quote or control character.
    Ehlo(String),
    /// `HELO`, likewise.
    Helo(String),
    /// `MAIL FROM:<…>`.
    Mail {
        /// The sender.
        from: ReversePath,
        /// What stands behind it.
        params: MailParams,
    },
    /// `RCPT TO:<…>`.
    Rcpt {
        /// The recipient.
        to: Recipient,
        /// What stands behind it.
        params: RcptParams,
    },
    /// `DATA`.
    Data,
    /// `BDAT` (RFC 3030): the bytes of the chunk follow the line at once.
    Bdat {
        /// How many bytes follow.
        size: u64,
        /// Whether it is the last chunk.
        last: bool,
    },
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `RSET`.
    Rset,
    /// `NOOP`, whatever follows it.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY`.
    Vrfy,
    /// `EXPN`.
    Expn,
    /// `HELP`.
    Help,
    /// `AUTH` (RFC 4954).
    Auth {
        /// How; `None` for a mechanism that we do not know.
        mechanism: Option<Mechanism>,
        /// What the client sent with it. It may hold a password, so it is not shown.
        initial: Option<InitialResponse>,
    },
}

/// Who a message is for.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Recipient {
    /// An address.
    Mailbox(Mailbox),
    /// `<postmaster>` without a domain, in any case (RFC 5321 §4.5.1).
    Postmaster,
}

/// Why a line is no command, with what to answer in [`CommandError::reply`].
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
pub enum CommandError {
    /// The line holds NUL, CR or LF.
    #[error("a null byte, carriage return or line feed stands in the command")]
    Bytes,
    /// No verb that we know.
    #[error("the command is not known")]
    Unknown,
    /// What stands behind the verb is not as it must be; the text says how it must be.
    #[error("write it as: {0}")]
    Syntax(&'static str),
    /// `BDAT` without a usable size: how many bytes follow cannot be known, so the connection cannot go on.
    #[error("write it as: BDAT size [LAST]")]
    Chunk,
    /// The sender's address.
    #[error("the sender's address {0}")]
    Sender(AddressError),
    /// The recipient's address.
    #[error("the recipient's address {0}")]
    Recipient(AddressError),
    /// The sender's address is beyond ASCII, and `SMTPUTF8` was not given (RFC 6531 §3.4).
    #[error("the sender's address needs the parameter SMTPUTF8")]
    NeedsSmtpUtf8,
    /// A parameter that we do not know or did not offer.
    #[error("the parameter is not known")]
    UnknownParameter,
    /// A parameter that is malformed or was given twice.
    #[error("the parameter {0} is malformed or given twice")]
    Parameter(&'static str),
    /// A value that exists and that we do not offer.
    #[error("this value of the parameter {0} is not offered")]
    NotOffered(&'static str),
}

impl CommandError {
    /// Gives the answer for the client.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let (code, subject, detail) = match self {
            Self::Bytes => (500, 5, 2),
            Self::Unknown => (500, 5, 1),
            Self::Syntax(_) | Self::Chunk | Self::Parameter(_) => (501, 5, 4),
            Self::Sender(_) => (501, 1, 7),
            Self::Recipient(_) => (501, 1, 3),
            Self::NeedsSmtpUtf8 => (553, 6, 7),
            Self::UnknownParameter => (555, 5, 4),
            Self::NotOffered(_) => (504, 5, 4),
        };
        Reply::new(code, Some(EnhancedCode::new(5, subject, detail)), &self.to_string())
    }
}

impl From<CommandError> for Reply {
    fn from(error: CommandError) -> Self {
        error.reply()
    }
}

/// Reads one line, given without the CRLF that ended it.
///
/// An address beyond ASCII is taken in `RCPT`; whether the transaction has `SMTPUTF8` is known to the session only.
///
/// # Errors
/// [`CommandError`], with the reply for the client.
pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
    if memchr::memchr3(b'\0', b'\r', b'\n', line).is_some() {
        return Err(CommandError::Bytes);
    }
    let line = trim_end(line);
    let (verb, rest) = match memchr::memchr(b' ', line) {
        Some(end) => line.split_at_checked(end).unwrap_or((line, b"")),
        None => (line, &b""[..]),
    };
    let mut upper = [0; 8];
    let upper = upper.get_mut(..verb.len()).ok_or(CommandError::Unknown)?;
    upper.copy_from_slice(verb);
    upper.make_ascii_uppercase();
    let argument = rest.strip_prefix(b" ").unwrap_or(rest);
    match &*upper {
        b"MAIL" => mail(argument),
        b"RCPT" => rcpt(argument),
        b"DATA" => bare(argument, Command::Data, "DATA"),
        b"BDAT" => bdat(argument),
        b"EHLO" => name(argument).map(Command::Ehlo).ok_or(CommandError::Syntax("EHLO hostname")),
        b"HELO" => name(argument).map(Command::Helo).ok_or(CommandError::Syntax("HELO hostname")),
        b"STARTTLS" => bare(argument, Command::StartTls, "STARTTLS"),
        b"RSET" => bare(argument, Command::Rset, "RSET"),
        b"QUIT" => bare(argument, Command::Quit, "QUIT"),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" => some(argument, Command::Vrfy, "VRFY address"),
        b"EXPN" => some(argument, Command::Expn, "EXPN list"),
        b"AUTH" => auth(argument),
        _ => Err(CommandError::Unknown),
    }
}

fn trim_end(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

fn bare(argument: &[u8], command: Command, form: &'static str) -> Result<Command, CommandError> {
    if argument.is_empty() { Ok(command) } else { Err(CommandError::Syntax(form)) }
}

fn some(argument: &[u8], command: Command, form: &'static str) -> Result<Command, CommandError> {
    if argument.is_empty() { Err(CommandError::Syntax(form)) } else { Ok(command) }
}

/// Takes the name a client gives itself. Names that are no host names are common and harmless; what could break out of the
/// `Received` field it is written into is refused.
fn name(argument: &[u8]) -> Option<String> {
    let fit = |byte: &u8| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'(' | b')' | b',' | b';' | b'<' | b'>' | b'\\')
    };
    if argument.is_empty() || argument.len() > 255 || !argument.iter().all(fit) {
        return None;
    }
    std::str::from_utf8(argument).ok().map(str::to_owned)
}

fn mail(argument: &[u8]) -> Result<Command, CommandError> {
    let path = keyword(argument, b"FROM:").ok_or(CommandError::Syntax("MAIL FROM:<address>"))?;
    let (inside, rest) = split_path(path).map_err(CommandError::Sender)?;
    let inside = strip_route(inside).map_err(CommandError::Sender)?;
    let from = if inside.is_empty() {
        ReversePath::Null
    } else {
        ReversePath::Mailbox(Mailbox::parse(inside).map_err(CommandError::Sender)?)
    };
    let params = MailParams::read(rest)?;
    if !params.smtputf8 && from.mailbox().is_some_and(|mailbox| !mailbox.is_ascii()) {
        return Err(CommandError::NeedsSmtpUtf8);
    }
    Ok(Command::Mail { from, params })
}

fn rcpt(argument: &[u8]) -> Result<Command, CommandError> {
    let path = keyword(argument, b"TO:").ok_or(CommandError::Syntax("RCPT TO:<address>"))?;
    let (inside, rest) = split_path(path).map_err(CommandError::Recipient)?;
    let inside = strip_route(inside).map_err(CommandError::Recipient)?;
    let to = if inside.eq_ignore_ascii_case("postmaster") {
        Recipient::Postmaster
    } else {
        Recipient::Mailbox(Mailbox::parse(inside).map_err(CommandError::Recipient)?)
    };
    Ok(Command::Rcpt { to, params: RcptParams::read(rest)? })
}

/// Takes `FROM:` or `TO:` off the front, and one blank behind it if there is one.
fn keyword<'a>(argument: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, path) = argument.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then(|| path.strip_prefix(b" ").unwrap_or(path))
}

fn bdat(argument: &[u8]) -> Result<Command, CommandError> {
    let mut words = argument.split(|byte| *byte == b' ');
    let size = words.next().and_then(params::decimal).ok_or(CommandError::Chunk)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return Err(CommandError::Chunk),
    };
    if words.next().is_some() { Err(CommandError::Chunk) } else { Ok(Command::Bdat { size, last }) }
}

fn auth(argument: &[u8]) -> Result<Command, CommandError> {
    const FORM: CommandError = CommandError::Syntax("AUTH mechanism [initial-response]");
    let mut words = argument.split(|byte| *byte == b' ');
    let mechanism = words.next().filter(|word| !word.is_empty()).ok_or(FORM)?;
    let initial = words.next().map(InitialResponse::new);
    let empty = initial.as_ref().is_some_and(InitialResponse::is_empty);
    if empty || words.next().is_some() {
        return Err(FORM);
    }
    Ok(Command::Auth { mechanism: Mechanism::named(mechanism), initial })
}

#[cfg(test)]
mod tests;
