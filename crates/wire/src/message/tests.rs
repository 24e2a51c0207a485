use proptest::prelude::*;

use super::*;

fn names(message: &[u8]) -> Vec<String> {
    let section = HeaderSection::scan(message);
    section
        .fields()
        .iter()
        .map(|field| String::from_utf8_lossy(field.name_bytes(message)).into_owned())
        .collect()
}

fn values(message: &[u8], name: &str) -> Vec<String> {
    let section = HeaderSection::scan(message);
    section.named(message, name).map(|field| decode_value(field.raw_value(message))).collect()
}

#[test]
fn fields_and_body_are_found() {
    let message = b"From: a@b.example\r\nSubject: one\r\n two\r\n\r\nbody: no field\r\n";
    let section = HeaderSection::scan(message);
    assert_eq!(names(message), ["From", "Subject"]);
    assert_eq!(section.fields()[1].bytes(message), b"Subject: one\r\n two\r\n");
    assert_eq!(section.fields()[1].raw_value(message), b" one\r\n two");
    assert_eq!(&message[section.body_offset()..], b"body: no field\r\n");
    assert!(section.is_complete());
    assert_eq!(section.separator(), b"");
}

#[test]
fn a05_field_name_and_value_are_case_insensitive() {
    assert_eq!(values(b"X-TLSLEVEL: rEqUiRe\r\n\r\n", "x-TLSLevel"), ["rEqUiRe"]);
}

#[test]
fn a07_a_folded_value_is_unfolded() {
    assert_eq!(values(b"x-TLSLevel:\r\n Require\r\n\r\n", "X-TLSLevel"), ["Require"]);
    assert_eq!(unfold(b" a\r\n\tb\r\n  c \r\n"), b"a\tb  c");
}

#[test]
fn a08_blanks_before_the_colon_are_tolerated() {
    assert_eq!(
        values(b"x-TLSLevel : Require\r\nX-TlsLevel\t :Try\r\n\r\n", "x-TLSLevel"),
        ["Require", "Try"]
    );
}

#[test]
fn a15_an_encoded_word_is_not_the_token_it_decodes_to() {
    let message = b"x-TLSLevel: =?utf-8?q?Try?=\r\n\r\n";
    let section = HeaderSection::scan(message);
    assert_eq!(unfold(section.fields()[0].raw_value(message)), b"=?utf-8?q?Try?=");
}

#[test]
fn a18_text_in_the_body_is_no_field() {
    assert_eq!(values(b"Subject: a\r\n\r\nx-TLSLevel: Require\r\n", "x-TLSLevel"), [""; 0]);
}

#[test]
fn a20_neither_many_fields_nor_a_huge_one_hide_what_comes_behind() {
    let mut message = Vec::new();
    for number in 0..1499 {
        message.extend_from_slice(format!("X-Field-{number}: {number}\r\n").as_bytes());
    }
    message.extend_from_slice(b"x-TLSLevel: Require\r\n\r\n");
    let section = HeaderSection::scan(&message);
    assert_eq!(section.fields().len(), 1500);
    assert_eq!(values(&message, "x-TLSLevel"), ["Require"]);
    for huge in [b"x".repeat(60_000), b"x\r\n ".repeat(15_000)] {
        let message = [b"X-Huge: ", &huge[..], b"\r\nx-TLSLevel: Require\r\n\r\n"].concat();
        assert_eq!(values(&message, "x-TLSLevel"), ["Require"]);
    }
}

#[test]
fn a25_folded_names_are_matched_and_lookalikes_are_not() {
    let message = "X-TlsLevel :Try\r\nx-tlslevel\r\n : Try\r\nx\u{2010}TLSLevel: Try\r\nX-TLSL\u{435}vel: Try\r\nXX-TLSLevel: Try\r\nX-TLSLevel2: Try\r\n\r\n";
    let section = HeaderSection::scan(message.as_bytes());
    assert_eq!(section.fields().len(), 6);
    assert_eq!(section.named(message.as_bytes(), "x-TLSLevel").count(), 2);
}

#[test]
fn lines_that_are_no_field_hide_nothing() {
    let message = b"From a@b Tue Nov 24 03:00:00 2026\r\nFrom: a@b.example\r\ngarbage\r\n folded garbage: x\r\nfoo bar: baz\r\n: no name\r\nx-TLSLevel: Try\r\n\r\n";
    assert_eq!(names(message), ["From", "x-TLSLevel"]);
}

#[test]
fn a_message_that_begins_with_no_field_is_all_body() {
    for message in
        [&b"hello\r\nSubject: a\r\n\r\nx\r\n"[..], b" folded: a\r\nSubject: b\r\n\r\n", b"\tx\r\n"]
    {
        let section = HeaderSection::scan(message);
        assert_eq!(section.fields(), []);
        assert_eq!(section.body_offset(), 0);
        assert_eq!(section.separator(), b"\r\n");
    }
}

