//! A peer that rustls cannot be: TLS 1.0 and 1.1 only, weak certificates, anonymous ciphers.
//!
//! A Python script with its `ssl` module speaks the SMTP, `openssl` makes the certificates. Where either program is
//! missing, or OpenSSL is built without what is needed, [`WeakPeer::start`] says so and the test is skipped loudly.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::ca::TestCa;
use crate::mx::record::{Channel, Connection, Line, Received, TlsSeen};

/// What is weak about the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weakness {
    /// TLS 1.0 only.
    Tls10,
    /// TLS 1.1 only.
    Tls11,
    /// TLS 1.0 and 1.1.
    Tls10And11,
    /// TLS 1.2 with anonymous ciphers only.
    Anonymous,
    /// An RSA certificate of 1024 bits.
    Rsa1024,
    /// An X.509 certificate of version 1.
    Version1,
    /// A certificate signed with SHA-1.
    Sha1,
}

impl Weakness {
    fn mode(self) -> &'static str {
        match self {
            Self::Tls10 => "tls10",
            Self::Tls11 => "tls11",
            Self::Tls10And11 => "tls10-11",
            Self::Anonymous => "anonymous",
            Self::Rsa1024 | Self::Version1 | Self::Sha1 => "modern",
        }
    }
}

/// A running weak peer. Dropping it ends it.
#[derive(Debug)]
pub struct WeakPeer {
    address: SocketAddr,
    child: Child,
    reader: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    _directory: TempDir,
}

#[derive(Debug)]
struct Shared {
    connections: Mutex<Vec<Connection>>,
    listening: watch::Sender<bool>,
    certificate_sha256: String,
}

impl WeakPeer {
    /// Starts one at `address` as the host `name`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when this machine has no openssl, or no Python with `ssl`: then the test is skipped.
    /// Any other error is a fault.
    pub async fn start(weakness: Weakness, name: &str, address: SocketAddr) -> io::Result<Self> {
        Self::signed_by(None, weakness, name, address).await
    }

