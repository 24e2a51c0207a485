//! Second factors: codes of RFC 6238 with SHA-1, six digits and steps of 30 seconds,
//! which is what authenticators know.
//!
//! The step before and the one after count too, and a step is used once: one that is
//! not later than the last is refused (RFC 6238 section 5.2). Recovery codes stand in
//! for a lost authenticator, each once.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use gatepost_wire::timestamp::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use totp_rs::{Algorithm, Builder, Totp};
use ulid::Ulid;
use zeroize::Zeroizing;

use super::{
    super::{audit, core::Core, rows::blob},
    users,
};
use crate::{
    accounts::{AccountError, Secret, TotpSetup, UserKind, fill},
    audit::NewAudit,
    error::{Cause, StoreError},
    view::{Author, Via},
};

/// Bytes of a key (RFC 4226 section 4, R6).
const KEY: usize = 20;

/// Recovery codes that are made.
const CODES: usize = 10;

/// Random bytes of a recovery code: 16 characters of base32.
const CODE: usize = 10;

fn totp(key: &[u8]) -> Result<Totp, StoreError> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(totp_rs::Secret::new(key.into()))
        .build()
        .map_err(|why| StoreError::not_applied(Cause::Hash(why.to_string())))
}

/// The step that a code is of, if it is one of those that count now.
fn step(key: &[u8], code: &str, now: Timestamp) -> Result<Option<i64>, StoreError> {
    let seconds = u64::try_from(now.millis()).unwrap_or(0) / 1000;
    Ok(totp(key)?.check(code, seconds).and_then(|step| i64::try_from(step).ok()))
}

pub(super) fn begin(connection: &Connection, id: Ulid) -> Result<TotpSetup, AccountError> {
    let stored = users::by_id(connection, id)?.ok_or(AccountError::NoSuchUser)?;
    if stored.user.kind == UserKind::Smtp {
        return Err(AccountError::OnlySends);
    }
    if stored.totp.is_some() {
        return Err(AccountError::TotpOn);
    }
    let mut key = Zeroizing::new([0; KEY]);
    fill(key.as_mut_slice())?;
    connection
        .prepare_cached("UPDATE account SET totp_pending = ?2 WHERE id = ?1")?
        .execute(params![blob(id), key.as_slice()])?;
    let secret = BASE32_NOPAD.encode(key.as_slice());
    let name = utf8_percent_encode(&stored.user.name, NON_ALPHANUMERIC);
    let uri = format!("otpauth://totp/Gatepost:{name}?secret={secret}&issuer=Gatepost");
    Ok(TotpSetup { secret_base32: Secret::new(secret), uri: Secret::new(uri) })
}

pub(super) fn confirm(
    connection: &Connection,
    core: &Core,
    id: Ulid,
    code: &str,
    author: &Author,
) -> Result<Vec<Secret>, AccountError> {
    let stored = users::by_id(connection, id)?.ok_or(AccountError::NoSuchUser)?;
    let Some(key) = stored.pending else { return Err(AccountError::TotpNotBegun) };
    let now = core.options.clock.now();
    let Some(step) = step(&key, &bare(code), now)? else { return Err(AccountError::WrongCode) };
    let codes = (0..CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<String> = codes.iter().map(|code| digest(id, &bare(code.expose()))).collect();
    connection
        .prepare_cached(
            "UPDATE account SET totp = totp_pending, totp_pending = NULL, totp_step = ?2,
                recovery = ?3 WHERE id = ?1",
        )?
        .execute(params![blob(id), step, serde_json::to_string(&hashes)?])?;
    let entry = NewAudit::new("user.change", author)
        .target(&stored.user.name)
        .change(json!({ "totp": false }), json!({ "totp": true }));
    audit::write(connection, now, entry)?;
    Ok(codes)
}

pub(super) fn verify(
    connection: &Connection,
    core: &Core,
    id: Ulid,
    code: &str,
) -> Result<bool, StoreError> {
    let Some(stored) = users::by_id(connection, id)? else { return Ok(false) };
    let Some(key) = &stored.totp else { return Ok(false) };
    let (code, now) = (bare(code), core.options.clock.now());
    if let Some(step) = step(key, &code, now)? {
        if step <= stored.step {
            return Ok(false);
        }
        connection
            .prepare_cached("UPDATE account SET totp_step = ?2 WHERE id = ?1")?
            .execute(params![blob(id), step])?;
        return Ok(true);
    }
    let (hash, mut left) = (digest(id, &code), stored.recovery);
    let Some(at) = left.iter().position(|known| *known == hash) else { return Ok(false) };
    left.swap_remove(at);
    connection
        .prepare_cached("UPDATE account SET recovery = ?2 WHERE id = ?1")?
        .execute(params![blob(id), serde_json::to_string(&left)?])?;
    let author = Author::new(&stored.user.name, None).through(Via::Console, None);
    let entry = NewAudit::new("user.recovery-code", &author)
        .target(&stored.user.name)
        .change(Value::Null, json!({ "recovery_codes_left": left.len() }));
    audit::write(connection, now, entry)?;
    Ok(true)
}

/// A code as people may type it, as it is compared.
fn bare(code: &str) -> String {
    let kept = code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64);
    kept.collect::<String>().to_uppercase()
}

/// Four groups of four letters and digits.
fn recovery_code() -> Result<Secret, StoreError> {
    let mut bytes = Zeroizing::new([0; CODE]);
    fill(bytes.as_mut_slice())?;
    let text = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_slice()));
    let groups: Vec<&str> = (0..4_usize).filter_map(|at| text.get(at * 4..at * 4 + 4)).collect();
    Ok(Secret::new(groups.join("-")))
}

/// What is kept of a recovery code. It holds 80 random bits, so one round is enough.
fn digest(id: Ulid, code: &str) -> String {
    let hash = Sha256::new().chain_update(blob(id)).chain_update(code);
    HEXLOWER.encode(&hash.finalize())
}
