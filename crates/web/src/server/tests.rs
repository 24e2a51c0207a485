use std::sync::Mutex;

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;

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

/// Serves a site while `check` asks it; `check` gives the number of requests it made.
async fn ask(condition: Arc<Fake>, requests: &[&str]) -> Vec<String> {
    let mut registry = Registry::default();
    registry.register("gatepost_scrapes", "Scrapes", condition.scraped.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let site = Site::new(Arc::new(registry), condition);
    let serving = site.serve(listener, async move { if stopped.await.is_err() {} });
    let asking = async {
        let mut answers = Vec::new();
        for request in requests {
            // the fake client of a test may dial by itself
            #[expect(clippy::disallowed_methods, reason = "a test's own client")]
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream
                .write_all(
                    format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        .as_bytes(),
                )
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answers.push(answer);
        }
        stop.send(()).unwrap();
        answers
    };
    let (served, answers) = tokio::join!(serving, asking);
    served.unwrap();
    answers
}

#[tokio::test]
async fn readiness_names_what_is_in_the_way() {
    let fake = Arc::new(Fake::default());
    let ready = ask(fake.clone(), &["GET /healthz", "GET /readyz"]).await;
    assert!(ready.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")), "{ready:?}");
    fake.obstacles.lock().unwrap().push("the disk is below its reserve".into());
    let not = ask(fake, &["GET /healthz", "GET /readyz"]).await;
    assert!(not[0].starts_with("HTTP/1.1 200 "));
    assert!(
        not[1].starts_with("HTTP/1.1 503 ") && not[1].contains("the disk is below its reserve"),
        "{not:?}"
    );
}

#[tokio::test]
async fn metrics_are_brought_up_to_date_before_they_are_shown() {
    let answers = ask(Arc::new(Fake::default()), &["GET /metrics"]).await;
    assert!(answers[0].contains("application/openmetrics-text"), "{answers:?}");
    assert!(answers[0].contains("gatepost_scrapes_total 1"), "{answers:?}");
}

#[tokio::test]
async fn everything_else_is_closed_or_is_not_there() {
    let requests = [
        "GET /api/v1/queue",
        "PUT /api/v1/policy",
        "GET /elsewhere",
        "GET /api/openapi.json",
        "GET /",
        "POST /metrics",
    ];
    let answers = ask(Arc::new(Fake::default()), &requests).await;
    let codes: Vec<&str> = answers.iter().map(|answer| answer.split(' ').nth(1).unwrap()).collect();
    assert_eq!(codes, ["401", "401", "401", "404", "404", "405"]);
    assert!(answers[0].to_lowercase().contains("www-authenticate: bearer"));
    assert!(
        answers.iter().all(|answer| answer.contains("application/problem+json")),
        "{answers:?}"
    );
}
