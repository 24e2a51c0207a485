//! From text to a filter, and texts in quotes.
//!
//! `or` binds least, then `and`, then `not`. Depth is bounded, so that no text makes
//! the parser run out of stack.

use std::fmt;

use gatepost_policy::{diagnostic::suggest, evidence::Why, tls::Level};
use gatepost_wire::timestamp::Timestamp;

use super::{Expression, Field, Filter, FilterError, Kind, Operator, Test, Value};
use crate::view::EntryState;

/// Parentheses and `not` within each other.
const DEEPEST: usize = 64;

/// Reads a filter.
///
/// # Errors
/// Where it is no filter, why, and what to write instead.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expression = parser.any()?;
    parser.blanks();
    if parser.at < text.len() {
        let rest = parser.rest();
        let found = rest.chars().next().unwrap_or(' ');
        return Err(if found == ')' {
            parser.error("This parenthesis closes nothing.", "Take it away.")
        } else {
            parser.error(
                &format!("There is a comparison before {:?} already.", parser.peek_word()),
                "Join comparisons with `and` or `or`; put a value with blanks into quotes.",
            )
        });
    }
    Ok(Filter(expression))
}

/// Writes a text so that it is read as one value.
pub(super) fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !text.is_empty() && text.chars().all(is_plain) {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

/// Whether a character can stand in a value without quotes.
fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | '"' | '\\')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn error(&self, problem: &str, remedy: &str) -> FilterError {
        self.error_at(self.at, problem, remedy)
    }

    fn error_at(&self, at: usize, problem: &str, remedy: &str) -> FilterError {
        let before = self.text.get(..at).unwrap_or(self.text);
        FilterError {
            column: before.chars().count() + 1,
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    /// The letters that come next.
    fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }

    /// Takes a word of the language, if it comes next.
    fn word(&mut self, wanted: &str) -> bool {
        self.blanks();
        let found = self.peek_word();
        let there = found.eq_ignore_ascii_case(wanted);
        if there {
            self.at += found.len();
        }
        there
    }

    fn sign(&mut self, wanted: char) -> bool {
        self.blanks();
        let there = self.rest().starts_with(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn any(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Ok(joined(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(
                "The filter is nested too deeply.",
                &format!("Up to {DEEPEST} levels of parentheses and `not` are read."),
            ));
        }
        self.blanks();
        let begun = self.at;
        let one = if self.word("not") {
            Expression::Not(Box::new(self.one()?))
        } else if self.sign('(') {
            let within = self.any()?;
            if !self.sign(')') {
                return Err(self.error_at(
                    begun,
                    "This parenthesis is not closed.",
                    "Write `)` where it ends.",
                ));
            }
            within
        } else {
            Expression::Test(self.test()?)
        };
        self.depth -= 1;
        Ok(one)
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let begun = self.at;
        let word = self.peek_word();
        if word.is_empty() {
            return Err(self.error(
                "A comparison is missing here.",
                "Write one like `domain=partner.example` or `age>2h`.",
            ));
        }
        let field =
            Field::ALL.iter().copied().find(|field| field.word().eq_ignore_ascii_case(word));
        let Some(field) = field else {
            let remedy = suggest(word, Field::WORDS).map_or_else(
                || format!("The fields are {}.", Field::WORDS.join(", ")),
                |word| format!("Did you mean {word:?}?"),
            );
            return Err(self.error_at(begun, &format!("{word:?} is no field."), &remedy));
        };
        self.at += word.len();
        self.blanks();
        let at = self.at;
        let operator = self.operator(field)?;
        if !field.kind().has_order() && !matches!(operator, Operator::Is | Operator::IsNot) {
            return Err(self.error_at(
                at,
                &format!("Values of {:?} have no order.", field.word()),
                "Compare them with `=` or `!=`.",
            ));
        }
        self.blanks();
        let at = self.at;
        let value = self.value(field)?;
        let value = field
            .kind()
            .read(&value)
            .map_err(|(problem, remedy)| self.error_at(at, &problem, &remedy))?;
        Ok(Test { field, operator, value })
    }

    fn operator(&mut self, field: Field) -> Result<Operator, FilterError> {
        let signs = [
            ("!=", Operator::IsNot),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("==", Operator::Is),
            ("=", Operator::Is),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let rest = self.rest();
        let found = signs.into_iter().find(|(sign, _)| rest.starts_with(sign));
        let Some((sign, operator)) = found else {
            let word = field.word();
            return Err(self.error(
                &format!("Behind {word:?} a comparison is missing."),
                "Write one of = != < <= > >= and a value.",
            ));
        };
        self.at += sign.len();
        Ok(operator)
    }

    /// A value, without its quotes.
    fn value(&mut self, field: Field) -> Result<String, FilterError> {
        let begun = self.at;
        let rest = self.rest();
        if !rest.starts_with('"') {
            let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
            let value = rest.get(..end).unwrap_or_default();
            if value.is_empty() {
                return Err(self.error(
                    &format!("{:?} is compared with nothing.", field.word()),
                    "Write a value; one that is empty, or has blanks or parentheses, in quotes.",
                ));
            }
            self.at += end;
            return Ok(value.to_owned());
        }
        let mut value = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((index, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += index + 1;
                    return Ok(value);
                }
                '\\' => match characters.next() {
                    Some((_, c @ ('"' | '\\'))) => value.push(c),
                    Some(_) | None => {
                        return Err(self.error_at(
                            begun + index,
                            "A backslash stands alone.",
                            "Within quotes write \\\\ for a backslash and \\\" for a quote.",
                        ));
                    }
                },
                c => value.push(c),
            }
        }
        Err(self.error_at(begun, "This quote is not closed.", "Write `\"` where the value ends."))
    }
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

impl Kind {
    const fn has_order(self) -> bool {
        match self {
            Self::Level | Self::Number | Self::Age | Self::Moment => true,
            Self::Pattern | Self::Why | Self::State | Self::Flag => false,
        }
    }

    /// The value that a text means, or the problem and the remedy.
    fn read(self, text: &str) -> Result<Value, (String, String)> {
        let no = |what: &str, remedy: String| Err((format!("{text:?} is no {what}."), remedy));
        match self {
            Self::Pattern => Ok(Value::Pattern(text.to_owned())),
            Self::Why => {
                if text.contains(['*', '?']) || Why::parse(&text.to_lowercase()).is_some() {
                    return Ok(Value::Pattern(text.to_owned()));
                }
                let words: Vec<&str> = Why::ALL.iter().map(|why| why.word()).collect();
                no(
                    "cause",
                    suggest(text, &words).map_or_else(
                        || format!("The causes are {}; `*` stands for any part.", words.join(", ")),
                        |word| format!("Did you mean {word:?}?"),
                    ),
                )
            }
            Self::Level => Level::parse(text).map(Value::Level).map_or_else(
                || {
                    let words: Vec<&str> = Level::ALL.iter().map(|level| level.word()).collect();
                    no("level", format!("Write one of {}.", words.join(", ")))
                },
                Ok,
            ),
            Self::State => {
                let state = EntryState::ALL.into_iter().find(|state| state.word() == text);
                state.map_or_else(
                    || no("state", "Write waiting, sending or held.".to_owned()),
                    |state| Ok(Value::State(state)),
                )
            }
            Self::Number => text.parse().map_or_else(
                |_| no("number", "Write digits, such as 3.".to_owned()),
                |number| Ok(Value::Number(number)),
            ),
            Self::Age => text.parse().map_or_else(
                |remedy: gatepost_policy::units::Malformed| no("duration", remedy.to_string()),
                |period| Ok(Value::Period(period)),
            ),
            Self::Moment => moment(text).map_or_else(
                || {
                    let remedy =
                        "Write 2026-11-24T03:00:00Z, 2026-11-24, or 10m for ten minutes from now.";
                    no("time", remedy.to_owned())
                },
                Ok,
            ),
            Self::Flag => match text {
                "yes" | "true" => Ok(Value::Flag(true)),
                "no" | "false" => Ok(Value::Flag(false)),
                _ => no("answer", "Write yes or no.".to_owned()),
            },
        }
    }
}

fn moment(text: &str) -> Option<Value> {
    if let Ok(period) = text.parse() {
        return Some(Value::In(period));
    }
    let exact = Timestamp::parse_rfc3339(text);
    exact.or_else(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))).map(Value::At)
}
