//! The listeners for mail: opened at the start, compared at a reload, closed one by one.
//!
//! A listener that a reload does away with stops accepting at once; its sessions go on to their end. One whose
//! settings changed keeps its socket: no connection is refused meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use gatepost_net::listen::{Listener, ServerTls};
use gatepost_receive::{Lifetime, ListenerSettings, ListenerTls, Receiver};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::supervise::Group;

/// Listeners that stopped without being told to.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<Vec<SocketAddr>>);

impl Lost {
    /// One line for each.
    pub(crate) fn names(&self) -> Vec<String> {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.iter().map(|address| format!("the listener at {address} has stopped")).collect()
    }

    fn add(&self, address: SocketAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(address);
    }
}

/// One that is open.
struct Open {
    /// Where it really is: a configured port 0 is a port of the system's choice.
    address: SocketAddr,
    settings: Arc<ArcSwap<ListenerSettings>>,
    close: CancellationToken,
}

/// All that are open, by the address in the configuration and its number among equal ones.
pub(crate) struct Listeners {
    open: BTreeMap<(SocketAddr, usize), Open>,
    group: Group,
    receiver: Receiver,
    pub(crate) lost: Arc<Lost>,
}

/// A socket that is bound and not yet served.
pub(crate) struct Bound {
    key: (SocketAddr, usize),
    listener: Listener,
    settings: ListenerSettings,
}

impl Listeners {
    pub(crate) fn new(receiver: Receiver, group: Group) -> Self {
        Self { open: BTreeMap::new(), group, receiver, lost: Arc::default() }
    }

    /// Where mail is taken, in the order of the addresses in the configuration.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.values().map(|open| open.address).collect()
    }

    /// Binds what `wanted` has and is not open. Nothing is served, so that a reload can still be refused.
    ///
    /// # Errors
    /// The first address that cannot be had, and why.
    pub(crate) fn bind(
        &self,
        wanted: &[config::Listener],
        tls: &ServerTls,
    ) -> Result<Vec<Bound>, (SocketAddr, io::Error)> {
        let mut bound = Vec::new();
        for (key, listener) in keyed(wanted) {
            if !self.open.contains_key(&key) {
                let socket =
                    Listener::bind(listener.address).map_err(|why| (listener.address, why))?;
                bound.push(Bound { key, listener: socket, settings: settings(listener, tls) });
            }
        }
        Ok(bound)
    }

    /// Makes what is open what `wanted` says, with the sockets that [`Self::bind`] bound for it.
    pub(crate) fn take(&mut self, wanted: &[config::Listener], bound: Vec<Bound>, tls: &ServerTls) {
        let wanted: BTreeMap<_, _> = keyed(wanted).collect();
        self.open.retain(|key, open| {
            let keep = wanted.contains_key(key);
            if !keep {
                tracing::info!(address = %open.address, "the listener closes; its sessions go on");
                open.close.cancel();
            }
            keep
        });
        for (key, listener) in &wanted {
            if let Some(open) = self.open.get(key) {
                open.settings.store(Arc::new(settings(listener, tls)));
            }
        }
        for Bound { key, listener, settings } in bound {
            let open = self.serve(listener, settings);
            self.open.insert(key, open);
        }
    }

    fn serve(&self, listener: Listener, settings: ListenerSettings) -> Open {
        let address = listener.address();
        tracing::info!(%address, "listening for mail");
        let settings = Arc::new(ArcSwap::from_pointee(settings));
        // closed by a reload alone, or with all the others when the gateway stops
        let close = self.group.stop.child_token();
        let life = Lifetime {
            tracker: self.group.tracker.clone(),
            accepting: close.clone(),
            sessions: self.group.stop.clone(),
        };
        let (receiver, how) = (self.receiver.clone(), Arc::clone(&settings));
        let (lost, expected) = (Arc::clone(&self.lost), close.clone());
        self.group.tracker.spawn(async move {
            receiver.serve(listener, how, life).await;
            if !expected.is_cancelled() {
                tracing::error!(%address, "a listener has stopped");
                lost.add(address);
            }
        });
        Open { address, settings, close }
    }
}

/// Listeners by address, with a number where several ask for any port of one address.
fn keyed(
    wanted: &[config::Listener],
) -> impl Iterator<Item = ((SocketAddr, usize), &config::Listener)> {
    wanted.iter().enumerate().map(|(at, listener)| {
        let before = wanted.get(..at).unwrap_or_default();
        let number = before.iter().filter(|other| other.address == listener.address).count();
        ((listener.address, number), listener)
    })
}

fn settings(listener: &config::Listener, tls: &ServerTls) -> ListenerSettings {
    let config::Listener { address: _, tls: kind, require_tls, auth } = listener;
    let tls = match kind {
        config::ListenerTls::Off => ListenerTls::Off,
        config::ListenerTls::StartTls => ListenerTls::StartTls(tls.clone()),
        config::ListenerTls::Implicit => ListenerTls::Implicit(tls.clone()),
    };
    ListenerSettings { tls, require_tls: *require_tls, auth: *auth }
}
