//! The parts of a message (RFC 2046), within limits.
//!
//! A part is found by its boundary and decoded alone, with header fields that were written here: no decoder sees a structure that
//! a stranger made.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::{ContentType, HeaderValue, MessageParser, PartType, parsers::MessageStream};

use super::{Attachment, NAME, TEXT, one_line};
use crate::message::HeaderSection;

/// Multiparts within multiparts.
const DEPTH: usize = 16;
/// Parts in all.
const PARTS: usize = 500;
/// Longest boundary that counts; RFC 2046 §5.1.1 has 70.
const BOUNDARY: usize = 256;
/// Bytes of an encoded text that are decoded: more than any encoding needs for what is shown.
const ENCODED: usize = TEXT * 4;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// The text parts, one behind the other.
    pub(super) plain: String,
    /// The first HTML part.
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) truncated: bool,
}

/// What a part says about itself.
struct Kind {
    kind: String,
    charset: Option<String>,
    boundary: Option<Vec<u8>>,
    encoding: Encoding,
    name: Option<String>,
    attached: bool,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Encoding {
    Plain,
    Base64,
    Quoted,
}

/// Walks the parts of a message whose header section was scanned.
pub(super) fn walk(message: &[u8], section: &HeaderSection) -> Found {
    let mut found = Found::default();
    let mut parts = 0_usize;
    // Parts that are to be looked at, the next one last.
    let mut waiting = vec![(message, Some(section.clone()), 0_usize, false)];
    while let Some((bytes, section, depth, digest)) = waiting.pop() {
        parts = parts.saturating_add(1);
        if parts > PARTS {
            found.truncated = true;
            break;
        }
        let section = section.unwrap_or_else(|| HeaderSection::scan(bytes));
        let kind = Kind::of(bytes, &section, digest);
        let body = bytes.get(section.body_offset()..).unwrap_or_default();
        match &kind.boundary {
            Some(boundary) if kind.kind.starts_with("multipart/") => {
                if depth >= DEPTH {
                    found.truncated = true;
                    continue;
                }
                let digest = kind.kind == "multipart/digest";
                let room = PARTS.saturating_sub(parts).saturating_sub(waiting.len());
                let (mut inner, more) = split(body, boundary, room);
                found.truncated |= more;
                inner.reverse();
                let deeper = depth.saturating_add(1);
                waiting.extend(inner.into_iter().map(|part| (part, None, deeper, digest)));
            }
            _ => found.leaf(&kind, body),
        }
    }
    found
}

impl Found {
    fn leaf(&mut self, kind: &Kind, body: &[u8]) {
        let shown = !kind.attached && kind.name.is_none();
        match kind.kind.as_str() {
            "text/plain" if shown => {
                if self.plain.len() > TEXT {
                    self.truncated = true;
                    return;
                }
                let text = self.decoded(kind, body);
                if !self.plain.is_empty() {
                    self.plain.push('\n');
                }
                self.plain.push_str(&text);
            }
            "text/html" if shown && self.html.is_none() => {
                self.html = Some(self.decoded(kind, body));
            }
            "text/html" if shown => {}
            _ => {
                let name = kind.name.as_deref().map(|name| one_line(name, NAME).0);
                let kind_of = one_line(&kind.kind, NAME).0;
                self.attachments.push(Attachment { name, kind: kind_of, size: size(kind, body) });
            }
        }
    }

    /// The text of a part.
    fn decoded(&mut self, kind: &Kind, body: &[u8]) -> String {
        let body = match body.get(..ENCODED) {
            Some(head) => {
                self.truncated = true;
                head
            }
            None => body,
        };
        let encoding = match kind.encoding {
            Encoding::Plain => "8bit",
            Encoding::Base64 => "base64",
            Encoding::Quoted => "quoted-printable",
        };
        let charset = kind.charset.as_deref().unwrap_or("utf-8");
        let head = format!(
            "Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        let alone = [head.as_bytes(), body].concat();
        // `mail-parser` is meant never to panic, and did so twice in its history.
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            let parsed = MessageParser::new().with_mime_headers().parse(&alone)?;
            match parsed.parts.into_iter().next()?.body {
                PartType::Text(text) | PartType::Html(text) => Some(text.into_owned()),
                PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                    Some(String::from_utf8_lossy(&bytes).into_owned())
                }
                PartType::Message(_) | PartType::Multipart(_) => None,
            }
        }));
        parsed.ok().flatten().unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
    }
}

