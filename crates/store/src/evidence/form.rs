//! The form in which a record of an attempt stands in the chain, and its hashes.
//!
//! The form is fixed: it names every key that is under the hash, so that a later
//! version, whose records know more, makes the same bytes of the same record. The
//! recipient's address stands in it as a commitment, and so does every text that a
//! stranger wrote (replies, details, a level that is none): such a text may quote the
//! address. What opens the commitments is kept beside the record.

use gatepost_policy::{
    evidence::{Attempt, DecidedBy, Ending, NoTls, Stage, TlsRecord, Try, Why},
    id::MessageId,
    tls::{Level, VerifiedBy},
};
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{canonical::canonical, tally::Class};
use crate::error::StoreError;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// What a record's commitments are salted with.
pub(crate) type Salt = [u8; 16];

/// The version of the form.
const VERSION: u32 = 1;

const RECORD: &[u8] = b"gatepost-evidence-record-1\n";
const LINK: &[u8] = b"gatepost-evidence-link-1\n";

/// Where the chain begins: what the first record follows.
pub(crate) const GENESIS: Hash = [0; 32];

/// The hash of a record in its form.
pub(crate) fn leaf(form: &[u8]) -> Hash {
    Sha256::new().chain_update(RECORD).chain_update(form).finalize().into()
}

/// The chain after a record.
pub(crate) fn link(before: &Hash, seq: u64, leaf: &Hash) -> Hash {
    Sha256::new()
        .chain_update(LINK)
        .chain_update(before)
        .chain_update(seq.to_be_bytes())
        .chain_update(leaf)
        .finalize()
        .into()
}

/// What stands for an address.
pub(crate) fn commit_address(salt: &Salt, address: &str) -> String {
    hex(&Sha256::new().chain_update(salt).chain_update(address.as_bytes()).finalize())
}

/// What stands for the texts of strangers. The zero keeps it apart from an address.
pub(crate) fn commit_texts(salt: &Salt, texts: &str) -> String {
    let hash = Sha256::new().chain_update(salt).chain_update([0]);
    hex(&hash.chain_update(texts.as_bytes()).finalize())
}

/// A salt that nobody can guess.
pub(crate) fn new_salt() -> Result<Salt, StoreError> {
    let mut salt = Salt::default();
    aws_lc_rs::rand::fill(&mut salt)
        .map_err(|_| StoreError::from(std::io::Error::other("the system gives no randomness")))?;
    Ok(salt)
}

/// A record that is ready for the chain; its place there is all that is missing.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) salt: Salt,
    pub(crate) leaf: Hash,
    pub(crate) class: Class,
}

impl Prepared {
    /// Prepares the record of an attempt at a recipient of a domain.
    pub(crate) fn new(attempt: &Attempt, domain: &str) -> Result<Self, StoreError> {
        let salt = new_salt()?;
        let form = form(attempt, domain, &salt)?;
        Ok(Self { salt, leaf: leaf(form.as_bytes()), class: Class::of(attempt) })
    }
}

/// The keys of every structure are in alphabetical order: so its JSON is canonical.
#[derive(Serialize)]
struct Form<'a> {
    address: Option<&'a str>,
    at: Timestamp,
    clear_because: Option<NoTls>,
    decided_by: FormDecidedBy<'a>,
    domain: &'a str,
    host: Option<&'a str>,
    learned_from: Option<MessageId>,
    level: Level,
    message: MessageId,
    outcome: Ending,
    recipient: String,
    status: &'a str,
    texts: String,
    tls: Option<FormTls<'a>>,
    tries: Vec<FormTry<'a>>,
    v: u32,
    why: Option<Why>,
}

#[derive(Serialize)]
struct FormDecidedBy<'a> {
    default: bool,
    exception: Option<&'a str>,
    header: Option<&'a str>,
    login: Option<&'a str>,
    published: Option<&'a str>,
    revision: u64,
    route: Option<&'a str>,
    rule: Option<&'a str>,
    tls_policy: Option<&'a str>,
}

#[derive(Serialize)]
struct FormTls<'a> {
    certificate_sha256: Option<&'a str>,
    cipher: &'a str,
    verified_by: VerifiedBy,
    version: &'a str,
}

