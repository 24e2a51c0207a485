//! What a ClientHello offers that the library does not tell: an earlier session, and early data.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::mx::record::Offered;

/// The extensions by their numbers (RFC 5077, RFC 8446 section 4.2).
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;

/// What the ClientHello that comes next offers. Takes nothing off the stream.
pub(super) async fn offers(stream: &TcpStream) -> Offered {
    let mut bytes = vec![0; 16 * 1024];
    // A ClientHello may come in several segments; one that never gets whole is judged by what there is.
    for _ in 0..200 {
        let Ok(read) = stream.peek(&mut bytes).await else { break };
        let length = usize::from(bytes[3]) * 256 + usize::from(bytes[4]);
        if read == 0 || bytes[0] != 22 || (read > 5 && read >= length + 5) {
            return judge(&bytes[..read]).unwrap_or_default();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Offered::default()
}

fn judge(record: &[u8]) -> Option<Offered> {
    // Record header, handshake header, version, random.
    let mut rest = record.get(5 + 4 + 2 + 32..)?;
    skip(&mut rest, 1)?;
    skip(&mut rest, 2)?;
    skip(&mut rest, 1)?;
    // What stands behind the extensions is another record.
    let length = usize::from(*rest.first()?) * 256 + usize::from(*rest.get(1)?);
    rest = rest.get(2..2 + length)?;
    let mut offered = Offered::default();
    while rest.len() >= 4 {
        let kind = u16::from_be_bytes([rest[0], rest[1]]);
        rest = &rest[2..];
        let empty = rest[0] == 0 && rest[1] == 0;
        skip(&mut rest, 2)?;
        offered.ticket |= kind == PRE_SHARED_KEY || (kind == SESSION_TICKET && !empty);
        offered.early_data |= kind == EARLY_DATA;
    }
    Some(offered)
}

/// Skips a vector whose length stands before it in so many bytes.
fn skip(rest: &mut &[u8], length_bytes: usize) -> Option<()> {
    let length =
        rest.get(..length_bytes)?.iter().fold(0, |all, byte| all * 256 + usize::from(*byte));
    *rest = rest.get(length_bytes + length..)?;
    Some(())
}
