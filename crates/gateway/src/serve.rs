//! How it all starts, changes and stops.
//!
//! [`Gateway::start`] puts the parts together: one store, one policy snapshot behind a pointer that everybody
//! shares, listeners that feed the store, an engine that empties it. Nothing is process-wide, so a test runs as many
//! gateways in one process as it likes, with a store, a clock and a resolver of its own. [`Gateway::reload`] takes a
//! new configuration or refuses it as a whole; [`Gateway::stop`] loses nothing.

mod admin;
mod background;
mod chronicle;
mod hits;
mod house;
mod listeners;
pub(crate) mod logins;
mod resolver;
pub(crate) mod secrets;
pub(crate) mod settings;
#[cfg(feature = "oidc")]
mod sign_on;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_deliver::{Alerts, DeliverySettings, Engine};
use gatepost_net::dns::{Hickory, Resolver};
use gatepost_net::listen::{Listener, ServerTls};
use gatepost_net::tls::Connector;
use gatepost_policy::diagnostic::Diagnostic;
use gatepost_policy::snapshot::Snapshot;
use gatepost_receive::{Receiver, ServerSettings};
use gatepost_store::embedded::{self, Embedded, Mode, OpenError};
use gatepost_store::{Clock, Doorman, Settings as _, StoreError};
use gatepost_web::{Site, Stores};
use tokio::sync::Mutex;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::supervise::{Group, Supervisor};
use background::Background;
use chronicle::Chronicle;
use listeners::Listeners;
use logins::Logins;
use resolver::Exchangeable;
use secrets::PasswordFiles;

/// What a gateway is made of. What is `None` is made from the configuration.
pub struct Parts {
    /// What it runs on.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The store, opened for serving.
    pub store: Option<Embedded>,
    /// Who is asked for hosts and addresses.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// Who does handshakes with other hosts; `ca_bundle` is then not read.
    pub connector: Option<Connector>,
}

impl Parts {
    /// A gateway that makes its own store and resolver.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, store: None, resolver: None, connector: None }
    }
}

/// Why a gateway did not start, or did not take a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A file that the configuration names cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The policy in the store cannot be used by this version.
    #[error("the policy of the store cannot be used:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Policy(Vec<Diagnostic>),
    /// Another process serves from the store.
    #[error("the store {} is in use by {}", .0.display(), .1.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    Locked(std::path::PathBuf, Option<u32>),
    /// The store cannot be opened.
    #[error("{}", crate::cli::chain(.0))]
    Store(#[source] OpenError),
    /// The store failed.
    #[error("{}", crate::cli::chain(.0))]
    StoreFailed(#[from] StoreError),
    /// An address cannot be listened at.
    #[error("{address} cannot be listened at: {why}")]
    Address {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
}

impl Refused {
    /// Whether the input is to blame (exit status 2), and not the machine (1).
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Configuration(_) | Self::Policy(_) | Self::Locked(..) => true,
            Self::Store(_) | Self::StoreFailed(_) | Self::Address { .. } => false,
        }
    }
}

/// What the parts share and a reload exchanges.
struct Shared {
    config: ArcSwap<Config>,
    server: Arc<ArcSwap<ServerSettings>>,
    delivery: Arc<ArcSwap<DeliverySettings>>,
    connector: Arc<ArcSwap<Connector>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// The gateway's own certificate.
    certificate: ArcSwap<ServerTls>,
    /// Held while a snapshot is built and put in place, so that an older one never follows a newer one.
    turn: Mutex<()>,
    /// One that was handed in stays for good.
    own_connector: Option<Connector>,
    /// `None` where the resolver was handed in.
    resolver: Option<Arc<Exchangeable>>,
}

/// A running gateway.
pub struct Gateway {
    store: Embedded,
    shared: Arc<Shared>,
    listeners: Mutex<Listeners>,
    mail: Vec<SocketAddr>,
    admin: SocketAddr,
    admin_tls: Option<admin::Certificate>,
    metrics: Arc<Metrics>,
    supervisor: Supervisor,
}

