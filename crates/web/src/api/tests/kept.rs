//! `docs/openapi.json` is the document that the binary serves.

use std::path::{Path, PathBuf};

use crate::api::document;

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap();
    text.push('\n');
    text
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let kept = std::fs::read_to_string(place()).unwrap_or_default();
    assert!(
        kept == text(),
        "docs/openapi.json is not what the code says: `make openapi` writes it anew"
    );
}

/// `make openapi` runs this one.
#[test]
#[ignore = "it writes docs/openapi.json"]
fn write_it() {
    std::fs::write(place(), text()).unwrap();
}
