//! Whether a certificate is for a host: RFC 9525, and nothing beyond it.
//!
//! A name counts where it stands in subjectAltName: a DNS name for a host that is known
//! by name, an address for one that is known by its address; the subject's common name
//! never counts (section 6.3). A star stands for the whole left-most label and for
//! exactly one label; a star within a label, or one alone, matches nothing. How many
//! labels must follow it is not said there: `*.test` is good for `mx.test`, for a public
//! suffix does not get such a certificate, and a private one may.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, ServerName};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// At most this many names are said in an error.
const SAID: usize = 5;

/// Whether the certificate is for this host.
///
/// # Errors
/// For which names it is, for people.
pub(super) fn check(
    end_entity: &CertificateDer<'_>,
    reference: &ServerName<'_>,
) -> Result<(), String> {
    let (_, parsed) = X509Certificate::from_der(end_entity)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|error| format!("the certificate's names cannot be read: {error}"))?
        .map_or(&[][..], |names| &names.value.general_names);
    if names.iter().any(|name| is_for(name, reference)) {
        return Ok(());
    }
    let mut said: Vec<String> = names.iter().take(SAID).map(describe).collect();
    if names.len() > SAID {
        said.push("…".to_owned());
    }
    let said = if said.is_empty() { "no name at all".to_owned() } else { said.join(", ") };
    Err(format!("the certificate is for {said}, and not for {}", reference.to_str()))
}

fn is_for(name: &GeneralName<'_>, reference: &ServerName<'_>) -> bool {
    match (name, reference) {
        (GeneralName::DNSName(presented), ServerName::DnsName(host)) => {
            matches(presented, host.as_ref())
        }
        (GeneralName::IPAddress(presented), ServerName::IpAddress(address)) => {
            match IpAddr::from(*address) {
                IpAddr::V4(four) => presented == &four.octets(),
                IpAddr::V6(six) => presented == &six.octets(),
            }
        }
        _ => false,
    }
}

/// Whether a DNS name of a certificate is that of a host: equal without regard to case,
/// or with a star for its left-most label. `host` has the form of a host name.
fn matches(presented: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Some(presented) = presented.strip_prefix("*.") {
        return host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(presented));
    }
    presented.eq_ignore_ascii_case(host)
}

fn describe(name: &GeneralName<'_>) -> String {
    if let GeneralName::DNSName(dns) = name {
        return format!("{dns:?}");
    }
    let GeneralName::IPAddress(bytes) = name else { return "something that is no host".into() };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
    address.map_or_else(|_| "no valid address".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    use rustls::{client::verify_server_name, server::ParsedCertificate};

    use super::*;

    fn certificate(names: &[SanType], common_name: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn judge(names: &[SanType], common_name: &str, host: &str) -> Result<(), String> {
        let host = ServerName::try_from(host.to_owned()).unwrap();
        check(&certificate(names, common_name), &host)
    }

    #[test]
    fn d06_d07_a_star_is_one_whole_left_most_label() {
        let table = [
            ("mx.test", "mx.test", true),
            ("MX.Test", "mx.tEST", true),
            ("mx.test", "mx.test.", true),
            ("mx.test.", "mx.test", false),
            ("mx.test", "a.mx.test", false),
            ("a.mx.test", "mx.test", false),
            ("*.mx.test", "a.mx.test", true),
            ("*.MX.test", "A.mx.TEST", true),
            ("*.mx.test", "a.b.mx.test", false),
            ("*.mx.test", "mx.test", false),
            ("*.test", "mx.test", true),
            ("*.test", "test", false),
            ("*", "test", false),
            ("*", "mx.test", false),
            ("*.", "mx", false),
            ("m*.test", "mx.test", false),
            ("*x.test", "mx.test", false),
            ("a.*.test", "a.mx.test", false),
            ("*.*.test", "a.mx.test", false),
            ("xn--*.test", "xn--a.test", false),
            ("*.mx.test", "xn--a.mx.test", true),
            ("mx_1.test", "mx_1.test", true),
            (".mx.test", "a.mx.test", false),
            ("", "mx.test", false),
        ];
        for (presented, host, good) in table {
            let judged = judge(&[dns(presented)], "other.test", host);
            assert_eq!(judged.is_ok(), good, "{presented} for {host}: {judged:?}");
        }
    }

    #[test]
    fn d03_the_common_name_never_counts() {
        let error = judge(&[], "mx.test", "mx.test").unwrap_err();
        assert!(error.contains("no name at all"), "{error}");
        let error = judge(&[dns("other.test")], "mx.test", "mx.test").unwrap_err();
        assert!(error.contains("\"other.test\", and not for mx.test"), "{error}");
    }

    #[test]
    fn d09_an_address_is_named_by_an_address_alone() {
        for (host, other) in [("127.0.0.5", "127.0.0.6"), ("::1", "::2")] {
            let address = |text: &str| SanType::IpAddress(text.parse().unwrap());
            assert!(judge(&[dns("a.test"), address(host)], host, host).is_ok());
            assert!(judge(&[address(other)], host, host).is_err());
            assert!(judge(&[dns(host)], host, host).is_err(), "a DNS name is no address");
            assert!(judge(&[address(host)], "mx.test", "mx.test").is_err());
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut_in_the_error() {
        let many: Vec<SanType> = (0..50).map(|n| dns(&format!("n{n}.test"))).collect();
        let error = judge(&many, "x", "mx.test").unwrap_err();
        assert!(error.contains("n4.test") && !error.contains("n5.test"), "{error}");
    }

    fn label() -> impl Strategy<Value = String> {
        const FIXED: [&str; 14] =
            ["a", "A", "b", "mx", "test", "*", "m*", "*x", "xn--a", "_", "a-", "-a", "1", ""];
        prop_oneof![prop::sample::select(&FIXED[..]).prop_map(str::to_owned), "[a-b0-1_*-]{1,3}"]
    }

    fn name() -> impl Strategy<Value = String> {
        prop::collection::vec(label(), 1..4).prop_map(|labels| labels.join("."))
    }

    /// A presented name that has much in common with a host, so that matches are no rarity.
    fn pair() -> impl Strategy<Value = (String, String)> {
        let related = (label(), name(), name(), label()).prop_map(|(first, host, rest, other)| {
            (
                format!("{first}.{rest}"),
                if other.len() < 2 { host } else { format!("{other}.{rest}") },
            )
        });
        let equal = name().prop_map(|name| (name.to_ascii_uppercase(), name));
        let star = (label(), name())
            .prop_map(|(label, rest)| (format!("*.{rest}"), format!("{label}.{rest}")));
        prop_oneof![related, equal, star]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn it_accepts_what_webpki_accepts_and_a_single_label_behind_a_star(
            (presented, host) in pair(),
        ) {
            let Ok(server) = ServerName::try_from(host.clone()) else { return Ok(()) };
            if !matches!(server, ServerName::DnsName(_)) {
                return Ok(());
            }
            let der = certificate(&[dns(&presented)], "x");
            let parsed = ParsedCertificate::try_from(&der).unwrap();
            let theirs = verify_server_name(&parsed, &server).is_ok();
            let ours = check(&der, &server).is_ok();
            let single = presented.strip_prefix("*.").is_some_and(|rest| !rest.contains('.'));
            if single {
                prop_assert!(ours || !theirs);
            } else {
                prop_assert_eq!(ours, theirs, "{} for {}", presented, host);
            }
        }
    }
}
