//! How often the API is used, for `/metrics`.
//!
//! A route is counted by its template (`/api/v1/rules/{id}`), so that no id, name or address becomes a label.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// A request, as it is counted.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Request {
    route: String,
    code: u16,
}

/// A log-in, as it is counted.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Login {
    result: &'static str,
}

/// The counters of this crate.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    requests: Family<Request, Counter>,
    logins: Family<Login, Counter>,
}

impl Meters {
    /// Counters that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let meters = Self::default();
        registry.register(
            "gatepost_api_requests",
            "Requests of the API, by route and status",
            meters.requests.clone(),
        );
        registry.register(
            "gatepost_admin_logins",
            "Log-ins to the console, by result: opened, refused, locked",
            meters.logins.clone(),
        );
        meters
    }

    pub(crate) fn request(&self, route: Option<&str>, code: u16) {
        let route = route.unwrap_or("none").to_owned();
        self.requests.get_or_create(&Request { route, code }).inc();
    }

    pub(crate) fn login(&self, result: &'static str) {
        self.logins.get_or_create(&Login { result }).inc();
    }
}
