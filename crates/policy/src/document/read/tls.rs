//! Reads `[[smart_host]]` and `[[tls_policy]]`.

use super::{
    super::{SmartHostEntry, TlsPolicyEntry},
    fields::Fields,
    level,
};
use crate::{day::Day, diagnostic::quote, tls::Level};

/// The port of message submission with TLS from the first byte (RFC 8314 section 3.3).
const SUBMISSIONS: u16 = 465;

/// Reads one `[[smart_host]]`.
pub(in crate::document) fn smart_host(mut fields: Fields<'_>) -> Option<SmartHostEntry> {
    let domains = fields.required_texts("domains", "Name them: domains = [\"*\"].");
    let host = fields.required_text("host");
    let implicit_tls = fields.boolean("implicit_tls", false);
    // With TLS from the first byte there is no clear text, and the level says so.
    let (usual_port, usual_level) =
        if implicit_tls { (SUBMISSIONS, Level::Require) } else { (25, Level::Try) };
    let port = fields.number("port", 1, 65_535).unwrap_or(usual_port);
    let tls = level(&mut fields, "tls").unwrap_or(usual_level);
    let username = fields.text("username");
    let password_file = fields.text("password_file");
    fields.finish();
    Some(SmartHostEntry {
        domains: domains?,
        host: host?,
        port,
        tls,
        implicit_tls,
        username,
        password_file,
    })
}

/// Reads one `[[tls_policy]]`.
pub(in crate::document) fn policy(mut fields: Fields<'_>) -> Option<TlsPolicyEntry> {
    let domains = fields.required_texts("domains", "Name them: domains = [\"partner.example\"].");
    let level = level(&mut fields, "level");
    if level.is_none() {
        fields.missing("level", "Say which: level = \"require\".");
    }
    let until = day(&mut fields, "until");
    fields.finish();
    Some(TlsPolicyEntry { domains: domains?, level: level?, until })
}

/// The last day on which something holds. A part whose day cannot be read is kept
/// without one: the policy as a whole is refused anyway, and the rest of it judged.
fn day(fields: &mut Fields<'_>, key: &'static str) -> Option<Day> {
    let text = fields.text(key)?;
    match text.parse() {
        Ok(day) => Some(day),
        Err(why) => {
            let path = fields.path_of(key);
            let problem = format!("{} is no day.", quote(&text));
            fields.reader().problem(&path, problem, &format!("{why}"));
            None
        }
    }
}
