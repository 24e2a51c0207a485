//! `gatepost admin`: accounts of people, of SMTP clients and of programs.
//!
//! A password comes as one line on stdin and never as an argument, where everybody on the machine could read it.
//! Whoever may read and write the store may do all of this: there is no login at the command line.

use std::io::{BufRead, Read};
use std::path::Path;

use clap::{Args, Subcommand};
use gatepost_policy::units::Period;
use gatepost_store::embedded::Embedded;
use gatepost_store::{
    AccountError, Accounts, ApiToken, Author, Clock as _, NewToken, NewUser, PASSWORD_BYTES, Role,
    Secret, SessionInfo, SystemClock, User, UserChange, UserKind,
};
use gatepost_wire::timestamp::Timestamp;
use serde_json::{Value, json};
use ulid::Ulid;

use super::select::any_id;
use super::table::Table;
use super::{Done, Status, Trouble, out, store};
use crate::config::user;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes an account for a person.
    CreateUser {
        /// Its name, unique without regard to case.
        name: String,
        /// owner, admin, policy-editor, queue-operator, auditor or viewer.
        #[arg(long, value_parser = role)]
        role: Role,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        why: Why,
    },
    /// Makes an account for an SMTP client, for AUTH under TLS.
    CreateSmtpUser {
        /// Its name, unique without regard to case.
        name: String,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        why: Why,
    },
    /// Makes a token for a program. It is shown once.
    CreateToken {
        /// What it is for.
        name: String,
        /// owner, admin, policy-editor, queue-operator, auditor or viewer.
        #[arg(long, value_parser = role)]
        role: Role,
        /// How long it is good: 90d. Without it, until it is revoked.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// One JSON document.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        why: Why,
    },
    /// All accounts, tokens and open sessions.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Revokes a token, disables an account, or ends a session.
    Revoke {
        /// Its id.
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// Gives an account another password, and lets it in if it was disabled. Its sessions end.
    SetPassword {
        /// The account's name.
        name: String,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        why: Why,
    },
    /// Takes the second factor of a person away.
    ResetSecondFactor {
        /// The account's name.
        name: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Password {
    /// The password is the first line of stdin.
    #[arg(long = "password-stdin", required = true)]
    _stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Kept in the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Why {
    fn author(&self) -> Author {
        Author::new(&user(), self.reason.as_deref())
    }
}

/// What is not done because of a configuration that cannot be used.
const NOTHING: &str = "nothing was done";

pub(crate) async fn run(verb: Verb, config: Option<&Path>) -> Done {
    match verb {
        Verb::CreateUser { name, role, password: _, why } => {
            create(config, name, UserKind::Person(role), &why).await
        }
        Verb::CreateSmtpUser { name, password: _, why } => {
            create(config, name, UserKind::Smtp, &why).await
        }
        Verb::CreateToken { name, role, expires, json, why } => {
            let expires_at = expires.as_deref().map(end).transpose()?;
            let new = NewToken { name, role, expires_at, owner: None };
            create_token(config, new, json, &why).await
        }
        Verb::List { json } => list(config, json).await,
        Verb::Revoke { id, why } => revoke(config, any_id(&id)?, &why).await,
        Verb::SetPassword { name, password: _, why } => set_password(config, &name, &why).await,
        Verb::ResetSecondFactor { name, why } => reset(config, &name, &why).await,
    }
}

fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        format!("a role is one of {}", words.join(", "))
    })
}

/// When something ends that is good for so long.
fn end(text: &str) -> Result<Timestamp, Trouble> {
    let period = text.parse::<Period>();
    let period = period.map_err(|why| Trouble::Input(format!("--expires {text:?}: {why}")))?;
    Ok(SystemClock::new().now().plus(period.duration()))
}

/// The first line of stdin.
fn password() -> Result<Secret, Trouble> {
    let most = u64::try_from(PASSWORD_BYTES).unwrap_or(u64::MAX).saturating_add(3);
    let mut line = Vec::new();
    let read = std::io::stdin().lock().take(most).read_until(b'\n', &mut line);
    read.map_err(|why| Trouble::Input(format!("no password can be read from stdin: {why}")))?;
    let bare = line.strip_suffix(b"\n").unwrap_or(&line);
    let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
    let text = std::str::from_utf8(bare);
    let text = text.map_err(|_| Trouble::Input("the password on stdin is not UTF-8".to_owned()))?;
    Ok(Secret::new(text))
}

async fn open(config: Option<&Path>) -> Result<Embedded, Trouble> {
    let config = super::load(config, NOTHING)?;
    store::open(&config).await
}

/// What was typed is 2, what cannot be done 1.
fn refused(why: AccountError) -> Trouble {
    match why {
        AccountError::Name(_) | AccountError::Password(_) | AccountError::Expired => {
            Trouble::Input(format!("{why}; {NOTHING}"))
        }
        AccountError::Store(why) => store::failed(why),
        AccountError::NameTaken(_)
        | AccountError::IdentityTaken
        | AccountError::NoSuchUser
        | AccountError::NoWayIn
        | AccountError::LastOwner
        | AccountError::OnlySends
        | AccountError::NotCovered
        | AccountError::TotpOn
        | AccountError::TotpNotBegun
        | AccountError::WrongCode
        | AccountError::SetupGone => Trouble::Failed(format!("{why}; {NOTHING}")),
    }
}

async fn create(config: Option<&Path>, name: String, kind: UserKind, why: &Why) -> Done {
    let password = Some(password()?);
    let store = open(config).await?;
    let new = NewUser { name, kind, password, sso: None };
    let made = store.create_user(new, &why.author()).await.map_err(refused)?;
    let what = made.kind.role().map_or("an SMTP client", Role::word);
    out::print(&format!("{} made: {what}, id {}.\n", out::one_line(&made.name), made.id));
    Ok(Status::Fine)
}

