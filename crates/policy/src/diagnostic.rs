//! Problems in a file that people write, and how they are told.
//!
//! A [`Diagnostic`] says where, what, and what to do. Whoever reads a file
//! collects all of them before giving up, so one look is enough to put it right.

use std::fmt;

/// Where something stands in a text: both count from one; a column is a character.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Position {
    /// The line, 0 where the document was no text.
    pub line: usize,
    /// The column, 0 where the document was no text.
    pub column: usize,
}

impl Position {
    /// The position of a byte offset in a text; an offset behind the end is the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = characters(before.get(start..).unwrap_or_default()) + 1;
        Self { line, column }
    }
}

/// The number of characters in a piece of UTF-8, counted by their first bytes.
pub(crate) fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// One problem: where it is, what it is, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// The file, as it was named on the way in.
    pub file: String,
    /// The line, from one; 0 where the document was no text.
    pub line: usize,
    /// The column in characters, from one; 0 where the document was no text.
    pub column: usize,
    /// The key: `rule[2].conditions[0].match`. One with other characters than names have stands in quotes.
    pub path: String,
    /// What is wrong, as a full sentence.
    pub problem: String,
    /// What to do, as a full sentence.
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "  {}", self.path)?;
        }
        write!(f, "\n  {}", self.problem)?;
        if !self.remedy.is_empty() {
            write!(f, "\n  {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// The path as a pointer into the JSON form (RFC 6901): `/rule/2/conditions/0/match`.
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        let mut push = |key: &str| {
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        };
        let mut rest = self.path.as_str();
        while !rest.is_empty() {
            rest = rest.trim_start_matches(['.', '[', ']']);
            if rest.starts_with('"') {
                let mut quoted = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let Some(Ok(key)) = quoted.next() else { break };
                push(&key);
                rest = rest.get(quoted.byte_offset()..).unwrap_or_default();
                continue;
            }
            let (key, behind) = rest.split_at(rest.find(['.', '[', ']']).unwrap_or(rest.len()));
            if !key.is_empty() {
                push(key);
            }
            rest = behind;
        }
        pointer
    }
}

/// A key as it stands in a path.
pub(crate) fn path_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(bare) {
        return key.to_owned();
    }
    serde_json::Value::from(key).to_string()
}

/// The candidate that a mistyped word most likely means; `None` where nothing is near.
pub fn suggest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// A list of words for a sentence: `"a", "b" or "c"`.
pub fn choice(words: &[&str]) -> String {
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            text.push_str(if at + 1 == words.len() { " or " } else { ", " });
        }
        text.push('"');
        text.push_str(word);
        text.push('"');
    }
    text
}

/// What somebody wrote, for a sentence: control characters escaped, long text cut.
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = String::from("\"");
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('"');
    shown
}

/// Levenshtein's distance, in which two neighbours that changed places count as one.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let width = b.len() + 1;
    let mut rows = vec![0_usize; (a.len() + 1) * width];
    let at = |row: usize, column: usize| row * width + column;
    for column in 0..width {
        rows[at(0, column)] = column;
    }
    for row in 1..=a.len() {
        rows[at(row, 0)] = row;
        for column in 1..width {
            let changed = usize::from(a[row - 1] != b[column - 1]);
            let mut best = (rows[at(row - 1, column)] + 1)
                .min(rows[at(row, column - 1)] + 1)
                .min(rows[at(row - 1, column - 1)] + changed);
            let swapped =
                row > 1 && column > 1 && a[row - 1] == b[column - 2] && a[row - 2] == b[column - 1];
            if swapped {
                best = best.min(rows[at(row - 2, column - 2)] + 1);
            }
            rows[at(row, column)] = best;
        }
    }
    rows[at(a.len(), b.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_is_three_lines_where_what_and_what_to_do() {
        let diagnostic = Diagnostic {
            file: "policy.toml".into(),
            line: 14,
            column: 8,
            path: "rule[2].match".into(),
            problem: "\"matchs\" is no match type.".into(),
            remedy: "Did you mean \"matches\"?".into(),
        };
        assert_eq!(
            diagnostic.to_string(),
            "policy.toml:14:8  rule[2].match\n  \"matchs\" is no match type.\n  \
             Did you mean \"matches\"?"
        );
    }

    #[test]
    fn a_path_is_a_pointer_into_the_json_form() {
        let pointer = |path: &str| {
            let problem = String::new();
            let (file, remedy) = (String::new(), String::new());
            Diagnostic { file, line: 0, column: 0, path: path.into(), problem, remedy }.pointer()
        };
        assert_eq!(pointer(""), "");
        assert_eq!(pointer("rule[2].conditions[0].match"), "/rule/2/conditions/0/match");
        for key in ["a.b", "x/y~z", "", "\"", "[0]", "ü", "a b", "plain"] {
            let found = pointer(&format!("rule[1].{}[3]", path_key(key)));
            let json = serde_json::json!({ "rule": [0, { key: [0, 0, 0, "here"] }] });
            assert_eq!(json.pointer(&found), Some(&"here".into()), "{key:?}: {found}");
        }
        for broken in ["\"", "a.\"b", "]][[", "..", "a[", "\"\\ud800\""] {
            let _pointer = pointer(broken);
        }
    }

    #[test]
    fn a_typing_error_is_understood_and_nonsense_is_not() {
        assert_eq!(suggest("matchs", &["matches", "exists"]), Some("matches"));
        assert_eq!(suggest("rule-data", &["rule_data", "rule"]), Some("rule_data"));
        assert_eq!(suggest("nmae", &["name", "value"]), Some("name"));
        assert_eq!(suggest("zebra", &["matches", "exists"]), None);
    }

    #[test]
    fn a_position_counts_characters_not_bytes() {
        let text = "a\nbü x";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, text.len() - 1), Position { line: 2, column: 4 });
        assert_eq!(Position::of(text, 999), Position { line: 2, column: 5 });
    }
}
