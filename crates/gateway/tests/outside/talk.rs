//! A client that says to a mail server exactly what it is told, byte by byte, and reads the replies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A session that has said EHLO.
pub(crate) struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// Connects and says EHLO.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit for reads");
        let mut talk = Self { stream: BufReader::new(stream) };
        let greeting = talk.reply();
        assert!(greeting.starts_with("220"), "{greeting}");
        talk.expect("EHLO client.acme.test", "250");
        talk
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server reads");
    }

    /// The last line of a reply; empty where the server has closed the connection.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
                return String::new();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Sends a line and gives the reply.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Sends a line and wants a reply that begins so.
    pub(crate) fn expect(&mut self, line: &str, code: &str) {
        let reply = self.say(line);
        assert!(reply.starts_with(code), "{line}: {reply}");
    }

    /// Opens a transaction.
    pub(crate) fn envelope(&mut self, from: &str, to: &[&str]) {
        self.expect(&format!("MAIL FROM:{from}"), "250");
        for recipient in to {
            self.expect(&format!("RCPT TO:{recipient}"), "250");
        }
    }

    /// Hands over a message by DATA. Its dots are not stuffed here, and the end is added.
    pub(crate) fn data(&mut self, from: &str, to: &[&str], message: &[u8]) -> String {
        self.envelope(from, to);
        self.expect("DATA", "354");
        self.write(message);
        self.write(b"\r\n.\r\n");
        self.reply()
    }

    /// Hands over a message as one chunk.
    pub(crate) fn chunk(&mut self, from: &str, to: &[&str], message: &[u8]) -> String {
        self.envelope(from, to);
        self.write(format!("BDAT {} LAST\r\n", message.len()).as_bytes());
        self.write(message);
        self.reply()
    }

    /// Whether the server closes the connection.
    pub(crate) fn is_hung_up(&mut self) -> bool {
        self.stream.read_to_end(&mut Vec::new()).is_ok()
    }
}
