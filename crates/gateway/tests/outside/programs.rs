//! Programs that are not ours: where they are, and the loud line where they are not.
//!
//! `make test` brings them in under `target/peers`, unpacked and not installed; one that the machine has is as good.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::gateway::say;

/// The folder of unpacked packages.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/root")
}

/// Where the shared libraries of unpacked programs are, for `LD_LIBRARY_PATH`.
pub(crate) fn libraries() -> String {
    let root = root();
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["usr/lib/postfix".to_owned(), format!("usr/lib/{machine}"), format!("lib/{machine}")]
        .map(|folder| root.join(folder).display().to_string())
        .join(":")
}

/// A command for the program at one of `places` (relative to the unpacked root, or absolute), ready to run.
/// Without one, says loudly that `test` is skipped.
pub(crate) fn command(test: &str, program: &str, places: &[&str]) -> Option<Command> {
    let found = places.iter().map(|place| root().join(place)).find(|path| path.is_file());
    let Some(path) = found else {
        skip(test, &format!("{program} is not there; `make test` brings it in where it can"));
        return None;
    };
    let mut command = Command::new(path);
    command.env("LD_LIBRARY_PATH", libraries());
    Some(command)
}

/// The loud line of a test that could not be run here.
pub(crate) fn skip(test: &str, why: &str) {
    say(&format!("\n*** SKIPPED: {test}\n*** {why}\n"));
}
