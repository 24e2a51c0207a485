//! Which reports a settled claim owes its sender, and how a report or an alert
//! becomes mail.
//!
//! A report is mail like any other: it walks the Message Rules (decision 4), so a
//! partner's Enforced TLS holds for it too, and it is committed together with the
//! settlement that it is about. Its own sender is null, so it never causes another.

use gatepost_policy::{
    accept::{self, Origin},
    direction::{Direction, Matched},
    facts::{Facts, Headers},
    id::MessageId,
    rules::Undecided,
    snapshot::Snapshot,
    tls::{Demand, Level, Source},
};
use gatepost_store::{
    Body, Claim, ClientFacts, Fate, NewCopy, NewMessage, NewRecipient, Outcome, StoreError,
};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    command::{BodyKind, MailParams, RcptParams, Ret, decode_xtext},
    message::{Edits, HeaderSection},
    timestamp::Timestamp,
};

use crate::{
    alert,
    dsn::{self, Kind, Original, Report, Reported},
    judge::Judged,
    parts::Parts,
    settings::DeliverySettings,
};

/// The largest message that is returned whole where `RET=FULL` asks for it.
const MOST_RETURNED: u64 = 1024 * 1024;

/// What the reports about a claim are made from.
pub(crate) struct Case<'a> {
    pub parts: &'a Parts,
    pub snapshot: &'a Snapshot,
    pub settings: &'a DeliverySettings,
    pub claim: &'a Claim,
    /// One for each recipient of the claim, in order.
    pub judged: &'a [Judged],
    /// Recipients that were delivered to a host which reports no success itself.
    pub relayed: &'a [usize],
    pub now: Timestamp,
}

/// The reports and alerts that are due, as messages for the store.
pub(crate) async fn make(case: &Case<'_>) -> Vec<(Vec<u8>, NewMessage)> {
    let mut notices = alert::raise(case);
    let ReversePath::Mailbox(sender) = &case.claim.message().sender else {
        tell_of_silence(case);
        return notices;
    };
    for kind in Kind::ALL {
        let reported = reported(case, kind);
        if !reported.is_empty() {
            notices.push(one(case, kind, sender, &reported).await);
        }
    }
    notices
}

/// Mail without a sender that fails is reported to nobody (RFC 5321 section 4.5.5).
fn tell_of_silence(case: &Case<'_>) {
    for judged in case.judged {
        if let Outcome::Bounced(attempt) = &judged.outcome {
            tracing::warn!(
                message = %attempt.message,
                to = attempt.recipient,
                "mail without a sender failed, and nobody is told"
            );
        }
    }
}

/// The recipients that a report of this kind is about (RFC 3461 section 4.1).
fn reported<'a>(case: &'a Case<'_>, kind: Kind) -> Vec<Reported<'a>> {
    let recipients = &case.claim.copy().recipients;
    let all = recipients.iter().zip(case.judged).enumerate();
    all.filter_map(|(index, (recipient, judged))| {
        let notify = recipient.params.notify;
        let wanted = match (kind, &judged.outcome) {
            (Kind::Failed, Outcome::Bounced(_)) => {
                notify.is_none_or(|notify| notify.failure && !notify.never)
            }
            (Kind::Delayed, Outcome::Deferred { .. }) => judged.warns,
            (Kind::Relayed, Outcome::Delivered(_)) => {
                notify.is_some_and(|notify| notify.success) && case.relayed.contains(&index)
            }
            (Kind::Failed | Kind::Delayed | Kind::Relayed, _) => false,
        };
        let waits = match &judged.outcome {
            Outcome::Deferred { next, .. } => judged.until.map(|until| (*next, until)),
            Outcome::Delivered(_) | Outcome::Bounced(_) => None,
        };
        wanted.then(|| Reported {
            mailbox: &recipient.mailbox,
            original: recipient
                .params
                .orcpt
                .as_deref()
                .map(|orcpt| decode_xtext(orcpt).unwrap_or_else(|| orcpt.to_owned())),
            attempt: judged.outcome.attempt(),
            detail: judged.detail.as_deref(),
            for_tls: judged.for_tls,
            waits,
        })
    })
    .collect()
}

