//! The admin socket: bound by `net`, answered by `web`, with what both cannot know of each other.
//!
//! On loopback it speaks plain HTTP, elsewhere TLS with the gateway's own certificate (decision 22).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use gatepost_net::listen::{Io, Listener, ServerTls};
use gatepost_store::embedded::Embedded;
use gatepost_store::{Accounts, Enqueue, Inspect, StoreError};
use gatepost_web::Condition;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::supervise::Group;

/// Connections that have done their handshake and wait to be taken.
const WAITING: usize = 64;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at once; beyond it a new connection is closed.
const HANDSHAKES: usize = 256;

/// The certificate of an admin socket that is not on loopback; a reload exchanges it.
pub(crate) type Certificate = Arc<ArcSwap<ServerTls>>;

/// A listening socket as the HTTP server wants one. Handshakes are done beside it, so that a client that is slow
/// with its own keeps nobody else waiting.
pub(crate) struct Socket {
    address: SocketAddr,
    ready: mpsc::Receiver<(Io, SocketAddr)>,
}

impl Socket {
    /// Begins to accept.
    pub(crate) fn open(
        listener: Listener,
        certificate: Option<Certificate>,
        group: &Group,
    ) -> Self {
        let (hand, ready) = mpsc::channel(WAITING);
        let address = listener.address();
        let tasks = group.clone();
        group.run(async move { accept(&listener, certificate.as_ref(), &hand, &tasks).await });
        Self { address, ready }
    }
}

async fn accept(
    listener: &Listener,
    certificate: Option<&Certificate>,
    hand: &mpsc::Sender<(Io, SocketAddr)>,
    tasks: &Group,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(inbound) = listener.accept().await else {
            // out of descriptors, say: trying again at once would only burn the processor
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let hand = hand.clone();
        let Some(certificate) = certificate else {
            if hand.send((inbound.io, inbound.peer)).await.is_err() {
                return;
            }
            continue;
        };
        let tls = certificate.load_full();
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        tasks.run(async move {
            // who fails at it is gone; there is nobody to be told
            if let Ok(Ok(inbound)) = tokio::time::timeout(HANDSHAKE, inbound.secure(&tls)).await {
                // the server has ended: the connection ends with it
                drop(hand.send((inbound.io, inbound.peer)).await);
            }
            drop(place);
        });
    }
}

impl axum::serve::Listener for Socket {
    type Io = Io;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Io, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // nothing is accepted any more: the server is about to be told to stop
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Whether mail can be accepted, and how much of it waits.
pub(crate) struct Readiness {
    pub(crate) store: Embedded,
    pub(crate) metrics: Arc<Metrics>,
    /// Listeners that have stopped by themselves.
    pub(crate) lost: Arc<super::listeners::Lost>,
    pub(crate) stopping: CancellationToken,
}

#[async_trait]
impl Condition for Readiness {
    fn obstacles(&self) -> Vec<String> {
        let mut obstacles = self.lost.names();
        if self.stopping.is_cancelled() {
            obstacles.push("the gateway is stopping".to_owned());
        }
        if let Err(why) = self.store.accepting() {
            obstacles.push(why.to_string());
        }
        obstacles
    }

    async fn refresh(&self) {
        match self.store.counts().await {
            Ok(counts) => self.metrics.queue(&counts),
            Err(why) => tracing::warn!(cause = %why, "the queue cannot be counted"),
        }
    }
}

/// Answers on the socket until the group stops.
pub(crate) fn start(socket: Socket, site: gatepost_web::Site, group: &Group) {
    let address = socket.address;
    tracing::info!(%address, "console, API, health and metrics");
    let until = group.stop.clone().cancelled_owned();
    group.tracker.spawn(async move {
        site.serve(socket, until).await;
    });
}

/// Where there is no owner yet: logs the one-time link of the console that makes one (decision 41). A link of before holds no more.
///
/// # Errors
/// When the store cannot be written.
pub(crate) async fn invite(accounts: &dyn Accounts, console: &str) -> Result<(), StoreError> {
    let Some(token) = accounts.setup_link().await? else { return Ok(()) };
    let link = format!("{console}/setup#{}", token.expose());
    tracing::warn!("there is no account yet: open {link} within an hour, once, to make the first");
    Ok(())
}
