//! The record of a body, as it stands in a segment or in a file of its own.
//!
//! A record is a header of [`HEADER`] bytes, the body, and the envelope as JSON.
//! The header holds a magic word, a version, the lengths, the message's id and a
//! CRC-32C over all of it. A record that does not check is never delivered and
//! never deleted. The envelope is there so that a store could be rebuilt from
//! its segments alone.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use gatepost_policy::id::MessageId;
use ulid::Ulid;

/// Bytes of a record's header.
pub(crate) const HEADER: usize = 40;

const MAGIC: [u8; 4] = *b"GPbr";
const VERSION: u32 = 1;

/// How much is read at a time while a sum is checked.
const PIECE: u64 = 64 * 1024;

/// The header of a record. All numbers are little-endian.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) message: MessageId,
    pub(crate) body: u64,
    pub(crate) envelope: u32,
    sum: u32,
}

/// What a record turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Check {
    /// The record is as it was written.
    Good(Header),
    /// It is not, or it is the record of another message.
    Damaged,
}

impl Header {
    /// The header for a body whose own sum is `body_sum`.
    pub(crate) fn new(
        message: MessageId,
        body: u64,
        body_sum: u32,
        envelope: &[u8],
    ) -> io::Result<Self> {
        let length = u32::try_from(envelope.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "envelope over 4 GiB"))?;
        let mut header = Self { message, body, envelope: length, sum: 0 };
        header.sum = header.sum_with(crc32c::crc32c_append(body_sum, envelope));
        Ok(header)
    }

    /// Bytes of the whole record.
    pub(crate) fn record(&self) -> u64 {
        let header = u64::try_from(HEADER).unwrap_or(u64::MAX);
        header.saturating_add(self.body).saturating_add(u64::from(self.envelope))
    }

    pub(crate) fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut rest = bytes.as_mut_slice();
        for part in [
            MAGIC.as_slice(),
            &VERSION.to_le_bytes(),
            &self.body.to_le_bytes(),
            &self.envelope.to_le_bytes(),
            &self.message.ulid().to_bytes(),
            &self.sum.to_le_bytes(),
        ] {
            let (to, left) = rest.split_at_mut(part.len());
            to.copy_from_slice(part);
            rest = left;
        }
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_first_chunk::<8>()?;
        let (envelope, rest) = rest.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_first_chunk::<16>()?;
        let (sum, _) = rest.split_first_chunk::<4>()?;
        (*magic == MAGIC && u32::from_le_bytes(*version) == VERSION).then(|| Self {
            message: MessageId::from_ulid(Ulid::from_bytes(*message)),
            body: u64::from_le_bytes(*body),
            envelope: u32::from_le_bytes(*envelope),
            sum: u32::from_le_bytes(*sum),
        })
    }

    /// The sum of a record: over body and envelope, then over the header without
    /// its sum. The body comes first since its sum is known while it streams in.
    fn sum_with(&self, sum: u32) -> u32 {
        let without = Self { sum: 0, ..*self }.bytes();
        crc32c::crc32c_append(sum, &without)
    }
}

/// Writes a record to the end of `out`.
pub(crate) fn encode(header: &Header, body: &[u8], envelope: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header.bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(envelope);
}

/// Where a record is read from, and what it should be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) message: MessageId,
    pub(crate) at: u64,
    pub(crate) record: u64,
}

/// Checks the record that is expected in `file`, in pieces.
///
/// # Errors
/// When the file cannot be read. A file that ends too early is damage, not an error.
pub(crate) fn check(file: &File, expected: Expected) -> io::Result<Check> {
    let Some(header) = header_at(file, expected)? else { return Ok(Check::Damaged) };
    let mut at = expected.at.saturating_add(u64::try_from(HEADER).unwrap_or(u64::MAX));
    let end = expected.at.saturating_add(expected.record);
    let (mut sum, mut piece) = (0, Vec::new());
    while at < end {
        let length = PIECE.min(end.saturating_sub(at));
        // One piece of memory for all of them.
        piece.resize(usize::try_from(length).unwrap_or(0), 0);
        match file.read_exact_at(&mut piece, at) {
            Ok(()) => sum = crc32c::crc32c_append(sum, &piece),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Check::Damaged);
            }
            Err(error) => return Err(error),
        }
        at = at.saturating_add(length);
    }
    Ok(if header.sum_with(sum) == header.sum { Check::Good(header) } else { Check::Damaged })
}

/// Reads the whole expected record; `None` if it is damaged.
pub(crate) fn read(file: &File, expected: Expected) -> io::Result<Option<(Header, Vec<u8>)>> {
    let Some(header) = header_at(file, expected)? else { return Ok(None) };
    let from = expected.at.saturating_add(u64::try_from(HEADER).unwrap_or(u64::MAX));
    let length = header.body.saturating_add(u64::from(header.envelope));
    let Some(rest) = read_at(file, from, length)? else { return Ok(None) };
    let good = header.sum_with(crc32c::crc32c(&rest)) == header.sum;
    Ok(good.then_some((header, rest)))
}

/// The header, if it is that of the message and of the length that the row says.
fn header_at(file: &File, expected: Expected) -> io::Result<Option<Header>> {
    let length = u64::try_from(HEADER).unwrap_or(u64::MAX);
    let Some(bytes) = read_at(file, expected.at, length)? else { return Ok(None) };
    Ok(Header::parse(&bytes)
        .filter(|h| h.message == expected.message && h.record() == expected.record))
}

/// Reads exactly `length` bytes, or says that the file ended before.
fn read_at(file: &File, at: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    match read_exact_at(file, at, length) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_exact_at(file: &File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "length out of range"))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn record(body: &[u8]) -> (Expected, Vec<u8>) {
        let message = MessageId::from_ulid(Ulid::from_parts(7, 9));
        let envelope = br#"{"sender":"a@b.test"}"#;
        let length = u64::try_from(body.len()).unwrap();
        let header = Header::new(message, length, crc32c::crc32c(body), envelope).unwrap();
        let mut bytes = Vec::new();
        encode(&header, body, envelope, &mut bytes);
        (Expected { message, at: 0, record: header.record() }, bytes)
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let (expected, bytes) = record(b"Subject: x\r\n\r\nhello\r\n");
        let file = file(&bytes);
        let (header, rest) = read(&file, expected).unwrap().unwrap();
        assert_eq!(rest.get(..21), Some(b"Subject: x\r\n\r\nhello\r\n".as_slice()));
        assert_eq!(check(&file, expected).unwrap(), Check::Good(header));
    }

    #[test]
    fn any_changed_byte_is_damage() {
        let (expected, good) = record(b"some body");
        for index in 0..good.len() {
            let mut bytes = good.clone();
            bytes[index] ^= 0x10;
            let file = file(&bytes);
            assert_eq!(check(&file, expected).unwrap(), Check::Damaged, "byte {index}");
            assert!(read(&file, expected).unwrap().is_none(), "byte {index}");
        }
    }

    #[test]
    fn a_torn_record_is_damage() {
        let (expected, good) = record(b"some body");
        for length in 0..good.len() {
            let file = file(&good[..length]);
            assert_eq!(check(&file, expected).unwrap(), Check::Damaged, "cut at {length}");
        }
    }

    #[test]
    fn the_record_of_another_message_is_damage() {
        let (expected, bytes) = record(b"some body");
        let other = MessageId::from_ulid(Ulid::from_parts(7, 10));
        let expected = Expected { message: other, ..expected };
        assert_eq!(check(&file(&bytes), expected).unwrap(), Check::Damaged);
    }
}
