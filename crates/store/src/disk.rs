//! The disk under the store: free space, and the flushing of directories.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::error::Unhealthy;

/// With fewer free inodes than this no body can be counted on to find a file.
const INODES: u64 = 16;

/// The reserve when none is set: a twentieth of the disk, at most 256 MiB.
const MOST: u64 = 256 * 1024 * 1024;

/// Bytes that are free at `path`; `None` where the system does not say.
pub(crate) fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Looks whether writing `more` bytes would bring the disk below its reserve.
pub(crate) fn below_reserve(path: &Path, reserve: u64, more: u64) -> io::Result<Option<Unhealthy>> {
    let disk = rustix::fs::statvfs(path)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    // A file system without a fixed number of inodes says 0 of 0.
    let no_inodes = disk.f_files > 0 && disk.f_favail < INODES;
    let low = no_inodes || free < reserve.saturating_add(more);
    Ok(low.then_some(Unhealthy::DiskReserve { free, reserve }))
}

/// The reserve of the disk that holds `path`, unless one was asked for.
pub(crate) fn reserve(path: &Path, asked: Option<u64>) -> io::Result<u64> {
    if let Some(asked) = asked {
        return Ok(asked);
    }
    let disk = rustix::fs::statvfs(path)?;
    Ok((disk.f_blocks.saturating_mul(disk.f_frsize) / 20).min(MOST))
}

/// Flushes a directory, so that a file made or renamed in it is found after a
/// power cut.
pub(crate) fn flush_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// How a file with mail in it is opened for writing: if it is made, nobody but its owner can read it.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Makes a folder, and those above it, for its owner alone, and flushes what it was
/// made in. One that is there stays as it is.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| is_missing(path)).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    for made in missing {
        let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty());
        flush_dir(parent.unwrap_or_else(|| Path::new(".")))?;
    }
    Ok(())
}

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && !path.exists()
}
