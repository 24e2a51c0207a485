//! The two verifiers.
//!
//! Both run the same checks: the chain by webpki, the name by [`names`], the handshake's
//! signature by the library's own routines, and the strength of the key. [`Authenticating`]
//! refuses what fails; it never asserts a signature it has not checked, since a
//! certificate is public and proves nothing without its key (`tls-delivery.md` 5.8).
//! [`Unauthenticated`] writes the result down and accepts.

use std::sync::{Arc, Mutex, PoisonError};

use gatepost_policy::evidence::Why;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension,
    oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, prelude::FromDer, public_key::PublicKey,
};

use super::{facts, names, roots::Trust, words};

/// The shortest RSA key that proves anything (RFC 9325 section 4.5).
const RSA_BITS: usize = 2048;

/// Why a certificate did not verify.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) why: Why,
    pub(super) detail: String,
}

/// What the checks of one handshake said so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observed {
    certificate: Option<bool>,
    signature: Option<bool>,
}

impl Observed {
    /// Whether chain, name and signature were all checked and all good.
    pub(super) fn all_good(self) -> bool {
        self.certificate == Some(true) && self.signature == Some(true)
    }
}

/// Where the verifier of one handshake leaves what it found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    observed: Mutex<Observed>,
    refused: Mutex<Option<Refusal>>,
}

impl Verdict {
    /// What was found.
    pub(super) fn observed(&self) -> Observed {
        *self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why an authenticating verifier ended the handshake.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, write: impl FnOnce(&mut Observed)) {
        write(&mut self.observed.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn refuse(&self, refusal: Refusal) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }
}

/// The checks that both verifiers run.
#[derive(Debug)]
struct Checks {
    trust: Arc<Trust>,
    verdict: Arc<Verdict>,
}

impl Checks {
    /// Chain, name and strength of the key. The outcome is written down either way.
    fn certificate(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, (Refusal, Error)> {
        let ours = |refusal| {
            let error = CertificateError::ApplicationVerificationFailure;
            (refusal, Error::InvalidCertificate(error))
        };
        let checked = self
            .chain(end_entity, intermediates, now)
            .map_err(|error| (refused_chain(&error, end_entity, intermediates, now), error))
            .and_then(|()| {
                names::check(end_entity, server_name)
                    .map_err(|detail| ours(Refusal { why: Why::CertName, detail }))
            })
            .and_then(|()| match weak_key(end_entity) {
                None => Ok(ServerCertVerified::assertion()),
                Some(refusal) => Err(ours(refusal)),
            });
        let good = checked.is_ok();
        self.verdict.note(|observed| observed.certificate = Some(good));
        checked
    }

    /// Whether the certificate is a server's, in time, and leads to a root.
    fn chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Trust { roots, algorithms } = self.trust.as_ref();
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            intermediates,
            now,
            algorithms.all,
        )
    }

    /// Whether the peer holds the certificate's key. The outcome is written down
    /// either way.
    fn signature(
        &self,
        checked: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, (Refusal, Error)> {
        self.verdict.note(|observed| observed.signature = Some(checked.is_ok()));
        checked.map_err(|error| {
            let detail = format!(
                "the host did not prove that it holds the key of the certificate it shows: {error}"
            );
            (Refusal { why: words::of_tls(&error), detail }, error)
        })
    }
}

/// Refuses what does not verify. For requirements that need proof.
#[derive(Debug)]
pub(super) struct Authenticating {
    checks: Checks,
}

impl Authenticating {
    pub(super) const fn new(trust: Arc<Trust>, verdict: Arc<Verdict>) -> Self {
        Self { checks: Checks { trust, verdict } }
    }

