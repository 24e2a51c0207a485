//! How one value is judged: a duration, a size, a count, an address, one of a few words.
//!
//! A value that is not written is the default of the table of settings; one that is wrong is noted, and judging
//! goes on with the default.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use gatepost_policy::diagnostic::{quote, suggest};
use gatepost_policy::units::{Period, Size};
use gatepost_wire::address::DomainName;
use toml::Spanned;

use super::super::raw::Written;
use super::super::report::Report;
use super::super::settings::default_of;

/// The problem and the remedy of a value that cannot be read.
pub(super) type Wrong = (String, String);

/// Judges values and notes what is wrong with them.
pub(super) struct Judge<'r> {
    report: &'r Report<'r>,
}

impl<'r> Judge<'r> {
    pub(super) const fn new(report: &'r Report<'r>) -> Self {
        Self { report }
    }

    pub(super) fn problem(
        &self,
        span: &Range<usize>,
        path: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.report.problem(span, path, problem, remedy);
    }

    pub(super) fn absent(&self, span: &Range<usize>, path: &str, what: &str, off: &str) {
        self.report.absent(span, path, what, off);
    }

    /// A value read by `read`, or `None` where nothing is written or it is wrong.
    pub(super) fn read<T>(
        &self,
        written: Written<String>,
        path: &str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let written = written?;
        match read(written.get_ref()) {
            Ok(value) => Some(value),
            Err((problem, remedy)) => {
                self.problem(&written.span(), path, problem, remedy);
                None
            }
        }
    }

    pub(super) fn text(&self, written: Written<String>, path: &str) -> String {
        let read = |text: &str| match text {
            "" => Err((
                "This is empty.".to_owned(),
                format!("Write a value, such as {:?}.", default_of(path)),
            )),
            text => Ok(text.to_owned()),
        };
        self.read(written, path, read).unwrap_or_else(|| default_of(path).to_owned())
    }

    pub(super) fn duration(&self, written: Written<String>, path: &str) -> Duration {
        self.read(written, path, duration)
            .unwrap_or_else(|| duration(default_of(path)).unwrap_or_default())
    }

    pub(super) fn size(&self, written: Written<String>, path: &str) -> u64 {
        let size = |text: &str| match text.parse::<Size>() {
            Ok(size) if size.bytes() == 0 => Err((
                format!("{} leaves no room for anything.", quote(text)),
                "Write a size above zero.".to_owned(),
            )),
            Ok(size) => Ok(size.bytes()),
            Err(why) => Err((format!("{} is not a size.", quote(text)), why.to_string())),
        };
        self.read(written, path, size).unwrap_or_else(|| size(default_of(path)).unwrap_or_default())
    }

    /// A number of things, at least one.
    pub(super) fn count(&self, written: Written<i64>, path: &str) -> usize {
        self.number(written, path, 1, i64::from(u32::MAX))
    }

    /// A TCP port.
    pub(super) fn port(&self, written: Written<i64>, path: &str) -> u16 {
        self.number(written, path, 1, i64::from(u16::MAX))
    }

    fn number<T: TryFrom<i64> + std::str::FromStr + Default>(
        &self,
        written: Written<i64>,
        path: &str,
        low: i64,
        high: i64,
    ) -> T {
        let default = || default_of(path).parse().unwrap_or_default();
        let Some(written) = written else { return default() };
        let number = *written.get_ref();
        if !(low..=high).contains(&number) {
            let remedy = format!("Write a whole number from {low} to {high}.");
            self.problem(&written.span(), path, format!("{number} is out of range."), remedy);
            return default();
        }
        T::try_from(number).unwrap_or_else(|_| default())
    }

    pub(super) fn address(&self, written: Written<String>, path: &str) -> SocketAddr {
        self.address_at(written, path, path)
    }

    /// As [`Self::address`], for a setting of one table among many: `setting` names its default.
    pub(super) fn address_at(
        &self,
        written: Written<String>,
        path: &str,
        setting: &str,
    ) -> SocketAddr {
        let read = |text: &str| {
            text.parse().map_err(|_| {
                let port = default_of(setting).rsplit(':').next().unwrap_or("25");
                let remedy = if setting == "admin.address" {
                    format!("Write it as \"127.0.0.1:{port}\".")
                } else {
                    format!("Write it as \"0.0.0.0:{port}\" or \"[::]:{port}\".")
                };
                (format!("{} is not an address and port.", quote(text)), remedy)
            })
        };
        self.read(written, path, read).unwrap_or_else(|| super::default_address(setting))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        written: Written<String>,
        path: &str,
        words: &[(&str, T)],
    ) -> T {
        self.word_at(written, path, path, words)
    }

    /// As [`Self::word`], for a setting of one table among many.
    pub(super) fn word_at<T: Copy>(
        &self,
        written: Written<String>,
        path: &str,
        setting: &str,
        words: &[(&str, T)],
    ) -> T {
        let find =
            |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if let Some(written) = written {
            if let Some(value) = find(written.get_ref()) {
                return value;
            }
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.no_word(&written.span(), path, written.get_ref(), &known);
        }
        find(default_of(setting)).unwrap_or(words[0].1)
    }

    /// Notes a word that is none of the known ones.
    pub(super) fn no_word(&self, span: &Range<usize>, path: &str, text: &str, known: &[&str]) {
        let all: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
        let remedy = match suggest(text, known) {
            Some(word) => format!("Did you mean {word:?}? Known here: {}.", all.join(", ")),
            None => format!("Write one of {}.", all.join(", ")),
        };
        self.problem(span, path, format!("{} means nothing here.", quote(text)), remedy);
    }

    pub(super) fn flag(&self, written: Option<Spanned<bool>>, path: &str) -> bool {
        written.map_or_else(|| default_of(path) == "true", Spanned::into_inner)
    }
}

/// A duration above zero.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    text.parse::<Period>()
        .map(Period::duration)
        .map_err(|why| (format!("{} is not a duration above zero.", quote(text)), why.to_string()))
}

/// The name of a machine that has none.
pub(super) fn localhost() -> DomainName {
    DomainName::parse("localhost").expect("a constant host name")
}
