//! Where programs are that are not ours, and the loud line where they are not.
//!
//! `make test` brings them in under `target/peers`, unpacked and not installed.

use std::path::{Path, PathBuf};

use super::gateway::say;

/// Where `tools/setup-peers.sh` puts what it brings in.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers")
}

/// The loud line of a test that could not be run here.
pub(crate) fn skip(test: &str, why: &str) {
    say(&format!("\n*** SKIPPED: {test}\n*** {why}\n"));
}
