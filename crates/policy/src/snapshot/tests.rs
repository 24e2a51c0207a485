use super::*;
use crate::samples::{problems, standard};

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
