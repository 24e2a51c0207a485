//! One look at one address of a host: greeting, EHLO, TLS, EHLO, QUIT, and nothing else.
//!
//! No permit to send is ever asked for, so no `MAIL` can be written. The first
//! connection accepts any certificate and shows what is there; where it comes to TLS,
//! a second one demands proof, with the verifier that mail at `verify` gets. A look is
//! about a host and not about a message, so many domains share it.

use std::net::SocketAddr;

use gatepost_net::{
    conn::{Conn, Dialed, Secured, StartTls},
    dial::{self, Target},
    failure::Failure,
    tls::Connector,
};
use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    tls::{NextHop, Requirement, SessionRecord},
};
use gatepost_wire::{ehlo::Extensions, reply::Response};

use crate::{destination, parts::Secrets, settings::DeliverySettings};

/// What went wrong with a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    pub(super) stage: Stage,
    pub(super) why: Why,
    pub(super) status: String,
    pub(super) detail: String,
    pub(super) reply: Option<String>,
}

impl Problem {
    pub(super) fn new(stage: Stage, why: Why, detail: impl Into<String>) -> Self {
        Self { stage, why, status: why.status().to_owned(), detail: detail.into(), reply: None }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self {
            stage: failure.stage,
            why: failure.why,
            status: failure.status().to_owned(),
            reply: failure.response.as_ref().map(Response::text),
            detail: failure.detail,
        }
    }
}

/// What a look has shown.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// What the host offers, under TLS where it came to that.
    pub(super) extensions: Vec<String>,
    /// Whether it offers a login that we know, under TLS.
    pub(super) takes_login: bool,
    pub(super) met: Met,
}

/// How it went.
#[derive(Clone, Debug)]
pub(super) enum Met {
    /// No session at all.
    Nobody(Problem),
    /// A session, and no TLS to be had on it.
    NoTls {
        why: NoTls,
        problem: Problem,
        /// STARTTLS was refused with 4xx: perhaps not for ever.
        for_now: bool,
    },
    /// TLS was begun.
    Tls(Box<Handshakes>),
}

/// The handshakes of a look.
#[derive(Clone, Debug)]
pub(super) struct Handshakes {
    /// With any certificate.
    pub(super) observed: Result<SessionRecord, Problem>,
    /// With one that proves who the host is; as `observed` where that failed.
    pub(super) proven: Result<SessionRecord, Problem>,
}

/// What a look needs.
pub(super) struct Eyes<'a> {
    pub(super) connector: &'a Connector,
    pub(super) settings: &'a DeliverySettings,
    pub(super) secrets: &'a dyn Secrets,
    /// A requirement that any certificate meets.
    pub(super) any: &'a Requirement,
    /// A requirement that needs proof.
    pub(super) proof: &'a Requirement,
}

