//! The closed vocabulary of what can go wrong, in one table: its word, its
//! enhanced status, and a sentence for people. The same word is in evidence, in
//! DSNs, in logs and in metric labels (`tls-delivery.md` 5.10).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How far a conversation with a host got, least far first: the try that got
/// furthest explains a failed attempt (`tls-delivery.md` 5.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was looked up or connected to.
    Plan,
    /// Looking the host up.
    Dns,
    /// TCP.
    Connect,
    /// The greeting and the first EHLO.
    Banner,
    /// After EHLO: STARTTLS was not offered.
    Ehlo,
    /// STARTTLS was refused.
    Starttls,
    /// From the positive reply to STARTTLS up to the EHLO under TLS.
    Tls,
    /// The certificate was judged.
    Verify,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA` and the message.
    Data,
}

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $sentence:literal;)*) => {
        /// Why a recipient was not delivered.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub enum Why {
            $($(#[$doc])* $variant,)*
        }

        impl Why {
            /// Every word.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word, as it stands in evidence, logs and metrics.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The enhanced status code of a message that waits because of it
            /// (RFC 3463; `tls-delivery.md` 5.5). A remote's own code goes before it.
            pub const fn status(self) -> &'static str {
                match self { $(Self::$variant => $status,)* }
            }

            /// A clause for people, to follow the host's name and a colon.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

vocabulary! {
    /// EHLO does not list STARTTLS, or there was no EHLO.
    StartTlsNotOffered = "starttls-not-offered", "4.7.4", "does not offer STARTTLS";
    /// STARTTLS was answered with 4xx or 5xx.
    StartTlsRefused = "starttls-refused", "4.7.4", "offers STARTTLS and refused it";
    /// STARTTLS was answered with a positive reply that is not 220, or with 421.
    StartTlsBadReply = "starttls-bad-reply", "4.7.5", "gave a reply to STARTTLS that means nothing";
    /// Bytes that nobody asked for (CVE-2011-0411 and its kin).
    ResponseInjection = "response-injection", "4.7.5", "sent data that nobody asked for";
    /// No protocol version in common.
    TlsVersion = "tls.version", "4.7.5", "speaks no TLS version that is accepted here (1.2 or newer)";
    /// No cipher suite in common.
    TlsCipher = "tls.cipher", "4.7.5", "has no cipher suite in common with us";
    /// The handshake failed with an alert, or with bytes that are no TLS.
    TlsAlert = "tls.alert", "4.7.5", "failed the TLS handshake";
    /// The connection ended within the handshake.
    TlsClosed = "tls.closed", "4.7.5", "closed the connection within the TLS handshake";
    /// The handshake did not end in time.
    TlsTimeout = "tls.timeout", "4.7.5", "did not finish the TLS handshake in time";
    /// The certificate is past its end.
    CertExpired = "cert.expired", "4.7.5", "has a certificate that has expired";
    /// The certificate is before its beginning.
    CertNotYetValid = "cert.not-yet-valid", "4.7.5", "has a certificate that is not valid yet";
    /// The certificate is for another name.
    CertName = "cert.name", "4.7.5", "has a certificate for another name";
    /// No trusted root.
    CertUntrusted = "cert.untrusted", "4.7.5", "has a certificate from nobody who is trusted here";
    /// An intermediate certificate was not sent.
    CertIncompleteChain = "cert.incomplete-chain", "4.7.5", "did not send the whole certificate chain";
    /// A key, a signature or an extension that is not accepted.
    CertUnsupported = "cert.unsupported", "4.7.5", "has a certificate that cannot be accepted";
    /// A session that does not meet its message's clauses was about to be used.
    GuardTripped = "guard-tripped", "4.3.0", "was about to be used over a session that is not good enough";
    /// DNSSEC says the answer is forged.
    DnsBogus = "dns.bogus", "4.4.3", "has DNS answers that fail DNSSEC validation";
    /// The look-up failed.
    DnsFail = "dns.fail", "4.4.3", "could not be looked up in DNS";
    /// Trust store, policy or level that cannot be used here.
    PolicyBroken = "policy.broken", "4.3.5", "cannot be judged by the policy of this gateway";
    /// The remote answered a command with 4xx or 5xx.
    RemoteReply = "remote-reply", "4.0.0", "answered";
    /// The host refused the connection, or the network did.
    ConnectRefused = "connect.refused", "4.4.1", "does not accept connections";
    /// The host did not answer in time.
    ConnectTimeout = "connect.timeout", "4.4.1", "did not answer in time";
    /// The connection was lost or fell silent.
    ConnectionLost = "connection.lost", "4.4.2", "lost the connection";
    /// A reply that is no SMTP.
    ReplyMalformed = "reply.malformed", "4.5.0", "gave a reply that is no SMTP";
    /// An address that mail is not sent to.
    AddressRefused = "address.refused", "5.4.4", "is at an address that mail is not sent to";
    /// The domain does not exist or takes no mail.
    NoMx = "no-mx", "5.1.2", "the domain takes no mail";
    /// The lifetime is over.
    Expired = "expired", "4.4.7", "could not be delivered in time";
    /// The mail would come back to us.
    Loop = "loop", "5.4.6", "is this gateway itself";
    /// A Message Rule rejected the recipient after others were accepted.
    RejectedByRule = "rejected-by-rule", "5.7.1", "was rejected by a Message Rule";
    /// The message could not be read back from the store.
    MessageUnreadable = "message.unreadable", "4.3.0", "could not be sent the message: it cannot be read from the store here";
    /// 8-bit content, and nobody takes it.
    NeedsEightBit = "needs.8bitmime", "5.6.3", "does not take 8-bit content";
    /// An international address, and nobody takes it.
    NeedsUtf8 = "needs.smtputf8", "5.6.7", "does not take international addresses";
}

impl Why {
    /// The word's meaning; `None` for a text that is no word of the vocabulary.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|why| why.word() == word)
    }

    /// Whether the cause is that the TLS which was demanded could not be had:
    /// what `enforced_expire` and `enforced_failure` are about.
    pub fn is_tls(self) -> bool {
        let word = self.word();
        word.starts_with("starttls-")
            || word.starts_with("tls.")
            || word.starts_with("cert.")
            || self == Self::ResponseInjection
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Why {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&word)
            .ok_or_else(|| serde::de::Error::custom(format!("{word:?} is no known cause")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_unique_and_read_back() {
        let words: BTreeSet<&str> = Why::ALL.iter().map(|why| why.word()).collect();
        assert_eq!(words.len(), Why::ALL.len());
        for why in Why::ALL {
            assert_eq!(Why::parse(why.word()), Some(*why));
        }
    }

    #[test]
    fn stages_are_ordered_by_how_far_they_got() {
        assert!(Stage::Rcpt > Stage::Mail && Stage::Mail > Stage::Verify);
        assert!(Stage::Verify > Stage::Tls && Stage::Tls > Stage::Starttls);
        assert!(Stage::Starttls > Stage::Ehlo && Stage::Ehlo > Stage::Banner);
        assert!(Stage::Banner > Stage::Connect && Stage::Connect > Stage::Dns);
    }
}
