//! Sign-ins by a provider, through the routes of the API, well-meant and hostile (row S20).

use std::sync::Arc;
use std::time::Duration;

use gatepost_store::{Accounts as _, Role, Secret};
use serde_json::json;

use super::{Oidc, Provider};
use crate::api::tests::world::{Answer, Ask, World};

mod fake;

use fake::{CLIENT, Fake, ISSUER, Lie, SECRET};

fn provider() -> Provider {
    let role = |group: &str, role| (group.to_owned(), role);
    Provider {
        name: "Acme".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret::new(SECRET)),
        redirect: "https://gate.acme.example/api/v1/oidc/callback".to_owned(),
        groups_claim: "groups".to_owned(),
        roles: vec![role("mail-admins", Role::Admin), role("staff", Role::Viewer)],
        scopes: vec!["profile".to_owned()],
        audiences: Vec::new(),
    }
}

fn anna(groups: &[&str]) -> serde_json::Value {
    json!({ "sub": "4711", "preferred_username": "anna", "groups": groups })
}

/// A gateway and its provider.
struct Both {
    world: World,
    fake: Fake,
}

/// A browser that was sent to the provider.
struct Out {
    address: String,
    cookie: String,
}

impl Both {
    async fn new(groups: &[&str]) -> Self {
        Self::with(provider(), groups).await
    }

    async fn with(provider: Provider, groups: &[&str]) -> Self {
        let fake = Fake::new(anna(groups));
        let oidc = Oidc::new(provider, Arc::new(fake.clone())).unwrap();
        Self { world: World::signing_on(Arc::new(oidc)).await, fake }
    }

    async fn start(&self) -> Out {
        let answer = self.world.ask(Ask::new("GET", "/api/v1/oidc/start")).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let kept = answer.header("set-cookie");
        for part in ["; HttpOnly", "; SameSite=Lax", "; Max-Age=600", "; Path=/"] {
            assert!(kept.contains(part), "{kept}");
        }
        let cookie = kept.split(';').next().unwrap().to_owned();
        Out { address: answer.header("location").to_owned(), cookie }
    }

    async fn back(&self, cookie: &str, query: &str) -> Answer {
        let path = format!("/api/v1/oidc/callback?{query}");
        let ask = Ask::new("GET", &path);
        self.world.ask(if cookie.is_empty() { ask } else { ask.with("cookie", cookie) }).await
    }

    /// The whole way, out and back.
    async fn sign_in(&self) -> Answer {
        let out = self.start().await;
        let (state, code) = self.fake.consent(&out.address);
        self.back(&out.cookie, &format!("state={state}&code={code}&session_state=x")).await
    }
}

/// The cookie of the session that an answer opens.
fn session(answer: &Answer) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").iter();
    all.filter_map(|line| line.to_str().ok()?.split(';').next())
        .find(|pair| pair.starts_with("gatepost=") && pair.len() > 20)
        .map(str::to_owned)
}

fn refused(answer: &Answer, status: u16, words: &str) {
    let text = String::from_utf8_lossy(&answer.bytes);
    assert_eq!(answer.status, status, "{text}");
    assert!(text.contains("<h1>Not signed in</h1>") && text.contains(words), "{text}");
    assert_eq!(session(answer), None);
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "what was kept is dropped");
}

#[tokio::test]
async fn a_person_comes_in_with_the_role_of_the_groups() {
    let both = Both::new(&["staff", "mail-admins"]).await;
    let button = both.world.ask(Ask::new("GET", "/api/v1/session")).await;
    assert_eq!(button.json()["oidc"], json!({ "name": "Acme" }));
    let answer = both.sign_in().await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    let cookie = session(&answer).expect("a session");
    let me = both.world.ask(Ask::new("GET", "/api/v1/session").with("cookie", &cookie)).await;
    let me = me.json()["user"].clone();
    assert_eq!(
        (&me["name"], &me["role"], &me["sso"]),
        (&json!("anna"), &json!("admin"), &json!(true))
    );

    both.fake.claims(anna(&["staff"]));
    let cookie = session(&both.sign_in().await).expect("a session");
    let again = both.world.ask(Ask::new("GET", "/api/v1/session").with("cookie", &cookie)).await;
    let again = again.json()["user"].clone();
    assert_eq!((&again["id"], &again["role"]), (&me["id"], &json!("viewer")), "the same account");
    assert_eq!(both.fake.asked("/.well-known/openid-configuration"), 1, "it is kept for a while");
}

#[tokio::test]
async fn without_a_group_that_counts_nobody_comes_in() {
    for groups in [&[][..], &["Staff"], &["owners", "x"]] {
        let both = Both::new(groups).await;
        refused(&both.sign_in().await, 403, "no group");
        assert_eq!(both.world.store.users().await.unwrap().len(), 0, "no account is made");
    }
}

