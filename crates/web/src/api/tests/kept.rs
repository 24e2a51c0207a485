//! `docs/openapi.json` is the document that the binary serves.

use std::collections::BTreeMap;
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

/// Two shapes of one name would be one in the document, and it would lie about one of them.
#[test]
fn every_shape_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for name in shapes(&std::fs::read_to_string(&file).unwrap()) {
            if let Some(other) = places.insert(name.clone(), file.clone()) {
                panic!("{name} is a shape in {} and in {}", other.display(), file.display());
            }
        }
    }
    assert!(places.contains_key("Problem"), "the shapes are found: {places:?}");
}

/// OpenAPI 3.1 section 4.8.10: a program that is generated has one function for each.
#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = serde_json::to_value(document()).unwrap();
    let mut names = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(name) = operation["operationId"].as_str() else { continue };
            let here = format!("{method} {path}");
            let other = names.insert(name.to_owned(), here.clone());
            assert_eq!(other, None, "{name} is {here} too");
        }
    }
    assert_eq!(names["post_queue_id_hold"], "post /api/v1/queue/{id}/hold");
    assert_eq!(names["get_policy"], "get /api/v1/policy");
}

/// The names of the structures and enumerations of a source that derive `ToSchema`.
fn shapes(source: &str) -> Vec<String> {
    let declared = |line: &str| {
        let words = line.split_whitespace();
        let mut words =
            words.skip_while(|word| word.starts_with("pub") || word.starts_with("crate"));
        let kind = words.next()?;
        let name = words.next()?.split(|c: char| !c.is_alphanumeric()).next()?;
        // without a name where a macro gives it
        (["struct", "enum"].contains(&kind) && !name.is_empty()).then(|| name.to_owned())
    };
    let derived = source.split("#[derive(").skip(1).filter_map(|rest| rest.split_once(")]"));
    derived
        .filter(|(traits, _)| traits.contains("ToSchema"))
        .filter_map(|(_, rest)| rest.lines().find_map(declared))
        .collect()
}

/// Every Rust file under a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// `make openapi` runs this one.
#[test]
#[ignore = "it writes docs/openapi.json"]
fn write_it() {
    std::fs::write(place(), text()).unwrap();
}
