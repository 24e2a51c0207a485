//! The first owner, by the link of the first start. There is no default password.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    super::{Embedded, core::Core},
    users,
};
use crate::{
    accounts::{AccountError, NewUser, Role, SETUP_MINUTES, Secret, User, UserKind},
    error::StoreError,
    view::{Author, Via},
};

pub(super) fn link(connection: &Connection, core: &Core) -> Result<Option<Secret>, StoreError> {
    connection.execute("DELETE FROM setup", [])?;
    if users::owners(connection)? > 0 {
        return Ok(None);
    }
    let token = Secret::random("")?;
    let end = core.options.clock.now().plus(Duration::from_secs(SETUP_MINUTES * 60));
    connection.execute(
        "INSERT INTO setup (hash, expires_at) VALUES (?1, ?2)",
        params![token.digest(), end.millis()],
    )?;
    Ok(Some(token))
}

/// Whether the token is good.
fn is_good(connection: &Connection, core: &Core, digest: [u8; 32]) -> Result<bool, StoreError> {
    let end: Option<i64> = connection
        .query_row("SELECT expires_at FROM setup WHERE hash = ?1", [digest], |row| row.get(0))
        .optional()?;
    let now = core.options.clock.now().millis();
    Ok(end.is_some_and(|end| end > now) && users::owners(connection)? == 0)
}

impl Embedded {
    pub(super) async fn set_up(
        &self,
        token: &Secret,
        name: &str,
        password: Secret,
        from: Option<&str>,
    ) -> Result<User, AccountError> {
        let (digest, core) = (token.digest(), std::sync::Arc::clone(&self.core));
        // Before anything is worked for: a stranger has no token.
        if !self.core.read(move |connection| is_good(connection, &core, digest)).await? {
            return Err(AccountError::SetupGone);
        }
        let kind = UserKind::Person(Role::Owner);
        let new = NewUser { name: name.to_owned(), kind, password: Some(password), sso: None };
        let hash = self.checked(&new).await?;
        let author = Author::new(name, None).through(Via::Setup, from);
        self.change(move |connection, core| {
            if !is_good(connection, core, digest)? {
                return Err(AccountError::SetupGone);
            }
            // There is an owner then, and that takes the link away.
            users::add(connection, core, &new, hash.as_deref(), &author)
        })
        .await
    }
}
