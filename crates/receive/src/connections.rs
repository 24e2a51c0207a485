//! How many connections there are, in all and of each client.
//!
//! One counter for all listeners. A place is given back when its [`Place`] is dropped, however the session ended.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The connections there are. Cheap to clone: clones count together.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    of_client: HashMap<IpAddr, usize>,
}

/// One connection's place in the count.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    client: IpAddr,
}

impl Connections {
    /// No connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections at present.
    pub fn total(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Takes a place for a client; `None` if that would be more than `total` in all or `per_client` of this client.
    pub(crate) fn enter(&self, client: IpAddr, total: usize, per_client: usize) -> Option<Place> {
        let client = client.to_canonical();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = open.of_client.get(&client).copied().unwrap_or(0);
        if open.total >= total || of_client >= per_client {
            return None;
        }
        open.total += 1;
        open.of_client.insert(client, of_client + 1);
        drop(open);
        Some(Place { connections: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        if let Some(count) = open.of_client.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.of_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn places_are_limited_in_all_and_for_each_client_and_come_back() {
        let connections = Connections::new();
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        let first = connections.enter(a, 3, 2).unwrap();
        let _second = connections.enter(mapped, 3, 2).unwrap();
        assert!(connections.enter(a, 3, 2).is_none());
        let _third = connections.enter(b, 3, 2).unwrap();
        assert!(connections.enter(b, 3, 2).is_none());
        drop(first);
        assert_eq!(connections.total(), 2);
        assert!(connections.enter(a, 3, 2).is_some());
        assert_eq!(connections.total(), 2);
    }
}
