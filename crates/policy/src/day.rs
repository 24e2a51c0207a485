//! A day of the calendar in UTC, as the ends of trials and exceptions are written.

use std::{fmt, str::FromStr, time::Duration};

use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const LENGTH: Duration = Duration::from_secs(86_400);

/// A day in UTC, written `2027-01-31`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Day {
    /// Its first instant.
    start: Timestamp,
}

/// A text that is no day; displayed, it is the remedy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("Write a day of the calendar as \"2027-01-31\".")]
pub struct NoDay;

impl Day {
    /// Whether the whole day lies before a time: what holds until a day holds on all of it.
    pub fn is_over(self, now: Timestamp) -> bool {
        now >= self.start.plus(LENGTH)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let text = text.trim();
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let start = shape.then(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))).flatten();
        start.map(|start| Self { start }).ok_or(NoDay)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start.rfc3339();
        f.write_str(text.split_once('T').map_or(text.as_str(), |(day, _)| day))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_over_with_its_last_instant() {
        let day: Day = "2027-01-31".parse().unwrap();
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        assert!(!day.is_over(at("2027-01-30T12:00:00Z")));
        assert!(!day.is_over(at("2027-01-31T00:00:00Z")));
        assert!(!day.is_over(at("2027-01-31T23:59:59Z")));
        assert!(day.is_over(at("2027-02-01T00:00:00Z")));
        assert!(!day.is_over(at("2027-02-01T00:30:00+01:00")), "the day is in UTC");
    }

    #[test]
    fn only_days_of_the_calendar_are_taken() {
        for text in
            ["2027-02-29", "2027-13-01", "2027-1-1", "31.01.2027", "", "2027-01-31T00:00:00Z"]
        {
            assert_eq!(text.parse::<Day>(), Err(NoDay), "{text}");
        }
        assert_eq!("2028-02-29".parse::<Day>().unwrap().to_string(), "2028-02-29");
    }
}
