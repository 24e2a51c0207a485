//! One answer for many verdicts, and what the store is to keep for each (`interface.md`, decision 3).
//!
//! What holds: every recipient is in exactly one of copies, quarantined and closed, or the message is refused as a whole; the
//! recipients of one copy share a domain.

use gatepost_policy::{
    accept::{Disposition, End},
    direction::Direction,
};
use gatepost_store::{Closed, Fate, NewCopy, NewQuarantined, NewRecipient, Verdict};
use gatepost_wire::{address::AddressDomain, reply::Reply, timestamp::Timestamp};

use crate::reply;

/// What the client is to hear.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The message is stored so.
    Take(Outcome),
    /// Every recipient was rejected.
    Refuse(Reply),
}

/// A message split into what becomes of its recipients.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) copies: Vec<NewCopy>,
    pub(crate) quarantined: Vec<NewQuarantined>,
    pub(crate) closed: Vec<Closed>,
    /// The directions of its recipients, each once.
    pub(crate) directions: Vec<Direction>,
}

/// The word of the policy file for how the rules ended.
pub(crate) const fn verdict(end: &End) -> Verdict {
    match end {
        End::Deliver => Verdict::Deliver,
        End::Quarantine { company: false } => Verdict::Quarantine,
        End::Quarantine { company: true } => Verdict::QuarantineCompany,
        End::Delete => Verdict::Delete,
        End::Reject { .. } => Verdict::Reject,
    }
}

/// Splits dispositions by the domains of their recipients. `reports` says whether the sender may be told of recipients that were
/// rejected after the message was taken for others: of inbound mail it never is, since its sender may be forged (SPF could tell); `expires` is when a quarantined one is deleted.
pub(crate) fn split(
    dispositions: Vec<Disposition>,
    recipients: &[NewRecipient],
    reports: bool,
    expires: Timestamp,
) -> Answer {
    if let Some(reply) = refusal(&dispositions) {
        return Answer::Refuse(reply);
    }
    let mut outcome = Outcome::default();
    for disposition in dispositions {
        let Disposition { recipients: indices, end, direction, edits, demands, matched, decided } =
            disposition;
        if !outcome.directions.contains(&direction) {
            outcome.directions.push(direction);
        }
        let members = indices.iter().filter_map(|index| recipients.get(*index));
        let fate = match end {
            End::Deliver => Fate::Deliver,
            End::Reject { reply } if reports && direction == Direction::Outbound => {
                Fate::Report { reply }
            }
            End::Quarantine { company } => {
                outcome.quarantined.extend(by_domain(members).into_iter().map(
                    |(domain, recipients)| NewQuarantined {
                        recipients,
                        direction,
                        domain,
                        demands: demands.clone(),
                        edits: edits.clone(),
                        matched: matched.clone(),
                        rule: decided.clone().unwrap_or_default(),
                        company,
                        expires,
                    },
                ));
                continue;
            }
            End::Delete | End::Reject { .. } => {
                let verdict = verdict(&end);
                outcome.closed.extend(members.map(|recipient| Closed {
                    recipient: recipient.mailbox.clone(),
                    direction,
                    matched: matched.clone(),
                    verdict,
                    rule: decided.clone(),
                }));
                continue;
            }
        };
        outcome.copies.extend(by_domain(members).into_iter().map(|(domain, recipients)| NewCopy {
            recipients,
            direction,
            domain,
            demands: demands.clone(),
            edits: edits.clone(),
            matched: matched.clone(),
            rule: decided.clone(),
            fate: fate.clone(),
        }));
    }
    Answer::Take(outcome)
}

/// The reply of the first recipient's rule, if every recipient was rejected.
fn refusal(dispositions: &[Disposition]) -> Option<Reply> {
    let mut first: Option<(usize, &str)> = None;
    for disposition in dispositions {
        let End::Reject { reply } = &disposition.end else { return None };
        let index = disposition.recipients.iter().min().copied().unwrap_or(usize::MAX);
        if first.is_none_or(|(least, _)| index < least) {
            first = Some((index, reply));
        }
    }
    // With no recipient at all there is nobody to take it for.
    let (_, reply) = first.unwrap_or((0, ""));
    Some(Reply::parse_refusal(reply).unwrap_or_else(|_| reply::refused()))
}

