//! How a client says who it is: the server's half of AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN, as clients speak it.
//!
//! From lines to a name and a password, and no further: whether they are right is not known here. What holds: what may be a
//! password is overwritten as soon as it has been read, nothing of it is in a `Debug`, and whatever the client sends leads to one
//! of the endings of `Progress`, after two lines at most.

use std::fmt;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Bytes of a line of the exchange, without its CR LF: RFC 4954 section 4 has servers take 12288 octets.
pub const LINE: usize = 12_288 - 2;

/// Bytes of a name. No account has a longer one, and it is written into the log.
const NAME: usize = 255;

/// A mechanism that we offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mechanism {
    /// Name and password in one response (RFC 4616).
    Plain,
    /// Name and password one after the other. No standard, but the one thing that some clients speak.
    Login,
}

impl Mechanism {
    /// The mechanism of that name, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"PLAIN") {
            Some(Self::Plain)
        } else if name.eq_ignore_ascii_case(b"LOGIN") {
            Some(Self::Login)
        } else {
            None
        }
    }
}

/// What came behind the mechanism in the line of AUTH, still in base64. It is not shown, and overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct InitialResponse(Zeroizing<Vec<u8>>);

impl InitialResponse {
    pub(crate) fn new(text: &[u8]) -> Self {
        Self(Zeroizing::new(text.to_vec()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for InitialResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InitialResponse")
    }
}

/// Who a client says it is.
#[derive(Debug)]
pub struct Credentials {
    /// The name of the account: not empty, at most 255 bytes, no control character.
    pub name: String,
    /// The password: not empty, no null byte.
    pub password: Secret,
}

/// An exchange that waits for the client's next line.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// PLAIN: all of it.
    Plain,
    /// LOGIN: the name.
    Name,
    /// LOGIN: the password.
    Password {
        /// What came before.
        name: String,
    },
}

/// What a line of the client led to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The client is to be asked for more.
    Going(Exchange),
    /// Here is who it says it is.
    Whole(Credentials),
    /// It is no base64, or what is in it is not of the mechanism's form.
    Malformed,
    /// It can be nobody: a name or password that is empty or that no account can have, or somebody who wants to act for somebody else.
    Nobody,
    /// The client has changed its mind.
    Cancelled,
}

impl Exchange {
    /// Begins an exchange, with what came along in the line of AUTH.
    pub(crate) fn begin(mechanism: Mechanism, initial: Option<&InitialResponse>) -> Progress {
        let exchange = match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::Name,
        };
        let Some(InitialResponse(text)) = initial else { return Progress::Going(exchange) };
        // RFC 4954 section 4: an initial response without bytes is written `=`.
        exchange.read(if text.as_slice() == b"=" { b"" } else { text })
    }

    /// Goes on with the client's next line.
    pub(crate) fn respond(self, line: &[u8]) -> Progress {
        if line == b"*" { Progress::Cancelled } else { self.read(line) }
    }

    /// What the client is told it is to send, in base64.
    pub(crate) const fn challenge(&self) -> &'static str {
        match self {
            Self::Plain => "",
            // "Username:" and "Password:", which clients compare with.
            Self::Name => "VXNlcm5hbWU6",
            Self::Password { .. } => "UGFzc3dvcmQ6",
        }
    }

    fn read(self, encoded: &[u8]) -> Progress {
        let Some(decoded) = decode(encoded) else { return Progress::Malformed };
        let Ok(text) = std::str::from_utf8(&decoded) else { return Progress::Malformed };
        match self {
            Self::Plain => plain(text),
            Self::Name => match name(text) {
                Some(name) => Progress::Going(Self::Password { name }),
                // The end is the same as that of a wrong password: which of the two was wrong is not said.
                None => Progress::Going(Self::Password { name: String::new() }),
            },
            Self::Password { name } => whole(name, text),
        }
    }
}

/// authzid NUL authcid NUL passwd (RFC 4616 section 2).
fn plain(text: &str) -> Progress {
    let mut parts = text.split('\0');
    let (Some(acts_for), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Progress::Malformed;
    };
    match name(user) {
        Some(name) if acts_for.is_empty() || acts_for == name => whole(name, password),
        Some(_) | None => Progress::Nobody,
    }
}

fn whole(name: String, password: &str) -> Progress {
    if name.is_empty() || password.is_empty() || password.contains('\0') {
        return Progress::Nobody;
    }
    Progress::Whole(Credentials { name, password: Secret::new(password.to_owned()) })
}

