//! Memory of hosts whose TLS is broken, so that opportunistic mail to them does not
//! run into the same failed handshake each time.
//!
//! Written by failed handshakes of mail that needs no proof, never by a certificate
//! or a policy that was not good enough; read only for mail that may travel in clear text; forgotten at
//! the first handshake that works (`tls-delivery.md` 5.4, point 5). It lives in
//! memory: after a restart TLS is simply tried again.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the first failure is remembered.
const FIRST: Duration = Duration::from_secs(15 * 60);
/// How long any failure is remembered at most.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// How many hosts are remembered. Beyond it the memory of those that end first goes.
const MOST: usize = 10_000;

/// Hosts by their MX name, address and port.
#[derive(Debug, Default)]
pub(crate) struct BrokenTls {
    hosts: Mutex<HashMap<(String, SocketAddr), Memory>>,
}

/// Times are monotonic.
#[derive(Clone, Copy, Debug)]
struct Memory {
    until: Duration,
    lasts: Duration,
}

impl BrokenTls {
    fn hosts(&self) -> MutexGuard<'_, HashMap<(String, SocketAddr), Memory>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a handshake with this host failed a short while ago.
    pub(crate) fn is_broken(&self, host: &str, address: SocketAddr, now: Duration) -> bool {
        let hosts = self.hosts();
        hosts.get(&(host.to_owned(), address)).is_some_and(|memory| now < memory.until)
    }

    /// A handshake failed. Once the memory of the failure before it is over, the new one
    /// lasts twice as long.
    pub(crate) fn failed(&self, host: &str, address: SocketAddr, now: Duration) {
        let mut hosts = self.hosts();
        let key = (host.to_owned(), address);
        let lasts = match hosts.get(&key) {
            Some(memory) if now < memory.until => return,
            Some(memory) => memory.lasts.saturating_mul(2).min(LONGEST),
            None => FIRST,
        };
        if hosts.len() >= MOST {
            hosts.retain(|_, memory| now < memory.until);
        }
        if hosts.len() >= MOST
            && let Some(first) =
                hosts.iter().min_by_key(|(_, memory)| memory.until).map(|(key, _)| key.clone())
        {
            hosts.remove(&first);
        }
        hosts.insert(key, Memory { until: now.saturating_add(lasts), lasts });
    }

    /// A handshake worked.
    pub(crate) fn works(&self, host: &str, address: SocketAddr) {
        let mut hosts = self.hosts();
        if !hosts.is_empty() {
            hosts.remove(&(host.to_owned(), address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: (&str, SocketAddr) =
        ("mx.d.test", SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 25));

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn b19_a_failure_is_remembered_for_a_quarter_of_an_hour_and_longer_each_time() {
        let memory = BrokenTls::default();
        let mut now = minutes(1);
        for lasts in [15, 30, 60, 120, 240, 360, 360] {
            assert!(!memory.is_broken(HOST.0, HOST.1, now));
            memory.failed(HOST.0, HOST.1, now);
            assert!(memory.is_broken(HOST.0, HOST.1, now + minutes(lasts - 1)), "{lasts}");
            now += minutes(lasts);
            assert!(!memory.is_broken(HOST.0, HOST.1, now), "{lasts}");
        }
    }

    #[test]
    fn a_failure_within_the_memory_of_another_does_not_prolong_it() {
        let memory = BrokenTls::default();
        memory.failed(HOST.0, HOST.1, minutes(0));
        memory.failed(HOST.0, HOST.1, minutes(14));
        assert!(!memory.is_broken(HOST.0, HOST.1, minutes(15)));
    }

    #[test]
    fn a_handshake_that_works_ends_the_memory_and_its_growth() {
        let memory = BrokenTls::default();
        memory.failed(HOST.0, HOST.1, minutes(0));
        memory.failed(HOST.0, HOST.1, minutes(20));
        memory.works(HOST.0, HOST.1);
        assert!(!memory.is_broken(HOST.0, HOST.1, minutes(21)));
        memory.failed(HOST.0, HOST.1, minutes(30));
        assert!(!memory.is_broken(HOST.0, HOST.1, minutes(45)));
    }

    #[test]
    fn the_memory_is_bounded() {
        let memory = BrokenTls::default();
        for number in 0..=MOST {
            memory.failed(&format!("mx{number}.d.test"), HOST.1, minutes(1));
        }
        assert_eq!(memory.hosts().len(), MOST);
    }
}
