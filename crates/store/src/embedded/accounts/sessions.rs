//! Sessions of people. One ends half an hour after it was used last, and after twelve
//! hours in any case; one of an account of single sign-on after four.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use super::{
    super::{Embedded, audit, core::Core, rows::blob},
    ulid, users,
};
use crate::{
    accounts::{
        AccountError, OpenedSession, SESSION_HOURS, SESSION_IDLE_MINUTES, SSO_SESSION_HOURS,
        Secret, Session, SessionInfo, UserKind, key,
    },
    audit::NewAudit,
    error::StoreError,
    intake,
    view::{Author, Via},
};

/// Sessions that an account has at once, at most.
const AT_ONCE: i64 = 32;

const IDLE: Duration = Duration::from_secs(SESSION_IDLE_MINUTES * 60);
const LONGEST: Duration = Duration::from_secs(SESSION_HOURS * 3600);
const LONGEST_OF_SSO: Duration = Duration::from_secs(SSO_SESSION_HOURS * 3600);

/// When a session ends if nothing more is done in it.
fn end(created_at: Timestamp, last_seen: Timestamp, sso: bool) -> Timestamp {
    let longest = if sso { LONGEST_OF_SSO } else { LONGEST };
    created_at.plus(longest).min(last_seen.plus(IDLE))
}

/// What writes carry besides the cookie. Whoever has the token can tell it, nobody else.
fn csrf(token: &Secret) -> String {
    let hash = Sha256::new().chain_update("gatepost csrf\n").chain_update(token.expose());
    BASE64URL_NOPAD.encode(&hash.finalize())
}

/// A text from outside, cut and without control characters.
pub(super) fn short(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

pub(super) fn open(
    connection: &Connection,
    core: &Core,
    user: Ulid,
    from: &str,
    agent: &str,
) -> Result<OpenedSession, AccountError> {
    let found = users::by_id(connection, user)?.map(|stored| stored.user);
    let may = |user: &crate::accounts::User| !user.disabled && user.kind != UserKind::Smtp;
    let Some(person) = found.filter(may) else { return Err(AccountError::NoSuchUser) };
    let now = core.options.clock.now();
    connection
        .prepare_cached("DELETE FROM session WHERE created_at <= ?1 OR last_seen <= ?2")?
        .execute([now.minus(LONGEST).millis(), now.minus(IDLE).millis()])?;
    connection
        .prepare_cached(
            "DELETE FROM session WHERE hash IN (
                SELECT hash FROM session WHERE account = ?1 ORDER BY last_seen DESC, created_at DESC
                LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![blob(user), AT_ONCE - 1])?;
    let (id, token) = (intake::mint(&*core.options.clock), Secret::random("")?);
    connection
        .prepare_cached(
            "INSERT INTO session (hash, id, account, created_at, last_seen, source, agent)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)",
        )?
        .execute(params![token.digest(), blob(id), blob(user), now.millis(), from, agent])?;
    connection.prepare_cached(users::LOGGED_IN)?.execute((blob(user), now.millis()))?;
    let author = Author::new(&person.name, None).through(Via::Console, Some(from));
    let entry = NewAudit::new("session.login", &author).target(person.name.clone());
    let facts = json!({ "id": id.to_string(), "agent": agent, "sso": person.sso.is_some() });
    audit::write(connection, now, entry.change(Value::Null, facts))?;
    let csrf = csrf(&token);
    Ok(OpenedSession { token, id, csrf })
}

impl Embedded {
    pub(super) async fn find_session(&self, token: &Secret) -> Result<Option<Session>, StoreError> {
        let (digest, now) = (token.digest(), self.core.options.clock.now());
        let found = self
            .core
            .read(move |connection| {
                let info = connection
                    .prepare_cached(&format!("{SELECT} WHERE s.hash = ?1"))?
                    .query_row([digest], info)
                    .optional()?
                    .filter(|info| info.expires_at > now);
                let Some(info) = info else { return Ok(None) };
                let user = users::by_id(connection, info.user)?.map(|stored| stored.user);
                Ok(user.filter(|user| !user.disabled).map(|user| (info, user)))
            })
            .await?;
        let Some((info, user)) = found else { return Ok(None) };
        let SessionInfo { id, created_at, last_seen, expires_at, from, agent, .. } = info;
        self.touch(SEEN, id, Some(last_seen)).await;
        let csrf = csrf(token);
        Ok(Some(Session { id, user, csrf, created_at, last_seen, expires_at, from, agent }))
    }
}

const SEEN: &str = "UPDATE session SET last_seen = ?2 WHERE id = ?1";

const SELECT: &str = "SELECT s.id, s.account, a.name, s.created_at, s.last_seen, s.source, s.agent,
    a.sso IS NOT NULL
    FROM session s JOIN account a ON a.id = s.account";

fn info(row: &rusqlite::Row<'_>) -> Result<SessionInfo, rusqlite::Error> {
    let created_at = Timestamp::from_millis(row.get(3)?);
    let last_seen = Timestamp::from_millis(row.get(4)?);
    Ok(SessionInfo {
        id: ulid(row, 0)?,
        user: ulid(row, 1)?,
        name: row.get(2)?,
        created_at,
        last_seen,
        expires_at: end(created_at, last_seen, row.get(7)?),
        from: row.get(5)?,
        agent: row.get(6)?,
    })
}

pub(super) fn all(
    connection: &Connection,
    user: Option<Ulid>,
    now: Timestamp,
) -> Result<Vec<SessionInfo>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT} WHERE (?1 IS NULL OR s.account = ?1) AND a.disabled = 0
         ORDER BY s.last_seen DESC, s.id DESC"
    ))?;
    let found = statement.query_map([user.map(blob)], info)?;
    let mut sessions: Vec<SessionInfo> = found.collect::<Result<_, _>>()?;
    sessions.retain(|session| session.expires_at > now);
    Ok(sessions)
}

pub(super) fn close(
    connection: &Connection,
    core: &Core,
    id: Ulid,
    author: &Author,
) -> Result<bool, StoreError> {
    let now = core.options.clock.now();
    let found = connection
        .prepare_cached(&format!("{SELECT} WHERE s.id = ?1"))?
        .query_row([blob(id)], info)
        .optional()?;
    let Some(info) = found else { return Ok(false) };
    connection.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([blob(id)])?;
    if key(&info.name) != key(&author.by) {
        let SessionInfo { id, name, created_at, from, agent, .. } = &info;
        let facts =
            json!({ "id": id.to_string(), "created_at": created_at, "from": from, "agent": agent });
        let entry = NewAudit::new("session.close", author).target(name).change(facts, Value::Null);
        audit::write(connection, now, entry)?;
    }
    Ok(info.expires_at > now)
}

/// Ends the sessions of an account but one, and gives how many.
pub(super) fn end_all(
    connection: &Connection,
    user: Ulid,
    keep: Option<Ulid>,
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM session WHERE account = ?1 AND (?2 IS NULL OR id <> ?2)")?
        .execute(params![blob(user), keep.map(blob)])
}
