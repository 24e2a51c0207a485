//! The closed vocabulary of what can go wrong, in one table: its word, its
//! enhanced status, what it is about, a sentence for people, what the sender can do
//! and what the other side's administrator can do. The same row drives evidence,
//! DSNs, alerts, logs, metric labels and filters (`tls-delivery.md` 5.10).

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
    /// Logging in to a smart host.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA` and the message.
    Data,
}

/// What a cause is about: who can mend it, and whether time can.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum About {
    /// The TLS that was demanded could not be had: what `enforced_expire` and
    /// `enforced_failure` are about.
    Tls,
    /// A fault of this gateway, which its own administrator mends.
    Ours,
    /// The message or its address: to try again cannot help.
    Hopeless,
    /// Anything else, which may pass.
    Passing,
}

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $about:ident,
        $sentence:literal, $remedy:literal, $hint:literal;)*) => {
        /// Why a recipient was not delivered.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub enum Why {
            $($(#[$doc])* $variant,)*
        }

        impl Why {
            /// Every word.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word, as it stands in evidence, logs, metric labels and filters.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The enhanced status code of a message that waits because of it
            /// (RFC 3463; `tls-delivery.md` 5.5). A remote's own code goes before it.
            pub const fn status(self) -> &'static str {
                match self { $(Self::$variant => $status,)* }
            }

            /// What it is about.
            pub const fn about(self) -> About {
                match self { $(Self::$variant => About::$about,)* }
            }

            /// A clause for people, to follow the host's name and a colon.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// What the sender of a message can do, as whole sentences.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }

            /// What the administrator of the recipient's mail server can do, as whole
            /// sentences; empty where it is not for them to do anything.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }
        }
    };
}

