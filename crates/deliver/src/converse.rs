//! One transaction over a permit: `MAIL`, `RCPT`, `DATA`, the message.
//!
//! This is the only place that speaks to a host about a message, and it needs a
//! [`Permit`]: which session may carry which message was decided before. Every
//! recipient that was handed in comes back with what the host said to it.

use gatepost_net::{
    conn::{Body, Envelope, Mail, Permit, Rcpt},
    failure::Failure,
};
use gatepost_policy::evidence::{Stage, Why};
use gatepost_store::{Claim, Dispatch, QueuedRecipient, StoreError};
use gatepost_wire::{message::EditReader, reply::Response};

use crate::trial::{Quote, Said};

/// A message on its way: the claim, and which of its recipients this transaction is for.
pub(crate) struct Letter<'a> {
    pub claim: &'a Claim,
    pub dispatch: &'a dyn Dispatch,
    /// Recipients by their index in the claim.
    pub recipients: Vec<(usize, &'a QueuedRecipient)>,
}

/// What came of a transaction.
pub(crate) struct Spoken {
    /// For each recipient of the letter: its index in the claim, and what was said.
    pub said: Vec<(usize, Said)>,
    /// What was observed, for people, where the conversation broke off.
    pub detail: Option<String>,
    /// How the session stands afterwards.
    pub session: Afterwards,
}

/// The state of a session after a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Afterwards {
    /// It can carry another message.
    Alive,
    /// It ended before the host said anything about the message.
    LostBeforeMail,
    /// It ended within the transaction; the host has no message.
    Lost,
    /// Nothing was said, because the stored message is damaged: the store holds it now.
    Damaged,
    /// It ended after the final dot: whether the host has the message is not known,
    /// and trying another host now would invite a duplicate.
    Uncertain,
}

/// Carries a message over a session.
pub(crate) async fn transmit<S>(permit: Permit<'_, S>, letter: &Letter<'_>) -> Spoken {
    let message = letter.claim.message();
    // Read before anything is said: a body that cannot be read sends no envelope.
    let first = match Source::open(letter).await {
        Ok(source) => source,
        Err(error) if error.is_damage() => {
            return unreadable(letter, &error, Afterwards::Damaged);
        }
        Err(error) => return unreadable(letter, &error, Afterwards::Alive),
    };
    let mail = Mail { from: &message.sender, params: &message.params, size: first.size };
    let recipients: Vec<Rcpt<'_>> = letter
        .recipients
        .iter()
        .map(|(_, recipient)| Rcpt { to: &recipient.mailbox, params: &recipient.params })
        .collect();
    match permit.envelope(mail, &recipients).await {
        Ok(Envelope::Open { recipients, body }) => {
            let taken = judge_recipients(letter, &recipients);
            send_body(letter, taken, body, first).await
        }
        Ok(Envelope::Refused { stage, response, recipients }) => {
            let said = refused(letter, stage, response.as_ref(), &recipients);
            Spoken { said, detail: None, session: Afterwards::Alive }
        }
        Err(failure) => {
            let session = if failure.stage <= Stage::Mail {
                Afterwards::LostBeforeMail
            } else {
                Afterwards::Lost
            };
            broken(letter, failure, session)
        }
    }
}

/// The bytes as they go out: the edits applied to the stored message, read piece by piece.
struct Source<'a> {
    stored: gatepost_store::Body,
    edits: EditReader<'a>,
    size: u64,
}

impl<'a> Source<'a> {
    async fn open(letter: &Letter<'a>) -> Result<Self, StoreError> {
        let stored = letter.dispatch.body(letter.claim).await?;
        let edits = &letter.claim.copy().edits;
        let size = edits.length(letter.claim.message().size);
        Ok(Self { stored, edits: edits.reader(), size })
    }
}

/// What `RCPT` was answered with; `None` for a recipient that awaits the end of the body.
fn judge_recipients(letter: &Letter<'_>, replies: &[Response]) -> Vec<(usize, Option<Said>)> {
    let answers = letter.recipients.iter().zip(replies);
    answers.map(|((index, _), reply)| (*index, negative(Stage::Rcpt, reply))).collect()
}

