use super::*;
use crate::samples::{problems, standard};
use crate::tls::{Login, NextHop};

const POLICY: &str = r#"
[[domain]]
name = "Acme.example"
routes = [{ host = "10.0.0.5" }, { host = "Mail.Acme.example", port = 2525, weight = 10, tls = "require" }]
[[domain]]
name = "münchen.example"
[[outbound_source]]
network = "10.0.0.0/8"
[[outbound_source]]
network = "::1"
"#;

#[test]
fn direction_is_of_the_recipients_domain_exactly() {
    let snapshot = standard(POLICY);
    let direction = |text: &str| snapshot.direction(&Mailbox::parse(text).unwrap());
    assert_eq!(direction("a@ACME.example"), Direction::Inbound);
    assert_eq!(direction("a@xn--mnchen-3ya.example"), Direction::Inbound);
    assert_eq!(direction("a@sub.acme.example"), Direction::Outbound);
    assert_eq!(direction("a@[10.0.0.1]"), Direction::Outbound);
}

#[test]
fn only_sources_may_relay_and_loopback_is_none_by_itself() {
    let snapshot = standard(POLICY);
    assert!(snapshot.may_relay("10.9.9.9".parse().unwrap()));
    assert!(snapshot.may_relay("::ffff:10.9.9.9".parse().unwrap()));
    assert!(snapshot.may_relay("::1".parse().unwrap()));
    assert!(!snapshot.may_relay("127.0.0.1".parse().unwrap()));
    let fresh = standard("");
    assert!(!fresh.may_relay("127.0.0.1".parse().unwrap()));
    assert!(!fresh.has_domains() && !fresh.has_sources());
}

#[test]
fn routes_have_their_defaults() {
    let snapshot = standard(POLICY);
    let routes = snapshot.routes(&DomainName::parse("acme.example").unwrap());
    assert_eq!(
        routes,
        [
            Route { host: "10.0.0.5".into(), port: 25, weight: 1, tls: Level::Try },
            Route { host: "mail.acme.example".into(), port: 2525, weight: 10, tls: Level::Require },
        ]
    );
    assert_eq!(snapshot.routes(&DomainName::parse("other.example").unwrap()), []);
    assert_eq!(snapshot.first_domain().unwrap().as_str(), "acme.example");
}

#[test]
fn every_problem_of_domains_routes_and_sources_is_told_with_its_place() {
    let found = problems(
        r#"
[[domain]]
name = "acme..example"
routes = [{ host = "mail:25" }, { host = "a.example", port = 0 }, { host = "b.example", tls = "secure" }]
[[domain]]
name = "two.example"
[[domain]]
name = "TWO.example"
[[outbound_source]]
network = "10.0.0.1/8"
"#,
    );
    let places: Vec<&str> = found.iter().map(|text| text.lines().next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "policy.toml:3:8  domain[0].name",
            "policy.toml:4:20  domain[0].routes[0].host",
            "policy.toml:4:62  domain[0].routes[1].port",
            "policy.toml:4:95  domain[0].routes[2].tls",
            "policy.toml:8:8  domain[2].name",
            "policy.toml:10:11  outbound_source[0].network",
        ]
    );
    assert!(found[3].contains("not in this version"));
}

#[test]
fn the_document_of_a_snapshot_names_all_its_system_rules() {
    let snapshot = standard(POLICY);
    assert_eq!(snapshot.document.rules.len(), 3);
    assert_eq!(
        snapshot.rules.list().map(|rule| rule.name).collect::<Vec<_>>(),
        ["Opportunistic TLS", "Deliver Inbound", "Deliver Outbound"]
    );
}

const WAYS_OUT: &str = r#"
[[domain]]
name = "acme.example"
[[smart_host]]
domains = ["*"]
host = "Relay.isp.example"
port = 587
tls = "require"
username = "acme"
password_file = "relay.password"
[[smart_host]]
domains = [".partner.example", "partner.example"]
host = "[192.0.2.9]"
[[smart_host]]
domains = ["vip.partner.example"]
host = "vip.example"
implicit_tls = true
"#;

