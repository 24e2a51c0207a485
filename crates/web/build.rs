//! Builds again when the console's files have changed: the list of those that are embedded is made at compile time.
//!
//! A folder that is missing cannot be watched (Cargo would build every time), so `make build` also says by a variable
//! which console it is about to embed.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=GATEPOST_CONSOLE");
    if Path::new("../../ui/dist").exists() {
        println!("cargo:rerun-if-changed=../../ui/dist");
    }
}
