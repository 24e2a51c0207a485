//! A fake mail exchanger: what it does wrong is data, what it saw is a record.
//!
//! [`FakeMx`] is the script; its default is a good one: STARTTLS with a good certificate, TLS 1.2 and 1.3, every command
//! taken. [`FakeMx::start`] puts it on an address. The server never decides anything about a client: it records and
//! answers as the script says.

mod handshake;
mod login;
pub mod record;
pub mod running;
mod session;
mod tls;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::SupportedCipherSuite;

use crate::ca::{Cert, TestCa};
use crate::mx::running::RunningMx;

/// The script of a mail exchanger.
#[derive(Clone, Debug)]
pub struct FakeMx {
    /// What it says first.
    pub banner: Banner,
    /// How it answers EHLO before TLS.
    pub ehlo: Ehlo,
    /// How it answers EHLO under TLS.
    pub ehlo_tls: Ehlo,
    /// How it answers STARTTLS.
    pub starttls: StartTls,
    /// Bytes sent in the same segment as the reply to STARTTLS, right behind it.
    pub behind_starttls: Vec<u8>,
    /// What happens once it has said 220 to STARTTLS.
    pub after_220: After220,
    /// What certificate it shows.
    pub cert: Cert,
    /// Which versions of TLS it takes.
    pub versions: Versions,
    /// The only cipher suites it takes; empty: all.
    pub ciphers: Vec<SupportedCipherSuite>,
    /// Whether it asks for (and does not insist on) a client certificate.
    pub asks_client_certificate: bool,
    /// Whether it gives session tickets.
    pub tickets: bool,
    /// How many bytes of early data its TLS 1.3 tickets allow (RFC 8446 section 4.2.10). Without `tickets` nothing.
    pub early_data: u32,
    /// How many TLS 1.3 KeyUpdates it sends in a row once the handshake is done.
    pub key_updates: usize,
    /// Where TLS begins.
    pub begins: Begins,
    /// The answer to a whole AUTH; what it lists for AUTH stands in `ehlo` and `ehlo_tls`.
    pub auth: Answer,
    /// The answer to MAIL.
    pub mail: Answer,
    /// The answer to RCPT.
    pub rcpt: Answer,
    /// Other answers to RCPT, by address.
    pub rcpt_of: BTreeMap<String, Answer>,
    /// The answer to DATA.
    pub data: Answer,
    /// The answer to the final dot.
    pub body: Answer,
    /// What it does once it has answered a message.
    pub idle: Idle,
    /// Where it hangs up.
    pub hang_up: HangUp,
    /// Its behaviour from the n-th connection (1 is the first) on; the last entry that fits counts.
    pub later: Vec<(usize, Self)>,
}

impl Default for FakeMx {
    fn default() -> Self {
        Self {
            banner: Banner::Say("220 fake.mx ESMTP".to_owned()),
            ehlo: Ehlo::good(),
            ehlo_tls: Ehlo::without("STARTTLS"),
            starttls: StartTls::from("220 2.0.0 go ahead"),
            behind_starttls: Vec::new(),
            after_220: After220::Handshake,
            cert: Cert::Good,
            versions: Versions::Both,
            ciphers: Vec::new(),
            asks_client_certificate: false,
            tickets: true,
            early_data: 0,
            key_updates: 0,
            begins: Begins::AfterStartTls,
            auth: Answer::from("235 2.7.0 welcome"),
            mail: Answer::from("250 2.1.0 sender ok"),
            rcpt: Answer::from("250 2.1.5 recipient ok"),
            rcpt_of: BTreeMap::new(),
            data: Answer::from("354 go ahead"),
            body: Answer::from("250 2.0.0 taken"),
            idle: Idle::Waits,
            hang_up: HangUp::Never,
            later: Vec::new(),
        }
    }
}

impl FakeMx {
    /// One that does not offer STARTTLS.
    #[must_use]
    pub fn without_starttls() -> Self {
        Self {
            ehlo: Ehlo::without("STARTTLS"),
            starttls: StartTls::from("502 5.5.1 no such command"),
            ..Self::default()
        }
    }

    /// One that says 220 to STARTTLS and then does this.
    #[must_use]
    pub fn breaking(after_220: After220) -> Self {
        Self { after_220, ..Self::default() }
    }

    /// One that answers STARTTLS so.
    #[must_use]
    pub fn answering_starttls(reply: &str) -> Self {
        Self { starttls: StartTls::from(reply), ..Self::default() }
    }

    /// One with this certificate.
    #[must_use]
    pub fn with_cert(cert: Cert) -> Self {
        Self { cert, ..Self::default() }
    }

    /// One that takes TLS with the first byte, as on port 465.
    #[must_use]
    pub fn implicit_tls() -> Self {
        Self { begins: Begins::AtOnce, ..Self::default() }
    }

    /// One that lists these mechanisms for AUTH, before TLS and under it; none: no AUTH.
    #[must_use]
    pub fn with_auth(clear: &str, tls: &str) -> Self {
        let listing = |ehlo: Ehlo, mechanisms: &str| {
            if mechanisms.is_empty() { ehlo } else { ehlo.and(&format!("AUTH {mechanisms}")) }
        };
        Self {
            ehlo: listing(Ehlo::good(), clear),
            ehlo_tls: listing(Ehlo::without("STARTTLS"), tls),
            ..Self::default()
        }
    }

