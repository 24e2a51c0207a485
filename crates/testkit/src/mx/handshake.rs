//! What follows a 220 to STARTTLS, or a connection on which TLS begins at once.

mod hello;

use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use crate::mx::record::TlsSeen;
use crate::mx::session::Recorder;
use crate::mx::tls::Identity;
use crate::mx::{After220, FakeMx};

/// What follows a 220: the stream under TLS, when the script lets it come to that.
pub(super) async fn upgrade(
    mut stream: TcpStream,
    script: &FakeMx,
    identity: &Identity,
    recorder: Recorder<'_>,
) -> Option<TlsStream<TcpStream>> {
    match &script.after_220 {
        After220::Handshake => handshake(stream, script, identity, recorder).await,
        After220::Close => None,
        After220::Reset => {
            let _set = stream.set_zero_linger().is_ok();
            None
        }
        After220::Stall => {
            drain(&mut stream).await;
            None
        }
        After220::Alert(number) => {
            client_hello(&mut stream, recorder).await;
            let _sent = stream.write_all(&[21, 3, 3, 0, 2, 2, *number]).await.is_ok();
            let _closed = stream.shutdown().await.is_ok();
            drain(&mut stream).await;
            None
        }
        After220::Garbage(bytes) => {
            client_hello(&mut stream, recorder).await;
            let _sent = stream.write_all(bytes).await.is_ok();
            drain(&mut stream).await;
            None
        }
        After220::Inject(bytes) => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _sent = stream.write_all(bytes).await.is_ok();
            handshake(stream, script, identity, recorder).await
        }
    }
}

/// Reads and forgets until the client goes.
async fn drain(stream: &mut TcpStream) {
    let mut forgotten = vec![0; 1024];
    while matches!(stream.read(&mut forgotten).await, Ok(1..)) {}
}

/// Waits for the first bytes of a ClientHello and does not answer them.
async fn client_hello(stream: &mut TcpStream, recorder: Recorder<'_>) {
    let mut first = vec![0; 4096];
    let read = stream.read(&mut first).await.unwrap_or(0);
    if read > 0 && first[0] == 22 {
        recorder.note(|record| record.hello = true);
    }
}

pub(super) async fn handshake(
    stream: TcpStream,
    script: &FakeMx,
    identity: &Identity,
    recorder: Recorder<'_>,
) -> Option<TlsStream<TcpStream>> {
    let offered = hello::offers(&stream).await;
    let start = match LazyConfigAcceptor::new(Acceptor::default(), stream).await {
        Ok(start) => start,
        Err(error) => {
            recorder.note(|record| record.handshake_error = Some(error.to_string()));
            return None;
        }
    };
    {
        let hello = start.client_hello();
        let sni = hello.server_name().map(str::to_owned);
        let alpn = hello
            .alpn()
            .map(|all| all.map(|one| String::from_utf8_lossy(one).into_owned()).collect())
            .unwrap_or_default();
        recorder.note(|record| {
            record.hello = true;
            record.offered = offered;
            record.sni = sni;
            record.alpn = alpn;
        });
    }
    match start.into_stream(std::sync::Arc::clone(&identity.config)).await {
        Ok(mut stream) => {
            let session = stream.get_ref().1;
            let seen = TlsSeen {
                version: session
                    .protocol_version()
                    .and_then(|v| v.as_str())
                    .unwrap_or_default()
                    .replace('_', "."),
                cipher: session
                    .negotiated_cipher_suite()
                    .and_then(|suite| suite.suite().as_str())
                    .unwrap_or_default()
                    .to_owned(),
                certificate_sha256: identity.sha256.clone(),
                client_certificate: session
                    .peer_certificates()
                    .is_some_and(|chain| !chain.is_empty()),
                resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            };
            recorder.note(|record| record.tls = Some(seen));
            flood(&mut stream, script.key_updates).await;
            Some(stream)
        }
        Err(error) => {
            recorder.note(|record| record.handshake_error = Some(error.to_string()));
            None
        }
    }
}

/// Sends so many KeyUpdates, each wanting one back (RFC 8446 section 4.6.3).
async fn flood(stream: &mut TlsStream<TcpStream>, key_updates: usize) {
    for _ in 0..key_updates {
        if stream.get_mut().1.refresh_traffic_keys().is_err() {
            // TLS 1.2 has none.
            return;
        }
    }
    // A client that goes away in the middle of it is what the tests are about.
    let _sent = stream.flush().await.is_ok();
}
