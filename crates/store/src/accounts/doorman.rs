//! Who may try a password now: a lockout by account and by source.
//!
//! One [`Doorman`] stands before every door of a process, HTTP and SMTP alike. Names
//! that no account has count like those that one has, so that a lockout tells nobody
//! which names there are. What is held is bounded; when it is full, those go first
//! that are not locked and have failed the least. Nothing is kept over a restart.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatepost_wire::timestamp::Timestamp;

use super::{
    refusals::{FailedTry, Lockout, Refusals},
    rules::{self, NAME_LENGTH},
};
use crate::audit::NewAudit;

/// Failures of an account before it has to wait.
const OF_ACCOUNT: u32 = 5;

/// Failures from a source before it has to wait.
const OF_SOURCE: u32 = 20;

/// The first wait; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(30);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Without a failure for so long, all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// A try whose end was never told counts for so long.
const IN_HAND: Duration = Duration::from_secs(60);

/// Accounts, and sources, that are remembered at most.
const KEPT: usize = 10_000;

/// Not now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many failed attempts; try again in {seconds} seconds")]
pub struct Wait {
    /// Seconds until the next try is let in.
    pub seconds: u64,
}

/// Lets tries in or makes them wait.
#[derive(Debug, Default)]
pub struct Doorman {
    seen: Mutex<Seen>,
    refusals: Mutex<Refusals>,
}

#[derive(Debug, Default)]
struct Seen {
    accounts: HashMap<String, Record>,
    sources: HashMap<IpAddr, Record>,
}

