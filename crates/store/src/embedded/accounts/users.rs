//! The accounts themselves.

use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};
use ulid::Ulid;

use super::{
    super::{Embedded, audit, core::Core, rows::blob},
    maybe_time, role, sessions, ulid,
};
use crate::{
    accounts::{
        AccountError, KindWanted, NewUser, Role, Secret, User, UserChange, UserKind, check_name,
        check_password, key,
    },
    audit::NewAudit,
    error::StoreError,
    intake,
    view::Author,
};

/// An account with what is known to nobody.
pub(super) struct Stored {
    pub(super) user: User,
    /// The hash of its password.
    pub(super) password: Option<String>,
    /// The key of its second factor.
    pub(super) totp: Option<Vec<u8>>,
    /// The key that waits to be confirmed.
    pub(super) pending: Option<Vec<u8>>,
    /// The last step whose code was used.
    pub(super) step: i64,
    /// Hashes of recovery codes.
    pub(super) recovery: Vec<String>,
}

const COLUMNS: &str = "id, name, role, password, sso, disabled, created_at, created_by, last_login,
    totp, totp_pending, totp_step, recovery";

fn stored(row: &Row<'_>) -> Result<Stored, StoreError> {
    let (word, recovery): (Option<String>, String) = (row.get(2)?, row.get(12)?);
    let kind = match word {
        Some(word) => UserKind::Person(role(&word)?),
        None => UserKind::Smtp,
    };
    let (password, totp): (Option<String>, Option<Vec<u8>>) = (row.get(3)?, row.get(9)?);
    let recovery: Vec<String> = serde_json::from_str(&recovery)?;
    let user = User {
        id: ulid(row, 0)?,
        name: row.get(1)?,
        kind,
        password: password.is_some(),
        sso: row.get(4)?,
        disabled: row.get(5)?,
        totp: totp.is_some(),
        recovery_codes: recovery.len(),
        created_at: Timestamp::from_millis(row.get(6)?),
        created_by: row.get(7)?,
        last_login: maybe_time(row, 8)?,
    };
    Ok(Stored { user, password, totp, pending: row.get(10)?, step: row.get(11)?, recovery })
}

fn one(
    connection: &Connection,
    of: &str,
    value: impl rusqlite::ToSql,
) -> Result<Option<Stored>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM account WHERE {of} = ?1"))?;
    let mut found = statement.query([value])?;
    found.next()?.map(stored).transpose()
}

pub(super) fn by_id(connection: &Connection, id: Ulid) -> Result<Option<Stored>, StoreError> {
    one(connection, "id", blob(id))
}

pub(super) fn by_key(connection: &Connection, name: &str) -> Result<Option<Stored>, StoreError> {
    one(connection, "key", key(name))
}

pub(super) fn by_sso(connection: &Connection, subject: &str) -> Result<Option<Stored>, StoreError> {
    one(connection, "sso", subject)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<User>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM account ORDER BY key"))?;
    let mut found = statement.query([])?;
    let mut users = Vec::new();
    while let Some(row) = found.next()? {
        users.push(stored(row)?.user);
    }
    Ok(users)
}

/// How many owners can come in.
pub(super) fn owners(connection: &Connection) -> Result<u64, rusqlite::Error> {
    connection
        .prepare_cached("SELECT count(*) FROM account WHERE role = ?1 AND disabled = 0")?
        .query_row([Role::Owner.word()], |row| row.get(0).map(super::super::rows::unsigned))
}

impl Embedded {
    pub(super) async fn stored_user(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        let name = name.to_owned();
        self.core.read(move |connection| by_key(connection, &name)).await
    }

    pub(super) async fn add_user(
        &self,
        new: NewUser,
        author: &Author,
    ) -> Result<User, AccountError> {
        let hash = self.checked(&new).await?;
        let author = author.clone();
        self.change(move |connection, core| add(connection, core, &new, hash.as_deref(), &author))
            .await
    }

    /// Looks whether an account can be made so, and hashes its password.
    pub(super) async fn checked(&self, new: &NewUser) -> Result<Option<String>, AccountError> {
        let NewUser { name, kind, password, sso } = new;
        check_name(name)?;
        match (password, kind) {
            (Some(password), _) => {
                check_password(name, password)?;
                Ok(Some(self.core.hasher.hash(password).await?))
            }
            (None, UserKind::Person(_)) if sso.is_some() => Ok(None),
            (None, UserKind::Person(_) | UserKind::Smtp) => Err(AccountError::NoWayIn),
        }
    }

    pub(super) async fn alter_user(
        &self,
        id: Ulid,
        change: UserChange,
        author: &Author,
    ) -> Result<User, AccountError> {
        let mut hash = None;
        if let Some(password) = &change.password {
            let found = self.core.read(move |connection| by_id(connection, id)).await?;
            let stored = found.ok_or(AccountError::NoSuchUser)?;
            check_password(&stored.user.name, password)?;
            hash = Some(self.core.hasher.hash(password).await?);
        }
        let author = author.clone();
        self.change(move |connection, core| {
            alter(connection, core, id, (&change, hash.as_deref()), &author)
        })
        .await
    }

    pub(super) async fn check_password(
        &self,
        name: &str,
        kind: KindWanted,
        password: &Secret,
    ) -> Result<Option<User>, StoreError> {
        let found = self.stored_user(name).await?;
        let found = found.filter(|stored| match stored.user.kind {
            UserKind::Person(_) => kind == KindWanted::Person,
            UserKind::Smtp => kind == KindWanted::Smtp,
        });
        // One path for all: who is not there costs as much as a wrong password.
        let hash = found.as_ref().and_then(|stored| stored.password.clone());
        let right = self.core.hasher.verify(password, hash).await?;
        let Some(user) = found.map(|stored| stored.user) else { return Ok(None) };
        if !right || user.disabled {
            return Ok(None);
        }
        if kind == KindWanted::Smtp {
            self.touch(LOGGED_IN, user.id, user.last_login).await;
        }
        Ok(Some(user))
    }
}