    /// As [`Self::start`], with a certificate that `ca` has signed, so that the weakness is all that is wrong with it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn trusted(
        ca: &TestCa,
        weakness: Weakness,
        name: &str,
        address: SocketAddr,
    ) -> io::Result<Self> {
        Self::signed_by(Some(ca), weakness, name, address).await
    }

    async fn signed_by(
        ca: Option<&TestCa>,
        weakness: Weakness,
        name: &str,
        address: SocketAddr,
    ) -> io::Result<Self> {
        let with_ssl =
            Command::new("python3").args(["-c", "import ssl"]).stderr(Stdio::null()).status();
        if !with_ssl.is_ok_and(|status| status.success()) {
            return Err(missing("Python 3 with its ssl module"));
        }
        let directory = TempDir::new()?;
        let (certificate, key) = certificate(ca, weakness, name, directory.path())?;
        let mut child = Command::new("python3")
            // What is deprecated is the point of it.
            .args(["-W", "ignore::DeprecationWarning"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/weak_peer.py"))
            .args([
                address.ip().to_string(),
                address.port().to_string(),
                weakness.mode().to_owned(),
            ])
            .args([&certificate, &key])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no pipe to python3"))?;
        let shared = Arc::new(Shared {
            connections: Mutex::new(Vec::new()),
            listening: watch::Sender::new(false),
            certificate_sha256: sha256(&certificate)?,
        });
        let mut listening = shared.listening.subscribe();
        let reader = {
            let (shared, name) = (Arc::clone(&shared), name.to_owned());
            std::thread::spawn(move || read(BufReader::new(stdout), &shared, &name, address))
        };
        let peer = Self { address, child, reader: Some(reader), shared, _directory: directory };
        let ready =
            tokio::time::timeout(Duration::from_secs(20), listening.wait_for(|up| *up)).await;
        match ready {
            Ok(Ok(_)) => Ok(peer),
            _ => Err(io::Error::other("the peer did not start: its error is above")),
        }
    }

    /// The listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was seen so far.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for WeakPeer {
    fn drop(&mut self) {
        // The child may have ended by itself; there is nothing else to do about it here.
        let _killed = self.child.kill().is_ok();
        let _reaped = self.child.wait().is_ok();
        if let Some(reader) = self.reader.take() {
            let _joined = reader.join().is_ok();
        }
    }
}

fn read(events: impl BufRead, shared: &Shared, name: &str, address: SocketAddr) {
    for line in events.lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        if text("event") == "listening" {
            shared.listening.send_replace(true);
            continue;
        }
        let mut all = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let number =
            event["connection"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        while all.len() < number {
            all.push(Connection::new(name, address, address));
        }
        let Some(record) = number.checked_sub(1).and_then(|index| all.get_mut(index)) else {
            continue;
        };
        let channel = if text("channel") == "tls" { Channel::Tls } else { Channel::Clear };
        match text("event").as_str() {
            "line" => {
                if channel == Channel::Clear {
                    record
                        .clear_bytes
                        .extend_from_slice(format!("{}\r\n", text("text")).as_bytes());
                }
                record.lines.push(Line { text: text("text"), channel });
            }
            "tls" => {
                record.hello = true;
                record.tls = Some(TlsSeen {
                    version: text("version"),
                    cipher: text("cipher"),
                    certificate_sha256: shared.certificate_sha256.clone(),
                    ..TlsSeen::default()
                });
            }
            "failed" => record.handshake_error = Some(text("error")),
            "message" => record.messages.push(Received {
                from: text("from"),
                to: event["to"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                mail_params: String::new(),
                message: text("message")
                    .chars()
                    .filter_map(|c| u8::try_from(u32::from(c)).ok())
                    .collect(),
                wire: Vec::new(),
                channel,
                accepted: true,
            }),
            "close" => record.closed = true,
            _ => {}
        }
    }
}

/// A certificate and its key, made by `openssl`: signed with its own key, or by `ca`.
fn certificate(
    ca: Option<&TestCa>,
    weakness: Weakness,
    name: &str,
    directory: &Path,
) -> io::Result<(PathBuf, PathBuf)> {
    let at = |file: &str| directory.join(file);
    let (certificate, key, request) = (at("cert.pem"), at("key.pem"), at("request.pem"));
    let (bits, digest) = match weakness {
        Weakness::Rsa1024 => ("rsa:1024", "-sha256"),
        Weakness::Sha1 => ("rsa:2048", "-sha1"),
        Weakness::Version1
        | Weakness::Tls10
        | Weakness::Tls11
        | Weakness::Tls10And11
        | Weakness::Anonymous => ("rsa:2048", "-sha256"),
    };
    let subject = format!("/CN={name}");
    openssl(
        Command::new("openssl")
            .args(["req", "-nodes", "-newkey", bits, digest, "-subj", &subject, "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&request),
    )?;
    let mut sign = Command::new("openssl");
    sign.args(["x509", "-req", "-days", "3650", digest, "-in"]).arg(&request);
    match ca {
        None => sign.arg("-signkey").arg(&key),
        Some(ca) => {
            let (root, root_key) = (at("root.pem"), at("root-key.pem"));
            std::fs::write(&root, ca.roots_pem())?;
            std::fs::write(&root_key, ca.root_key_pem())?;
            sign.arg("-CA").arg(root).arg("-CAkey").arg(root_key).args(["-set_serial", "4711"])
        }
    };
    // `x509 -req` without an extension file makes version 1.
    if weakness != Weakness::Version1 {
        let extensions = at("extensions.cnf");
        std::fs::write(&extensions, format!("subjectAltName=DNS:{name}\n"))?;
        sign.arg("-extfile").arg(extensions);
    }
    openssl(sign.arg("-out").arg(&certificate))?;
    Ok((certificate, key))
}

fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{what} is not there"))
}

fn openssl(command: &mut Command) -> io::Result<()> {
    let output = command.output().map_err(|_| missing("openssl"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("openssl: {}", String::from_utf8_lossy(&output.stderr))))
}

fn sha256(certificate: &Path) -> io::Result<String> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    use sha2::{Digest, Sha256};
    let der = CertificateDer::from_pem_file(certificate).map_err(io::Error::other)?;
    Ok(crate::ca::hex(&Sha256::digest(&der)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::Net;

    #[tokio::test]
    async fn every_weakness_starts_listening() {
        let net = Net::new();
        for weakness in [
            Weakness::Tls10,
            Weakness::Tls11,
            Weakness::Tls10And11,
            Weakness::Anonymous,
            Weakness::Rsa1024,
            Weakness::Version1,
            Weakness::Sha1,
        ] {
            match WeakPeer::start(weakness, "mx.d.test", net.next()).await {
                Ok(peer) => assert!(peer.connections().is_empty()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    eprintln!("SKIPPED: {error}");
                }
                Err(error) => panic!("{weakness:?}: {error}"),
            }
        }
    }
}
