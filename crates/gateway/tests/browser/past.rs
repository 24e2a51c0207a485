//! A gateway with a past, for the measurements of the console: 100,000 messages of the last thirty days in its
//! history, some thousands of them waiting, and a policy of 1,000 rules with their lists.
//!
//! It is written by the store itself, by a clock that is moved, and then opened by the real binary like any other.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatepost_policy::direction::{Direction, Matched};
use gatepost_policy::document::Profile;
use gatepost_policy::evidence::{Attempt, Ending, NoTls, TlsRecord, Why};
use gatepost_policy::id::MessageId;
use gatepost_policy::tls::{Demand, Level, Source, VerifiedBy, fingerprint};
use gatepost_store::embedded::{self, Embedded, Mode, Options};
use gatepost_store::{
    ClientFacts, Clock as _, Dispatch as _, Enqueue as _, Fate, Lane, ManualClock, NewCopy,
    NewMessage, NewQuarantined, NewRecipient, Outcome, SystemClock,
};
use gatepost_wire::address::{AddressDomain, Mailbox, ReversePath};
use gatepost_wire::command::{MailParams, RcptParams};
use gatepost_wire::message::Edits;
use gatepost_wire::timestamp::Timestamp;
use tokio::task::JoinSet;

/// Messages in the history.
pub(crate) const MESSAGES: usize = 100_000;
/// Message Rules, with the three System Rules.
pub(crate) const RULES: usize = 1_000;
/// Entries of the largest list; each of the others has [`SHORT`].
const LONG: usize = 10_000;
const SHORT: usize = 50;
/// Lists besides the largest.
const LISTS: usize = 60;
/// Domains that mail went to.
const DOMAINS: usize = 400;
/// Messages that are written before their attempts are; they go to so many domains.
const BATCH: usize = 500;
const AT_ONCE: usize = 10;
/// How far back it goes.
const SPAN: Duration = Duration::from_secs(29 * 86_400);
/// From when on mail still waits.
const LATELY: Duration = Duration::from_secs(4 * 86_400);

/// What becomes of a message, by its number.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Lot {
    Delivered,
    Waits,
    Bounced,
    Quarantined,
}

impl Lot {
    fn of(number: usize, is_late: bool) -> Self {
        match number % 100 {
            0 | 1 => Self::Bounced,
            2 => Self::Quarantined,
            3..=40 if is_late => Self::Waits,
            _ => Self::Delivered,
        }
    }

    /// In the address, so that the attempt knows it.
    const fn letter(self) -> char {
        match self {
            Self::Delivered => 'd',
            Self::Waits => 'w',
            Self::Bounced => 'b',
            Self::Quarantined => 'q',
        }
    }
}

/// Fills `dir` with the past of a gateway.
pub(crate) async fn write(dir: &Path) {
    let end = SystemClock::new().now();
    let clock = Arc::new(ManualClock::new(end.minus(SPAN)));
    let options = Options::new(Profile::Standard, Arc::<ManualClock>::clone(&clock));
    let store = embedded::open(dir, options, Mode::Serve).await.expect("a new store");
    let step = SPAN / u32::try_from(MESSAGES / BATCH).expect("it is small");
    for batch in 0..MESSAGES / BATCH {
        let is_late = clock.now() > end.minus(LATELY);
        let messages: Vec<_> = (0..BATCH)
            .map(|at| {
                clock.advance(Duration::from_millis(37));
                message(&store, clock.now(), batch * BATCH + at, is_late)
            })
            .collect();
        all(messages.into_iter().map(|message| put(store.clone(), message))).await;
        clock.advance(Duration::from_secs(2));
        for at in 0..AT_ONCE {
            for demands in [Vec::new(), require()] {
                end_of(&store, &place(batch * AT_ONCE + at), &demands, clock.now(), end).await;
            }
        }
        clock.advance(step.saturating_sub(Duration::from_millis(37 * 500 + 2000)));
    }
}

