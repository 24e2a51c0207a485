//! The roots that certificates are verified against, and what may be signed with.

use rustls::{
    RootCertStore,
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{Roots, RootsError};

/// What a chain is verified with.
#[derive(Debug)]
pub(super) struct Trust {
    /// The roots, at least one.
    pub(super) roots: RootCertStore,
    /// The signatures that count.
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// The roots, at least one.
pub(super) fn load(roots: &Roots) -> Result<RootCertStore, RootsError> {
    let (certificates, whence) = match roots {
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            let trouble = found.errors.first().map(ToString::to_string).unwrap_or_default();
            (found.certs, format!("the roots of this system: {trouble}"))
        }
        Roots::Pem(path) => {
            let whence = path.display().to_string();
            let unusable = |error| RootsError(format!("{whence}: {error}"));
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(unusable)?
                .collect::<Result<Vec<_>, _>>()
                .map_err(unusable)?;
            (certificates, whence)
        }
    };
    let mut store = RootCertStore::empty();
    // Systems carry roots of odd shapes; one that cannot be read must not take the
    // others with it.
    store.add_parsable_certificates(certificates);
    if store.is_empty() {
        return Err(RootsError(format!("there is no usable root certificate in {whence}")));
    }
    Ok(store)
}
