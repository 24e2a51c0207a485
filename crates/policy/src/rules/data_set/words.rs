//! Sets of words, found anywhere in a text without regard to case, in one pass over it.

use aho_corasick::AhoCorasick;

use super::BadLine;

/// A set of kind `text`.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// In lower case, sorted.
    words: Vec<String>,
    automaton: Option<AhoCorasick>,
}

impl Words {
    pub(crate) fn build<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> (Self, Vec<BadLine>) {
        let mut words: Vec<String> = lines
            .map(|(_, line)| line.trim())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return (Self::default(), vec![]);
        }
        match AhoCorasick::new(&words) {
            Ok(automaton) => (Self { words, automaton: Some(automaton) }, vec![]),
            Err(_) => {
                let problem = "The words are too many for one set.".to_owned();
                (Self::default(), vec![BadLine::new(0, problem, "Split the set in two.")])
            }
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a word is in a text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.automaton.is_some() && self.is_in_lowered(&text.to_lowercase())
    }

    /// Whether a word is in a text that is in lower case already.
    pub(crate) fn is_in_lowered(&self, text: &str) -> bool {
        match (self.words.as_slice(), &self.automaton) {
            // For one word in a subject, starting an automaton costs more than looking.
            ([word], _) if text.len() < 512 => text.contains(word.as_str()),
            (_, Some(automaton)) => automaton.is_match(text),
            (_, None) => false,
        }
    }

    /// Whether whatever matches this set matches the other too.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.words.iter().all(|word| other.is_in_lowered(word))
    }
}