/// What is remembered of an account or of a source.
#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    /// Tries that were let in and whose end is not known yet: so that a hundred at
    /// once are not a hundred guesses.
    in_hand: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Doorman {
    /// One who has seen nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a try in. Its end is to be told by [`Doorman::failed`] or [`Doorman::succeeded`].
    ///
    /// # Errors
    /// [`Wait`], where the account or the source has failed too often, or too many
    /// tries are going on.
    pub fn may(&self, account: &str, source: IpAddr, now: Timestamp) -> Result<(), Wait> {
        let (account, source) = (account_key(account), source_key(source));
        let mut seen = self.seen();
        let waits = [
            seen.accounts.get(&account).and_then(|record| record.wait(OF_ACCOUNT, now)),
            seen.sources.get(&source).and_then(|record| record.wait(OF_SOURCE, now)),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            // Never 0: a client that waits so long is let in.
            let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            return Err(Wait { seconds: seconds.max(1) });
        }
        remember(&mut seen.accounts, account, now).begin(now);
        remember(&mut seen.sources, source, now).begin(now);
        Ok(())
    }

    /// The try was no good. Gives who has to wait because of it.
    pub fn failed(&self, account: &str, source: IpAddr, now: Timestamp) -> Lockout {
        let mut seen = self.seen();
        Lockout {
            account: remember(&mut seen.accounts, account_key(account), now).fail(OF_ACCOUNT, now),
            source: remember(&mut seen.sources, source_key(source), now).fail(OF_SOURCE, now),
        }
    }

    /// As [`Doorman::failed`]. Gives what the audit log is to have of it: never more than it can bear.
    pub fn refused(&self, failed: &FailedTry<'_>, now: Timestamp) -> Vec<NewAudit> {
        let lockout = self.failed(failed.account, failed.source, now);
        self.refusals().add(failed, lockout, now)
    }

    /// What the audit log is to have of an hour that is over, where more was refused than it has entries of.
    pub fn unlisted(&self, now: Timestamp) -> Option<NewAudit> {
        self.refusals().over(now)
    }

    /// The try ended and was neither good nor bad: something more is asked for, or it could not be told.
    pub fn undecided(&self, account: &str, source: IpAddr) {
        let mut seen = self.seen();
        if let Some(record) = seen.accounts.get_mut(&account_key(account)) {
            record.in_hand = record.in_hand.saturating_sub(1);
        }
        if let Some(record) = seen.sources.get_mut(&source_key(source)) {
            record.in_hand = record.in_hand.saturating_sub(1);
        }
    }

    /// The try was good: the account starts anew. The source does not, since whoever
    /// guesses may have one good account.
    pub fn succeeded(&self, account: &str, source: IpAddr) {
        let mut seen = self.seen();
        seen.accounts.remove(&account_key(account));
        if let Some(record) = seen.sources.get_mut(&source_key(source)) {
            record.in_hand = record.in_hand.saturating_sub(1);
        }
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    const fn new(now: Timestamp) -> Self {
        Self { failures: 0, in_hand: 0, last: now, until: now }
    }

    /// How long the next try has to wait.
    fn wait(&self, limit: u32, now: Timestamp) -> Option<Duration> {
        if self.is_forgotten(now) {
            return None;
        }
        if self.until > now {
            return Some(self.until.since(now));
        }
        let left = limit.saturating_sub(self.failures).max(1);
        let in_hand = if now.since(self.last) < IN_HAND { self.in_hand } else { 0 };
        (in_hand >= left).then_some(Duration::from_secs(1))
    }

    fn begin(&mut self, now: Timestamp) {
        if self.is_forgotten(now) {
            *self = Self::new(now);
        }
        if now.since(self.last) >= IN_HAND {
            self.in_hand = 0;
        }
        self.in_hand = self.in_hand.saturating_add(1);
        self.last = now;
    }

    /// Counts a failure. Gives how long the next try has to wait.
    fn fail(&mut self, limit: u32, now: Timestamp) -> Option<Duration> {
        if self.is_forgotten(now) {
            *self = Self::new(now);
        }
        self.in_hand = self.in_hand.saturating_sub(1);
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        let beyond = self.failures.checked_sub(limit)?;
        let wait = FIRST.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(LONGEST);
        self.until = now.plus(wait);
        Some(wait)
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        now.since(self.last) >= FORGOTTEN
    }
}

/// The record of a key, with room made for it.
fn remember<K: Eq + Hash + Clone>(
    records: &mut HashMap<K, Record>,
    key: K,
    now: Timestamp,
) -> &mut Record {
    if records.len() >= KEPT && !records.contains_key(&key) {
        records.retain(|_, record| !record.is_forgotten(now));
        if records.len() >= KEPT {
            let least = records
                .iter()
                .min_by_key(|(_, record)| (record.until > now, record.failures, record.last))
                .map(|(key, _)| key.clone());
            if let Some(least) = least {
                records.remove(&least);
            }
        }
    }
    records.entry(key).or_insert_with(|| Record::new(now))
}

/// An account by its name, which a stranger may have made as long as he likes.
fn account_key(name: &str) -> String {
    let cut: String = name.chars().take(NAME_LENGTH).collect();
    rules::key(&cut)
}

/// A source: one IPv4 address, or the /64 that one IPv6 host may have to itself.
fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_795_489_200_000).plus(Duration::from_secs(seconds))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn source(number: u32) -> IpAddr {
        IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number))
    }

    /// Fails once, after it was let in.
    fn fail(doorman: &Doorman, account: &str, source: IpAddr, now: Timestamp) {
        doorman.may(account, source, now).unwrap();
        doorman.failed(account, source, now);
    }

    #[test]
    fn the_fifth_failure_of_an_account_makes_it_wait_and_each_further_one_doubles_that() {
        let doorman = Doorman::new();
        for _ in 0..4 {
            fail(&doorman, "anna", source(1), at(0));
        }
        assert_eq!(doorman.may("anna", source(1), at(0)), Ok(()));
        doorman.failed("anna", source(1), at(0));
        let mut now = 0;
        for wait in [30, 60, 120, 240, 480, 900, 900] {
            // From wherever it comes, and however the name is written.
            assert_eq!(doorman.may("Anna", source(2), at(now)), Err(Wait { seconds: wait }));
            assert_eq!(
                doorman.may("ANNA", source(3), at(now + wait - 1)),
                Err(Wait { seconds: 1 })
            );
            now += wait;
            fail(&doorman, "anna", source(4), at(now));
        }
        assert_eq!(doorman.may("ben", source(1), at(0)), Ok(()));
    }

    #[test]
    fn a_success_clears_the_account_and_not_the_source() {
        let doorman = Doorman::new();
        for _ in 0..4 {
            fail(&doorman, "anna", source(1), at(0));
        }
        doorman.may("anna", source(1), at(0)).unwrap();
        doorman.succeeded("anna", source(1));
        for number in 0..15 {
            fail(&doorman, &format!("guess {number}"), source(1), at(0));
        }
        assert_eq!(doorman.may("guess", source(1), at(0)), Ok(()));
        doorman.failed("guess", source(1), at(0));
        assert_eq!(doorman.may("anna", source(1), at(1)), Err(Wait { seconds: 29 }));
        assert_eq!(doorman.may("anna", source(2), at(1)), Ok(()));
    }

    #[test]
    fn the_hosts_of_an_ipv6_network_are_one_source() {
        let doorman = Doorman::new();
        for number in 0..20 {
            let host = ip(&format!("2001:db8:1:2::{number:x}"));
            fail(&doorman, &format!("name {number}"), host, at(0));
        }
        let waits = |host: &str| doorman.may("somebody", ip(host), at(0)).is_err();
        assert!(waits("2001:db8:1:2:ffff::1"));
        assert!(!waits("2001:db8:1:3::1"));
        for number in 0..20 {
            fail(&doorman, &format!("other {number}"), ip("::ffff:192.0.2.1"), at(0));
        }
        assert!(waits("192.0.2.1"));
    }

    #[test]
    fn tries_that_go_on_at_once_are_no_more_than_failures_left() {
        let doorman = Doorman::new();
        for _ in 0..5 {
            doorman.may("anna", source(1), at(0)).unwrap();
        }
        assert_eq!(doorman.may("anna", source(1), at(0)), Err(Wait { seconds: 1 }));
        doorman.succeeded("anna", source(1));
        assert_eq!(doorman.may("anna", source(1), at(0)), Ok(()));
        // Ends that nobody told of do not count for ever.
        for _ in 0..4 {
            doorman.may("anna", source(1), at(1)).unwrap();
        }
        assert!(doorman.may("anna", source(1), at(1)).is_err());
        assert_eq!(doorman.may("anna", source(1), at(62)), Ok(()));
    }

    #[test]
    fn after_an_hour_all_is_forgotten() {
        let doorman = Doorman::new();
        for _ in 0..5 {
            fail(&doorman, "anna", source(1), at(0));
        }
        fail(&doorman, "anna", source(1), at(3700));
        assert_eq!(doorman.may("anna", source(1), at(3700)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_a_flood_of_names_frees_nobody_who_is_locked() {
        let doorman = Doorman::new();
        for _ in 0..5 {
            fail(&doorman, "anna", source(1), at(0));
        }
        let long = "x".repeat(1000);
        let most = u32::try_from(KEPT).unwrap();
        for number in 0..most + 500 {
            fail(&doorman, &format!("{number} {long}"), source(number + 10), at(1));
        }
        let seen = doorman.seen();
        assert_eq!((seen.accounts.len(), seen.sources.len()), (KEPT, KEPT));
        assert!(seen.accounts.keys().all(|name| name.chars().count() <= NAME_LENGTH));
        drop(seen);
        assert!(doorman.may("anna", source(0), at(2)).is_err());
    }

    #[test]
    fn a_try_that_ended_undecided_is_in_hand_no_more() {
        let doorman = Doorman::new();
        for _ in 0..4 {
            fail(&doorman, "anna", source(1), at(0));
        }
        // One is left: the password without the second factor, and then both.
        doorman.may("anna", source(1), at(1)).unwrap();
        doorman.undecided("anna", source(1));
        assert_eq!(doorman.may("anna", source(1), at(2)), Ok(()));
        doorman.failed("anna", source(1), at(2));
        assert_eq!(doorman.may("anna", source(1), at(3)), Err(Wait { seconds: 29 }));
    }

    #[test]
    fn refusals_have_entries_up_to_a_bound_an_hour_and_the_rest_is_a_sum() {
        use crate::accounts::Door;

        let doorman = Doorman::new();
        let long = "x".repeat(5000);
        let refuse = |number: u32, now: u64| {
            let by = format!("{number} {long}");
            let (account, source) = (by.as_str(), source(number));
            let failed =
                FailedTry { door: Door::Smtp, account, by: &by, source, why: "wrong password" };
            doorman.refused(&failed, at(now))
        };
        let first = refuse(0, 0);
        assert_eq!((first.len(), first[0].what), (1, "smtp.refused"));
        assert_eq!(first[0].author.by.chars().count(), NAME_LENGTH);
        assert_eq!(first[0].author.from.as_deref(), Some("10.0.0.0"));
        let listed: usize = (1..150).map(|number| refuse(number, 1).len()).sum();
        assert_eq!(listed, 99);
        // A lock-out is not lost among them.
        let entries: Vec<NewAudit> = (0..4).flat_map(|_| refuse(0, 2)).collect();
        assert_eq!(entries.iter().map(|entry| entry.what).collect::<Vec<_>>(), ["smtp.locked"]);
        assert_eq!(entries[0].after["account_waits_seconds"], 30);
        assert_eq!(doorman.unlisted(at(3599)), None);
        let sum = doorman.unlisted(at(3600)).unwrap();
        assert_eq!((sum.what, &sum.after["smtp"]), ("login.unlisted", &53.into()));
        assert_eq!(doorman.unlisted(at(9999)), None);
        // The next failure begins an hour of its own, and tells of the one before where nobody has asked.
        for number in 200..301 {
            refuse(number, 9999);
        }
        let later = refuse(400, 20_000);
        let words = later.iter().map(|entry| entry.what);
        assert_eq!(words.collect::<Vec<_>>(), ["login.unlisted", "smtp.refused"]);
    }
}
