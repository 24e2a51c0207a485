use gatepost_policy::{
    document::{PolicyDocument, Profile},
    snapshot::TlsSettings,
    tls::Level,
};
use gatepost_testkit::{FakeDns, Status, dns::Kind};

use super::*;
use crate::samples;

/// A gateway that refuses private addresses and listens at two.
fn settings() -> DeliverySettings {
    DeliverySettings {
        private_addresses: PrivateAddresses::Refuse,
        own_listeners: vec!["0.0.0.0:25".parse().unwrap(), "192.0.2.1:25".parse().unwrap()],
        ..samples::settings()
    }
}

fn snapshot(policy: &str) -> Snapshot {
    let parsed = PolicyDocument::parse_toml(policy, "policy.toml").unwrap();
    let profile = Profile::Standard;
    Snapshot::build(1, profile, parsed.document, &parsed.spans, TlsSettings::of(profile)).unwrap()
}

fn lane(direction: Direction, domain: &str) -> Lane {
    let domain = AddressDomain::parse(domain).unwrap();
    Lane { direction, domain, fingerprint: "try".into() }
}

async fn outbound(dns: &FakeDns, domain: &str) -> Destination {
    let lane = lane(Direction::Outbound, domain);
    find(&lane, &snapshot(""), &settings(), dns, 7).await
}

fn names(destination: &Destination) -> Vec<&str> {
    match destination {
        Destination::Hosts(hosts) => hosts.iter().map(|hop| hop.host.as_str()).collect(),
        Destination::Nowhere(nowhere) => panic!("{nowhere:?}"),
    }
}

fn status(destination: &Destination) -> (&'static str, bool) {
    match destination {
        Destination::Hosts(hosts) => panic!("{hosts:?}"),
        Destination::Nowhere(nowhere) => (nowhere.status, nowhere.permanent),
    }
}

#[tokio::test]
async fn hosts_are_ordered_by_preference() {
    let dns = FakeDns::new();
    dns.set_mx("d.test", &[(20, "b.test"), (10, "a.test"), (30, "c.test")]);
    assert_eq!(names(&outbound(&dns, "d.test").await), ["a.test", "b.test", "c.test"]);
}

#[tokio::test]
async fn i01_a_domain_without_mx_is_its_own_host() {
    let dns = FakeDns::new();
    dns.set_addresses("d.test", &["192.0.2.9".parse().unwrap()]);
    assert_eq!(names(&outbound(&dns, "d.test").await), ["d.test"]);
}

#[tokio::test]
async fn i02_a_null_mx_is_final() {
    let dns = FakeDns::new();
    dns.set_mx("d.test", &[(0, ".")]);
    assert_eq!(status(&outbound(&dns, "d.test").await), ("5.1.10", true));
}

#[tokio::test]
async fn i03_a_domain_that_does_not_exist_is_final() {
    assert_eq!(status(&outbound(&FakeDns::new(), "d.test").await), ("5.1.2", true));
}

#[tokio::test]
async fn i04_a_literal_is_its_own_host() {
    assert_eq!(names(&outbound(&FakeDns::new(), "[192.0.2.5]").await), ["192.0.2.5"]);
}

#[tokio::test]
async fn i09_hosts_no_better_than_ourselves_are_left_out() {
    let dns = FakeDns::new();
    dns.set_mx("d.test", &[(10, "a.test"), (20, "Gateway.test"), (20, "b.test")]);
    assert_eq!(names(&outbound(&dns, "d.test").await), ["a.test"]);
    dns.set_mx("e.test", &[(10, "gateway.test")]);
    assert_eq!(status(&outbound(&dns, "e.test").await), ("5.4.6", true));
}

#[tokio::test]
async fn i10_a_resolver_that_fails_makes_mail_wait() {
    let dns = FakeDns::new();
    dns.set_status("d.test", Kind::Mx, Status::ServFail);
    assert_eq!(status(&outbound(&dns, "d.test").await), ("4.4.3", false));
}

#[tokio::test]
async fn inbound_mail_goes_by_routes_and_every_route_is_tried() {
    let policy = r#"
        [[domain]]
        name = "acme.test"
        routes = [
          { host = "10.0.0.5", weight = 1, tls = "plain" },
          { host = "10.0.0.6", port = 2525, weight = 9, tls = "verify" },
        ]
    "#;
    let lane = lane(Direction::Inbound, "acme.test");
    let mut first = 0;
    for luck in 0..1000 {
        let found = find(&lane, &snapshot(policy), &settings(), &FakeDns::new(), luck).await;
        let Destination::Hosts(hosts) = found else { panic!("no hosts") };
        assert_eq!(hosts.len(), 2);
        first += usize::from(hosts[0].host == "10.0.0.5");
        let other = hosts.iter().find(|hop| hop.host == "10.0.0.6").unwrap();
        assert_eq!((other.port, other.route_level), (2525, Some(Level::Verify)));
    }
    assert_eq!(first, 100, "a weight of 1 in 10 is drawn first once in ten");
}

#[test]
fn private_addresses_are_barred_but_for_routes() {
    let hop = hop("mx.test".into(), 25, 10);
    for address in
        ["127.0.0.9:25", "10.1.1.1:25", "169.254.0.1:25", "[::ffff:10.0.0.1]:25", "[::1]:26"]
    {
        let address = address.parse().unwrap();
        let barred = may_reach(address, &hop, &settings());
        assert!(barred.is_err(), "{address}");
    }
    assert_eq!(may_reach("192.0.2.7:25".parse().unwrap(), &hop, &settings()), Ok(()));
    let route = NextHop { route_level: Some(Level::Try), ..hop };
    assert_eq!(may_reach("10.1.1.1:25".parse().unwrap(), &route, &settings()), Ok(()));
}

#[test]
fn our_own_listener_is_a_loop_whatever_is_allowed() {
    let hop = hop("mx.test".into(), 25, 10);
    let allow = DeliverySettings { private_addresses: PrivateAddresses::Allow, ..settings() };
    for address in ["127.0.0.1:25", "192.0.2.1:25"] {
        let address = address.parse().unwrap();
        assert_eq!(may_reach(address, &hop, &allow), Err(Barred::Ourselves));
    }
    assert_eq!(may_reach("127.0.0.1:2525".parse().unwrap(), &hop, &allow), Ok(()));
}

#[test]
fn i09_hosts_no_better_than_ourselves_are_left_out_once_an_address_shows_us() {
    let mx = |preference| NextHop::mx("mx.d.test".into(), 25, preference);
    let mut worst = Worst::default();
    assert!(!worst.leaves_out(&mx(99)));
    worst.learn(&mx(20), &Failure::new(LOOKUP, Why::ConnectRefused, ""));
    assert!(!worst.leaves_out(&mx(99)));
    worst.learn(&mx(20), &is_ourselves("192.0.2.1:25".parse().unwrap()));
    assert!(!worst.leaves_out(&mx(10)) && worst.leaves_out(&mx(20)) && worst.leaves_out(&mx(30)));
    let route = NextHop { route_level: Some(Level::Try), ..mx(30) };
    assert!(!worst.leaves_out(&route), "routes have no preference");
}
