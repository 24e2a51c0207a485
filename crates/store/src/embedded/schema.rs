//! The database's tables, how they came about, and how a connection is set up.
//!
//! `user_version` says how many of the [`MIGRATIONS`] have been applied; one that
//! was released is never edited. `synchronous = FULL` and WAL: a commit is on disk
//! when it returns.

use std::{path::Path, time::Duration};

use gatepost_policy::document::{PolicyDocument, Profile};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::{OpenError, rulebook, settings, sums};
use crate::{error::StoreError, view::Author};

/// How long a transaction waits for that of another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rows of a message's life: one in `message`, one in `copy` for each group
/// of recipients, one in `attempt` for each attempt, and the deletion of the copy.
/// Bodies of messages without a copy or a quarantined recipient are not kept.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE message (
        id BLOB PRIMARY KEY,
        at INTEGER NOT NULL,
        sender TEXT NOT NULL,
        subject TEXT NOT NULL,
        size INTEGER NOT NULL,
        -- 0: a file of its own; NULL: no body was kept
        segment INTEGER,
        position INTEGER NOT NULL,
        record INTEGER NOT NULL,
        json TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE copy (
        message BLOB NOT NULL,
        number INTEGER NOT NULL,
        direction TEXT NOT NULL,
        domain TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        due INTEGER NOT NULL,
        held INTEGER NOT NULL DEFAULT 0,
        json TEXT NOT NULL,
        recipients TEXT NOT NULL,
        PRIMARY KEY (message, number)
    ) WITHOUT ROWID;

    CREATE TABLE quarantine (
        entry BLOB PRIMARY KEY,
        message BLOB NOT NULL,
        at INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        domain TEXT NOT NULL,
        company INTEGER NOT NULL,
        rule TEXT NOT NULL,
        json TEXT NOT NULL,
        recipient TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX quarantine_message ON quarantine (message);

    CREATE TABLE attempt (
        at INTEGER NOT NULL,
        entry BLOB NOT NULL,
        number INTEGER NOT NULL,
        message BLOB NOT NULL,
        recipient TEXT NOT NULL,
        domain TEXT NOT NULL,
        outcome TEXT NOT NULL,
        json TEXT NOT NULL,
        PRIMARY KEY (at, entry, number)
    ) WITHOUT ROWID;
    CREATE INDEX attempt_message ON attempt (message);

    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        message BLOB,
        json TEXT NOT NULL
    );
    CREATE INDEX event_message ON event (message) WHERE message IS NOT NULL;

    CREATE TABLE revision (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        author TEXT NOT NULL,
        document TEXT NOT NULL
    );
    CREATE TABLE rule_data (hash TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;

    -- sealed segments: their records are not checked again at start
    CREATE TABLE segment (number INTEGER PRIMARY KEY, length INTEGER NOT NULL);

    -- what other processes did, for the one that serves
    CREATE TABLE change (id INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL);
",
    "
    -- what was found out about the TLS of other sites
    CREATE TABLE probe (
        domain TEXT NOT NULL,
        at INTEGER NOT NULL,
        json TEXT NOT NULL,
        PRIMARY KEY (domain, at)
    ) WITHOUT ROWID;
",
    "
    -- 1: something is ordered about a recipient that is not carried out yet
    ALTER TABLE copy ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX copy_ordered ON copy (message) WHERE ordered = 1;
",
    "
    -- people and SMTP clients
    CREATE TABLE account (
        id BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        -- the name as names are compared
        key TEXT NOT NULL UNIQUE,
        -- NULL: an SMTP client
        role TEXT,
        -- a PHC string
        password TEXT,
        sso TEXT UNIQUE,
        disabled INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        last_login INTEGER,
        -- the key of the second factor, one that waits to be confirmed, and the last step that was used
        totp BLOB,
        totp_pending BLOB,
        totp_step INTEGER NOT NULL DEFAULT 0,
        -- hashes of recovery codes
        recovery TEXT NOT NULL DEFAULT '[]'
    ) WITHOUT ROWID;

    -- of random texts, the SHA-256
    CREATE TABLE session (
        hash BLOB PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        account BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        source TEXT NOT NULL,
        agent TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX session_account ON session (account);

    CREATE TABLE token (
        hash BLOB PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        owner BLOB,
        expires_at INTEGER,
        last_used INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX token_owner ON token (owner);

    -- the link of the first start
    CREATE TABLE setup (hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;

    -- every write by somebody, in a chain; see audit.rs
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        author TEXT NOT NULL,
        what TEXT NOT NULL,
        json TEXT NOT NULL,
        hash TEXT NOT NULL
    );
    CREATE INDEX audit_author ON audit (author);
    CREATE INDEX audit_what ON audit (what);
",
    "
    -- the ids of rules and sets of Rule Data; names in lower case, those that are gone too
    CREATE TABLE policy_id (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        id BLOB NOT NULL,
        PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;

    -- matches of rules by the hour; a rule is its id or the word of a System Rule
    CREATE TABLE rule_hit (
        hour INTEGER NOT NULL,
        rule TEXT NOT NULL,
        shadow INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, rule, shadow)
    ) WITHOUT ROWID;
    CREATE TABLE rule_total (
        rule TEXT NOT NULL,
        shadow INTEGER NOT NULL,
        count INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (rule, shadow)
    ) WITHOUT ROWID;
",
    "
    -- the chain of evidence: a record's place in it, the salt of its commitments, the
    -- hash of its form, what it counts as. NULL: written before there was a chain
    ALTER TABLE attempt ADD COLUMN seq INTEGER;
    ALTER TABLE attempt ADD COLUMN salt BLOB;
    ALTER TABLE attempt ADD COLUMN leaf BLOB;
    ALTER TABLE attempt ADD COLUMN class INTEGER;
    CREATE INDEX attempt_seq ON attempt (seq, domain, class) WHERE seq IS NOT NULL;

    -- days since 1970-01-01; one without a statement goes on
    CREATE TABLE evidence_day (
        day INTEGER PRIMARY KEY,
        first INTEGER NOT NULL,
        records INTEGER NOT NULL,
        before BLOB NOT NULL,
        after BLOB NOT NULL,
        kept INTEGER NOT NULL DEFAULT 1,
        statement TEXT,
        key BLOB,
        signature TEXT
    );

    -- recipients that left the queue as delivered, counted where they leave it
    CREATE TABLE delivered_day (day INTEGER PRIMARY KEY, recipients INTEGER NOT NULL);
",
    "
    -- how many attempts there were, by day and domain and by the hour; see sums.rs. Moments are in milliseconds
    CREATE TABLE sum_kind (id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE);
    CREATE TABLE sum_day (
        day INTEGER NOT NULL,
        domain TEXT NOT NULL,
        kind INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (day, domain, kind)
    ) WITHOUT ROWID;
    CREATE TABLE sum_hour (
        hour INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, kind)
    ) WITHOUT ROWID;

    -- messages are counted by it, and not by reading all of their rows
    CREATE INDEX message_at ON message (at);
",
];

/// The version from which on there are sums.
const SUMMED: i64 = 7;

/// Opens the database and brings its tables up to date.
pub(super) fn open(path: &Path, profile: Profile, now: Timestamp) -> Result<Connection, OpenError> {
    let mut connection = connect(path).map_err(StoreError::from)?;
    migrate(&mut connection, profile, now)?;
    Ok(connection)
}

/// Opens a connection to a database that is up to date.
pub(super) fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Leaves checkpoints to the caller, who looks at what comes of them: SQLite's own
/// run after a commit and keep their errors to themselves.
pub(super) fn own_checkpoints(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

/// Moves what is in the WAL into the database. Gives whether all of it was.
pub(super) fn checkpoint(connection: &Connection, how: &str) -> Result<bool, rusqlite::Error> {
    let sql = format!("PRAGMA wal_checkpoint({how})");
    connection.query_row(&sql, [], |row| {
        let (busy, log, done): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && log == done)
    })
}

/// Changes whenever another connection, here or in another process, has committed.
pub(super) fn data_version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// A value of the table `meta`.
pub(super) fn meta(connection: &Connection, key: &str) -> Result<Option<String>, rusqlite::Error> {
    use rusqlite::OptionalExtension as _;
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
        .optional()
}

/// Writes a value of the table `meta`.
pub(super) fn set_meta(
    connection: &Connection,
    key: &str,
    value: &str,
) -> Result<(), rusqlite::Error> {
    connection
        .execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [key, value])
        .map(|_| ())
}

