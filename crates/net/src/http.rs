//! Asking other hosts over HTTP, for the few things that are not mail: signing in by an OpenID Connect provider.
//!
//! What holds: a certificate is verified always, and HTTP without TLS goes to loopback alone; no redirect is followed, so that an
//! answer comes from where it was asked for; an answer is no larger and takes no longer than [`Limits`] say. No cookie and no
//! credential is kept from one request to the next, and none is sent that is not in the request.

use std::{error::Error as _, net::IpAddr, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::tls::{Roots, RootsError, client_config};

/// How much an answer may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// From the first packet to the last byte.
    pub time: Duration,
    /// Bytes of the body.
    pub body: usize,
}

impl Default for Limits {
    /// 15 seconds, one mebibyte.
    fn default() -> Self {
        Self { time: Duration::from_secs(15), body: 1024 * 1024 }
    }
}

/// Asks other hosts. Cheap to clone; connections are kept for a while and used again.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    roots: Result<(), RootsError>,
    limits: Limits,
}

/// Why there is no answer. Each completes the sentence "… cannot be asked: …".
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// HTTP without TLS to another machine, or no HTTP at all.
    #[error("{0} is not an https address (http is taken for this machine's loopback alone)")]
    Address(String),
    /// There is nothing to verify a certificate with.
    #[error("no certificate can be verified here: {0}")]
    Roots(#[from] RootsError),
    /// No connection, a handshake that failed, an answer that is no HTTP.
    #[error("{0}")]
    Failed(String),
    /// The answer did not come in time.
    #[error("there was no whole answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The answer is larger than it may be.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl Client {
    /// A client that verifies against these roots. Reads files, so it blocks. Where the roots cannot be used, each request by TLS says so.
    pub fn new(roots: &Roots, limits: Limits) -> Self {
        let (config, roots) = client_config(roots);
        let https =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(2)
            .build(https.build());
        Self { inner, roots, limits }
    }

    /// Asks, and gives whatever the host answers, redirects and errors too.
    ///
    /// # Errors
    /// [`HttpError`] where there is no whole answer.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        if !is_allowed(request.uri()) {
            return Err(HttpError::Address(shown(request.uri())));
        }
        if request.uri().scheme_str() == Some("https") {
            self.roots.clone()?;
        }
        let asking = self.ask(request.map(|body| Full::new(Bytes::from(body))));
        match tokio::time::timeout(self.limits.time, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout(self.limits.time)),
        }
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Vec<u8>>, HttpError> {
        let host = shown(request.uri());
        let answer = self.inner.request(request).await;
        let answer = answer.map_err(|why| HttpError::Failed(format!("{host}: {}", chain(&why))))?;
        let (head, body) = answer.into_parts();
        let body = self.read(&host, body).await?;
        Ok(Response::from_parts(head, body))
    }

    async fn read(&self, host: &str, body: Incoming) -> Result<Vec<u8>, HttpError> {
        match Limited::new(body, self.limits.body).collect().await {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(why) if why.is::<LengthLimitError>() => Err(HttpError::TooLarge(self.limits.body)),
            Err(why) => Err(HttpError::Failed(format!("{host}: {why}"))),
        }
    }
}

/// Whether an address may be asked: by https anybody, by http this machine alone.
pub fn is_allowed(address: &Uri) -> bool {
    match (address.scheme_str(), address.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => is_loopback(host),
        (_, _) => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Scheme, host and port: what is behind them may be nobody else's business.
fn shown(address: &Uri) -> String {
    let authority = address.authority().map(|authority| {
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    format!("{}://{}", address.scheme_str().unwrap_or("?"), authority.unwrap_or("?"))
}

/// An error with everything behind it, each said once.
fn chain(error: &legacy::Error) -> String {
    let mut said = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if said.last().is_none_or(|last| !last.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_loopback_are_asked() {
        for (address, allowed) in [
            ("https://id.example/x", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://id.example/", false),
            ("http://10.0.0.1/", false),
            ("http://localhost.evil.example/", false),
            ("http://127.0.0.1@evil.example/", false),
            ("/path", false),
            ("ftp://id.example/", false),
        ] {
            let uri: Uri = address.parse().unwrap();
            assert_eq!(is_allowed(&uri), allowed, "{address}");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        let uri: Uri = "https://user:pw@id.example:8443/token?code=x".parse().unwrap();
        assert_eq!(shown(&uri), "https://id.example:8443");
    }
}