async fn create_token(config: Option<&Path>, new: NewToken, json: bool, why: &Why) -> Done {
    let store = open(config).await?;
    let (token, secret) = store.create_token(new, &why.author()).await.map_err(refused)?;
    if json {
        out::json(&json!({
            "id": token.id.to_string(),
            "name": token.name,
            "role": token.role,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "token": secret.expose(),
        }))?;
        return Ok(Status::Fine);
    }
    let until = token.expires_at.map_or_else(String::new, |end| format!(" until {end}"));
    out::print(&format!(
        "{}\n{} may use it as {}{until}; its id is {}. It is not shown again.\n",
        secret.expose(),
        out::one_line(&token.name),
        token.role,
        token.id
    ));
    Ok(Status::Fine)
}

async fn list(config: Option<&Path>, json: bool) -> Done {
    let store = open(config).await?;
    let users = store.users().await.map_err(store::failed)?;
    let tokens = store.tokens().await.map_err(store::failed)?;
    let sessions = store.sessions(None).await.map_err(store::failed)?;
    if json {
        out::json(&json!({
            "users": users.iter().map(user_json).collect::<Vec<_>>(),
            "tokens": tokens.iter().map(token_json).collect::<Vec<_>>(),
            "sessions": sessions.iter().map(session_json).collect::<Vec<_>>(),
        }))?;
        return Ok(Status::Fine);
    }
    let time = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.rfc3339());
    let mut table = Table::new(&["id", "account", "role", "second factor", "last login", "state"]);
    for user in users {
        table.row([
            user.id.to_string(),
            user.name,
            user.kind.role().map_or("smtp", Role::word).to_owned(),
            if user.totp { "yes" } else { "no" }.to_owned(),
            time(user.last_login),
            if user.disabled { "disabled" } else { "active" }.to_owned(),
        ]);
    }
    table.print("There is no account.");
    if !tokens.is_empty() {
        out::print("\n");
        let mut table = Table::new(&["id", "token", "role", "made by", "expires", "last used"]);
        for token in tokens {
            table.row([
                token.id.to_string(),
                token.name,
                token.role.word().to_owned(),
                token.created_by,
                time(token.expires_at),
                time(token.last_used_at),
            ]);
        }
        table.print("");
    }
    if !sessions.is_empty() {
        out::print("\n");
        let mut table = Table::new(&["id", "session of", "from", "last seen", "ends"]);
        for session in sessions {
            table.row([
                session.id.to_string(),
                session.name,
                session.from,
                session.last_seen.rfc3339(),
                session.expires_at.rfc3339(),
            ]);
        }
        table.print("");
    }
    Ok(Status::Fine)
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "name": user.name,
        "kind": user.kind.word(),
        "role": user.kind.role(),
        "created_at": user.created_at,
        "created_by": user.created_by,
        "last_login": user.last_login,
        "totp": user.totp,
        "disabled": user.disabled,
        "sso": user.sso,
    })
}

fn token_json(token: &ApiToken) -> Value {
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "role": token.role,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    })
}

fn session_json(session: &SessionInfo) -> Value {
    json!({
        "id": session.id.to_string(),
        "user": session.user.to_string(),
        "name": session.name,
        "created_at": session.created_at,
        "last_seen": session.last_seen,
        "expires_at": session.expires_at,
        "from": session.from,
        "agent": session.agent,
    })
}

async fn revoke(config: Option<&Path>, id: Ulid, why: &Why) -> Done {
    let store = open(config).await?;
    let author = why.author();
    if store.revoke_token(id, &author).await.map_err(store::failed)? {
        out::print("The token is revoked.\n");
        return Ok(Status::Fine);
    }
    if store.close_session(id, &author).await.map_err(store::failed)? {
        out::print("The session is ended.\n");
        return Ok(Status::Fine);
    }
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    match store.change_user(id, off, &author).await {
        Ok(user) => {
            let name = out::one_line(&user.name);
            out::print(&format!("{name} is disabled, and its sessions are ended.\n"));
            Ok(Status::Fine)
        }
        Err(AccountError::NoSuchUser) => Err(Trouble::Failed(format!(
            "no account, token or session has the id {id}; `gatepost admin list` shows them"
        ))),
        Err(why) => Err(refused(why)),
    }
}

async fn set_password(config: Option<&Path>, name: &str, why: &Why) -> Done {
    let password = Some(password()?);
    let change = UserChange { password, disabled: Some(false), ..UserChange::default() };
    let user = change_named(config, name, change, why).await?;
    out::print(&format!(
        "{} has another password, and its sessions are ended.\n",
        out::one_line(&user.name)
    ));
    Ok(Status::Fine)
}

async fn reset(config: Option<&Path>, name: &str, why: &Why) -> Done {
    let change = UserChange { totp_off: true, ..UserChange::default() };
    let user = change_named(config, name, change, why).await?;
    let name = out::one_line(&user.name);
    out::print(&format!("{name} has no second factor any more.\n"));
    Ok(Status::Fine)
}

async fn change_named(
    config: Option<&Path>,
    name: &str,
    change: UserChange,
    why: &Why,
) -> Result<User, Trouble> {
    let store = open(config).await?;
    let found = store.user_named(name).await.map_err(store::failed)?;
    let found = found.ok_or_else(|| {
        let name = out::one_line(name);
        Trouble::Failed(format!(
            "there is no account named {name}; `gatepost admin list` shows them"
        ))
    })?;
    store.change_user(found.id, change, &why.author()).await.map_err(refused)
}