/// Bytes of a part once decoded.
fn size(kind: &Kind, body: &[u8]) -> u64 {
    let length = match kind.encoding {
        Encoding::Base64 => {
            let data = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            body.iter().filter(data).count().saturating_mul(3).checked_div(4).unwrap_or(0)
        }
        Encoding::Quoted => {
            let escapes = memchr::memchr_iter(b'=', body).count().saturating_mul(2);
            body.len().saturating_sub(escapes)
        }
        Encoding::Plain => body.len(),
    };
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The parts between the lines that are a boundary, at most `most`; and whether there are more.
fn split<'b>(body: &'b [u8], boundary: &[u8], most: usize) -> (Vec<&'b [u8]>, bool) {
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0_usize;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end.saturating_add(1));
        let line = rest.get(..length).unwrap_or(rest);
        let next = at.saturating_add(length);
        let behind = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        if let Some(behind) = behind {
            let closes = behind.starts_with(b"--");
            let behind = behind.strip_prefix(b"--").unwrap_or(behind);
            if behind.trim_ascii().is_empty() {
                if let Some(begun) = begun {
                    if parts.len() >= most {
                        return (parts, true);
                    }
                    parts.push(trim_end(body.get(begun..at).unwrap_or_default()));
                }
                begun = (!closes).then_some(next);
                if closes {
                    return (parts, false);
                }
            }
        }
        at = next;
    }
    if let Some(rest) = begun.and_then(|begun| body.get(begun..)) {
        if parts.len() >= most {
            return (parts, true);
        }
        parts.push(rest);
    }
    (parts, false)
}

/// Without the line break that belongs to the boundary.
fn trim_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

impl Kind {
    fn of(bytes: &[u8], section: &HeaderSection, digest: bool) -> Self {
        let field = |name: &str| section.named(bytes, name).next().map(|f| f.raw_value(bytes));
        let said = field("Content-Type").and_then(read);
        let kind = match &said {
            Some(ContentType { c_type, c_subtype: Some(sub), .. }) => {
                format!("{c_type}/{sub}").to_lowercase()
            }
            Some(ContentType { c_type, c_subtype: None, .. }) if c_type == "text" => {
                "text/plain".to_owned()
            }
            Some(ContentType { c_type, c_subtype: None, .. }) => c_type.to_lowercase(),
            None if digest => "message/rfc822".to_owned(),
            None => "text/plain".to_owned(),
        };
        let attribute = |of: &Option<ContentType<'static>>, name: &str| {
            let all = of.as_ref()?.attributes.as_ref()?;
            let one = all.iter().find(|one| one.name.eq_ignore_ascii_case(name))?;
            Some(one.value.clone().into_owned())
        };
        let token = |text: &String| {
            let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
            !text.is_empty() && text.len() <= 64 && text.chars().all(fit)
        };
        let disposition = field("Content-Disposition").and_then(read);
        let encoding = field("Content-Transfer-Encoding").unwrap_or_default().trim_ascii();
        let encoding = match encoding {
            word if word.eq_ignore_ascii_case(b"base64") => Encoding::Base64,
            word if word.eq_ignore_ascii_case(b"quoted-printable") => Encoding::Quoted,
            _ => Encoding::Plain,
        };
        let boundary = attribute(&said, "boundary").map(String::into_bytes);
        let name = attribute(&disposition, "filename").or_else(|| attribute(&said, "name"));
        Self {
            kind,
            charset: attribute(&said, "charset").filter(token),
            boundary: boundary.filter(|b| !b.is_empty() && b.len() <= BOUNDARY),
            encoding,
            name,
            attached: disposition.is_some_and(|d| d.c_type.eq_ignore_ascii_case("attachment")),
        }
    }
}

/// A field like Content-Type; `None` where it cannot be read.
fn read(raw: &[u8]) -> Option<ContentType<'static>> {
    let raw = raw.get(..8192).unwrap_or(raw);
    // The reader wants the line end that was taken off.
    let line = [raw.trim_ascii(), b"\r\n"].concat();
    let read = catch_unwind(AssertUnwindSafe(|| {
        MessageStream::new(&line).parse_content_type().into_owned()
    }));
    if let HeaderValue::ContentType(read) = read.ok()? { Some(read) } else { None }
}
