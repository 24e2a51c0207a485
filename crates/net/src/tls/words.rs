//! From what the TLS library says to the closed vocabulary of `tls-delivery.md` 5.10.

use std::io;

use gatepost_policy::evidence::Why;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// The word for a connection that broke within a handshake.
pub(crate) fn of_io(error: &io::Error) -> Why {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return of_tls(tls);
    }
    if error.kind() == io::ErrorKind::TimedOut { Why::TlsTimeout } else { Why::TlsClosed }
}

/// The word for what the TLS library reports, certificates aside (the verifier has
/// the better word for those).
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list is open, and everything else is one word here"
)]
pub(crate) fn of_tls(error: &Error) -> Why {
    match error {
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => Why::TlsVersion,
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoEcPointFormatsInCommon,
        ) => Why::TlsCipher,
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented | Error::UnsupportedNameType => Why::CertUnsupported,
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => Why::PolicyBroken,
        // An alert, or bytes that are no TLS, which our side answers with an alert.
        _ => Why::TlsAlert,
    }
}

/// The word for a certificate that does not verify.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list is open, and everything else is one word here"
)]
pub(crate) fn of_certificate(error: &CertificateError) -> Why {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Why::CertExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Why::CertNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Why::CertName
        }
        // `BadSignature` is a certificate that its issuer did not sign, or a peer that
        // does not hold the certificate's key: in both cases nobody vouches for it.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::Revoked => Why::CertUntrusted,
        _ => Why::CertUnsupported,
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    #[test]
    fn c05_protocol_version_is_its_own_word() {
        let alert = Error::AlertReceived(AlertDescription::ProtocolVersion);
        assert_eq!(of_tls(&alert), Why::TlsVersion);
        let ours = Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13);
        assert_eq!(of_tls(&ours), Why::TlsVersion);
    }

    #[test]
    fn alerts_and_garbage_share_a_word() {
        let alert = Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(of_tls(&alert), Why::TlsAlert);
        let garbage = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        assert_eq!(of_tls(&garbage), Why::TlsAlert);
    }

    #[test]
    fn a_lost_connection_is_not_an_alert() {
        assert_eq!(of_io(&io::ErrorKind::UnexpectedEof.into()), Why::TlsClosed);
        assert_eq!(of_io(&io::ErrorKind::ConnectionReset.into()), Why::TlsClosed);
        assert_eq!(of_io(&io::ErrorKind::TimedOut.into()), Why::TlsTimeout);
        let inner = Error::AlertReceived(AlertDescription::ProtocolVersion);
        assert_eq!(of_io(&io::Error::new(io::ErrorKind::InvalidData, inner)), Why::TlsVersion);
    }
}
