//! One SMTP connection from the client's side, as commands written and replies read.
//!
//! Always holds: a command is one line without control characters; a reply is read
//! with a limit on its size and on its time; and before anything is written while no
//! reply is outstanding, nothing unread may lie in the buffer, for that would be
//! data that nobody asked for and would later be taken for the reply to something
//! else (RFC 3207 section 6; CVE-2011-0411 and its kin).

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use gatepost_policy::evidence::{Stage, Why};
use gatepost_wire::{
    buffer::Buffer,
    reply::{Response, take_response},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::{
    dial::{Target, Timeouts},
    failure::Failure,
    io::Io,
    tls::words,
};

/// Bytes read from the socket in one go.
const READ: usize = 4096;
/// Written bytes are handed to the socket when there are this many.
const BLOCK: usize = 64 * 1024;
/// How long a goodbye may take: nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(2);

/// The driver of one connection.
pub(crate) struct Line {
    io: Io,
    unread: Buffer,
    unsent: Vec<u8>,
    outstanding: usize,
    ended: bool,
    pub(crate) target: Target,
    pub(crate) timeouts: Timeouts,
    pub(crate) state: State,
}

/// Whether a connection can carry a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Yes.
    Idle,
    /// A transaction was left open: RSET comes before the next one.
    NeedsReset,
    /// Something failed, or was begun and not ended: nothing more may be said here.
    Broken,
}

// What is read and written may be a password or a message: only its length is shown.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("target", &self.target)
            .field("tls", &self.io.is_tls())
            .field("state", &self.state)
            .field("unread", &self.unread.len())
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}

impl Line {
    pub(crate) fn new(io: Io, target: Target, timeouts: Timeouts) -> Self {
        Self {
            io,
            unread: Buffer::default(),
            unsent: Vec::new(),
            outstanding: 0,
            ended: false,
            target,
            timeouts,
            state: State::Idle,
        }
    }

    /// The socket, where it is in clear text and nothing unread or unsent is left.
    pub(crate) fn into_socket(self) -> Option<(TcpStream, Target, Timeouts)> {
        let Self { io, unread, unsent, target, timeouts, .. } = self;
        if !unread.is_empty() || !unsent.is_empty() {
            return None;
        }
        io.into_plain().map(|stream| (stream, target, timeouts))
    }

    /// Whether bytes lie unread in the buffer.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Expects one more reply than commands were written: the greeting.
    pub(crate) const fn expect_greeting(&mut self) {
        self.outstanding = 1;
    }

    /// Adds a command to what [`Self::send`] will write.
    pub(crate) fn queue(&mut self, stage: Stage, command: &str) -> Result<(), Failure> {
        // RFC 5321 section 4.1.2 allows no control character in any argument. Nothing
        // should get here with one: this is the last guard against a second command.
        if command.chars().any(char::is_control) {
            let detail = "a command for the host would have held a control character";
            return Err(Failure::new(stage, Why::PolicyBroken, detail));
        }
        self.unsent.extend_from_slice(command.as_bytes());
        self.unsent.extend_from_slice(b"\r\n");
        self.outstanding = self.outstanding.saturating_add(1);
        Ok(())
    }

    /// Writes what was queued.
    pub(crate) async fn send(&mut self, stage: Stage) -> Result<(), Failure> {
        if self.has_unread() {
            return Err(self.broken_by(desync(stage)));
        }
        self.flush(stage).await
    }

    /// Queues, writes and reads the reply.
    pub(crate) async fn ask(&mut self, stage: Stage, command: &str) -> Result<Response, Failure> {
        self.queue(stage, command)?;
        self.send(stage).await?;
        self.reply(stage, self.timeouts.command).await
    }

    /// Where a body is collected before it is written.
    pub(crate) const fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Writes the body that was collected, if it is a block's worth.
    pub(crate) async fn flush_block(&mut self, stage: Stage) -> Result<(), Failure> {
        if self.unsent.len() < BLOCK { Ok(()) } else { self.flush(stage).await }
    }

    /// Writes the end of a body, for which one reply is owed.
    pub(crate) async fn flush_end(&mut self, stage: Stage) -> Result<(), Failure> {
        self.outstanding = self.outstanding.saturating_add(1);
        self.flush(stage).await
    }

    async fn flush(&mut self, stage: Stage) -> Result<(), Failure> {
        let writing = async {
            self.io.write_all(&self.unsent).await?;
            self.io.flush().await
        };
        let Ok(written) = timeout(self.timeouts.command, writing).await else {
            return Err(self.broken_by(silent(stage, self.timeouts.command)));
        };
        self.unsent.clear();
        match written {
            Ok(()) => Ok(()),
            Err(error) => {
                let failure = self.last_words(stage).unwrap_or_else(|| lost(stage, &error));
                Err(self.broken_by(failure))
            }
        }
    }

    /// What the peer said before it closed while something was written to it.
    fn last_words(&mut self, stage: Stage) -> Option<Failure> {
        while self.poll_unread() == Arrived::Bytes {}
        let response = take_response(&mut self.unread).ok()??;
        let negative = response.is_transient() || response.is_permanent();
        negative.then(|| Failure::replied(stage, Why::RemoteReply, response))
    }

