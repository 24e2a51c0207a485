//! A mail exchanger that listens. Dropping it stops it and cuts its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ca::TestCa;
use crate::mx::record::{Connection, Received};
use crate::mx::{FakeMx, session, tls::Identity};

/// A listening [`FakeMx`].
#[derive(Debug)]
pub struct RunningMx {
    name: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl RunningMx {
    pub(crate) async fn start(
        script: FakeMx,
        name: &str,
        address: SocketAddr,
        ca: &TestCa,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            scripts: Mutex::new(Arc::new(Staged::new(script, name, ca))),
            connections: Mutex::new(Vec::new()),
            changed: watch::Sender::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, name.to_owned(), Arc::clone(&shared)));
        Ok(Self { name: name.to_owned(), address, shared, tasks })
    }

    /// The host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was seen so far, one record a connection.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.lock().clone()
    }

    /// The accepted messages of all connections, in order of connection.
    #[must_use]
    pub fn messages(&self) -> Vec<Received> {
        self.connections().iter().flat_map(|c| c.accepted().cloned().collect::<Vec<_>>()).collect()
    }

    /// Behaves so from the next connection on.
    pub fn set(&self, script: FakeMx, ca: &TestCa) {
        let staged = Arc::new(Staged::new(script, &self.name, ca));
        *self.shared.scripts.lock().unwrap_or_else(PoisonError::into_inner) = staged;
    }

    /// Waits until what was seen fulfils `state`; false when it does not within `bound`.
    pub async fn until(
        &self,
        bound: Duration,
        mut state: impl FnMut(&[Connection]) -> bool,
    ) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            loop {
                changed.mark_unchanged();
                if state(&self.shared.lock()) {
                    return true;
                }
                if changed.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(bound, wait).await.unwrap_or(false)
    }

    /// Stops listening and cuts all connections; records stay readable.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// A script with the certificates that it and its later behaviours show.
#[derive(Debug)]
pub(crate) struct Staged {
    script: FakeMx,
    identities: Vec<Identity>,
}

impl Staged {
    fn new(script: FakeMx, name: &str, ca: &TestCa) -> Self {
        let identities = std::iter::once(&script)
            .chain(script.later.iter().map(|(_, later)| later))
            .map(|script| Identity::new(script, name, ca))
            .collect();
        Self { script, identities }
    }

    /// The script and the identity for the n-th connection.
    pub(crate) fn at(&self, connection: usize) -> (&FakeMx, &Identity) {
        let later = self.script.later.iter().rposition(|(from, _)| *from <= connection);
        let index = later.map_or(0, |position| position + 1);
        (self.script.at(connection), &self.identities[index])
    }
}

/// What the tasks of a mail exchanger share with its owner.
#[derive(Debug)]
pub(crate) struct Shared {
    scripts: Mutex<Arc<Staged>>,
    connections: Mutex<Vec<Connection>>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record of one connection and wakes who waits for a state.
    pub(crate) fn note(&self, index: usize, change: impl FnOnce(&mut Connection)) {
        if let Some(record) = self.lock().get_mut(index) {
            change(record);
        }
        self.changed.send_modify(|version| *version += 1);
    }
}

async fn accept(listener: TcpListener, name: String, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        while sessions.try_join_next().is_some() {}
        let Ok(address) = stream.local_addr() else { continue };
        let index = {
            let mut all = shared.lock();
            all.push(Connection::new(&name, address, peer));
            all.len() - 1
        };
        let staged = Arc::clone(&shared.scripts.lock().unwrap_or_else(PoisonError::into_inner));
        sessions.spawn(one(stream, staged, Arc::clone(&shared), index));
    }
}

async fn one(stream: TcpStream, staged: Arc<Staged>, shared: Arc<Shared>, index: usize) {
    let (script, identity) = staged.at(index + 1);
    session::serve(stream, script, identity, session::Recorder::new(&shared, index)).await;
    shared.note(index, |record| record.closed = true);
}