/// Writes when an account came in last.
pub(super) const LOGGED_IN: &str = "UPDATE account SET last_login = ?2 WHERE id = ?1";

/// Writes a new account, whose password has been hashed.
pub(super) fn add(
    connection: &Connection,
    core: &Core,
    new: &NewUser,
    hash: Option<&str>,
    author: &Author,
) -> Result<User, AccountError> {
    let NewUser { name, kind, password: _, sso } = new;
    if let Some(there) = by_key(connection, name)? {
        return Err(AccountError::NameTaken(there.user.name));
    }
    if let Some(subject) = sso
        && by_sso(connection, subject)?.is_some()
    {
        return Err(AccountError::IdentityTaken);
    }
    let (id, now) = (intake::mint(&*core.options.clock), core.options.clock.now());
    let word = kind.role().map(Role::word);
    connection
        .prepare_cached(
            "INSERT INTO account (id, name, key, role, password, sso, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![blob(id), name, key(name), word, hash, sso, now.millis(), author.by])?;
    if owners(connection)? > 0 {
        // The link of the first start is for the first owner only.
        connection.execute("DELETE FROM setup", [])?;
    }
    let user = by_id(connection, id)?.ok_or(AccountError::NoSuchUser)?.user;
    let entry = NewAudit::new("user.create", author).target(name).change(Value::Null, facts(&user));
    audit::write(connection, now, entry)?;
    Ok(user)
}

/// What the audit log says of an account.
fn facts(user: &User) -> Value {
    let User { id, kind, sso, disabled, totp, password, .. } = user;
    json!({
        "id": id.to_string(),
        "kind": kind.word(),
        "role": kind.role(),
        "password": password,
        "sso": sso,
        "disabled": disabled,
        "totp": totp,
    })
}

fn alter(
    connection: &Connection,
    core: &Core,
    id: Ulid,
    (change, hash): (&UserChange, Option<&str>),
    author: &Author,
) -> Result<User, AccountError> {
    let UserChange { role, disabled, password: _, totp_off, end_sessions, keep_session } = change;
    let before = by_id(connection, id)?.ok_or(AccountError::NoSuchUser)?.user;
    if before.kind == UserKind::Smtp && (role.is_some() || *totp_off) {
        return Err(AccountError::OnlySends);
    }
    let owned = owners(connection)? > 0;
    let set = |sql: &str, value: &dyn rusqlite::ToSql| -> Result<(), rusqlite::Error> {
        connection.prepare_cached(sql)?.execute(params![blob(id), value]).map(|_| ())
    };
    if let Some(role) = role {
        set("UPDATE account SET role = ?2 WHERE id = ?1", &role.word())?;
    }
    if let Some(disabled) = disabled {
        set("UPDATE account SET disabled = ?2 WHERE id = ?1", disabled)?;
    }
    if let Some(hash) = hash {
        set("UPDATE account SET password = ?2 WHERE id = ?1", &hash)?;
    }
    if *totp_off {
        set(
            "UPDATE account SET totp = NULL, totp_pending = NULL, recovery = ?2 WHERE id = ?1",
            &"[]",
        )?;
    }
    if owned && owners(connection)? == 0 {
        return Err(AccountError::LastOwner);
    }
    let user = by_id(connection, id)?.ok_or(AccountError::NoSuchUser)?.user;
    let (was, is) = (facts(&before), facts(&user));
    let (mut was, mut is) = different(&was, &is);
    if hash.is_some() || user.disabled || *end_sessions {
        let ended = sessions::end_all(connection, id, *keep_session)?;
        if ended > 0 {
            is.insert("sessions_ended".into(), ended.into());
        }
    }
    if hash.is_some() {
        was.remove("password");
        is.insert("password".into(), "changed".into());
    }
    if !is.is_empty() {
        let entry = NewAudit::new("user.change", author)
            .target(&user.name)
            .change(Value::Object(was), Value::Object(is));
        audit::write(connection, core.options.clock.now(), entry)?;
    }
    Ok(user)
}

/// The keys whose values differ, on both sides.
fn different(before: &Value, after: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let (mut was, mut is) = (Map::new(), Map::new());
    for (key, new) in after.as_object().into_iter().flatten() {
        let old = before.get(key).cloned().unwrap_or(Value::Null);
        if old != *new {
            was.insert(key.clone(), old);
            is.insert(key.clone(), new.clone());
        }
    }
    (was, is)
}

pub(super) fn delete(
    connection: &Connection,
    core: &Core,
    id: Ulid,
    author: &Author,
) -> Result<(), AccountError> {
    let user = by_id(connection, id)?.ok_or(AccountError::NoSuchUser)?.user;
    let owned = owners(connection)? > 0;
    let mut facts = facts(&user);
    let tokens = super::tokens::end_all_of(connection, id)?;
    if let Some(facts) = facts.as_object_mut()
        && !tokens.is_empty()
    {
        facts.insert("tokens".into(), tokens.into());
    }
    sessions::end_all(connection, id, None)?;
    connection.prepare_cached("DELETE FROM account WHERE id = ?1")?.execute([blob(id)])?;
    if owned && owners(connection)? == 0 {
        return Err(AccountError::LastOwner);
    }
    let entry = NewAudit::new("user.delete", author).target(&user.name).change(facts, Value::Null);
    Ok(audit::write(connection, core.options.clock.now(), entry)?)
}
