//! Accounts, sessions and tokens, a row each.
//!
//! What is refused leaves nothing behind: each change runs in a savepoint of the
//! writer's transaction, and so does its line of the audit log.

mod second_factor;
mod sessions;
mod setup;
mod tokens;
mod users;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::Connection;
use ulid::Ulid;

use super::{Embedded, core::Core};
use crate::{
    accounts::{
        AccountError, Accounts, ApiToken, KindWanted, NewToken, NewUser, OpenedSession, Secret,
        Session, SessionInfo, TotpSetup, User, UserChange,
    },
    error::StoreError,
    view::Author,
};

/// How often it is written down that something was used, in milliseconds.
const TOUCHED_EVERY: i64 = 60_000;

#[async_trait]
impl Accounts for Embedded {
    async fn has_owner(&self) -> Result<bool, StoreError> {
        self.core.read(|connection| Ok(users::owners(connection)? > 0)).await
    }

    async fn create_user(&self, new: NewUser, author: &Author) -> Result<User, AccountError> {
        self.add_user(new, author).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.core.read(users::all).await
    }

    async fn user(&self, id: Ulid) -> Result<Option<User>, StoreError> {
        let found = self.core.read(move |connection| users::by_id(connection, id)).await?;
        Ok(found.map(|stored| stored.user))
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        Ok(self.stored_user(name).await?.map(|stored| stored.user))
    }

    async fn user_of_sso(&self, subject: &str) -> Result<Option<User>, StoreError> {
        let subject = subject.to_owned();
        let found = self.core.read(move |connection| users::by_sso(connection, &subject)).await?;
        Ok(found.map(|stored| stored.user).filter(|user| !user.disabled))
    }

    async fn change_user(
        &self,
        id: Ulid,
        change: UserChange,
        author: &Author,
    ) -> Result<User, AccountError> {
        self.alter_user(id, change, author).await
    }

    async fn delete_user(&self, id: Ulid, author: &Author) -> Result<(), AccountError> {
        let author = author.clone();
        self.change(move |connection, core| users::delete(connection, core, id, &author)).await
    }

    async fn verify_password(
        &self,
        name: &str,
        kind: KindWanted,
        password: &Secret,
    ) -> Result<Option<User>, StoreError> {
        self.check_password(name, kind, password).await
    }

    async fn totp_begin(&self, id: Ulid) -> Result<TotpSetup, AccountError> {
        self.change(move |connection, _| second_factor::begin(connection, id)).await
    }

    async fn totp_confirm(
        &self,
        id: Ulid,
        code: &str,
        author: &Author,
    ) -> Result<Vec<Secret>, AccountError> {
        let (code, author) = (code.to_owned(), author.clone());
        self.change(move |connection, core| {
            second_factor::confirm(connection, core, id, &code, &author)
        })
        .await
    }

    async fn totp_verify(&self, id: Ulid, code: &str) -> Result<bool, StoreError> {
        let code = code.to_owned();
        self.act(move |connection, core| {
            Ok((second_factor::verify(connection, core, id, &code)?, Vec::new()))
        })
        .await
    }

    async fn open_session(
        &self,
        user: Ulid,
        from: &str,
        agent: &str,
    ) -> Result<OpenedSession, AccountError> {
        let (from, agent) = (sessions::short(from, 64), sessions::short(agent, 256));
        self.change(move |connection, core| sessions::open(connection, core, user, &from, &agent))
            .await
    }

    async fn session(&self, token: &Secret) -> Result<Option<Session>, StoreError> {
        self.find_session(token).await
    }

    async fn sessions(&self, user: Option<Ulid>) -> Result<Vec<SessionInfo>, StoreError> {
        let now = self.core.options.clock.now();
        self.core.read(move |connection| sessions::all(connection, user, now)).await
    }

    async fn close_session(&self, id: Ulid, author: &Author) -> Result<bool, StoreError> {
        let author = author.clone();
        self.act(move |connection, core| {
            Ok((sessions::close(connection, core, id, &author)?, Vec::new()))
        })
        .await
    }

    async fn create_token(
        &self,
        new: NewToken,
        author: &Author,
    ) -> Result<(ApiToken, Secret), AccountError> {
        let author = author.clone();
        self.change(move |connection, core| tokens::add(connection, core, &new, &author)).await
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.core.read(tokens::all).await
    }

    async fn token(&self, secret: &Secret) -> Result<Option<ApiToken>, StoreError> {
        self.find_token(secret).await
    }

    async fn revoke_token(&self, id: Ulid, author: &Author) -> Result<bool, StoreError> {
        let author = author.clone();
        self.act(move |connection, core| {
            Ok((tokens::revoke(connection, core, id, &author)?, Vec::new()))
        })
        .await
    }

    async fn setup_link(&self) -> Result<Option<Secret>, StoreError> {
        self.act(|connection, core| Ok((setup::link(connection, core)?, Vec::new()))).await
    }

    async fn setup(
        &self,
        token: &Secret,
        name: &str,
        password: Secret,
        from: Option<&str>,
    ) -> Result<User, AccountError> {
        self.set_up(token, name, password, from).await
    }
}

impl Embedded {
    /// Runs a change, all of it or nothing.
    async fn change<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Connection, &Core) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        self.act(move |connection, core| {
            connection.execute_batch("SAVEPOINT account")?;
            let done = work(connection, core);
            match done {
                // The whole transaction goes back.
                Err(AccountError::Store(error)) => return Err(error),
                Err(_) => connection.execute_batch("ROLLBACK TO account; RELEASE account")?,
                Ok(_) => connection.execute_batch("RELEASE account")?,
            }
            Ok((done, Vec::new()))
        })
        .await?
    }

    /// Writes down that something was used, unless it was a moment ago. Nobody is kept
    /// out because that cannot be written.
    async fn touch(&self, sql: &'static str, id: Ulid, before: Option<Timestamp>) {
        let now = self.core.options.clock.now().millis();
        if before.is_some_and(|before| now.saturating_sub(before.millis()) < TOUCHED_EVERY) {
            return;
        }
        let touched = self.act(move |connection, _| {
            connection.prepare_cached(sql)?.execute((super::rows::blob(id), now))?;
            Ok(((), Vec::new()))
        });
        if let Err(error) = touched.await {
            tracing::debug!(%error, cause = %error.cause, "not written down that an account was used");
        }
    }
}

impl From<rusqlite::Error> for AccountError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<serde_json::Error> for AccountError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An id in a column.
fn ulid(row: &rusqlite::Row<'_>, column: usize) -> Result<Ulid, rusqlite::Error> {
    row.get(column).map(Ulid::from_bytes)
}

/// A time in a column that may be empty.
fn maybe_time(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> Result<Option<Timestamp>, rusqlite::Error> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A word in a column that must be a role's.
fn role(word: &str) -> Result<crate::accounts::Role, StoreError> {
    Ok(serde_json::from_value(serde_json::Value::String(word.to_owned()))?)
}
