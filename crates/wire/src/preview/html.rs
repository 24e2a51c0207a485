//! Text out of HTML: what a reader would see, roughly, and never a tag.

/// Elements whose content is nothing to read.
const UNSEEN: [&str; 9] =
    ["script", "style", "head", "title", "template", "noscript", "svg", "object", "iframe"];
/// Elements that begin a new line.
const BLOCKS: [&str; 22] = [
    "p",
    "div",
    "br",
    "tr",
    "li",
    "ul",
    "ol",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "blockquote",
    "pre",
    "section",
    "article",
    "header",
    "footer",
    "form",
];

/// Whether a character behind `<` makes it the beginning of a tag.
const fn begins_tag(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')
}

/// Takes the text out of HTML.
pub(super) fn text(html: &str) -> String {
    let mut out = Out::default();
    let mut rest = html;
    while !rest.is_empty() {
        let Some((before, tag)) = rest.split_once('<') else {
            out.words(rest);
            break;
        };
        out.words(before);
        // A sign that begins no tag is text; what a browser would take for a tag is none here either.
        if !tag.starts_with(begins_tag) {
            out.words("<");
            rest = tag;
            continue;
        }
        rest = if let Some(comment) = tag.strip_prefix("!--") {
            comment.split_once("-->").map_or("", |(_, behind)| behind)
        } else {
            let (name, behind) = tag_of(tag);
            if UNSEEN.contains(&name.as_str()) {
                behind_end(behind, &name)
            } else {
                if BLOCKS.contains(&name.trim_start_matches('/')) {
                    out.line();
                } else if matches!(name.as_str(), "td" | "th") {
                    out.blank = true;
                }
                behind
            }
        };
    }
    out.text
}

/// The name of a tag, in lower case and with the slash of an end, and what is behind the tag. A `>` in quotes does not end it.
fn tag_of(tag: &str) -> (String, &str) {
    let end = tag
        .char_indices()
        .find(|(at, c)| *at > 0 && !c.is_ascii_alphanumeric())
        .map_or(tag.len(), |(at, _)| at);
    let name = tag.get(..end).unwrap_or_default().to_ascii_lowercase();
    let mut quote: Option<char> = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return (name, tag.get(at.saturating_add(1)..).unwrap_or_default()),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    // It never ends: what was meant as text cannot be told, and nothing of it is shown.
    (name, "")
}

/// What is behind the end of an element; nothing where it has none.
fn behind_end<'h>(html: &'h str, name: &str) -> &'h str {
    for (at, _) in html.match_indices("</") {
        let behind = html.get(at.saturating_add(2)..).unwrap_or_default();
        let here = behind.get(..name.len());
        let ends = |c: char| !c.is_ascii_alphanumeric();
        if here.is_some_and(|here| here.eq_ignore_ascii_case(name))
            && behind
                .get(name.len()..)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(ends))
        {
            return behind.split_once('>').map_or("", |(_, behind)| behind);
        }
    }
    ""
}

/// Text as it grows.
#[derive(Default)]
struct Out {
    text: String,
    /// A blank stands before the next word.
    blank: bool,
}

impl Out {
    /// Begins a new line; two at most follow each other.
    fn line(&mut self) {
        self.blank = false;
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Adds text: blanks are one blank, references are what they stand for.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (shown, length) = match c {
                '&' => reference(rest),
                c => (Some(c), c.len_utf8()),
            };
            rest = rest.get(length.max(1)..).unwrap_or_default();
            match shown {
                Some(c) if c.is_whitespace() => self.blank = true,
                Some(c) => {
                    if self.blank && !self.text.is_empty() && !self.text.ends_with('\n') {
                        self.text.push(' ');
                    }
                    // What stands on either side of something unseen, or was written as
                    // a reference, never becomes a tag.
                    if self.text.ends_with('<') && begins_tag(c) {
                        self.text.push(' ');
                    }
                    self.blank = false;
                    self.text.push(c);
                }
                None => {}
            }
        }
    }
}

/// The references that mail has most; others stay as they are written.
const NAMES: [(&str, char); 45] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("Auml", 'Ä'),
    ("Ouml", 'Ö'),
    ("Uuml", 'Ü'),
    ("szlig", 'ß'),
    ("euro", '€'),
    ("pound", '£'),
    ("yen", '¥'),
    ("cent", '¢'),
    ("sect", '§'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("deg", '°'),
    ("middot", '·'),
    ("bull", '•'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("ecirc", 'ê'),
    ("agrave", 'à'),
    ("aacute", 'á'),
    ("ccedil", 'ç'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("iacute", 'í'),
    ("times", '×'),
];

/// What a reference stands for, and its length. One that is unknown stands for its `&`.
fn reference(text: &str) -> (Option<char>, usize) {
    let as_written = (Some('&'), 1);
    let Some(body) = text.get(1..) else { return as_written };
    let Some(end) = body.bytes().take(12).position(|byte| byte == b';') else { return as_written };
    let name = body.get(..end).unwrap_or_default();
    let length = end.saturating_add(2);
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return code.map_or(as_written, |code| (char::from_u32(code).or(Some('\u{fffd}')), length));
    }
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found.map_or(as_written, |(_, c)| (Some(*c), length))
}
