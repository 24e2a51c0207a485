//! AUTH PLAIN and LOGIN from the server's side (RFC 4954, RFC 4616): reads what a client gives, judges nothing.

use crate::mx::record::{Channel, Login};

/// A login on its way in.
pub(crate) struct Reader {
    mechanism: String,
    answers: Vec<String>,
}

impl Reader {
    /// From the AUTH line, with its initial response where it has one.
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_ascii_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        Self { mechanism, answers: words.map(str::to_owned).collect() }
    }

    /// What the client is asked next, base64; None when there is nothing left to ask.
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        match (self.mechanism.as_str(), self.answers.len()) {
            ("PLAIN", 0) => Some(""),
            // "Username:" and "Password:".
            ("LOGIN", 0) => Some("VXNlcm5hbWU6"),
            ("LOGIN", 1) => Some("UGFzc3dvcmQ6"),
            _ => None,
        }
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, line: &str) {
        self.answers.push(line.to_owned());
    }

    /// The login as a record.
    pub(crate) fn finish(self, channel: Channel, accepted: bool) -> Login {
        let Self { mechanism, answers } = self;
        let mut decoded = answers.iter().map(|answer| decode(answer));
        let first = decoded.next().unwrap_or_default();
        let (username, password) = if mechanism == "PLAIN" {
            let mut parts = first.split('\0').skip(1).map(str::to_owned);
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        } else {
            (first, decoded.next().unwrap_or_default())
        };
        Login { mechanism, username, password, channel, accepted }
    }
}

/// Base64 to text; what is no base64 is left out.
fn decode(text: &str) -> String {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).expect("eight bits"));
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