#[test]
fn the_smart_host_that_fits_a_domain_best_takes_its_mail() {
    let snapshot = standard(WAYS_OUT);
    let host = |domain: &str| {
        let domain = AddressDomain::parse(domain).unwrap();
        snapshot.smart_host(&domain).map(|host| host.host.as_str())
    };
    assert_eq!(host("VIP.partner.example"), Some("vip.example"));
    assert_eq!(host("partner.example"), Some("192.0.2.9"));
    assert_eq!(host("deep.vip.partner.example"), Some("192.0.2.9"));
    assert_eq!(host("elsewhere.example"), Some("relay.isp.example"));
    assert_eq!(host("[192.0.2.1]"), Some("relay.isp.example"));
    let none = standard("[[smart_host]]\ndomains = [\"a.test\"]\nhost = \"b.test\"\n");
    assert_eq!(none.smart_host(&AddressDomain::parse("c.test").unwrap()), None);
}

#[test]
fn a_smart_host_is_a_next_hop_with_its_level_and_login() {
    let snapshot = standard(WAYS_OUT);
    let hops: Vec<NextHop> = snapshot.smart_hosts().iter().map(SmartHost::next_hop).collect();
    let login = Login { username: "acme".into(), password_file: "relay.password".into() };
    assert_eq!(
        hops[0],
        NextHop {
            host: "relay.isp.example".into(),
            port: 587,
            preference: 0,
            route_level: Some(Level::Require),
            implicit_tls: false,
            login: Some(login),
        }
    );
    assert_eq!((hops[2].port, hops[2].implicit_tls, &hops[2].login), (465, true, &None));
}

#[test]
fn the_postmaster_is_the_one_named_or_at_our_first_domain() {
    let named = Mailbox::parse("it@acme.example").unwrap();
    let snapshot = standard(POLICY);
    assert_eq!(snapshot.postmaster(Some(&named)), Some(named));
    let at_first = snapshot.postmaster(None).unwrap().to_string();
    assert_eq!(at_first, "postmaster@acme.example");
    assert_eq!(standard("").postmaster(None), None);
}

#[test]
fn every_problem_of_smart_hosts_and_policies_is_told_with_its_place() {
    insta::assert_snapshot!(
        problems(
            r#"
[[smart_host]]
domains = []
host = "mail:25"
[[smart_host]]
domains = ["a.test", "A.test.", "x@a.test", ".b.test"]
host = "one.example"
username = "acme"
[[smart_host]]
domains = ["*.b.test", "c.test"]
host = "two.example"
password_file = "relay.password"
[[smart_host]]
domains = ["d.test"]
host = "three.example"
tls = "plain"
implicit_tls = true
username = " "
password_file = "a\nb"
[[tls_policy]]
domains = []
level = "require"
[[tls_policy]]
domains = ["fine.test", "a..b", "x@y.test"]
level = "verify"
"#
        )
        .join("\n")
    );
}

#[test]
fn a_policy_that_has_ended_is_found_unwise_from_the_day_after() {
    let text = "[[domain]]\nname = \"a.test\"\n[[outbound_source]]\nnetwork = \"10.0.0.0/8\"\n\
                [[tls_policy]]\ndomains = [\"b.test\", \".b.test\"]\nlevel = \"verify\"\n\
                until = \"2027-01-31\"\n";
    let snapshot = standard(text);
    let at = |text| Timestamp::parse_rfc3339(text).unwrap();
    assert_eq!(snapshot.lint(at("2027-01-31T23:59:59Z")), []);
    let found = snapshot.lint(at("2027-02-01T00:00:00Z"));
    assert_eq!(found.len(), 1);
    assert_eq!(serde_json::to_value(&found[0]).unwrap()["kind"], "expired_tls_policy");
    assert!(found[0].text.contains("b.test, .b.test ended on 2027-01-31"), "{}", found[0].text);
}
