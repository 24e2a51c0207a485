//! Verbs of the interface that this version does not have: known, and refused.
//!
//! Each takes whatever follows it, so that the answer is "not in this version" and never a complaint about an
//! argument.

use std::ffi::OsString;

use clap::Args;

use super::Trouble;

/// Whatever follows.
#[derive(Debug, Args)]
pub(crate) struct Anything {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<OsString>,
}

/// The answer for a verb that is not built.
pub(crate) fn refused(verb: &str) -> Trouble {
    Trouble::Input(format!("`gatepost {verb}` is not in this version"))
}