    fn refuse<T>(&self, checked: Result<T, (Refusal, Error)>) -> Result<T, Error> {
        checked.map_err(|(refusal, error)| {
            self.checks.verdict.refuse(refusal);
            error
        })
    }
}

impl ServerCertVerifier for Authenticating {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.refuse(self.checks.certificate(end_entity, intermediates, server_name, now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = verify_tls12_signature(message, cert, dss, &self.checks.trust.algorithms);
        self.refuse(self.checks.signature(checked))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = verify_tls13_signature(message, cert, dss, &self.checks.trust.algorithms);
        self.refuse(self.checks.signature(checked))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checks.trust.algorithms.supported_schemes()
    }
}

/// Accepts whatever comes, and writes down what a strict verifier would have said.
/// For requirements that need no proof: nothing is authenticated there, so a weak key
/// or an old signature is better than clear text (RFC 7435).
#[derive(Debug)]
pub(super) struct Unauthenticated {
    /// `None` where there are no roots to check against.
    checks: Option<Checks>,
    schemes: Vec<SignatureScheme>,
}

impl Unauthenticated {
    pub(super) fn new(
        trust: Option<Arc<Trust>>,
        provider: &CryptoProvider,
        verdict: Arc<Verdict>,
    ) -> Self {
        let mut schemes = provider.signature_verification_algorithms.supported_schemes();
        // Offered last, for hosts that can sign with nothing else.
        schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        Self { checks: trust.map(|trust| Checks { trust, verdict }), schemes }
    }
}

impl ServerCertVerifier for Unauthenticated {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(checks) = &self.checks {
            checks.certificate(end_entity, intermediates, server_name, now).ok();
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(checks) = &self.checks {
            let checked = verify_tls12_signature(message, cert, dss, &checks.trust.algorithms);
            checks.signature(checked).ok();
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(checks) = &self.checks {
            let checked = verify_tls13_signature(message, cert, dss, &checks.trust.algorithms);
            checks.signature(checked).ok();
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// The word for a chain or a name that does not verify. The library has one error
/// for every missing issuer, and calls a self-signed certificate with the CA flag
/// (what `openssl req -x509` makes) a misuse; here it is told from the shape of what
/// was sent.
fn refused_chain(
    error: &Error,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
) -> Refusal {
    let word = words::of_tls(error);
    if matches!(word, Why::CertExpired | Why::CertNotYetValid)
        && let Some(detail) = out_of_date(end_entity, now)
    {
        return Refusal { why: word, detail };
    }
    if !matches!(word, Why::CertUntrusted | Why::CertUnsupported) {
        return Refusal { why: word, detail: error.to_string() };
    }
    if self_issued(end_entity) {
        let detail = format!("the certificate is signed by itself and not trusted here ({error})");
        return Refusal { why: Why::CertUntrusted, detail };
    }
    if word == Why::CertUntrusted && intermediates.is_empty() && points_to_issuer(end_entity) {
        let issuer = issuer(end_entity).unwrap_or_default();
        let detail = format!(
            "the host did not send the certificate of the issuer, {issuer:?}, which is not a root here"
        );
        return Refusal { why: Why::CertIncompleteChain, detail };
    }
    Refusal { why: word, detail: error.to_string() }
}

/// The date that a certificate is beyond, for people.
fn out_of_date(certificate: &CertificateDer<'_>, now: UnixTime) -> Option<String> {
    let facts = facts::read(certificate)?;
    let now = i64::try_from(now.as_secs()).ok()?.checked_mul(1000)?;
    if now > facts.not_after.millis() {
        return Some(format!("it ended on {}", facts.not_after.rfc3339()));
    }
    let early = now < facts.not_before.millis();
    early.then(|| format!("it begins on {}", facts.not_before.rfc3339()))
}

/// Whether a certificate says where its issuer's certificate is found, as those of
/// public authorities do. Without that, an intermediate that was not sent cannot be
/// told from a private root that nobody here trusts.
fn points_to_issuer(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    parsed.extensions().iter().any(|extension| {
        matches!(
            extension.parsed_extension(),
            ParsedExtension::AuthorityInfoAccess(access)
                if access.iter().any(|entry| entry.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS)
        )
    })
}

fn self_issued(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.issuer().as_raw() == parsed.subject().as_raw())
}

fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed.issuer().to_string())
}

/// A key that is too short to prove anything. Looked at before the signature: the
/// library reports the signature of a short key as a forged one (`tls-delivery.md`
/// 5.7).
fn weak_key(certificate: &CertificateDer<'_>) -> Option<Refusal> {
    let unsupported = |detail: String| Some(Refusal { why: Why::CertUnsupported, detail });
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return unsupported("the certificate cannot be read".to_owned());
    };
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS => unsupported(format!(
            "the certificate has an RSA key of {} bits; {RSA_BITS} are the least that is accepted",
            key.key_size()
        )),
        Ok(_) => None,
        Err(error) => unsupported(format!("the certificate's key cannot be read: {error}")),
    }
}
