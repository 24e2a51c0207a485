use proptest::prelude::*;

use super::*;

fn of(message: &str) -> Preview {
    preview(message.replace('\n', "\r\n").as_bytes(), true)
}

#[test]
fn a_plain_message_is_shown_with_its_fields_decoded() {
    let seen = of(
        "From: =?utf-8?q?J=C3=B6rg?= <j@a.example>\nSubject: Gr=?utf-8?b?w7zDn2U=?=\n a\n\nHallo\n  Welt\n",
    );
    assert_eq!(
        seen.headers,
        [
            ("From".to_owned(), "Jörg <j@a.example>".to_owned()),
            ("Subject".to_owned(), "Grüße a".to_owned())
        ]
    );
    assert_eq!(
        (seen.text.as_str(), seen.from_html, seen.truncated),
        ("Hallo\n  Welt\n", false, false)
    );
    assert!(seen.attachments.is_empty());
}

const NESTED: &str = "Content-Type: multipart/mixed; boundary=\"a b\"

preamble
--a b
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe =3D)
--inner
Content-Type: text/html

<b>other</b>
--inner--
--a b
Content-Type: application/pdf; name=\"=?utf-8?q?B=C3=B6se?=.pdf\"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

SGVsbG8gV29ybGQ=
--a b
Content-Type: message/rfc822

Subject: inner

text of another
--a b--
epilogue
";

#[test]
fn the_text_is_that_of_the_text_part_and_the_rest_is_listed() {
    let seen = of(NESTED);
    assert_eq!(seen.text, "Grüße =)");
    assert!(!seen.from_html && !seen.truncated);
    let listed: Vec<_> = seen
        .attachments
        .iter()
        .map(|one| (one.name.as_deref(), one.kind.as_str(), one.size))
        .collect();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(listed.first().unwrap(), &(Some("Böse.pdf"), "application/pdf", 11));
    assert_eq!(listed.last().unwrap().1, "message/rfc822");
}

#[test]
fn text_out_of_html_has_no_markup() {
    for (html, text) in [
        ("<p>Hello&nbsp;<b>you</b>&amp;me</p><p>two", "Hello you&me\n\ntwo"),
        ("a<script type='x'>if (a<b) alert(1)</script>b", "ab"),
        ("a<STYLE media=\"all\">p { color: red }</style >b", "ab"),
        ("<head><title>no</title></head><body>yes</body>", "yes"),
        ("a<!-- <b>no</b> -->b", "ab"),
        ("1 < 2 and <a href='x>y'>link</a>", "1 < 2 and link"),
        ("<img src=x onerror=alert(1)>", ""),
        ("<scr<script>ipt>alert(1)</script>", "ipt>alert(1)"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b\n\n"),
        ("&#x48;&#105;&#0;&unknown;&", "Hi\0&unknown;&"),
        ("x<svg><text>no</text></svg", "x"),
        ("<div", ""),
    ] {
        assert_eq!(html::text(html), text, "{html}");
    }
    let seen =
        of("Content-Type: text/html; charset=utf-8\n\n<p>Hi &#x202e;there</p><script>x</script>");
    assert!(seen.from_html);
    assert_eq!(seen.text, "Hi \\u{202e}there\n");
}

#[test]
fn what_a_person_must_not_be_fooled_by_is_escaped() {
    let seen = of("Subject: a\u{202e}b\u{1b}[2J\n\nx\u{1b}[31m\u{2066}y\u{0}z\u{85}w");
    assert_eq!(seen.headers.first().unwrap().1, "a\\u{202e}b\\u{1b}[2J");
    assert_eq!(seen.text, "x\\u{1b}[31m\\u{2066}yz\nw");
}

#[test]
fn limits_hold_and_are_told() {
    let deep = (0..2000).fold(String::new(), |text, n| {
        text + &format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")
    });
    let seen = preview(deep.as_bytes(), true);
    assert!(seen.truncated && seen.text.is_empty());
    let many = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        "--b\r\nContent-Type: a/b\r\n\r\nx\r\n".repeat(5000)
    );
    let seen = preview(many.as_bytes(), true);
    assert!(seen.truncated && seen.attachments.len() < 600);
    let long = format!("Subject: x\r\n\r\n{}", "ü".repeat(TEXT));
    let seen = preview(long.as_bytes(), true);
    assert!(seen.truncated && seen.text.len() <= TEXT && seen.text.len() > TEXT - 4);
    let fields = "A: b\r\n".repeat(2000) + "\r\nx";
    assert!(preview(fields.as_bytes(), true).truncated);
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    assert_eq!(preview(nested.as_bytes(), true).attachments.len(), 1);
    assert!(preview(b"Subject: x\r\n\r\nx", false).truncated);
}

fn is_fit(text: &str) -> bool {
    text.chars().all(|c| (!c.is_control() || matches!(c, '\n' | '\t')) && !is_directing(c))
}

fn all_fit(seen: &Preview) -> bool {
    let one_line = |text: &str| is_fit(text) && !text.contains(['\n', '\t']);
    is_fit(&seen.text)
        && seen.text.len() <= TEXT
        && seen.headers.iter().all(|(name, value)| one_line(name) && one_line(value))
        && seen
            .attachments
            .iter()
            .all(|one| one_line(&one.kind) && one.name.as_deref().is_none_or(one_line))
}

/// Pieces that messages are made of.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        fixed("Content-Type: multipart/mixed; boundary=b\r\n"),
        fixed("Content-Type: multipart/alternative; boundary=\"c\"\r\n"),
        fixed("Content-Type: text/html; charset=utf-16\r\n"),
        fixed("Content-Type: text/plain; charset=utf-7; name*=utf-8''%0a%e2%80%ae\r\n"),
        fixed("Content-Type: message/rfc822\r\n"),
        fixed("Content-Transfer-Encoding: base64\r\n"),
        fixed("Content-Transfer-Encoding: quoted-printable\r\n"),
        fixed("Content-Disposition: attachment; filename=\"=?utf-8?q?a=0D=0Ab=1B?=\"\r\n"),
        fixed("Subject: =?utf-8?q?=E2=80=AE=00?=\r\n"),
        fixed("\r\n"),
        fixed("--b\r\n"),
        fixed("--b--\r\n"),
        fixed("--c\r\n"),
        fixed("<script>&#x202e;</script><p style=\"x>\">&#10;&#27;"),
        fixed("=E2=80=AE=1B=0"),
        fixed("4oCuGw=="),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn any_bytes_give_text_that_is_fit_to_be_shown(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(all_fit(&preview(&bytes, true)));
    }

    #[test]
    fn any_structure_gives_text_that_is_fit_to_be_shown(pieces in proptest::collection::vec(piece(), 0..60)) {
        let seen = preview(&pieces.concat(), true);
        prop_assert!(all_fit(&seen), "{:?}", seen);
    }

    #[test]
    fn no_tag_comes_out_of_html(html in "([a-z<>/!\"' =-]|&lt;|&#60;|&#47;|<!--|-->|<p>){0,60}") {
        let text = html::text(&html);
        let tag = |text: &str| text.match_indices('<').any(|(at, _)| {
            text.get(at.saturating_add(1)..).is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
            })
        });
        prop_assert!(!tag(&text), "{} gives {}", html, text);
    }
}
