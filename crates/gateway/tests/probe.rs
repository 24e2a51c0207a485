//! Readiness, from outside: the real binary against real peers that are good, wrong in every way, or not there.
//!
//! The heart is one table: what the probe says about a peer at a level is held against what the engine then does with
//! a message at that level, for the same peers.

#[path = "probe/lab.rs"]
mod lab;

use gatepost_testkit::{After220, Banner, Cert, Channel, FakeMx};
use lab::{Lab, Run};
use serde_json::Value;

fn of<'r>(reports: &'r [Value], domain: &str) -> &'r Value {
    reports
        .iter()
        .find(|report| report["domain"] == domain)
        .unwrap_or_else(|| panic!("no report about {domain} in {reports:#?}"))
}

/// The answers at plain, try, require and verify.
fn levels(report: &Value) -> [bool; 4] {
    ["plain", "try", "require", "verify"]
        .map(|level| report["levels"][level].as_bool().expect(level))
}

fn lines(run: &Run) -> Vec<&str> {
    run.err.lines().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level_is_judged_for_every_kind_of_peer() {
    let mut lab = Lab::new().await;
    lab.site("good.test", FakeMx::default()).await;
    lab.site("self.test", FakeMx::with_cert(Cert::SelfSigned)).await;
    lab.site("expired.test", FakeMx::with_cert(Cert::Expired)).await;
    lab.site("clear.test", FakeMx::without_starttls()).await;
    lab.site("broken.test", FakeMx::breaking(After220::Alert(40))).await;
    lab.site("silent.test", FakeMx { banner: Banner::Silence, ..FakeMx::default() }).await;
    lab.dead("dead.test");
    let run = lab.run(&[
        "tls",
        "probe",
        "good.test",
        "self.test",
        "expired.test",
        "clear.test",
        "broken.test",
        "silent.test",
        "dead.test",
        "nowhere.test",
        "--json",
    ]);
    let reports = run.ended(1).list();
    let cases = [
        ("good.test", [true, true, true, true], Value::Null),
        ("self.test", [true, true, true, false], "cert.untrusted".into()),
        ("expired.test", [true, true, true, false], "cert.expired".into()),
        ("clear.test", [true, true, false, false], "starttls-not-offered".into()),
        ("broken.test", [true, true, false, false], "tls.alert".into()),
        ("silent.test", [false, false, false, false], "connection.lost".into()),
        ("dead.test", [false, false, false, false], "connect.refused".into()),
    ];
    assert_eq!(reports.len(), cases.len() + 1, "one document a domain, in their order");
    for (report, (domain, answers, why)) in reports.iter().zip(cases) {
        assert_eq!(report["domain"], domain);
        assert_eq!(levels(report), answers, "{report:#}");
        assert_eq!(report["ready"], answers[2], "{report:#}");
        assert_eq!(report["hosts"][0]["why"], why, "{report:#}");
        assert_eq!(report["hosts"][0]["host"], format!("mx.{domain}"));
    }
    let nowhere = of(&reports, "nowhere.test");
    assert_eq!((&nowhere["why"], &nowhere["hosts"]), (&"no-mx".into(), &Value::Array(vec![])));
    assert_eq!(nowhere["verdicts"]["require"]["text"], "would bounce: the domain does not exist");

    let good = &of(&reports, "good.test")["hosts"][0];
    assert_eq!((&good["starttls"], &good["version"]), (&true.into(), &"TLSv1.3".into()));
    assert!(good["cipher"].as_str().unwrap().starts_with("TLS13_"), "{good:#}");
    let certificate = &good["certificate"];
    assert_eq!(certificate["names"][0], "mx.good.test");
    assert!(certificate["issuer"].as_str().unwrap().contains("Gatepost test root"), "{good:#}");
    assert_eq!(certificate["sha256"].as_str().unwrap().len(), 64);
    assert!(certificate["not_after"].as_str().unwrap().ends_with('Z'));
    // What was shown is known although it proves nothing.
    let own = &of(&reports, "self.test")["hosts"][0];
    assert_eq!(own["certificate"]["names"][0], "mx.self.test");
    assert!(of(&reports, "clear.test")["hosts"][0]["certificate"].is_null());

    // Nothing but EHLO, STARTTLS and QUIT was ever said.
    for connection in lab.connections() {
        for line in &connection.lines {
            assert!(
                ["EHLO", "STARTTLS", "QUIT"].contains(&line.verb().as_str()),
                "{connection:#?}"
            );
        }
        if connection.host == "mx.good.test" {
            assert_eq!(connection.verbs(Channel::Clear), ["EHLO", "STARTTLS"]);
            assert_eq!(connection.verbs(Channel::Tls), ["EHLO", "QUIT"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_is_about_the_level_that_was_asked_for() {
    let mut lab = Lab::new().await;
    lab.site("good.test", FakeMx::default()).await;
    lab.site("self.test", FakeMx::with_cert(Cert::SelfSigned)).await;
    lab.site("clear.test", FakeMx::without_starttls()).await;
    lab.run(&["tls", "probe", "good.test", "self.test"]).ended(0);
    lab.run(&["tls", "probe", "good.test", "--level", "verify"]).ended(0);
    lab.run(&["tls", "probe", "good.test", "self.test", "--level", "Verify"]).ended(1);
    lab.run(&["tls", "probe", "clear.test"]).ended(1);
    lab.run(&["tls", "probe", "clear.test", "--level", "try"]).ended(0);

    let refused =
        lab.run(&["tls", "probe", "bad..name", "x y", "--level", "dane", "--rule-data", "Nobody"]);
    let refused = refused.ended(2);
    assert!(refused.out.is_empty());
    for part in [
        "bad..name",
        "x y",
        "The level \"dane\" is not in this version.",
        "There is no set \"Nobody\"",
        "4 problems",
    ] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    assert!(
        lab.run(&["tls", "probe", "good.test", "--level", "strict"])
            .ended(2)
            .err
            .contains("no level")
    );
    lab.run(&["tls", "probe"]).ended(2);
    lab.run(&["tls", "probe", "good.test", "--parallel", "0"]).ended(2);
    lab.run(&["tls", "probe", "--file", "nowhere.txt"]).ended(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_from_a_file_or_from_rule_data() {
    let mut lab = Lab::new().await;
    for domain in ["a.test", "b.test", "c.test"] {
        lab.site(domain, FakeMx::default()).await;
    }
    lab.write(
        "list.txt",
        "# partners\r\nA.test.\r\n\r\n  b.test # new\r\na.test\r\nanna@c.test\r\n",
    );
    let run =
        lab.run(&["tls", "probe", "--file", "list.txt", "--json", "--parallel", "1"]).ended(0);
    let domains: Vec<Value> = run.list().iter().map(|report| report["domain"].clone()).collect();
    assert_eq!(domains, ["a.test", "b.test", "c.test"]);
    assert_eq!(lines(&run), ["note: anna@c.test is one address: its domain c.test is probed"]);

    lab.write("bad.txt", "a.test\n  two words\n*\n");
    let bad = lab.run(&["tls", "probe", "--file", "bad.txt"]).ended(2);
    assert!(bad.err.contains("bad.txt:2:3") && bad.err.contains("bad.txt:3:1"), "{}", bad.err);
    assert!(bad.err.contains("2 problems; nothing was probed"), "{}", bad.err);

    lab.apply(
        "[[rule_data]]\nname = \"Partners\"\nkind = \"domains\"\nvalues = \"\"\"\nb.test\n.below.test\nc.test # x\n\"\"\"\n\
         [[rule_data]]\nname = \"Words\"\nkind = \"text\"\nvalues = [\"x\"]\n",
    );
    let run = lab.run(&["tls", "probe", "--rule-data", "partners", "--json"]).ended(0);
    assert_eq!(run.list().len(), 2);
    assert!(run.err.contains(".below.test means every subdomain"), "{}", run.err);
    let words = lab.run(&["tls", "probe", "--rule-data", "Words"]).ended(2);
    assert!(words.err.contains("not of kind \"domains\""), "{}", words.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_host_and_address_has_its_line_and_one_good_host_is_enough() {
    let mut lab = Lab::new().await;
    lab.hosts(
        "two.test",
        &[("mx1.two.test", FakeMx::without_starttls()), ("mx2.two.test", FakeMx::default())],
    )
    .await;
    lab.hosts("half.test", &[("mx.half.test", FakeMx::default())]).await;
    // A second address of the one host, at which nobody listens.
    let dead = lab.free_address();
    lab.add_address("mx.half.test", dead);
    let reports = lab.run(&["tls", "probe", "two.test", "half.test", "--json"]).ended(0).list();
    let two = of(&reports, "two.test");
    assert_eq!(levels(two), [true, true, true, true]);
    let hosts: Vec<&Value> =
        two["hosts"].as_array().unwrap().iter().map(|host| &host["host"]).collect();
    assert_eq!(hosts, ["mx1.two.test", "mx2.two.test"]);
    assert_eq!(two["hosts"][0]["levels"]["require"], false);
    assert_eq!(two["verdicts"]["require"]["host"], "mx2.two.test");
    // Under Try the preferred host takes it, in clear text.
    assert_eq!(two["verdicts"]["try"]["clear_because"], "not_offered");
    let half = of(&reports, "half.test");
    assert_eq!(half["ready"], true);
    assert_eq!(half["hosts"].as_array().unwrap().len(), 2);
    let whys: Vec<&Value> =
        half["hosts"].as_array().unwrap().iter().map(|host| &host["why"]).collect();
    assert!(whys.contains(&&Value::Null) && whys.contains(&&"connect.refused".into()), "{half:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_that_share_a_host_share_the_look_at_it() {
    let mut lab = Lab::new().await;
    let mx = lab.site("one.test", FakeMx::default()).await;
    for domain in ["other.test", "third.test"] {
        lab.dns.set_mx(domain, &[(10, "mx.one.test")]);
    }
    let reports = lab
        .run(&["tls", "probe", "one.test", "other.test", "third.test", "--json"])
        .ended(0)
        .list();
    assert_eq!(reports.len(), 3);
    assert_eq!(mx.connections().len(), 2, "one that observes and one that wants proof");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_domains_are_probed_by_route_and_others_by_the_smart_host() {
    let mut lab = Lab::new().await;
    let inside = lab.host("inside.test", FakeMx::with_cert(Cert::SelfSigned)).await;
    let relay = lab.host("relay.test", FakeMx::default()).await;
    let port = lab.port();
    lab.apply(&format!(
        "[[domain]]\nname = \"ours.test\"\nroutes = [{{ host = \"inside.test\", port = {port}, tls = \"require\" }}]\n\
         [[smart_host]]\ndomains = [\"relayed.test\"]\nhost = \"relay.test\"\nport = {port}\ntls = \"verify\"\n"
    ));
    let reports = lab.run(&["tls", "probe", "ours.test", "relayed.test", "--json"]).ended(0).list();
    let ours = of(&reports, "ours.test");
    assert_eq!((&ours["via"], &ours["hosts"][0]["host"]), (&"route".into(), &"inside.test".into()));
    assert_eq!(levels(ours), [true, true, true, false]);
    let relayed = of(&reports, "relayed.test");
    assert_eq!(
        (&relayed["via"], &relayed["hosts"][0]["host"]),
        (&"smart_host".into(), &"relay.test".into())
    );
    assert_eq!(levels(relayed), [true, true, true, true]);
    assert!(!inside.connections().is_empty() && !relay.connections().is_empty());
    // What the policy demands of a host holds at every level.
    lab.change(&relay, FakeMx::with_cert(Cert::SelfSigned));
    let report =
        lab.run(&["tls", "probe", "relayed.test", "--json", "--level", "try"]).ended(1).list();
    assert_eq!(levels(&report[0]), [false, false, false, false], "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_kept_and_listed_without_connecting() {
    let mut lab = Lab::new().await;
    let mx = lab.site("good.test", FakeMx::default()).await;
    lab.site("clear.test", FakeMx::without_starttls()).await;
    assert!(lab.run(&["tls", "probe", "--kept"]).ended(0).out.contains("No probe is kept."));
    lab.run(&["tls", "probe", "good.test", "clear.test"]).ended(1);
    lab.run(&["tls", "probe", "good.test"]).ended(0);
    let before = mx.connections().len();
    let kept = lab.run(&["tls", "probe", "--kept", "--json"]).ended(0).list();
    let domains: Vec<&Value> = kept.iter().map(|report| &report["domain"]).collect();
    assert_eq!(domains, ["good.test", "clear.test"], "newest first");
    assert_eq!(levels(&kept[1]), [true, true, false, false]);
    let all = lab.run(&["tls", "probe", "--kept", "Good.test", "--json"]).ended(0).list();
    assert_eq!(all.len(), 2);
    let table = lab.run(&["tls", "probe", "--kept"]).ended(0).out;
    assert!(table.contains("just now") && table.contains("would wait: mx.clear.test"), "{table}");
    assert_eq!(mx.connections().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_a_verdict_a_level_and_a_line_a_host() {
    let mut lab = Lab::new().await;
    lab.site("good.test", FakeMx::default()).await;
    lab.site("clear.test", FakeMx::without_starttls()).await;
    let text = lab.run(&["tls", "probe", "good.test", "clear.test"]).ended(1).out;
    for part in [
        "good.test  ready for require",
        "clear.test  not ready for require",
        "would be delivered over TLS",
        "would be delivered in clear text: mx.clear.test does not offer STARTTLS",
        "would wait: mx.clear.test does not offer STARTTLS",
        "1 of 2 domains are ready for require; not: clear.test.",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colour outside of a terminal");
}

/// Peers of every kind, a policy that leads to some of them by another way, and a rule for each level.
async fn all_kinds(lab: &mut Lab) -> Vec<String> {
    lab.site("good.test", FakeMx::default()).await;
    lab.site("self.test", FakeMx::with_cert(Cert::SelfSigned)).await;
    lab.site("expired.test", FakeMx::with_cert(Cert::Expired)).await;
    lab.site("wrong.test", FakeMx::with_cert(Cert::WrongName)).await;
    lab.site("clear.test", FakeMx::without_starttls()).await;
    lab.site("refused.test", FakeMx::answering_starttls("454 4.7.0 not now")).await;
    lab.site("never.test", FakeMx::answering_starttls("554 5.7.0 never")).await;
    lab.site("alert.test", FakeMx::breaking(After220::Alert(40))).await;
    lab.site("reset.test", FakeMx::breaking(After220::Reset)).await;
    lab.site("odd.test", FakeMx::answering_starttls("250 2.0.0 what?")).await;
    let clear_first =
        [("mx1.two.test", FakeMx::without_starttls()), ("mx2.two.test", FakeMx::default())];
    lab.hosts("two.test", &clear_first).await;
    let broken_first = [
        ("mx1.mixed.test", FakeMx::breaking(After220::Close)),
        ("mx2.mixed.test", FakeMx::with_cert(Cert::SelfSigned)),
    ];
    lab.hosts("mixed.test", &broken_first).await;
    let neither = [
        ("mx1.bad.test", FakeMx::breaking(After220::Close)),
        ("mx2.bad.test", FakeMx::without_starttls()),
    ];
    lab.hosts("bad.test", &neither).await;
    lab.dead("dead.test");
    // The domain is there, and its host has no address.
    lab.dns.set_mx("homeless.test", &[(10, "gone.test")]);
    lab.site("demanded.test", FakeMx::with_cert(Cert::SelfSigned)).await;
    lab.site("switched-off.test", FakeMx::breaking(After220::Reset)).await;
    lab.host("inside.test", FakeMx::without_starttls()).await;
    lab.host("relay.test", FakeMx::implicit_tls()).await;
    lab.host("login.test", FakeMx::default()).await;
    let port = lab.port();
    let mut policy = format!(
        "[[domain]]\nname = \"ours.test\"\nroutes = [{{ host = \"inside.test\", port = {port}, tls = \"require\" }}]\n\
         [[smart_host]]\ndomains = [\"relayed.test\"]\nhost = \"relay.test\"\nport = {port}\nimplicit_tls = true\n\
         [[smart_host]]\ndomains = [\"member.test\"]\nhost = \"login.test\"\nport = {port}\nusername = \"acme\"\npassword_file = \"password\"\n\
         [[smart_host]]\ndomains = [\"lost.test\"]\nhost = \"gone.test\"\nport = {port}\n\
         [[tls_policy]]\ndomains = [\"demanded.test\"]\nlevel = \"verify\"\n\
         [[tls_policy]]\ndomains = [\"mx.switched-off.test\"]\nlevel = \"plain\"\n"
    );
    for level in LEVELS {
        policy.push_str(&format!(
            "[[rule]]\nname = \"{level}\"\nconditions = [{{ condition = \"sender\", match = \"matches\", value = \"{level}@acme.test\" }}]\n\
             actions = [{{ action = \"set_tls_level\", value = \"{level}\" }}]\n"
        ));
    }
    lab.write("password", "correct horse\n");
    lab.apply(&policy);
    let names = "good self expired wrong clear refused never alert reset odd two mixed bad dead demanded \
                 switched-off ours relayed member homeless lost";
    names.split_whitespace().map(|name| format!("{name}.test")).collect()
}

const LEVELS: [&str; 4] = ["plain", "try", "require", "verify"];

/// Probes every kind of peer, then sends a message to each at each level, and holds one against the other.
async fn the_engine_does_what_the_probe_says(delivery: &str) {
    let mut lab = Lab::with(delivery).await;
    let domains = all_kinds(&mut lab).await;
    let words = ["tls", "probe", "--json"].into_iter().chain(domains.iter().map(String::as_str));
    let reports = lab.run(&words.collect::<Vec<_>>()).ended(1).list();
    lab.serve();
    let mut recipients = Vec::new();
    for domain in &domains {
        for level in LEVELS {
            let recipient = format!("{level}@{domain}");
            lab.submit(&format!("{level}@acme.test"), &recipient);
            recipients.push(recipient);
        }
    }
    let attempts = lab.attempts(&recipients);
    for domain in &domains {
        for level in LEVELS {
            let said = &of(&reports, domain)["verdicts"][level];
            let recipient = format!("{level}@{domain}");
            let done = attempts.iter().find(|attempt| attempt["recipient"] == recipient.as_str());
            let done = done.unwrap_or_else(|| panic!("no attempt for {recipient}"));
            let told = format!("{recipient}: {said:#}\n{done:#}");
            assert_eq!(said["passes"], done["outcome"] == "delivered", "{told}");
            assert_eq!(said["clear_because"], done["clear_because"], "{told}");
            assert_eq!(said["why"], done["why"], "{told}");
            assert_eq!(said["host"], done["host"], "{told}");
            let bounces = said["text"].as_str().expect("a text").starts_with("would bounce");
            assert_eq!(bounces, done["outcome"] == "bounced", "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_says_is_what_the_engine_does() {
    the_engine_does_what_the_probe_says("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_says_is_what_the_engine_does_with_other_settings() {
    let delivery = "try_fallback = \"never\"\ntry_on_454 = \"defer\"\ntry_prefer_tls = \"any_mx\"\n\
                    enforced_failure = \"bounce\"\n";
    the_engine_does_what_the_probe_says(delivery).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_what_was_had() {
    let mut lab = Lab::new().await;
    lab.site("good.test", FakeMx::default()).await;
    lab.site("clear.test", FakeMx::without_starttls()).await;
    lab.apply(
        "[[rule]]\nname = \"Enforce\"\nconditions = [{ condition = \"sender\", match = \"matches\", value = \"boss@acme.test\" }]\n\
         actions = [{ action = \"set_tls_level\", value = \"require\" }]\n",
    );
    let empty = lab.run(&["tls", "report", "--json"]).ended(0).json();
    assert_eq!(empty["rows"], Value::Array(vec![]));
    lab.serve();
    lab.submit("anna@acme.test", "b@good.test");
    lab.submit("anna@acme.test", "b@clear.test");
    lab.submit("boss@acme.test", "c@clear.test");
    lab.attempts(&["b@good.test", "b@clear.test", "c@clear.test"].map(str::to_owned));
    let report = lab.run(&["tls", "report", "--format", "json"]).ended(0).json();
    let rows = report["rows"].as_array().unwrap();
    let domains: Vec<&Value> = rows.iter().map(|row| &row["domain"]).collect();
    assert_eq!(domains, ["clear.test", "good.test"]);
    let (clear, good) = (&rows[0], &rows[1]);
    assert_eq!(
        (&good["delivered"], &good["over_tls"], &good["verified"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!((&clear["in_clear"]["not_offered"], &clear["over_tls"]), (&1.into(), &0.into()));
    assert_eq!((&clear["deferred_for_tls"], &clear["waiting_for_tls"]), (&1.into(), &1.into()));
    assert_eq!(clear["levels"], serde_json::json!({ "require": 1, "try": 1 }));
    assert_eq!((&report["totals"]["tls_share"], &clear["tls_share"]), (&50.0.into(), &0.0.into()));

    // What was sent to is known, so a pattern means something.
    let below = lab.run(&["tls", "probe", ".test", "--level", "try", "--json"]).ended(0);
    assert_eq!(below.list().len(), 2);
    assert!(below.err.contains("the 2 that mail was sent to are probed"), "{}", below.err);

    let one = lab
        .run(&["tls", "report", "--domain", "Good.test", "--json", "--by", "day"])
        .ended(0)
        .json();
    assert_eq!(one["rows"].as_array().unwrap().len(), 1);
    assert_eq!(one["rows"][0]["period"].as_str().unwrap().len(), 10);
    let csv = lab.run(&["tls", "report", "--format", "csv"]).ended(0).out;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("domain,period,delivered,over_tls,"), "{csv}");
    assert!(lines[2].starts_with("good.test,,1,1,100.0,1,0,0,0,0,0,0,0,try 1,TLSv1.3 1,"), "{csv}");
    let table = lab.run(&["tls", "report"]).ended(0).out;
    assert!(table.contains("1 (not_offered 1)") && table.contains("50.0 %"), "{table}");
    lab.run(&["tls", "report", "--since", "yesterday"]).ended(2);
    lab.run(&["tls", "report", "--format", "pdf"]).ended(2);
    // What waits, waits now, whatever the stretch of time.
    let later = lab.run(&["tls", "report", "--since", "2099-01-01", "--json"]).ended(0).json();
    assert_eq!(
        (&later["totals"]["delivered"], &later["totals"]["waiting_for_tls"]),
        (&0.into(), &1.into())
    );
}
