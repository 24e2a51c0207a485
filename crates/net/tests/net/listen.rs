//! What comes in.

use gatepost_net::{
    conn::StartTls,
    dial::dial,
    listen::{Inbound, Listener, ServerTls},
    tls::{Connector, Roots},
};
use gatepost_policy::tls::Level;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{PATIENT, requirement, target};

async fn line(inbound: &mut Inbound) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n") {
        bytes.push(inbound.io.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

async fn say(inbound: &mut Inbound, reply: &str) {
    inbound.io.write_all(reply.as_bytes()).await.unwrap();
    inbound.io.flush().await.unwrap();
}

#[tokio::test]
async fn a_connection_knows_its_peer_and_becomes_one_under_tls() {
    let dir = tempfile::tempdir().unwrap();
    let tls = ServerTls::self_signed("gateway.test", dir.path()).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address();
    let server = async {
        let mut inbound = listener.accept().await.unwrap();
        assert!(inbound.tls.is_none() && !inbound.io.is_tls());
        assert_eq!(inbound.local, address);
        assert!(inbound.peer.ip().is_loopback() && inbound.peer != address);
        say(&mut inbound, "220 gateway\r\n").await;
        assert_eq!(line(&mut inbound).await, "EHLO client.test\r\n");
        say(&mut inbound, "250-gateway\r\n250 STARTTLS\r\n").await;
        assert_eq!(line(&mut inbound).await, "STARTTLS\r\n");
        say(&mut inbound, "220 go\r\n").await;
        let mut inbound = inbound.secure(&tls).await.unwrap();
        assert!(inbound.io.is_tls());
        assert_eq!(line(&mut inbound).await, "EHLO client.test\r\n");
        say(&mut inbound, "250 gateway\r\n").await;
        inbound.tls.unwrap()
    };
    let client = async {
        let greeted = dial(target(address), &PATIENT).await?.greet("client.test").await?;
        let StartTls::Ready(ready) = greeted.starttls().await? else { panic!("refused") };
        let connector = Connector::new(&Roots::System);
        ready.handshake(&connector, &requirement(Level::Require)).await
    };
    let (facts, conn) = tokio::join!(server, client);
    let conn = conn.unwrap();
    let record = conn.tls().unwrap();
    assert_eq!((&facts.version, &facts.cipher), (&record.version, &record.cipher));
    assert_eq!(facts.version, "TLSv1.3");
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_ends_the_handshake() {
    let dir = tempfile::tempdir().unwrap();
    let tls = ServerTls::self_signed("gateway.test", dir.path()).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = async {
        let mut stream =
            tokio::net::TcpSocket::new_v4().unwrap().connect(listener.address()).await.unwrap();
        stream.write_all(b"EHLO client.test\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
    };
    let server = async { listener.accept().await.unwrap().secure(&tls).await };
    let (secured, ()) = tokio::join!(server, client);
    assert!(secured.is_err());
}

#[tokio::test]
async fn an_address_in_use_is_said() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = Listener::bind(listener.address()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
