use std::sync::Mutex;

use axum::http::Method;
use prometheus_client::metrics::counter::Counter;

use super::*;
use crate::api::tests::world::{Ask, World};

#[derive(Default)]
struct Fake {
    obstacles: Mutex<Vec<String>>,
    scraped: Counter,
}

#[async_trait]
impl Condition for Fake {
    fn obstacles(&self) -> Vec<String> {
        self.obstacles.lock().unwrap().clone()
    }

    async fn refresh(&self) {
        self.scraped.inc();
    }
}

#[tokio::test]
async fn readiness_names_what_is_in_the_way() {
    let fake = Arc::new(Fake::default());
    let world = World::with(fake.clone(), Registry::default()).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.ask(Ask::new("GET", path)).await.status, 200, "{path}");
    }
    fake.obstacles.lock().unwrap().push("the disk is below its reserve".into());
    assert_eq!(world.ask(Ask::new("GET", "/healthz")).await.status, 200);
    let not = world.ask(Ask::new("GET", "/readyz")).await;
    assert_eq!(not.status, 503);
    assert_eq!(not.bytes, b"not ready\nthe disk is below its reserve\n");
}

#[tokio::test]
async fn metrics_are_brought_up_to_date_before_they_are_shown() {
    let fake = Arc::new(Fake::default());
    let mut registry = Registry::default();
    registry.register("gatepost_scrapes", "Scrapes", fake.scraped.clone());
    let world = World::with(fake, registry).await;
    let answer = world.ask(Ask::new("GET", "/metrics")).await;
    assert!(answer.header("content-type").contains("application/openmetrics-text"));
    assert!(String::from_utf8_lossy(&answer.bytes).contains("gatepost_scrapes_total 1"));
}

#[tokio::test]
async fn what_is_open_is_open_and_the_rest_takes_a_token() {
    let world = World::new().await;
    for (method, path, status) in [
        ("GET", "/api/v1/users", 401),
        ("PUT", "/api/v1/policy", 401),
        ("GET", "/api/v1/elsewhere", 401),
        ("GET", "/api/openapi.json", 200),
        ("GET", "/api/v1/session", 200),
        ("GET", "/", 200),
        ("GET", "/rules", 200),
        ("GET", "/assets/none.js", 404),
        ("POST", "/metrics", 405),
        ("POST", "/rules", 405),
    ] {
        let method: Method = method.parse().unwrap();
        let answer = world.ask(Ask::new(method.as_str(), path)).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        let problem = answer.header("content-type") == "application/problem+json";
        assert_eq!(problem, status == 401 || status == 405, "{method} {path}");
        let bearer = answer.header("www-authenticate") == "Bearer";
        assert_eq!(bearer, status == 401, "{method} {path}");
    }
}
