//! A sending server: one message after the other over a kept connection, and what it may believe about each.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a sender knows about a message it tried to hand over.
#[derive(Debug)]
pub(crate) enum Sent {
    /// 250 after the final dot: it is the gateway's now.
    Taken,
    /// A reply that is no 250; it is the sender's still.
    Refused(String),
    /// The connection went before the final dot was written; it is the sender's still.
    Cut,
    /// The final dot was written and no reply came: the sender must send it again, and cannot know.
    Unknown,
}

/// One connection to the gateway.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects and says EHLO.
    ///
    /// # Errors
    /// When nobody listens or the greeting is none.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut client = Self { stream: BufReader::new(stream) };
        client.expect("220")?;
        client.say("EHLO client.acme.test\r\n")?;
        client.expect("250")?;
        Ok(client)
    }

    /// Sends a message that carries `id` in the field X-Run-Id. `None` in the second place: the connection is of no
    /// more use.
    pub(crate) fn send(mut self, id: &str, to: &str, size: usize) -> (Sent, Option<Self>) {
        let envelope = format!("MAIL FROM:<sender@acme.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        for (line, wanted) in envelope.split_inclusive('\n').zip(["250", "250", "354"]) {
            match self.say(line).and_then(|()| self.reply()) {
                Ok(reply) if reply.starts_with(wanted) => {}
                Ok(reply) => return (Sent::Refused(reply), None),
                Err(_) => return (Sent::Cut, None),
            }
        }
        let filler = "The quick brown fox jumps over the lazy dog, and again and again.\r\n"
            .repeat(size / 67);
        let message = format!(
            "From: <sender@acme.test>\r\nTo: <{to}>\r\nSubject: run {id}\r\nX-Run-Id: {id}\r\n\r\n{filler}"
        );
        if self.say(&message).is_err() {
            return (Sent::Cut, None);
        }
        // From here on the gateway may have it, whatever this side sees.
        match self.say(".\r\n").and_then(|()| self.reply()) {
            Ok(reply) if reply.starts_with("250") => (Sent::Taken, Some(self)),
            Ok(reply) => (Sent::Refused(reply), None),
            Err(_) => (Sent::Unknown, None),
        }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    fn expect(&mut self, code: &str) -> io::Result<()> {
        let reply = self.reply()?;
        if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other(reply)) }
    }

    /// The last line of a reply.
    fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }
}
