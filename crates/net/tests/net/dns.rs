//! The hickory resolver against a DNS server on loopback.

use std::net::IpAddr;

use gatepost_net::dns::{Hickory, LookupError, MxAnswer, MxHost, Resolver};
use gatepost_testkit::{DnsServer, FakeDns, Status, dns::Kind};
use gatepost_wire::address::DomainName;

async fn served(zone: &FakeDns) -> (Hickory, DnsServer) {
    let server = DnsServer::start(zone.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    (Hickory::new(&[server.address()]).unwrap(), server)
}

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

#[tokio::test]
async fn absence_and_failure_are_told_apart() {
    let zone = FakeDns::new();
    let address: IpAddr = "127.0.0.9".parse().unwrap();
    zone.set_mx("d.test", &[(20, "mx2.d.test"), (10, "mx1.d.test")])
        .set_addresses("a-only.test", &[address])
        .set_mx("null.test", &[(0, ".")])
        .set_mx("broken.test", &[(10, "mx.broken.test")])
        .set_status("broken.test", Kind::Mx, Status::ServFail);
    let (resolver, _server) = served(&zone).await;
    let hosts = vec![
        MxHost { preference: 10, name: "mx1.d.test".into() },
        MxHost { preference: 20, name: "mx2.d.test".into() },
    ];
    assert_eq!(resolver.mx(&domain("d.test")).await, Ok(MxAnswer::Hosts(hosts)));
    assert_eq!(resolver.mx(&domain("a-only.test")).await, Ok(MxAnswer::NoMx));
    assert_eq!(resolver.mx(&domain("null.test")).await, Ok(MxAnswer::NullMx));
    assert_eq!(resolver.mx(&domain("nowhere.test")).await, Ok(MxAnswer::NoDomain));
    let failed = resolver.mx(&domain("broken.test")).await;
    assert!(matches!(failed, Err(LookupError::Temporary(_))), "{failed:?}");
}

#[tokio::test]
async fn addresses_of_both_families_are_found() {
    let zone = FakeDns::new();
    let both: Vec<IpAddr> = vec!["127.0.0.9".parse().unwrap(), "::1".parse().unwrap()];
    zone.set_addresses("mx.d.test", &both)
        .set_alias("alias.d.test", "mx.d.test")
        .set_addresses("broken.test", &both)
        .set_status("broken.test", Kind::Address, Status::ServFail);
    let (resolver, _server) = served(&zone).await;
    assert_eq!(resolver.addresses("mx.d.test").await.unwrap(), both);
    assert_eq!(resolver.addresses("alias.d.test").await.unwrap(), both);
    assert_eq!(resolver.addresses("nowhere.test").await, Ok(vec![]));
    assert_eq!(resolver.addresses("[::1]").await.unwrap(), both[1..]);
    let failed = resolver.addresses("broken.test").await;
    assert!(matches!(failed, Err(LookupError::Temporary(_))), "{failed:?}");
}

#[tokio::test]
async fn names_are_asked_for_as_they_are() {
    let zone = FakeDns::new();
    let (resolver, _server) = served(&zone).await;
    assert_eq!(resolver.addresses("mx").await, Ok(vec![]));
    assert_eq!(resolver.mx(&domain("d.test")).await, Ok(MxAnswer::NoDomain));
    let mut asked: Vec<String> = zone.queries().into_iter().map(|query| query.name).collect();
    asked.dedup();
    assert_eq!(asked, ["mx", "d.test"]);
}

#[tokio::test]
async fn an_answer_is_kept() {
    let zone = FakeDns::new();
    zone.set_mx("d.test", &[(10, "mx.d.test")]);
    let (resolver, _server) = served(&zone).await;
    for _ in 0..3 {
        assert!(matches!(resolver.mx(&domain("d.test")).await, Ok(MxAnswer::Hosts(_))));
    }
    assert!(zone.queries().len() < 3, "{:?}", zone.queries());
}
