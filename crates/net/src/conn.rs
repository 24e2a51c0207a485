//! A conversation with a mail host, from the first byte to the last, as types.
//!
//! `dial → Dialed → greet → Greeted`, and from there either `stay_clear →
//! Conn<Clear>` or `starttls → Ready → handshake → Conn<Secured>`; or `Dialed →
//! secure_at_once → Conn<Secured>`. Each step takes the value of the step before it, so
//! a failed step leaves nothing to go on with: after a failed handshake there is no
//! socket. [`Secured`] is made by a finished
//! handshake alone, [`Permit`] by [`Conn::admit`] and [`Conn::admit_enforced`]
//! alone, and only a permit can write `MAIL`, `RCPT` and `DATA`.

mod command;
pub(crate) mod line;
mod permit;

use std::fmt;

use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    tls::{Clause, Enforced, Opportunistic, Requirement, SessionRecord},
};
use gatepost_wire::{ehlo::Extensions, reply::Response};
use tokio::net::TcpStream;

use self::line::Line;
pub use self::permit::{Body, Envelope, Mail, Permit, Rcpt};
use crate::{
    auth::{self, Credentials},
    dial::{Target, Timeouts},
    failure::Failure,
    io::Io,
    tls::Connector,
};

/// A TCP connection on which nothing was said yet.
#[derive(Debug)]
pub struct Dialed {
    line: Line,
    to_itself: bool,
}

impl Dialed {
    pub(crate) fn new(stream: TcpStream, target: Target, timeouts: Timeouts) -> Self {
        // The system connects to an address of its own from that address.
        let to_itself = stream.local_addr().is_ok_and(|own| own.ip() == target.address.ip());
        Self { line: Line::new(Io::plain(stream), target, timeouts), to_itself }
    }

    /// Whether the other end is at an address of this machine.
    pub const fn is_to_itself(&self) -> bool {
        self.to_itself
    }

    /// Reads the greeting and says EHLO; HELO where EHLO is refused (RFC 5321 section
    /// 3.2), after which there are no extensions.
    ///
    /// # Errors
    /// Every failure has [`Stage::Banner`]: a greeting other than 220, a refused HELO,
    /// a reply that is no SMTP, silence, a lost connection.
    pub async fn greet(self, helo: &str) -> Result<Greeted, Failure> {
        let Self { mut line, to_itself: _ } = self;
        let extensions = be_greeted(&mut line, helo).await?;
        Ok(Greeted { line, extensions, helo: helo.to_owned() })
    }

    /// Does the handshake with the first byte, as the requirement wants it verified, and
    /// is greeted under TLS: implicit TLS (RFC 8314 section 3). There is no `STARTTLS`,
    /// and no clear text that a failure could go back to.
    ///
    /// # Errors
    /// [`Stage::Tls`] and [`Stage::Verify`] for the handshake, [`Stage::Banner`] for
    /// everything behind it, as in [`Self::greet`]. The socket is closed.
    pub async fn secure_at_once(
        self,
        tls: &Connector,
        requirement: &Requirement,
        helo: &str,
    ) -> Result<Conn<Secured>, Failure> {
        let Some((stream, target, timeouts)) = self.line.into_socket() else {
            let detail = "the host sent data before the TLS handshake";
            return Err(Failure::new(Stage::Tls, Why::ResponseInjection, detail));
        };
        let (stream, record) = tls.handshake(stream, &target, timeouts.tls, requirement).await?;
        let mut line = Line::new(Io::tls(stream), target, timeouts);
        let extensions = be_greeted(&mut line, helo).await?;
        Ok(Conn { line, extensions, security: Secured { record } })
    }
}

/// The greeting, then EHLO or HELO. Not a failed handshake, under TLS either: what is
/// refused is the session, not its protection.
async fn be_greeted(line: &mut Line, helo: &str) -> Result<Extensions, Failure> {
    line.expect_greeting();
    let limit = line.timeouts.command;
    let greeting = line.reply(Stage::Banner, limit).await?;
    if greeting.code != 220 {
        line.goodbye().await;
        return Err(Failure::replied(Stage::Banner, Why::RemoteReply, greeting));
    }
    introduce(line, Stage::Banner, helo).await
}

/// EHLO, or HELO where it is refused.
async fn introduce(line: &mut Line, stage: Stage, helo: &str) -> Result<Extensions, Failure> {
    let hello = line.ask(stage, &format!("EHLO {helo}")).await?;
    if hello.is_positive() {
        return Ok(Extensions::read(&hello));
    }
    // A 4xx says "not now" about the whole session; only a 5xx is about the command.
    if !hello.is_permanent() {
        return Err(Failure::replied(stage, Why::RemoteReply, hello));
    }
    let hello = line.ask(stage, &format!("HELO {helo}")).await?;
    if hello.is_positive() {
        return Ok(Extensions::none());
    }
    Err(Failure::replied(stage, Why::RemoteReply, hello))
}

