use gatepost_wire::address::{Mailbox, ReversePath};
use proptest::prelude::*;

use super::*;

fn set(kind: DataKind, lines: &str) -> DataSet {
    let (set, bad) = DataSet::build(kind, lines.lines());
    assert_eq!(bad, []);
    set
}

fn matches(set: &DataSet, address: &str) -> bool {
    set.matches_address(&Probe::of_mailbox(&Mailbox::parse(address).unwrap()))
}

fn bad(kind: DataKind, lines: &str) -> Vec<BadLine> {
    DataSet::build(kind, lines.lines()).1
}

#[test]
fn a_domain_matches_itself_and_not_its_subdomains() {
    let set = set(DataKind::Domains, "partner.example");
    assert!(matches(&set, "a@partner.example"));
    assert!(matches(&set, "a@PARTNER.Example"));
    assert!(!matches(&set, "a@mail.partner.example"));
    assert!(!matches(&set, "a@xpartner.example"));
}

#[test]
fn a_dot_or_a_star_stands_for_subdomains_and_not_the_domain() {
    for line in [".partner.example", "*.partner.example"] {
        let set = set(DataKind::Domains, line);
        assert!(matches(&set, "a@mail.partner.example"));
        assert!(matches(&set, "a@x.mail.partner.example"));
        assert!(!matches(&set, "a@partner.example"));
        assert!(!matches(&set, "a@xpartner.example"));
    }
}

#[test]
fn an_address_matches_without_regard_to_case_or_needless_quotes() {
    let set = set(DataKind::Domains, "Anna@partner.example");
    assert!(matches(&set, "aNNa@Partner.example"));
    assert!(matches(&set, "\"anna\"@partner.example"));
    assert!(matches(&set, "\"an\\na\"@partner.example"));
    assert!(!matches(&set, "anna+x@partner.example"));
    assert!(!matches(&set, "ann@partner.example"));
}

#[test]
fn international_names_match_in_either_form() {
    for line in ["münchen.example", "xn--mnchen-3ya.example", "MÜNCHEN.example"] {
        let set = set(DataKind::Domains, line);
        assert!(matches(&set, "a@münchen.example"));
        assert!(matches(&set, "a@xn--mnchen-3ya.example"));
    }
}

#[test]
fn a_literal_matches_only_as_itself() {
    let set = set(DataKind::Domains, "[192.0.2.1]\n.1.example");
    assert!(matches(&set, "a@[192.0.2.1]"));
    assert!(!matches(&set, "a@[192.0.2.2]"));
}

#[test]
fn a_list_is_read_as_people_leave_it() {
    let (set, found) = DataSet::build(
        DataKind::Domains,
        "\r\n  Partner.Example. \r\n\r\npartner.example\n# a comment\nother.example # theirs\n"
            .lines(),
    );
    assert_eq!(found, []);
    assert!(matches(&set, "a@partner.example"));
    assert!(matches(&set, "a@other.example"));
}

#[test]
fn a_hash_inside_an_address_is_no_comment() {
    let set = set(DataKind::Domains, "a#b@partner.example # note");
    assert!(matches(&set, "a#b@partner.example"));
    assert!(!matches(&set, "a@partner.example"));
}

