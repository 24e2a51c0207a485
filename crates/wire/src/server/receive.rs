//! The body of a message, from the first byte to what is said at its end.

use super::stage::{Body, Greeted, Receiving, Stage};
use super::{Drain, Session, Step, replies};
use crate::body::{BodyError, Piece};
use crate::buffer::Buffer;
use crate::reply::Reply;

impl Session {
    /// Refuses the body that is coming in: the rest is read to its true end and thrown away, then `reply` is said. Outside of a
    /// body it does nothing.
    pub fn refuse_body(&mut self, reply: Reply) {
        if let Stage::Receiving(receiving) = &mut self.stage {
            match &mut receiving.body {
                Body::Data(decoder) => decoder.discard(),
                Body::Chunk { decoder, .. } => decoder.discard(),
            }
            receiving.refusal.get_or_insert(reply);
        }
    }

    pub(super) fn receive<'b>(&mut self, buffer: &'b mut Buffer) -> Option<Step<'b>> {
        let Stage::Receiving(receiving) = &mut self.stage else {
            return None;
        };
        let piece = match &mut receiving.body {
            Body::Data(decoder) => decoder.next(buffer),
            Body::Chunk { decoder, .. } => decoder.next(buffer),
        };
        match piece? {
            Piece::Bytes(bytes) => Some(Step::Body(bytes)),
            Piece::Broken(error) => Some(Step::BodyBroken(error)),
            Piece::End => self.end(),
        }
    }

    fn end(&mut self) -> Option<Step<'static>> {
        let Stage::Receiving(mut receiving) = std::mem::take(&mut self.stage) else {
            return None;
        };
        let (last, error) = match &mut receiving.body {
            Body::Data(decoder) => (true, decoder.error()),
            Body::Chunk { decoder, last: true, .. } => (true, decoder.finish().err()),
            Body::Chunk { decoder, last: false, .. } => (false, decoder.error()),
        };
        if let Some(reply) = receiving.refusal.take().or_else(|| error.map(refusal)) {
            self.stage = after_refused_chunk(receiving.into_greeted(), last);
            self.watch(&reply);
            return Some(Step::Reset(reply));
        }
        if let Body::Chunk { size, last: false, .. } = &receiving.body {
            let reply = replies::chunk_taken(*size);
            self.stage = Stage::BetweenChunks(receiving);
            return Some(self.say(reply));
        }
        let Receiving { envelope, .. } = *receiving;
        self.stage = Stage::Greeted(Greeted { helo: envelope.helo.clone() });
        self.budget.message();
        Some(Step::BodyEnd(Box::new(envelope)))
    }

    /// Goes on to the next chunk of the message that `receiving` is.
    pub(super) fn next_chunk(&mut self, mut receiving: Box<Receiving>, size: u64, last: bool) {
        if let Body::Chunk { decoder, size: announced, last: is_last } = &mut receiving.body {
            decoder.chunk(size);
            *announced = size;
            *is_last = last;
        }
        self.stage = Stage::Receiving(receiving);
    }

    /// Reads a chunk that has no place here and throws it away, then says so (RFC 3030 section 2).
    pub(super) fn refuse_chunk(&mut self, size: u64, last: bool, reply: Reply) {
        self.drain = Some(Drain { remaining: size, reply });
        if let Stage::Spoiled(_) = &self.stage
            && let Stage::Spoiled(greeted) = std::mem::take(&mut self.stage)
        {
            self.stage = after_refused_chunk(greeted, last);
        }
    }
}

/// A refused last chunk ends the transaction; behind any other one the client may have more of them on the way.
pub(super) fn after_refused_chunk(greeted: Greeted, last: bool) -> Stage {
    if last { Stage::Greeted(greeted) } else { Stage::Spoiled(greeted) }
}

fn refusal(error: BodyError) -> Reply {
    match error {
        BodyError::BareCr | BodyError::BareLf | BodyError::Nul => replies::no_message(error),
        BodyError::TooBig => replies::too_big(),
        BodyError::HeaderTooBig => replies::header_too_big(),
    }
}