#[derive(Serialize)]
struct FormTry<'a> {
    address: Option<&'a str>,
    clear_because: Option<NoTls>,
    host: &'a str,
    stage: Stage,
    tls: Option<FormTls<'a>>,
    why: Option<Why>,
}

/// What strangers wrote.
#[derive(Serialize)]
struct Texts<'a> {
    header: Option<&'a str>,
    reply: Option<&'a str>,
    tries: Vec<TryTexts<'a>>,
}

#[derive(Serialize)]
struct TryTexts<'a> {
    detail: Option<&'a str>,
    reply: Option<&'a str>,
}

impl<'a> FormTls<'a> {
    fn of(tls: &'a TlsRecord) -> Self {
        Self {
            certificate_sha256: tls.certificate_sha256.as_deref(),
            cipher: &tls.cipher,
            verified_by: tls.verified_by,
            version: &tls.version,
        }
    }
}

impl<'a> FormDecidedBy<'a> {
    fn of(decided: &'a DecidedBy) -> Self {
        Self {
            default: decided.default,
            exception: decided.exception.as_deref(),
            header: decided.header.as_deref().filter(|header| names_a_level(header)),
            login: decided.login.as_deref(),
            published: decided.published.as_deref(),
            revision: decided.revision,
            route: decided.route.as_deref(),
            rule: decided.rule.as_deref(),
            tls_policy: decided.tls_policy.as_deref(),
        }
    }
}

impl<'a> FormTry<'a> {
    fn of(one: &'a Try) -> Self {
        Self {
            address: one.address.as_deref(),
            clear_because: one.clear_because,
            host: &one.host,
            stage: one.stage,
            tls: one.tls.as_ref().map(FormTls::of),
            why: one.why,
        }
    }
}

/// Whether a field says a level and nothing else.
fn names_a_level(header: &str) -> bool {
    header.split_once(':').is_some_and(|(_, value)| Level::parse(value.trim()).is_some())
}

fn texts(attempt: &Attempt) -> Texts<'_> {
    Texts {
        header: attempt.decided_by.header.as_deref().filter(|header| !names_a_level(header)),
        reply: attempt.reply.as_deref(),
        tries: attempt
            .tries
            .iter()
            .map(|one| TryTexts { detail: one.detail.as_deref(), reply: one.reply.as_deref() })
            .collect(),
    }
}

/// A record as it stands in the chain: canonical JSON.
pub(crate) fn form(attempt: &Attempt, domain: &str, salt: &Salt) -> Result<String, StoreError> {
    let form = Form {
        address: attempt.address.as_deref(),
        at: attempt.at,
        clear_because: attempt.clear_because,
        decided_by: FormDecidedBy::of(&attempt.decided_by),
        domain,
        host: attempt.host.as_deref(),
        learned_from: attempt.learned_from,
        level: attempt.level,
        message: attempt.message,
        outcome: attempt.outcome,
        recipient: commit_address(salt, &attempt.recipient),
        status: &attempt.status,
        texts: commit_texts(salt, &serde_json::to_string(&texts(attempt))?),
        tls: attempt.tls.as_ref().map(FormTls::of),
        tries: attempt.tries.iter().map(FormTry::of).collect(),
        v: VERSION,
        why: attempt.why,
    };
    Ok(serde_json::to_string(&form)?)
}

/// What opens the commitments of a record.
pub(crate) fn opening(attempt: &Attempt, salt: &Salt) -> Result<Value, StoreError> {
    Ok(json!({
        "recipient": attempt.recipient,
        "salt": hex(salt),
        "texts": serde_json::to_value(texts(attempt))?,
    }))
}

