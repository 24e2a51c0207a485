//! Every operation of the document, against every role.

use std::collections::BTreeMap;

use gatepost_store::Role;
use serde_json::Value;

use super::super::gate::{Access, Table};
use super::world::{Ask, World};
use crate::api::document;

/// A path with something in each of its places.
fn filled(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "01ARZ3NDEKTSV4RRFFQ69G5FAV" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn every_operation_says_who_may_call_it() {
    let table = Table::of(&document());
    let silent: Vec<_> = table.rows().filter(|(_, _, access)| access.is_none()).collect();
    assert!(silent.is_empty(), "these say nothing, or a word nobody knows: {silent:?}");
    assert!(table.rows().count() > 15);
}

#[tokio::test]
async fn a_role_reaches_what_its_capabilities_open_and_nothing_else() {
    let world = World::new().await;
    let mut tokens = BTreeMap::new();
    for role in Role::ALL {
        tokens.insert(role.word(), (world.make_token(role.word(), *role).await, *role));
    }
    let table = Table::of(&document());
    for (path, method, access) in table.rows() {
        let at = filled(path);
        let ask = || Ask::new(method.as_str(), &at);
        let nobody = world.ask(ask()).await.status;
        assert_eq!(
            nobody == 401,
            access != Some(Access::Open),
            "{method} {path} as nobody: {nobody}"
        );
        for (word, (token, role)) in &tokens {
            // the document is empty, so that nothing is changed where the call is let through
            let answer = world.ask(ask().token(token)).await;
            let role_is_the_cause = answer.status == 403
                && answer.json()["detail"]
                    .as_str()
                    .unwrap()
                    .contains("does not have the capability");
            let allowed = match access {
                Some(Access::Open | Access::SignedIn) => true,
                Some(Access::Needs(capability)) => role.may(capability),
                None => false,
            };
            assert_eq!(!role_is_the_cause, allowed, "{method} {path} as {word}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_the_document_does_not_name_is_not_there() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/api/v1/elsewhere"),
        ("GET", "/api"),
        ("POST", "/api/v2/queue"),
        ("PATCH", "/api/v1/users"),
    ] {
        assert_eq!(world.ask(Ask::new(method, path)).await.status, 401, "{method} {path}");
        let known = world.owner(Ask::new(method, path)).await.status;
        assert!(known == 404 || known == 405, "{method} {path}: {known}");
    }
}

#[test]
fn the_document_is_openapi_3_1_and_describes_each_answer() {
    let document: Value = serde_json::to_value(document()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            if !["get", "put", "post", "delete"].contains(&method.as_str()) {
                continue;
            }
            let answers = operation["responses"].as_object().unwrap();
            let open = operation["x-capability"] == "open";
            assert!(open || answers.contains_key("401"), "{method} {path} can answer 401");
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
        }
    }
}
