//! The parameters behind a path: `SIZE BODY SMTPUTF8 RET ENVID AUTH` of `MAIL`, `NOTIFY ORCPT` of `RCPT`.
//!
//! What is offered is understood, what is not offered is refused with 555, and nothing is taken and then ignored: AUTH alone
//! has no effect, which RFC 4954 section 5 gives a server the choice of.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::CommandError;
use super::xtext;

/// Longest ENVID (RFC 3461 §4.4).
const ENVID_MAX: usize = 100;
/// Longest AUTH (RFC 4954 §3).
const AUTH_MAX: usize = 500;
/// Longest ORCPT (RFC 3461 §4.2).
const ORCPT_MAX: usize = 500;

/// The parameters of `MAIL`.
#[derive(Clone, Eq, PartialEq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct MailParams {
    /// SIZE: how large the client says the message is, in bytes (RFC 1870).
    pub size: Option<u64>,
    /// BODY (RFC 6152).
    pub body: BodyKind,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// RET: how much of the message a DSN returns (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// ENVID: the sender's name for this message (RFC 3461 §4.4), still as xtext. See [`decode_xtext`](super::decode_xtext).
    pub envid: Option<String>,
    /// Whether AUTH was given (RFC 4954 §5). Who it names is a claim of the client's that nothing here relies on, so it is not kept;
    /// whether it may be given is known to the session only.
    #[serde(skip)]
    pub auth: bool,
}

/// What the client says the body holds.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum BodyKind {
    /// `7BIT`, or nothing said.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBit,
}

/// How much of a message a failure DSN returns.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Serialize, Deserialize)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its header section.
    Hdrs,
}

/// The parameters of `RCPT`.
#[derive(Clone, Eq, PartialEq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct RcptParams {
    /// NOTIFY: when the sender wants word (RFC 3461 §4.1). Nothing said means: on failure, and on delay.
    pub notify: Option<Notify>,
    /// ORCPT: `type;address` as the sender wrote it, still as xtext (RFC 3461 §4.2, RFC 6533 §3).
    pub orcpt: Option<String>,
}

/// When the sender wants word. `never` stands alone.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one keyword of NOTIFY, set by the client independently of the others"
)]
pub struct Notify {
    /// Under no circumstances.
    pub never: bool,
    /// When the message was delivered.
    pub success: bool,
    /// When it could not be delivered.
    pub failure: bool,
    /// When it is late.
    pub delay: bool,
}

impl MailParams {
    pub(super) fn read(text: &[u8]) -> Result<Self, CommandError> {
        let mut params = Self::default();
        let (mut body, mut utf8, mut auth) = (None, None, None);
        for param in Params::of(text) {
            let (keyword, value) = param?;
            if keyword.eq_ignore_ascii_case(b"SIZE") {
                set(&mut params.size, "SIZE", value.and_then(decimal))?;
            } else if keyword.eq_ignore_ascii_case(b"BODY") {
                set(&mut body, "BODY", value.map(body_kind).transpose()?.flatten())?;
            } else if keyword.eq_ignore_ascii_case(b"SMTPUTF8") {
                set(&mut utf8, "SMTPUTF8", value.is_none().then_some(()))?;
            } else if keyword.eq_ignore_ascii_case(b"RET") {
                set(&mut params.ret, "RET", value.and_then(ret))?;
            } else if keyword.eq_ignore_ascii_case(b"ENVID") {
                set(&mut params.envid, "ENVID", value.and_then(envid))?;
            } else if keyword.eq_ignore_ascii_case(b"AUTH") {
                set(&mut auth, "AUTH", value.and_then(submitter))?;
            } else {
                return Err(CommandError::UnknownParameter);
            }
        }
        params.body = body.unwrap_or_default();
        params.smtputf8 = utf8.is_some();
        params.auth = auth.is_some();
        Ok(params)
    }
}

impl RcptParams {
    pub(super) fn read(text: &[u8]) -> Result<Self, CommandError> {
        let mut params = Self::default();
        for param in Params::of(text) {
            let (keyword, value) = param?;
            if keyword.eq_ignore_ascii_case(b"NOTIFY") {
                set(&mut params.notify, "NOTIFY", value.and_then(notify))?;
            } else if keyword.eq_ignore_ascii_case(b"ORCPT") {
                set(&mut params.orcpt, "ORCPT", value.and_then(orcpt))?;
            } else {
                return Err(CommandError::UnknownParameter);
            }
        }
        Ok(params)
    }
}

/// As in the parameter: `7BIT` or `8BITMIME`.
impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SevenBit => "7BIT",
            Self::EightBit => "8BITMIME",
        })
    }
}

/// As in the parameter: `FULL` or `HDRS`.
impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Hdrs => "HDRS",
        })
    }
}