fn migrate(connection: &mut Connection, profile: Profile, now: Timestamp) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let version = |connection: &Connection| -> Result<i64, StoreError> {
        Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
    };
    if version(connection)? == known {
        return Ok(());
    }
    // Another process may be at the same: look again under the write lock.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(StoreError::from)?;
    let found = version(&transaction)?;
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    let applied = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(applied) {
        transaction.execute_batch(migration).map_err(StoreError::from)?;
    }
    if found == 0 {
        begin(&transaction, profile, now)?;
    } else {
        adopt(&transaction, now)?;
        if found < SUMMED {
            sums::begin_with(&transaction)?;
        }
    }
    transaction.pragma_update(None, "user_version", known).map_err(StoreError::from)?;
    transaction.commit().map_err(StoreError::from)?;
    Ok(())
}

/// What a new store starts with: its profile, and the policy of that profile.
fn begin(connection: &Connection, profile: Profile, now: Timestamp) -> Result<(), StoreError> {
    set_meta(connection, "profile", &serde_json::to_string(&profile)?)?;
    let author = Author::gateway("a new store");
    settings::insert(connection, 1, &PolicyDocument::initial(profile), &author, now)
}

/// The rules of a store of an older version get their ids.
fn adopt(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    let head = settings::head(connection)?;
    match settings::load(connection, head)? {
        Some(held) => rulebook::follow(connection, &held.document, &[], now),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_a_newer_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let now = Timestamp::from_millis(0);
        let connection = open(&path, Profile::Standard, now).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let error = open(&path, Profile::Standard, now).unwrap_err();
        assert!(matches!(error, OpenError::TooNew { found: 99, .. }), "{error}");
    }

    #[test]
    fn the_rules_of_an_older_store_get_ids() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let now = Timestamp::from_millis(0);
        let connection = connect(&path).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        let text = "[[rule]]\nname = \"Old\"\n";
        let document = PolicyDocument::parse_toml(text, "policy.toml").unwrap().document;
        set_meta(&connection, "profile", "\"standard\"").unwrap();
        settings::insert(&connection, 1, &document, &Author::new("root", None), now).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        let connection = open(&path, Profile::Standard, now).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM policy_id WHERE kind = 'rule' AND name = 'old'"), 1);
    }

    #[test]
    fn the_profile_is_that_of_the_first_opening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let now = Timestamp::from_millis(0);
        drop(open(&path, Profile::Classic, now).unwrap());
        let connection = open(&path, Profile::Standard, now).unwrap();
        assert_eq!(meta(&connection, "profile").unwrap().as_deref(), Some("\"classic\""));
    }
}
