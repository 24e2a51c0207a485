//! TLS towards other hosts: rustls with an explicit provider and nothing
//! process-wide.
//!
//! Two verifiers, never interchangeable (`tls-delivery.md` 5.7). A requirement that
//! needs no proof gets the one that observes: it runs the same checks, records what
//! they said, and accepts. A requirement that needs proof gets the one that
//! authenticates, and only that one can put a proof into a [`SessionRecord`]. Every
//! handshake has a verifier and a configuration of its own, sessions are never
//! resumed (a resumed session asks no verifier), there is no early data and no ALPN.

mod facts;
mod names;
mod roots;
pub mod server;
mod verify;
pub(crate) mod words;

use std::{collections::BTreeSet, fmt, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use gatepost_policy::{
    evidence::{Stage, Why},
    tls::{Proof, Requirement, SessionRecord, VerifiedBy},
};
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::ServerName,
};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use self::roots::Trust;
use self::verify::{Authenticating, Observed, Unauthenticated, Verdict};
use crate::{dial::Target, failure::Failure};

/// Where the roots for `verify` come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Roots {
    /// The roots that the operating system trusts.
    System,
    /// A PEM file.
    Pem(PathBuf),
}

/// Trust in roots that cannot be used. Only messages that need proof wait for it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct RootsError(String);

/// What a client other than for mail does its handshakes with: every certificate is verified against these roots. Where they
/// cannot be used, it trusts nobody, and the second says why. Reads files, so it blocks.
pub(crate) fn client_config(roots: &Roots) -> (ClientConfig, Result<(), RootsError>) {
    let (roots, usable) = match roots::load(roots) {
        Ok(roots) => (roots, Ok(())),
        Err(why) => (RootCertStore::empty(), Err(why)),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (config, usable)
}

/// Makes TLS connections. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    provider: Arc<CryptoProvider>,
    roots: Result<Arc<Trust>, RootsError>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("roots", &self.roots_ok()).finish_non_exhaustive()
    }
}

impl Connector {
    /// Reads the roots. Where that fails the connector can still encrypt: it cannot
    /// authenticate, and says so in [`Self::roots_ok`]. Reads files, so it blocks.
    pub fn new(roots: &Roots) -> Self {
        Self::with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()), roots)
    }

    /// As [`Self::new`], with primitives other than those of aws-lc-rs. When they fail,
    /// as without a source of random bytes, no message is worse protected for it: what
    /// demands TLS waits with [`Why::PolicyBroken`].
    pub fn with_provider(provider: Arc<CryptoProvider>, roots: &Roots) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        let roots = roots::load(roots).map(|roots| Arc::new(Trust { roots, algorithms }));
        Self { provider, roots }
    }

    /// Whether there are roots to authenticate with.
    ///
    /// # Errors
    /// What is wrong with them, for people. A message that needs proof is answered
    /// with [`Why::PolicyBroken`], never with less proof.
    pub fn roots_ok(&self) -> Result<(), &RootsError> {
        self.roots.as_ref().map(|_| ())
    }

    /// Does a handshake on a socket that waits for one.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        target: &Target,
        limit: Duration,
        requirement: &Requirement,
    ) -> Result<(TlsStream<TcpStream>, SessionRecord), Failure> {
        let needs_proof = match requirement {
            Requirement::Opportunistic(_) => false,
            Requirement::Enforced(enforced) => enforced.needs_proof(),
        };
        let name = server_name(target, needs_proof)?;
        let verdict = Arc::new(Verdict::default());
        let verifier: Arc<dyn ServerCertVerifier> = if needs_proof {
            let trust = self.roots.as_ref().map_err(|error| {
                let detail = format!("no certificate can be verified here: {error}");
                Failure::new(Stage::Plan, Why::PolicyBroken, detail)
            })?;
            Arc::new(Authenticating::new(trust.clone(), verdict.clone()))
        } else {
            let trust = self.roots.as_ref().ok().cloned();
            Arc::new(Unauthenticated::new(trust, &self.provider, verdict.clone()))
        };
        let connector = TlsConnector::from(Arc::new(self.config(verifier)?));
        let handshake = Box::pin(connector.connect(name, stream));
        let stream = match tokio::time::timeout(limit, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(broken_off(&error, &verdict)),
            Err(_) => {
                let detail = format!("no TLS handshake within {} s", limit.as_secs_f32());
                return Err(Failure::new(Stage::Tls, Why::TlsTimeout, detail));
            }
        };
        let record = record(&stream, verdict.observed(), needs_proof)?;
        Ok((stream, record))
    }

    fn config(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Failure> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                let detail = format!("TLS cannot be used here: {error}");
                Failure::new(Stage::Plan, Why::PolicyBroken, detail)
            })?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A resumed session asks no verifier (`tls-delivery.md` 5.8), so one that was
        // opened without proof could carry a message that needs it.
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.alpn_protocols.clear();
        Ok(config)
    }
}

/// The name for SNI and for the certificate. An address sends no SNI (RFC 6066
/// section 3).
fn server_name(target: &Target, needs_proof: bool) -> Result<ServerName<'static>, Failure> {
    let host = target.host.trim_end_matches('.');
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if needs_proof => {
            let detail = format!("no certificate can be for the name {:?}", target.host);
            Err(Failure::new(Stage::Verify, Why::CertName, detail))
        }
        Err(_) => Ok(ServerName::from(target.address.ip())),
    }
}

/// The failure for a handshake that did not end well: the verifier's word, where it
/// refused the certificate, else what the library says.
fn broken_off(error: &std::io::Error, verdict: &Verdict) -> Failure {
    if let Some(refusal) = verdict.refused() {
        return Failure::new(Stage::Verify, refusal.why, refusal.detail);
    }
    let detail = format!("the TLS handshake failed: {error}");
    Failure::new(Stage::Tls, words::of_io(error), detail)
}

/// What a finished handshake showed. A proof stands in it only if an authenticating
/// verifier has checked the chain, the name and the handshake's signature.
fn record(
    stream: &TlsStream<TcpStream>,
    observed: Observed,
    needs_proof: bool,
) -> Result<SessionRecord, Failure> {
    let (_, session) = stream.get_ref();
    let (version, cipher) = describe(session);
    let all_good = observed.all_good();
    if needs_proof && !all_good {
        // The verifier refuses before this can be reached.
        let detail = "the handshake ended without the certificate being verified";
        return Err(Failure::new(Stage::Verify, Why::CertUnsupported, detail));
    }
    let proofs = if needs_proof { BTreeSet::from([Proof::PkixMx]) } else { BTreeSet::new() };
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let facts = certificate.and_then(facts::read);
    Ok(SessionRecord {
        version,
        cipher,
        certificate_sha256: certificate.map(|der| hex(&Sha256::digest(der))),
        proofs,
        verified_by: if all_good { VerifiedBy::WebPki } else { VerifiedBy::None },
        not_after: facts.as_ref().map(|facts| facts.not_after),
        certificate: facts,
    })
}

/// Protocol version and cipher suite, as evidence names them.
pub(crate) fn describe(session: &rustls::CommonState) -> (String, String) {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        other => other.map(|version| format!("{version:?}")).unwrap_or_default(),
    };
    let cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    (version, cipher.unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