#[tokio::test]
async fn who_has_lost_all_groups_is_out_everywhere_with_the_next_sign_in() {
    let both = Both::new(&["mail-admins"]).await;
    let local = both.world.make_person("Ben", Role::Owner).await;
    let theirs = both.world.sign_in("Ben").await.cookie;
    let cookie = session(&both.sign_in().await).expect("a session");
    let me = async |cookie: &str| {
        let ask = Ask::new("GET", "/api/v1/session").with("cookie", cookie);
        both.world.ask(ask).await.json()["user"].clone()
    };
    assert_eq!(me(&cookie).await["role"], "admin");
    both.fake.claims(anna(&[]));
    refused(&both.sign_in().await, 403, "no group");
    assert_eq!(me(&cookie).await, json!(null));
    assert_eq!(me(&theirs).await["id"], local.id.to_string(), "nobody else is out");
    let users = both.world.store.users().await.unwrap();
    let user = users.iter().find(|user| user.sso.is_some()).unwrap();
    assert_eq!(user.kind, gatepost_store::UserKind::Person(Role::Viewer));
    let audit = both.world.get("/api/v1/audit?what=user.change").await;
    assert_eq!(audit["items"][0]["after"], json!({ "role": "viewer", "sessions_ended": 1 }));
    assert_eq!(audit["items"][0]["reason"], "anna is in no group that has a role");
    // With a group again, everything is as before.
    both.fake.claims(anna(&["mail-admins"]));
    let cookie = session(&both.sign_in().await).expect("a session");
    assert_eq!(me(&cookie).await["role"], "admin");
}

#[tokio::test]
async fn a_session_of_single_sign_on_ends_after_four_hours_in_any_case() {
    let both = Both::new(&["staff"]).await;
    both.world.make_person("Ben", Role::Viewer).await;
    let local = both.world.sign_in("Ben").await.cookie;
    let cookie = session(&both.sign_in().await).expect("a session");
    let is_in = async |cookie: &str| {
        let ask = Ask::new("GET", "/api/v1/session").with("cookie", cookie);
        !both.world.ask(ask).await.json()["user"].is_null()
    };
    for _ in 0..12 {
        assert!(is_in(&cookie).await && is_in(&local).await);
        both.world.clock.advance(Duration::from_secs(20 * 60));
    }
    assert!(!is_in(&cookie).await);
    assert!(is_in(&local).await, "a local one goes on");
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_lets_nobody_in() {
    for lie in [
        Lie::Nonce,
        Lie::NoNonce,
        Lie::Audience,
        Lie::SecondAudience,
        Lie::Issuer,
        Lie::AlgNone,
        Lie::OurSecret,
        Lie::WrongKey,
        Lie::Expired,
        Lie::Party,
        Lie::AccessToken,
        Lie::NoToken,
        Lie::Garbage,
    ] {
        let both = Both::new(&["staff"]).await;
        both.fake.lie(lie);
        let answer = both.sign_in().await;
        assert_eq!(answer.status, 403, "{lie:?}");
        refused(&answer, 403, "cannot be trusted");
        assert_eq!(both.world.store.users().await.unwrap().len(), 0, "{lie:?}");
        both.fake.lie(Lie::None);
        assert!(session(&both.sign_in().await).is_some(), "{lie:?}: the truth is believed");
    }
}

#[tokio::test]
async fn an_audience_that_is_listed_is_taken() {
    let listed = Provider { audiences: vec!["somebody else".to_owned()], ..provider() };
    let both = Both::with(listed, &["staff"]).await;
    both.fake.lie(Lie::SecondAudience);
    assert!(session(&both.sign_in().await).is_some());
    both.fake.lie(Lie::Audience);
    refused(&both.sign_in().await, 403, "cannot be trusted");
}

#[tokio::test]
async fn what_comes_back_counts_in_the_browser_that_it_began_in() {
    let both = Both::new(&["staff"]).await;
    let (mine, theirs) = (both.start().await, both.start().await);
    let (state, code) = both.fake.consent(&mine.address);
    let good = format!("state={state}&code={code}");
    refused(&both.back("", &good).await, 400, "did not begin in this browser");
    refused(&both.back(&theirs.cookie, &good).await, 400, "did not begin in this browser");
    refused(&both.back(&mine.cookie, &format!("code={code}")).await, 400, "did not begin");
    let other = format!("state={state}x&code={code}");
    refused(&both.back(&mine.cookie, &other).await, 400, "did not begin");
    let mut forged = mine.cookie.clone();
    forged.replace_range(20..21, if forged.get(20..21) == Some("A") { "B" } else { "A" });
    refused(&both.back(&forged, &good).await, 400, "did not begin");
}

#[tokio::test]
async fn a_sign_in_is_good_for_ten_minutes_and_a_code_once() {
    let both = Both::new(&["staff"]).await;
    let out = both.start().await;
    let (state, code) = both.fake.consent(&out.address);
    let query = format!("state={state}&code={code}");
    assert!(session(&both.back(&out.cookie, &query).await).is_some());
    refused(&both.back(&out.cookie, &query).await, 403, "has not let you in");
    let late = both.start().await;
    let (state, code) = both.fake.consent(&late.address);
    both.world.clock.advance(Duration::from_secs(601));
    let query = format!("state={state}&code={code}");
    refused(&both.back(&late.cookie, &query).await, 400, "more than ten minutes ago");
}

#[tokio::test]
async fn a_code_of_another_sign_in_does_not_fit_the_verifier() {
    let both = Both::new(&["staff"]).await;
    let (victim, thief) = (both.start().await, both.start().await);
    let (_, stolen) = both.fake.consent(&victim.address);
    let (state, _) = both.fake.consent(&thief.address);
    let query = format!("state={state}&code={stolen}");
    refused(&both.back(&thief.cookie, &query).await, 403, "has not let you in");
}

#[tokio::test]
async fn the_provider_may_refuse_and_another_may_not_answer_for_it() {
    let both = Both::new(&["staff"]).await;
    let out = both.start().await;
    let (state, code) = both.fake.consent(&out.address);
    let denied = format!("state={state}&error=access_denied%3Cscript%3E");
    let answer = both.back(&out.cookie, &denied).await;
    refused(&answer, 403, "has not let you in");
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("script"));
    let other = format!("state={state}&code={code}&iss=https%3A%2F%2Fid.evil.example");
    refused(&both.back(&out.cookie, &other).await, 403, "cannot be trusted");
    let ours = format!("state={state}&code={code}&iss=https%3A%2F%2Fid.acme.example");
    assert!(session(&both.back(&out.cookie, &ours).await).is_some());
}

