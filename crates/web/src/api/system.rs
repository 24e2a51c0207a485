//! The gateway itself: version, storage, listeners, certificate, settings in effect.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::outside::SystemFacts;
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The gateway and what it runs on.
#[derive(Debug, Serialize, ToSchema)]
struct SystemShape {
    /// The version of Gatepost.
    version: &'static str,
    /// The name of this gateway, as in its EHLO.
    hostname: String,
    /// When it was started.
    started_at: String,
    /// Where the store is.
    data_dir: String,
    /// Bytes of the disk that are free there, where that can be told.
    free_bytes: Option<u64>,
    /// The kind of store: `embedded`.
    store: &'static str,
    /// Where mail comes in.
    listeners: Vec<ListenerShape>,
    /// The gateway's own certificate; `null` where it cannot be read.
    certificate: Option<CertificateShape>,
    /// Settings in effect, by their names in `gatepost.toml`; durations in seconds, sizes in bytes.
    #[schema(value_type = Object)]
    settings: BTreeMap<&'static str, Value>,
    /// How many seconds what is kept.
    retention: BTreeMap<&'static str, u64>,
}

/// A listener for mail.
#[derive(Debug, Serialize, ToSchema)]
struct ListenerShape {
    /// Its address and port.
    address: String,
    /// `off`, `starttls` or `implicit`.
    tls: &'static str,
    /// Whether AUTH is offered, under TLS.
    auth: bool,
    /// Whether MAIL is refused before TLS.
    require_tls: bool,
}

/// The gateway's own certificate.
#[derive(Debug, Serialize, ToSchema)]
struct CertificateShape {
    /// The names in it.
    names: Vec<String>,
    /// When it ends.
    not_after: String,
    /// Whether the gateway made it.
    self_made: bool,
}

/// The gateway and what it runs on.
#[utoipa::path(get, path = "/system", tag = "system", extensions(("x-capability" = json!("read"))),
    responses((status = 200, body = SystemShape), (status = 401, body = Problem), (status = 403, body = Problem)))]
async fn show(State(api): State<Api>) -> Json<SystemShape> {
    let facts = api.outside.system();
    let SystemFacts {
        started_at,
        data_dir,
        free_bytes,
        listeners,
        certificate,
        settings,
        retention,
    } = facts;
    let listeners = listeners.into_iter().map(|listener| ListenerShape {
        address: listener.address,
        tls: listener.tls,
        auth: listener.auth,
        require_tls: listener.require_tls,
    });
    let certificate = certificate.map(|own| CertificateShape {
        names: own.names,
        not_after: own.not_after.rfc3339(),
        self_made: own.self_made,
    });
    Json(SystemShape {
        version: env!("CARGO_PKG_VERSION"),
        hostname: api.outside.hostname(),
        started_at: started_at.rfc3339(),
        data_dir,
        free_bytes,
        store: "embedded",
        listeners: listeners.collect(),
        certificate,
        settings: settings.into_iter().collect(),
        retention: retention.into_iter().collect(),
    })
}
