//! What a text of Custom Rule Data comes to, line by line, before anybody saves it.
//!
//! Every value in the form in which it is compared, duplicates with the line that has them
//! first, lines that are no values, and values that are allowed and hardly meant. It reads
//! lines as a set is built, so what is shown here is what a rule will see. Lines count from one.

use std::collections::HashMap;

use serde::Serialize;

use super::data_set::{Element, read_line};
use crate::document::{DataKind, Values};

/// So many lines of each sort are named; how many more there are is told.
const NAMED: usize = 1000;

/// What a text comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Preview {
    /// How many different values there are.
    pub count: usize,
    /// The values: all of them where they are a thousand at most, else the first thousand
    /// that are compared in another form than the one they are written in.
    pub entries: Vec<Entry>,
    /// Values that are there already.
    pub duplicates: Vec<Duplicate>,
    /// Lines that are no values.
    pub errors: Vec<Fault>,
    /// Values that are allowed and hardly meant.
    pub warnings: Vec<Warning>,
    /// How many of each are not named.
    pub more: More,
}

/// A value.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// Its line.
    pub line: usize,
    /// As it is written, without blanks around it and without its comment.
    pub text: String,
    /// As it is compared.
    pub normalized: String,
}

/// A value that is there already.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Duplicate {
    /// Its line.
    pub line: usize,
    /// The line that has it first.
    pub first_line: usize,
    /// The value as it is compared.
    pub value: String,
}

/// A line that is no value.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// Which one.
    pub line: usize,
    /// What is wrong, as a full sentence.
    pub problem: String,
    /// What to do, as a full sentence.
    pub remedy: String,
}

/// A value that is allowed and hardly meant.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Warning {
    /// Its line.
    pub line: usize,
    /// What is odd about it, as a full sentence.
    pub text: String,
}

/// How many of each are not named.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct More {
    /// Values.
    pub entries: usize,
    /// Duplicates.
    pub duplicates: usize,
    /// Lines that are no values.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
}

/// What `text` comes to as the values of a set of this kind.
pub fn preview(kind: DataKind, text: &str) -> Preview {
    let values = Values::Lines(text.to_owned());
    let mut found = Preview::default();
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut all = vec![];
    let mut differing = vec![];
    for (line, written) in (1..).zip(values.lines()) {
        let element = match read_line(kind, written, first.is_empty()) {
            Ok(Some(element)) => element,
            Ok(None) => continue,
            Err((problem, remedy)) => {
                let fault = Fault { line, problem, remedy };
                keep(&mut found.errors, &mut found.more.errors, fault);
                continue;
            }
        };
        let Element { text, normalized } = element;
        if let Some(first_line) = first.get(&normalized) {
            let duplicate = Duplicate { line, first_line: *first_line, value: normalized };
            keep(&mut found.duplicates, &mut found.more.duplicates, duplicate);
            continue;
        }
        first.insert(normalized.clone(), line);
        if let Some(text) = odd(kind, &normalized) {
            keep(&mut found.warnings, &mut found.more.warnings, Warning { line, text });
        }
        let entry = Entry { line, text: text.to_owned(), normalized };
        if entry.text != entry.normalized && differing.len() < NAMED {
            differing.push(entry.clone());
        }
        if all.len() < NAMED {
            all.push(entry);
        }
    }
    found.count = first.len();
    found.entries = if found.count <= NAMED { all } else { differing };
    found.more.entries = found.count - found.entries.len();
    found
}

fn keep<T>(named: &mut Vec<T>, more: &mut usize, one: T) {
    if named.len() < NAMED {
        named.push(one);
    } else {
        *more += 1;
    }
}

/// Labels under which registries of countries sell names.
const SECOND_LEVEL: &[&str] = &[
    "ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "gv", "mil", "ne", "net", "nom", "or",
    "org",
];

/// What is odd about a value.
fn odd(kind: DataKind, value: &str) -> Option<String> {
    match kind {
        DataKind::Domains => suffix(value),
        DataKind::Networks => {
            value.ends_with("/0").then(|| format!("{value} is every address there is."))
        }
        DataKind::Text if value.chars().count() == 1 => {
            Some(format!("\"{value}\" is found in nearly every text."))
        }
        DataKind::Text | DataKind::Regex => None,
    }
}