/// As in the parameter: `NEVER`, or a list such as `SUCCESS,FAILURE`.
impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let wanted: Vec<&str> = events
            .iter()
            .filter(|(wanted, _)| *wanted && !self.never)
            .map(|(_, word)| *word)
            .collect();
        f.write_str(if wanted.is_empty() { "NEVER" } else { "" })?;
        f.write_str(&wanted.join(","))
    }
}

/// Walks over ` KEYWORD[=value]…`.
struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<(&'a [u8], Option<&'a [u8]>), CommandError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = &[];
        if *first != b' ' {
            return Some(Err(CommandError::Parameter("behind the address")));
        }
        let mut rest = rest;
        while let [b' ', more @ ..] = rest {
            rest = more;
        }
        let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(end)?;
        self.rest = behind;
        let (keyword, value) = match memchr::memchr(b'=', word)
            .and_then(|at| word.split_at_checked(at))
        {
            Some((keyword, value)) => (keyword, Some(value.strip_prefix(b"=").unwrap_or(value))),
            None => (word, None),
        };
        if well_formed(keyword, value) {
            Some(Ok((keyword, value)))
        } else {
            Some(Err(CommandError::Parameter("behind the address")))
        }
    }
}

/// RFC 5321 §4.1.2, esmtp-param; RFC 6531 §3.3 adds characters beyond ASCII to the value.
fn well_formed(keyword: &[u8], value: Option<&[u8]>) -> bool {
    let letters = keyword.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let begins = keyword.first().is_some_and(u8::is_ascii_alphanumeric);
    let fits = value.is_none_or(|value| {
        !value.is_empty() && value.iter().all(|byte| *byte > b' ' && *byte != b'=' && *byte != 0x7F)
    });
    letters && begins && fits
}

/// Puts a value in its place: it must be well-formed, and the first of its kind.
fn set<T>(
    place: &mut Option<T>,
    keyword: &'static str,
    value: Option<T>,
) -> Result<(), CommandError> {
    if value.is_none() || place.is_some() {
        return Err(CommandError::Parameter(keyword));
    }
    *place = value;
    Ok(())
}

/// One to twenty digits (RFC 1870 §6.1). What no `u64` can hold is the largest: it is too big for anybody.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 20 {
        return None;
    }
    value.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit.saturating_sub(b'0')))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

fn body_kind(value: &[u8]) -> Result<Option<BodyKind>, CommandError> {
    if value.eq_ignore_ascii_case(b"7BIT") {
        Ok(Some(BodyKind::SevenBit))
    } else if value.eq_ignore_ascii_case(b"8BITMIME") {
        Ok(Some(BodyKind::EightBit))
    } else if value.eq_ignore_ascii_case(b"BINARYMIME") {
        // RFC 3030 §3 needs its own keyword in EHLO, and line ends would no longer mean anything.
        Err(CommandError::NotOffered("BODY"))
    } else {
        Ok(None)
    }
}

fn ret(value: &[u8]) -> Option<Ret> {
    if value.eq_ignore_ascii_case(b"FULL") {
        Some(Ret::Full)
    } else if value.eq_ignore_ascii_case(b"HDRS") {
        Some(Ret::Hdrs)
    } else {
        None
    }
}

fn envid(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= ENVID_MAX && xtext::decode_xtext(text).is_some()).then(|| text.to_owned())
}

/// xtext, of which `<>` is one: nobody who is known (RFC 4954 §5).
fn submitter(value: &[u8]) -> Option<()> {
    let text = std::str::from_utf8(value).ok()?;
    (text.len() <= AUTH_MAX && xtext::decode_xtext(text).is_some()).then_some(())
}

fn notify(value: &[u8]) -> Option<Notify> {
    let mut notify = Notify::default();
    if value.eq_ignore_ascii_case(b"NEVER") {
        return Some(Notify { never: true, ..notify });
    }
    for word in value.split(|byte| *byte == b',') {
        if word.eq_ignore_ascii_case(b"SUCCESS") {
            notify.success = true;
        } else if word.eq_ignore_ascii_case(b"FAILURE") {
            notify.failure = true;
        } else if word.eq_ignore_ascii_case(b"DELAY") {
            notify.delay = true;
        } else {
            return None;
        }
    }
    Some(notify)
}

/// `type;address` (RFC 3461 §4.2). With the type `utf-8` the address may hold characters beyond ASCII (RFC 6533 §3).
fn orcpt(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (kind, address) = text.split_once(';')?;
    let atom = !kind.is_empty()
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    let known = if kind.eq_ignore_ascii_case("utf-8") {
        xtext::is_utf8_address(address)
    } else {
        xtext::decode_xtext(address).is_some()
    };
    (text.len() <= ORCPT_MAX && atom && known && !address.is_empty()).then(|| text.to_owned())
}
