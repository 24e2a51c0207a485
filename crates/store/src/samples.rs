//! Mail for tests.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gatepost_policy::{
    direction::{Direction, Matched},
    document::Profile,
    evidence::{Attempt, Ending, Why},
    id::MessageId,
    tls::{Demand, Level, Source},
};
use gatepost_store::{
    ClientFacts, Dispatch, Enqueue, Fate, Lane, ManualClock, NewCopy, NewMessage, NewQuarantined,
    NewRecipient, Outcome, QueuedRecipient,
    embedded::{self, Embedded, Mode, Options},
};
use gatepost_wire::{
    address::{AddressDomain, Mailbox, ReversePath},
    command::{MailParams, RcptParams},
    message::Edits,
    timestamp::Timestamp,
};

/// When every test begins.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_millis(1_795_489_200_123)
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(start()))
}

pub(crate) fn options(clock: &Arc<ManualClock>) -> Options {
    Options {
        disk_reserve: Some(0),
        segment_size: 64 * 1024,
        ..Options::new(Profile::Standard, Arc::<ManualClock>::clone(clock)).with_cheap_passwords()
    }
}

/// Opens a store to serve from it. One that was dropped a moment ago may still hold the lock.
pub(crate) async fn serve(dir: &std::path::Path, clock: &Arc<ManualClock>) -> Embedded {
    embedded::open(dir, options(clock), Mode::Serve).await.unwrap()
}

pub(crate) fn domain(text: &str) -> AddressDomain {
    AddressDomain::parse(text).unwrap()
}

pub(crate) fn recipient(address: &str) -> NewRecipient {
    NewRecipient { mailbox: Mailbox::parse(address).unwrap(), params: RcptParams::default() }
}

pub(crate) fn require() -> Demand {
    let source = Source::Rule { rule: "Enforce TLS".into(), field: "x-TLSLevel: Require".into() };
    Demand::new(Level::Require, source)
}

/// A copy for these recipients, all at the domain of the first.
pub(crate) fn copy(recipients: &[&str], demands: Vec<Demand>) -> NewCopy {
    let recipients: Vec<_> = recipients.iter().map(|address| recipient(address)).collect();
    NewCopy {
        direction: Direction::Outbound,
        domain: recipients.first().unwrap().mailbox.domain().clone(),
        recipients,
        demands,
        edits: Edits { top: b"Received: from x\r\n".to_vec(), cut: vec![4..6, 10..20] },
        matched: vec![Matched { rule: "Enforce TLS".into(), shadow: false }],
        rule: Some("Deliver Outbound".into()),
        fate: Fate::Deliver,
    }
}

pub(crate) fn quarantined(recipients: &[&str], expires: Timestamp) -> NewQuarantined {
    let NewCopy { recipients, direction, domain, demands, edits, matched, rule: _, fate: _ } =
        copy(recipients, vec![require()]);
    let (rule, company) = ("Hold".into(), true);
    NewQuarantined {
        recipients,
        direction,
        domain,
        demands,
        edits,
        matched,
        rule,
        company,
        expires,
    }
}

/// A message without recipients.
pub(crate) fn message(id: MessageId, at: Timestamp) -> NewMessage {
    NewMessage {
        id,
        received_at: at,
        sender: ReversePath::parse("sender@acme.example").unwrap(),
        params: MailParams { smtputf8: true, ..MailParams::default() },
        client: ClientFacts {
            address: IpAddr::from([192, 0, 2, 7]),
            helo: "client.example".into(),
            tls: Some("TLSv1.3".into()),
            from_source: true,
            account: None,
        },
        revision: 1,
        subject: "Grüße".into(),
        copies: Vec::new(),
        quarantined: Vec::new(),
        closed: Vec::new(),
    }
}

pub(crate) async fn put(store: &dyn Enqueue, body: &[u8], message: NewMessage) -> MessageId {
    let mut staging = store.stage(None).unwrap();
    for chunk in body.chunks(60_000) {
        staging.append(chunk).await.unwrap();
    }
    store.commit(staging.finish(), message).await.unwrap().id()
}

/// Puts a message for one address into a store.
pub(crate) async fn send(store: &dyn Enqueue, now: Timestamp, to: &str) -> MessageId {
    let message = message(store.mint(), now);
    let message = NewMessage { copies: vec![copy(&[to], vec![require()])], ..message };
    put(store, b"Subject: x\r\n\r\nhello\r\n", message).await
}

pub(crate) fn lane(to: &str) -> Lane {
    Lane { direction: Direction::Outbound, domain: domain(to), fingerprint: "require".into() }
}

/// The one claim that is due at a domain.
pub(crate) async fn claim_one(
    store: &dyn Dispatch,
    to: &str,
    now: Timestamp,
) -> gatepost_store::Claim {
    let mut claims = store.claim(&lane(to), 10, now).await.unwrap();
    assert_eq!(claims.len(), 1, "claims at {to}");
    claims.pop().unwrap()
}

pub(crate) fn attempt(
    message: MessageId,
    to: &QueuedRecipient,
    at: Timestamp,
    outcome: Ending,
) -> Attempt {
    let (level, decided_by) = Attempt::wanted(&[require()], 1);
    let delivered = outcome == Ending::Delivered;
    Attempt {
        message,
        recipient: to.mailbox.to_string(),
        at,
        outcome,
        level,
        decided_by,
        host: Some("mx1.partner.example".into()),
        address: Some("192.0.2.10:25".into()),
        tls: None,
        clear_because: None,
        why: (!delivered).then_some(Why::StartTlsNotOffered),
        reply: None,
        status: if delivered { "2.0.0".into() } else { "4.7.4".into() },
        tries: Vec::new(),
        learned_from: None,
    }
}

pub(crate) fn delivered(message: MessageId, to: &QueuedRecipient, at: Timestamp) -> Outcome {
    Outcome::Delivered(attempt(message, to, at, Ending::Delivered))
}

pub(crate) fn bounced(message: MessageId, to: &QueuedRecipient, at: Timestamp) -> Outcome {
    Outcome::Bounced(attempt(message, to, at, Ending::Bounced))
}

pub(crate) fn deferred(message: MessageId, to: &QueuedRecipient, at: Timestamp) -> Outcome {
    let next = at.plus(Duration::from_secs(300));
    Outcome::Deferred { attempt: attempt(message, to, at, Ending::Deferred), next, warned: false }
}