vocabulary! {
    /// EHLO does not list STARTTLS, or there was no EHLO.
    StartTlsNotOffered = "starttls-not-offered", "4.7.4", Tls,
        "does not offer STARTTLS",
        "Tell the recipient that their mail server takes no encrypted mail, or send this another way.",
        "Let the server offer STARTTLS with TLS 1.2 or newer to every sender. If it does, something on the way hides it.";
    /// STARTTLS was answered with 4xx or 5xx.
    StartTlsRefused = "starttls-refused", "4.7.4", Tls,
        "offers STARTTLS and refused it",
        "Tell the recipient that their mail server refuses encrypted mail, or send this another way.",
        "The server lists STARTTLS and then refuses it: its log says why, most often a certificate or key that it cannot read.";
    /// STARTTLS was answered with a positive reply that is not 220, or with 421.
    StartTlsBadReply = "starttls-bad-reply", "4.7.5", Tls,
        "gave a reply to STARTTLS that means nothing",
        "Tell the recipient that their mail server is set up wrongly for encrypted mail.",
        "The only positive reply to STARTTLS is 220 (RFC 3207). A filter in front of the server may be answering.";
    /// Bytes that nobody asked for (CVE-2011-0411 and its kin).
    ResponseInjection = "response-injection", "4.7.5", Tls,
        "sent data that nobody asked for",
        "Tell your own postmaster: somebody on the way may be tampering with the connection.",
        "Bytes arrived that no command had asked for. Update the server, and look for a filter in front of it.";
    /// No protocol version in common.
    TlsVersion = "tls.version", "4.7.5", Tls,
        "speaks no TLS version that is accepted here (1.2 or newer)",
        "Tell the recipient that their mail server only speaks outdated encryption, or send this another way.",
        "Enable TLS 1.2 or 1.3 (RFC 9325).";
    /// No cipher suite in common.
    TlsCipher = "tls.cipher", "4.7.5", Tls,
        "has no cipher suite in common with us",
        "Tell the recipient that their mail server only speaks outdated encryption, or send this another way.",
        "Enable cipher suites with forward secrecy and AEAD: ECDHE with AES-GCM or ChaCha20-Poly1305 (RFC 9325).";
    /// The handshake failed with an alert, or with bytes that are no TLS.
    TlsAlert = "tls.alert", "4.7.5", Tls,
        "failed the TLS handshake",
        "Tell the recipient that their mail server fails when encryption begins, or send this another way.",
        "The server accepts STARTTLS and then fails: check its certificate, its key, and the TLS versions and ciphers it allows.";
    /// The connection ended within the handshake.
    TlsClosed = "tls.closed", "4.7.5", Tls,
        "closed the connection within the TLS handshake",
        "Tell the recipient that their mail server fails when encryption begins, or send this another way.",
        "The server hangs up within the handshake: its log says why. A firewall that inspects mail does the same.";
    /// The handshake did not end in time.
    TlsTimeout = "tls.timeout", "4.7.5", Tls,
        "did not finish the TLS handshake in time",
        "Wait, or send this another way. If it goes on, tell the recipient.",
        "The server accepts STARTTLS and then says nothing: look for overload, or for a firewall that inspects mail.";
    /// The certificate is past its end.
    CertExpired = "cert.expired", "4.7.5", Tls,
        "has a certificate that has expired",
        "Tell the recipient that the certificate of their mail server has expired.",
        "Renew the certificate and restart the server, so that it shows the new one.";
    /// The certificate is before its beginning.
    CertNotYetValid = "cert.not-yet-valid", "4.7.5", Tls,
        "has a certificate that is not valid yet",
        "Tell the recipient that the certificate of their mail server is not valid yet.",
        "Check the date of the certificate and the clock of the machine that made it.";
    /// The certificate is for another name.
    CertName = "cert.name", "4.7.5", Tls,
        "has a certificate for another name",
        "Tell the recipient that the certificate of their mail server does not name it.",
        "The certificate must list the name of the MX host among its subjectAltNames (RFC 9525).";
    /// No trusted root.
    CertUntrusted = "cert.untrusted", "4.7.5", Tls,
        "has a certificate from nobody who is trusted here",
        "Tell the recipient that the certificate of their mail server cannot be verified.",
        "Use a certificate of a public certification authority, and its own key.";
    /// An intermediate certificate was not sent.
    CertIncompleteChain = "cert.incomplete-chain", "4.7.5", Tls,
        "did not send the whole certificate chain",
        "Tell the recipient that the certificate of their mail server cannot be verified.",
        "Configure the whole chain: the certificate, then every intermediate one.";
    /// A key, a signature or an extension that is not accepted.
    CertUnsupported = "cert.unsupported", "4.7.5", Tls,
        "has a certificate that cannot be accepted",
        "Tell the recipient that the certificate of their mail server cannot be accepted.",
        "Use a certificate for servers with an RSA key of at least 2048 bits or an ECDSA key, signed with SHA-256 or better.";
    /// A session that does not meet its message's clauses was about to be used.
    GuardTripped = "guard-tripped", "4.3.0", Ours,
        "was about to be used over a session that is not good enough",
        "Nothing needs to be done by you; your own postmaster has been told.",
        "";
    /// DNSSEC says the answer is forged.
    DnsBogus = "dns.bogus", "4.4.3", Passing,
        "has DNS answers that fail DNSSEC validation",
        "Wait, or send this another way. If it goes on, tell the recipient.",
        "The DNSSEC signatures of the domain do not verify: check its zone and its DS records.";
    /// The look-up failed.
    DnsFail = "dns.fail", "4.4.3", Passing,
        "could not be looked up in DNS",
        "Wait. If it goes on, check the address and tell the recipient.",
        "The name servers of the domain gave no usable answer: check that they answer for MX, A and AAAA.";
    /// Trust store, policy or level that cannot be used here.
    PolicyBroken = "policy.broken", "4.3.5", Ours,
        "cannot be judged by the policy of this gateway",
        "Nothing needs to be done by you; your own postmaster has been told.",
        "";
    /// The remote answered a command with 4xx or 5xx.
    RemoteReply = "remote-reply", "4.0.0", Passing,
        "answered",
        "Check the address, and read what the mail server answered. Your own postmaster can say more.",
        "";
    /// The host refused the connection, or the network did.
    ConnectRefused = "connect.refused", "4.4.1", Passing,
        "does not accept connections",
        "Wait. If it goes on, tell the recipient that their mail server cannot be reached.",
        "Check that the server runs and that its firewall lets port 25 in.";
    /// The host did not answer in time.
    ConnectTimeout = "connect.timeout", "4.4.1", Passing,
        "did not answer in time",
        "Wait. If it goes on, tell the recipient that their mail server cannot be reached.",
        "Check that the server runs and that its firewall lets port 25 in.";
    /// The connection was lost or fell silent.
    ConnectionLost = "connection.lost", "4.4.2", Passing,
        "lost the connection",
        "Wait. If it goes on, tell the recipient.",
        "The connection broke in the middle of a message: check the server's log and its network.";
    /// A reply that is no SMTP.
    ReplyMalformed = "reply.malformed", "4.5.0", Passing,
        "gave a reply that is no SMTP",
        "Wait. If it goes on, tell the recipient.",
        "Something answers on the mail port that does not speak SMTP.";
    /// The smart host lists no way to log in that is used here.
    AuthUnavailable = "auth.unavailable", "4.7.0", Passing,
        "offers no way to log in that is used here",
        "Tell your own postmaster: the relay that your mail goes through does not let this gateway log in.",
        "Let the server offer AUTH PLAIN or LOGIN under TLS.";
    /// An address that mail is not sent to.
    AddressRefused = "address.refused", "5.4.4", Hopeless,
        "is at an address that mail is not sent to",
        "Check the address. If it is right, tell the recipient that the records of their domain are wrong.",
        "The MX records lead to loopback, private or reserved addresses: correct them.";
    /// The domain does not exist or takes no mail.
    NoMx = "no-mx", "5.1.2", Hopeless,
        "the domain takes no mail",
        "Check the part of the address behind the @ sign.",
        "";
    /// The lifetime is over.
    Expired = "expired", "4.4.7", Hopeless,
        "could not be delivered in time",
        "Send the message again later, or send it another way.",
        "";
    /// The mail would come back to us.
    Loop = "loop", "5.4.6", Hopeless,
        "is this gateway itself",
        "Tell your own postmaster: mail for this address is routed in a circle.",
        "";
    /// A Message Rule rejected the recipient after others were accepted.
    RejectedByRule = "rejected-by-rule", "5.7.1", Hopeless,
        "was rejected by a Message Rule",
        "Ask your own postmaster which rule this was, and what it allows.",
        "";
    /// An administrator returned it to its sender.
    ReturnedByAdmin = "returned-by-admin", "5.7.1", Hopeless,
        "was returned by an administrator",
        "Ask your own postmaster, whose staff returned the message.",
        "";
    /// The message could not be read back from the store.
    MessageUnreadable = "message.unreadable", "4.3.0", Ours,
        "could not be sent the message: it cannot be read from the store here",
        "Tell your own postmaster, and send the message again.",
        "";
    /// Attempts at the message ended in a fault of the gateway itself, again and again.
    InternalFault = "internal-fault", "4.3.0", Ours,
        "could not be sent the message: a fault of the gateway itself",
        "Tell your own postmaster; the message may have to be sent another way.",
        "";
    /// 8-bit content, and nobody takes it.
    NeedsEightBit = "needs.8bitmime", "5.6.3", Hopeless,
        "does not take 8-bit content",
        "Send the message again with a program that encodes it, or as an attachment.",
        "Let the server offer 8BITMIME (RFC 6152).";
    /// An international address, and nobody takes it.
    NeedsUtf8 = "needs.smtputf8", "5.6.7", Hopeless,
        "does not take international addresses",
        "Use an address without international letters, for yourself as well as for the recipient.",
        "Let the server offer SMTPUTF8 (RFC 6531).";
}