    /// Reads one reply. 421 ends the session wherever it comes (RFC 5321 section
    /// 3.8), so it is a failure.
    pub(crate) async fn reply(
        &mut self,
        stage: Stage,
        limit: Duration,
    ) -> Result<Response, Failure> {
        let response = match timeout(limit, self.read_reply(stage)).await {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) => return Err(self.broken_by(failure)),
            Err(_) => return Err(self.broken_by(silent(stage, limit))),
        };
        self.outstanding = self.outstanding.saturating_sub(1);
        if response.code == 421 {
            return Err(self.broken_by(Failure::replied(stage, Why::RemoteReply, response)));
        }
        Ok(response)
    }

    async fn read_reply(&mut self, stage: Stage) -> Result<Response, Failure> {
        loop {
            match take_response(&mut self.unread) {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => {}
                Err(malformed) => {
                    return Err(Failure::new(stage, Why::ReplyMalformed, malformed.to_string()));
                }
            }
            match self.io.read(self.unread.space(READ)).await {
                Ok(0) => return Err(closed(stage)),
                Ok(read) => self.unread.filled(read),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(closed(stage));
                }
                Err(error) => return Err(lost(stage, &error)),
            }
        }
    }

    /// Makes sure that nothing came in while no reply was owed. Does not wait.
    pub(crate) fn expect_silence(&mut self, stage: Stage) -> Result<(), Failure> {
        let failure = if self.has_unread() || self.poll_unread() == Arrived::Bytes {
            self.unasked(stage)
        } else if self.ended {
            closed(stage)
        } else {
            return Ok(());
        };
        Err(self.broken_by(failure))
    }

    /// Marks the connection: after a failure nothing more may be said on it.
    fn broken_by(&mut self, failure: Failure) -> Failure {
        self.state = State::Broken;
        failure
    }

    /// What to say of bytes that came unasked: a complete negative reply is the
    /// peer's goodbye (421, or a refusal ahead of the end of a body).
    fn unasked(&mut self, stage: Stage) -> Failure {
        match take_response(&mut self.unread) {
            Ok(Some(response)) if response.is_transient() || response.is_permanent() => {
                Failure::replied(stage, Why::RemoteReply, response)
            }
            Ok(_) | Err(_) => desync(stage),
        }
    }

    fn poll_unread(&mut self) -> Arrived {
        let mut space = ReadBuf::new(self.unread.space(READ));
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut self.io).poll_read(&mut cx, &mut space);
        let read = space.filled().len();
        match polled {
            Poll::Pending => Arrived::Nothing,
            Poll::Ready(Ok(())) if read > 0 => {
                self.unread.filled(read);
                Arrived::Bytes
            }
            Poll::Ready(Ok(()) | Err(_)) => {
                self.ended = true;
                Arrived::Nothing
            }
        }
    }

    /// Says QUIT and closes. Nothing depends on the answer, so it gets little time.
    pub(crate) async fn quit(mut self) {
        if self.state != State::Broken {
            self.goodbye().await;
        }
    }

    /// Says QUIT and closes a session that is in step and of no use any more.
    pub(crate) async fn goodbye(&mut self) {
        if self.ended || self.has_unread() || !self.unsent.is_empty() {
            return;
        }
        let goodbye = async {
            self.ask(Stage::Data, "QUIT").await.ok();
            self.io.shutdown().await.ok();
        };
        timeout(GOODBYE, goodbye).await.ok();
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Arrived {
    Nothing,
    Bytes,
}

fn desync(stage: Stage) -> Failure {
    Failure::new(stage, Why::ResponseInjection, "the host sent data that nobody asked for")
}

fn closed(stage: Stage) -> Failure {
    let why = if stage == Stage::Tls { Why::TlsClosed } else { Why::ConnectionLost };
    Failure::new(stage, why, "the host closed the connection")
}

fn lost(stage: Stage, error: &io::Error) -> Failure {
    // Within a handshake a broken connection has the words of TLS: an alert may come
    // as late as the EHLO under TLS (RFC 8446 section 4.4.2.4).
    let why = if stage == Stage::Tls { words::of_io(error) } else { Why::ConnectionLost };
    Failure::new(stage, why, format!("the connection was lost: {error}"))
}

fn silent(stage: Stage, limit: Duration) -> Failure {
    let why = if stage == Stage::Tls { Why::TlsTimeout } else { Why::ConnectionLost };
    let detail = format!("the host said nothing within {} s", limit.as_secs_f32());
    Failure::new(stage, why, detail)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn l13_a_command_with_a_line_end_in_it_is_never_written() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target { host: "mx.test".into(), address, source: None };
        let limit = Duration::from_secs(20);
        let timeouts = Timeouts { connect: limit, tls: limit, command: limit };
        let socket = tokio::net::TcpSocket::new_v4().unwrap().connect(address).await.unwrap();
        let mut line = Line::new(Io::plain(socket), target, timeouts);
        for bad in ["RCPT TO:<a\r\nDATA>", "RCPT TO:<a\nb>", "RCPT TO:<a\rb>", "RCPT TO:<a\0b>"] {
            let failure = line.queue(Stage::Rcpt, bad).unwrap_err();
            assert_eq!(failure.why, Why::PolicyBroken, "{bad:?}");
        }
        assert!(line.unsent().is_empty());
        assert_eq!(line.outstanding, 0);
    }
}
