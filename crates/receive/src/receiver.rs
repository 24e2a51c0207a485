//! Listening: accepts connections, holds them to their limits, and gives each a task of its own.
//!
//! What holds: an accepted connection has a place in the count until its task has ended, whatever ends it. A session that panics
//! ends alone, and is counted.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use gatepost_net::listen::{Inbound, Listener};
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Clock, Enqueue};
use tokio::io::AsyncWriteExt as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    catch::catch,
    connections::Connections,
    driver::Visit,
    login::Authenticate,
    observe::{Anomaly, Observe},
    reply,
    settings::{ListenerSettings, ServerSettings},
};

/// How long nothing is accepted when the system has no room for a connection.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a client that is one too many may take to be told so.
const REFUSAL: Duration = Duration::from_secs(1);

/// Takes mail in. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
}

/// What every session needs.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Enqueue>,
    pub(crate) policy: Arc<ArcSwap<Snapshot>>,
    pub(crate) settings: Arc<ArcSwap<ServerSettings>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observe>,
    pub(crate) logins: Arc<dyn Authenticate>,
    pub(crate) connections: Connections,
}

/// How listeners and sessions are stopped, and who waits for them.
#[derive(Clone, Debug)]
pub struct Lifetime {
    /// Every session is a task of this one.
    pub tracker: TaskTracker,
    /// Ends accepting, and leaves the sessions alone.
    pub accepting: CancellationToken,
    /// Ends accepting, and each session at its next boundary of commands; a message on its way still gets its reply.
    pub sessions: CancellationToken,
}

impl Receiver {
    /// Puts a receiver together. `policy` and `settings` are looked at when a transaction and a session begin; `logins` is asked
    /// where a listener offers AUTH.
    pub fn new(
        store: Arc<dyn Enqueue>,
        policy: Arc<ArcSwap<Snapshot>>,
        settings: Arc<ArcSwap<ServerSettings>>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observe>,
        logins: Arc<dyn Authenticate>,
    ) -> Self {
        let connections = Connections::new();
        let shared = Shared { store, policy, settings, clock, observer, logins, connections };
        Self { shared: Arc::new(shared) }
    }

    /// The connections at present, of all listeners.
    pub fn connections(&self) -> &Connections {
        &self.shared.connections
    }

    /// Accepts connections until it is told to stop. Its sessions go on as tasks of the tracker.
    pub async fn serve(
        &self,
        listener: Listener,
        how: Arc<ArcSwap<ListenerSettings>>,
        life: Lifetime,
    ) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = life.accepting.cancelled() => return,
                () = life.sessions.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(inbound) => self.admit(inbound, how.load_full(), &life),
                Err(error) => {
                    tracing::warn!(listener = %listener.address(), %error, "connection not accepted");
                    if is_shortage(&error) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// Gives a connection its task, if there is a place for it.
    fn admit(&self, inbound: Inbound, listener: Arc<ListenerSettings>, life: &Lifetime) {
        let shared = self.shared.clone();
        let settings = shared.settings.load_full();
        let client = inbound.peer.ip();
        let Some(place) =
            shared.connections.enter(client, settings.connections, settings.connections_per_client)
        else {
            shared.observer.anomaly(client, Anomaly::TooManyConnections);
            tracing::info!(%client, "connection refused: too many");
            // Under implicit TLS there is nothing that could be said without a handshake, which costs more than it tells.
            if listener.tls.implicit().is_none() {
                life.tracker.spawn(turn_away(inbound));
            }
            return;
        };
        let visit =
            Visit { shared: shared.clone(), settings, listener, stop: life.sessions.child_token() };
        life.tracker.spawn(async move {
            shared.observer.session_opened();
            if catch(visit.drive(inbound)).await.is_err() {
                shared.observer.anomaly(client, Anomaly::Panic);
                tracing::error!(%client, "session ended by a fault in Gatepost; please report it");
            }
            shared.observer.session_closed();
            drop(place);
        });
    }
}

async fn turn_away(mut inbound: Inbound) {
    let mut out = Vec::new();
    reply::too_many_connections().write_to(&mut out);
    let say = async {
        inbound.io.write_all(&out).await?;
        inbound.io.shutdown().await
    };
    if !matches!(tokio::time::timeout(REFUSAL, say).await, Ok(Ok(()))) {
        tracing::trace!("refused client did not listen");
    }
}

/// Whether the system is out of something, so that trying again at once would only spin: files, memory, buffers.
fn is_shortage(error: &std::io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE | ENOBUFS))
}
