//! The admin socket: bound by `net`, answered by `web`, with what both cannot know of each other.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_net::listen::{Io, Listener};
use gatepost_store::embedded::Embedded;
use gatepost_store::{Enqueue, Inspect};
use gatepost_web::Condition;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// A listening socket as the HTTP server wants one.
pub(crate) struct Socket(pub(crate) Listener);

impl axum::serve::Listener for Socket {
    type Io = Io;
    type Addr = SocketAddr;

    fn accept(&mut self) -> impl Future<Output = (Io, SocketAddr)> + Send {
        let accepting: Pin<Box<dyn Future<Output = (Io, SocketAddr)> + Send + '_>> =
            Box::pin(async {
                loop {
                    match self.0.accept().await {
                        Ok(inbound) => return (inbound.io, inbound.peer),
                        // out of descriptors, say: trying again at once would only burn the processor
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                }
            });
        accepting
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.address())
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
pub(crate) fn start(socket: Listener, site: gatepost_web::Site, group: &crate::supervise::Group) {
    let address = socket.address();
    tracing::info!(%address, "health and metrics");
    let until = group.stop.clone().cancelled_owned();
    group.tracker.spawn(async move {
        if let Err(why) = site.serve(Socket(socket), until).await {
            tracing::error!(%address, cause = %why, "health and metrics have stopped");
        }
    });
}
