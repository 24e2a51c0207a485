//! Signing in, accounts and tokens.

use std::time::Duration;

use gatepost_store::{Accounts as _, Role};
use serde_json::json;

use super::world::{Ask, PASSWORD, SignedIn, World};

fn credentials(name: &str, password: &str) -> Ask<'static> {
    Ask::new("POST", "/api/v1/session").json(json!({ "name": name, "password": password }))
}

fn as_person<'a>(ask: Ask<'a>, signed_in: &SignedIn) -> Ask<'a> {
    ask.with("cookie", &signed_in.cookie).with("x-csrf-token", &signed_in.csrf)
}

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let world = World::new().await;
    world.make_person("anna", Role::PolicyEditor).await;
    let nobody = world.ask(Ask::new("GET", "/api/v1/session")).await.json();
    assert_eq!(nobody["user"], json!(null));
    assert_eq!(nobody["setup_needed"], true);
    let wrong = world.ask(credentials("anna", "not the password")).await;
    let unknown = world.ask(credentials("nobody", "not the password")).await;
    assert_eq!((wrong.status.as_u16(), &wrong.bytes), (401, &unknown.bytes));
    let anna = world.sign_in("anna").await;
    let session =
        world.ask(Ask::new("GET", "/api/v1/session").with("cookie", &anna.cookie)).await.json();
    assert_eq!(session["user"]["role"], "policy-editor");
    assert_eq!(session["user"]["capabilities"], json!(["read", "edit_policy", "probe"]));
    let out = world.ask(as_person(Ask::new("DELETE", "/api/v1/session"), &anna)).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let after = world.ask(Ask::new("GET", "/api/v1/account").with("cookie", &anna.cookie)).await;
    assert_eq!(after.status, 401);
}

