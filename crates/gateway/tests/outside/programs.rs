//! Single programs of unpacked packages, run as they are; one that the machine has is as good.

use std::path::PathBuf;
use std::process::Command;

use super::peers::{folder, skip};

/// The folder of unpacked packages.
pub(crate) fn root() -> PathBuf {
    folder().join("root")
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