fn name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= NAME && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// RFC 4648 section 4, with its padding and nothing beside it.
fn decode(encoded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let room = BASE64.decode_len(encoded.len()).ok()?;
    let mut decoded = Zeroizing::new(vec![0; room]);
    let length = BASE64.decode_mut(encoded, &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn initial(mechanism: Mechanism, response: &str) -> Progress {
        Exchange::begin(mechanism, Some(&InitialResponse::new(response.as_bytes())))
    }

    fn plain_of(text: &[u8]) -> Progress {
        initial(Mechanism::Plain, &BASE64.encode(text))
    }

    /// The name and the password, or the ending as a word.
    fn outcome(progress: &Progress) -> (&str, &str) {
        match progress {
            Progress::Whole(Credentials { name, password }) => (name, password.expose()),
            Progress::Going(exchange) => ("going", exchange.challenge()),
            Progress::Malformed => ("malformed", ""),
            Progress::Nobody => ("nobody", ""),
            Progress::Cancelled => ("cancelled", ""),
        }
    }

    #[test]
    fn plain_has_name_and_password_in_one_response() {
        for (text, wanted) in [
            (&b"\0anna\0pass word "[..], ("anna", "pass word ")),
            (b"anna\0anna\0x", ("anna", "x")),
            ("\0jürgen\0schlüssel".as_bytes(), ("jürgen", "schlüssel")),
            (b"other\0anna\0x", ("nobody", "")),
            (b"\0\0x", ("nobody", "")),
            (b"\0anna\0", ("nobody", "")),
            (b"\0an\rna\0x", ("nobody", "")),
            (b"anna\0x", ("malformed", "")),
            (b"", ("malformed", "")),
            (b"\0anna\0x\0", ("malformed", "")),
            (b"\0anna\0\xff", ("malformed", "")),
        ] {
            assert_eq!(outcome(&plain_of(text)), wanted, "{text:?}");
        }
        let long = format!("\0{}\0x", "n".repeat(256));
        assert_eq!(outcome(&plain_of(long.as_bytes())), ("nobody", ""));
    }

    #[test]
    fn plain_without_an_initial_response_is_asked_for_it() {
        let Progress::Going(exchange) = Exchange::begin(Mechanism::Plain, None) else { panic!() };
        assert_eq!(exchange.challenge(), "");
        assert_eq!(outcome(&exchange.respond(b"AGFubmEAeA==")), ("anna", "x"));
    }

    #[test]
    fn login_asks_for_the_name_and_then_for_the_password() {
        let Progress::Going(first) = Exchange::begin(Mechanism::Login, None) else { panic!() };
        assert_eq!(first.challenge(), "VXNlcm5hbWU6");
        let Progress::Going(second) = first.respond(b"YW5uYQ==") else { panic!() };
        assert_eq!(second.challenge(), "UGFzc3dvcmQ6");
        assert_eq!(outcome(&second.respond(b"eA==")), ("anna", "x"));

        let Progress::Going(second) = initial(Mechanism::Login, "YW5uYQ==") else { panic!() };
        assert_eq!(outcome(&second.respond(b"eA==")), ("anna", "x"));
        for (name, password) in [("=", "eA=="), ("YW5uYQ==", ""), ("AAAA", "eA==")] {
            let Progress::Going(second) = initial(Mechanism::Login, name) else { panic!() };
            assert_eq!(outcome(&second.respond(password.as_bytes())), ("nobody", ""), "{name}");
        }
    }

    #[test]
    fn what_is_no_base64_is_malformed_and_a_star_cancels() {
        for text in ["A", "AGFubmEAeA", "AGFubmEAeA=", "AGFu bmEA", "AGFu*mEA", "-_==", "==", "*"] {
            assert_eq!(outcome(&initial(Mechanism::Plain, text)), ("malformed", ""), "{text}");
        }
        for exchange in [Exchange::Plain, Exchange::Name, Exchange::Password { name: "a".into() }] {
            assert_eq!(outcome(&exchange.respond(b"*")), ("cancelled", ""));
        }
        assert_eq!(outcome(&Exchange::Plain.respond(b"=")), ("malformed", ""));
        assert_eq!(outcome(&initial(Mechanism::Plain, "=")), ("malformed", ""));
    }

    #[test]
    fn nothing_shows_a_password() {
        let shown = format!("{:?} {:?}", plain_of(b"\0anna\0geheim"), InitialResponse::new(b"AGF"));
        assert!(!shown.contains("geheim") && !shown.contains("AGF"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_name_and_password_come_through(name in "[^\\p{C}\0]{1,40}", password in "[^\0]{1,60}") {
            let text = format!("\0{name}\0{password}");
            let progress = plain_of(text.as_bytes());
            prop_assert_eq!(outcome(&progress), (name.as_str(), password.as_str()));
            let Progress::Going(second) = initial(Mechanism::Login, &BASE64.encode(name.as_bytes())) else { panic!() };
            let progress = second.respond(BASE64.encode(password.as_bytes()).as_bytes());
            prop_assert_eq!(outcome(&progress), (name.as_str(), password.as_str()));
        }

        #[test]
        fn any_line_leads_to_an_end(lines in prop::collection::vec(prop_oneof!["[A-Za-z0-9+/]{0,12}={0,2}", "\\PC{0,20}"], 3)) {
            for mechanism in [Mechanism::Plain, Mechanism::Login] {
                let mut progress = Exchange::begin(mechanism, None);
                let mut taken = 0;
                for line in &lines {
                    let Progress::Going(exchange) = progress else { break };
                    progress = exchange.respond(line.as_bytes());
                    taken += 1;
                }
                prop_assert!(taken <= 2 && !matches!(progress, Progress::Going(_)), "{:?}", progress);
            }
        }
    }
}
