//! Tokens of programs.

use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Value, json};
use ulid::Ulid;

use super::{
    super::{Embedded, audit, core::Core, rows::blob},
    maybe_time, role, ulid, users,
};
use crate::{
    accounts::{AccountError, ApiToken, NewToken, Role, Secret, check_name},
    audit::NewAudit,
    error::StoreError,
    intake,
    view::Author,
};

/// How the text of a token begins, so that it is known where it turns up.
const PREFIX: &str = "gp_";

const SELECT: &str = "SELECT id, name, role, created_at, created_by, owner, expires_at, last_used
    FROM token";

fn token(row: &Row<'_>) -> Result<ApiToken, StoreError> {
    let word: String = row.get(2)?;
    Ok(ApiToken {
        id: ulid(row, 0)?,
        name: row.get(1)?,
        role: role(&word)?,
        created_at: Timestamp::from_millis(row.get(3)?),
        created_by: row.get(4)?,
        owner: row.get::<_, Option<_>>(5)?.map(Ulid::from_bytes),
        expires_at: maybe_time(row, 6)?,
        last_used_at: maybe_time(row, 7)?,
    })
}

pub(super) fn add(
    connection: &Connection,
    core: &Core,
    new: &NewToken,
    author: &Author,
) -> Result<(ApiToken, Secret), AccountError> {
    let NewToken { name, role, expires_at, owner } = new;
    check_name(name)?;
    let now = core.options.clock.now();
    if expires_at.is_some_and(|end| end <= now) {
        return Err(AccountError::Expired);
    }
    if let Some(owner) = owner
        && !covers(connection, *owner, *role)?
    {
        return Err(AccountError::NotCovered);
    }
    let (id, secret) = (intake::mint(&*core.options.clock), Secret::random(PREFIX)?);
    connection
        .prepare_cached(
            "INSERT INTO token (hash, id, name, role, created_at, created_by, owner, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            secret.digest(),
            blob(id),
            name,
            role.word(),
            now.millis(),
            author.by,
            owner.map(blob),
            expires_at.map(Timestamp::millis)
        ])?;
    let facts = json!({ "id": id.to_string(), "role": role, "expires_at": expires_at });
    let entry = NewAudit::new("token.create", author).target(name).change(Value::Null, facts);
    audit::write(connection, now, entry)?;
    let token = ApiToken {
        id,
        name: name.clone(),
        role: *role,
        created_at: now,
        created_by: author.by.clone(),
        owner: *owner,
        expires_at: *expires_at,
        last_used_at: None,
    };
    Ok((token, secret))
}

/// Whether an account may come in and do all that a role may.
fn covers(connection: &Connection, owner: Ulid, role: Role) -> Result<bool, StoreError> {
    let user = users::by_id(connection, owner)?.map(|stored| stored.user);
    let held = user.filter(|user| !user.disabled).and_then(|user| user.kind.role());
    Ok(held.is_some_and(|held| held.covers(role)))
}

pub(super) fn all(connection: &Connection) -> Result<Vec<ApiToken>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY id DESC"))?;
    let mut found = statement.query([])?;
    let mut tokens = Vec::new();
    while let Some(row) = found.next()? {
        tokens.push(token(row)?);
    }
    Ok(tokens)
}

impl Embedded {
    pub(super) async fn find_token(&self, secret: &Secret) -> Result<Option<ApiToken>, StoreError> {
        let (digest, now) = (secret.digest(), self.core.options.clock.now());
        let found = self
            .core
            .read(move |connection| {
                let mut statement =
                    connection.prepare_cached(&format!("{SELECT} WHERE hash = ?1"))?;
                let mut found = statement.query([digest])?;
                let Some(token) = found.next()?.map(token).transpose()? else { return Ok(None) };
                let ended = token.expires_at.is_some_and(|end| end <= now);
                let held = match token.owner {
                    Some(owner) => covers(connection, owner, token.role)?,
                    None => true,
                };
                Ok((!ended && held).then_some(token))
            })
            .await?;
        if let Some(token) = &found {
            self.touch(USED, token.id, token.last_used_at).await;
        }
        Ok(found)
    }
}

const USED: &str = "UPDATE token SET last_used = ?2 WHERE id = ?1";

pub(super) fn revoke(
    connection: &Connection,
    core: &Core,
    id: Ulid,
    author: &Author,
) -> Result<bool, StoreError> {
    let row: Option<(String, String)> = connection
        .prepare_cached("SELECT name, role FROM token WHERE id = ?1")?
        .query_row([blob(id)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((name, role)) = row else { return Ok(false) };
    connection.prepare_cached("DELETE FROM token WHERE id = ?1")?.execute([blob(id)])?;
    let facts = json!({ "id": id.to_string(), "role": role });
    let entry = NewAudit::new("token.revoke", author).target(name).change(facts, Value::Null);
    audit::write(connection, core.options.clock.now(), entry)?;
    Ok(true)
}

/// Ends the tokens of an account, and gives their names.
pub(super) fn end_all_of(
    connection: &Connection,
    owner: Ulid,
) -> Result<Vec<String>, rusqlite::Error> {
    let names = connection
        .prepare_cached("SELECT name FROM token WHERE owner = ?1 ORDER BY id")?
        .query_map([blob(owner)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    connection.prepare_cached("DELETE FROM token WHERE owner = ?1")?.execute([blob(owner)])?;
    Ok(names)
}
