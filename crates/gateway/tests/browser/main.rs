//! The console in a real browser, against the real binary with real mail behind it.
//!
//! A test here is one file of `ui/e2e`: it gets a gateway that was just started, on a store of its own, with sites
//! around it that take mail and say what they saw. Chromium is Debian's, driven by Playwright; the clicks, and what
//! is held against what the sites saw, are in that file. Without Node.js, Chromium or the built console a test is
//! skipped, loudly.

#[path = "../outside/gateway.rs"]
#[expect(dead_code, reason = "shared with tests that start a gateway on sites of another kind")]
mod gateway;
mod past;
#[path = "../outside/peers.rs"]
#[expect(dead_code, reason = "shared with tests that need other programs")]
mod peers;
mod stage;

use stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_three_set_ups_by_clicking() {
    Stage::run("guide").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_come_in_and_what_they_may_do() {
    Stage::run("access").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_and_one_policy() {
    Stage::run("conflict").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journey_from_a_pasted_list_to_a_proof() {
    Stage::run("journey").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_is_accessible_and_drawn() {
    Stage::run("screens").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_says_what_it_has_not() {
    Stage::run("states").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_is_inert() {
    Stage::run("hostile").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures the machine, and takes minutes: make bench-console"]
async fn the_console_over_a_long_past_is_measured() {
    Stage::measure("bench").await;
}
