//! The TLS side of a mail exchanger: rustls with the aws-lc-rs provider, set up as the script says.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

use crate::ca::{Issued, TestCa};
use crate::mx::{FakeMx, Versions};

/// A certificate and how it is served.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) sha256: String,
}

impl Identity {
    pub(crate) fn new(script: &FakeMx, name: &str, ca: &TestCa) -> Self {
        let issued = ca.issue(&script.cert, name);
        let mut provider = aws_lc_rs::default_provider();
        if !script.ciphers.is_empty() {
            provider.cipher_suites.clone_from(&script.ciphers);
        }
        let provider = Arc::new(provider);
        let versions: &[&rustls::SupportedProtocolVersion] = match script.versions {
            Versions::Both => &[&rustls::version::TLS12, &rustls::version::TLS13],
            Versions::Only12 => &[&rustls::version::TLS12],
            Versions::Only13 => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("the script's ciphers fit its versions");
        let builder = if script.asks_client_certificate {
            builder.with_client_cert_verifier(Arc::new(AnyClient { provider }))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(Always(Arc::clone(&issued.key))));
        if script.tickets && script.early_data > 0 {
            // The library takes early data only with tickets that it remembers, which is its default.
            config.max_early_data_size = script.early_data;
        } else if script.tickets {
            config.ticketer = aws_lc_rs::Ticketer::new().expect("a ticketer is made");
        } else {
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        }
        let Issued { sha256, .. } = issued;
        Self { config: Arc::new(config), sha256 }
    }
}

/// Shows one certificate to everybody. Not `with_single_cert`, which refuses a key that does not fit the certificate.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Asks for a client certificate, takes any and none.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
