//! The remote sites of the demo: small, honest SMTP servers on loopback.
//!
//! A peer writes down what it saw, and under what, so that the demo's table is held against both sides: what the
//! gateway says it did, and what arrived.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_net::listen::{Inbound, Io, Listener, ServerTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::task::TaskTracker;

/// What a peer does when it is asked for TLS.
#[derive(Clone, Debug)]
pub(crate) enum Offer {
    /// It does not offer STARTTLS.
    Nothing,
    /// It does TLS.
    Tls(ServerTls),
    /// It offers STARTTLS, says 220, and refuses every handshake.
    Broken,
}

/// What one connection brought.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Seen {
    /// Every command line in clear text.
    pub(crate) clear: Vec<String>,
    /// Every command line under TLS.
    pub(crate) secured: Vec<String>,
    /// Bytes of the message that were taken, in clear text and under TLS.
    pub(crate) clear_bytes: usize,
    pub(crate) secured_bytes: usize,
}

/// A peer and what it has seen so far.
#[derive(Clone)]
pub(crate) struct Peer {
    host: String,
    offer: Offer,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Peer {
    pub(crate) fn new(host: String, offer: Offer) -> Self {
        Self { host, offer, seen: Arc::default() }
    }

    /// What each connection brought, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves a listener until this is dropped; the sessions run on `tracker`.
    pub(crate) async fn run(self, listener: Listener, tracker: TaskTracker) {
        loop {
            let Ok(inbound) = listener.accept().await else { continue };
            let number = {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.push(Seen::default());
                seen.len() - 1
            };
            let session = Session { peer: self.clone(), number, secured: false };
            tracker.spawn(async move {
                if session.run(inbound).await.is_err() {
                    // the gateway went away, which is its right
                }
            });
        }
    }
}

/// One connection.
struct Session {
    peer: Peer,
    number: usize,
    secured: bool,
}

/// The longest line and the longest message that a peer takes: more is not honest mail of the demo.
const LINE: usize = 8 * 1024;
const MESSAGE: usize = 1024 * 1024;

impl Session {
    async fn run(mut self, inbound: Inbound) -> io::Result<()> {
        let local: SocketAddr = inbound.local;
        let mut lines = Lines::new(inbound.io);
        lines.say(&format!("220 {} ESMTP demo\r\n", self.peer.host)).await?;
        loop {
            let Some(line) = lines.next().await? else { return Ok(()) };
            self.note(|seen, secured| {
                if secured {
                    seen.secured.push(line.clone());
                } else {
                    seen.clear.push(line.clone());
                }
            });
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => lines.say(&self.greeting(local)).await?,
                "HELO" | "NOOP" | "RSET" => lines.say("250 2.0.0 fine\r\n").await?,
                "MAIL" => lines.say("250 2.1.0 sender taken\r\n").await?,
                "RCPT" => lines.say("250 2.1.5 recipient taken\r\n").await?,
                "DATA" => {
                    lines.say("354 end with a dot\r\n").await?;
                    let bytes = lines.message().await?;
                    self.note(|seen, secured| {
                        if secured {
                            seen.secured_bytes += bytes;
                        } else {
                            seen.clear_bytes += bytes;
                        }
                    });
                    lines.say("250 2.0.0 taken\r\n").await?;
                }
                "QUIT" => {
                    lines.say("221 2.0.0 bye\r\n").await?;
                    return Ok(());
                }
                "STARTTLS" if !self.secured => match self.peer.offer.clone() {
                    Offer::Nothing => lines.say("502 5.5.1 no TLS here\r\n").await?,
                    Offer::Broken => return refuse_handshake(lines).await,
                    Offer::Tls(tls) => {
                        lines.say("220 2.0.0 go ahead\r\n").await?;
                        let (io, _) = lines.io.upgrade(&tls).await?;
                        lines = Lines::new(io);
                        self.secured = true;
                    }
                },
                _ => lines.say("500 5.5.2 what?\r\n").await?,
            }
        }
    }

    fn greeting(&self, local: SocketAddr) -> String {
        let offers = !self.secured && !matches!(self.peer.offer, Offer::Nothing);
        let starttls = if offers { "250-STARTTLS\r\n" } else { "" };
        format!(
            "250-{} at {local}\r\n{starttls}250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
            self.peer.host
        )
    }

    fn note(&self, note: impl FnOnce(&mut Seen, bool)) {
        let mut seen = self.peer.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = seen.get_mut(self.number) {
            note(seen, self.secured);
        }
    }
}

/// Says 220, reads the first flight of the handshake, and answers it with the alert `handshake_failure`
/// (RFC 8446 section 6.2) instead of a certificate.
async fn refuse_handshake(mut lines: Lines) -> io::Result<()> {
    lines.say("220 2.0.0 go ahead\r\n").await?;
    let mut hello = [0_u8; 4096];
    if lines.io.read(&mut hello).await? > 0 {
        lines.io.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]).await?;
        lines.io.flush().await?;
    }
    Ok(())
}

/// Lines in, replies out.
struct Lines {
    io: Io,
    buffer: Vec<u8>,
}

impl Lines {
    const fn new(io: Io) -> Self {
        Self { io, buffer: Vec::new() }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.io.write_all(reply.as_bytes()).await?;
        self.io.flush().await
    }

    /// The next line without its end; `None` at the end of the connection.
    async fn next(&mut self) -> io::Result<Option<String>> {
        match self.until(b"\r\n", LINE).await? {
            Some(line) => Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            None => Ok(None),
        }
    }

    /// Reads a message to its final dot and gives its length.
    async fn message(&mut self) -> io::Result<usize> {
        match self.until(b"\r\n.\r\n", MESSAGE).await? {
            Some(message) => Ok(message.len()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads up to `end`, which is taken and not given.
    async fn until(&mut self, end: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let rest = self.buffer.split_off(at + end.len());
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.truncate(at);
                return Ok(Some(line));
            }
            if self.buffer.len() > most {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
