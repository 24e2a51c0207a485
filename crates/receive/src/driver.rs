//! One session on one connection: reads bytes, performs the machine's steps, says what is to be said.
//!
//! What holds: replies are written when the machine has no more input to take, in one write; every wait has an end. The driver
//! decides nothing about mail, and the machine knows no socket.

use std::{io, sync::Arc};

use gatepost_net::listen::{Inbound, Io, ServerTls};
use gatepost_wire::{
    buffer::Buffer,
    reply::Reply,
    server::{ServerConfig, Session, Step},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Duration, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    intake::Intake,
    observe::Anomaly,
    pace::{MEDIUM_READ, Moved, Pace, Patience},
    receiver::Shared,
    reply,
    settings::{ListenerSettings, ServerSettings},
};

/// How much memory a session keeps while it waits for a command.
const KEPT: usize = MEDIUM_READ;
/// How long a client may take to read our last words, and how much it may still send meanwhile.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

/// What a session is made of.
pub(crate) struct Visit {
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Arc<ServerSettings>,
    pub(crate) listener: Arc<ListenerSettings>,
    /// Says that the session is to end at the next boundary of commands.
    pub(crate) stop: CancellationToken,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By a reply of ours that said so.
    Closed,
    /// The client has gone.
    Gone,
    /// The client was too slow.
    TooSlow,
    /// The handshake did not succeed.
    Handshake(io::Error),
    /// The connection broke.
    Broken(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// What comes after the steps that could be taken.
enum Next {
    Read,
    Close { linger: bool },
    Upgrade,
}

impl Visit {
    /// Drives a session to its end.
    pub(crate) async fn drive(self, inbound: Inbound) {
        let client = inbound.peer.ip();
        let ended = match self.talk(inbound).await {
            Ok(ended) | Err(ended) => ended,
        };
        match ended {
            Ended::Closed => tracing::debug!(%client, "session ended"),
            Ended::Gone => tracing::debug!(%client, "client went away"),
            Ended::TooSlow => {
                self.shared.observer.anomaly(client, Anomaly::Timeout);
                tracing::debug!(%client, "client too slow");
            }
            Ended::Handshake(error) => {
                self.shared.observer.anomaly(client, Anomaly::Handshake);
                tracing::debug!(%client, %error, "TLS handshake failed");
            }
            Ended::Broken(error) => tracing::debug!(%client, %error, "connection lost"),
        }
    }

    async fn talk(&self, mut inbound: Inbound) -> Result<Ended, Ended> {
        let timeouts = &self.settings.timeouts;
        if let Some(tls) = self.listener.tls.implicit() {
            inbound = self.secure(inbound, tls).await?;
        }
        let mut machine = Session::new(Arc::new(self.config()), inbound.tls.is_some());
        let mut intake = Intake::new(
            self.shared.clone(),
            self.settings.clone(),
            inbound.peer,
            inbound.tls.clone(),
        );
        let (mut buffer, mut out) = (Buffer::new(), Vec::new());
        let mut pace = Pace::command(timeouts);
        machine.greeting().write_to(&mut out);
        loop {
            let (next, moved) = steps(&mut machine, &mut buffer, &mut intake, &mut out).await;
            self.say(&mut inbound.io, &mut out).await?;
            match next {
                Next::Read => {}
                Next::Close { linger: part } => {
                    part_ways(&mut inbound.io, part).await;
                    return Ok(Ended::Closed);
                }
                Next::Upgrade => {
                    let Some(tls) = self.listener.tls.starttls() else { return Ok(Ended::Closed) };
                    inbound = self.secure(inbound, tls).await?;
                    machine = machine.secured();
                    intake.secured(inbound.tls.clone());
                }
            }
            pace.turn(machine.in_body(), moved, timeouts);
            if !machine.in_body() {
                buffer.shrink(KEPT);
            }
            match self.read(&mut inbound.io, &mut buffer, &mut pace, machine.in_body()).await? {
                Read::Some => {}
                Read::End => return Ok(Ended::Gone),
                Read::Stop => {
                    return self
                        .last_words(inbound.io, out, &reply::stopping(), Ended::Closed)
                        .await;
                }
                Read::TooSlow => {
                    return self
                        .last_words(inbound.io, out, &reply::too_slow(), Ended::TooSlow)
                        .await;
                }
            }
        }
    }

    fn config(&self) -> ServerConfig {
        ServerConfig {
            hostname: self.settings.hostname.clone(),
            starttls: self.listener.tls.starttls().is_some(),
            require_tls: self.listener.require_tls,
            auth: self.listener.auth,
            limits: self.settings.limits,
        }
    }

    async fn secure(&self, inbound: Inbound, tls: &ServerTls) -> Result<Inbound, Ended> {
        match timeout(self.settings.timeouts.tls, inbound.secure(tls)).await {
            Ok(Ok(inbound)) => Ok(inbound),
            Ok(Err(error)) => Err(Ended::Handshake(error)),
            Err(_) => Err(Ended::TooSlow),
        }
    }

    /// Writes what there is to say.
    async fn say(&self, io: &mut Io, out: &mut Vec<u8>) -> Result<(), Ended> {
        if out.is_empty() {
            return Ok(());
        }
        let write = async {
            io.write_all(out).await?;
            io.flush().await
        };
        timeout(self.settings.timeouts.write, write).await.map_err(|_| Ended::TooSlow)??;
        out.clear();
        Ok(())
    }

    /// Waits for bytes, for the order to stop, or for the end of patience.
    async fn read(
        &self,
        io: &mut Io,
        buffer: &mut Buffer,
        pace: &mut Pace,
        in_body: bool,
    ) -> Result<Read, Ended> {
        // A client that never pauses must not keep us from stopping.
        if !in_body && self.stop.is_cancelled() {
            return Ok(Read::Stop);
        }
        loop {
            let read = timeout_at(pace.deadline(), io.read(buffer.space(pace.room())));
            let read = tokio::select! {
                biased;
                read = read => read,
                () = self.stop.cancelled(), if !in_body => return Ok(Read::Stop),
            };
            match read {
                Ok(Ok(0)) => return Ok(Read::End),
                Ok(Ok(count)) => {
                    buffer.filled(count);
                    pace.came(count);
                    return Ok(Read::Some);
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => match pace.expired(&self.settings.timeouts) {
                    Patience::Left => {}
                    Patience::Lost => return Ok(Read::TooSlow),
                },
            }
        }
    }

    /// Says why the session ends.
    async fn last_words(
        &self,
        mut io: Io,
        mut out: Vec<u8>,
        reply: &Reply,
        ended: Ended,
    ) -> Result<Ended, Ended> {
        reply.write_to(&mut out);
        self.say(&mut io, &mut out).await?;
        part_ways(&mut io, true).await;
        Ok(ended)
    }
}

/// What reading came to.
enum Read {
    Some,
    End,
    Stop,
    TooSlow,
}

/// Takes every step that the bytes at hand allow, and says whether there was one.
async fn steps(
    machine: &mut Session,
    buffer: &mut Buffer,
    intake: &mut Intake,
    out: &mut Vec<u8>,
) -> (Next, Moved) {
    let mut moved = Moved::No;
    while let Some(step) = machine.take(buffer) {
        moved = Moved::Yes;
        match step {
            Step::Say(reply) => reply.write_to(out),
            Step::Reset(reply) => {
                intake.reset();
                reply.write_to(out);
            }
            Step::Close(reply) => {
                intake.reset();
                reply.write_to(out);
                // Behind QUIT nobody has anything to say any more.
                return (Next::Close { linger: !reply.is_positive() }, moved);
            }
            Step::Upgrade(reply) => {
                reply.write_to(out);
                return (Next::Upgrade, moved);
            }
            Step::AskAuth(credentials) => {
                answer(machine, intake.authenticate(credentials).await, out);
            }
            Step::AskMail { params, .. } => answer(machine, intake.mail(&params), out),
            Step::AskRcpt { to, .. } => answer(machine, intake.rcpt(&to), out),
            Step::AskBody { .. } => answer(machine, intake.open_body(), out),
            Step::Body(bytes) => {
                if let Err(reply) = intake.body(bytes).await {
                    machine.refuse_body(reply);
                }
            }
            Step::BodyBroken(error) => intake.broken(error),
            Step::BodyEnd(envelope) => Reply::from(intake.end(*envelope).await).write_to(out),
        }
    }
    (Next::Read, moved)
}

fn answer(machine: &mut Session, answer: Result<(), Reply>, out: &mut Vec<u8>) {
    if let Some(reply) = machine.answer(answer) {
        reply.write_to(out);
    }
}

/// Closes a connection so that our last words arrive: a system that closes with bytes unread resets the connection, and takes
/// back what the client has not read yet.
async fn part_ways(io: &mut Io, linger: bool) {
    let (patience, most) = LINGER;
    let part = async {
        if io.shutdown().await.is_err() || !linger {
            return;
        }
        let (mut scrap, mut left) = ([0; 1024], most);
        while left > 0 {
            match io.read(&mut scrap).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    };
    if timeout(patience, part).await.is_err() {
        tracing::trace!("client did not close its end");
    }
}
