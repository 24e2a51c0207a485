//! Opening a session to one address of a host that is as good as the requirement
//! wants it, or saying why there is none.
//!
//! Whatever fails between STARTTLS and the EHLO under TLS leaves no connection
//! behind; whether the host may then be tried in clear text is only noted here and
//! decided by the attempt. A login happens under TLS or not at all.

use std::{net::SocketAddr, sync::Arc};

use gatepost_net::{
    auth::Credentials,
    conn::{Conn, Dialed, Greeted, Secured, StartTls},
    dial::{self, Target},
    failure::Failure,
    tls::Connector,
};
use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    id::MessageId,
    tls::{NextHop, Preference, Requirement},
};
use gatepost_wire::reply::Response;

use crate::{
    destination,
    observe::Observe,
    parts::Secrets,
    session::Session,
    settings::{DeliverySettings, PreferTls, TryOn454},
};

/// What opening a session takes.
#[derive(Clone, Copy)]
pub(crate) struct Opener<'a> {
    pub connector: &'a Connector,
    pub settings: &'a DeliverySettings,
    pub secrets: &'a dyn Secrets,
    pub observe: &'a Arc<dyn Observe>,
    /// The message that it is opened for, to be named in the log.
    pub message: MessageId,
}

/// Whether a session is ready for mail.
pub(crate) enum Opened {
    Ready(Box<Session>),
    Failed {
        failure: Failure,
        /// Why the host may be tried in clear text later, if the message allows it.
        clear: Option<NoTls>,
    },
}

impl Opened {
    fn ready(session: Session) -> Self {
        Self::Ready(Box::new(session))
    }

    const fn lost(failure: Failure) -> Self {
        Self::Failed { failure, clear: None }
    }
}

impl Opener<'_> {
    async fn dial(&self, hop: &NextHop, address: SocketAddr) -> Result<Dialed, Failure> {
        let target = Target { host: hop.host.clone(), address, source: None };
        let dialed = dial::dial(target, &self.settings.timeouts).await?;
        // A listener on every address does not say which addresses are this machine's.
        if dialed.is_to_itself() && destination::listens_everywhere(address.port(), self.settings) {
            return Err(destination::is_ourselves(address));
        }
        Ok(dialed)
    }

    /// A host that was greeted, in clear text.
    pub(crate) async fn greet(
        &self,
        hop: &NextHop,
        address: SocketAddr,
    ) -> Result<Greeted, Failure> {
        self.dial(hop, address).await?.greet(&self.settings.hostname).await
    }

    /// Opens a session that is as good as the requirement wants it, or says why not.
    pub(crate) async fn open(
        &self,
        hop: &NextHop,
        address: SocketAddr,
        requirement: &Requirement,
    ) -> Opened {
        // Before anything is said: a login that cannot be made bothers nobody.
        let credentials = match self.credentials(hop) {
            Ok(credentials) => credentials,
            Err(failure) => return Opened::lost(failure),
        };
        let secured = if hop.implicit_tls {
            match self.secure_at_once(hop, address, requirement).await {
                Ok(conn) => Ok(conn),
                // There is no clear text on such a port.
                Err(failure) => return Opened::lost(failure),
            }
        } else {
            self.starttls(hop, address, requirement).await
        };
        let mut conn = match secured {
            Ok(conn) => conn,
            Err(opened) => return opened,
        };
        if let Some(credentials) = credentials
            && let Err(failure) = conn.login(&credentials).await
        {
            return Opened::lost(failure);
        }
        Opened::ready(Session::Secured(conn))
    }

    fn credentials(&self, hop: &NextHop) -> Result<Option<Credentials>, Failure> {
        let Some(login) = &hop.login else { return Ok(None) };
        let password = self.secrets.password(&login.password_file).map_err(|problem| {
            tracing::error!(host = hop.host, problem, "no login at a smart host");
            Failure::new(Stage::Plan, Why::PolicyBroken, problem)
        })?;
        Ok(Some(Credentials { username: login.username.clone(), password }))
    }

    async fn secure_at_once(
        &self,
        hop: &NextHop,
        address: SocketAddr,
        requirement: &Requirement,
    ) -> Result<Conn<Secured>, Failure> {
        let dialed = self.dial(hop, address).await?;
        dialed.secure_at_once(self.connector, requirement, &self.settings.hostname).await
    }

    /// STARTTLS where it is offered; `Err` with whatever came of it where there is no TLS.
    async fn starttls(
        &self,
        hop: &NextHop,
        address: SocketAddr,
        requirement: &Requirement,
    ) -> Result<Conn<Secured>, Opened> {
        let greeted = self.greet(hop, address).await.map_err(Opened::lost)?;
        match requirement {
            Requirement::Opportunistic(may) if may.preference() == Preference::Plain => {
                let conn = greeted.stay_clear(NoTls::LevelPlain);
                return Err(Opened::ready(Session::Clear(conn)));
            }
            Requirement::Opportunistic(_) | Requirement::Enforced(_) => {}
        }
        if !greeted.extensions().starttls {
            if greeted.extensions().starttls_overwritten {
                let message = self.message;
                tracing::warn!(%message, host = hop.host, %address, "STARTTLS seems to have been written over on the way");
                self.observe.starttls_stripped(message, &hop.host, address);
            }
            return Err(self.without_tls(greeted, requirement, None).await);
        }
        let failure = match greeted.starttls().await {
            Ok(StartTls::Refused(greeted, reply)) => {
                return Err(self.without_tls(greeted, requirement, Some(reply)).await);
            }
            Ok(StartTls::Ready(ready)) => {
                match ready.handshake(self.connector, requirement).await {
                    Ok(conn) => return Ok(conn),
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        let clear = failure.is_failed_handshake().then_some(NoTls::HandshakeFailed);
        Err(Opened::Failed { failure, clear })
    }

    /// A host that gives no TLS, and whose session is in a state that both sides know.
    async fn without_tls(
        &self,
        greeted: Greeted,
        requirement: &Requirement,
        refusal: Option<Response>,
    ) -> Opened {
        let settings = self.settings.opportunistic;
        let why = if refusal.is_some() { NoTls::Refused } else { NoTls::NotOffered };
        let put_off = refusal.as_ref().is_some_and(Response::is_transient)
            && settings.on_454 == TryOn454::Defer;
        match requirement {
            Requirement::Enforced(_) => {}
            Requirement::Opportunistic(_) if put_off => {}
            Requirement::Opportunistic(_) => match settings.prefer_tls {
                PreferTls::SamePreference => {
                    return Opened::ready(Session::Clear(greeted.stay_clear(why)));
                }
                PreferTls::AnyMx => {
                    greeted.quit().await;
                    return Opened::Failed { failure: no_tls(refusal), clear: Some(why) };
                }
            },
        }
        greeted.quit().await;
        Opened::lost(no_tls(refusal))
    }
}

fn no_tls(refusal: Option<Response>) -> Failure {
    match refusal {
        Some(reply) => Failure::replied(Stage::Starttls, Why::StartTlsRefused, reply),
        None => Failure::new(Stage::Ehlo, Why::StartTlsNotOffered, ""),
    }
}
