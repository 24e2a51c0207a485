use proptest::prelude::*;

use super::*;
use crate::buffer::Buffer;

fn wire(reply: &Reply) -> String {
    let mut out = Vec::new();
    reply.write_to(&mut out);
    String::from_utf8(out).unwrap()
}

fn read(bytes: &[u8]) -> Response {
    let (response, length) = read_response(bytes).unwrap().unwrap();
    assert_eq!(length, bytes.len());
    response
}

#[test]
fn a_reply_has_its_code_and_status_on_every_line() {
    let reply = Reply::new(550, Some(EnhancedCode::new(5, 7, 1)), "refused\nby policy");
    assert_eq!(wire(&reply), "550-5.7.1 refused\r\n550 5.7.1 by policy\r\n");
    assert_eq!(reply.to_string(), "550 5.7.1 refused by policy");
    assert_eq!(wire(&Reply::new(354, None, "go on")), "354 go on\r\n");
    assert_eq!(
        wire(&Reply::lines(250, None, ["gateway.example", "SIZE 1", "STARTTLS"])),
        "250-gateway.example\r\n250-SIZE 1\r\n250 STARTTLS\r\n"
    );
}

#[test]
fn a_reply_cannot_hold_a_second_one() {
    let reply = Reply::new(550, None, "a\r\n250 ok\u{e9}\0");
    assert_eq!(wire(&reply), "550-a\\r\r\n550 250 ok\\u{E9}\\x00\r\n");
    let long = Reply::new(550, Some(EnhancedCode::new(5, 7, 1)), &"x".repeat(5000));
    assert!(wire(&long).len() <= 512);
}

#[test]
fn the_reply_of_a_rule_is_read_with_and_without_status() {
    let full = Reply::parse_refusal("550 5.7.1 not for us").unwrap();
    assert_eq!(
        (full.code(), full.enhanced(), full.text()),
        (550, Some(EnhancedCode::new(5, 7, 1)), "not for us")
    );
    let bare = Reply::parse_refusal("451 later, please").unwrap();
    assert_eq!((bare.code(), bare.enhanced(), bare.text()), (451, None, "later, please"));
    assert_eq!(Reply::parse_refusal("550").unwrap().to_string(), "550");
}

#[test]
fn what_is_no_refusal_is_refused() {
    let cases = [
        ("250 2.0.0 ok", NotAReply::Code),
        ("no", NotAReply::Code),
        ("", NotAReply::Code),
        ("5500 x", NotAReply::Code),
        ("+55 x", NotAReply::Code),
        ("550 4.7.1 x", NotAReply::Class),
        ("550 a\r\n250 b", NotAReply::Text),
        ("550 für", NotAReply::Text),
    ];
    for (text, why) in cases {
        assert_eq!(Reply::parse_refusal(text), Err(why), "{text:?}");
    }
    assert_eq!(Reply::parse_refusal(&format!("550 {}", "x".repeat(600))), Err(NotAReply::TooLong));
}

#[test]
fn enhanced_codes_are_read_strictly() {
    assert_eq!(EnhancedCode::parse("4.7.4"), Ok(EnhancedCode::new(4, 7, 4)));
    assert_eq!(EnhancedCode::parse("5.999.100").unwrap().to_string(), "5.999.100");
    for text in ["", "4", "4.7", "4.7.", "3.7.4", "4.7.4.1", "4.7.1000", "4.+7.4", " 4.7.4"] {
        assert_eq!(EnhancedCode::parse(text), Err(NotAStatus), "{text}");
    }
}

#[test]
fn a_response_is_taken_whole_or_not_at_all() {
    let mut buffer = Buffer::default();
    let whole = b"250-mx.example\r\n250-SIZE 100\r\n250 STARTTLS\r\n";
    for byte in whole {
        assert_eq!(take_response(&mut buffer), Ok(None));
        buffer.extend(&[*byte]);
    }
    buffer.extend(b"220 more");
    let response = take_response(&mut buffer).unwrap().unwrap();
    assert_eq!(response.lines, [&b"mx.example"[..], b"SIZE 100", b"STARTTLS"]);
    assert_eq!(buffer.as_slice(), b"220 more");
}