/// Waits for all of them.
async fn all(works: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let mut set: JoinSet<()> = works.collect();
    while let Some(ended) = set.join_next().await {
        ended.expect("no work of it panics");
    }
}

fn place(number: usize) -> String {
    let number = number % DOMAINS;
    format!("site{number:03}.example")
}

fn require() -> Vec<Demand> {
    let field = "x-TLSLevel: Require".into();
    vec![Demand::new(
        Level::Require,
        Source::Rule { rule: "Enforce TLS to partners".into(), field },
    )]
}

fn message(store: &Embedded, now: Timestamp, number: usize, is_late: bool) -> NewMessage {
    let lot = Lot::of(number, is_late);
    let domain = place(number / BATCH * AT_ONCE + number % AT_ONCE);
    let mailbox = Mailbox::parse(&format!("{}{number}@{domain}", lot.letter())).expect("it is one");
    let recipients = vec![NewRecipient { mailbox, params: RcptParams::default() }];
    let domain = AddressDomain::parse(&domain).expect("it is one");
    let demands = if number.is_multiple_of(3) { require() } else { Vec::new() };
    let edits = Edits { top: Vec::new(), cut: Vec::new() };
    let rule = format!("Rule {:04}", number % RULES);
    let matched = vec![Matched { rule: rule.clone(), shadow: false }];
    let direction = Direction::Outbound;
    let (mut copies, mut quarantined) = (Vec::new(), Vec::new());
    if lot == Lot::Quarantined {
        let expires = now.plus(Duration::from_secs(60 * 86_400));
        let company = false;
        quarantined.push(NewQuarantined {
            recipients,
            direction,
            domain,
            demands,
            edits,
            matched,
            rule,
            company,
            expires,
        });
    } else {
        let (rule, fate) = (Some("Deliver Outbound".into()), Fate::Deliver);
        copies.push(NewCopy { recipients, direction, domain, demands, edits, matched, rule, fate });
    }
    NewMessage {
        id: store.mint(),
        received_at: now,
        sender: ReversePath::parse(&format!("person{}@acme.example", number % 250)).expect("one"),
        params: MailParams::default(),
        client: ClientFacts {
            address: IpAddr::from([192, 0, 2, 7]),
            helo: "client.acme.example".into(),
            tls: Some("TLSv1.3".into()),
            from_source: true,
            account: None,
        },
        revision: 1,
        subject: format!("Angebot {number} über Ersatzteile, zweite Fassung"),
        copies,
        quarantined,
        closed: Vec::new(),
    }
}

async fn put(store: Embedded, message: NewMessage) {
    let mut staging = store.stage(None).expect("it takes mail");
    let id = message.id;
    let body = format!("Subject: {id}\r\n\r\nSee the list.\r\n");
    staging.append(body.as_bytes()).await.expect("it is written");
    let receipt = store.commit(staging.finish(), message).await.expect("it is kept");
    assert_eq!(receipt.id(), id);
}

/// Ends the attempt at all that is due at a domain under these demands.
async fn end_of(store: &Embedded, at: &str, demands: &[Demand], now: Timestamp, end: Timestamp) {
    let lane = Lane {
        direction: Direction::Outbound,
        domain: AddressDomain::parse(at).expect("it is one"),
        fingerprint: fingerprint(demands),
    };
    let claims = store.claim(&lane, BATCH, now).await.expect("they are claimed");
    let settlements: Vec<_> = claims
        .into_iter()
        .map(|claim| {
            let id = claim.message().id;
            claim.settle(|recipient| {
                let to = recipient.mailbox.to_string();
                let attempt = |ending| attempt((id, &to), demands, ending, now);
                match to.chars().next() {
                    Some('w') => {
                        let next = end.plus(Duration::from_secs(2 * 86_400));
                        Outcome::Deferred { attempt: attempt(Ending::Deferred), next, warned: true }
                    }
                    Some('b') => Outcome::Bounced(attempt(Ending::Bounced)),
                    _ => Outcome::Delivered(attempt(Ending::Delivered)),
                }
            })
        })
        .collect();
    let settle = |settlement| {
        let store = store.clone();
        async move { store.settle(settlement).await.expect("it is settled") }
    };
    all(settlements.into_iter().map(settle)).await;
}

