//! Connections that come in: binding, accepting, and our own side of TLS.
//!
//! What is accepted always has a known peer and knows whether it is under TLS. A
//! listener makes no decision about a peer; limits are the caller's.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpStream};

pub use crate::{
    io::Io,
    tls::server::{ServerTls, ServerTlsError, TlsFacts},
};

/// Connections that the system may hold for us before they are accepted.
const BACKLOG: u32 = 1024;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds and listens. Port 0 is a port of the system's choice: see
    /// [`Self::address`].
    ///
    /// # Errors
    /// What the system says, such as an address in use.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        // A gateway that is started again must not wait for the sessions of the last.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection. Cancelling loses none.
    ///
    /// # Errors
    /// What the system says; the listener can go on after most of it, such as a
    /// connection that was gone again or too many open files.
    pub async fn accept(&self) -> io::Result<Inbound> {
        let (stream, peer) = self.socket.accept().await?;
        Inbound::new(stream, peer)
    }
}

/// A connection that came in.
#[derive(Debug)]
pub struct Inbound {
    /// Its bytes.
    pub io: Io,
    /// Who connected.
    pub peer: SocketAddr,
    /// The address it connected to.
    pub local: SocketAddr,
    /// The TLS session, where there is one.
    pub tls: Option<TlsFacts>,
}

impl Inbound {
    fn new(stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        // Replies are written whole, so waiting for more bytes only costs time.
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Self { io: Io::plain(stream), peer, local, tls: None })
    }

    /// Does our side of a handshake: at once for implicit TLS, or after the 220 to
    /// STARTTLS. The caller bounds the time.
    ///
    /// # Errors
    /// The handshake failed, or TLS is on already; the connection is gone.
    pub async fn secure(self, tls: &ServerTls) -> io::Result<Self> {
        let Self { io, peer, local, tls: _ } = self;
        let (io, facts) = io.upgrade(tls).await?;
        Ok(Self { io, peer, local, tls: Some(facts) })
    }
}
