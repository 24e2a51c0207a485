//! The only door to `MAIL`, `RCPT` and `DATA`.
//!
//! A [`Permit`] is one transaction on one session, made for one message by
//! [`super::Conn::admit`] or [`super::Conn::admit_enforced`]. It writes the envelope
//! (in one go where the host takes pipelined commands), then the body, and leaves
//! the session ready for another transaction, or marked as broken.

use std::{marker::PhantomData, time::Duration};

use gatepost_policy::evidence::{Stage, Why};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    body::DotStuffer,
    command::{MailParams, RcptParams},
    ehlo::Extensions,
    reply::Response,
};

use super::{
    command,
    line::{Line, State},
};
use crate::failure::Failure;

/// The sender of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'m> {
    /// The reverse path.
    pub from: &'m ReversePath,
    /// What the message was submitted with; a parameter goes out where the host
    /// offers its extension.
    pub params: &'m MailParams,
    /// The size of the message as it will be sent, in bytes, for `SIZE=`.
    pub size: u64,
}

/// A recipient of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Rcpt<'m> {
    /// The address.
    pub to: &'m Mailbox,
    /// What the recipient was submitted with, as for [`Mail::params`].
    pub params: &'m RcptParams,
}

/// How a host answered an envelope.
#[derive(Debug)]
pub enum Envelope<'a, S> {
    /// 354: the body is next, for the recipients that got a positive reply.
    Open {
        /// One reply a recipient, in order.
        recipients: Vec<Response>,
        /// Where the message is written to.
        body: Body<'a, S>,
    },
    /// Nothing will be sent. The session can carry another message.
    Refused {
        /// What was refused: [`Stage::Mail`], [`Stage::Rcpt`] (every recipient) or
        /// [`Stage::Data`].
        stage: Stage,
        /// The reply to `MAIL` or `DATA`; `None` where the recipients' replies say it.
        response: Option<Response>,
        /// One reply a recipient, in order; empty where `MAIL` was refused.
        recipients: Vec<Response>,
    },
}

/// One transaction on a session. Dropped in mid-transaction, it leaves the session
/// unusable.
#[derive(Debug)]
pub struct Permit<'a, S> {
    line: &'a mut Line,
    extensions: &'a Extensions,
    session: PhantomData<S>,
}

impl<'a, S> Permit<'a, S> {
    pub(super) const fn new(line: &'a mut Line, extensions: &'a Extensions) -> Self {
        Self { line, extensions, session: PhantomData }
    }

    /// What the host offers.
    pub const fn extensions(&self) -> &Extensions {
        self.extensions
    }

    /// Sends the envelope: `MAIL`, every `RCPT` and `DATA`, all in one write where
    /// the host offers PIPELINING (RFC 2920). `DATA` is not sent, or is ended with an
    /// empty body, where nobody is left to receive it.
    ///
    /// # Errors
    /// The session is lost; except for [`Why::NeedsUtf8`], where an address cannot be
    /// written for this host: nothing was sent then, and the session is as it was.
    pub async fn envelope(
        self,
        mail: Mail<'_>,
        recipients: &[Rcpt<'_>],
    ) -> Result<Envelope<'a, S>, Failure> {
        let Self { line, extensions, .. } = self;
        ready(line).await?;
        let sender = command::mail(mail, extensions)?;
        let recipients = recipients
            .iter()
            .map(|rcpt| command::rcpt(*rcpt, extensions))
            .collect::<Result<Vec<String>, Failure>>()?;
        // From here to the end of the transaction the session can be used by nothing
        // else; if this future is dropped on the way, it stays so.
        line.state = State::Broken;
        let answers = if extensions.pipelining {
            pipelined(line, &sender, &recipients).await?
        } else {
            one_by_one(line, &sender, &recipients).await?
        };
        answers.judge(line).await
    }
}

/// The replies to an envelope, as far as there are any.
struct Answers {
    mail: Response,
    recipients: Vec<Response>,
    data: Option<Response>,
    /// The session ended behind a refused sender: the refusal stands all the same.
    lost: bool,
}

