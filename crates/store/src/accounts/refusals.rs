//! What the audit log says of sign-ins that were refused.
//!
//! Entries are never removed, so who guesses must not be able to make as many as they like. In an hour so many failures
//! and so many lock-outs have an entry of their own; those beyond are counted, and the hour's count is one entry. What
//! was typed as a name is cut to the length of a name.

use std::{net::IpAddr, time::Duration};

use gatepost_wire::timestamp::Timestamp;
use serde_json::{Value, json};

use super::rules::NAME_LENGTH;
use crate::{
    audit::NewAudit,
    view::{Author, Via},
};

/// Failures of an hour that have entries of their own, and as many lock-outs besides.
const LISTED: u32 = 100;

const HOUR: Duration = Duration::from_secs(3600);

/// Where somebody wanted to come in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Door {
    /// The console and the API.
    Console,
    /// AUTH over SMTP.
    Smtp,
}

impl Door {
    const fn via(self) -> Via {
        match self {
            Self::Console => Via::Console,
            Self::Smtp => Via::Smtp,
        }
    }

    const fn word(self, locked: bool) -> &'static str {
        match (self, locked) {
            (Self::Console, false) => "session.refused",
            (Self::Console, true) => "session.locked",
            (Self::Smtp, false) => "smtp.refused",
            (Self::Smtp, true) => "smtp.locked",
        }
    }
}

/// A try that was no good.
#[derive(Clone, Copy, Debug)]
pub struct FailedTry<'a> {
    /// Where.
    pub door: Door,
    /// The name that failures count against.
    pub account: &'a str,
    /// The name that the audit log has.
    pub by: &'a str,
    /// From where.
    pub source: IpAddr,
    /// What was wrong; never what was typed.
    pub why: &'a str,
}

/// How long the account, and the source, have to wait because of a failure.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lockout {
    /// The account.
    pub account: Option<Duration>,
    /// The source.
    pub source: Option<Duration>,
}

/// What was refused in the hour that runs.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    began: Option<Timestamp>,
    listed: u32,
    locked: u32,
    /// Without an entry: at the console, and over SMTP.
    unlisted: (u64, u64),
}

impl Refusals {
    /// The entries that a failure makes.
    pub(super) fn add(
        &mut self,
        failed: &FailedTry<'_>,
        lockout: Lockout,
        now: Timestamp,
    ) -> Vec<NewAudit> {
        let mut entries: Vec<NewAudit> = self.over(now).into_iter().collect();
        self.began.get_or_insert(now);
        let locked = lockout != Lockout::default();
        let listed = if locked { &mut self.locked } else { &mut self.listed };
        if *listed < LISTED {
            *listed += 1;
            entries.push(entry(failed, lockout, locked));
        } else {
            let (console, smtp) = &mut self.unlisted;
            match failed.door {
                Door::Console => *console = console.saturating_add(1),
                Door::Smtp => *smtp = smtp.saturating_add(1),
            }
        }
        entries
    }

    /// Begins anew when the hour is over, and gives the entry of what was only counted in it.
    pub(super) fn over(&mut self, now: Timestamp) -> Option<NewAudit> {
        let began = self.began.filter(|began| now.since(*began) >= HOUR)?;
        let Self { unlisted: (console, smtp), .. } = std::mem::take(self);
        if (console, smtp) == (0, 0) {
            return None;
        }
        let author =
            Author::gateway("more failed sign-ins in an hour than have entries of their own");
        let sums = json!({ "since": began, "console": console, "smtp": smtp });
        Some(NewAudit::new("login.unlisted", &author).change(Value::Null, sums))
    }
}

fn entry(failed: &FailedTry<'_>, lockout: Lockout, locked: bool) -> NewAudit {
    let FailedTry { door, account: _, by, source, why } = failed;
    let by: String = by.chars().take(NAME_LENGTH).collect();
    let author = Author::new(&by, Some(why)).through(door.via(), Some(&source.to_string()));
    let entry = NewAudit::new(door.word(locked), &author);
    if !locked {
        return entry;
    }
    let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
    let Lockout { account, source } = lockout;
    let waits = json!({ "account_waits_seconds": seconds(account), "source_waits_seconds": seconds(source) });
    entry.change(Value::Null, waits)
}