/// Whether an opening is that of a record in its form.
pub(crate) fn opens(opening: &Value, record: &Value) -> bool {
    let text =
        |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(salt) = text(opening, "salt").and_then(|salt| unhex::<16>(&salt)) else {
        return false;
    };
    let Some(recipient) = text(opening, "recipient") else { return false };
    let Some(texts) = opening.get("texts") else { return false };
    text(record, "recipient") == Some(commit_address(&salt, &recipient))
        && text(record, "texts") == Some(commit_texts(&salt, &canonical(texts)))
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit =
        |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or_default());
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that lower-case hex means, where there are exactly so many.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.saturating_mul(2) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: &u8| match digit {
            b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
            _ => None,
        };
        let [high, low] = pair else { return None };
        *byte = value(high)?.checked_mul(16)?.checked_add(value(low)?)?;
    }
    Some(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use ulid::Ulid;

    use super::*;

    /// A record with a word in every place.
    pub(crate) fn full() -> Attempt {
        let tls = TlsRecord {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            certificate_sha256: Some("ab".repeat(32)),
            verified_by: VerifiedBy::WebPki,
        };
        Attempt {
            message: MessageId::from_ulid(Ulid::from_parts(1, 2)),
            recipient: "Anna.Müller@partner.example".into(),
            at: Timestamp::from_millis(1_795_489_200_123),
            outcome: Ending::Delivered,
            level: Level::Require,
            decided_by: DecidedBy {
                header: Some("x-TLSLevel: Require".into()),
                rule: Some("Enforce \"TLS\"\n".into()),
                revision: 7,
                ..DecidedBy::default()
            },
            host: Some("mx1.partner.example".into()),
            address: Some("192.0.2.10:25".into()),
            tls: Some(tls.clone()),
            clear_because: None,
            why: None,
            reply: Some("250 2.0.0 <Anna.Müller@partner.example> queued".into()),
            status: "2.0.0".into(),
            tries: vec![Try {
                host: "mx0.partner.example".into(),
                address: None,
                tls: Some(tls),
                clear_because: Some(NoTls::Refused),
                stage: Stage::Connect,
                why: Some(Why::ConnectRefused),
                reply: Some("450 Anna.Müller".into()),
                detail: Some("detail of anna.müller".into()),
            }],
            learned_from: None,
        }
    }

    #[test]
    fn the_form_is_canonical_and_hides_the_address_wherever_it_stands() {
        let text = form(&full(), "partner.example", &[7; 16]).unwrap();
        assert_eq!(canonical(&serde_json::from_str(&text).unwrap()), text);
        assert!(!text.to_lowercase().contains("anna"), "{text}");
        assert!(!text.to_lowercase().contains("müller"), "{text}");
        assert!(text.contains("\"domain\":\"partner.example\""), "{text}");
        assert!(text.contains("x-TLSLevel: Require"), "{text}");
    }

    #[test]
    fn a_level_that_is_none_is_a_strangers_text() {
        let mut attempt = full();
        attempt.decided_by.header = Some("x-TLSLevel: anna@partner.example".into());
        let text = form(&attempt, "partner.example", &[7; 16]).unwrap();
        assert!(!text.contains("anna"), "{text}");
        let opening = opening(&attempt, &[7; 16]).unwrap();
        assert_eq!(opening["texts"]["header"], "x-TLSLevel: anna@partner.example");
    }

    /// These bytes are a promise: a later version must make the same of the same record.
    #[test]
    fn the_bytes_of_the_form_and_its_hash_are_fixed() {
        let text = form(&full(), "partner.example", &[7; 16]).unwrap();
        assert_eq!(hex(&leaf(text.as_bytes())), FIXED, "{text}");
        let first = link(&GENESIS, 1, &leaf(text.as_bytes()));
        assert_ne!(first, link(&GENESIS, 2, &leaf(text.as_bytes())));
    }

    const FIXED: &str = "d40aeb526cd296221aa122773d15ca8273fe2fda56b2a909135f5acaf6dfb1d2";

    #[test]
    fn an_opening_opens_its_own_record_alone() {
        let attempt = full();
        let record: Value =
            serde_json::from_str(&form(&attempt, "partner.example", &[7; 16]).unwrap()).unwrap();
        let good = opening(&attempt, &[7; 16]).unwrap();
        assert!(opens(&good, &record));
        for (key, value) in [
            ("recipient", json!("Anna.Müller@partner.examplf")),
            ("salt", json!(hex(&[8; 16]))),
            ("texts", json!({ "header": null, "reply": null, "tries": [] })),
            ("salt", json!("07")),
            ("recipient", Value::Null),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert!(!opens(&bad, &record), "{bad}");
        }
    }

    #[test]
    fn hex_is_read_as_it_is_written() {
        assert_eq!(hex(&[0, 15, 160, 255]), "000fa0ff");
        assert_eq!(unhex::<4>("000fa0ff"), Some([0, 15, 160, 255]));
        for text in ["000fa0f", "000fa0fff", "000fa0fg", "000FA0FF", ""] {
            assert_eq!(unhex::<4>(text), None, "{text}");
        }
    }
}
