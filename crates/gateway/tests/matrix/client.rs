//! A small SMTP client that sends exactly what it is told, right or wrong.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing of a test takes this long unless it hangs.
const BOUND: Duration = Duration::from_secs(20);

/// A connection to the gateway.
pub(crate) struct Client {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Client {
    /// Connects and reads the greeting.
    #[expect(clippy::disallowed_methods, reason = "this client stands outside Gatepost")]
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the gateway listens");
        let mut client = Self { stream, held: Vec::new() };
        let greeting = client.reply().await;
        assert!(greeting.starts_with("220"), "{greeting}");
        client
    }

    /// Connects and says EHLO.
    pub(crate) async fn greeted(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        client.expect("EHLO client.acme.test", "250").await;
        client
    }

    /// Sends bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the gateway reads");
    }

    /// Sends a line and gives the whole reply.
    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Sends a line and wants a reply that begins so.
    pub(crate) async fn expect(&mut self, line: &str, code: &str) -> String {
        let reply = self.say(line).await;
        assert!(reply.starts_with(code), "{line}: {reply}");
        reply
    }

    /// Opens a transaction up to the 354.
    pub(crate) async fn open(&mut self, from: &str, to: &[&str], params: &str) {
        self.expect(&format!("MAIL FROM:<{from}>{params}"), "250").await;
        for recipient in to {
            self.expect(&format!("RCPT TO:<{recipient}>"), "250").await;
        }
        self.expect("DATA", "354").await;
    }

    /// A whole transaction; gives the reply to the final dot. Dots are stuffed, nothing else is changed.
    pub(crate) async fn send(&mut self, from: &str, to: &[&str], message: &[u8]) -> String {
        let params = if message.is_ascii() { "" } else { " BODY=8BITMIME" };
        self.open(from, to, params).await;
        let mut wire = Vec::with_capacity(message.len() + 16);
        let mut line_start = true;
        for byte in message {
            if line_start && *byte == b'.' {
                wire.push(b'.');
            }
            wire.push(*byte);
            line_start = *byte == b'\n';
        }
        wire.extend_from_slice(b".\r\n");
        self.write(&wire).await;
        self.reply().await
    }

    /// Reads one reply; empty when the gateway hung up instead.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            if let Some(end) = end_of_reply(&self.held) {
                let reply: Vec<u8> = self.held.drain(..end).collect();
                return String::from_utf8_lossy(&reply).into_owned();
            }
            let mut chunk = [0; 4096];
            let read = tokio::time::timeout(BOUND, self.stream.read(&mut chunk))
                .await
                .expect("a reply in time");
            match read {
                Ok(0) | Err(_) => return String::new(),
                Ok(read) => self.held.extend_from_slice(&chunk[..read]),
            }
        }
    }

    /// Whether the gateway hangs up without another word.
    pub(crate) async fn is_hung_up(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let read = tokio::time::timeout(BOUND, self.stream.read(&mut chunk))
            .await
            .expect("an end in time");
        self.held.is_empty() && matches!(read, Ok(0) | Err(_))
    }
}

fn end_of_reply(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(length) = bytes[start..].windows(2).position(|pair| pair == b"\r\n") {
        let end = start + length + 2;
        if bytes.get(start + 3) != Some(&b'-') {
            return Some(end);
        }
        start = end;
    }
    None
}
