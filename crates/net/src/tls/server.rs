//! Our own certificate, and our side of a handshake.
//!
//! A [`ServerTls`] is an immutable value: to take another certificate into use, make
//! a new one and hand it to the next connections. TLS 1.2 and 1.3 only, no client
//! certificate, no ALPN (RFC 8314, RFC 9325).

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use gatepost_policy::tls::CertificateFacts;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use super::describe;
use crate::io::Io;

/// The file of a certificate that was made here.
const CERTIFICATE: &str = "gateway-certificate.pem";
/// Its key.
const KEY: &str = "gateway-key.pem";

/// The server's side of TLS: a certificate chain with its key. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    facts: Option<CertificateFacts>,
}

/// What a TLS session of a client of ours has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite's name.
    pub cipher: String,
}

/// Our certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be read or written.
    #[error("{path}: cannot be used", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file holds no PEM of the kind that is wanted.
    #[error("{path}: holds no usable {wanted} in PEM form", path = path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
    },
    /// Certificate and key do not belong together, or are of a kind that is not taken.
    #[error("the certificate and the private key cannot be used together")]
    Pair(#[source] rustls::Error),
    /// No certificate can be made for the host name.
    #[error("no certificate can be made for {hostname:?}")]
    Making {
        /// The host name.
        hostname: String,
        /// What is wrong with it.
        #[source]
        source: rcgen::Error,
    },
}

impl ServerTls {
    /// Reads a certificate chain (ours first) and its private key, both PEM.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub fn from_pem(certificate: &Path, key: &Path) -> Result<Self, ServerTlsError> {
        let chain = read_chain(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|_| ServerTlsError::Pem { path: key.to_owned(), wanted: "private key" })?;
        Self::new(chain, key)
    }

    /// Takes the certificate that was made for this host name in `dir`, or makes one
    /// there that is signed by itself. The key's file can be read by its owner alone.
    ///
    /// # Errors
    /// Which file cannot be used, or that the host name fits no certificate.
    pub fn self_signed(hostname: &str, dir: &Path) -> Result<Self, ServerTlsError> {
        let (certificate, key) = (dir.join(CERTIFICATE), dir.join(KEY));
        if let Ok(chain) = read_chain(&certificate)
            && chain.first().is_some_and(|ours| names(ours, hostname))
            && let Ok(ours) = Self::from_pem(&certificate, &key)
        {
            return Ok(ours);
        }
        let (made, made_key) = make(hostname)
            .map_err(|source| ServerTlsError::Making { hostname: hostname.to_owned(), source })?;
        fs::create_dir_all(dir)
            .map_err(|source| ServerTlsError::File { path: dir.to_owned(), source })?;
        write(&key, made_key.as_bytes(), 0o600)?;
        write(&certificate, made.as_bytes(), 0o644)?;
        Self::from_pem(&certificate, &key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ServerTlsError> {
        let facts = chain.first().and_then(super::facts::read);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(ServerTlsError::Pair)?;
        Ok(Self { config: Arc::new(config), facts })
    }

    /// What stands in our certificate; `None` where it cannot be read.
    pub const fn facts(&self) -> Option<&CertificateFacts> {
        self.facts.as_ref()
    }
}

impl Io {
    /// Does our side of a handshake. The caller bounds the time, and has made sure
    /// that no byte which came before is still to be read (RFC 3207 section 6).
    ///
    /// # Errors
    /// The handshake failed, or TLS is on already; the connection is gone.
    pub async fn upgrade(self, tls: &ServerTls) -> io::Result<(Self, TlsFacts)> {
        let stream = self.into_plain().ok_or_else(|| io::Error::other("TLS is on already"))?;
        let handshake = Box::pin(TlsAcceptor::from(tls.config.clone()).accept(stream));
        let stream = handshake.await?;
        let (version, cipher) = describe(stream.get_ref().1);
        Ok((Self::tls(stream), TlsFacts { version, cipher }))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ServerTlsError> {
    fs::read(path).map_err(|source| ServerTlsError::File { path: path.to_owned(), source })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(ServerTlsError::Pem { path: path.to_owned(), wanted: "certificate" }),
    }
}

/// Writes a file that nobody sees half written.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ServerTlsError> {
    let draft = path.with_extension("new");
    let written = (|| {
        fs::remove_file(&draft).or_else(|error| {
            if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        })?;
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    written.map_err(|source| ServerTlsError::File { path: path.to_owned(), source })
}

/// Whether a certificate is for this host name.
fn names(certificate: &CertificateDer<'_>, hostname: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return false };
    names
        .value
        .general_names
        .iter()
        .any(|name| matches!(name, GeneralName::DNSName(dns) if dns.eq_ignore_ascii_case(hostname)))
}

/// A certificate and its key, as PEM. It is signed by itself, so its dates protect
/// nobody; they are wide, for a gateway whose clock is wrong.
fn make(hostname: &str) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![hostname.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, hostname);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_for_a_host_name() {
        let dir = tempfile::tempdir().unwrap();
        ServerTls::self_signed("gateway.test", dir.path()).unwrap();
        let first = fs::read(dir.path().join(CERTIFICATE)).unwrap();
        ServerTls::self_signed("Gateway.test", dir.path()).unwrap();
        assert_eq!(fs::read(dir.path().join(CERTIFICATE)).unwrap(), first);
        ServerTls::self_signed("other.test", dir.path()).unwrap();
        assert_ne!(fs::read(dir.path().join(CERTIFICATE)).unwrap(), first);
    }

    #[test]
    fn the_key_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        ServerTls::self_signed("gateway.test", dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        ServerTls::self_signed("gateway.test", dir.path()).unwrap();
        let (certificate, key) = (dir.path().join(CERTIFICATE), dir.path().join(KEY));
        let missing = dir.path().join("missing.pem");
        let error = ServerTls::from_pem(&missing, &key).unwrap_err();
        assert!(error.to_string().contains("missing.pem"), "{error}");
        let error = ServerTls::from_pem(&certificate, &certificate).unwrap_err();
        assert!(matches!(error, ServerTlsError::Pem { wanted: "private key", .. }), "{error}");
        let other = tempfile::tempdir().unwrap();
        ServerTls::self_signed("other.test", other.path()).unwrap();
        let error = ServerTls::from_pem(&certificate, &other.path().join(KEY)).unwrap_err();
        assert!(matches!(error, ServerTlsError::Pair(_)), "{error}");
    }
}
