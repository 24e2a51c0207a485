//! The `gatepost` binary.

use std::process::ExitCode;

/// The allocator of the system fragments under many small, short-lived buffers; this one keeps memory flat.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatepost::cli::main()
}
