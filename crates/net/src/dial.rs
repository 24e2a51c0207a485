//! Opening a TCP connection to a host: the only place that does.
//!
//! A [`Target`] pairs the name that the host is known by (for SNI and for its
//! certificate) with the one address to connect to; choosing among addresses is the
//! caller's. Every connection has Nagle's algorithm off, since commands and bodies
//! are written whole.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use gatepost_policy::evidence::{Stage, Why};
use tokio::net::{TcpSocket, TcpStream};

use crate::{conn::Dialed, failure::Failure};

/// How long each step of a conversation may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// Until a TCP connection stands.
    pub connect: Duration,
    /// The reply to STARTTLS, and the handshake: this long each.
    pub tls: Duration,
    /// The greeting, the reply to a command, the writing of a block of the body. The
    /// reply to the final dot may take twice as long (RFC 5321 section 4.5.3.2).
    pub command: Duration,
}

/// A host to connect to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The MX name, without a final dot, or an address as text (with or without
    /// brackets). This is the name that a certificate must show.
    pub host: String,
    /// Where to connect to.
    pub address: SocketAddr,
    /// The address to connect from; the system's choice without one.
    pub source: Option<IpAddr>,
}

/// Connects.
///
/// # Errors
/// [`Why::ConnectTimeout`] after `timeouts.connect`; [`Why::ConnectRefused`] for
/// anything else the network says.
pub async fn dial(target: Target, timeouts: &Timeouts) -> Result<Dialed, Failure> {
    let connecting = connect(target.address, target.source);
    let stream = match tokio::time::timeout(timeouts.connect, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(refused(&target, &error)),
        Err(_) => {
            let detail = format!(
                "no connection to {} within {} s",
                target.address,
                timeouts.connect.as_secs_f32()
            );
            return Err(Failure::new(Stage::Connect, Why::ConnectTimeout, detail));
        }
    };
    Ok(Dialed::new(stream, target, *timeouts))
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn refused(target: &Target, error: &io::Error) -> Failure {
    // The kernel's own time limit is a timeout like ours.
    let why = if error.kind() == io::ErrorKind::TimedOut {
        Why::ConnectTimeout
    } else {
        Why::ConnectRefused
    };
    let detail = format!("no connection to {}: {error}", target.address);
    Failure::new(Stage::Connect, why, detail)
}