    /// Listens on `address` as the host `name`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(
        self,
        name: &str,
        address: SocketAddr,
        ca: &TestCa,
    ) -> io::Result<RunningMx> {
        RunningMx::start(self, name, address, ca).await
    }

    /// The script for the n-th connection.
    pub(crate) fn at(&self, connection: usize) -> &Self {
        self.later
            .iter()
            .rev()
            .find(|(from, _)| *from <= connection)
            .map_or(self, |(_, later)| later)
    }
}

/// What is said on connecting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Banner {
    /// This line (2xx, 4xx, 5xx, or anything else).
    Say(String),
    /// The good line, after a wait.
    Slow(Duration),
    /// Nothing, ever; the connection stays open.
    Silence,
    /// Hangs up without a word.
    Drop,
}

/// The answer to EHLO.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ehlo {
    /// 250 with these keyword lines.
    List(Vec<String>),
    /// This reply, and HELO is taken.
    Refused(String),
    /// Nothing.
    Silence,
    /// Hangs up.
    Drop,
}

impl Ehlo {
    /// Everything a modern server offers.
    #[must_use]
    pub fn good() -> Self {
        Self::List(
            [
                "PIPELINING",
                "SIZE 104857600",
                "STARTTLS",
                "ENHANCEDSTATUSCODES",
                "8BITMIME",
                "DSN",
                "SMTPUTF8",
            ]
            .map(str::to_owned)
            .to_vec(),
        )
    }

    /// As [`Ehlo::good`], without one keyword.
    #[must_use]
    pub fn without(keyword: &str) -> Self {
        match Self::good() {
            Self::List(mut lines) => {
                lines.retain(|line| line.split(' ').next() != Some(keyword));
                Self::List(lines)
            }
            other @ (Self::Refused(_) | Self::Silence | Self::Drop) => other,
        }
    }

    /// With one more keyword line.
    #[must_use]
    pub fn and(self, keyword: &str) -> Self {
        match self {
            Self::List(mut lines) => {
                lines.push(keyword.to_owned());
                Self::List(lines)
            }
            other @ (Self::Refused(_) | Self::Silence | Self::Drop) => other,
        }
    }

    /// As [`Ehlo::good`], with one keyword written as something else.
    #[must_use]
    pub fn replacing(keyword: &str, written: &str) -> Self {
        match Self::good() {
            Self::List(lines) => Self::List(
                lines
                    .into_iter()
                    .map(|line| if line == keyword { written.to_owned() } else { line })
                    .collect(),
            ),
            other @ (Self::Refused(_) | Self::Silence | Self::Drop) => other,
        }
    }
}

/// The answer to STARTTLS: reply lines without CRLF, several for a reply of many lines. None: no answer at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StartTls {
    /// These lines, each a write of its own, with a pause between them.
    Say(Vec<String>),
    /// Nothing.
    Silence,
    /// Hangs up.
    Drop,
}

impl From<&str> for StartTls {
    fn from(reply: &str) -> Self {
        Self::Say(reply.lines().map(str::to_owned).collect())
    }
}

/// What follows a 220 to STARTTLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum After220 {
    /// TLS, as the script's certificate, versions and ciphers say.
    Handshake,
    /// An orderly close.
    Close,
    /// A reset.
    Reset,
    /// Nothing, ever.
    Stall,
    /// Waits for the ClientHello, then a fatal alert of this number (40 is handshake_failure, 70 protocol_version:
    /// what a server says that has only anonymous ciphers, or only TLS 1.0).
    Alert(u8),
    /// Waits for the ClientHello, then these bytes, which are no TLS, then silence until the client goes.
    Garbage(Vec<u8>),
    /// These bytes 50 ms after the 220, before the ServerHello, then a proper handshake.
    Inject(Vec<u8>),
}

/// The answer to a command of a transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// This reply, CRLF added.
    Say(String),
    /// This reply, CRLF added, after a wait.
    Slow(Duration, String),
    /// Nothing.
    Silence,
    /// Hangs up.
    Drop,
}

impl Answer {
    /// Whether it is a reply that begins so.
    pub(crate) fn begins(&self, digit: char) -> bool {
        match self {
            Self::Say(reply) | Self::Slow(_, reply) => reply.starts_with(digit),
            Self::Silence | Self::Drop => false,
        }
    }
}

impl From<&str> for Answer {
    fn from(reply: &str) -> Self {
        Self::Say(reply.to_owned())
    }
}

/// Where TLS begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Begins {
    /// After STARTTLS.
    AfterStartTls,
    /// With the first byte, as on port 465.
    AtOnce,
}

/// What the server does on a session that waits for another message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Idle {
    /// Nothing, as it should.
    Waits,
    /// Says this line, CRLF added, which nobody asked for.
    Says(String),
    /// Closes in order: under TLS with a close_notify (RFC 8446 section 6.1).
    Closes,
    /// Closes the TCP connection, under TLS without a close_notify.
    Cuts,
}

/// Where the server hangs up on its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HangUp {
    /// Nowhere.
    Never,
    /// When it reads the EHLO under TLS.
    AtTlsEhlo,
    /// Inside DATA, after this many bytes of it.
    InData(usize),
}

/// The versions of TLS a server takes. Older ones than 1.2 need [`crate::peer::WeakPeer`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Versions {
    /// 1.2 and 1.3.
    Both,
    /// 1.2.
    Only12,
    /// 1.3.
    Only13,
}

#[cfg(test)]
mod tests;