impl Gateway {
    /// Starts a gateway. When this returns, it listens.
    ///
    /// # Errors
    /// Why it cannot; nothing of it runs then.
    pub async fn start(parts: Parts) -> Result<Self, Refused> {
        let Parts { config, clock, store, resolver, connector: own_connector } = parts;
        let (metrics, mut registry) = Metrics::new();
        let meters = gatepost_web::Meters::register(&mut registry);
        // the store first: a second gateway on it is told who holds it, and not that a port is taken
        let store = match store {
            Some(store) => store,
            None => open(&config, Arc::clone(&clock), &metrics).await?,
        };
        let admin = bind(config.admin)?;
        let certificate = certificate(&config).await?;
        let (own, resolver) = resolver_of(&config, resolver)?;
        let connector = connector(&config, own_connector.as_ref()).await;
        let snapshot = background::load(&store, &config, store.head()).await?;
        can_log_in(&config, &store).await?;
        let shared = Arc::new(Shared {
            server: Arc::new(ArcSwap::from_pointee(settings::server(&config))),
            delivery: Arc::new(ArcSwap::from_pointee(settings::delivery(&config, Vec::new()))),
            connector: Arc::new(ArcSwap::from_pointee(connector)),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            turn: Mutex::new(()),
            own_connector,
            resolver: own,
            certificate: ArcSwap::from_pointee(certificate.clone()),
            config: ArcSwap::from_pointee(config),
        });
        let supervisor = Supervisor::default();
        let chronicle = Arc::new(Chronicle::start(
            store.clone(),
            Arc::clone(&clock),
            Arc::clone(&metrics),
            &supervisor.rest,
        ));
        let doorman = Arc::new(Doorman::default());
        let logins = Arc::new(Logins {
            accounts: Arc::new(store.clone()),
            audit: Arc::new(store.clone()),
            doorman: Arc::clone(&doorman),
            clock: Arc::clone(&clock),
        });
        let receiver = receiver(&store, &shared, &clock, Arc::clone(&chronicle), logins);
        let mut listeners = Listeners::new(receiver, supervisor.sessions.clone());
        let config = shared.config.load_full();
        let bound = listeners.bind(&config.listeners, &certificate).map_err(address_refused)?;
        listeners.take(&config.listeners, bound, &certificate);
        let mail = listeners.addresses();
        shared.delivery.store(Arc::new(settings::delivery(&config, mail.clone())));
        let alerts = chronicle::alerts(&store, clock.now()).await;
        let outside = house::House::new(&shared, &store, &resolver, &clock);
        start_engine(&store, &shared, &clock, (resolver, chronicle, alerts), &supervisor);
        let background = Background {
            store: store.clone(),
            shared: Arc::clone(&shared),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            doorman: Arc::clone(&doorman),
        };
        background.start(&supervisor.rest);
        let admin_address = admin.address();
        let readiness = admin::Readiness {
            store: store.clone(),
            metrics: Arc::clone(&metrics),
            lost: Arc::clone(&listeners.lost),
            stopping: supervisor.sessions.stop.clone(),
        };
        let (stores, outside) = (Stores::of(Arc::new(store.clone())), Arc::new(outside));
        let open = Doors { stores, outside, doorman, meters, clock, registry: Arc::new(registry) };
        let admin_tls = open.site(admin, &shared, readiness, &supervisor.rest)?;
        let console = shared.config.load().console(admin_address, admin_tls.is_some());
        admin::invite(&store, &console).await?;
        Ok(Self {
            store,
            shared,
            listeners: Mutex::new(listeners),
            mail,
            admin: admin_address,
            admin_tls,
            metrics,
            supervisor,
        })
    }