#[test]
fn a_status_counts_if_it_fits_the_code() {
    assert_eq!(read(b"550 5.1.1 no such user\r\n").enhanced, Some(EnhancedCode::new(5, 1, 1)));
    assert_eq!(read(b"550 4.1.1 no such user\r\n").enhanced, None);
    assert_eq!(read(b"250 2.0.0\r\n").enhanced, Some(EnhancedCode::new(2, 0, 0)));
    assert_eq!(read(b"220 192.0.2.1 ESMTP\r\n").enhanced, None);
}

#[test]
fn classes_follow_the_first_digit() {
    assert!(read(b"250 ok\r\n").is_positive());
    assert!(read(b"354 go\r\n").is_intermediate());
    assert!(read(b"454 later\r\n").is_transient());
    assert!(read(b"599 no\r\n").is_permanent());
}

#[test]
fn text_may_hold_anything_and_comes_out_on_one_line() {
    let response = read(b"550-5.7.1 first \xe9\x00\r\n550-5.7.1 \rsecond\n550 5.7.1\r\n");
    assert_eq!(response.text(), "550 5.7.1 first \\xE9\\x00 second");
    assert_eq!(read(b"250\r\n").text(), "250");
    let long = [b"550 ", &b"x".repeat(3000)[..], b"\r\n"].concat();
    assert_eq!(read(&long).text().chars().count(), 500);
}

#[test]
fn what_is_no_smtp_is_malformed_at_once() {
    let cases: [&[u8]; 12] = [
        b"HTTP/1.1 200 OK\r\n",
        b"H",
        b"\x15\x03\x01",
        b"2x",
        b"25x",
        b"250x",
        b"199 x\r\n",
        b"600 x\r\n",
        b"\r\n",
        b"25\r\n",
        b"250.x\r\n",
        b"-250 x\r\n",
    ];
    for bytes in cases {
        assert_eq!(read_response(bytes), Err(Malformed::NotSmtp), "{bytes:?}");
    }
    assert_eq!(read_response(b"250-a\r\n251 b\r\n"), Err(Malformed::Codes));
}

#[test]
fn a_response_without_end_is_malformed_at_its_limits() {
    let line = [b"250-", &b"x".repeat(4090)[..], b"\r\n"].concat();
    assert_eq!(line.len(), 4096);
    assert_eq!(read_response(&line), Ok(None));
    assert_eq!(read_response(&line[..4095]), Ok(None));
    let longer = [b"250-", &b"x".repeat(4091)[..], b"\r\n"].concat();
    assert_eq!(read_response(&longer), Err(Malformed::LineTooLong));
    assert_eq!(read_response(&longer[..4096]), Err(Malformed::LineTooLong));
    let lines = [b"250-x\r\n".repeat(99), b"250 x\r\n".to_vec()].concat();
    assert_eq!(read(&lines).lines.len(), 100);
    assert_eq!(read_response(&b"250-x\r\n".repeat(100)), Err(Malformed::TooManyLines));
}

proptest! {
    #[test]
    fn how_a_response_is_cut_into_segments_does_not_matter(bytes in "(250-[a-z\\r]{0,9}\\r?\\n){0,3}250 [a-z]{0,9}\\r?\\n[0-9a-z]{0,9}", cut in any::<proptest::sample::Index>()) {
        let at = cut.index(bytes.len());
        let mut buffer = Buffer::default();
        buffer.extend(&bytes.as_bytes()[..at]);
        let early = take_response(&mut buffer).unwrap();
        buffer.extend(&bytes.as_bytes()[at..]);
        let response = early.or_else(|| take_response(&mut buffer).unwrap());
        let (whole, length) = read_response(bytes.as_bytes()).unwrap().unwrap();
        prop_assert_eq!(response, Some(whole));
        prop_assert_eq!(buffer.as_slice(), &bytes.as_bytes()[length..]);
    }

    #[test]
    fn any_reply_text_stays_one_reply(text in "\\PC{0,40}[\\r\\n\\x00]?\\PC{0,600}") {
        let mut out = Vec::new();
        let reply = Reply::new(550, Some(EnhancedCode::new(5, 7, 1)), &text);
        reply.write_to(&mut out);
        let (response, length) = read_response(&out).unwrap().unwrap();
        prop_assert_eq!(length, out.len());
        prop_assert_eq!(response.code, 550);
        prop_assert!(out.split(|byte| *byte == b'\n').all(|line| line.len() < 512));
    }
}
