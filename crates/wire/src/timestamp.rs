//! A point in time as a value. Nothing here asks what time it is: that is `store::Clock`.
//!
//! Milliseconds since the Unix epoch, in UTC. As text it is RFC 3339 with whole seconds, in a message it is the date of RFC 5322.
//! Arithmetic stops at the ends of the range; a year outside of 0000 to 9999 prints as the nearest moment inside.

use std::fmt;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, Weekday};

use crate::text::text_serde;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Timestamp(i64);

/// The text is no time in RFC 3339.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("is not a time; write it as 2026-11-24T03:00:00Z")]
pub struct NotATime;

impl Timestamp {
    /// Makes the point in time that many milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Gives the milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Gives `2026-11-24T03:00:00Z` (RFC 3339, UTC). Fractions of a second are left out.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.to_string()
    }

    /// Gives `Tue, 24 Nov 2026 03:00:00 +0000`, the date of a message (RFC 5322 §3.3).
    #[must_use]
    pub fn rfc5322(self) -> String {
        let at = self.calendar();
        let day = match at.weekday() {
            Weekday::Monday => "Mon",
            Weekday::Tuesday => "Tue",
            Weekday::Wednesday => "Wed",
            Weekday::Thursday => "Thu",
            Weekday::Friday => "Fri",
            Weekday::Saturday => "Sat",
            Weekday::Sunday => "Sun",
        };
        let names =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month =
            names.get(usize::from(u8::from(at.month())).saturating_sub(1)).unwrap_or(&"Jan");
        let (hour, minute, second) = at.to_hms();
        format!(
            "{day}, {} {month} {:04} {hour:02}:{minute:02}:{second:02} +0000",
            at.day(),
            at.year()
        )
    }

    /// Reads an RFC 3339 time with any offset; milliseconds are kept, what is finer is dropped.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// Reads an RFC 3339 time, as [`Timestamp::parse_rfc3339`].
    ///
    /// # Errors
    /// [`NotATime`] if it is not one.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotATime)?;
        let millis = i64::from(at.millisecond());
        Ok(Self(at.unix_timestamp().saturating_mul(1000).saturating_add(millis)))
    }

    /// Gives the point in time that much later, or the last one there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// Gives the point in time that much earlier, or the first one there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// Gives how long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    fn calendar(self) -> OffsetDateTime {
        let (first, last) = (-62_167_219_200, 253_402_300_799);
        let seconds = self.0.checked_div_euclid(1000).unwrap_or(0).clamp(first, last);
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.calendar();
        let (hour, minute, second) = at.to_hms();
        let month = u8::from(at.month());
        write!(f, "{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", at.year(), at.day())
    }
}

text_serde!(Timestamp);

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STORY: Timestamp = Timestamp::from_millis(1_795_489_200_987);

    #[test]
    fn a_time_prints_in_both_forms() {
        assert_eq!(STORY.rfc3339(), "2026-11-24T03:00:00Z");
        assert_eq!(STORY.rfc5322(), "Tue, 24 Nov 2026 03:00:00 +0000");
    }

    #[test]
    fn a_time_before_the_epoch_rounds_down() {
        assert_eq!(Timestamp::from_millis(-1).rfc3339(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn times_outside_the_calendar_print_as_its_ends() {
        assert_eq!(Timestamp::from_millis(i64::MAX).rfc3339(), "9999-12-31T23:59:59Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).rfc3339(), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn an_offset_is_turned_into_utc_and_milliseconds_are_kept() {
        assert_eq!(Timestamp::parse_rfc3339("2026-11-24T04:00:00.987654+01:00"), Some(STORY));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026-11-24", "2026-13-01T00:00:00Z", "tomorrow", "2026-11-24T03:00:00"] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(STORY.since(STORY.plus(Duration::from_secs(1))), Duration::ZERO);
        assert_eq!(STORY.plus(Duration::from_secs(60)).since(STORY), Duration::from_secs(60));
        assert_eq!(STORY.plus(Duration::MAX).millis(), i64::MAX);
        assert_eq!(STORY.minus(Duration::from_millis(987)).millis(), 1_795_489_200_000);
    }

    proptest! {
        #[test]
        fn a_printed_time_is_read_back_to_the_second(seconds in -62_167_219_200i64..=253_402_300_799) {
            let time = Timestamp::from_millis(seconds * 1000);
            prop_assert_eq!(Timestamp::parse_rfc3339(&time.rfc3339()), Some(time));
        }
    }
}