async fn one(
    case: &Case<'_>,
    kind: Kind,
    sender: &Mailbox,
    reported: &[Reported<'_>],
) -> (Vec<u8>, NewMessage) {
    let message = case.claim.message();
    // Mail that demanded TLS is never returned whole: the report may travel in clear text.
    let enforced = reported.iter().any(|one| one.for_tls || one.attempt.level.is_enforced())
        || case.claim.copy().demands.iter().any(|demand| demand.level().is_enforced())
        || way_may_demand_tls(case);
    let whole = kind == Kind::Failed
        && message.params.ret == Some(Ret::Full)
        && !enforced
        && message.size <= MOST_RETURNED;
    let bytes = original(case, whole).await.unwrap_or_else(|error| {
        tracing::error!(
            message = %message.id,
            error = &error as &dyn std::error::Error,
            "a report goes out without the original"
        );
        Vec::new()
    });
    let id = case.parts.enqueue.mint();
    let postmaster = case.snapshot.postmaster(case.settings.postmaster.as_ref());
    let envid = message.params.envid.as_deref().and_then(decode_xtext);
    let report = Report {
        kind,
        hostname: &case.settings.hostname,
        postmaster: postmaster.as_ref(),
        id,
        now: case.now,
        arrived: message.received_at,
        direction: case.claim.copy().lane.direction,
        sender,
        envid: envid.as_deref(),
        recipients: reported,
        original: if whole { Original::Full(&bytes) } else { Original::Header(&bytes) },
    };
    let written = dsn::write(&report);
    let new = as_mail(case, id, sender, &written);
    (written, new)
}

/// Whether the way to the hosts may demand TLS of its own: policies of today, which can
/// be about any host, and the level of a smart host.
fn way_may_demand_tls(case: &Case<'_>) -> bool {
    let domain = &case.claim.copy().lane.domain;
    !case.snapshot.tls_policies.is_empty()
        || case.snapshot.smart_host(domain).is_some_and(|host| host.tls.is_enforced())
}

/// The original: all of it, or its header section.
async fn original(case: &Case<'_>, whole: bool) -> Result<Vec<u8>, StoreError> {
    let mut body: Body = case.parts.dispatch.body(case.claim).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await? {
        bytes.extend_from_slice(&chunk);
        if !whole {
            let end = HeaderSection::scan(&bytes).body_offset();
            if end < bytes.len() {
                bytes.truncate(end);
                break;
            }
        }
    }
    Ok(bytes)
}

/// A mail of ours to `to`: judged by the rules, to be delivered in any case.
pub(crate) fn as_mail(case: &Case<'_>, id: MessageId, to: &Mailbox, written: &[u8]) -> NewMessage {
    let client = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    let facts = Facts {
        sender: ReversePath::Null,
        recipients: vec![to.clone()],
        client,
        from_source: true,
        size: u64::try_from(written.len()).unwrap_or(u64::MAX),
        headers: Headers::scan(written),
        now: case.now,
        direction_override: None,
    };
    let params = MailParams {
        body: if written.is_ascii() { BodyKind::SevenBit } else { BodyKind::EightBit },
        smtputf8: to.needs_smtputf8(),
        ..MailParams::default()
    };
    let copies = match accept::accept(case.snapshot, &facts, Origin::Gatepost, b"") {
        Ok(accepted) => accepted
            .dispositions
            .into_iter()
            .map(|judged| copy(to, judged.direction, judged.demands, judged.edits, judged.matched))
            .collect(),
        Err(undecided) => vec![unjudged(case.snapshot, to, &undecided)],
    };
    NewMessage {
        id,
        received_at: case.now,
        sender: ReversePath::Null,
        params,
        client: ClientFacts {
            address: client,
            helo: case.settings.hostname.clone(),
            tls: None,
            from_source: true,
            account: None,
        },
        revision: case.snapshot.revision,
        subject: String::new(),
        copies,
        quarantined: Vec::new(),
        closed: Vec::new(),
    }
}

/// A report whose rules cannot be asked now is neither lost nor sent with less than
/// some rule might have demanded: it goes out under TLS or waits.
fn unjudged(snapshot: &Snapshot, sender: &Mailbox, undecided: &Undecided) -> NewCopy {
    tracing::warn!(
        rule = undecided.rule,
        need = undecided.need,
        "the rules could not judge a report: it will only travel under TLS"
    );
    let demand = Demand::new(Level::Require, Source::Default);
    copy(sender, snapshot.direction(sender), vec![demand], Edits::default(), Vec::new())
}

fn copy(
    sender: &Mailbox,
    direction: Direction,
    demands: Vec<Demand>,
    edits: Edits,
    matched: Vec<Matched>,
) -> NewCopy {
    NewCopy {
        recipients: vec![NewRecipient { mailbox: sender.clone(), params: RcptParams::default() }],
        direction,
        domain: sender.domain().clone(),
        demands,
        edits,
        matched,
        rule: None,
        fate: Fate::Deliver,
    }
}