/// Groups recipients by their domains, in the order of their first members.
fn by_domain<'a>(
    members: impl Iterator<Item = &'a NewRecipient>,
) -> Vec<(AddressDomain, Vec<NewRecipient>)> {
    let mut groups: Vec<(AddressDomain, Vec<NewRecipient>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for member in members {
        let domain = member.mailbox.domain();
        let place = *places.entry(domain.clone()).or_insert_with(|| {
            groups.push((domain.clone(), Vec::new()));
            groups.len() - 1
        });
        if let Some((_, group)) = groups.get_mut(place) {
            group.push(member.clone());
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use gatepost_wire::{address::Mailbox, command::RcptParams};

    use super::*;

    fn recipients(addresses: &[&str]) -> Vec<NewRecipient> {
        addresses
            .iter()
            .map(|address| NewRecipient {
                mailbox: Mailbox::parse(address).unwrap(),
                params: RcptParams::default(),
            })
            .collect()
    }

    fn disposition(recipients: &[usize], end: End) -> Disposition {
        Disposition {
            recipients: recipients.to_vec(),
            end,
            direction: Direction::Outbound,
            edits: Default::default(),
            demands: Vec::new(),
            matched: Vec::new(),
            decided: Some("a rule".into()),
        }
    }

    fn reject(reply: &str) -> End {
        End::Reject { reply: reply.into() }
    }

    fn taken(answer: Answer) -> Outcome {
        match answer {
            Answer::Take(outcome) => outcome,
            Answer::Refuse(reply) => panic!("{reply}"),
        }
    }

    #[test]
    fn recipients_of_one_verdict_are_split_by_domain() {
        let to = recipients(&["a@one.example", "b@two.example", "c@ONE.example"]);
        let outcome = taken(split(
            vec![disposition(&[0, 1, 2], End::Deliver)],
            &to,
            true,
            Timestamp::from_millis(0),
        ));
        let sizes: Vec<usize> = outcome.copies.iter().map(|copy| copy.recipients.len()).collect();
        assert_eq!(sizes, [2, 1]);
        assert!(outcome.copies.iter().all(|copy| copy.fate == Fate::Deliver));
        assert_eq!(outcome.directions, [Direction::Outbound]);
    }

    #[test]
    fn all_rejected_is_the_first_recipients_reply() {
        let to = recipients(&["a@one.example", "b@two.example"]);
        let both = vec![
            disposition(&[1], reject("554 5.7.0 second")),
            disposition(&[0], reject("550 5.7.1 first")),
        ];
        let Answer::Refuse(reply) = split(both, &to, true, Timestamp::from_millis(0)) else {
            panic!()
        };
        assert_eq!(reply.to_string(), "550 5.7.1 first");
    }

    #[test]
    fn some_rejected_are_reported_to_a_source_of_ours_and_recorded_for_a_stranger() {
        let to = recipients(&["a@one.example", "b@two.example"]);
        let mixed =
            || vec![disposition(&[0], End::Deliver), disposition(&[1], reject("550 5.7.1 no"))];
        let ours = taken(split(mixed(), &to, true, Timestamp::from_millis(0)));
        assert_eq!(ours.copies.len(), 2);
        assert_eq!(ours.copies[1].fate, Fate::Report { reply: "550 5.7.1 no".into() });
        let strangers = taken(split(mixed(), &to, false, Timestamp::from_millis(0)));
        assert_eq!(strangers.copies.len(), 1);
        assert_eq!(strangers.closed.len(), 1);
        assert_eq!(strangers.closed[0].verdict, Verdict::Reject);
        assert_eq!(strangers.closed[0].rule.as_deref(), Some("a rule"));
    }

    #[test]
    fn of_inbound_mail_the_rejected_are_only_recorded() {
        let to = recipients(&["a@one.example", "b@two.example"]);
        let inbound = |recipient, end| Disposition {
            direction: Direction::Inbound,
            ..disposition(&[recipient], end)
        };
        let mixed = vec![inbound(0, End::Deliver), inbound(1, reject("550 5.7.1 no"))];
        let outcome = taken(split(mixed, &to, true, Timestamp::from_millis(0)));
        assert_eq!((outcome.copies.len(), outcome.closed.len()), (1, 1));
        assert_eq!(outcome.closed[0].direction, Direction::Inbound);
    }

    #[test]
    fn deleted_mail_is_taken_and_recorded() {
        let to = recipients(&["a@one.example"]);
        let outcome = taken(split(
            vec![disposition(&[0], End::Delete)],
            &to,
            true,
            Timestamp::from_millis(0),
        ));
        assert_eq!(outcome.closed[0].verdict, Verdict::Delete);
        assert!(outcome.copies.is_empty());
    }

    #[test]
    fn quarantined_mail_says_which_rule_and_until_when() {
        let to = recipients(&["a@one.example", "b@two.example"]);
        let until = Timestamp::from_millis(99_000);
        let end = End::Quarantine { company: true };
        let outcome = taken(split(vec![disposition(&[0, 1], end)], &to, true, until));
        assert_eq!(outcome.quarantined.len(), 2);
        assert!(
            outcome
                .quarantined
                .iter()
                .all(|kept| kept.company && kept.rule == "a rule" && kept.expires == until)
        );
    }
}
