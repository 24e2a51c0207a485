//! Verbs of the interface that this version does not have: known, and refused.
//!
//! Each takes whatever follows it, so that the answer is "not in this version" and never a complaint about an
//! argument.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::Trouble;

/// Whatever follows.
#[derive(Debug, Args)]
pub(crate) struct Anything {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// An account of a person.
    CreateUser(Anything),
    /// An account of an SMTP client.
    CreateSmtpUser(Anything),
    /// A token of a program.
    CreateToken(Anything),
    /// All accounts.
    List(Anything),
    /// Ends one.
    Revoke(Anything),
}

impl Admin {
    pub(crate) fn refusal(&self) -> Trouble {
        refused(match self {
            Self::CreateUser(_) => "admin create-user",
            Self::CreateSmtpUser(_) => "admin create-smtp-user",
            Self::CreateToken(_) => "admin create-token",
            Self::List(_) => "admin list",
            Self::Revoke(_) => "admin revoke",
        })
    }
}

/// The answer for a verb that is not built.
pub(crate) fn refused(verb: &str) -> Trouble {
    Trouble::Input(format!("`gatepost {verb}` is not in this version"))
}
