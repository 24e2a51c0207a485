//! Evidence over the API: who may look, who may take it away, and what is taken.

use gatepost_store::evidence::{Evidence as _, verify};
use gatepost_store::{Clock as _, Role};

use super::world::{Ask, World};

const EXPORT: &str = "/api/v1/tls/evidence/export?from=2026-01-01&to=2026-12-31";

#[tokio::test]
async fn evidence_is_looked_at_by_a_viewer_and_taken_by_an_auditor() {
    let world = World::new().await;
    world.store.close_days(world.clock.now()).await.unwrap();
    let viewer = world.make_token("viewer's", Role::Viewer).await;
    let auditor = world.make_token("auditor's", Role::Auditor).await;
    let seen = world.ask(Ask::new("GET", "/api/v1/tls/evidence").token(&viewer)).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let seen = seen.json();
    assert_eq!((&seen["records"], &seen["complete"]), (&0.into(), &true.into()));
    assert_eq!((&seen["roots"]["days"], &seen["roots"]["signed"]), (&1.into(), &0.into()));
    let refused = world.ask(Ask::new("GET", EXPORT).token(&viewer)).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let file = world.ask(Ask::new("GET", EXPORT).token(&auditor)).await;
    assert_eq!(file.status, 200, "{file:?}");
    assert!(file.header("content-disposition").contains("evidence-2026-01-01-2026-12-31.jsonl"));
    let checked = verify(file.bytes.as_slice(), &[]).unwrap();
    assert!(checked.is_good(), "{:?}", checked.problems);
    assert_eq!(checked.instance, "gateway.acme.example");
    assert_eq!(checked.key.fingerprint(), seen["key_fingerprint"]);
    let log = world.owner(Ask::new("GET", "/api/v1/audit?what=evidence.export")).await.json();
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
    assert_eq!(log["items"][0]["by"], "auditor's");
    assert_eq!(log["items"][0]["after"]["addresses"], "hidden");
}

#[tokio::test]
async fn a_browser_takes_it_compressed_and_whole() {
    let world = World::new().await;
    world.store.close_days(world.clock.now()).await.unwrap();
    let plain = world.owner(Ask::new("GET", EXPORT)).await;
    let packed = world.owner(Ask::new("GET", EXPORT).with("accept-encoding", "gzip")).await;
    assert_eq!((packed.status.as_u16(), packed.header("content-encoding")), (200, "gzip"));
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed.bytes[..]), &mut text)
        .unwrap();
    assert!(packed.bytes.len() < plain.bytes.len());
    let checked = gatepost_store::evidence::verify(text.as_slice(), &[]).unwrap();
    assert!(checked.is_good(), "{:?}", checked.problems);
}

#[tokio::test]
async fn roots_come_a_page_at_a_time() {
    let world = World::new().await;
    world.store.close_days(world.clock.now()).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(3 * 86_400));
    world.store.close_days(world.clock.now()).await.unwrap();
    let first = world.owner(Ask::new("GET", "/api/v1/tls/evidence/roots?limit=3")).await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), &first["total"]), (3, &4.into()));
    assert!(first["items"][0]["closed"].is_string());
    let path =
        format!("/api/v1/tls/evidence/roots?limit=3&cursor={}", first["next"].as_str().unwrap());
    let rest = world.owner(Ask::new("GET", &path)).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &().into()));
    assert!(rest["items"][0]["closed"].is_null());
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_told() {
    let world = World::new().await;
    for (query, status) in [
        ("from=yesterday", 400),
        ("from=2026-02-01&to=2026-01-01", 400),
        ("domain=no%20domain", 400),
        ("rule_data=nothing", 404),
        ("since=2026-01-01", 400),
    ] {
        for path in ["/api/v1/tls/evidence", "/api/v1/tls/evidence/export"] {
            let answer = world.owner(Ask::new("GET", &format!("{path}?{query}"))).await;
            assert_eq!(answer.status, status, "{path}?{query}: {answer:?}");
        }
    }
    let answer = world.owner(Ask::new("GET", &format!("{EXPORT}&addresses=some"))).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}
