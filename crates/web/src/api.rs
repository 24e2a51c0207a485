//! The API under `/api/v1`: what it is made of, and who may use which part of it.
//!
//! Each family of routes is a file with a function `routes`. A handler says in its `#[utoipa::path]` who may call it:
//!
//! ```text
//! #[utoipa::path(get, path = "/queue", tag = "queue",
//!     extensions(("x-capability" = json!("read"))),
//!     responses((status = 200, body = QueuePage), (status = 400, body = Problem)))]
//! async fn list(State(api): State<Api>, page: Wanted) -> Result<Json<QueuePage>, Problem> { … }
//! ```
//!
//! `x-capability` is `open` (no account needed), `signed-in` (any), or a [`Capability`]. [`gate`] holds each request
//! against that table, so a handler is reached by those alone; one without the word is reached by nobody. A handler
//! that needs to know who calls takes a [`Caller`].
//!
//! [`Capability`]: gatepost_store::Capability
//! [`gate`]: gate::pass
//! [`Caller`]: caller::Caller

#![expect(unused_qualifications, reason = "utoipa's macro qualifies the queries that it is given")]

mod access;
mod body;
pub(crate) mod caller;
mod evidence;
mod gate;
mod mail;
mod page;
mod policy;
mod precondition;
mod room;
mod routing;
mod rule_data;
mod rules;
mod system;
mod trace;
mod weight;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::evidence::Evidence;
use gatepost_store::{
    Accounts, Audit, Browse, Clock, Doorman, Inspect, Ledger, Probes, Rulebook, Settings,
};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::console;
use crate::headers::Transport;
use crate::meters::Meters;
use crate::outside::Outside;
use crate::problem::{self, Problem};
use crate::server::Condition;
use crate::sign_on::SignOn;
use gate::Table;

/// Where all of it is.
const PREFIX: &str = "/api/v1";

/// The ways into the store that the API uses.
#[derive(Clone)]
pub struct Stores {
    pub(crate) inspect: Arc<dyn Inspect>,
    pub(crate) settings: Arc<dyn Settings>,
    pub(crate) evidence: Arc<dyn Evidence>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) probes: Arc<dyn Probes>,
    pub(crate) browse: Arc<dyn Browse>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) rulebook: Arc<dyn Rulebook>,
}

impl Stores {
    /// All of them from one store.
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: Evidence
            + Inspect
            + Settings
            + Browse
            + Ledger
            + Probes
            + Accounts
            + Audit
            + Rulebook
            + 'static,
    {
        Self {
            inspect: Arc::clone(&store) as _,
            settings: Arc::clone(&store) as _,
            evidence: Arc::clone(&store) as _,
            ledger: Arc::clone(&store) as _,
            probes: Arc::clone(&store) as _,
            browse: Arc::clone(&store) as _,
            accounts: Arc::clone(&store) as _,
            audit: Arc::clone(&store) as _,
            rulebook: store,
        }
    }
}

/// What every handler has.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) stores: Stores,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) doorman: Arc<Doorman>,
    pub(crate) transport: Transport,
    pub(crate) condition: Arc<dyn Condition>,
    pub(crate) meters: Meters,
    desk: Arc<policy::held::Desk>,
    /// Room for long bodies.
    room: room::Room,
    /// What probes share.
    pub(crate) probing: mail::Turns,
    pub(crate) sign_on: Option<Arc<dyn SignOn>>,
    table: Arc<Table>,
}

/// What an [`Api`] is made of.
pub(crate) struct Given {
    pub(crate) stores: Stores,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) doorman: Arc<Doorman>,
    pub(crate) transport: Transport,
    pub(crate) condition: Arc<dyn Condition>,
    pub(crate) meters: Meters,
    pub(crate) sign_on: Option<Arc<dyn SignOn>>,
}

impl Api {
    pub(crate) fn new(given: Given) -> Self {
        let Given {
            stores,
            snapshot,
            clock,
            outside,
            doorman,
            transport,
            condition,
            meters,
            sign_on,
        } = given;
        let table = Arc::new(Table::of(&document()));
        let desk = Arc::default();
        Self {
            stores,
            snapshot,
            clock,
            outside,
            doorman,
            transport,
            condition,
            meters,
            desk,
            room: room::Room::default(),
            probing: mail::Turns::default(),
            sign_on,
            table,
        }
    }

    /// The router of everything under `/api`, and of the console, which is every path that is nothing else.
    pub(crate) fn router(self) -> Router {
        let (router, _) = described().split_for_parts();
        router
            .fallback(elsewhere)
            .method_not_allowed_fallback(|| async { Problem::method() })
            .layer(middleware::from_fn_with_state(self.clone(), gate::pass))
            .with_state(self)
    }
}

/// Under `/api` there is nothing else; any other path is the console's.
async fn elsewhere(method: Method, uri: Uri) -> Response {
    if gate::is_api(uri.path()) {
        return Problem::not_found(&format!("path {}", uri.path())).into_response();
    }
    if method.is_safe() { console::serve(&uri) } else { Problem::method().into_response() }
}

/// Every family of routes.
fn families() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(access::routes())
        .merge(policy::routes())
        .merge(rules::routes())
        .merge(rule_data::routes())
        .merge(routing::routes())
        .merge(trace::routes())
        .merge(system::routes())
        .merge(mail::routes())
        .merge(evidence::routes())
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(frame()).nest(PREFIX, families())
}

/// The OpenAPI 3.1 document of the API.
pub fn document() -> OpenApi {
    let mut document = described().into_openapi();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(operation_id(method, path));
            name_problems(operation);
        }
    }
    document
}

/// A name that no other operation has, since programs are generated with it: `get_queue_id` for `GET /api/v1/queue/{id}`.
fn operation_id(method: &str, path: &str) -> String {
    let below = path.strip_prefix(PREFIX).unwrap_or(path);
    let words = below.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// Gives the answers of an operation that are no success the media type that they come with (RFC 9457 section 3).
fn name_problems(operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        if let (true, RefOr::T(answer)) = (status.as_str() >= "400", answer)
            && let Some(problem) = answer.content.shift_remove("application/json")
        {
            answer.content.insert(problem::MEDIA_TYPE.to_owned(), problem);
        }
    }
}

/// The document without its paths.
fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Gatepost")
        .version("1")
        .description(Some(
            "Programs send `Authorization: Bearer TOKEN`. The console has a session cookie, and sends X-CSRF-Token \
             (of GET /session) with every write. Lists page with `limit` and `cursor`. Errors are RFC 9457 problem \
             documents. `x-capability` says who may call an operation: `open`, `signed-in`, or a capability of a role.",
        ))
        .build();
    let mut document = OpenApiBuilder::new().info(info).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(caller::COOKIE))),
    );
    document
}

#[cfg(test)]
pub(crate) mod tests;
