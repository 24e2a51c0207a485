//! A DNS server for the demo: it knows the demo's domains and nothing else.
//!
//! It answers over UDP on loopback, so the gateway's own resolver asks it as it would ask any other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, MX};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// How long an answer may be kept, in seconds.
const TTL: u32 = 60;

/// The demo's domains: each has one mail host, with one address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zone {
    hosts: BTreeMap<String, Ipv4Addr>,
}

impl Zone {
    /// Adds a domain whose mail goes to `mx.` below it, at this address.
    pub(crate) fn add(&mut self, domain: &str, address: Ipv4Addr) {
        self.hosts.insert(domain.to_owned(), address);
    }
}

/// The name of a domain's mail host.
pub(crate) fn mail_host(domain: &str) -> String {
    format!("mx.{domain}")
}

/// A bound server.
pub(crate) struct Server {
    socket: UdpSocket,
    zone: Zone,
}

impl Server {
    pub(crate) async fn bind(zone: Zone) -> std::io::Result<Self> {
        Ok(Self { socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?, zone })
    }

    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until it is dropped.
    pub(crate) async fn run(self) {
        let mut packet = [0_u8; 1500];
        loop {
            let Ok((length, client)) = self.socket.recv_from(&mut packet).await else { continue };
            let Some(reply) = packet.get(..length).and_then(|question| self.zone.answer(question))
            else {
                continue;
            };
            if self.socket.send_to(&reply, client).await.is_err() {
                // who asked is gone, and asks again if it still wants to know
            }
        }
    }
}

impl Zone {
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?.clone();
        let mut reply = Message::response(question.metadata.id, OpCode::Query);
        reply.metadata.recursion_desired = question.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        match self.records(&query) {
            Some(records) => reply.answers = records,
            None => reply.metadata.response_code = ResponseCode::NXDomain,
        }
        reply.queries.push(query);
        reply.to_vec().ok()
    }

    /// The records asked for, none where the name has none of that type, `None` where there is no such name.
    fn records(&self, query: &Query) -> Option<Vec<Record>> {
        let owner = query.name().clone();
        let asked = owner.to_ascii().to_lowercase();
        let asked = asked.trim_end_matches('.');
        if self.hosts.contains_key(asked) {
            if query.query_type() != RecordType::MX {
                return Some(Vec::new());
            }
            let host = Name::from_ascii(format!("{}.", mail_host(asked))).ok()?;
            return Some(vec![Record::from_rdata(owner, TTL, RData::MX(MX::new(10, host)))]);
        }
        let (_, address) = self.hosts.iter().find(|(domain, _)| mail_host(domain) == asked)?;
        let record = Record::from_rdata(owner, TTL, RData::A(A(*address)));
        Some(if query.query_type() == RecordType::A { vec![record] } else { Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_knows_its_domains_their_hosts_and_nothing_else() {
        let mut zone = Zone::default();
        zone.add("partner.example", Ipv4Addr::new(127, 0, 0, 9));
        let ask = |name: &str, kind| {
            let query = Query::query(Name::from_ascii(name).unwrap(), kind);
            zone.records(&query).map(|records| {
                records.iter().map(|record| record.data.to_string()).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            ask("partner.example.", RecordType::MX),
            Some(vec!["10 mx.partner.example.".to_owned()])
        );
        assert_eq!(ask("mx.partner.example.", RecordType::A), Some(vec!["127.0.0.9".to_owned()]));
        assert_eq!(ask("mx.partner.example.", RecordType::AAAA), Some(vec![]));
        assert_eq!(ask("elsewhere.example.", RecordType::MX), None);
    }
}
