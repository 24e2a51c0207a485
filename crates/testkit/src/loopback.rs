//! Loopback addresses: a network of its own for each test, and one port that is free on all of it.
//!
//! `127.0.0.0/8` is local on Linux without any set-up, so each test gets its own /24 out of it and gives every mail
//! exchanger an address there, all with the same port, as real ones have port 25. Two tests that run at once
//! (as processes or as threads) get different networks in all but rare cases, and then still different ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// A private loopback network and the common port on it.
#[derive(Debug)]
pub struct Net {
    second: u8,
    third: u8,
    port: u16,
    next: AtomicU32,
}

static HANDED_OUT: AtomicU32 = AtomicU32::new(0);

impl Net {
    /// Takes a network that no other test of this process has, and a port free on it now.
    ///
    /// # Panics
    /// When no loopback address can be bound at all.
    #[must_use]
    pub fn new() -> Self {
        loop {
            let turn = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
            let mixed = std::process::id().wrapping_mul(31).wrapping_add(turn.wrapping_mul(7919))
                % (250 * 250);
            let second = u8::try_from(mixed / 250).expect("below 250") + 2;
            let third = u8::try_from(mixed % 250).expect("below 250") + 2;
            let first = SocketAddr::from((Ipv4Addr::new(127, second, third, 1), 0));
            let probe = TcpListener::bind(first).expect("loopback can be bound");
            let port = probe.local_addr().expect("a bound socket has an address").port();
            // Another address of the network with the same port must be free as well, else somebody else is here.
            if TcpListener::bind((Ipv4Addr::new(127, second, third, 2), port)).is_ok() {
                return Self { second, third, port, next: AtomicU32::new(2) };
            }
        }
    }

    /// The port every mail exchanger of this test listens on: `delivery.port` of the gateway under test.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The `last`-th address of the network.
    #[must_use]
    pub fn ip(&self, last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, self.second, self.third, last))
    }

    /// The next address nobody was given, with the common port.
    ///
    /// # Panics
    /// After 250 addresses.
    pub fn next(&self) -> SocketAddr {
        let last = self.next.fetch_add(1, Ordering::Relaxed);
        SocketAddr::new(
            self.ip(u8::try_from(last).expect("a test needs fewer than 250 addresses")),
            self.port,
        )
    }
}

impl Default for Net {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_networks_differ_and_addresses_are_not_given_twice() {
        let (one, other) = (Net::new(), Net::new());
        assert_ne!(one.ip(9), other.ip(9));
        let (first, second) = (one.next(), one.next());
        assert_ne!(first.ip(), second.ip());
        assert_eq!(first.port(), second.port());
    }
}
