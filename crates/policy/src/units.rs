//! Durations and sizes as people write them: `5m`, `90d`, `2y`, `50MiB`.
//!
//! Printing gives back the shortest form that means the same, so a value that is
//! read, printed and read again stays what it was.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const UNITS_OF_TIME: &[(&str, u64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The units that printing uses: weeks are read and shown as days.
const PRINTED_TIME: &[&str] = &["y", "d", "h", "m", "s", "ms"];

const UNITS_OF_SIZE: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

const PRINTED_SIZE: &[&str] = &["TiB", "GiB", "MiB", "KiB"];

/// A span of time above zero, in whole milliseconds: `"5m"`, `"1h30m"`, `"90d"`, `"2y"` (365 days each).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Period(u64);

impl Period {
    /// A period of so many milliseconds; `None` for zero.
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis == 0 { None } else { Some(Self(millis)) }
    }

    /// The period as the standard library has it.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A number of bytes: `"50MiB"`, `"10KB"`, `"1024"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Size(u64);

impl Size {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// A text that is no period or no size; displayed, it is the remedy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// Not a duration.
    #[error(
        "Write a duration above zero as a number and a unit: \"30s\", \"5m\", \"24h\", \"90d\" or \"2y\"."
    )]
    Period,
    /// Not a size.
    #[error("Write a size as a number and a unit: \"512KiB\", \"50MiB\" or \"1GiB\".")]
    Size,
}

impl FromStr for Period {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut rest = text.trim();
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (amount, unit, behind) = number_and_unit(rest).ok_or(Malformed::Period)?;
            let (_, millis) =
                UNITS_OF_TIME.iter().find(|(name, _)| *name == unit).ok_or(Malformed::Period)?;
            total = amount
                .checked_mul(*millis)
                .and_then(|part| total.checked_add(part))
                .ok_or(Malformed::Period)?;
            rest = behind.trim_start();
        }
        Self::from_millis(total).ok_or(Malformed::Period)
    }
}

impl FromStr for Size {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        if let Ok(bytes) = plain_number(text) {
            return Ok(Self(bytes));
        }
        let (amount, unit, behind) = number_and_unit(text).ok_or(Malformed::Size)?;
        let (_, bytes) = UNITS_OF_SIZE
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or(Malformed::Size)?;
        if !behind.is_empty() {
            return Err(Malformed::Size);
        }
        amount.checked_mul(*bytes).map(Self).ok_or(Malformed::Size)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, UNITS_OF_TIME, PRINTED_TIME)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, UNITS_OF_SIZE, PRINTED_SIZE)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Splits `90d rest` into the number, the unit and what follows.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, behind) = rest.split_at(end);
    Some((plain_number(number).ok()?, unit, behind))
}

/// Digits alone: the standard parser would take a leading `+`.
fn plain_number(text: &str) -> Result<u64, Malformed> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| Malformed::Size)
    } else {
        Err(Malformed::Size)
    }
}

fn print(
    f: &mut fmt::Formatter<'_>,
    amount: u64,
    units: &[(&str, u64)],
    printed: &[&str],
) -> fmt::Result {
    let fit = units
        .iter()
        .find(|(name, size)| amount > 0 && printed.contains(name) && amount.is_multiple_of(*size));
    match fit {
        Some((name, size)) => write!(f, "{}{name}", amount / size),
        None => write!(f, "{amount}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("24h", 86_400),
            ("90d", 90 * 86_400),
            ("1w", 7 * 86_400),
            ("2y", 730 * 86_400),
            ("1h30m", 5_400),
            (" 5 m ", 300),
        ] {
            assert_eq!(text.parse::<Period>().unwrap().duration().as_secs(), seconds, "{text}");
        }
        assert_eq!("250ms".parse::<Period>().unwrap().duration().as_millis(), 250);
    }

    #[test]
    fn what_is_no_duration_above_zero_is_refused() {
        for text in ["", "0s", "5", "m", "-5m", "+5m", "5 minutes", "5M", "99999999999999999y"] {
            assert_eq!(text.parse::<Period>(), Err(Malformed::Period), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("50MiB", 50 << 20), ("10kb", 10_000), ("1024", 1024), ("0", 0), ("1 GiB", 1 << 30)]
        {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "5 apples", "1MiB2", "-1", "99999999TiB"] {
            assert_eq!(text.parse::<Size>(), Err(Malformed::Size), "{text}");
        }
    }

    #[test]
    fn printing_prefers_the_largest_unit() {
        assert_eq!("90d".parse::<Period>().unwrap().to_string(), "90d");
        assert_eq!("730d".parse::<Period>().unwrap().to_string(), "2y");
        assert_eq!("50MiB".parse::<Size>().unwrap().to_string(), "50MiB");
        assert_eq!("1001".parse::<Size>().unwrap().to_string(), "1001");
    }

    proptest! {
        #[test]
        fn printing_then_reading_is_identity(amount in 1_u64..u64::MAX) {
            let period = Period::from_millis(amount).unwrap();
            prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
            let size = Size::from_bytes(amount);
            prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
        }
    }
}