    /// Where mail is taken, as bound at the start.
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.mail
    }

    /// Where the console, the API, health and metrics are.
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The store.
    pub const fn store(&self) -> &Embedded {
        &self.store
    }

    /// The policy that is in effect.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// Returns when this revision of the policy, or a later one, is in effect.
    pub async fn wait_for_revision(&self, revision: u64) {
        while self.shared.snapshot.load().revision < revision {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Takes a new configuration, all of it but `data_dir`, `store` and `admin.address`. Sessions and attempts in
    /// hand go on with what they began with. Returns the settings that differ and take a restart.
    ///
    /// # Errors
    /// Why not; then everything goes on as before.
    pub async fn reload(&self, config: Config) -> Result<Vec<&'static str>, Refused> {
        let done = self.try_reload(config).await;
        self.metrics.reloaded(done.is_ok());
        done
    }

    /// Counts a configuration that could not even be read.
    pub fn refused_reload(&self) {
        self.metrics.reloaded(false);
    }

    async fn try_reload(&self, config: Config) -> Result<Vec<&'static str>, Refused> {
        let mut listeners = self.listeners.lock().await;
        let old = self.shared.config.load_full();
        let mut later = Vec::new();
        let mut keep = |differs: bool, name| {
            if differs {
                later.push(name);
            }
        };
        keep(config.data_dir != old.data_dir, "data_dir");
        keep(config.profile != old.profile, "profile");
        keep(config.admin != old.admin, "admin.address");
        keep(config.public_url != old.public_url, "admin.public_url");
        keep(config.oidc != old.oidc, "admin.oidc");
        let config = Config {
            data_dir: old.data_dir.clone(),
            profile: old.profile,
            admin: old.admin,
            public_url: old.public_url.clone(),
            oidc: old.oidc.clone(),
            ..config
        };
        // everything that can fail comes first
        can_log_in(&config, &self.store).await?;
        let certificate = certificate(&config).await?;
        let resolver = match &self.shared.resolver {
            Some(_) if config.dns != old.dns => Some(hickory(&config)?),
            Some(_) | None => None,
        };
        let _turn = self.shared.turn.lock().await;
        let snapshot = background::load(&self.store, &config, self.store.head()).await?;
        let connector = connector(&config, self.shared.own_connector.as_ref()).await;
        let bound = listeners.bind(&config.listeners, &certificate).map_err(address_refused)?;
        // and from here on nothing does
        self.shared.certificate.store(Arc::new(certificate.clone()));
        if let Some(admin_tls) = &self.admin_tls {
            admin_tls.store(Arc::new(certificate.clone()));
        }
        listeners.take(&config.listeners, bound, &certificate);
        self.shared.server.store(Arc::new(settings::server(&config)));
        self.shared.delivery.store(Arc::new(settings::delivery(&config, listeners.addresses())));
        self.shared.connector.store(Arc::new(connector));
        if let (Some(exchangeable), Some(resolver)) = (&self.shared.resolver, resolver) {
            exchangeable.exchange(resolver);
        }
        self.shared.config.store(Arc::new(config));
        self.shared.snapshot.store(Arc::new(snapshot));
        Ok(later)
    }

    /// Stops: listeners close, sessions reach a reply, attempts in hand end, and the store is closed last.
    pub async fn stop(self) {
        self.supervisor.stop().await;
        self.store.close().await;
    }
}

/// Refuses a listener that offers AUTH to nobody.
async fn can_log_in(config: &Config, store: &Embedded) -> Result<(), Refused> {
    match logins::missing(config, Some(store)).await? {
        Some(problem) => Err(Refused::Configuration(problem)),
        None => Ok(()),
    }
}

/// What the console and the API are made of, besides what is shared.
struct Doors {
    stores: Stores,
    outside: Arc<house::House>,
    doorman: Arc<Doorman>,
    meters: gatepost_web::Meters,
    clock: Arc<dyn Clock>,
    registry: Arc<prometheus_client::registry::Registry>,
}

impl Doors {
    /// Opens the site of the console on its socket. Gives the certificate that it shows, where it speaks TLS.
    fn site(
        self,
        admin: Listener,
        shared: &Shared,
        readiness: admin::Readiness,
        group: &Group,
    ) -> Result<Option<admin::Certificate>, Refused> {
        let address = admin.address();
        let certificate = (!address.ip().is_loopback())
            .then(|| Arc::new(ArcSwap::new(shared.certificate.load_full())));
        #[cfg(feature = "oidc")]
        let sign_on = sign_on::provider(&shared.config.load(), (address, certificate.is_some()))?;
        #[cfg(not(feature = "oidc"))]
        let sign_on = None;
        let site = Site::new(gatepost_web::Parts {
            registry: self.registry,
            condition: Arc::new(readiness),
            stores: self.stores,
            snapshot: Arc::clone(&shared.snapshot),
            clock: self.clock,
            outside: self.outside,
            doorman: self.doorman,
            meters: self.meters,
            tls: certificate.is_some(),
            sign_on,
        });
        let socket = admin::Socket::open(admin, certificate.clone(), group);
        admin::start(socket, site, group);
        Ok(certificate)
    }
}