#[tokio::test]
async fn the_cookie_is_for_this_site_and_for_no_script() {
    let world = World::new().await;
    world.make_person("anna", Role::Owner).await;
    let cookie = world.ask(credentials("anna", PASSWORD)).await.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[tokio::test]
async fn a_write_by_a_session_needs_its_secret_and_its_origin() {
    let world = World::new().await;
    world.make_person("anna", Role::Owner).await;
    let anna = world.sign_in("anna").await;
    let body = json!({ "name": "script", "role": "viewer", "expires_in_days": null });
    let ask = || Ask::new("POST", "/api/v1/tokens").json(body.clone()).with("cookie", &anna.cookie);
    assert_eq!(world.ask(ask()).await.status, 403);
    assert_eq!(world.ask(ask().with("x-csrf-token", "x")).await.status, 403);
    let foreign = ask().with("x-csrf-token", &anna.csrf).with("origin", "https://evil.example");
    assert_eq!(world.ask(foreign).await.status, 403);
    assert_eq!(world.get("/api/v1/tokens").await["total"], 1);
    let own = ask().with("x-csrf-token", &anna.csrf).with("origin", "http://gate");
    assert_eq!(world.ask(own).await.status, 201);
}

#[tokio::test]
async fn a_page_of_another_origin_signs_nobody_in() {
    let world = World::new().await;
    world.make_person("anna", Role::Owner).await;
    let ask = credentials("anna", PASSWORD).with("origin", "https://evil.example");
    assert_eq!(world.ask(ask).await.status, 403);
}

#[tokio::test]
async fn too_many_failures_lock_the_name_and_time_opens_it() {
    let world = World::new().await;
    world.make_person("anna", Role::Viewer).await;
    let mut last = 0;
    for _ in 0..12 {
        last = world.ask(credentials("anna", "wrong")).await.status.as_u16();
    }
    assert_eq!(last, 429);
    let right = world.ask(credentials("anna", PASSWORD)).await;
    assert_eq!(right.status, 429);
    let wait: u64 = right.header("retry-after").parse().unwrap();
    assert_eq!(right.json()["retry_after"], wait);
    world.clock.advance(Duration::from_secs(wait + 1));
    assert_eq!(world.ask(credentials("anna", PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn nobody_gives_away_more_than_they_have() {
    let world = World::new().await;
    let admin = world.make_token("admin's", Role::Admin).await;
    let owner = world.make_person("olga", Role::Owner).await;
    let make = |role: &str| {
        let body = json!({ "name": format!("new {role}"), "kind": "person", "role": role, "password": PASSWORD });
        Ask::new("POST", "/api/v1/users").json(body).token(&admin)
    };
    assert_eq!(world.ask(make("owner")).await.status, 403);
    assert_eq!(world.ask(make("admin")).await.status, 201);
    let path = format!("/api/v1/users/{}", owner.id);
    let take = Ask::new("PUT", &path).json(json!({ "password": "another long password" }));
    assert_eq!(world.ask(take.token(&admin)).await.status, 403);
    assert_eq!(world.ask(Ask::new("DELETE", &path).token(&admin)).await.status, 403);
    let token = Ask::new("POST", "/api/v1/tokens").json(json!({ "name": "t", "role": "owner" }));
    assert_eq!(world.ask(token.token(&admin)).await.status, 403);
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_it_is_revoked() {
    let world = World::new().await;
    let body = json!({ "name": "script", "role": "viewer", "expires_in_days": 1 });
    let made =
        world.owner(Ask::new("POST", "/api/v1/tokens?reason=ticket%201").json(body)).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    let listed = world.get("/api/v1/tokens").await;
    assert!(!listed.to_string().contains(&token));
    assert_eq!(world.ask(Ask::new("GET", "/api/v1/audit").token(&token)).await.status, 403);
    assert_eq!(world.owner(Ask::new("DELETE", &path)).await.status, 204);
    assert_eq!(world.owner(Ask::new("DELETE", &path)).await.status, 404);
    assert_eq!(world.ask(Ask::new("GET", "/api/v1/audit").token(&token)).await.status, 401);
    let audit = world.get("/api/v1/audit").await.to_string();
    assert!(audit.contains("ticket 1") && !audit.contains(&token), "{audit}");
    assert_eq!(world.get("/api/v1/audit/verify").await["ok"], true);
}

#[tokio::test]
async fn the_first_owner_is_made_with_the_link_and_only_once() {
    let world = World::new().await;
    let link = world.store.setup_link().await.unwrap().unwrap();
    let make = |token: &str, name: &str| {
        Ask::new("POST", "/api/v1/setup")
            .json(json!({ "token": token, "name": name, "password": PASSWORD }))
    };
    assert_eq!(world.ask(make("wrong", "eve")).await.status, 403);
    let made = world.ask(make(link.expose(), "olga")).await;
    assert_eq!((made.status.as_u16(), made.json()["user"]["role"].as_str()), (200, Some("owner")));
    assert_eq!(made.json()["setup_needed"], false);
    assert_eq!(world.ask(make(link.expose(), "eve")).await.status, 403);
}

#[tokio::test]
async fn every_fault_of_a_document_has_its_place() {
    let world = World::new().await;
    let ask = Ask::new("POST", "/api/v1/users");
    let shape = world
        .owner(ask.clone().json(json!({ "name": "x", "kind": "robot", "password": "" })))
        .await;
    assert_eq!(
        (shape.status.as_u16(), shape.json()["errors"][0]["pointer"].as_str()),
        (422, Some("/kind"))
    );
    let short = json!({ "name": "x", "kind": "smtp", "role": null, "password": "short" });
    let short = world.owner(ask.clone().json(short)).await;
    assert_eq!(
        (short.status.as_u16(), short.json()["errors"][0]["pointer"].as_str()),
        (422, Some("/password"))
    );
    assert!(!String::from_utf8_lossy(&short.bytes).contains("short\""));
    assert_eq!(world.owner(ask.with("content-type", "application/json")).await.status, 400);
}

#[tokio::test]
async fn answers_carry_the_headers_that_keep_a_browser_in() {
    let world = World::new().await;
    for path in ["/", "/rules", "/healthz", "/api/v1/session", "/api/v1/users", "/assets/none.js"] {
        let answer = world.ask(Ask::new("GET", path)).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        let api = path.starts_with("/api");
        assert_eq!(answer.header("cache-control") == "no-store", api, "{path}");
    }
}

#[tokio::test]
async fn refused_sign_ins_are_in_the_audit_log_with_the_lock_out_and_no_name_is_longer_than_a_name()
{
    let world = World::new().await;
    world.make_person("anna", Role::Owner).await;
    let wrong = |name: String| credentials(&name, "not the password");
    assert_eq!(world.ask(wrong("x".repeat(100_000))).await.status, 401);
    for _ in 0..5 {
        assert_eq!(world.ask(wrong("anna".to_owned())).await.status, 401);
    }
    assert_eq!(world.ask(wrong("anna".to_owned())).await.status, 429);
    let audit = world.get("/api/v1/audit?what=session").await;
    let items = audit["items"].as_array().unwrap();
    let words: Vec<&str> = items.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    let refused = "session.refused";
    assert_eq!(words, ["session.locked", refused, refused, refused, refused, refused]);
    assert_eq!((&items[0]["by"], &items[0]["from"]), (&json!("anna"), &json!("192.0.2.1")));
    assert_eq!(items[0]["after"]["account_waits_seconds"], 30);
    assert_eq!(items[5]["by"], "x".repeat(64));
}

#[tokio::test]
async fn a_password_that_is_asked_for_again_and_right_takes_no_try_away() {
    let world = World::new().await;
    world.make_person("anna", Role::Owner).await;
    let anna = world.sign_in("anna").await;
    for round in 0..7 {
        let body = json!({ "current": PASSWORD, "new": PASSWORD });
        let ask = Ask::new("PUT", "/api/v1/account/password").json(body);
        assert_eq!(world.ask(as_person(ask, &anna)).await.status, 204, "{round}");
    }
}

#[tokio::test]
async fn an_admin_ends_no_token_and_no_session_of_an_owner() {
    let world = World::new().await;
    let (_, admin) = (
        world.make_person("olga", Role::Owner).await,
        world.make_token("admin's", Role::Admin).await,
    );
    world.sign_in("olga").await;
    let sessions = world.get("/api/v1/sessions").await;
    let session = format!("/api/v1/sessions/{}", sessions["items"][0]["id"].as_str().unwrap());
    let tokens = world.get("/api/v1/tokens").await;
    let theirs = tokens["items"].as_array().unwrap().iter().find(|token| token["role"] == "owner");
    let token = format!("/api/v1/tokens/{}", theirs.unwrap()["id"].as_str().unwrap());
    for path in [&session, &token] {
        let ask = Ask::new("DELETE", path).token(&admin);
        assert_eq!(world.ask(ask).await.status, 403, "{path}");
    }
    assert_eq!(world.owner(Ask::new("DELETE", &session)).await.status, 204);
    assert_eq!(world.owner(Ask::new("DELETE", &token)).await.status, 204);
}

#[tokio::test]
async fn a_token_makes_none_that_outlasts_it() {
    let world = World::new().await;
    let draft = |days: Option<u32>| {
        let body = json!({ "name": "next", "role": "viewer", "expires_in_days": days });
        Ask::new("POST", "/api/v1/tokens").json(body)
    };
    let short = json!({ "name": "short", "role": "admin", "expires_in_days": 2 });
    let made = world.owner(Ask::new("POST", "/api/v1/tokens").json(short)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(world.ask(draft(None).token(&token)).await.status, 403);
    assert_eq!(world.ask(draft(Some(3)).token(&token)).await.status, 403);
    assert_eq!(world.ask(draft(Some(1)).token(&token)).await.status, 201);
}

#[tokio::test]
async fn another_role_ends_the_sessions_of_its_account() {
    let world = World::new().await;
    let anna = world.make_person("anna", Role::Admin).await;
    let signed_in = world.sign_in("anna").await;
    let path = format!("/api/v1/users/{}", anna.id);
    let edit = |role: &str| Ask::new("PUT", &path).json(json!({ "role": role }));
    let is_in = async || {
        let ask = Ask::new("GET", "/api/v1/account").with("cookie", &signed_in.cookie);
        world.ask(ask).await.status == 200
    };
    assert_eq!(world.owner(edit("admin")).await.status, 200);
    assert!(is_in().await, "it is the role that it had");
    assert_eq!(world.owner(edit("viewer")).await.status, 200);
    assert!(!is_in().await);
}

#[tokio::test]
async fn a_password_that_is_too_short_may_be_tried_again_at_once() {
    let world = World::new().await;
    let link = world.store.setup_link().await.unwrap().unwrap();
    let set_up = |password: &str| {
        let body = json!({ "token": link.expose(), "name": "anna", "password": password });
        Ask::new("POST", "/api/v1/setup").json(body)
    };
    for _ in 0..8 {
        assert_eq!(world.ask(set_up("short")).await.status, 422);
    }
    assert_eq!(world.ask(set_up(PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn guesses_at_the_one_time_link_keep_nobody_else_from_it() {
    let world = World::new().await;
    let link = world.store.setup_link().await.unwrap().unwrap();
    let set_up = |token: &str| {
        let body = json!({ "token": token, "name": "anna", "password": PASSWORD });
        Ask::new("POST", "/api/v1/setup").json(body)
    };
    for _ in 0..5 {
        assert_eq!(world.ask(set_up("a guess")).await.status, 403);
    }
    assert_eq!(world.ask(set_up("a guess")).await.status, 429);
    assert_eq!(world.ask_from("192.0.2.9:1", set_up(link.expose())).await.status, 200);
    let audit = world.get("/api/v1/audit?what=session.locked").await;
    assert_eq!(
        (&audit["items"][0]["what"], &audit["items"][0]["by"]),
        (&json!("session.locked"), &json!("one-time link"))
    );
}
