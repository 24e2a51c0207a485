//! The paths that are open without a token, and where all others go.
//!
//! `/healthz` says that the process lives, `/readyz` that it can accept mail, `/metrics` how it is doing,
//! `/api/openapi.json` what the API is. What is under `/api` is the API's; every other path is a screen or a file of
//! the console.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use axum::{Json, Router, middleware};
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Clock, Doorman};
use prometheus_client::registry::Registry;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;

use crate::api::{self, Api, Given, Stores};
use crate::connections::{self, Limits};
use crate::headers::{self, Transport};
use crate::meters::Meters;
use crate::outside::Outside;
use crate::problem::Problem;
use crate::sign_on::SignOn;

/// How long a request may take until its answer begins, the reading of its body included. The longest are a probe
/// of many domains and a large policy.
const PATIENCE: Duration = Duration::from_secs(300);

/// How the gateway is, as this crate needs to know it.
#[async_trait]
pub trait Condition: Send + Sync {
    /// Why mail cannot be accepted now, one reason a line; empty when it can.
    fn obstacles(&self) -> Vec<String>;

    /// Brings the gauges that are read from elsewhere up to date, before the metrics are written.
    async fn refresh(&self);
}

/// What a site is made of.
pub struct Parts {
    /// The metrics.
    pub registry: Arc<Registry>,
    /// How the gateway is.
    pub condition: Arc<dyn Condition>,
    /// The store.
    pub stores: Stores,
    /// The policy that is in effect.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The rest of the gateway.
    pub outside: Arc<dyn Outside>,
    /// Who is locked out; one for all ways in.
    pub doorman: Arc<Doorman>,
    /// What counts requests.
    pub meters: Meters,
    /// Whether the socket speaks TLS.
    pub tls: bool,
    /// The provider that people may sign in with.
    pub sign_on: Option<Arc<dyn SignOn>>,
}

/// Everything that HTTP shows.
pub struct Site {
    open: Open,
    api: Api,
    transport: Transport,
}

/// What the open paths need.
#[derive(Clone)]
struct Open {
    registry: Arc<Registry>,
    condition: Arc<dyn Condition>,
    document: Arc<OpenApi>,
}

impl Site {
    /// A site of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            registry,
            condition,
            stores,
            snapshot,
            clock,
            outside,
            doorman,
            meters,
            tls,
            sign_on,
        } = parts;
        let transport = if tls { Transport::Tls } else { Transport::Plain };
        let given = Given {
            stores,
            snapshot,
            clock,
            outside,
            doorman,
            transport,
            condition: Arc::clone(&condition),
            meters,
            sign_on,
        };
        let open = Open { registry, condition, document: Arc::new(api::document()) };
        Self { open, api: Api::new(given), transport }
    }

    /// Answers on a bound socket until `until` ends; requests in hand are finished.
    pub async fn serve<L>(self, socket: L, until: impl Future<Output = ()> + Send)
    where
        L: Listener<Addr = SocketAddr>,
    {
        connections::answer(socket, self.router(), Limits::USUAL, until).await;
    }

    pub(crate) fn router(self) -> Router {
        let Self { open, api, transport } = self;
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/api/openapi.json", get(described))
            .method_not_allowed_fallback(|| async { Problem::method() })
            .with_state(open)
            .merge(api.router())
            .layer(CompressionLayer::new())
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn_with_state(transport, headers::add))
    }
}

/// An answer in time, or that there is none.
async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        Problem::unavailable("This took too long and was given up; ask for less at once.")
            .into_response()
    })
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(open): State<Open>) -> Response {
    let obstacles = open.condition.obstacles();
    if obstacles.is_empty() {
        return "ready\n".into_response();
    }
    let mut text = String::from("not ready\n");
    for obstacle in obstacles {
        text.push_str(&obstacle);
        text.push('\n');
    }
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(open): State<Open>) -> Response {
    open.condition.refresh().await;
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &open.registry).is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n")
            .into_response();
    }
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

async fn described(State(open): State<Open>) -> Json<OpenApi> {
    Json(open.document.as_ref().clone())
}

#[cfg(test)]
mod tests;
