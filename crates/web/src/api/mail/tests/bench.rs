//! How long each list takes over 100,000 messages. Ignored: it takes minutes and measures the machine.
//!
//! `cargo test --release -p gatepost-web --lib -- --ignored --nocapture lists_over_100_000_messages`

use std::time::Instant;

use super::*;

/// Messages; half of them were delivered, the rest waits.
const MESSAGES: usize = 100_000;

async fn fill(world: &World) {
    for number in 0..MESSAGES {
        world.clock.advance(Duration::from_millis(20));
        let place = if number % 2 == 0 { "done" } else { "late" };
        let to = format!("anna{number}@{place}{}.example", number % 50);
        send(world, &format!("Angebot {number}"), &[&to]).await;
    }
    for number in 0..50 {
        let (place, outcome) =
            if number % 2 == 0 { ("done", Ending::Delivered) } else { ("late", Ending::Deferred) };
        attempt(world, &format!("{place}{number}.example"), outcome).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
async fn measure(world: &World, path: &str) -> Value {
    let began = Instant::now();
    let answer = world.get(path).await;
    let took = began.elapsed().as_millis();
    let rows = answer["items"].as_array().map_or(0, Vec::len);
    println!("{took:>6} ms  {rows:>5} rows  {path}");
    answer
}

#[tokio::test]
#[ignore = "it takes minutes, and measures the machine"]
async fn lists_over_100_000_messages() {
    let world = World::new().await;
    fill(&world).await;
    for path in [
        "overview",
        "overview",
        "history",
        "history?limit=1000",
        "history?q=angebot%2050000",
        "history?q=nothing-has-this",
        "history?recipient=anna7%40late7.example",
        "history?domain=late7.example",
        "history?state=bounced",
        "history?state=delivered",
        "history?state=waiting",
        "history?rule=nothing",
        "messages",
        "messages?limit=1000",
        "messages?q=nothing-has-this",
        "messages?why=tls.alert",
        "messages?sender=nobody%40acme.example",
        "queue",
        "queue?limit=1000",
        "queue?filter=domain%3Dlate49.example",
        "queue?filter=recipient%3Dnothing%2A",
        "queue/count",
        "queue/count?filter=age%3E1h",
        "queue/shape",
        "quarantine",
        "tls/report",
        "tls/report?domain=late7.example",
    ] {
        measure(&world, &format!("/api/v1/{path}")).await;
    }
    for list in ["history", "messages", "queue"] {
        let mut cursor = String::new();
        for _ in 0..40 {
            let path = format!("/api/v1/{list}?limit=1000{cursor}");
            let page = world.get(&path).await;
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        measure(&world, &format!("/api/v1/{list}?limit=100{cursor}")).await;
    }
}