#[test]
fn a_bad_entry_is_named_with_its_line_and_the_others_count() {
    let (set, found) =
        DataSet::build(DataKind::Domains, "good.example\n\nbad_@@x\n@partner.example\n*".lines());
    assert_eq!(found.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(found[1].remedy.contains("domain alone"));
    assert!(matches(&set, "a@good.example"));
}

#[test]
fn the_null_sender_is_in_a_list_that_names_it() {
    let null = Probe::of_sender(&ReversePath::Null);
    assert!(set(DataKind::Domains, "<>").matches_address(&null));
    assert!(!set(DataKind::Domains, "partner.example").matches_address(&null));
    assert!(set(DataKind::Text, "<>").matches_address(&null));
}

#[test]
fn text_matches_anywhere_without_regard_to_case() {
    let set = set(DataKind::Text, "Invoice\nGRÜSSE");
    assert!(set.matches_text("your inVOICE 7"));
    assert!(set.matches_text("viele Grüsse"));
    assert!(!set.matches_text("in voice"));
    assert!(!set.matches_text(""));
}

#[test]
fn text_and_regex_have_no_comments() {
    assert!(set(DataKind::Text, "#1").matches_text("you are #1"));
    assert!(set(DataKind::Regex, "^#[0-9]$").matches_text("#4"));
}

#[test]
fn a_pattern_that_needs_look_around_or_back_references_is_refused_with_that_reason() {
    let look = bad(DataKind::Regex, "a(?=b)");
    assert!(look[0].problem.contains("look-around"), "{look:?}");
    let back = bad(DataKind::Regex, "(a)\\1");
    assert!(back[0].problem.contains("back-reference"), "{back:?}");
    let large = bad(DataKind::Regex, "((\\w{100}){100}){100}");
    assert!(large[0].problem.contains("too large"), "{large:?}");
    let broken = bad(DataKind::Regex, "a(");
    assert!(broken[0].problem.contains("unclosed group"), "{broken:?}");
    assert_eq!(bad(DataKind::Regex, "a\nb").len(), 1);
}

#[test]
fn networks_hold_addresses_and_prefixes_of_both_families() {
    let set = set(DataKind::Networks, "192.0.2.0/24 # theirs\n2001:db8::/32\n10.1.2.3\n0.0.0.0/32");
    let DataSet::Networks(networks) = &set else { panic!("networks") };
    for (address, there) in [
        ("192.0.2.0", true),
        ("192.0.2.255", true),
        ("192.0.3.0", false),
        ("::ffff:192.0.2.7", true),
        ("2001:db8:ffff::1", true),
        ("2001:db9::1", false),
        ("10.1.2.3", true),
        ("10.1.2.4", false),
        ("0.0.0.0", true),
    ] {
        assert_eq!(networks.contains(address.parse().unwrap()), there, "{address}");
    }
}

#[test]
fn a_network_with_host_bits_is_corrected_in_the_remedy() {
    let found = bad(DataKind::Networks, "10.1.2.3/8\n10.0.0.0/33\nx\n::1/129\n1.2.3.4/");
    assert_eq!(found.len(), 5);
    assert!(found[0].remedy.contains("\"10.0.0.0/8\""), "{found:?}");
}

#[test]
fn the_whole_of_a_family_is_a_network() {
    let DataSet::Networks(all) = set(DataKind::Networks, "0.0.0.0/0") else { panic!("networks") };
    assert!(all.contains("255.255.255.255".parse().unwrap()));
    assert!(!all.contains("::1".parse().unwrap()));
}

#[test]
fn an_empty_set_matches_nothing() {
    for kind in DataKind::ALL {
        let set = set(kind, "\n  \n");
        assert!(set.is_empty());
        assert!(!set.matches_text("anything"));
        assert!(!matches(&set, "a@b.example"));
    }
}

fn domains(lines: &str) -> Domains {
    Domains::build(lines.lines().enumerate()).0
}

#[test]
fn relations_of_domain_sets_are_known() {
    let broad = domains("partner.example\n.partner.example\nother.example");
    for inner in
        ["partner.example", "x.partner.example", ".x.partner.example", "a@y.partner.example"]
    {
        assert!(domains(inner).is_within(&broad), "{inner}");
        assert!(!domains(inner).is_disjoint(&broad), "{inner}");
    }
    assert!(!broad.is_within(&domains("partner.example")));
    assert!(broad.is_disjoint(&domains("third.example\na@fourth.example")));
    assert!(!domains("a@partner.example").is_disjoint(&domains("partner.example")));
    assert!(!domains(".example").is_disjoint(&domains(".partner.example")));
}

#[test]
fn a_long_list_is_found_in_like_a_short_one() {
    let text: String = (0..5000).map(|n| format!("d{n}.example\n.e{n}.example\n")).collect();
    let set = set(DataKind::Domains, &text);
    assert!(matches(&set, "a@d4999.example"));
    assert!(matches(&set, "a@x.y.e17.example"));
    assert!(!matches(&set, "a@e17.example"));
    assert!(!matches(&set, "a@d5000.example"));
}

proptest! {
    #[test]
    fn no_line_panics(lines in ".{0,60}", kind in 0_usize..4) {
        let _set = DataSet::build(DataKind::ALL[kind], lines.lines());
    }

    #[test]
    fn disjoint_and_within_agree_with_matching(
        a in prop::collection::vec("(\\.|x@|)(p|q)?\\.?(a|b)\\.example", 0..4),
        b in prop::collection::vec("(\\.|x@|)(p|q)?\\.?(a|b)\\.example", 0..4),
        address in "(x|y)@((p|q)\\.)?(a|b)\\.example",
    ) {
        let (a, b) = (domains(&a.join("\n")), domains(&b.join("\n")));
        let probe = Probe::of_mailbox(&Mailbox::parse(&address).unwrap());
        if a.is_disjoint(&b) {
            prop_assert!(!(a.matches(&probe) && b.matches(&probe)));
        }
        if a.is_within(&b) {
            prop_assert!(!a.matches(&probe) || b.matches(&probe));
        }
    }
}