async fn pipelined(
    line: &mut Line,
    sender: &str,
    recipients: &[String],
) -> Result<Answers, Failure> {
    line.queue(Stage::Mail, sender)?;
    for recipient in recipients {
        line.queue(Stage::Rcpt, recipient)?;
    }
    line.queue(Stage::Data, "DATA")?;
    line.send(Stage::Mail).await?;
    let limit = line.timeouts.command;
    let mail = expect_answer(Stage::Mail, line.reply(Stage::Mail, limit).await?)?;
    let rest = rest_of_envelope(line, recipients.len(), limit).await;
    match rest {
        Ok((recipients, data)) => Ok(Answers { mail, recipients, data: Some(data), lost: false }),
        Err(_) if !mail.is_positive() => {
            Ok(Answers { mail, recipients: Vec::new(), data: None, lost: true })
        }
        Err(failure) => Err(failure),
    }
}

async fn rest_of_envelope(
    line: &mut Line,
    recipients: usize,
    limit: Duration,
) -> Result<(Vec<Response>, Response), Failure> {
    let mut replies = Vec::with_capacity(recipients);
    for _ in 0..recipients {
        replies.push(expect_answer(Stage::Rcpt, line.reply(Stage::Rcpt, limit).await?)?);
    }
    Ok((replies, line.reply(Stage::Data, limit).await?))
}

async fn one_by_one(
    line: &mut Line,
    sender: &str,
    recipients: &[String],
) -> Result<Answers, Failure> {
    let mail = expect_answer(Stage::Mail, line.ask(Stage::Mail, sender).await?)?;
    let mut replies = Vec::with_capacity(recipients.len());
    if !mail.is_positive() {
        return Ok(Answers { mail, recipients: replies, data: None, lost: false });
    }
    for recipient in recipients {
        replies.push(expect_answer(Stage::Rcpt, line.ask(Stage::Rcpt, recipient).await?)?);
    }
    let data = if replies.iter().any(Response::is_positive) {
        Some(line.ask(Stage::Data, "DATA").await?)
    } else {
        None
    };
    Ok(Answers { mail, recipients: replies, data, lost: false })
}

/// A reply to `MAIL`, `RCPT` or the end of a body is 2xx, 4xx or 5xx (RFC 5321
/// section 4.3.2); anything else means that the two sides have lost step.
fn expect_answer(stage: Stage, response: Response) -> Result<Response, Failure> {
    if response.is_positive() || response.is_transient() || response.is_permanent() {
        Ok(response)
    } else {
        Err(Failure::replied(stage, Why::ReplyMalformed, response))
    }
}

impl Answers {
    async fn judge<S>(self, line: &mut Line) -> Result<Envelope<'_, S>, Failure> {
        let Self { mail, recipients, data, lost } = self;
        let wanted = mail.is_positive() && recipients.iter().any(Response::is_positive);
        match data {
            Some(data) if data.is_intermediate() && wanted => {
                line.expect_silence(Stage::Data)?;
                let body = Body { line, stuffer: DotStuffer::default(), session: PhantomData };
                return Ok(Envelope::Open { recipients, body });
            }
            Some(data) if data.is_intermediate() => {
                end_unwanted(line, &recipients).await;
            }
            Some(data) if wanted => {
                let data = expect_refusal(data)?;
                leave_open(line)?;
                return Ok(Envelope::Refused {
                    stage: Stage::Data,
                    response: Some(data),
                    recipients,
                });
            }
            Some(_) => leave_open(line)?,
            None if lost => {}
            None => leave_open(line)?,
        }
        Ok(if mail.is_positive() {
            Envelope::Refused { stage: Stage::Rcpt, response: None, recipients }
        } else {
            Envelope::Refused { stage: Stage::Mail, response: Some(mail), recipients: Vec::new() }
        })
    }
}

/// `DATA` is answered with 354, 4xx or 5xx.
fn expect_refusal(response: Response) -> Result<Response, Failure> {
    if response.is_transient() || response.is_permanent() {
        Ok(response)
    } else {
        Err(Failure::replied(Stage::Data, Why::ReplyMalformed, response))
    }
}