fn bind(address: SocketAddr) -> Result<Listener, Refused> {
    Listener::bind(address).map_err(|why| Refused::Address { address, why })
}

fn address_refused((address, why): (SocketAddr, io::Error)) -> Refused {
    Refused::Address { address, why }
}

async fn open(
    config: &Config,
    clock: Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<Embedded, Refused> {
    let mut options = settings::store(config, clock);
    let observer: Arc<dyn embedded::Observer> = Arc::clone(metrics) as _;
    options.observer = Some(observer);
    let opened = Box::pin(embedded::open(&config.data_dir, options, Mode::Serve)).await;
    opened.map_err(|why| match why {
        OpenError::Locked { dir, pid } => Refused::Locked(dir, pid),
        other @ (OpenError::TooNew { .. } | OpenError::File { .. } | OpenError::Store(_)) => {
            Refused::Store(other)
        }
    })
}

/// The resolver that was handed in, or one of the configuration that a reload can exchange.
#[expect(clippy::type_complexity, reason = "two views of one resolver")]
fn resolver_of(
    config: &Config,
    given: Option<Arc<dyn Resolver>>,
) -> Result<(Option<Arc<Exchangeable>>, Arc<dyn Resolver>), Refused> {
    if let Some(given) = given {
        return Ok((None, given));
    }
    let own = Arc::new(Exchangeable::new(hickory(config)?));
    Ok((Some(Arc::clone(&own)), own))
}

/// The resolver of a configuration.
pub(crate) fn hickory(config: &Config) -> Result<Arc<dyn Resolver>, Refused> {
    match Hickory::new(&config.dns) {
        Ok(resolver) => Ok(Arc::new(resolver)),
        Err(why) => Err(Refused::Configuration(format!("[dns] {}", crate::cli::chain(&why)))),
    }
}

/// Reading or making a certificate touches files, and making one takes a while.
async fn certificate(config: &Config) -> Result<ServerTls, Refused> {
    let config = config.clone();
    let made = tokio::task::spawn_blocking(move || settings::certificate(&config)).await;
    made.unwrap_or_else(|why| Err(why.to_string()))
        .map_err(|why| Refused::Configuration(format!("[tls] {why}")))
}

/// Roots that cannot be read stop nothing: mail that needs them waits with 4.3.5, and the log says so.
async fn connector(config: &Config, given: Option<&Connector>) -> Connector {
    if let Some(given) = given {
        return given.clone();
    }
    let roots = settings::roots(config);
    let read = {
        let roots = roots.clone();
        tokio::task::spawn_blocking(move || Connector::new(&roots)).await
    };
    let connector = read.unwrap_or_else(|_| Connector::new(&roots));
    if let Err(why) = connector.roots_ok() {
        tracing::error!(cause = %why, "no certificate can be verified: mail at the level Verify waits");
    }
    connector
}

fn receiver(
    store: &Embedded,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
    chronicle: Arc<Chronicle>,
    logins: Arc<Logins>,
) -> Receiver {
    Receiver::new(
        Arc::new(store.clone()),
        Arc::clone(&shared.snapshot),
        Arc::clone(&shared.server),
        Arc::clone(clock),
        chronicle,
        logins,
    )
}

/// The engine and what only it needs.
fn start_engine(
    store: &Embedded,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
    (resolver, chronicle, alerts): (Arc<dyn Resolver>, Arc<Chronicle>, Alerts),
    supervisor: &Supervisor,
) {
    let parts = gatepost_deliver::Parts {
        dispatch: Arc::new(store.clone()),
        enqueue: Arc::new(store.clone()),
        resolver,
        connector: Arc::clone(&shared.connector),
        snapshot: Arc::clone(&shared.snapshot),
        settings: Arc::clone(&shared.delivery),
        clock: Arc::clone(clock),
        observe: chronicle,
        secrets: Arc::new(PasswordFiles::of(&shared.config.load())),
        alerts: Arc::new(alerts),
    };
    let group = &supervisor.attempts;
    let engine = Engine::new(parts, group.tracker.clone(), group.stop.clone());
    group.tracker.spawn(engine.run());
}
