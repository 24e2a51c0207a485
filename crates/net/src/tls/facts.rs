//! What stands in a certificate, for people and for the age of a session. Nothing here
//! is checked: whether a certificate proves anything is the verifier's to say.

use std::net::{Ipv4Addr, Ipv6Addr};

use gatepost_policy::tls::CertificateFacts;
use gatepost_wire::timestamp::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time,
};

/// Names beyond this many are left out: a certificate has as many as its maker likes.
const NAMES: usize = 100;

/// The facts of a certificate; `None` where it cannot be read.
pub(super) fn read(certificate: &CertificateDer<'_>) -> Option<CertificateFacts> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten().map(|names| {
        names.value.general_names.iter().filter_map(name).take(NAMES).collect::<Vec<_>>()
    });
    let validity = parsed.validity();
    Some(CertificateFacts {
        names: names.unwrap_or_default(),
        issuer: printable(&parsed.issuer().to_string()),
        not_before: timestamp(validity.not_before),
        not_after: timestamp(validity.not_after),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(dns) = name {
        return Some(printable(dns));
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(*bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).to_string())
}

/// A peer wrote it, and a terminal may show it.
fn printable(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).take(256).collect()
}

fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_millis(time.timestamp().saturating_mul(1000))
}
