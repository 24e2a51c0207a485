//! What a record counts as, and sums over records.

use gatepost_policy::{
    evidence::{Attempt, Ending, Why},
    tls::{Level, VerifiedBy},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a record counts as. It is stored as a number, so that sums need no record read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Class(u8);

impl Class {
    const DELIVERED: u8 = 1;
    const DEFERRED: u8 = 2;
    const BOUNCED: u8 = 4;
    const TLS: u8 = 8;
    const VERIFIED: u8 = 16;
    const ENFORCED: u8 = 32;
    const FOR_TLS: u8 = 64;

    /// What the record of an attempt counts as.
    pub(crate) fn of(attempt: &Attempt) -> Self {
        let ending = match attempt.outcome {
            Ending::Delivered => Self::DELIVERED,
            Ending::Deferred => Self::DEFERRED,
            Ending::Bounced => Self::BOUNCED,
        };
        let verified_by = attempt.tls.as_ref().map(|tls| tls.verified_by);
        let for_tls = match attempt.why {
            Some(Why::Expired) => attempt.tries.iter().filter_map(|one| one.why).any(Why::is_tls),
            Some(why) => why.is_tls(),
            None => false,
        };
        Self(
            ending
                | flag(Self::TLS, verified_by.is_some())
                | flag(Self::VERIFIED, verified_by.is_some_and(|by| by != VerifiedBy::None))
                | flag(Self::ENFORCED, attempt.level.is_enforced())
                | flag(Self::FOR_TLS, for_tls),
        )
    }

    /// What a record in the form of the chain counts as; `None` where it is none.
    pub(crate) fn read(record: &Value) -> Option<Self> {
        let word =
            |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let ending = match Ending::parse(&word(record, "outcome")?)? {
            Ending::Delivered => Self::DELIVERED,
            Ending::Deferred => Self::DEFERRED,
            Ending::Bounced => Self::BOUNCED,
        };
        let level = Level::parse(&word(record, "level")?)?;
        let tls = record.get("tls")?;
        let verified = tls.is_object() && word(tls, "verified_by")? != VerifiedBy::None.word();
        let why = |value: &Value| {
            let word = value.get("why").and_then(Value::as_str)?;
            Why::ALL.iter().copied().find(|why| why.word() == word)
        };
        let for_tls = match why(record) {
            Some(Why::Expired) => {
                record.get("tries")?.as_array()?.iter().filter_map(why).any(Why::is_tls)
            }
            Some(why) => why.is_tls(),
            None => false,
        };
        Some(Self(
            ending
                | flag(Self::TLS, tls.is_object())
                | flag(Self::VERIFIED, verified)
                | flag(Self::ENFORCED, level.is_enforced())
                | flag(Self::FOR_TLS, for_tls),
        ))
    }

    const fn has(self, flags: u8) -> bool {
        self.0 & flags == flags
    }

    /// Whether an enforced message travelled in clear: what must never be.
    pub(crate) const fn is_breach(self) -> bool {
        self.has(Self::DELIVERED | Self::ENFORCED) && !self.has(Self::TLS)
    }

    /// The number that is stored.
    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    /// The class of a stored number.
    pub(crate) const fn numbered(number: u8) -> Self {
        Self(number)
    }
}

const fn flag(flag: u8, holds: bool) -> u8 {
    if holds { flag } else { 0 }
}

/// Sums over records: one record is one attempt at one recipient.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Recipients whose message was given up and reported to its sender.
    pub bounced: u64,
    /// Recipients delivered to in clear text.
    pub clear: u64,
    /// Of those, at an enforced level. Always 0, or the promise is broken.
    pub clear_under_enforced: u64,
    /// Attempts that ended in waiting.
    pub deferred: u64,
    /// Recipients delivered to.
    pub delivered: u64,
    /// Of those, under TLS.
    pub encrypted: u64,
    /// Attempts at an enforced level that sent nothing because TLS could not be had.
    pub refused: u64,
    /// Recipients delivered to under TLS with a certificate that was good.
    pub verified: u64,
}

impl Tally {
    /// Counts `count` records of a class.
    pub(crate) fn add(&mut self, class: Class, count: u64) {
        let mut add = |to: fn(&mut Self) -> &mut u64, holds: bool| {
            if holds {
                let sum = to(self);
                *sum = sum.saturating_add(count);
            }
        };
        let delivered = class.has(Class::DELIVERED);
        let tls = class.has(Class::TLS);
        add(|t| &mut t.bounced, class.has(Class::BOUNCED));
        add(|t| &mut t.clear, delivered && !tls);
        add(|t| &mut t.clear_under_enforced, class.is_breach());
        add(|t| &mut t.deferred, class.has(Class::DEFERRED));
        add(|t| &mut t.delivered, delivered);
        add(|t| &mut t.encrypted, delivered && tls);
        add(|t| &mut t.refused, !delivered && class.has(Class::ENFORCED | Class::FOR_TLS));
        add(|t| &mut t.verified, delivered && tls && class.has(Class::VERIFIED));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::form, *};

    /// Every record that matters to a sum.
    fn each() -> Vec<Attempt> {
        let mut all = Vec::new();
        for outcome in [Ending::Delivered, Ending::Deferred, Ending::Bounced] {
            for level in Level::ALL {
                for why in
                    [None, Some(Why::StartTlsNotOffered), Some(Why::Expired), Some(Why::NoMx)]
                {
                    for tls in [true, false] {
                        let mut attempt = form::tests::full();
                        attempt.outcome = outcome;
                        attempt.level = level;
                        attempt.why = why;
                        attempt.tls = attempt.tls.filter(|_| tls);
                        all.push(attempt.clone());
                        attempt.tries[0].why = Some(Why::CertName);
                        if let Some(tls) = &mut attempt.tls {
                            tls.verified_by = VerifiedBy::None;
                        }
                        all.push(attempt);
                    }
                }
            }
        }
        all
    }

    #[test]
    fn a_record_counts_the_same_from_its_form() {
        for attempt in each() {
            let form = form::form(&attempt, "partner.example", &[0; 16]).unwrap();
            let read = Class::read(&serde_json::from_str(&form).unwrap());
            assert_eq!(read, Some(Class::of(&attempt)), "{form}");
        }
    }

    #[test]
    fn only_an_enforced_delivery_without_tls_is_a_breach() {
        for attempt in each() {
            let breach = attempt.outcome == Ending::Delivered
                && attempt.level.is_enforced()
                && attempt.tls.is_none();
            assert_eq!(Class::of(&attempt).is_breach(), breach);
            let mut tally = Tally::default();
            tally.add(Class::of(&attempt), 3);
            assert_eq!(tally.clear_under_enforced, if breach { 3 } else { 0 });
            assert_eq!(tally.encrypted + tally.clear, tally.delivered);
            assert_eq!(tally.delivered + tally.deferred + tally.bounced, 3);
        }
    }
}