/// A host that has greeted us in clear text. It is decided here whether it stays so.
#[derive(Debug)]
pub struct Greeted {
    line: Line,
    extensions: Extensions,
    helo: String,
}

/// What a host made of STARTTLS.
#[derive(Debug)]
pub enum StartTls {
    /// 220: the handshake is next, and nothing else can be.
    Ready(Ready),
    /// 4xx or 5xx: the session goes on as it was.
    Refused(Greeted, Response),
}

impl Greeted {
    /// What the host offers in clear text.
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Who the host is.
    pub const fn target(&self) -> &Target {
        &self.line.target
    }

    /// Goes on in clear text, with the reason for it.
    pub fn stay_clear(self, why: NoTls) -> Conn<Clear> {
        Conn { line: self.line, extensions: self.extensions, security: Clear { why } }
    }

    /// Asks for TLS (RFC 3207). Nothing is written until the whole reply was read.
    ///
    /// # Errors
    /// All that goes wrong here is a failed handshake ([`Stage::Tls`]): a positive
    /// reply other than 220, a 421 and a reply that is no SMTP are
    /// [`Why::StartTlsBadReply`], bytes behind the 220 [`Why::ResponseInjection`].
    /// Data that was there before STARTTLS is [`Why::ResponseInjection`] at
    /// [`Stage::Ehlo`], which is not a failed handshake.
    pub async fn starttls(self) -> Result<StartTls, Failure> {
        let Self { mut line, extensions, helo } = self;
        line.expect_silence(Stage::Ehlo)?;
        line.queue(Stage::Tls, "STARTTLS")?;
        line.send(Stage::Tls).await?;
        let limit = line.timeouts.tls;
        let response = line.reply(Stage::Tls, limit).await.map_err(bad_reply)?;
        if response.is_transient() || response.is_permanent() {
            return Ok(StartTls::Refused(Self { line, extensions, helo }, response));
        }
        if response.code != 220 {
            return Err(Failure::replied(Stage::Tls, Why::StartTlsBadReply, response));
        }
        // RFC 3207 section 6: what is already here came in clear text, from whoever
        // could write into the connection.
        let Some((stream, target, timeouts)) = line.into_socket() else {
            let detail = "the host, or somebody on the way, sent data behind its reply to STARTTLS";
            return Err(Failure::new(Stage::Tls, Why::ResponseInjection, detail));
        };
        Ok(StartTls::Ready(Ready { stream, target, timeouts, helo }))
    }

    /// Says goodbye.
    pub async fn quit(self) {
        self.line.quit().await;
    }
}

/// A reply to STARTTLS that cannot be used, in its own word.
fn bad_reply(failure: Failure) -> Failure {
    if matches!(failure.why, Why::ReplyMalformed | Why::RemoteReply) {
        Failure { why: Why::StartTlsBadReply, ..failure }
    } else {
        failure
    }
}

/// A host that waits for our handshake. Nothing that it said before is kept: what
/// it offers is asked again under TLS (RFC 3207 section 4.2).
#[derive(Debug)]
pub struct Ready {
    stream: TcpStream,
    target: Target,
    timeouts: Timeouts,
    helo: String,
}

impl Ready {
    /// Does the handshake, as the requirement wants it verified, and says EHLO again.
    ///
    /// # Errors
    /// Every failure is a failed handshake: [`Stage::Verify`] where the certificate
    /// was judged and refused, [`Stage::Tls`] for anything else up to the reply to
    /// EHLO. The socket is closed.
    pub async fn handshake(
        self,
        tls: &Connector,
        requirement: &Requirement,
    ) -> Result<Conn<Secured>, Failure> {
        let Self { stream, target, timeouts, helo } = self;
        let (stream, record) = tls.handshake(stream, &target, timeouts.tls, requirement).await?;
        let mut line = Line::new(Io::tls(stream), target, timeouts);
        // One code for one cause, whatever the host said (`tls-delivery.md` 5.5).
        let extensions = introduce(&mut line, Stage::Tls, &helo).await.map_err(bad_reply)?;
        Ok(Conn { line, extensions, security: Secured { record } })
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it: nobody else can make a third kind")]
    pub trait Sealed {}
    impl Sealed for super::Clear {}
    impl Sealed for super::Secured {}
}

/// Whether a connection is in clear text or under TLS: [`Clear`] or [`Secured`].
pub trait Security: sealed::Sealed + fmt::Debug + Send {
    /// The TLS session, where there is one.
    fn tls(&self) -> Option<&SessionRecord>;
    /// Why there is none.
    fn clear_because(&self) -> Option<NoTls>;
}

/// Clear text, with the reason for it.
#[derive(Debug)]
pub struct Clear {
    why: NoTls,
}

/// A finished handshake, with what it showed.
#[derive(Debug)]
pub struct Secured {
    record: SessionRecord,
}

impl Security for Clear {
    fn tls(&self) -> Option<&SessionRecord> {
        None
    }

