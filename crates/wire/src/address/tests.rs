use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::path::{split_path, strip_route};
use super::*;

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

#[test]
fn the_local_part_stays_as_it_was_written() {
    for local in [
        "Anna.Maria+x",
        "\"quoted@x\"",
        "\"a\\\"b\\\\ >c\"",
        "\"\"",
        "!#$%&'*+-/=?^_`{|}~",
        "jürgen",
        "\"blank space\"",
    ] {
        let text = format!("{local}@Partner.Example");
        assert_eq!(mailbox(&text).local(), local);
        assert_eq!(mailbox(&text).to_string(), text);
    }
}

#[test]
fn a_malformed_local_part_is_refused() {
    for local in [
        "",
        ".a",
        "a.",
        "a..b",
        "a b",
        "a\"b\"",
        "\"a",
        "\"a\"b",
        "a\tb",
        "a\r\nb",
        "\"a\r\nb\"",
        "a(b)",
        "a,b",
        "a:b",
        "a<b",
        "a>b",
        "\"\\\u{e4}\"",
        "a\u{a0}b",
        "a\u{85}b",
        "\"a\0b\"",
        "\"a\tb\"",
    ] {
        let error = Mailbox::parse(&format!("{local}@b.example")).unwrap_err();
        assert_eq!(error, AddressError::Local, "{local:?}");
    }
}

#[test]
fn a_malformed_domain_is_refused() {
    for domain in [
        "b..example",
        ".b",
        "b.",
        "-b.example",
        "b-.example",
        "b c",
        "b@c",
        "b,c",
        "10.0.0.1",
        "b.1",
        "a>b",
        "b\r\n",
        "*.b",
        "b/c",
        "\u{2028}.example",
        "a\u{3002}",
        "xn--\u{fc}",
    ] {
        let error = Mailbox::parse(&format!("a@{domain}")).unwrap_err();
        assert_eq!(error, AddressError::Domain, "{domain:?}");
    }
    assert_eq!(Mailbox::parse("a@"), Err(AddressError::NoDomain));
    assert_eq!(Mailbox::parse("a"), Err(AddressError::NoDomain));
    assert_eq!(Mailbox::parse("\"a@b.example\""), Err(AddressError::NoDomain));
    assert_eq!(Mailbox::parse(""), Err(AddressError::Empty));
}

#[test]
fn domains_compare_by_a_label_and_local_parts_by_octet() {
    let written = mailbox("anna@MÜNCHEN.example");
    let labels = mailbox("anna@xn--mnchen-3ya.Example");
    assert_eq!(written, labels);
    assert_eq!(written.to_string(), "anna@MÜNCHEN.example");
    assert_eq!(written.domain().key(), "xn--mnchen-3ya.example");
    assert_ne!(mailbox("Anna@b.example"), mailbox("anna@b.example"));
    let set: std::collections::HashSet<Mailbox> = [written, labels].into();
    assert_eq!(set.len(), 1);
}

#[test]
fn address_literals_are_read_in_both_families_and_nothing_else() {
    assert_eq!(
        mailbox("a@[192.0.2.1]").domain(),
        &AddressDomain::Literal("192.0.2.1".parse().unwrap())
    );
    assert_eq!(mailbox("a@[ipv6:2001:DB8::1]").to_string(), "a@[IPv6:2001:db8::1]");
    assert_eq!(mailbox("a@[192.0.2.1]").domain().key(), "[192.0.2.1]");
    assert_eq!(mailbox("a@[192.0.2.1]").domain().name(), None);
    for literal in [
        "[192.0.2.1",
        "[192.0.2]",
        "[2001:db8::1]",
        "[IPv6:1.2.3.4]",
        "[x400:a]",
        "[]",
        "[192.0.2.1]x",
        "[192.0.2.01]",
    ] {
        assert_eq!(
            Mailbox::parse(&format!("a@{literal}")),
            Err(AddressError::Literal),
            "{literal}"
        );
    }
}

#[test]
fn limits_are_exact() {
    let label = "d".repeat(63);
    let local = "l".repeat(64);
    let full = format!("{local}@{label}.{label}.{}", "e".repeat(61));
    assert_eq!(full.len(), 254);
    assert!(Mailbox::parse(&full).is_ok());
    assert_eq!(Mailbox::parse(&format!("{full}e")), Err(AddressError::TooLong));
    assert_eq!(Mailbox::parse(&format!("{local}l@b.example")), Err(AddressError::LocalTooLong));
    assert_eq!(DomainName::parse(&format!("{label}d.example")), Err(AddressError::Domain));
    let longest = format!("{label}.{label}.{label}.{}", "e".repeat(61));
    assert_eq!(longest.len(), 253);
    assert!(DomainName::parse(&longest).is_ok());
    assert_eq!(DomainName::parse(&format!("{longest}e")), Err(AddressError::DomainTooLong));
    assert_eq!(AddressDomain::parse(&"x.".repeat(200)), Err(AddressError::DomainTooLong));
}

