//! The server's half of SMTP as a machine over values: raw bytes in, steps out (RFC 5321, with 1869, 1870, 2034, 2920, 3030,
//! 3207, 3461, 4954, 6152, 6531).
//!
//! It does no I/O and knows no clock. A driver reads into a [`Buffer`], calls [`Session::take`] until it gives `None`, performs
//! the steps in order, and only then flushes what it has to say and reads again. Where a decision is not the protocol's, the
//! step is a question, and nothing further is taken until [`Session::answer`] was called. How the input was cut into reads
//! makes no difference, with one exception that is wanted: bytes that are there behind STARTTLS end the session
//! (RFC 3207 section 4.2).

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::address::ReversePath;
use crate::auth::Credentials;
use crate::body::BodyError;
use crate::buffer::Buffer;
use crate::command::{Command, CommandError, MailParams, RcptParams, Recipient};
use crate::reply::Reply;

mod limits;
mod line;
mod login;
mod receive;
mod replies;
mod stage;
#[cfg(test)]
mod tests;
mod transaction;

pub use limits::Limits;
pub use stage::{Addressee, Envelope, Helo};

use limits::Budget;
use line::{Line, LineReader};
use stage::{Greeted, Stage};

/// What a session is to be like.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own of a listener")]
pub struct ServerConfig {
    /// Our name, in the greeting and in the answer to EHLO.
    pub hostname: String,
    /// Whether STARTTLS is offered where TLS is not in use yet.
    pub starttls: bool,
    /// Whether mail is refused until TLS is in use (530 5.7.0).
    pub require_tls: bool,
    /// Whether AUTH is offered, where TLS is in use.
    pub auth: bool,
    /// How much is taken.
    pub limits: Limits,
}

/// What the driver is to do next.
#[derive(Debug)]
pub enum Step<'b> {
    /// Say this.
    Say(Reply),
    /// Say this; the transaction that there was is gone, with everything that was staged for it.
    Reset(Reply),
    /// Say this, flush, and close the connection. Nothing follows.
    Close(Reply),
    /// Say this, flush, and do the TLS handshake; then go on with what [`Session::secured`] gives. There is no byte in the
    /// buffer.
    Upgrade(Reply),
    /// Is the client who it says it is? Answer with [`Session::answer`].
    AskAuth(Credentials),
    /// May this sender start a transaction? Answer with [`Session::answer`].
    AskMail {
        /// The sender.
        from: ReversePath,
        /// What came with it.
        params: MailParams,
    },
    /// May mail go to this recipient? Answer with [`Session::answer`].
    AskRcpt {
        /// The recipient.
        to: Recipient,
        /// What came with it.
        params: RcptParams,
    },
    /// May the body start? Answer with [`Session::answer`]. Asked once a message.
    AskBody {
        /// Whether it comes by BDAT.
        chunked: bool,
    },
    /// Bytes of the body, dots taken off, every line end a CR LF.
    Body(&'b [u8]),
    /// The body is broken: what was staged can be dropped at once. The rest is read to its true end, then the reply comes as
    /// a [`Step::Reset`].
    BodyBroken(BodyError),
    /// The whole message is there. The driver says what became of it; the session is ready for the next one.
    BodyEnd(Box<Envelope>),
}

/// One session of one client, from greeting to QUIT.
#[derive(Debug)]
pub struct Session {
    config: Arc<ServerConfig>,
    tls: bool,
    client: Client,
    /// Whether no command line has come yet: only then is another protocol recognised.
    first_line: bool,
    lines: LineReader,
    stage: Stage,
    /// A chunk that is read and thrown away, and what is said then.
    drain: Option<Drain>,
    budget: Budget,
    /// Said instead of taking more input.
    closing: Option<Reply>,
}

/// Whether the client has said who it is, and was believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Client {
    Stranger,
    Known,
}

/// Bytes of a refused BDAT: they come whatever we say (RFC 3030 section 2).
#[derive(Debug)]
struct Drain {
    remaining: u64,
    reply: Reply,
}

