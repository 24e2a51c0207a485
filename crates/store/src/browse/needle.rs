//! A text that people look for, without regard to case.

use gatepost_wire::address::DomainName;
use memchr::memmem::Finder;

/// What is looked for, made ready.
pub(crate) struct Needle {
    /// In lower case; the second is a domain's other form, where there is one.
    wanted: Vec<Form>,
    folded: Vec<u8>,
}

struct Form {
    text: String,
    finder: Finder<'static>,
}

impl Needle {
    /// Makes a text ready; `None` for one of blanks only, which is everywhere.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text.is_empty() {
            return None;
        }
        let mut wanted = vec![Form::new(text.clone())];
        // What is typed as münchen.example is stored as it was written, or as an A-label.
        if !text.is_ascii()
            && let Ok(name) = DomainName::parse(text.trim_start_matches('@'))
        {
            wanted.push(Form::new(name.as_str().to_owned()));
        }
        Some(Self { wanted, folded: Vec::new() })
    }

    /// Whether it occurs in a text.
    pub(crate) fn is_in(&mut self, text: &str) -> bool {
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        folded.extend_from_slice(text.as_bytes());
        folded.make_ascii_lowercase();
        let found = self.wanted.iter().any(|form| {
            form.finder.find(&folded).is_some()
                || (!form.text.is_ascii() && text.to_lowercase().contains(&form.text))
        });
        self.folded = folded;
        found
    }

    /// Whether it is an id, all of it.
    pub(crate) fn is_id(&self, id: &str) -> bool {
        self.wanted.iter().any(|form| form.text.eq_ignore_ascii_case(id))
    }

    /// Whether it may occur in the strings of a JSON document: `false` only where it does not.
    pub(crate) fn may_be_in(&mut self, json: &str) -> bool {
        let escaped =
            |form: &Form| form.text.contains(['"', '\\']) || form.text.contains(char::is_control);
        self.wanted.iter().any(escaped) || self.is_in(json)
    }
}

impl Form {
    fn new(text: String) -> Self {
        let finder = Finder::new(text.as_bytes()).into_owned();
        Self { text, finder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_domains_are_found_in_either_form() {
        for (wanted, text, found) in [
            ("ANNA@partner.example", "Anna@Partner.Example", true),
            ("partner", "anna@PARTNER.example", true),
            ("grüße", "Schöne GRÜSSE", false),
            ("GRÜN", "im grünen Bereich", true),
            ("münchen.example", "a@xn--mnchen-3ya.example", true),
            ("münchen.example", "a@MÜNCHEN.example", true),
            ("other", "anna@partner.example", false),
        ] {
            assert_eq!(Needle::new(wanted).unwrap().is_in(text), found, "{wanted} in {text}");
        }
        assert!(Needle::new(" \t").is_none());
    }

    #[test]
    fn what_json_escapes_is_never_missed() {
        let json = serde_json::to_string(&["say \"hello\"", "a\\b"]).unwrap();
        for wanted in ["say \"hello\"", "a\\b", "hello"] {
            assert!(Needle::new(wanted).unwrap().may_be_in(&json), "{wanted}");
        }
        assert!(!Needle::new("goodbye").unwrap().may_be_in(&json));
    }
}