    fn clear_because(&self) -> Option<NoTls> {
        Some(self.why)
    }
}

impl Security for Secured {
    fn tls(&self) -> Option<&SessionRecord> {
        Some(&self.record)
    }

    fn clear_because(&self) -> Option<NoTls> {
        None
    }
}

/// A message with what its session must be. Whoever makes one vouches for the pair.
#[derive(Debug)]
pub struct Job<R, M> {
    requirement: R,
    message: M,
}

impl<R, M> Job<R, M> {
    /// Pairs a message with its requirement.
    pub const fn new(requirement: R, message: M) -> Self {
        Self { requirement, message }
    }

    /// The requirement.
    pub const fn requirement(&self) -> &R {
        &self.requirement
    }

    /// The message.
    pub const fn message(&self) -> &M {
        &self.message
    }

    /// Gives the message back.
    pub fn into_message(self) -> M {
        self.message
    }
}

/// An enforced message and a session that does not meet all its clauses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shortfall {
    /// What is not met, with who asked for it.
    pub unmet: Vec<Clause>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session does not meet {} of the message's clauses", self.unmet.len())
    }
}

impl std::error::Error for Shortfall {}

/// A session that can carry mail, one transaction after the other.
#[derive(Debug)]
pub struct Conn<S> {
    line: Line,
    extensions: Extensions,
    security: S,
}

impl<S: Security> Conn<S> {
    /// What the host offers on this session.
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The TLS session; `None` in clear text.
    pub fn tls(&self) -> Option<&SessionRecord> {
        self.security.tls()
    }

    /// Why the session is in clear text; `None` under TLS.
    pub fn clear_because(&self) -> Option<NoTls> {
        self.security.clear_because()
    }

    /// Who the host is.
    pub const fn target(&self) -> &Target {
        &self.line.target
    }

    /// Lets in a message that may travel in clear text.
    pub const fn admit<'a, M>(&'a mut self, _job: &'a Job<Opportunistic, M>) -> Permit<'a, S> {
        Permit::new(&mut self.line, &self.extensions)
    }

    /// Makes sure that the session can carry another message: the last transaction
    /// ended, nothing came in since (not even the end of the connection), and a
    /// transaction that was left open is reset.
    ///
    /// # Errors
    /// The session is of no use any more. No message has failed (decision 23).
    pub async fn ready_for_next(&mut self) -> Result<(), Failure> {
        permit::ready(&mut self.line).await
    }

    /// Says goodbye.
    pub async fn quit(self) {
        self.line.quit().await;
    }
}

impl Conn<Secured> {
    /// Lets in a message that must not travel in clear text, if this session meets
    /// every clause. [`Conn<Clear>`] has no such method.
    ///
    /// # Errors
    /// The clauses that the session does not meet; nothing was written.
    pub fn admit_enforced<'a, M>(
        &'a mut self,
        job: &'a Job<Enforced, M>,
    ) -> Result<Permit<'a, Secured>, Shortfall> {
        let unmet = job.requirement.unmet(&self.security.record);
        if unmet.is_empty() {
            Ok(Permit::new(&mut self.line, &self.extensions))
        } else {
            Err(Shortfall { unmet })
        }
    }

    /// Logs in with what the host lists under TLS: `AUTH PLAIN` with its initial
    /// response, else `AUTH LOGIN` (RFC 4954). [`Conn<Clear>`] has no such method.
    ///
    /// # Errors
    /// At [`Stage::Auth`], and the session is of no use any more:
    /// [`Why::AuthUnavailable`] where the host lists neither (nothing was sent),
    /// [`Why::RemoteReply`] where it refused. A refusal is about us and never about a
    /// message, whatever its code. A password is in none of it.
    pub async fn login(&mut self, credentials: &Credentials) -> Result<(), Failure> {
        auth::login(&mut self.line, &self.extensions, credentials).await
    }
}

#[cfg(test)]
mod tests;
