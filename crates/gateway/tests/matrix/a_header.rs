//! Group A: the header, the rules that write it, spoofing, and recipients that need different things.

use std::net::SocketAddr;

use gatepost_policy::document::{PolicyDocument, Profile};
use gatepost_policy::evidence::{Attempt, NoTls, Why};
use gatepost_policy::rules::RuleSet;
use gatepost_policy::tls::Level;
use gatepost_testkit::{Cert, Channel, FakeMx, TestCa, invariants};

use crate::client::Client;
use crate::process::{Gateway, wait_for};
use crate::verdict::Verdict;
use crate::world::{BOUND, SENDER, Setup, World, header_rule, message, require};

const TRY: &str = "x-TLSLevel: Try";
const REQUIRE: &str = "x-TLSLevel: Require";

/// The guide's set of enforced domains and the condition on it.
const ENFORCED: &str = "[[rule_data]]\nname = \"TLS Enforced Domains\"\nkind = \"domains\"\nvalues = [\"req.test\"]\n\n";

/// A rule of the guide: outbound, the recipient in the list or not, one header.
fn listed(name: &str, how: &str, header: &str) -> String {
    format!(
        "[[rule]]\nname = {name:?}\nconditions = [\n  {{ condition = \"direction\", match = \"matches\", value = \"outbound\" }},\n  \
         {{ condition = \"recipient\", match = {how:?}, rule_data = \"TLS Enforced Domains\" }},\n]\n\
         actions = [{{ action = \"add_message_header\", value = {header:?} }}]\nfinal_action = \"none\"\n\n"
    )
}

/// The shipped set-up, with submitted fields raising the level.
fn raising(rules: &str) -> Setup<'static> {
    Setup {
        delivery: "submitted_tls_level = \"raise\"",
        rules: rules.to_owned(),
        ..Setup::default()
    }
}

/// A message that carries these header lines.
fn carrying(lines: &str) -> String {
    format!("{lines}{}", message("with a field of its own"))
}

#[tokio::test]
async fn a01_shipped_policy_sends_in_clear_where_starttls_is_not_offered() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_clear(NoTls::NotOffered);
    assert_eq!(
        (attempt.level, attempt.decided_by.rule.as_deref()),
        (Level::Try, Some("Opportunistic TLS"))
    );
    let seen = mx.connections();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].clear_verbs()[..4], ["EHLO", "MAIL", "RCPT", "DATA"]);
    assert_eq!(mx.messages()[0].fields("x-TLSLevel"), [TRY]);
    world.finish().await;
}

#[tokio::test]
async fn a02_plain_account_sends_in_clear_even_where_starttls_is_offered() {
    let mut world = World::new().await;
    let without = world.site("d.test", FakeMx::without_starttls()).await;
    let offering = world.site("e.test", FakeMx::default()).await;
    world
        .start(Setup {
            delivery: "default_tls_level = \"plain\"",
            rules: "[[rule]]\nsystem = \"opportunistic_tls\"\nactive = false\n".to_owned(),
            ..Setup::default()
        })
        .await;
    for (recipient, mx) in [("b@d.test", without), ("b@e.test", offering)] {
        let attempt = world.send_one(recipient).await;
        attempt.is_sent_clear(NoTls::LevelPlain);
        assert!(attempt.decided_by.default);
        assert_eq!(mx.connections().len(), 1);
        assert!(!mx.connections()[0].clear_verbs().contains(&"STARTTLS".to_owned()));
        assert!(mx.messages()[0].fields("x-TLSLevel").is_empty());
    }
    world.finish().await;
}

#[tokio::test]
async fn a03_try_uses_tls_where_it_is_offered() {
    let rules = header_rule("Opportunistic TLS to all", None, "x-TLSLevel:Try");
    let (world, mx) = World::with_site(FakeMx::default(), Setup::with(rules)).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.decided_by.rule.as_deref(), Some("Opportunistic TLS to all"));
    assert_eq!(mx.connections().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a04_require_without_a_blank_is_obeyed_and_written_with_one() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::with(require())).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.level, Level::Require);
    assert_eq!(attempt.decided_by.header.as_deref(), Some(REQUIRE));
    assert_eq!(mx.messages()[0].fields("x-TLSLevel"), [REQUIRE]);
    world.finish().await;
}

