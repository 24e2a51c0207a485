//! What a server offers in its answer to EHLO (RFC 5321 §4.1.1.1).
//!
//! A keyword counts by the first word of its line, in any case, whatever follows it. What is not understood is ignored, and a
//! server that only speaks HELO offers nothing.

use crate::reply::Response;

/// The extensions that a server offers, as far as they matter here.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one keyword of the peer, independent of the others"
)]
pub struct Extensions {
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// A keyword that looks like STARTTLS written over on the way, as some firewalls do (`XXXXXXXA`).
    pub starttls_overwritten: bool,
    /// SIZE (RFC 1870): the largest message in bytes; 0 if the server states no limit.
    pub size: Option<u64>,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eightbitmime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced: bool,
    /// The mechanisms of AUTH (RFC 4954), in upper case, in the order of the server.
    pub auth: Vec<String>,
    /// REQUIRETLS (RFC 8689).
    pub requiretls: bool,
}

impl Extensions {
    /// Gives the offer of a server that only speaks HELO: nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the offer from a positive answer to EHLO. Its first line is a greeting and no keyword.
    #[must_use]
    pub fn read(response: &Response) -> Self {
        let mut offer = Self::none();
        for line in response.lines.iter().skip(1) {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            if let Some(keyword) = words.next() {
                offer.add(keyword, words);
            }
        }
        offer
    }

    fn add<'a>(&mut self, keyword: &[u8], mut words: impl Iterator<Item = &'a [u8]>) {
        match keyword.to_ascii_uppercase().as_slice() {
            b"STARTTLS" => self.starttls = true,
            b"PIPELINING" => self.pipelining = true,
            b"8BITMIME" => self.eightbitmime = true,
            b"SMTPUTF8" => self.smtputf8 = true,
            b"CHUNKING" => self.chunking = true,
            b"DSN" => self.dsn = true,
            b"ENHANCEDSTATUSCODES" => self.enhanced = true,
            b"REQUIRETLS" => self.requiretls = true,
            b"SIZE" => {
                let limit = words
                    .next()
                    .and_then(|word| std::str::from_utf8(word).ok())
                    .and_then(|word| word.parse().ok());
                self.size = Some(limit.unwrap_or(0));
            }
            b"AUTH" => {
                let mechanisms = words.filter_map(|word| std::str::from_utf8(word).ok());
                self.auth.extend(mechanisms.map(str::to_ascii_uppercase));
            }
            // The length stays, so that nothing else of the answer has to be changed.
            other if other.len() == 8 && other.starts_with(b"XXXXXXX") => {
                self.starttls_overwritten = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::read_response;

    fn offer(bytes: &[u8]) -> Extensions {
        Extensions::read(&read_response(bytes).unwrap().unwrap().0)
    }

    #[test]
    fn keywords_count_by_first_word_in_any_case() {
        let offer = offer(b"250-mx.example hello\r\n250-starttls now please\r\n250-Size 1000\r\n250-PIPELINING\r\n250-8bitmime\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH plain LOGIN\r\n250 REQUIRETLS\r\n");
        let all = Extensions {
            starttls: true,
            starttls_overwritten: false,
            size: Some(1000),
            pipelining: true,
            eightbitmime: true,
            smtputf8: true,
            chunking: true,
            dsn: true,
            enhanced: true,
            auth: vec!["PLAIN".into(), "LOGIN".into()],
            requiretls: true,
        };
        assert_eq!(offer, all);
    }

    #[test]
    fn b26_starttls_that_was_written_over_is_noticed_and_does_not_count() {
        let offer = offer(b"250-mx.example\r\n250-XXXXXXXA\r\n250 DSN\r\n");
        assert!(offer.starttls_overwritten && !offer.starttls);
        assert!(
            !self::offer(b"250-mx.example\r\n250-XEXCH50\r\n250 XXXX\r\n").starttls_overwritten
        );
    }

    #[test]
    fn the_greeting_line_is_no_keyword() {
        assert_eq!(offer(b"250 STARTTLS\r\n"), Extensions::none());
        assert_eq!(offer(b"250-STARTTLS\r\n250 X-STARTTLS STARTTLS\r\n"), Extensions::none());
    }

    #[test]
    fn a_size_without_a_number_states_no_limit() {
        for line in [
            &b"250-a\r\n250 SIZE\r\n"[..],
            b"250-a\r\n250 SIZE 0\r\n",
            b"250-a\r\n250 SIZE lots\r\n",
        ] {
            assert_eq!(offer(line).size, Some(0));
        }
    }
}