impl Eyes<'_> {
    /// Looks at a host.
    pub(super) async fn look(&self, hop: &NextHop, address: SocketAddr) -> Seen {
        let mut seen = self.first(hop, address).await;
        if let Met::Tls(handshakes) = &mut seen.met
            && handshakes.observed.is_ok()
        {
            handshakes.proven = self.second(hop, address).await;
        }
        seen
    }

    /// Connects, as delivery does: never to this gateway, and not without the password
    /// where a login is wanted.
    async fn dial(&self, hop: &NextHop, address: SocketAddr) -> Result<Dialed, Failure> {
        if let Some(login) = &hop.login {
            let found = self.secrets.password(&login.password_file);
            found.map_err(|problem| Failure::new(Stage::Plan, Why::PolicyBroken, problem))?;
        }
        let target = Target { host: hop.host.clone(), address, source: None };
        let dialed = dial::dial(target, &self.settings.timeouts).await?;
        if dialed.is_to_itself() && destination::listens_everywhere(address.port(), self.settings) {
            return Err(destination::is_ourselves(address));
        }
        Ok(dialed)
    }

    async fn first(&self, hop: &NextHop, address: SocketAddr) -> Seen {
        let dialed = match self.dial(hop, address).await {
            Ok(dialed) => dialed,
            Err(failure) => return nobody(failure),
        };
        if hop.implicit_tls {
            let secured =
                dialed.secure_at_once(self.connector, self.any, &self.settings.hostname).await;
            return match secured {
                Err(failure) if !failure.is_failed_handshake() => nobody(failure),
                secured => under_tls(secured).await,
            };
        }
        let greeted = match dialed.greet(&self.settings.hostname).await {
            Ok(greeted) => greeted,
            Err(failure) => return nobody(failure),
        };
        let extensions = keywords(greeted.extensions());
        if !greeted.extensions().starttls {
            let written_over = greeted.extensions().starttls_overwritten;
            greeted.quit().await;
            return without(extensions, no_offer(written_over), NoTls::NotOffered, false);
        }
        match greeted.starttls().await {
            Ok(StartTls::Refused(greeted, reply)) => {
                greeted.quit().await;
                let for_now = reply.is_transient();
                let failure = Failure::replied(Stage::Starttls, Why::StartTlsRefused, reply);
                without(extensions, failure.into(), NoTls::Refused, for_now)
            }
            Ok(StartTls::Ready(ready)) => {
                under_tls(ready.handshake(self.connector, self.any).await).await
            }
            // What was there before STARTTLS is no failed handshake, and no session either.
            Err(failure) if !failure.is_failed_handshake() => nobody(failure),
            Err(failure) => under_tls(Err(failure)).await,
        }
    }

    async fn second(&self, hop: &NextHop, address: SocketAddr) -> Result<SessionRecord, Problem> {
        let dialed = self.dial(hop, address).await?;
        let helo = &self.settings.hostname;
        let conn = if hop.implicit_tls {
            dialed.secure_at_once(self.connector, self.proof, helo).await?
        } else {
            match dialed.greet(helo).await?.starttls().await? {
                StartTls::Ready(ready) => ready.handshake(self.connector, self.proof).await?,
                StartTls::Refused(greeted, reply) => {
                    greeted.quit().await;
                    let why = Why::StartTlsRefused;
                    return Err(Failure::replied(Stage::Starttls, why, reply).into());
                }
            }
        };
        part(conn).await.0
    }
}

fn nobody(failure: Failure) -> Seen {
    Seen { extensions: Vec::new(), takes_login: false, met: Met::Nobody(failure.into()) }
}

fn no_offer(written_over: bool) -> Problem {
    let detail = if written_over {
        "the keyword STARTTLS seems to have been written over on the way"
    } else {
        ""
    };
    Problem::new(Stage::Ehlo, Why::StartTlsNotOffered, detail)
}

fn without(extensions: Vec<String>, problem: Problem, why: NoTls, for_now: bool) -> Seen {
    Seen { extensions, takes_login: false, met: Met::NoTls { why, problem, for_now } }
}

async fn under_tls(secured: Result<Conn<Secured>, Failure>) -> Seen {
    let mut takes_login = false;
    let (observed, extensions) = match secured {
        Ok(conn) => {
            let offered = &conn.extensions().auth;
            takes_login = offered.iter().any(|word| word == "PLAIN" || word == "LOGIN");
            part(conn).await
        }
        Err(failure) => (Err(failure.into()), Vec::new()),
    };
    let handshakes = Handshakes { proven: observed.clone(), observed };
    Seen { extensions, takes_login, met: Met::Tls(Box::new(handshakes)) }
}

/// Reads what there is to know of a session and says goodbye.
async fn part(conn: Conn<Secured>) -> (Result<SessionRecord, Problem>, Vec<String>) {
    let extensions = keywords(conn.extensions());
    let record = conn.tls().cloned().ok_or_else(|| {
        Problem::new(Stage::Tls, Why::TlsClosed, "the session shows no sign of a handshake")
    });
    conn.quit().await;
    (record, extensions)
}

fn keywords(offered: &Extensions) -> Vec<String> {
    let mut words: Vec<String> = [
        (offered.starttls, "STARTTLS"),
        (offered.pipelining, "PIPELINING"),
        (offered.eightbitmime, "8BITMIME"),
        (offered.smtputf8, "SMTPUTF8"),
        (offered.chunking, "CHUNKING"),
        (offered.dsn, "DSN"),
        (offered.enhanced, "ENHANCEDSTATUSCODES"),
        (offered.requiretls, "REQUIRETLS"),
    ]
    .into_iter()
    .filter(|(there, _)| *there)
    .map(|(_, word)| word.to_owned())
    .collect();
    match offered.size {
        Some(0) => words.push("SIZE".to_owned()),
        Some(size) => words.push(format!("SIZE {size}")),
        None => {}
    }
    if !offered.auth.is_empty() {
        words.push(format!("AUTH {}", offered.auth.join(" ")));
    }
    words
}
