//! Who is at the other end of a request.
//!
//! It is always the peer of the connection: no header of a request is believed, since no proxy is listed
//! (`X-Forwarded-For` and its kin are ignored).

use std::net::{IpAddr, SocketAddr};

/// The address of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    /// The address without its port.
    pub(crate) const fn ip(self) -> IpAddr {
        self.0.ip()
    }
}
