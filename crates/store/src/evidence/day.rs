//! Days in UTC: what roots are made of.

use std::fmt;

use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MILLIS: i64 = 86_400_000;

/// A day in UTC, written `2026-11-24`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct UtcDay(i64);

impl UtcDay {
    /// The day that a moment belongs to.
    pub const fn of(at: Timestamp) -> Self {
        Self(at.millis().div_euclid(MILLIS))
    }

    /// Its first moment.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(MILLIS))
    }

    /// The day after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Days since 1970-01-01.
    pub(crate) const fn number(self) -> i64 {
        self.0
    }

    /// The day so long after 1970-01-01.
    pub(crate) const fn numbered(number: i64) -> Self {
        Self(number)
    }

    /// The day that a text means; `None` where it means none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 10 {
            return None;
        }
        Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).map(Self::of)
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().rfc3339();
        f.write_str(text.split_once('T').map_or(text.as_str(), |(day, _)| day))
    }
}

impl Serialize for UtcDay {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcDay {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a day is written as 2026-11-24"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let day = UtcDay::parse("2026-11-24").unwrap();
        assert_eq!(day.to_string(), "2026-11-24");
        assert_eq!(UtcDay::of(day.start()), day);
        assert_eq!(UtcDay::of(Timestamp::from_millis(day.start().millis() - 1)).next(), day);
        for text in ["2026-02-30", "2026-1-1", "", "24.11.2026", "2026-11-24T"] {
            assert_eq!(UtcDay::parse(text), None, "{text}");
        }
    }
}
