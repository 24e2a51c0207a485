//! What of the interface this version does not have: known, and refused.

use super::Trouble;

/// The answer for a verb that is not built.
pub(crate) fn refused(verb: &str) -> Trouble {
    Trouble::Input(format!("`gatepost {verb}` is not in this version"))
}
