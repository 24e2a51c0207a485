//! Who is at the other end of a request.
//!
//! It is always the peer of the connection: no header of a request is believed, since no proxy is listed
//! (`X-Forwarded-For` and its kin are ignored).

use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};

/// The address of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// The address without its port.
    pub(crate) const fn ip(self) -> IpAddr {
        self.0.ip()
    }
}

/// A socket whose clients are known as [`Peer`]s.
pub(crate) struct Door<L>(pub(crate) L);

impl<L> Listener for Door<L>
where
    L: Listener<Addr = SocketAddr>,
{
    type Io = L::Io;
    type Addr = SocketAddr;

    fn accept(&mut self) -> impl Future<Output = (L::Io, SocketAddr)> + Send {
        self.0.accept()
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<L> Connected<IncomingStream<'_, Door<L>>> for Peer
where
    L: Listener<Addr = SocketAddr>,
{
    fn connect_info(stream: IncomingStream<'_, Door<L>>) -> Self {
        Self(*stream.remote_addr())
    }
}
