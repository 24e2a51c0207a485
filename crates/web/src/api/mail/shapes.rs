//! Mail in JSON, as the document describes it. Keys do not disappear: what is not there is `null`.
//!
//! What the store serialises is read into these, so that no answer can have another shape than the document says.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The TLS session of an attempt.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsShape {
    /// `TLSv1.2` or `TLSv1.3`.
    version: String,
    /// The cipher suite.
    cipher: String,
    /// SHA-256 over the DER of the peer's certificate, in lower-case hex.
    certificate_sha256: Option<String>,
    /// `none`, `web_pki`, `dane`, `mta_sts`.
    verified_by: String,
}

/// Who decided on a level.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct DecidedShape {
    /// The field that decided, as `x-TLSLevel: Require`.
    header: Option<String>,
    /// The rule that wrote it.
    rule: Option<String>,
    /// The domain in the list of the TLS policy that decided.
    tls_policy: Option<String>,
    /// The exception that decided.
    exception: Option<String>,
    /// `dane` or `mta_sts`.
    published: Option<String>,
    /// The host of the route or smart host whose `tls` decided.
    route: Option<String>,
    /// The smart host whose login decided.
    login: Option<String>,
    /// Whether it was `default_tls_level`.
    default: bool,
    /// The revision of the policy.
    revision: u64,
}

/// One host that was tried.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryShape {
    /// Its name.
    host: String,
    /// `address:port`.
    address: Option<String>,
    /// The TLS session.
    tls: Option<TlsShape>,
    /// Why it was in clear text.
    clear_because: Option<String>,
    /// How far the conversation got.
    stage: String,
    /// Why it failed.
    why: Option<String>,
    /// What the host said, escaped.
    reply: Option<String>,
    /// What was observed.
    detail: Option<String>,
}

/// The record of an attempt.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct AttemptShape {
    /// The message.
    message: String,
    /// The recipient.
    recipient: String,
    /// When the attempt ended.
    at: String,
    /// `delivered`, `deferred` or `bounced`.
    outcome: String,
    /// The level that was wanted.
    level: String,
    /// Who wanted it.
    decided_by: DecidedShape,
    /// The host of the try that decided.
    host: Option<String>,
    /// Its address and port.
    address: Option<String>,
    /// The TLS session; `null` for a clear connection.
    tls: Option<TlsShape>,
    /// Why the connection was in clear text.
    clear_because: Option<String>,
    /// Why it was not delivered.
    why: Option<String>,
    /// What the remote site said, escaped.
    reply: Option<String>,
    /// The enhanced status code (RFC 3463).
    status: String,
    /// Every host that was tried, in order.
    tries: Vec<TryShape>,
    /// The message whose attempt saw this.
    learned_from: Option<String>,
    /// The envelope sender, empty for the null sender; `null` once the history has forgotten the message.
    sender: Option<String>,
    /// The decoded subject.
    subject: Option<String>,
}

/// What the last attempt at a recipient said.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentenceShape {
    /// The host that decided.
    host: Option<String>,
    /// The enhanced status code.
    status: String,
    /// The word for the cause.
    why: Option<String>,
    /// One sentence for people.
    text: Option<String>,
}

/// Who keeps an entry from being tried.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldShape {
    /// Who.
    by: String,
    /// Since when.
    at: Option<String>,
    /// Why.
    reason: Option<String>,
    /// Whether it can never be sent.
    damaged: bool,
}

/// Why a recipient waits.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BecauseShape {
    /// The word for the cause.
    why: Option<String>,
    /// The cause, as sentences.
    cause: String,
    /// What the people of this gateway can do.
    remedy: String,
    /// A text to send to the remote administrator; `null` where the remote site is not at fault.
    letter: Option<String>,
}

/// A waiting recipient.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct QueueShape {
    /// The entry.
    id: String,
    /// Its message.
    message: String,
    /// The envelope sender, empty for the null sender.
    sender: String,
    /// The address.
    recipient: String,
    /// The domain as A-label, or the address literal.
    domain: String,
    /// The level that holds for it.
    level: Option<String>,
    /// `waiting`, `sending` or `held`.
    state: String,
    /// Attempts so far.
    attempts: u32,
    /// When it is tried again.
    next_attempt: String,
    /// When it is given up.
    expires: Option<String>,
    /// What the last attempt said.
    last: Option<SentenceShape>,
    /// Since when somebody wants an attempt at once.
    asked: Option<String>,
    /// Whether its sender was told that it is late.
    warned: bool,
    /// Who keeps it from being tried.
    held: Option<HeldShape>,
    /// What is done with it when the attempt ends that is going on.
    pending: Option<String>,
    /// Why it waits, and what helps.
    pub(super) waiting_because: Option<BecauseShape>,
}

/// A message of the history.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryShape {
    /// Its id.
    id: String,
    /// When it was received.
    received_at: String,
    /// The envelope sender, empty for the null sender.
    sender: String,
    /// The decoded subject.
    subject: String,
    /// Bytes as received.
    size: u64,
    /// What became of each of its recipients.
    recipients: Vec<RecipientShape>,
}

/// What became of one recipient.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipientShape {
    /// The address.
    recipient: String,
    /// `waiting`, `sending`, `held`, `delivered`, `bounced`, `quarantined`, `rejected` or `deleted`.
    state: String,
    /// Why, as a sentence for people.
    reason: Option<String>,
    /// The rule that decided.
    rule: Option<String>,
    /// The TLS level that was demanded.
    level: Option<String>,
    /// The TLS session of the last attempt.
    tls: Option<TlsShape>,
    /// Why the last attempt was in clear text.
    clear_because: Option<String>,
    /// Since when it is so; for one that waits, when it is tried again.
    at: String,
}

/// A quarantined recipient.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuarantineShape {
    /// The entry.
    id: String,
    /// Its message.
    message: String,
    /// The envelope sender, empty for the null sender.
    sender: String,
    /// The address.
    recipient: String,
    /// The decoded subject.
    subject: String,
    /// The rule that put it there.
    rule: String,
    /// Whether it is *Quarantine - Company*.
    company: bool,
    /// Since when.
    since: String,
    /// When it is deleted.
    expires: String,
}

/// All that is known about a message.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct StoryShape {
    /// Its id.
    id: String,
    /// When it was received.
    received_at: String,
    /// The envelope sender, empty for the null sender.
    sender: String,
    /// The decoded subject.
    subject: String,
    /// Bytes as received.
    size: u64,
    /// Who brought it.
    #[schema(value_type = Object)]
    client: Value,
    /// The revision of the policy that judged it.
    revision: u64,
    /// How the rules judged its recipients.
    #[schema(value_type = Vec<Object>)]
    verdicts: Vec<Value>,
    /// What was done to it, oldest first.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// Every attempt, oldest first.
    attempts: Vec<AttemptShape>,
    /// Recipients that wait.
    pub(super) queue: Vec<QueueShape>,
    /// Recipients in quarantine.
    quarantine: Vec<QuarantineShape>,
    /// What happened, in order and in words.
    pub(super) story: Vec<LineShape>,
}

/// Something that happened to a message.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineShape {
    /// When.
    at: String,
    /// `received`, `verdict`, `attempt`, `report`, `state`, or the word of the journal.
    what: String,
    /// One sentence; it may quote what a stranger said.
    text: String,
    /// What belongs to it.
    more: Vec<String>,
}
