//! The connections of the admin socket: how many there may be, and how long each may take to ask.
//!
//! It shares its process with the mail. So whoever opens connections and says nothing holds a bounded number of them,
//! and each only for a bounded time; beyond the bound a new connection is closed unanswered.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::peer::Peer;

/// What a socket bears.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) all: usize,
    /// Connections of one address that is not this machine's own, where a reverse proxy may be.
    pub(crate) of_one: usize,
    /// How long a client may take for the head of its next request, and be silent before it.
    pub(crate) head: Duration,
}

impl Limits {
    /// Those of a gateway.
    pub(crate) const USUAL: Self = Self { all: 512, of_one: 64, head: Duration::from_secs(30) };
}

/// Who is connected, and how often.
struct Present {
    limits: Limits,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One place among those who are connected; given back when it is dropped.
struct Place {
    present: Arc<Present>,
    ip: IpAddr,
}

impl Present {
    /// A place for an address, if there is one left.
    fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let ip = ip.to_canonical();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = held.get(&ip).copied().unwrap_or(0);
        let full = held.values().sum::<usize>() >= self.limits.all
            || (!ip.is_loopback() && mine >= self.limits.of_one);
        if full {
            return None;
        }
        held.insert(ip, mine.saturating_add(1));
        Some(Place { present: Arc::clone(self), ip })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.present.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.ip) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.ip)),
        }
    }
}

/// Answers every connection of a socket until `until` ends; requests in hand are finished.
pub(crate) async fn answer<L>(
    mut socket: L,
    router: Router,
    limits: Limits,
    until: impl Future<Output = ()> + Send,
) where
    L: Listener<Addr = SocketAddr>,
{
    let present = Arc::new(Present { limits, held: Mutex::default() });
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut until = pin!(until);
    loop {
        let (io, address) = tokio::select! {
            accepted = socket.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut until => break,
        };
        let Some(place) = present.admit(address.ip()) else { continue };
        let router = router.clone();
        let stopped = stopped.clone();
        connections.spawn(async move {
            converse(io, router, Peer(address), limits, stopped).await;
            drop(place);
        });
    }
    drop(stop);
    while connections.join_next().await.is_some() {}
}

/// Answers one connection, until it ends or, after the request in hand, until `stopped` closes.
async fn converse<Io>(
    io: Io,
    router: Router,
    peer: Peer,
    limits: Limits,
    mut stopped: watch::Receiver<()>,
) where
    Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .serve_connection(TokioIo::new(io), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A client that went away, or said what is no HTTP, is nobody's trouble but its own.
    if let Err(why) = ended {
        tracing::debug!(cause = %why, "a connection to the console ended early");
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the client at the other end of a test")]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::*;

    /// A socket that answers `ok`; it stops when the sender is dropped.
    async fn serve(limits: Limits) -> (SocketAddr, watch::Sender<()>, JoinSet<()>) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(());
        let router = Router::new().route("/", get(|| async { "ok" }));
        let mut running = JoinSet::new();
        running.spawn(async move {
            let until = async move { drop(stopped.changed().await) };
            answer(socket, router, limits, until).await;
        });
        (address, stop, running)
    }

    const SOME: Limits = Limits { all: 3, of_one: 2, head: Duration::from_millis(300) };

    /// Everything that comes until the other side closes.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        // a reset says as well that it is over
        drop(stream.read_to_end(&mut text).await);
        String::from_utf8(text).unwrap()
    }

    async fn asks(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        rest(stream).await
    }

    #[tokio::test]
    async fn who_begins_and_says_no_more_is_closed() {
        let (address, _stop, _running) = serve(SOME).await;
        for begun in ["", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(begun.as_bytes()).await.unwrap();
            // it ends, or the test does not
            assert!(!rest(&mut slow).await.contains("ok"), "{begun:?}");
        }
    }

    #[tokio::test]
    async fn beyond_the_bound_nobody_is_answered_and_who_leaves_makes_room() {
        let patient = Limits { head: Duration::from_secs(600), ..SOME };
        let (address, _stop, _running) = serve(patient).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut one = TcpStream::connect(address).await.unwrap();
            one.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = [0; 15];
            one.read_exact(&mut answer).await.unwrap();
            held.push(one);
        }
        let mut late = TcpStream::connect(address).await.unwrap();
        assert_eq!(rest(&mut late).await, "");
        held.pop();
        loop {
            let mut next = TcpStream::connect(address).await.unwrap();
            if asks(&mut next).await.ends_with("ok") {
                break;
            }
        }
    }

    #[test]
    fn one_address_has_its_share_and_this_machine_has_all() {
        let present = Arc::new(Present { limits: SOME, held: Mutex::default() });
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let held = [present.admit(one), present.admit(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(present.admit(one).is_none(), "its share is two");
        let last = present.admit(other);
        assert!(last.is_some());
        assert!(present.admit(other).is_none(), "three are all");
        drop(held);
        let own = IpAddr::from([127, 0, 0, 1]);
        let (first, second) = (present.admit(own), present.admit(own));
        assert!(first.is_some() && second.is_some());
        drop((first, second, last));
        assert!(present.held.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn a_request_in_hand_is_finished_when_it_stops() {
        let socket = TcpSocket::new_v4().unwrap();
        let (address, stop, mut running) = serve(Limits::USUAL).await;
        let mut client = socket.connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        client.read_exact(&mut answer).await.unwrap();
        drop(stop);
        running.join_next().await.unwrap().unwrap();
        assert!(rest(&mut client).await.ends_with("ok"));
    }
}
