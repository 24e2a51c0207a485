//! Doors for fuzzers: each takes any bytes and must come back without a panic.
//!
//! A fuzz target is one line that calls one of these; an ordinary test calls them with arbitrary bytes as well, so that a build
//! without a fuzzer still covers them. Where two ways lead to one result, both are gone and compared.

use crate::address::{DomainName, Mailbox, ReversePath, path};
use crate::body::{BdatDecoder, BodyLimits, DataDecoder, DotStuffer, Piece};
use crate::buffer::Buffer;
use crate::command;
use crate::ehlo::Extensions;
use crate::message::{Edits, HeaderLine, HeaderSection, decode_value, unfold};
use crate::reply::{EnhancedCode, Reply, take_response};
use crate::timestamp::Timestamp;

/// A line of a client.
pub fn command(bytes: &[u8]) {
    match command::parse(bytes) {
        Ok(command) => drop(format!("{command:?}")),
        Err(error) => error.reply().write_to(&mut Vec::new()),
    }
}

/// Replies of a server, one behind the other.
pub fn response(bytes: &[u8]) {
    let mut buffer = Buffer::default();
    buffer.extend(bytes);
    while let Ok(Some(response)) = take_response(&mut buffer) {
        drop((response.text(), Extensions::read(&response)));
    }
}

/// The head of a message: scanned, decoded, and each field left out in turn.
pub fn header(bytes: &[u8]) {
    let section = HeaderSection::scan(bytes);
    let mut edits = Edits { top: section.separator().to_vec(), cut: Vec::new() };
    for field in section.fields() {
        drop((unfold(field.raw_value(bytes)), decode_value(field.raw_value(bytes))));
        edits.leave_out(field.range());
    }
    let edited = edits.apply(bytes);
    debug_assert_eq!(
        u64::try_from(edited.len()).ok(),
        u64::try_from(bytes.len()).ok().map(|length| edits.length(length))
    );
}

/// Everything that is read from one line of text: addresses, names, codes, times, fields.
pub fn address(bytes: &[u8]) {
    if let Ok((inside, _)) = path::split_path(bytes) {
        drop(path::strip_route(inside).and_then(ReversePath::parse));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(mailbox) = Mailbox::parse(&text) {
        debug_assert_eq!(Mailbox::parse(&mailbox.to_string()).as_ref(), Ok(&mailbox));
        drop((mailbox.ascii(), mailbox.domain().key()));
    }
    drop((ReversePath::parse(&text), DomainName::parse(&text), path::strip_route(&text).is_ok()));
    drop((
        EnhancedCode::parse(&text),
        Reply::parse_refusal(&text),
        HeaderLine::parse(&text),
        Timestamp::parse_rfc3339(&text),
    ));
}

/// What follows DATA, and the same as one chunk of BDAT. A message that was taken goes out and comes back as itself.
pub fn body(bytes: &[u8]) {
    let limits = BodyLimits { message: 1 << 20, header_section: 1 << 20 };
    let mut chunk = BdatDecoder::new(limits);
    chunk.chunk(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let mut buffer = filled(bytes);
    while chunk.next(&mut buffer).is_some_and(|piece| piece != Piece::End) {}
    debug_assert!(chunk.finish() == chunk.error().map_or(Ok(()), Err));

    let Some(message) = received(bytes) else {
        return;
    };
    let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
    let sent = stuffer.push(&message, &mut out).and_then(|()| stuffer.finish(&mut out));
    debug_assert_eq!(sent, Ok(()));
    debug_assert_eq!(received(&out), Some(message));
}

/// Gives the message that DATA took, if it took one to its end.
fn received(bytes: &[u8]) -> Option<Vec<u8>> {
    let limits = BodyLimits { message: 1 << 20, header_section: 1 << 20 };
    let mut decoder = DataDecoder::new(limits);
    let mut buffer = filled(bytes);
    let mut message = Vec::new();
    loop {
        match decoder.next(&mut buffer)? {
            Piece::Bytes(bytes) => message.extend_from_slice(bytes),
            Piece::Broken(_) => return None,
            Piece::End => return Some(message),
        }
    }
}

fn filled(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::default();
    buffer.extend(bytes);
    buffer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOORS: [fn(&[u8]); 5] = [command, response, header, address, body];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            DOORS.iter().for_each(|door| door(&bytes));
        }

        #[test]
        fn bytes_that_look_right_are_survived(pieces in proptest::collection::vec(piece(), 0..40)) {
            let bytes = pieces.concat();
            DOORS.iter().for_each(|door| door(&bytes));
        }
    }

    /// Pieces that take a parser further in than noise would.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known: [&[u8]; 30] = [
            b"MAIL FROM:<",
            b"RCPT TO:<",
            b"BDAT 9",
            b"EHLO ",
            b"> SIZE=1",
            b" ENVID=+0A",
            b" ORCPT=utf-8;\\x{",
            b"@b.example",
            b"\"",
            b"\\",
            b">",
            b"@a,@b:",
            b"[IPv6:",
            b"]",
            b"\r\n",
            b"\n",
            b"\r",
            b".",
            b"\r\n.\r\n",
            b"250-",
            b"250 ",
            b"550 5.1.1 ",
            b"Subject: ",
            b" : ",
            b"=?utf-8?q?",
            b"=?iso-2022-jp?b?",
            b"?=",
            b"=",
            b"\0",
            b"\xe2\x80\xa8",
        ];
        let noise = proptest::collection::vec(any::<u8>(), 0..4);
        prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(<[u8]>::to_vec), 1 => noise]
    }
}
