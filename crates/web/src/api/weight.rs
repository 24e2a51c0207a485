//! What a document weighs before it is read: how many objects and values it has.
//!
//! Read, an object of two bytes takes some hundred, and a rule some thousand: memory is bounded by their number and not
//! by the length. What counts is told from the text in one pass that keeps nothing, of JSON and of TOML alike.

/// What a document has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Weight {
    /// Objects, or tables.
    pub(super) objects: usize,
    /// What parts values: commas, colons, equals signs.
    pub(super) values: usize,
}

impl Weight {
    /// Most objects of one document: ten thousand rules have fewer.
    pub(super) const OBJECTS: usize = 50_000;

    /// Most values: a set of a million domains as an array has fewer.
    pub(super) const VALUES: usize = 2_000_000;

    /// Weighs a text.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut weight = Self::default();
        let (mut at, mut begins_line) = (0, true);
        while let Some(byte) = text.get(at) {
            let mut next = at.saturating_add(1);
            match byte {
                b'"' | b'\'' => next = behind_string(text, at, *byte),
                b'#' => next = find(text, at, |byte| byte == b'\n'),
                b'{' => weight.objects += 1,
                // A table of TOML.
                b'[' if begins_line => weight.objects += 1,
                b',' | b':' | b'=' => weight.values += 1,
                _ => {}
            }
            begins_line = *byte == b'\n' || (begins_line && byte.is_ascii_whitespace());
            at = next;
        }
        weight
    }

    /// Whether that is more than is read.
    pub(super) const fn is_too_much(self) -> bool {
        self.objects > Self::OBJECTS || self.values > Self::VALUES
    }
}

/// Where the next such byte is, or the end.
fn find(text: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().position(|byte| wanted(*byte)).map_or(text.len(), |at| from.saturating_add(at))
}

/// Where a string ends that begins with this quote; three of them make one of several lines.
fn behind_string(text: &[u8], at: usize, quote: u8) -> usize {
    let run = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take(3).take_while(|byte| **byte == quote).count()
    };
    let long = if run(at) == 3 { 3 } else { 1 };
    let mut at = at.saturating_add(long);
    loop {
        at = find(text, at, |byte| byte == quote || (quote == b'"' && byte == b'\\'));
        match text.get(at) {
            None => return text.len(),
            Some(b'\\') => at = at.saturating_add(2),
            Some(_) if run(at) >= long => return at.saturating_add(long),
            Some(_) => at = at.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(text: &str) -> (usize, usize) {
        let Weight { objects, values } = Weight::of(text.as_bytes());
        (objects, values)
    }

    #[test]
    fn objects_and_values_are_counted_outside_of_strings_and_comments() {
        assert_eq!(weight(r#"{"a":[1,2,{}],"b{,:\"{":"x,{y'"}"#), (2, 5));
        let toml = r#"# {{{ ,,, it's
[[rule]]
name = "a,b" # {
  [[rule]]
values = QQQ
{,
[x
'yQQQ
conditions = [{ a = '{', b = """
[,\"""" }]
"#;
        assert_eq!(weight(&toml.replace("QQQ", &"'".repeat(3))), (3, 6));
        assert_eq!(weight("{\"never ends"), (1, 0));
        assert_eq!(weight("\"\\"), (0, 0));
        assert_eq!(weight(""), (0, 0));
    }
}
