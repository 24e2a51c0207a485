//! A site on a store in a folder of its own, asked without a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use gatepost_policy::document::{Profile, Spans};
use gatepost_policy::retry::Lifetime;
use gatepost_policy::snapshot::{Snapshot, TlsSettings};
use gatepost_policy::tls::Level;
use gatepost_store::embedded::{self, Embedded, Mode, Options};
use gatepost_store::{
    Accounts as _, Author, Doorman, ManualClock, NewToken, NewUser, Order, Role, Secret,
    Settings as _, StoreError, UserKind, Waiting,
};
use gatepost_wire::address::AddressDomain;
use gatepost_wire::timestamp::Timestamp;
use http_body_util::BodyExt as _;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::api::Stores;
use crate::meters::Meters;
use crate::outside::{Outside, Probed, SystemFacts};
use crate::peer::Peer;
use crate::server::{Condition, Parts, Site};

/// The password of every account here.
pub(crate) const PASSWORD: &str = "a long enough password";

/// A gateway that can do nothing outside of its store.
pub(crate) struct Alone;

#[async_trait]
impl Outside for Alone {
    fn hostname(&self) -> String {
        "gateway.acme.example".to_owned()
    }

    fn system(&self) -> SystemFacts {
        SystemFacts {
            started_at: Timestamp::from_millis(1_790_000_000_000),
            data_dir: "gatepost-data".to_owned(),
            free_bytes: None,
            listeners: Vec::new(),
            certificate: None,
            settings: Vec::new(),
            retention: Vec::new(),
        }
    }

    fn lifetime(&self) -> Lifetime {
        let day = std::time::Duration::from_secs(86_400);
        Lifetime { ordinary: day * 5, enforced: day }
    }

    async fn judge(&self, waiting: &[Waiting]) -> Result<Order, StoreError> {
        assert!(!waiting.is_empty(), "nothing is to be judged");
        Ok(Order::Reevaluate(std::collections::HashMap::new()))
    }

    async fn probe(
        &self,
        domains: Vec<AddressDomain>,
        level: Level,
        _: usize,
        seen: &mut Vec<Probed>,
    ) -> Result<(), String> {
        let at = Timestamp::from_millis(0);
        seen.extend(domains.iter().map(AddressDomain::key).map(|domain| {
            let record =
                serde_json::json!({ "domain": domain, "ready": true, "level": level, "at": at });
            Probed { domain, at, record }
        }));
        Ok(())
    }
}

#[async_trait]
impl Condition for Alone {
    fn obstacles(&self) -> Vec<String> {
        Vec::new()
    }

    async fn refresh(&self) {}
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Option<Value>,
    /// A body that is no JSON.
    pub(crate) other: Option<String>,
}

impl<'a> Ask<'a> {
    pub(crate) const fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: None, other: None }
    }

    pub(crate) fn with(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// As a program with this token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self.with("content-type", "application/json")
    }

    pub(crate) fn text(mut self, kind: &str, body: &str) -> Self {
        self.other = Some(body.to_owned());
        self.with("content-type", kind)
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// A person who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// The site and what is behind it.
pub(crate) struct World {
    pub(crate) store: Embedded,
    pub(crate) clock: Arc<ManualClock>,
    router: Router,
    /// A token with the role `owner`.
    pub(crate) owner: String,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Arc::new(Alone), Registry::default()).await
    }

    /// With a condition and metrics of the test's own.
    pub(crate) async fn with(condition: Arc<dyn Condition>, registry: Registry) -> Self {
        Self::of((condition, Arc::new(Alone)), registry, None).await
    }

    /// With the rest of the gateway as the test has it.
    pub(crate) async fn beside(outside: Arc<dyn Outside>) -> Self {
        Self::of((Arc::new(Alone), outside), Registry::default(), None).await
    }

    /// With a provider to sign in with.
    #[cfg(feature = "oidc")]
    pub(crate) async fn signing_on(sign_on: Arc<dyn crate::sign_on::SignOn>) -> Self {
        Self::of((Arc::new(Alone), Arc::new(Alone)), Registry::default(), Some(sign_on)).await
    }

    async fn of(
        (condition, outside): (Arc<dyn Condition>, Arc<dyn Outside>),
        registry: Registry,
        sign_on: Option<Arc<dyn crate::sign_on::SignOn>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_790_000_000_000)));
        let options = Options::new(Profile::Standard, clock.clone());
        let store = embedded::open(folder.path(), options, Mode::Serve).await.unwrap();
        let stored = store.load(store.head()).await.unwrap().unwrap();
        let snapshot = Snapshot::build(
            stored.revision.revision,
            store.profile(),
            stored.document,
            &Spans::none("the store"),
            TlsSettings::of(Profile::Standard),
        );
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot.unwrap()));
        let site = Site::new(Parts {
            registry: Arc::new(registry),
            condition,
            stores: Stores::of(Arc::new(store.clone())),
            snapshot: Arc::clone(&snapshot),
            clock: clock.clone(),
            outside,
            doorman: Arc::new(Doorman::default()),
            meters: Meters::default(),
            tls: false,
            sign_on,
        });
        let mut world =
            Self { store, clock, router: site.router(), owner: String::new(), _folder: folder };
        world.owner = world.make_token("owner's", Role::Owner).await;
        world
    }

    /// A token with a role.
    pub(crate) async fn make_token(&self, name: &str, role: Role) -> String {
        let new = NewToken { name: name.to_owned(), role, expires_at: None, owner: None };
        let (_, secret) = self.store.create_token(new, &Author::new("test", None)).await.unwrap();
        secret.expose().to_owned()
    }

    /// The account of a person.
    pub(crate) async fn make_person(&self, name: &str, role: Role) -> gatepost_store::User {
        let new = NewUser {
            name: name.to_owned(),
            kind: UserKind::Person(role),
            password: Some(Secret::new(PASSWORD)),
            sso: None,
        };
        self.store.create_user(new, &Author::new("test", None)).await.unwrap()
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, name: &str) -> SignedIn {
        let body = serde_json::json!({ "name": name, "password": PASSWORD });
        let answer = self.ask(Ask::new("POST", "/api/v1/session").json(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        SignedIn { cookie, csrf: answer.json()["csrf"].as_str().unwrap().to_owned() }
    }

    /// Asks from 192.0.2.1.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Answer {
        self.ask_from("192.0.2.1:1234", ask).await
    }

    pub(crate) async fn ask_from(&self, peer: &str, ask: Ask<'_>) -> Answer {
        let peer: SocketAddr = peer.parse().unwrap();
        let mut request =
            Request::builder().method(ask.method).uri(ask.path).header("host", "gate");
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let body = ask.other.or_else(|| ask.body.map(|body| body.to_string()));
        let body = body.map_or_else(Body::empty, Body::from);
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(ConnectInfo(Peer(peer)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Asks as the owner's token.
    pub(crate) async fn owner(&self, ask: Ask<'_>) -> Answer {
        let token = self.owner.clone();
        self.ask(ask.token(&token)).await
    }

    /// What the owner's token gets at a path; it must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.owner(Ask::new("GET", path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.bytes));
        answer.json()
    }
}
