//! One SMTP session of a mail exchanger, from the banner to the end.
//!
//! Every line is recorded before it is answered, so a record never lacks what the client did.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::mx::handshake::{handshake, upgrade};
use crate::mx::login;
use crate::mx::record::{Channel, Line, Received, path};
use crate::mx::running::Shared;
use crate::mx::tls::Identity;
use crate::mx::{Answer, Banner, Begins, Ehlo, FakeMx, HangUp, Idle, StartTls};

/// How long a client is watched for bytes that it sends before it may (I2).
const EARLY: Duration = Duration::from_millis(15);

/// Writes into the record of one connection.
#[derive(Clone, Copy)]
pub(crate) struct Recorder<'a> {
    shared: &'a Shared,
    index: usize,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(shared: &'a Shared, index: usize) -> Self {
        Self { shared, index }
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut crate::mx::record::Connection)) {
        self.shared.note(self.index, change);
    }
}

/// Serves one connection until either side ends it.
pub(crate) async fn serve(
    stream: TcpStream,
    script: &FakeMx,
    identity: &Identity,
    recorder: Recorder<'_>,
) {
    let outcome = if script.begins == Begins::AtOnce {
        match handshake(stream, script, identity, recorder).await {
            Some(tls) => {
                greet_and_talk(Peer::new(tls, Channel::Tls, recorder), script).await.map(|_| None)
            }
            None => return,
        }
    } else {
        greet_and_talk(Peer::new(stream, Channel::Clear, recorder), script).await
    };
    // A client that goes away is what many tests are about; there is nobody to tell.
    let Ok(Some(stream)) = outcome else { return };
    if let Some(tls) = upgrade(stream, script, identity, recorder).await {
        // The same: how it ended is in the record.
        let _ended = Peer::new(tls, Channel::Tls, recorder).talk(script).await.is_ok();
    }
}

async fn greet_and_talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut peer: Peer<'_, S>,
    script: &FakeMx,
) -> io::Result<Option<S>> {
    match &script.banner {
        Banner::Say(line) => peer.say(line).await?,
        Banner::Slow(wait) => {
            tokio::time::sleep(*wait).await;
            peer.say("220 fake.mx ESMTP, at last").await?;
        }
        Banner::Silence => {
            while peer.line().await?.is_some() {}
            return Ok(None);
        }
        Banner::Drop => return Ok(None),
    }
    peer.talk(script).await
}

/// The client of one session, on one channel.
struct Peer<'a, S> {
    stream: S,
    buffer: Vec<u8>,
    channel: Channel,
    recorder: Recorder<'a>,
    greeted: bool,
}

/// The envelope being built.
#[derive(Default)]
struct Envelope {
    from: Option<String>,
    params: String,
    to: Vec<String>,
}

/// Whether the session goes on.
#[derive(Eq, PartialEq)]
enum Next {
    Command,
    End,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Peer<'a, S> {
    fn new(stream: S, channel: Channel, recorder: Recorder<'a>) -> Self {
        Self { stream, buffer: Vec::new(), channel, recorder, greeted: false }
    }