#[test]
fn an_empty_header_section_has_a_body_and_needs_no_separator() {
    let section = HeaderSection::scan(b"\r\n body\r\n");
    assert_eq!(
        (section.fields().len(), section.body_offset(), section.separator()),
        (0, 2, &b""[..])
    );
    assert_eq!(HeaderSection::scan(b"\n body\n").body_offset(), 1);
    let section = HeaderSection::scan(b"");
    assert_eq!(
        (section.body_offset(), section.is_complete(), section.separator()),
        (0, false, &b""[..])
    );
}

#[test]
fn a_section_without_end_or_with_bare_line_feeds_is_read_as_far_as_it_goes() {
    let message = b"From: a\nSubject: b\n c\n\nbody";
    let section = HeaderSection::scan(message);
    assert_eq!(values(message, "subject"), ["b c"]);
    assert_eq!(&message[section.body_offset()..], b"body");
    let open = HeaderSection::scan(b"From: a\r\nSubject: b");
    assert_eq!((open.fields().len(), open.is_complete(), open.body_offset()), (2, false, 19));
}

#[test]
fn encoded_words_are_decoded_and_all_else_stays() {
    let cases: [(&[u8], &str); 16] = [
        (b" plain  text ", "plain  text"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= an  alle", "Grüße an  alle"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?B?Yg==?=", "ab"),
        (b"=?utf-8?q?a?=\r\n\t=?utf-8?q?b?=", "ab"),
        (b"x =?utf-8?q?a?= y =?utf-8?q?b?= z", "x a y b z"),
        (b"=?utf-8?q?with blanks inside?=", "with blanks inside"),
        (b"=?utf-8?q?a=3F=3Db?=", "a?=b"),
        (b"=?windows-1251?b?z/Do4uXy?=", "Привет"),
        (b"=?utf-8*de?q?a_b?=", "a b"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        (b"a =? b ?= c", "a =? b ?= c"),
        (b"=?=?=?utf-8?q?a?=", "=?=?a"),
        (b"caf\xe9", "caf\u{fffd}"),
        ("für".as_bytes(), "für"),
        (b"", ""),
    ];
    for (raw, text) in cases {
        assert_eq!(decode_value(raw), text, "{:?}", String::from_utf8_lossy(raw));
    }
}

#[test]
fn a_huge_value_of_broken_words_costs_no_more_than_its_length() {
    for piece in [&b"=?"[..], b"=?utf-8?q?", b"=?utf-8?b?AAAA", b"=?a", b"=?utf-8?q?x?= "] {
        let huge = piece.repeat(1_000_000 / piece.len());
        assert!(decode_value(&huge).len() <= huge.len());
    }
}

#[test]
fn a_field_of_ours_has_one_blank_however_it_was_typed() {
    for typed in [
        "x-TLSLevel:Require",
        "x-TLSLevel:  Require ",
        " x-TLSLevel : Require",
        "x-TLSLevel:\tRequire",
    ] {
        let line = HeaderLine::parse(typed).unwrap();
        assert_eq!(line.as_bytes(), b"x-TLSLevel: Require\r\n");
        assert_eq!((line.name(), line.value()), ("x-TLSLevel", "Require"));
        assert_eq!(line.to_string(), "x-TLSLevel: Require");
    }
    assert_eq!(header_line("X-Empty", " ").unwrap().as_bytes(), b"X-Empty:\r\n");
    assert_eq!(header_line("X-A", "b: c\td").unwrap().as_bytes(), b"X-A: b: c\td\r\n");
}

#[test]
fn what_could_begin_a_second_field_is_refused() {
    for value in
        ["a\r\nX: b", "a\nb", "a\rb", "a\0b", "\u{1b}[1m", "a\u{85}b", "a\u{2028}b", "a\u{7f}"]
    {
        assert_eq!(header_line("X-A", value), Err(HeaderError::Control), "{value:?}");
    }
    for name in ["", "a b", "a:b", "ä", "a\r", "a\0"] {
        assert_eq!(header_line(name, "x"), Err(HeaderError::Name), "{name:?}");
    }
    assert_eq!(HeaderLine::parse("no colon"), Err(HeaderError::NoColon));
    assert_eq!(header_line("X", &"x".repeat(995)).unwrap().as_bytes().len(), 1000);
    assert_eq!(header_line("X", &"x".repeat(996)), Err(HeaderError::TooLong));
}

#[test]
fn a_value_beyond_ascii_goes_out_in_encoded_words() {
    let value = "Grüße aus München, wo es heute wieder einmal schön ist";
    let line = header_line("X-Note", value).unwrap();
    assert!(line.as_bytes().is_ascii());
    assert!(line.as_bytes().split(|byte| *byte == b'\n').all(|line| line.len() <= 90));
    assert_eq!(values(line.as_bytes(), "x-note"), [value]);
}

#[test]
fn edits_put_on_top_and_leave_out() {
    let message = b"A: 1\r\nX-TLSLevel: Try\r\nB: 2\r\n\r\nbody\r\n";
    let section = HeaderSection::scan(message);
    let mut edits = Edits { top: b"Received: x\r\n".to_vec(), cut: Vec::new() };
    section.named(message, "x-tlslevel").for_each(|field| edits.leave_out(field.range()));
    let edited = edits.apply(message);
    assert_eq!(edited, b"Received: x\r\nA: 1\r\nB: 2\r\n\r\nbody\r\n");
    assert_eq!(edits.length(message.len() as u64), edited.len() as u64);
    assert_eq!(edits.reader().next_chunk(b"").collect::<Vec<_>>(), [b"Received: x\r\n"]);
}

#[test]
fn what_is_left_out_stays_in_order_and_without_overlap() {
    let mut edits = Edits::default();
    for range in [10..20, 0..5, 30..40, 19..25, 25..30, 7..7, 50..60] {
        edits.leave_out(range);
    }
    assert_eq!(edits.cut, [0..5, 10..40, 50..60]);
    edits.leave_out(0..100);
    assert_eq!((edits.cut.len(), &edits.cut[0]), (1, &(0..100)));
}

#[test]
fn edits_are_stored_as_text_where_they_are_text() {
    let edits = Edits { top: b"X-A: b\r\n".to_vec(), cut: vec![3..9, 12..15] };
    let stored = serde_json::to_string(&edits).unwrap();
    assert_eq!(stored, r#"{"top":"X-A: b\r\n","cut":[{"start":3,"end":9},{"start":12,"end":15}]}"#);
    assert_eq!(serde_json::from_str::<Edits>(&stored).unwrap(), edits);
    let odd = Edits { top: vec![0xff, 0x0a], cut: Vec::new() };
    assert_eq!(serde_json::from_str::<Edits>(&serde_json::to_string(&odd).unwrap()).unwrap(), odd);
}

fn any_edits() -> impl Strategy<Value = Edits> {
    (
        proptest::collection::vec(any::<u8>(), 0..20),
        proptest::collection::vec((0u64..300, 0u64..60), 0..8),
    )
        .prop_map(|(top, cuts)| {
            let mut edits = Edits { top, cut: Vec::new() };
            cuts.iter().for_each(|(start, length)| edits.leave_out(*start..start + length));
            edits
        })
}

proptest! {
    #[test]
    fn how_a_message_is_cut_into_chunks_does_not_matter(message in proptest::collection::vec(any::<u8>(), 0..250), edits in any_edits(), sizes in proptest::collection::vec(0usize..40, 1..20)) {
        let kept = message.iter().enumerate().filter(|(at, _)| !edits.cut.iter().any(|cut| cut.contains(&(*at as u64))));
        let expected: Vec<u8> = edits.top.iter().copied().chain(kept.map(|(_, byte)| *byte)).collect();
        prop_assert_eq!(&edits.apply(&message), &expected);
        prop_assert_eq!(edits.length(message.len() as u64), expected.len() as u64);
        let mut reader = edits.reader();
        let mut out = Vec::new();
        let mut rest = &message[..];
        for size in sizes.iter().cycle().chain([&usize::MAX]) {
            let (chunk, behind) = rest.split_at((*size).max(usize::from(sizes.iter().all(|size| *size == 0))).min(rest.len()));
            reader.next_chunk(chunk).for_each(|kept| out.extend_from_slice(kept));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn an_unread_chunk_is_passed_all_the_same(edits in any_edits(), at in 0usize..250) {
        let message: Vec<u8> = (0..250u8).collect();
        let mut reader = edits.reader();
        reader.next_chunk(&message[..at]);
        let rest: Vec<u8> = reader.next_chunk(&message[at..]).flatten().copied().collect();
        prop_assert!(edits.apply(&message).ends_with(&rest));
        prop_assert_eq!(rest.len(), (at..250).filter(|at| !edits.cut.iter().any(|cut| cut.contains(&(*at as u64)))).count());
    }

    #[test]
    fn any_bytes_are_covered_by_fields_in_order(message in "([A-Za-z]{0,5} ?:?[ -~]{0,9}\r?\n?[ \t]?){0,9}") {
        let section = HeaderSection::scan(message.as_bytes());
        let mut last = 0;
        for field in section.fields() {
            prop_assert!(last <= field.whole.start);
            prop_assert!(field.name.end <= field.value.start && field.value.end <= field.whole.end);
            prop_assert!(field.whole.end <= section.body_offset());
            last = field.whole.end;
        }
    }

    #[test]
    fn a_line_of_ours_is_read_back_as_itself(name in "[!-9;-~]{1,20}", value in "\\PC{0,80}") {
        let line = header_line(&name, &value);
        prop_assume!(line.is_ok());
        let line = line.unwrap();
        let message = [line.as_bytes(), b"\r\n"].concat();
        let section = HeaderSection::scan(&message);
        prop_assert_eq!(section.fields().len(), 1);
        prop_assert!(section.fields()[0].name_is(&message, &name));
        if !line.value().contains("=?") {
            prop_assert_eq!(decode_value(section.fields()[0].raw_value(&message)), line.value());
        }
    }
}