#[tokio::test]
async fn a05_field_name_and_value_are_case_insensitive() {
    let rules = header_rule("Shouting", None, "X-TLSLEVEL: rEqUiRe");
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.level, Level::Require);
    assert_eq!(mx.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    world.finish().await;
}

#[tokio::test]
async fn a07_submitted_require_counts_when_it_is_folded() {
    let (world, _) = World::with_site(FakeMx::without_starttls(), raising("")).await;
    world.send_text(&["b@d.test"], &carrying("x-TLSLevel:\r\n Require\r\n")).await;
    let attempt = world.attempt("b@d.test", 1).await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.decided_by.header.as_deref(), Some(REQUIRE));
    assert_eq!(attempt.decided_by.rule, None);
    world.finish().await;
}

#[tokio::test]
async fn a08_submitted_require_counts_in_the_obsolete_form() {
    let (world, _) = World::with_site(FakeMx::without_starttls(), raising("")).await;
    world.send_text(&["b@d.test"], &carrying("x-TLSLevel : Require\r\n")).await;
    world.attempt("b@d.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.finish().await;
}

#[tokio::test]
async fn a09_first_of_two_fields_decides_require_then_try() {
    let rules = require() + &header_rule("Try below", None, "x-TLSLevel:Try");
    let (mut world, mx) = World::with_site(
        FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() },
        Setup::with(rules),
    )
    .await;
    world.expected.fields.insert("b@d.test".to_owned(), vec![REQUIRE.to_owned(), TRY.to_owned()]);
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let event = world.event("duplicate").await;
    assert!(event.detail.to_string().contains("Try below"), "{event:?}");
    world.next_attempt("b@d.test", 2).await.is_sent_tls();
    assert_eq!(mx.messages().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a10_try_above_require_sends_in_clear_and_warns_of_both_rules() {
    let rules = header_rule("Try above", None, "x-TLSLevel:Try") + &require();
    let (mut world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    world.expected.fields.insert("b@d.test".to_owned(), vec![TRY.to_owned(), REQUIRE.to_owned()]);
    world.send_one("b@d.test").await.is_sent_clear(NoTls::NotOffered);
    let event = world.event("duplicate, enforcement shadowed").await;
    let detail = event.detail.to_string();
    assert!(detail.contains("Try above") && detail.contains("Enforced TLS"), "{detail}");
    assert_eq!(mx.connections().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a12_value_that_nobody_knows_acts_as_require() {
    let rules = header_rule("Mistyped", None, "x-TLSLevel: Requre");
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.level, Level::Require);
    world.event("unknown-value").await;
    assert_eq!(mx.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    world.finish().await;
}

#[tokio::test]
async fn a13_value_that_nobody_knows_acts_as_require_and_not_as_verify() {
    let rules = header_rule("Mistyped", None, "x-TLSLevel: Requre");
    let (world, _) =
        World::with_site(FakeMx::with_cert(Cert::SelfSigned), Setup::with(rules)).await;
    world.send_one("b@d.test").await.is_sent_tls();
    world.finish().await;
}

#[tokio::test]
async fn a15_only_the_exact_token_is_a_level() {
    let values = ["Try, Require", "\"Try\"", "Try (x)", "Try;", "=?utf-8?q?Try?="];
    let mut world = World::new().await;
    let mut rules = String::new();
    for (number, value) in values.iter().enumerate() {
        world.site(&format!("d{number}.test"), FakeMx::without_starttls()).await;
        let domain = format!("d{number}.test");
        rules.push_str(&header_rule(
            &format!("Value {number}"),
            Some(&domain),
            &format!("x-TLSLevel: {value}"),
        ));
    }
    world.start(Setup::with(rules)).await;
    for (number, value) in values.iter().enumerate() {
        let attempt = world.send_one(&format!("b@d{number}.test")).await;
        assert_eq!(attempt.decided_by.header, Some(format!("x-TLSLevel: {value}")));
        attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    }
    world.finish().await;
}

#[tokio::test]
async fn a17_unknown_value_set_to_defer_waits_without_a_connection() {
    let setup = Setup {
        delivery: "unknown_tls_level = \"defer\"",
        rules: header_rule("Mistyped", None, "x-TLSLevel: Requre"),
        ..Setup::default()
    };
    let (world, mx) = World::with_site(FakeMx::without_starttls(), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.3.5", Why::PolicyBroken);
    assert!(mx.connections().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a18_text_outside_the_top_level_header_is_no_field() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), raising("")).await;
    let head = "From: a@acme.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let in_body = format!("From: a@acme.test\r\n\r\n{REQUIRE}\r\n\r\ntext\r\n");
    let in_part = format!("{head}--b\r\n{REQUIRE}\r\n\r\ntext\r\n--b--\r\n");
    let attached = format!(
        "{head}--b\r\nContent-Type: message/rfc822\r\n\r\n{REQUIRE}\r\nFrom: x@y.test\r\n\r\ntext\r\n--b--\r\n"
    );
    for (number, text) in [in_body, in_part, attached].iter().enumerate() {
        world.send_text(&["b@d.test"], text).await;
        world.attempt("b@d.test", number + 1).await.is_sent_clear(NoTls::NotOffered);
        let body = String::from_utf8(mx.messages()[number].message.clone()).unwrap();
        assert!(body.contains(REQUIRE), "the text itself is not touched: {body}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a20_require_far_down_a_long_header_section_is_not_overlooked() {
    let (world, _) = World::with_site(FakeMx::without_starttls(), raising("")).await;
    let many: String = (0..1499).map(|number| format!("X-Filler-{number}: x\r\n")).collect();
    let long = format!("X-Long: {}\r\n", format!("{}\r\n ", "y".repeat(900)).repeat(66) + "end");
    for (number, above) in [many, long].iter().enumerate() {
        let reply = world
            .client()
            .await
            .send(SENDER, &["b@d.test"], carrying(&format!("{above}{REQUIRE}\r\n")).as_bytes())
            .await;
        if reply.starts_with("250") {
            world
                .attempt("b@d.test", number + 1)
                .await
                .is_deferred("4.7.4", Why::StartTlsNotOffered);
        } else {
            assert!(reply.contains("5.3.4") || reply.contains("5.6.0"), "{reply}");
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn a21_try_from_a_sender_is_removed_and_the_rule_decides() {
    let script = FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() };
    let (world, mx) = World::with_site(script, Setup::with(require())).await;
    world.send_text(&["b@d.test"], &carrying("x-TLSLevel: Try\r\n")).await;
    world.attempt("b@d.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.event("spoof-removed").await;
    world.next_attempt("b@d.test", 2).await.is_sent_tls();
    assert_eq!(mx.messages()[0].fields("x-TLSLevel"), [REQUIRE]);
    world.finish().await;
}

#[tokio::test]
async fn a22_require_from_a_sender_is_removed_and_changes_nothing() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::default()).await;
    world.send_text(&["b@d.test"], &carrying("x-TLSLevel: Require\r\n")).await;
    world.attempt("b@d.test", 1).await.is_sent_clear(NoTls::NotOffered);
    assert_eq!(mx.messages()[0].fields("x-TLSLevel"), [TRY]);
    world.event("spoof-removed").await;
    world.finish().await;
}

#[tokio::test]
async fn a22_require_from_a_sender_raises_the_level_where_that_is_set() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), raising("")).await;
    world.send_text(&["b@d.test"], &carrying("x-TLSLevel: Require\r\n")).await;
    let attempt = world.attempt("b@d.test", 1).await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(mx.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    world.finish().await;
}

#[tokio::test]
async fn a23_try_from_a_sender_never_lowers_what_a_rule_requires() {
    let (world, _) = World::with_site(FakeMx::without_starttls(), raising(&require())).await;
    world.send_text(&["b@d.test"], &carrying("x-TLSLevel: Try\r\n")).await;
    let attempt = world.attempt("b@d.test", 1).await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.decided_by.rule.as_deref(), Some("Enforced TLS"));
    world.finish().await;
}

#[tokio::test]
async fn a24_bare_cr_or_lf_never_makes_a_second_header() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::default()).await;
    for smuggled in ["Subject: a\rx-TLSLevel: Try\r\n", "Subject: a\nx-TLSLevel: Try\r\n"] {
        let reply =
            world.client().await.send(SENDER, &["b@d.test"], carrying(smuggled).as_bytes()).await;
        assert!(reply.starts_with("550 5.6.0"), "{smuggled:?}: {reply}");
    }
    assert!(world.queue().await.is_empty() && mx.connections().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a25_lenient_variants_are_stripped_and_a_look_alike_is_not_honoured() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), raising("")).await;
    let look_alike = "x-TLSL\u{435}vel: Require";
    let lines = format!("X-TlsLevel : Try\r\nX-TLSLevel\r\n : Try\r\n{look_alike}\r\n");
    world.send_text(&["b@d.test"], &carrying(&lines)).await;
    world.attempt("b@d.test", 1).await.is_sent_clear(NoTls::NotOffered);
    let received = &mx.messages()[0];
    let text = String::from_utf8(received.message.clone()).unwrap();
    assert!(text.contains(look_alike), "{text}");
    assert_eq!(received.fields("x-TLSLevel"), [TRY]);
    assert!(!text.contains("X-T"), "{text}");
    world.finish().await;
}

#[tokio::test]
async fn a27_one_message_to_two_domains_is_judged_for_each() {
    let mut world = World::new().await;
    let required = world.site("req.test", FakeMx::without_starttls()).await;
    let tried = world.site("try.test", FakeMx::without_starttls()).await;
    world
        .start(Setup::with(format!(
            "{ENFORCED}{}",
            listed("Enforced TLS", "matches", "x-TLSLevel:Require")
        )))
        .await;
    world.send(&["b@req.test", "b@try.test"]).await;
    world.attempt("b@req.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.attempt("b@try.test", 1).await.is_sent_clear(NoTls::NotOffered);
    assert_eq!(required.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    assert_eq!(tried.messages().len(), 1);
    let queue = world.queue().await;
    assert_eq!(
        queue.iter().map(|entry| entry.recipient.as_str()).collect::<Vec<_>>(),
        ["b@req.test"]
    );
    assert!(world.attempts(SENDER).await.is_empty(), "nothing is reported");
    world.finish().await;
}

#[tokio::test]
async fn a28_one_domain_with_two_levels_is_two_transactions_on_two_connections() {
    let rules = header_rule("Enforce one address", Some("a@d.test"), "x-TLSLevel:Require");
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    world.send(&["a@d.test", "b@d.test"]).await;
    world.attempt("a@d.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.attempt("b@d.test", 1).await.is_sent_clear(NoTls::NotOffered);
    let seen = mx.connections();
    assert_eq!(seen.len(), 2);
    let addressed: Vec<_> = seen.iter().flat_map(|c| c.rcpt_arguments(Channel::Clear)).collect();
    assert_eq!(addressed, ["b@d.test"]);
    world.finish().await;
}

#[tokio::test]
async fn a29_one_domain_with_two_levels_gets_two_copies_under_tls() {
    let rules = header_rule("Enforce one address", Some("a@d.test"), "x-TLSLevel:Require");
    let (world, mx) = World::with_site(FakeMx::default(), Setup::with(rules)).await;
    world.send(&["a@d.test", "b@d.test"]).await;
    world.attempt("a@d.test", 1).await.is_sent_tls();
    world.attempt("b@d.test", 1).await.is_sent_tls();
    let mut taken: Vec<_> =
        mx.messages().into_iter().map(|m| (m.to.clone(), m.fields("x-TLSLevel"))).collect();
    taken.sort();
    assert_eq!(
        taken,
        [
            (vec!["a@d.test".to_owned()], vec![REQUIRE.to_owned()]),
            (vec!["b@d.test".to_owned()], vec![TRY.to_owned()])
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn a31_try_dragged_above_require_decides_and_lint_says_so() {
    let rules = format!(
        "{ENFORCED}{}{}",
        header_rule("Opportunistic for all", None, "x-TLSLevel:Try"),
        listed("Enforced TLS", "matches", "x-TLSLevel:Require"),
    );
    let mut world = World::new().await;
    world.site("req.test", FakeMx::without_starttls()).await;
    let parsed = PolicyDocument::parse_toml(&world.policy(&rules), "policy.toml").unwrap();
    let set = RuleSet::compile(&parsed.document, &parsed.spans, Profile::Standard).unwrap();
    let findings = serde_json::to_value(set.lint()).unwrap();
    let about = |kind: &str| {
        findings
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["kind"] == kind && f["rule"] == "Enforced TLS")
    };
    assert!(about("duplicate_tls_level") && about("tls_downgrade"), "{findings:#}");
    world.start(Setup::with(rules)).await;
    world.expected.fields.insert("b@req.test".to_owned(), vec![TRY.to_owned(), REQUIRE.to_owned()]);
    world.send_one("b@req.test").await.is_sent_clear(NoTls::NotOffered);
    world.finish().await;
}

#[tokio::test]
async fn a32_combined_set_up_of_the_guide_gives_each_recipient_exactly_one_field() {
    let rules = format!(
        "{ENFORCED}{}{}",
        listed("Opportunistic for others", "does_not_match", "x-TLSLevel:Try"),
        listed("Enforced TLS", "matches", "x-TLSLevel:Require"),
    );
    let mut world = World::new().await;
    let script = FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() };
    let listed_site = world.site("req.test", script).await;
    let other_site = world.site("try.test", FakeMx::without_starttls()).await;
    world.start(Setup::with(rules)).await;
    world.send(&["b@req.test", "b@try.test"]).await;
    world.attempt("b@req.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.attempt("b@try.test", 1).await.is_sent_clear(NoTls::NotOffered);
    world.next_attempt("b@req.test", 2).await.is_sent_tls();
    assert_eq!(listed_site.messages()[0].fields("x-TLSLevel"), [REQUIRE]);
    assert_eq!(other_site.messages()[0].fields("x-TLSLevel"), [TRY]);
    world.finish().await;
}

#[tokio::test]
async fn a34_blind_copy_waits_on_its_own_and_leaves_no_trace_in_other_copies() {
    let mut world = World::new().await;
    let script = FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() };
    let blind = world.site("req.test", script).await;
    let open = world.site("try.test", FakeMx::without_starttls()).await;
    world
        .start(Setup::with(format!(
            "{ENFORCED}{}",
            listed("Enforced TLS", "matches", "x-TLSLevel:Require")
        )))
        .await;
    world.send(&["open@try.test", "blind@req.test"]).await;
    world.attempt("open@try.test", 1).await.is_sent_clear(NoTls::NotOffered);
    world.attempt("blind@req.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let wire = String::from_utf8(open.messages()[0].wire.clone()).unwrap();
    assert!(
        !wire.contains("blind") && !wire.contains("req.test") && !wire.contains("Require"),
        "{wire}"
    );
    world.next_attempt("blind@req.test", 2).await.is_sent_tls();
    let wire = String::from_utf8(blind.messages()[0].wire.clone()).unwrap();
    assert!(!wire.contains("open@try.test"), "{wire}");
    world.finish().await;
}

#[test]
fn a36_header_with_a_line_break_is_refused_when_the_policy_is_saved() {
    for value in ["x-Note: a\r\nx-TLSLevel: Try", "x-Note: a\nb", "x-Note: a\rb"] {
        let text = header_rule("Injected", None, value);
        let problems = match PolicyDocument::parse_toml(&text, "policy.toml") {
            Ok(parsed) => RuleSet::compile(&parsed.document, &parsed.spans, Profile::Standard)
                .expect_err("it is refused"),
            Err(problems) => problems,
        };
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].line > 1 && problems[0].path.starts_with("rule[0].actions[0]"),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn a37_level_survives_a_restart_and_a_change_of_the_rules() {
    let (mut world, mx) = World::with_site(
        FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() },
        Setup::with(require()),
    )
    .await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.stop().await;
    // The rules of today would let it go in clear; the demand it was taken with does not.
    world.start(Setup::default()).await;
    let attempt = world.next_attempt("b@d.test", 2).await;
    attempt.is_sent_tls();
    assert_eq!(attempt.level, Level::Require);
    assert_eq!(mx.messages()[0].fields("x-TLSLevel"), [REQUIRE]);
    world.finish().await;
}

/// The same with a process of its own, which dies in between.
#[test]
fn a37_level_survives_a_crash() {
    let base = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n\n";
    let mut gateway = Gateway::prepare(&format!("{base}{}", require()), &[("d.test", 10)]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ca = TestCa::new();
    let address = SocketAddr::new(gateway.net.ip(10), gateway.net.port());
    let mx = runtime.block_on(FakeMx::without_starttls().start("mx.d.test", address, &ca)).unwrap();
    gateway.start();
    runtime.block_on(async {
        let mut client = Client::greeted(gateway.smtp).await;
        let reply = client.send(SENDER, &["b@d.test"], message("crash").as_bytes()).await;
        assert!(reply.starts_with("250"), "{reply}");
    });
    let outcomes = |gateway: &Gateway| -> Vec<String> {
        let found = gateway.list(&["messages", "search"]);
        found
            .iter()
            .map(|attempt| attempt["outcome"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    wait_for("a first attempt", BOUND, || !outcomes(&gateway).is_empty());
    gateway.kill();
    // The rules of today would let it go in clear; the demand it was taken with does not.
    std::fs::write(gateway.folder.path().join("policy.toml"), base).unwrap();
    gateway.verb(&["policy", "apply", "policy.toml"]);
    gateway.start();
    let tried = outcomes(&gateway).len();
    wait_for("an attempt after the crash", BOUND, || outcomes(&gateway).len() > tried);
    assert!(outcomes(&gateway).iter().all(|outcome| outcome == "deferred"));
    mx.set(FakeMx::default(), &ca);
    wait_for("the delivery", BOUND, || {
        outcomes(&gateway).last().is_some_and(|last| last == "delivered")
    });
    gateway.kill();
    let attempts = gateway.list(&["messages", "search"]);
    let attempts: Vec<Attempt> = serde_json::from_value(attempts.into()).unwrap();
    assert!(attempts.iter().all(|attempt| attempt.level == Level::Require));
    attempts.last().unwrap().is_sent_tls();
    wait_for("the end of all connections", BOUND, || {
        mx.connections().iter().all(|seen| seen.closed)
    });
    invariants::check(&mx.connections(), &attempts, &invariants::Expectations::default()).unwrap();
}

#[tokio::test]
async fn a04_field_is_taken_off_before_sending_where_that_is_set() {
    let setup = Setup { delivery: "strip_tls_level = true", ..Setup::with(require()) };
    let (mut world, mx) = World::with_site(FakeMx::default(), setup).await;
    world.expected.strip = true;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.level, Level::Require);
    assert!(mx.messages()[0].fields("x-TLSLevel").is_empty());
    world.finish().await;
}