fn negative(stage: Stage, reply: &Response) -> Option<Said> {
    if reply.is_positive() {
        return None;
    }
    // RFC 5321 section 4.5.3.1.10: 552 to RCPT means "too many recipients", which is 452.
    let too_many = stage == Stage::Rcpt && reply.code == 552;
    Some(if reply.is_permanent() && !too_many {
        Said::Refused { stage, reply: Quote::of(reply) }
    } else {
        Said::waits(stage, Why::RemoteReply, Some(reply))
    })
}

async fn send_body<S>(
    letter: &Letter<'_>,
    taken: Vec<(usize, Option<Said>)>,
    mut body: Body<'_, S>,
    source: Source<'_>,
) -> Spoken {
    let settle = |said: &dyn Fn() -> Said| {
        taken
            .iter()
            .map(|(index, earlier)| (*index, earlier.clone().unwrap_or_else(said)))
            .collect()
    };
    match write_all(&mut body, source).await {
        Ok(()) => {}
        Err(Broken::Store(error)) => {
            // The body is dropped unfinished: the host has no message.
            return unreadable(letter, &error, Afterwards::Lost);
        }
        Err(Broken::Session(failure)) => {
            let said = failed(&failure);
            return Spoken {
                said: settle(&|| said.clone()),
                detail: Some(failure.detail),
                session: Afterwards::Lost,
            };
        }
    }
    match body.finish().await {
        Ok(reply) => {
            let accepted = Said::Accepted { reply: Quote::of(&reply) };
            let said = negative(Stage::Data, &reply).unwrap_or(accepted);
            Spoken { said: settle(&|| said.clone()), detail: None, session: Afterwards::Alive }
        }
        Err(failure) => {
            let said = failed(&failure);
            Spoken {
                said: settle(&|| said.clone()),
                detail: Some(failure.detail),
                session: Afterwards::Uncertain,
            }
        }
    }
}

enum Broken {
    Store(StoreError),
    Session(Failure),
}

async fn write_all<S>(body: &mut Body<'_, S>, source: Source<'_>) -> Result<(), Broken> {
    let Source { mut stored, mut edits, size: _ } = source;
    // The top goes out with the first call, also for a message of no bytes.
    for piece in edits.next_chunk(b"") {
        body.write(piece).await.map_err(Broken::Session)?;
    }
    while let Some(chunk) = stored.next().await.map_err(Broken::Store)? {
        for piece in edits.next_chunk(&chunk) {
            body.write(piece).await.map_err(Broken::Session)?;
        }
    }
    Ok(())
}

/// What a lost session says about a recipient that was still open. What the host
/// said for good before it closed still counts.
fn failed(failure: &Failure) -> Said {
    match &failure.response {
        Some(reply) if reply.is_permanent() => {
            Said::Refused { stage: failure.stage, reply: Quote::of(reply) }
        }
        _ => Said::of(failure),
    }
}

fn refused(
    letter: &Letter<'_>,
    stage: Stage,
    response: Option<&Response>,
    recipients: &[Response],
) -> Vec<(usize, Said)> {
    let whole = || {
        response
            .and_then(|reply| negative(stage, reply))
            .unwrap_or_else(|| Said::waits(stage, Why::ReplyMalformed, response))
    };
    letter
        .recipients
        .iter()
        .enumerate()
        .map(|(nth, (index, _))| {
            let own = recipients.get(nth).and_then(|reply| negative(Stage::Rcpt, reply));
            (*index, own.unwrap_or_else(whole))
        })
        .collect()
}

fn broken(letter: &Letter<'_>, failure: Failure, session: Afterwards) -> Spoken {
    let said = Said::of(&failure);
    let said = letter.recipients.iter().map(|(index, _)| (*index, said.clone())).collect();
    Spoken { said, detail: Some(failure.detail), session }
}

fn unreadable(letter: &Letter<'_>, error: &StoreError, session: Afterwards) -> Spoken {
    let said = Said::waits(Stage::Plan, Why::MessageUnreadable, None);
    tracing::error!(
        message = %letter.claim.message().id,
        error = error as &dyn std::error::Error,
        "the message could not be read back"
    );
    Spoken {
        said: letter.recipients.iter().map(|(index, _)| (*index, said.clone())).collect(),
        detail: Some(error.to_string()),
        session,
    }
}
