//! The paths that are open without a token, and the answer for all others.
//!
//! `/healthz` says that the process lives, `/readyz` that it can accept mail, `/metrics` how it is doing. Nothing
//! here changes anything.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use prometheus_client::registry::Registry;

use crate::problem::Problem;

/// How the gateway is, as this crate needs to know it.
#[async_trait]
pub trait Condition: Send + Sync {
    /// Why mail cannot be accepted now, one reason a line; empty when it can.
    fn obstacles(&self) -> Vec<String>;

    /// Brings the gauges that are read from elsewhere up to date, before the metrics are written.
    async fn refresh(&self);
}

/// Everything that HTTP shows.
#[derive(Clone)]
pub struct Site {
    registry: Arc<Registry>,
    condition: Arc<dyn Condition>,
}

impl Site {
    /// A site that shows these metrics and this condition.
    pub fn new(registry: Arc<Registry>, condition: Arc<dyn Condition>) -> Self {
        Self { registry, condition }
    }

    /// Answers on a bound socket until `until` ends; requests in hand are finished.
    ///
    /// # Errors
    /// What the system says when the socket cannot be used any more.
    pub async fn serve<L>(
        self,
        socket: L,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()>
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        axum::serve(socket, self.router()).with_graceful_shutdown(until).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .method_not_allowed_fallback(|| async { Problem::method() })
            .fallback(elsewhere)
            .with_state(self)
    }
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(site): State<Site>) -> Response {
    let obstacles = site.condition.obstacles();
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

async fn metrics(State(site): State<Site>) -> Response {
    site.condition.refresh().await;
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &site.registry).is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n")
            .into_response();
    }
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

/// What is open to everybody and not in this version is not found; everything else needs a token, and
/// there are no accounts yet.
async fn elsewhere(uri: Uri) -> Problem {
    match uri.path() {
        path @ ("/" | "/setup" | "/api/openapi.json") => Problem::not_found(path),
        _ => Problem::unauthorized(),
    }
}

#[cfg(test)]
mod tests;