impl Why {
    /// The word's meaning; `None` for a text that is no word of the vocabulary.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|why| why.word() == word)
    }

    /// Whether the cause is that the TLS which was demanded could not be had:
    /// what `enforced_expire` and `enforced_failure` are about.
    pub fn is_tls(self) -> bool {
        self.about() == About::Tls
    }

    /// Whether the fault is this gateway's own: its administrators are told at once,
    /// and no other host's trouble hides it in the record.
    pub fn is_ours(self) -> bool {
        self.about() == About::Ours
    }

    /// Whether to try again cannot help, if every host says so.
    pub fn is_hopeless(self) -> bool {
        self.about() == About::Hopeless
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
    fn every_row_has_what_people_need() {
        for why in Why::ALL {
            let (sentence, remedy, hint) = (why.sentence(), why.remedy(), why.hint());
            assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{sentence}");
            assert!(remedy.ends_with('.'), "{remedy}");
            assert!(hint.is_empty() || hint.ends_with('.'), "{hint}");
            assert!(!why.is_tls() || !hint.is_empty(), "{} needs a hint", why.word());
            assert!(!why.is_ours() || hint.is_empty(), "{} is ours to mend", why.word());
            assert!(why.status().starts_with(if why.is_hopeless() && *why != Why::Expired {
                "5."
            } else {
                "4."
            }));
        }
    }

    #[test]
    fn a_cause_is_about_tls_exactly_when_its_word_says_so() {
        for why in Why::ALL {
            let word = why.word();
            let by_word = word.starts_with("starttls-")
                || word.starts_with("tls.")
                || word.starts_with("cert.")
                || word == "response-injection";
            assert_eq!(why.is_tls(), by_word, "{word}");
        }
    }

    #[test]
    fn stages_are_ordered_by_how_far_they_got() {
        assert!(Stage::Rcpt > Stage::Mail && Stage::Mail > Stage::Auth);
        assert!(Stage::Auth > Stage::Verify);
        assert!(Stage::Verify > Stage::Tls && Stage::Tls > Stage::Starttls);
        assert!(Stage::Starttls > Stage::Ehlo && Stage::Ehlo > Stage::Banner);
        assert!(Stage::Banner > Stage::Connect && Stage::Connect > Stage::Dns);
    }
}
