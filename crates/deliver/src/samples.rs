//! Settings and mail for the tests of this crate.

use std::{sync::Arc, time::Duration};

use gatepost_net::dial::Timeouts;
use gatepost_policy::{
    direction::Direction,
    document::Profile,
    retry::{Lifetime, Schedule},
    tls::{Demand, Level, Source},
};
use gatepost_store::{
    Claim, ClientFacts, Dispatch as _, Enqueue as _, Fate, Lane, NewCopy, NewMessage, NewRecipient,
    SystemClock, memory::Memory,
};
use gatepost_wire::{
    address::{AddressDomain, Mailbox, ReversePath},
    command::{MailParams, RcptParams},
    message::Edits,
    timestamp::Timestamp,
};

use crate::settings::{
    DeliverySettings, EnforcedFailure, Limits, PreferTls, PrivateAddresses, TryFallback, TryOn454,
    TrySettings,
};

/// When every message of the tests is accepted.
pub(crate) const ACCEPTED: Timestamp = Timestamp::from_millis(1_000_000);

/// The defaults of `interface.md` where they matter, with short time limits.
pub(crate) fn settings() -> DeliverySettings {
    let limit = Duration::from_secs(5);
    DeliverySettings {
        hostname: "gateway.test".into(),
        port: 25,
        schedule: Schedule::new(vec![Duration::from_secs(300)]).unwrap(),
        lifetime: Lifetime {
            ordinary: Duration::from_secs(5 * 86_400),
            enforced: Duration::from_secs(86_400),
        },
        enforced_failure: EnforcedFailure::Defer,
        opportunistic: TrySettings {
            fallback: TryFallback::Immediate,
            on_454: TryOn454::Clear,
            prefer_tls: PreferTls::SamePreference,
        },
        limits: Limits { connections: 1, per_site: 1, messages_per_connection: 9 },
        timeouts: Timeouts { connect: limit, tls: limit, command: limit },
        private_addresses: PrivateAddresses::Allow,
        delay_warning: Duration::from_secs(4 * 3600),
        postmaster: None,
        own_listeners: vec![],
    }
}

pub(crate) fn memory() -> Memory {
    Memory::new(Profile::Standard, Arc::new(SystemClock::new()))
}

/// One message for `bo@d.test` in a store, claimed.
pub(crate) async fn claimed(store: &Memory, level: Level) -> Claim {
    claimed_from(store, ReversePath::Null, level).await
}

/// The same, from this sender.
pub(crate) async fn claimed_from(store: &Memory, sender: ReversePath, level: Level) -> Claim {
    let recipient = Mailbox::parse("bo@d.test").unwrap();
    let mut staging = store.stage(None).unwrap();
    staging.append(b"Subject: s\r\n\r\nbody\r\n").await.unwrap();
    let domain = AddressDomain::parse("d.test").unwrap();
    let message = NewMessage {
        id: store.mint(),
        received_at: ACCEPTED,
        sender,
        params: MailParams::default(),
        client: ClientFacts {
            address: "127.0.0.1".parse().unwrap(),
            helo: "c.test".into(),
            tls: None,
            from_source: true,
            account: None,
        },
        revision: 1,
        subject: "s".into(),
        copies: vec![NewCopy {
            recipients: vec![NewRecipient { mailbox: recipient, params: RcptParams::default() }],
            direction: Direction::Outbound,
            domain: domain.clone(),
            demands: vec![Demand::new(level, Source::Default)],
            edits: Edits::default(),
            matched: vec![],
            rule: None,
            fate: Fate::Deliver,
        }],
        quarantined: vec![],
        closed: vec![],
    };
    let receipt = store.commit(staging.finish(), message).await.unwrap();
    let fingerprint = level.word().into();
    let lane = Lane { direction: Direction::Outbound, domain, fingerprint };
    let now = Timestamp::from_millis(i64::MAX / 2);
    let claim = store.claim(&lane, 1, now).await.unwrap().into_iter().next().unwrap();
    assert_eq!(claim.message().id, receipt.id());
    claim
}
