//! `gatepost init`: a commented `gatepost.toml` to begin with.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Done, Status, Trouble, out};
use crate::config::settings::commented_file;

/// The file's usual name.
const FILE: &str = "gatepost.toml";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder; it is made where it does not exist. Default: this one.
    dir: Option<PathBuf>,
    /// What a new store starts with.
    #[arg(long, value_enum, default_value_t = ProfileName::Standard)]
    profile: ProfileName,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileName {
    /// With the Opportunistic TLS System Rule.
    Standard,
    /// Without it.
    Classic,
}

pub(crate) fn run(arguments: Arguments, config: Option<&Path>) -> Done {
    let Arguments { dir, profile } = arguments;
    let file = match (dir, config) {
        (Some(_), Some(_)) => {
            let why = "name a folder or --config, not both: each says where the file is written";
            return Err(Trouble::Input(why.to_owned()));
        }
        (Some(dir), None) => dir.join(FILE),
        (None, Some(file)) => file.to_owned(),
        (None, None) => PathBuf::from(FILE),
    };
    let profile = match profile {
        ProfileName::Standard => "standard",
        ProfileName::Classic => "classic",
    };
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)
            .map_err(|why| Trouble::Failed(format!("{} cannot be made: {why}", dir.display())))?;
    }
    let made = std::fs::File::create_new(&file);
    let mut made = made.map_err(|why| {
        if why.kind() == std::io::ErrorKind::AlreadyExists {
            Trouble::Input(format!("{} exists already; nothing was written", file.display()))
        } else {
            Trouble::Failed(format!("{} cannot be written: {why}", file.display()))
        }
    })?;
    made.write_all(commented_file(profile).as_bytes())
        .and_then(|()| made.sync_all())
        .map_err(|why| Trouble::Failed(format!("{} cannot be written: {why}", file.display())))?;
    out::print(&format!(
        "{} is written. Next: gatepost check, then gatepost serve.\n",
        file.display()
    ));
    Ok(Status::Fine)
}