#[tokio::test]
async fn a_name_is_no_proof_of_who_somebody_is() {
    let both = Both::new(&["staff"]).await;
    let local = both.world.make_person("Anna", Role::Owner).await;
    assert!(session(&both.sign_in().await).is_some());
    let users = both.world.store.users().await.unwrap();
    let theirs = users.iter().find(|user| user.id != local.id).unwrap();
    assert!(theirs.name.starts_with("anna ") && theirs.name != "anna ", "{}", theirs.name);
    assert_eq!(theirs.sso.as_deref(), Some("https://id.acme.example|4711"));
    let kept = users.iter().find(|user| user.id == local.id).unwrap();
    assert_eq!((kept.sso.as_deref(), kept.kind), (None, local.kind));
}

#[tokio::test]
async fn groups_that_the_token_leaves_out_are_asked_for() {
    let both = Both::new(&[]).await;
    both.fake.claims(json!({ "sub": "4711" }));
    refused(&both.sign_in().await, 403, "cannot be trusted");
    both.fake.userinfo(json!({ "sub": "4712", "groups": ["staff"] }));
    refused(&both.sign_in().await, 403, "cannot be trusted");
    both.fake.userinfo(json!({ "sub": "4711", "email": "anna@acme.example", "groups": "staff" }));
    assert!(session(&both.sign_in().await).is_some());
    assert_eq!(both.world.store.users().await.unwrap()[0].name, "anna@acme.example");
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_fetched() {
    let both = Both::new(&["staff"]).await;
    assert!(session(&both.sign_in().await).is_some());
    let out = both.start().await;
    both.fake.new_key("2");
    let (state, code) = both.fake.consent(&out.address);
    assert!(
        session(&both.back(&out.cookie, &format!("state={state}&code={code}")).await).is_some()
    );
    assert_eq!(both.fake.asked("/jwks"), 2);
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_to_be() {
    let both = Both::new(&["staff"]).await;
    both.fake.down(true);
    let answer = both.world.ask(Ask::new("GET", "/api/v1/oidc/start")).await;
    refused(&answer, 503, "cannot be asked at present");
    let alone = World::new().await;
    assert_eq!(alone.ask(Ask::new("GET", "/api/v1/oidc/start")).await.status, 404);
    assert_eq!(alone.ask(Ask::new("GET", "/api/v1/oidc/callback")).await.status, 404);
}

#[tokio::test]
async fn somebody_who_tries_again_and_again_has_to_wait() {
    let both = Both::new(&["staff"]).await;
    for _ in 0..5 {
        refused(&both.back("", "state=x&code=y").await, 400, "did not begin");
    }
    assert_eq!(both.back("", "state=x&code=y").await.status, 429);
    let from_elsewhere = Ask::new("GET", "/api/v1/oidc/callback?state=x&code=y");
    assert_eq!(both.world.ask_from("192.0.2.9:1", from_elsewhere).await.status, 400);
}