    /// Answers commands until the end (None) or a STARTTLS that was answered 220 (the stream).
    async fn talk(mut self, script: &FakeMx) -> io::Result<Option<S>> {
        let mut envelope = Envelope::default();
        while let Some(line) = self.line().await? {
            let verb = line.verb();
            let next = match verb.as_str() {
                "EHLO" => self.ehlo(script).await?,
                "HELO" => {
                    self.greeted = true;
                    self.say("250 fake.mx").await?;
                    Next::Command
                }
                "STARTTLS" if self.channel == Channel::Clear => {
                    if self.starttls(script).await? {
                        return Ok(Some(self.stream));
                    }
                    if matches!(script.starttls, StartTls::Drop) {
                        Next::End
                    } else {
                        Next::Command
                    }
                }
                "AUTH" if self.greeted => self.auth(script, &line).await?,
                "MAIL" if self.greeted => {
                    let (from, params) = path(&line.text);
                    envelope = Envelope { from: Some(from), params, to: Vec::new() };
                    self.answer(&script.mail).await?
                }
                "RCPT" => self.rcpt(script, &line, &mut envelope).await?,
                "DATA" => self.data(script, &mut envelope).await?,
                "RSET" => {
                    envelope = Envelope::default();
                    self.say("250 2.0.0 forgotten").await?;
                    Next::Command
                }
                "NOOP" => {
                    self.say("250 2.0.0 ok").await?;
                    Next::Command
                }
                "QUIT" => {
                    self.say("221 2.0.0 bye").await?;
                    Next::End
                }
                _ => {
                    self.say("503 5.5.1 not here").await?;
                    Next::Command
                }
            };
            if next == Next::End {
                let _closed = self.stream.shutdown().await.is_ok();
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn ehlo(&mut self, script: &FakeMx) -> io::Result<Next> {
        if self.channel == Channel::Tls && script.hang_up == HangUp::AtTlsEhlo {
            return Ok(Next::End);
        }
        let answer = if self.channel == Channel::Tls { &script.ehlo_tls } else { &script.ehlo };
        match answer {
            Ehlo::List(keywords) => {
                self.greeted = true;
                let mut reply = String::new();
                let all: Vec<&str> =
                    std::iter::once("fake.mx").chain(keywords.iter().map(String::as_str)).collect();
                for (position, line) in all.iter().enumerate() {
                    let separator = if position + 1 == all.len() { ' ' } else { '-' };
                    reply.push_str(&format!("250{separator}{line}\r\n"));
                }
                self.write(reply.as_bytes()).await?;
                Ok(Next::Command)
            }
            Ehlo::Refused(reply) => {
                self.say(reply).await?;
                Ok(Next::Command)
            }
            Ehlo::Silence => Ok(Next::Command),
            Ehlo::Drop => Ok(Next::End),
        }
    }

    /// Asks for what the client did not say at once, records it, and answers as the script says.
    async fn auth(&mut self, script: &FakeMx, line: &Line) -> io::Result<Next> {
        let mut login = login::Reader::new(&line.text);
        while let Some(challenge) = login.challenge() {
            self.say(&format!("334 {challenge}")).await?;
            let Some(answer) = self.line().await? else { return Ok(Next::End) };
            login.answer(&answer.text);
        }
        let accepted = matches!(&script.auth, Answer::Say(reply) if reply.starts_with("235"));
        let login = login.finish(self.channel, accepted);
        self.recorder.note(|record| record.logins.push(login));
        self.answer(&script.auth).await
    }

    /// True when the reply was 220 and nothing more will be said in clear.
    async fn starttls(&mut self, script: &FakeMx) -> io::Result<bool> {
        match &script.starttls {
            StartTls::Say(lines) => {
                for (position, line) in lines.iter().enumerate() {
                    self.watch_for_early().await?;
                    let mut bytes = format!("{line}\r\n").into_bytes();
                    if position + 1 == lines.len() {
                        bytes.extend_from_slice(&script.behind_starttls);
                    }
                    self.write(&bytes).await?;
                }
                Ok(lines.last().is_some_and(|line| line.starts_with("220")))
            }
            StartTls::Silence => {
                self.watch_for_early().await?;
                Ok(false)
            }
            StartTls::Drop => Ok(false),
        }
    }

    /// Records what the client sends although it must wait for a reply.
    async fn watch_for_early(&mut self) -> io::Result<()> {
        let mut early = std::mem::take(&mut self.buffer);
        let mut chunk = vec![0; 4096];
        if let Ok(read) = timeout(EARLY, self.stream.read(&mut chunk)).await {
            early.extend_from_slice(&chunk[..read?]);
        }
        self.recorder.note(|record| record.early.extend_from_slice(&early));
        Ok(())
    }

    async fn rcpt(
        &mut self,
        script: &FakeMx,
        line: &Line,
        envelope: &mut Envelope,
    ) -> io::Result<Next> {
        if envelope.from.is_none() {
            self.say("503 5.5.1 MAIL first").await?;
            return Ok(Next::Command);
        }
        let (to, _) = path(&line.text);
        let answer = script.rcpt_of.get(&to).unwrap_or(&script.rcpt);
        if matches!(answer, Answer::Say(reply) if reply.starts_with('2')) {
            envelope.to.push(to);
        }
        self.answer(answer).await
    }

    async fn data(&mut self, script: &FakeMx, envelope: &mut Envelope) -> io::Result<Next> {
        if envelope.to.is_empty() {
            self.say("503 5.5.1 no valid recipients").await?;
            return Ok(Next::Command);
        }
        if self.answer(&script.data).await? == Next::End {
            return Ok(Next::End);
        }
        if !matches!(&script.data, Answer::Say(reply) if reply.starts_with('3')) {
            return Ok(Next::Command);
        }
        let Some(wire) = self.body(script.hang_up).await? else { return Ok(Next::End) };
        let accepted = script.body.begins('2');
        let taken = std::mem::take(envelope);
        let received = Received {
            from: taken.from.unwrap_or_default(),
            to: taken.to,
            mail_params: taken.params,
            message: unstuff(&wire),
            wire,
            channel: self.channel,
            accepted,
        };
        self.recorder.note(|record| record.messages.push(received));
        if self.answer(&script.body).await? == Next::End {
            return Ok(Next::End);
        }
        match &script.idle {
            Idle::Waits => Ok(Next::Command),
            Idle::Says(line) => {
                self.say(line).await?;
                Ok(Next::Command)
            }
            Idle::Closes => Ok(Next::End),
            Idle::Cuts => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// The bytes up to and with the final dot; None when the script hangs up first.
    async fn body(&mut self, hang_up: HangUp) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let HangUp::InData(limit) = hang_up
                && self.buffer.len() >= limit
            {
                return Ok(None);
            }
            let end = if self.buffer.starts_with(b".\r\n") {
                Some(3)
            } else {
                find(&self.buffer, b"\r\n.\r\n").map(|at| at + 5)
            };
            if let Some(end) = end {
                return Ok(Some(self.buffer.drain(..end).collect()));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn answer(&mut self, answer: &Answer) -> io::Result<Next> {
        match answer {
            Answer::Say(reply) => {
                self.say(reply).await?;
                Ok(if reply.starts_with("421") { Next::End } else { Next::Command })
            }
            Answer::Slow(wait, reply) => {
                tokio::time::sleep(*wait).await;
                self.say(reply).await?;
                Ok(Next::Command)
            }
            Answer::Silence => Ok(Next::Command),
            Answer::Drop => Ok(Next::End),
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.write(format!("{line}\r\n").as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\n") {
                let raw: Vec<u8> = self.buffer.drain(..=end).collect();
                let text = String::from_utf8_lossy(&raw).trim_end_matches(['\r', '\n']).to_owned();
                let line = Line { text, channel: self.channel };
                let noted = line.clone();
                self.recorder.note(|record| record.lines.push(noted));
                return Ok(Some(line));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = vec![0; 16 * 1024];
        let read = self.stream.read(&mut chunk).await?;
        self.buffer.extend_from_slice(&chunk[..read]);
        if self.channel == Channel::Clear {
            self.recorder.note(|record| record.clear_bytes.extend_from_slice(&chunk[..read]));
        }
        Ok(read)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The message in the bytes of a DATA transfer, RFC 5321 section 4.5.2.
fn unstuff(wire: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(wire.len());
    let mut at_line_start = true;
    let content = &wire[..wire.len() - 3];
    for (position, byte) in content.iter().enumerate() {
        if !(at_line_start && *byte == b'.') {
            message.push(*byte);
        }
        at_line_start = *byte == b'\n' && position > 0 && content[position - 1] == b'\r';
    }
    message
}
