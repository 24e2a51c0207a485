//! The zone over UDP and TCP: a small authoritative server on loopback, for a gateway in a process of its own.
//!
//! A bogus answer is SERVFAIL here, which is what a validating resolver says to its clients; a timeout is silence.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::{FakeDns, Found, Kind, Status};

const TTL: u32 = 1;
/// What fits a datagram without EDNS, RFC 1035 section 4.2.1.
const DATAGRAM: usize = 512;

/// A listening DNS server. Dropping it stops it.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl DnsServer {
    /// Serves `zone` at `address` (port 0 picks one), UDP and TCP on the same port.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(zone: FakeDns, address: SocketAddr) -> io::Result<Self> {
        let (udp, tcp) = bind(address).await?;
        let address = udp.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(datagrams(udp, zone.clone()));
        tasks.spawn(connections(tcp, zone));
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The same port for UDP and TCP. A port that the system picked for one may be taken for the other.
async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = if address.port() == 0 { 100 } else { 1 };
    loop {
        let udp = UdpSocket::bind(address).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 1 => tries -= 1,
            Err(error) => return Err(error),
        }
    }
}

async fn datagrams(socket: UdpSocket, zone: FakeDns) {
    let mut packet = vec![0; 4096];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut packet).await else { continue };
        let Some((reply, truncated)) = answer(&packet[..length], &zone) else { continue };
        let bytes = if reply.len() > DATAGRAM { truncated } else { reply };
        // A client that has gone does not matter.
        let _sent = socket.send_to(&bytes, client).await.is_ok();
    }
}

async fn connections(listener: TcpListener, zone: FakeDns) {
    let zone = Arc::new(zone);
    let mut clients = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while clients.try_join_next().is_some() {}
        let zone = Arc::clone(&zone);
        clients.spawn(async move {
            let _ended = connection(stream, &zone).await.is_ok();
        });
    }
}

async fn connection(mut stream: TcpStream, zone: &FakeDns) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut packet = vec![0; usize::from(length)];
        stream.read_exact(&mut packet).await?;
        if let Some((reply, _)) = answer(&packet, zone) {
            let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
            stream.write_u16(length).await?;
            stream.write_all(&reply).await?;
        }
    }
}

/// The reply and its truncated form; None: silence.
fn answer(packet: &[u8], zone: &FakeDns) -> Option<(Vec<u8>, Vec<u8>)> {
    let question = Message::from_vec(packet).ok()?;
    let query = question.queries.first()?.clone();
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    let asked = query.query_type();
    if matches!(asked, RecordType::MX | RecordType::A | RecordType::AAAA) {
        let kind = if asked == RecordType::MX { Kind::Mx } else { Kind::Address };
        match zone.find(&query.name().to_ascii(), kind) {
            Ok(found) => reply.answers = records(&query, found),
            Err(Status::NoDomain) => reply.metadata.response_code = ResponseCode::NXDomain,
            Err(Status::ServFail | Status::Bogus) => {
                reply.metadata.response_code = ResponseCode::ServFail;
            }
            Err(Status::NoData | Status::Answer) => {}
            Err(Status::Timeout) => return None,
        }
    }
    reply.queries.push(query);
    let whole = reply.to_vec().ok()?;
    let truncated = reply.truncate().to_vec().ok()?;
    Some((whole, truncated))
}

fn records(query: &Query, found: Found) -> Vec<Record> {
    let mut owner = query.name().clone();
    let mut all = Vec::new();
    for (_, target) in found.aliases {
        let target = name(&target);
        all.push(Record::from_rdata(owner, TTL, RData::CNAME(CNAME(target.clone()))));
        owner = target;
    }
    for (preference, host) in found.mx {
        all.push(Record::from_rdata(
            owner.clone(),
            TTL,
            RData::MX(MX::new(preference, name(&host))),
        ));
    }
    for address in found.addresses {
        let (family, data) = match address {
            IpAddr::V4(address) => (RecordType::A, RData::A(A(address))),
            IpAddr::V6(address) => (RecordType::AAAA, RData::AAAA(AAAA(address))),
        };
        if family == query.query_type() {
            all.push(Record::from_rdata(owner.clone(), TTL, data));
        }
    }
    all
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).expect("names of tests are names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_zone_is_served_over_udp_and_a_missing_name_is_nxdomain() {
        let zone = FakeDns::new();
        zone.set_mx("d.test", &[(10, "mx.d.test")]);
        let server = DnsServer::start(zone, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for (asked, code, answers) in
            [("d.test.", ResponseCode::NoError, 1), ("e.test.", ResponseCode::NXDomain, 0)]
        {
            let mut question = Message::query();
            question.add_query(Query::query(Name::from_ascii(asked).unwrap(), RecordType::MX));
            socket.send_to(&question.to_vec().unwrap(), server.address()).await.unwrap();
            let mut packet = [0; 512];
            let length = socket.recv(&mut packet).await.unwrap();
            let reply = Message::from_vec(&packet[..length]).unwrap();
            assert_eq!(reply.metadata.response_code, code);
            assert_eq!(reply.answers.len(), answers);
        }
    }
}
