//! Who a client of a listener with AUTH may be: an account for SMTP clients, in the store.
//!
//! What holds: a name and an address that guess are held off, by the one [`Doorman`] of the process, before anything is
//! looked at; and what cannot be told is never read as "no".

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use gatepost_receive::{Authenticate, Login};
use gatepost_store::{
    Accounts, Audit, Clock, Door, Doorman, FailedTry, KindWanted, StoreError, UserKind,
};
use gatepost_wire::secret::Secret;

use crate::cli::chain;
use crate::config::Config;

/// The accounts of SMTP clients.
pub(crate) struct Logins {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) doorman: Arc<Doorman>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Authenticate for Logins {
    async fn check(&self, name: &str, password: &Secret, client: IpAddr) -> Login {
        if let Err(wait) = self.doorman.may(name, client, self.clock.now()) {
            return Login::Undecided { why: wait.to_string() };
        }
        let password = gatepost_store::Secret::new(password.expose());
        match self.accounts.verify_password(name, KindWanted::Smtp, &password).await {
            Ok(Some(user)) => {
                self.doorman.succeeded(name, client);
                Login::Granted { account: user.name }
            }
            Ok(None) => {
                self.refused(name, client).await;
                Login::Refused
            }
            Err(why) => {
                self.doorman.undecided(name, client);
                Login::Undecided { why: chain(&why) }
            }
        }
    }
}

impl Logins {
    /// Counts a failure, and writes down of it what the audit log can bear. The answer to the client does not depend
    /// on whether that could be written.
    async fn refused(&self, name: &str, source: IpAddr) {
        let failed =
            FailedTry { door: Door::Smtp, account: name, by: name, source, why: "wrong password" };
        for entry in self.doorman.refused(&failed, self.clock.now()) {
            if let Err(why) = self.audit.note(entry).await {
                tracing::error!(cause = %chain(&why), "a refused login is not in the audit log");
            }
        }
    }
}

/// What is wrong with a configuration that offers AUTH where nobody could use it (decision 22).
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn missing(
    config: &Config,
    accounts: Option<&dyn Accounts>,
) -> Result<Option<String>, StoreError> {
    let Some(listener) = config.listeners.iter().find(|listener| listener.auth) else {
        return Ok(None);
    };
    if let Some(accounts) = accounts {
        let users = accounts.users().await?;
        if users.iter().any(|user| user.kind == UserKind::Smtp && !user.disabled) {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "[[listener]] {} has auth = true, and there is no SMTP user. Make one with \
         `gatepost admin create-smtp-user NAME --password-stdin`, or write auth = false",
        listener.address
    )))
}
