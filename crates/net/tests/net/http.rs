//! The HTTP client against hosts that answer well, too much, too slowly, or from somewhere else.

use std::{net::SocketAddr, time::Duration};

use gatepost_net::{
    http::{Client, HttpError, Limits},
    listen::{Listener, ServerTls},
    tls::Roots,
};
use gatepost_testkit::{Cert, TestCa};
use hyper::Request;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

/// What a host says to every request, and whether it then goes silent.
#[derive(Clone)]
struct Says {
    answer: Vec<u8>,
    silent: bool,
}

struct Host {
    address: SocketAddr,
    roots: Roots,
    _folder: TempDir,
    _tasks: JoinSet<()>,
}

impl Host {
    /// A host named localhost.
    fn start(tls: bool, says: Says) -> Self {
        let (folder, ca) = (tempfile::tempdir().unwrap(), TestCa::new());
        let path = |name: &str| folder.path().join(name);
        let issued = ca.issue(&Cert::Good, "localhost");
        for (name, text) in
            [("cert", &issued.chain_pem), ("key", &issued.key_pem), ("roots", &ca.roots_pem())]
        {
            std::fs::write(path(name), text).unwrap();
        }
        let certificate = ServerTls::from_pem(&path("cert"), &path("key")).unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, roots) = (listener.address(), Roots::Pem(path("roots")));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut held = Vec::new();
            while let Ok(mut inbound) = listener.accept().await {
                if tls {
                    let Ok(secured) = inbound.secure(&certificate).await else { continue };
                    inbound = secured;
                }
                let mut request = [0; 4096];
                let read = inbound.io.read(&mut request).await;
                let wrote = inbound.io.write_all(&says.answer).await;
                let flushed = inbound.io.flush().await;
                if says.silent && read.is_ok() && wrote.is_ok() && flushed.is_ok() {
                    held.push(inbound);
                }
            }
        });
        Self { address, roots, _folder: folder, _tasks: tasks }
    }

    async fn ask(&self, scheme: &str, roots: &Roots) -> Result<(u16, Vec<u8>), HttpError> {
        let limits = Limits { time: Duration::from_secs(5), body: 1000 };
        self.ask_within(scheme, roots, limits).await
    }

    async fn ask_within(
        &self,
        scheme: &str,
        roots: &Roots,
        limits: Limits,
    ) -> Result<(u16, Vec<u8>), HttpError> {
        let uri = format!("{scheme}://localhost:{}/x?secret", self.address.port());
        let request = Request::builder().uri(uri).body(Vec::new()).unwrap();
        let answer = Client::new(roots, limits).send(request).await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }
}

fn says(answer: &str) -> Says {
    Says { answer: answer.as_bytes().to_vec(), silent: false }
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

#[tokio::test]
async fn an_answer_comes_by_tls_from_whom_the_roots_vouch_for() {
    let host = Host::start(true, says(HELLO));
    assert_eq!(host.ask("https", &host.roots).await.unwrap(), (200, b"hello".to_vec()));
    let other = Host::start(true, says(HELLO));
    let refused = host.ask("https", &other.roots).await.unwrap_err().to_string();
    assert!(refused.contains("certificate") && !refused.contains("secret"), "{refused}");
    let none = host.ask("https", &Roots::Pem("/nonexistent/roots.pem".into())).await;
    assert!(matches!(none, Err(HttpError::Roots(_))), "{none:?}");
}

#[tokio::test]
async fn loopback_may_be_asked_in_clear() {
    let host = Host::start(false, says(HELLO));
    let none = Roots::Pem("/nonexistent/roots.pem".into());
    assert_eq!(host.ask("http", &none).await.unwrap(), (200, b"hello".to_vec()));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let host = Host::start(
        false,
        says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    );
    assert_eq!(host.ask("http", &host.roots).await.unwrap(), (302, Vec::new()));
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_slow_is_given_up() {
    for head in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let body = if head.starts_with('C') {
            "x".repeat(100_000)
        } else {
            format!("{:x}\r\n{}\r\n", 2000, "x".repeat(2000))
        };
        let host = Host::start(false, says(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")));
        let refused = host.ask("http", &host.roots).await;
        assert!(matches!(refused, Err(HttpError::TooLarge(1000))), "{head}: {refused:?}");
    }
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"] {
        let host = Host::start(false, Says { silent: true, ..says(answer) });
        let limits = Limits { time: Duration::from_millis(300), body: 1000 };
        let refused = host.ask_within("http", &host.roots, limits).await;
        assert!(matches!(refused, Err(HttpError::Timeout(_))), "{refused:?}");
    }
    let host = Host::start(false, says("220 mx.example ESMTP\r\n"));
    assert!(matches!(host.ask("http", &host.roots).await, Err(HttpError::Failed(_))));
}