/// A name under which strangers register theirs: a single label, or a second level that
/// registries of countries use. This goes by the form alone, and is a warning for that reason.
fn suffix(value: &str) -> Option<String> {
    let (name, below) = value.strip_prefix('.').map_or((value, false), |name| (name, true));
    if name.contains(['@', '[']) || name == "<>" {
        return None;
    }
    let is_suffix = match name.split_once('.') {
        None => true,
        Some((second, country)) => {
            country.len() == 2
                && country.bytes().all(|byte| byte.is_ascii_lowercase())
                && SECOND_LEVEL.contains(&second)
        }
    };
    is_suffix.then(|| {
        if below {
            format!("{value} matches everybody who has a name below {name}.")
        } else {
            format!(
                "{name} looks like a suffix under which others register their names; it matches \
                 addresses at exactly {name}, and there are hardly any."
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{DataSet, Probe};

    fn normalized(kind: DataKind, text: &str) -> Vec<String> {
        preview(kind, text).entries.into_iter().map(|entry| entry.normalized).collect()
    }

    #[test]
    fn a_pasted_list_of_domains_is_put_in_order() {
        let text = "Partner.Example.\r\n\r\n  *.hospital.example # as of May\r\nMÜNCHEN.example\r\n\
                    partner.example\r\nAnna@Clinic.example\r\n";
        let found = preview(DataKind::Domains, text);
        assert_eq!(found.count, 4);
        let values: Vec<_> = found
            .entries
            .iter()
            .map(|entry| (entry.line, entry.text.as_str(), entry.normalized.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                (1, "Partner.Example.", "partner.example"),
                (3, "*.hospital.example", ".hospital.example"),
                (4, "MÜNCHEN.example", "xn--mnchen-3ya.example"),
                (6, "Anna@Clinic.example", "anna@clinic.example"),
            ]
        );
        let value = "partner.example".to_owned();
        assert_eq!(found.duplicates, [Duplicate { line: 5, first_line: 1, value }]);
        assert!(found.errors.is_empty() && found.warnings.is_empty());
    }

    #[test]
    fn lines_that_are_no_values_are_named_with_what_to_do() {
        let found = preview(DataKind::Domains, "good.example\nnot a domain\n*\n@x.example\n");
        let lines: Vec<usize> = found.errors.iter().map(|fault| fault.line).collect();
        assert_eq!((found.count, lines), (1, vec![2, 3, 4]));
        assert!(found.errors.iter().all(|fault| !fault.remedy.is_empty()));
        let found = preview(DataKind::Networks, "192.0.2.1\n192.0.2.1/32\n192.0.2.9/24\n");
        assert_eq!(
            normalized(DataKind::Networks, "192.0.2.1\n2001:DB8::/32"),
            ["192.0.2.1", "2001:db8::/32"]
        );
        assert_eq!((found.count, found.duplicates.len(), found.errors[0].line), (1, 1, 3));
    }

    #[test]
    fn a_regex_set_has_one_pattern() {
        let found = preview(DataKind::Regex, "\n^a+$\nb\n");
        assert_eq!((found.count, found.errors.len(), found.errors[0].line), (1, 1, 3));
        let found = preview(DataKind::Regex, "(?=x)");
        assert!(found.errors[0].problem.contains("look-around"), "{found:?}");
        assert_eq!(normalized(DataKind::Text, " Invoice \ninvoice\n"), ["invoice"]);
    }

    #[test]
    fn a_suffix_of_a_registry_is_warned_about() {
        let warned = |text: &str| preview(DataKind::Domains, text).warnings.len();
        for text in ["com", "co.uk", ".com.au", "xn--p1ai", ".de"] {
            assert_eq!(warned(text), 1, "{text}");
        }
        for text in ["a.uk", "co.example", "bank.co.uk", "anna@com", "[192.0.2.1]", "<>"] {
            assert_eq!(warned(text), 0, "{text}");
        }
        assert_eq!(preview(DataKind::Networks, "0.0.0.0/0").warnings.len(), 1);
    }

    #[test]
    fn a_long_list_is_counted_to_its_end_and_shows_what_differs() {
        let mut text: String = (0..5000).map(|n| format!("d{n}.example\n")).collect();
        text.push_str("LAST.example\n");
        let found = preview(DataKind::Domains, &text);
        assert_eq!((found.count, found.entries.len(), found.more.entries), (5001, 1, 5000));
        assert_eq!(found.entries[0].line, 5001);
        let bad: String = (0..1500).map(|_| "a b\n").collect();
        let found = preview(DataKind::Domains, &bad);
        assert_eq!((found.errors.len(), found.more.errors), (1000, 500));
    }

    proptest! {
        /// What is shown is what a rule sees: the normalised values make the same set.
        #[test]
        fn the_normalised_values_make_the_same_set(
            text in "((a|B|ü|\\.|\\*\\.|@|#| |x\\.example|\r)(a|b|\\.|@|x\\.example)?\n){0,6}",
            to in "(a|b|ü)@((a|b|xn--tda)\\.)?x\\.example",
        ) {
            let shown = normalized(DataKind::Domains, &text);
            let (written, bad) = DataSet::build(DataKind::Domains, text.lines());
            let (again, still_bad) =
                DataSet::build(DataKind::Domains, shown.iter().map(String::as_str));
            prop_assert!(still_bad.is_empty(), "{shown:?}");
            prop_assert_eq!(preview(DataKind::Domains, &text).errors.len(), bad.len());
            let probe = Probe::of_mailbox(&gatepost_wire::address::Mailbox::parse(&to).unwrap());
            prop_assert_eq!(written.matches_address(&probe), again.matches_address(&probe));
        }
    }
}