impl Session {
    /// A session on a connection just accepted; `tls` says whether TLS is in use on it already.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, tls: bool) -> Self {
        let lines = LineReader::new(config.limits.command_line);
        let budget = Budget::new(&config.limits);
        Self {
            config,
            tls,
            client: Client::Stranger,
            first_line: true,
            lines,
            stage: Stage::Fresh,
            drain: None,
            budget,
            closing: None,
        }
    }

    /// The session after the handshake. Everything the client said in the clear is forgotten (RFC 3207 section 4.2); what it has
    /// used up of its limits is not.
    #[must_use]
    pub fn secured(self) -> Self {
        let Self { config, budget, .. } = self;
        let lines = LineReader::new(config.limits.command_line);
        Self {
            config,
            tls: true,
            client: Client::Stranger,
            first_line: false,
            lines,
            stage: Stage::Fresh,
            drain: None,
            budget,
            closing: None,
        }
    }

    /// What is said first.
    #[must_use]
    pub fn greeting(&self) -> Reply {
        replies::greeting(&self.config.hostname)
    }

    /// Whether bytes of a message are being read, or a chunk thrown away: the wrong moment to stop a session.
    #[must_use]
    pub fn in_body(&self) -> bool {
        self.drain.is_some() || matches!(self.stage, Stage::Receiving(_))
    }

    /// The next step, or `None` when more bytes are needed (or an answer).
    pub fn take<'b>(&mut self, buffer: &'b mut Buffer) -> Option<Step<'b>> {
        if let Some(reply) = self.closing.take() {
            self.stage = Stage::Closed;
            self.drain = None;
            return Some(Step::Close(reply));
        }
        if self.drain.is_some() {
            return self.drained(buffer);
        }
        if matches!(self.stage, Stage::Asking(_) | Stage::Closed) {
            return None;
        }
        if matches!(self.stage, Stage::Authenticating { .. }) {
            return self.exchange(buffer);
        }
        if !matches!(self.stage, Stage::Receiving(_)) {
            let step = match self.command(buffer)? {
                Ok(command) => self.obey(command, buffer),
                Err(step) => Some(step),
            };
            if step.is_some() {
                return step;
            }
        }
        if self.drain.is_some() { self.drained(buffer) } else { self.receive(buffer) }
    }

    /// Reads one command line; the error is what there is to do about one that is no command.
    fn command(&mut self, buffer: &mut Buffer) -> Option<Result<Command, Step<'static>>> {
        if self.first_line && line::is_another_protocol(buffer.as_slice()) {
            buffer.consume(buffer.len());
            return Some(Err(self.close(replies::not_smtp())));
        }
        let line = self.lines.take(buffer)?;
        self.first_line = false;
        let text = match line {
            // It may be the line of AUTH.
            Line::Whole(text) => Zeroizing::new(text),
            Line::Broken => return Some(Err(self.say(replies::broken_line()))),
            Line::TooLong => return Some(Err(self.say(replies::long_line()))),
            Line::AuthTooLong => return Some(Err(self.say(replies::long_auth_line()))),
        };
        Some(match crate::command::parse(&text) {
            Ok(command) => Ok(command),
            // How many bytes of a body follow cannot be known, and they must not be read as commands.
            Err(error @ CommandError::Chunk) => Err(self.close(error.into())),
            Err(error) => Err(self.say(error.into())),
        })
    }

    /// Does what a command asks for. Nothing is to be done at once for a chunk: its bytes come next.
    fn obey(&mut self, command: Command, buffer: &Buffer) -> Option<Step<'static>> {
        let tls_first = self.config.require_tls && !self.tls;
        Some(match command {
            Command::Ehlo(name) => self.greet(Helo { name, extended: true }),
            Command::Helo(name) => self.greet(Helo { name, extended: false }),
            Command::StartTls => self.start_tls(buffer),
            Command::Quit => self.close(replies::goodbye()),
            Command::Noop => self.junk(replies::noop()),
            Command::Help => self.junk(replies::help()),
            Command::Rset => self.reset(),
            Command::Bdat { size, last } => return self.bdat(size, last),
            Command::Mail { .. }
            | Command::Rcpt { .. }
            | Command::Data
            | Command::Vrfy
            | Command::Expn
            | Command::Auth { .. }
                if tls_first =>
            {
                self.say(replies::tls_first())
            }
            Command::Mail { from, params } => self.mail(from, params),
            Command::Rcpt { to, params } => self.rcpt(to, params),
            Command::Data => self.data(),
            Command::Vrfy => self.junk(replies::vrfy()),
            Command::Expn => self.say(replies::not_implemented()),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial.as_ref()),
        })
    }

    fn greet(&mut self, helo: Helo) -> Step<'static> {
        let reply = if helo.extended {
            replies::ehlo(&self.config, self.tls)
        } else {
            replies::helo(&self.config.hostname)
        };
        self.budget.junk();
        self.turn(Stage::Greeted(Greeted { helo }), reply)
    }

    fn reset(&mut self) -> Step<'static> {
        self.budget.junk();
        let next = match std::mem::take(&mut self.stage).into_greeted() {
            Some(greeted) => Stage::Greeted(greeted),
            None => Stage::Fresh,
        };
        self.turn(next, replies::reset())
    }

    /// Changes the stage to one without a transaction.
    fn turn(&mut self, next: Stage, reply: Reply) -> Step<'static> {
        self.stage = next;
        self.watch(&reply);
        Step::Reset(reply)
    }

    fn start_tls(&mut self, buffer: &Buffer) -> Step<'static> {
        if self.tls {
            return self.say(replies::tls_already());
        }
        if !self.config.starttls {
            return self.say(replies::not_implemented());
        }
        // RFC 3207 section 4.2, and the response of every implementation since 2011: what was sent in the clear behind the
        // command must not be read as if it had come under TLS.
        if !buffer.is_empty() {
            return self.close(replies::bytes_behind_starttls());
        }
        if !matches!(self.stage, Stage::Greeted(_)) {
            return self.say(replies::out_of_order(
                "STARTTLS comes after EHLO and outside of a transaction",
            ));
        }
        Step::Upgrade(replies::ready_for_tls())
    }

    fn junk(&mut self, reply: Reply) -> Step<'static> {
        self.budget.junk();
        self.say(reply)
    }

    fn say(&mut self, reply: Reply) -> Step<'static> {
        self.watch(&reply);
        Step::Say(reply)
    }

    fn close(&mut self, reply: Reply) -> Step<'static> {
        self.stage = Stage::Closed;
        Step::Close(reply)
    }

    /// Counts what was said, and ends the session when it was one error or one idle command too many.
    fn watch(&mut self, reply: &Reply) {
        if reply.code() >= 500 {
            self.budget.error();
        }
        if self.closing.is_none() {
            self.closing = self.budget.verdict();
        }
    }

    /// Throws away what has come of a refused chunk, and answers when that is all of it.
    fn drained(&mut self, buffer: &mut Buffer) -> Option<Step<'static>> {
        let Drain { remaining, .. } = self.drain.as_mut()?;
        let there = buffer.len().min(usize::try_from(*remaining).unwrap_or(usize::MAX));
        buffer.consume(there);
        *remaining = remaining.saturating_sub(u64::try_from(there).unwrap_or(u64::MAX));
        if *remaining > 0 {
            return None;
        }
        let Drain { reply, .. } = self.drain.take()?;
        Some(self.say(reply))
    }
}
