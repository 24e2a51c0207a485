//! Compiles one Action: what a header may be called and hold, which levels there are, what a reply is.

use gatepost_wire::message::header_line;

use super::{
    super::{Action, HeaderField, action::Effect},
    Compiler,
};
use crate::{
    diagnostic::{choice, quote, suggest},
    document::{ActionEntry, FinalAction},
    tls::{Level, level},
};

/// Fields that SMTP or a signature owns (decision 7).
const OWNED: &[&str] = &["Received", "Return-Path", "DKIM-Signature"];

impl Compiler<'_> {
    pub(super) fn action(&mut self, entry: &ActionEntry, path: &str) -> Option<Action> {
        let effect = match entry {
            ActionEntry::AddMessageHeader { value } => {
                self.added(value, &format!("{path}.value")).map(Effect::Add)
            }
            ActionEntry::RemoveMessageHeader { name } => {
                let path = format!("{path}.name");
                let name = self.field_name(name, &path)?;
                self.is_free_to_change(&name, &path).then_some(Effect::Remove(name))
            }
            ActionEntry::SetTlsLevel { value } => {
                self.level(value, &format!("{path}.value")).map(Effect::SetLevel)
            }
        };
        effect.map(|effect| Action { entry: entry.clone(), effect })
    }

    fn added(&mut self, text: &str, path: &str) -> Option<HeaderField> {
        if text.chars().any(char::is_control) {
            let what =
                if text.contains(['\r', '\n']) { "a line break" } else { "a control character" };
            let problem = format!("The header {} has {what} in it.", quote(text));
            self.problem(path, problem, "Write one line, \"Name: value\".");
            return None;
        }
        let Some((name, value)) = text.split_once(':') else {
            let problem = format!("The header {} has no colon.", quote(text));
            self.problem(path, problem, "Write \"Name: value\".");
            return None;
        };
        let name = self.field_name(name, path)?;
        if !self.is_free_to_change(&name, path) {
            return None;
        }
        let value = value.trim();
        let decided = level::read_value(value.as_bytes()).ok().filter(|level| !level.is_built());
        if let Some(level) = decided.filter(|_| name.eq_ignore_ascii_case(level::FIELD)) {
            self.not_built(level, path);
            return None;
        }
        self.field(&name, value, path)
    }

    fn field(&mut self, name: &str, value: &str, path: &str) -> Option<HeaderField> {
        match header_line(name, value) {
            Ok(line) => Some(HeaderField::new(line)),
            Err(error) => {
                let problem = format!("The field {} {error}.", quote(name));
                let remedy = "Write \"Name: value\" in one line of at most 998 characters.";
                self.problem(path, problem, remedy);
                None
            }
        }
    }

    fn level(&mut self, word: &str, path: &str) -> Option<HeaderField> {
        let built: Vec<&str> =
            Level::ALL.into_iter().filter(|level| level.is_built()).map(Level::word).collect();
        let Some(level) = Level::parse(word.trim()) else {
            let remedy = suggest(word, &built).map_or_else(
                || format!("Write {}.", choice(&built)),
                |near| format!("Did you mean \"{near}\"?"),
            );
            self.problem(path, format!("{} is no level.", quote(word)), remedy);
            return None;
        };
        if !level.is_built() {
            self.not_built(level, path);
            return None;
        }
        self.field(level::FIELD, level.title(), path)
    }

    fn not_built(&mut self, level: Level, path: &str) {
        let problem = format!("The level \"{level}\" is not in this version.");
        self.problem(path, problem, "Use \"verify\", the strictest of this version.");
    }

    /// The name of a header field, without the blanks around it.
    pub(super) fn field_name(&mut self, name: &str, path: &str) -> Option<String> {
        let name = name.trim();
        let is_printable = |byte: u8| (33..=126).contains(&byte) && byte != b':';
        if !name.is_empty() && name.len() <= 76 && name.bytes().all(is_printable) {
            return Some(name.to_owned());
        }
        self.problem(
            path,
            format!("{} is no name of a header field.", quote(name)),
            "Use ASCII letters, digits and hyphens, such as \"X-Foo\" (RFC 5322 section 2.2).",
        );
        None
    }

    fn is_free_to_change(&mut self, name: &str, path: &str) -> bool {
        let owned = OWNED.iter().find(|owned| owned.eq_ignore_ascii_case(name));
        if let Some(owned) = owned {
            let owner = if *owned == "DKIM-Signature" { "a signature" } else { "SMTP" };
            let problem =
                format!("The header {owned} belongs to {owner}; no rule writes or removes it.");
            self.problem(path, problem, "Use a name of your own, such as \"X-Foo\".");
        }
        owned.is_none()
    }

    /// A rule's reply: a permanent code, an enhanced code (added where it is not there), a text.
    pub(super) fn reply(&mut self, text: &str, last: FinalAction, path: &str) -> Option<String> {
        const REMEDY: &str = "Write it as \"550 5.7.1 text\", in ASCII and on one line.";
        if last != FinalAction::Reject {
            let problem = "Only a rule with final_action = \"reject\" has a reply.";
            self.problem(path, problem, "Take the reply out, or let the rule reject.");
            return None;
        }
        let text = text.trim();
        let printable = text.len() <= 400 && text.bytes().all(|byte| (32..=126).contains(&byte));
        let code = text.get(..3).filter(|code| is_permanent(code));
        let (Some(code), true) = (code, printable) else {
            self.problem(path, format!("{} is no reply that rejects.", quote(text)), REMEDY);
            return None;
        };
        let rest = text.get(3..).unwrap_or_default();
        if !rest.is_empty() && !rest.starts_with(' ') {
            self.problem(path, format!("{} is no reply that rejects.", quote(text)), REMEDY);
            return None;
        }
        let rest = rest.trim();
        let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        let (enhanced, words) =
            if is_enhanced(first) { (first, behind.trim()) } else { ("5.7.1", rest) };
        if !enhanced.starts_with('5') {
            let problem = format!("The enhanced code {enhanced} does not go with {code}.");
            self.problem(path, problem, REMEDY);
            return None;
        }
        let words = if words.is_empty() { "message refused by policy" } else { words };
        Some(format!("{code} {enhanced} {words}"))
    }
}

/// RFC 5321 section 4.2.1: a first digit 5, a second of 0 to 5.
fn is_permanent(code: &str) -> bool {
    match code.as_bytes() {
        [b'5', second, third] => (b'0'..=b'5').contains(second) && third.is_ascii_digit(),
        _ => false,
    }
}

/// RFC 3463 section 2: `class.subject.detail`.
fn is_enhanced(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_number = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts.len() == 3
        && parts.iter().all(is_number)
        && matches!(parts.first(), Some(&("2" | "4" | "5")))
}

/// Add Message Header `x-TLSLevel: Try`. A constant that the message crate always takes.
pub(super) fn try_tls() -> Option<Action> {
    let field = HeaderField::new(header_line(level::FIELD, Level::Try.title()).ok()?);
    let entry = ActionEntry::AddMessageHeader { value: field.text() };
    Some(Action { entry, effect: Effect::Add(field) })
}
