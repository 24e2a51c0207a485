//! A certificate authority for tests, and every kind of certificate a mail exchanger may show.
//!
//! Keys are ECDSA P-256, made anew for each authority. Kinds that OpenSSL alone can make (RSA-1024, X.509 version 1,
//! SHA-1) are in [`crate::peer`].

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

/// What kind of certificate a mail exchanger shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cert {
    /// Signed by the test CA, names the mail exchanger.
    Good,
    /// Signed by itself, names the mail exchanger.
    SelfSigned,
    /// As `Good`, but ended in 2001.
    Expired,
    /// As `Good`, but begins in 2090.
    Future,
    /// As `Good`, but names `wrong.name.test`.
    WrongName,
    /// As `Good`, but signed by a root that is not in the bundle.
    OtherCa,
    /// Signed by an intermediate of the test CA that the server does not send.
    NoChain,
    /// Signed by that intermediate, which the server does send.
    Chain,
    /// The name stands in the subject's common name only; no subjectAltName.
    CnOnly,
    /// As `Good`, with these DNS names instead of its own.
    Names(Vec<String>),
    /// As `Good`, with its IP address instead of its name.
    Address(std::net::IpAddr),
    /// As `Good`, with the extended key usage of a client only.
    ClientOnly,
    /// Signed by an intermediate (which is sent) that may sign for names below `allowed.test` only.
    Constrained,
    /// As `Good`, with copies of an intermediate behind it until the chain is longer than a megabyte.
    LongChain,
    /// A `Good` certificate whose private key this server does not hold: it signs with another one.
    Stolen,
}

/// What a server needs to show a certificate, and its hash for comparing with evidence.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Chain and key as rustls takes them.
    pub key: Arc<CertifiedKey>,
    /// SHA-256 over the leaf's DER, lower-case hex.
    pub sha256: String,
    /// Chain in PEM.
    pub chain_pem: String,
    /// Private key in PEM (PKCS#8).
    pub key_pem: String,
}

const MEGABYTE: usize = 1 << 20;

/// A root, two intermediates below it, and a root nobody trusts.
#[derive(Debug)]
pub struct TestCa {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
    constrained: CertifiedIssuer<'static, KeyPair>,
    other: CertifiedIssuer<'static, KeyPair>,
}

impl TestCa {
    /// Makes a new authority with new keys.
    ///
    /// # Panics
    /// When the TLS library cannot make keys.
    #[must_use]
    pub fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("Gatepost test root"), key())
            .expect("a root is made");
        let intermediate =
            CertifiedIssuer::signed_by(authority("Gatepost test intermediate"), key(), &root)
                .expect("an intermediate is made");
        let mut params = authority("Gatepost test authority for some names");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("allowed.test".to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let constrained =
            CertifiedIssuer::signed_by(params, key(), &root).expect("an intermediate is made");
        let other = CertifiedIssuer::self_signed(authority("Some other root"), key())
            .expect("a root is made");
        Self { root, intermediate, constrained, other }
    }

    /// The root in PEM: what `ca_bundle` is set to.
    #[must_use]
    pub fn roots_pem(&self) -> String {
        self.root.pem()
    }

    /// The root's private key in PEM, for signing what only `openssl` makes.
    #[must_use]
    pub(crate) fn root_key_pem(&self) -> String {
        self.root.key().serialize_pem()
    }

    /// A certificate that is signed by itself with an RSA key of 2048 bits, for servers that know no other: the
    /// certificate and its key, as PEM.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn rsa_self_signed(name: &str) -> (String, String) {
        let own = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
            .expect("a key is made");
        let certificate = leaf(&Cert::SelfSigned, name).self_signed(&own);
        (certificate.expect("the certificate is made").pem(), own.serialize_pem())
    }

    /// Makes a certificate of the given kind for a host of this name.
    ///
    /// # Panics
    /// When `name` cannot stand in a certificate.
    #[must_use]
    pub fn issue(&self, kind: &Cert, name: &str) -> Issued {
        let own = key();
        let params = leaf(kind, name);
        let (leaf, rest) = match kind {
            Cert::SelfSigned => (params.self_signed(&own), None),
            Cert::OtherCa => (params.signed_by(&own, &self.other), None),
            Cert::NoChain => (params.signed_by(&own, &self.intermediate), None),
            Cert::Chain => (params.signed_by(&own, &self.intermediate), Some(&self.intermediate)),
            Cert::Constrained => {
                (params.signed_by(&own, &self.constrained), Some(&self.constrained))
            }
            Cert::Good
            | Cert::LongChain
            | Cert::Expired
            | Cert::Future
            | Cert::WrongName
            | Cert::CnOnly
            | Cert::Names(_)
            | Cert::Address(_)
            | Cert::ClientOnly
            | Cert::Stolen => (params.signed_by(&own, &self.root), None),
        };
        let leaf = leaf.expect("the certificate is made");
        let mut chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        let mut chain_pem = leaf.pem();
        if let Some(issuer) = rest {
            chain.push(issuer.der().clone());
            chain_pem.push_str(&issuer.pem());
        }
        if *kind == Cert::LongChain {
            let filler = self.intermediate.der();
            chain.extend(std::iter::repeat_n(filler.clone(), MEGABYTE / filler.len() + 1));
        }
        let shown = if *kind == Cert::Stolen { key() } else { own };
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.serialize_der()));
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der)
            .expect("an ECDSA key is supported");
        Issued {
            sha256: hex(&Sha256::digest(leaf.der())),
            key: Arc::new(CertifiedKey::new(chain, signer)),
            chain_pem,
            key_pem: shown.serialize_pem(),
        }
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}

/// Lower-case hex.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing into a String does not fail");
        out
    })
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key is made")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(kind: &Cert, name: &str) -> CertificateParams {
    let names = match kind {
        Cert::WrongName => vec!["wrong.name.test".to_owned()],
        Cert::Names(names) => names.clone(),
        Cert::CnOnly => Vec::new(),
        Cert::Address(_)
        | Cert::Good
        | Cert::Constrained
        | Cert::LongChain
        | Cert::SelfSigned
        | Cert::Expired
        | Cert::Future
        | Cert::OtherCa
        | Cert::NoChain
        | Cert::Chain
        | Cert::ClientOnly
        | Cert::Stolen => vec![name.to_owned()],
    };
    let mut params = CertificateParams::new(names).expect("names of tests fit a certificate");
    if let Cert::Address(address) = kind {
        params.subject_alt_names = vec![SanType::IpAddress(*address)];
    }
    params.distinguished_name = common_name(name);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2095, 1, 1);
    if *kind == Cert::Expired {
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    if *kind == Cert::Future {
        params.not_before = date_time_ymd(2090, 1, 1);
    }
    if matches!(kind, Cert::Chain | Cert::NoChain) {
        params.custom_extensions = vec![issuer_address()];
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let usage = if *kind == Cert::ClientOnly {
        ExtendedKeyUsagePurpose::ClientAuth
    } else {
        ExtendedKeyUsagePurpose::ServerAuth
    };
    params.extended_key_usages = vec![usage];
    params
}

/// Where the issuer's certificate is found (RFC 5280 section 4.2.2.1), as certificates below a public intermediate say:
/// a sequence of one access description, caIssuers and a URI.
fn issuer_address() -> CustomExtension {
    let uri = b"http://ca.test/i.der";
    let method = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
    let length = u8::try_from(uri.len()).expect("a short address");
    let mut description = method.to_vec();
    description.extend([0x86, length]);
    description.extend_from_slice(uri);
    let mut content = vec![0x30, length + 14, 0x30, length + 12];
    content.extend(description);
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