#[test]
fn only_a_local_part_beyond_ascii_needs_smtputf8() {
    let domain_only = mailbox("anna@münchen.example");
    assert!(!domain_only.is_ascii());
    assert!(!domain_only.needs_smtputf8());
    assert_eq!(domain_only.ascii().unwrap(), "anna@xn--mnchen-3ya.example");
    assert!(mailbox("jürgen@b.example").needs_smtputf8());
    assert_eq!(mailbox("jürgen@b.example").ascii(), None);
    assert_eq!(mailbox("Anna@B.Example").ascii().unwrap(), "Anna@B.Example");
}

#[test]
fn a_name_knows_its_parents() {
    let name = DomainName::parse("A.B.example.").unwrap();
    assert_eq!(name.parent(), Some("b.example"));
    assert_eq!(name.parents().collect::<Vec<_>>(), ["b.example", "example"]);
    assert_eq!(DomainName::parse("localhost").unwrap().parent(), None);
}

#[test]
fn a_path_ends_at_the_bracket_that_is_not_quoted() {
    assert_eq!(split_path(b"<a@b> SIZE=1"), Ok(("a@b", &b" SIZE=1"[..])));
    assert_eq!(split_path(b"<\"a>\\\">\"@b>"), Ok(("\"a>\\\">\"@b", &b""[..])));
    assert_eq!(split_path(b"<>"), Ok(("", &b""[..])));
    for open in [&b""[..], b"a@b", b"<a@b", b"<\"a>", b" <a@b>"] {
        assert_eq!(split_path(open), Err(AddressError::Brackets), "{open:?}");
    }
    assert_eq!(split_path(b"<\xff@b>"), Err(AddressError::Encoding));
}

#[test]
fn source_routes_are_dropped() {
    assert_eq!(strip_route("@one.example,@two.example:a@b"), Ok("a@b"));
    assert_eq!(strip_route("@one.example:"), Err(AddressError::Empty));
    for route in [
        "@:a@b",
        "@one.example",
        "@one.example,:a@b",
        "@one.example,two:a@b",
        "@a b:a@b",
        "@a@b:c@d",
    ] {
        assert_eq!(strip_route(route), Err(AddressError::Route), "{route}");
    }
}

fn any_local() -> impl Strategy<Value = String> {
    let atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~äö漢-]{1,8}";
    let dots = proptest::collection::vec(atom, 1..4).prop_map(|atoms| atoms.join("."));
    let quoted = proptest::collection::vec("[ !#-\\[\\]-~ü]|\\\\[ -~]", 0..12)
        .prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    prop_oneof![dots, quoted]
}

fn any_domain() -> impl Strategy<Value = String> {
    prop_oneof![
        "([a-zA-Z0-9]([a-zA-Z0-9_-]{0,8}[a-zA-Z0-9])?\\.){0,3}[a-zA-Z]{2,10}",
        "(bücher|münchen|例え)\\.(example|テスト)",
        any::<Ipv4Addr>().prop_map(|address| format!("[{address}]")),
        any::<Ipv6Addr>().prop_map(|address| format!("[IPv6:{address}]")),
    ]
}

proptest! {
    #[test]
    fn printing_then_parsing_a_path_is_identity(local in any_local(), domain in any_domain()) {
        let text = format!("{local}@{domain}");
        let first = Mailbox::parse(&text).unwrap();
        prop_assert_eq!(first.to_string(), text);
        let path = format!("<{first}> NEXT=1");
        let (inside, rest) = split_path(path.as_bytes()).unwrap();
        prop_assert_eq!(rest, b" NEXT=1");
        prop_assert_eq!(Mailbox::parse(strip_route(inside).unwrap()).unwrap(), first);
    }

    #[test]
    fn an_address_that_is_taken_is_fit_for_a_command(text in "\\PC{0,8}[@\"\\\\<> .\\r\\n]?\\PC{0,8}@[a-z.\\[\\]>\" \\r\\n-]{0,12}") {
        if let Ok(taken) = Mailbox::parse(&text) {
            let path = format!("<{taken}>");
            prop_assert!(!path.chars().any(char::is_control));
            prop_assert_eq!(split_path(path.as_bytes()), Ok((text.as_str(), &b""[..])));
        }
    }

    #[test]
    fn a_name_in_a_labels_is_itself(text in any_domain()) {
        if let Ok(name) = DomainName::parse(&text) {
            prop_assert_eq!(DomainName::parse(name.as_str()).unwrap(), name);
        }
    }
}