/// Answers a host that wants a body although nobody is to get one. Where it took no
/// recipient it gets an empty one, which it must refuse (RFC 2920 section 3.1). Where
/// it took recipients after refusing the sender, an empty body could become an empty
/// message: the session ends without one. What was refused stays refused either way.
async fn end_unwanted(line: &mut Line, recipients: &[Response]) {
    if recipients.iter().any(Response::is_positive) {
        return;
    }
    line.unsent().extend_from_slice(b".\r\n");
    if line.flush_end(Stage::Data).await.is_err() {
        return;
    }
    let limit = line.timeouts.command.saturating_mul(2);
    let refused = matches!(
        line.reply(Stage::Data, limit).await,
        Ok(response) if response.is_transient() || response.is_permanent()
    );
    if refused {
        // A failure here is only that the session cannot be used again, and it says so.
        leave_open(line).ok();
    }
}

/// Ends a transaction without a body. `RSET` is left to the next one, so that a
/// session with nothing more to carry saves the round trip. A host that hung up after
/// its refusal has refused nevertheless; one that says more than it was asked has
/// lost step, and its refusal may be about something else.
fn leave_open(line: &mut Line) -> Result<(), Failure> {
    match line.expect_silence(Stage::Rcpt) {
        Ok(()) => {
            line.state = State::NeedsReset;
            Ok(())
        }
        Err(failure) if failure.why == Why::ResponseInjection => Err(failure),
        Err(_) => Ok(()),
    }
}

/// Makes sure that a transaction can begin: the last one ended, nothing came in
/// since, and one that was left open is reset.
pub(super) async fn ready(line: &mut Line) -> Result<(), Failure> {
    match line.state {
        State::Idle => line.expect_silence(Stage::Mail),
        State::NeedsReset => {
            line.expect_silence(Stage::Mail)?;
            line.state = State::Broken;
            let response = line.ask(Stage::Mail, "RSET").await?;
            if !response.is_positive() {
                return Err(Failure::replied(Stage::Mail, Why::RemoteReply, response));
            }
            line.expect_silence(Stage::Mail)?;
            line.state = State::Idle;
            Ok(())
        }
        State::Broken => {
            let detail = "something on the session failed, or was begun and not ended, before";
            Err(Failure::new(Stage::Mail, Why::ConnectionLost, detail))
        }
    }
}

/// Where a message is written to, after 354. Dropped before [`Self::finish`], it
/// leaves the session unusable, and the host without a message.
#[derive(Debug)]
pub struct Body<'a, S> {
    line: &'a mut Line,
    stuffer: DotStuffer,
    session: PhantomData<S>,
}

impl<S> Body<'_, S> {
    /// Writes a piece of the message, cut anywhere. Lines that begin with a dot get
    /// another one (RFC 5321 section 4.5.2).
    ///
    /// # Errors
    /// A lost connection, or a bare CR or LF in the message: lenient hosts would take
    /// some of those for the end of it (CVE-2023-51764 and its kin), so the message
    /// is broken off, and the host has none.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.stuffer.push(chunk, self.line.unsent()).map_err(|error| unsendable(&error))?;
        self.line.flush_block(Stage::Data).await
    }

    /// Ends the message and reads what the host says to it, positive or negative.
    /// That may take twice the time of a command (RFC 5321 section 4.5.3.2.6).
    ///
    /// # Errors
    /// The session is lost, and whether the host has the message is not known. If it
    /// spoke before the end of the message, it has none, and what it said is in
    /// [`Failure::response`].
    pub async fn finish(self) -> Result<Response, Failure> {
        let Self { line, stuffer, .. } = self;
        // A reply that is here already is not about this message: it must not be taken
        // for its acceptance.
        line.expect_silence(Stage::Data)?;
        stuffer.finish(line.unsent()).map_err(|error| unsendable(&error))?;
        line.flush_end(Stage::Data).await?;
        let limit = line.timeouts.command.saturating_mul(2);
        let response = expect_answer(Stage::Data, line.reply(Stage::Data, limit).await?)?;
        if !line.has_unread() {
            line.state = State::Idle;
        }
        Ok(response)
    }
}

fn unsendable(error: &impl std::fmt::Display) -> Failure {
    let detail = format!("the message cannot be sent: {error}");
    Failure::new(Stage::Data, Why::MessageUnreadable, detail)
}