fn attempt(
    (message, to): (MessageId, &str),
    demands: &[Demand],
    outcome: Ending,
    now: Timestamp,
) -> Attempt {
    let (level, decided_by) = Attempt::wanted(demands, 1);
    let delivered = outcome == Ending::Delivered;
    let is_clear = delivered && demands.is_empty() && to.ends_with("7.example");
    let tls = (delivered && !is_clear).then(|| TlsRecord {
        version: if to.ends_with("3.example") { "TLSv1.2" } else { "TLSv1.3" }.into(),
        cipher: "TLS13_AES_256_GCM_SHA384".into(),
        certificate_sha256: Some("5d".repeat(32)),
        verified_by: if to.ends_with("5.example") { VerifiedBy::None } else { VerifiedBy::WebPki },
    });
    let why = match outcome {
        Ending::Delivered => None,
        Ending::Deferred if demands.is_empty() => Some(Why::ConnectTimeout),
        Ending::Deferred => Some(Why::StartTlsNotOffered),
        Ending::Bounced => Some(Why::RemoteReply),
    };
    Attempt {
        message,
        recipient: to.to_owned(),
        at: now,
        outcome,
        level,
        decided_by,
        host: Some("mx1.partner.example".into()),
        address: Some("192.0.2.10:25".into()),
        tls,
        clear_because: is_clear.then_some(NoTls::NotOffered),
        why,
        reply: Some("250 2.0.0 Ok: queued as 4c7Y1n0000zX".into()),
        status: if delivered { "2.0.0" } else { "4.7.4" }.into(),
        tries: Vec::new(),
        learned_from: None,
    }
}

/// The policy: every fourth rule looks into a list.
pub(crate) fn policy() -> String {
    let mut text = String::from(
        "[[domain]]\nname = \"acme.example\"\nroutes = [{ host = \"127.0.0.1\", port = 9 }]\n\
         [[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n",
    );
    let list = |name: &str, from: usize, count: usize| {
        let lines: Vec<_> =
            (from..from + count).map(|number| format!("partner{number:05}.example\n")).collect();
        format!(
            "[[rule_data]]\nname = \"{name}\"\nkind = \"domains\"\nvalues = \"\"\"\n{}\"\"\"\n",
            lines.concat()
        )
    };
    text.push_str(&list("All partners", 0, LONG));
    for number in 0..LISTS {
        text.push_str(&list(&format!("List {number:02}"), LONG + number * SHORT, SHORT));
    }
    for number in 0..RULES - 3 {
        let conditions = match number % 4 {
            0 => format!(
                "{{ condition = \"direction\", match = \"matches\", value = \"outbound\" }}, \
                 {{ condition = \"recipient\", match = \"matches\", rule_data = \"{}\" }}",
                if number == 0 {
                    "All partners".into()
                } else {
                    format!("List {:02}", number / 4 % LISTS)
                }
            ),
            1 => format!(
                "{{ condition = \"subject\", match = \"matches\", value = \"project {number:04}\" }}"
            ),
            2 => format!(
                "{{ condition = \"sender\", match = \"matches\", value = \"person{number}@acme.example\" }}"
            ),
            _ => format!(
                "{{ condition = \"recipient\", match = \"matches\", value = \"desk{number}@partner.example\" }}"
            ),
        };
        let does = if number % 4 == 0 {
            "actions = [{ action = \"add_message_header\", value = \"x-TLSLevel:Require\" }]"
        } else {
            "final_action = \"quarantine\""
        };
        let rule =
            format!("[[rule]]\nname = \"Rule {number:04}\"\nconditions = [{conditions}]\n{does}\n");
        text.push_str(&rule);
    }
    for system in ["opportunistic_tls", "deliver_inbound", "deliver_outbound"] {
        text.push_str(&format!("[[rule]]\nsystem = \"{system}\"\n"));
    }
    text
}
