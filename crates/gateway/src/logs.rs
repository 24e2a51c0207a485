//! The log on stderr: JSON lines where it is no terminal, text where it is one.
//!
//! One event is one line, whatever a peer wrote: JSON escapes it, and the parts that log a peer's words escape them
//! for the text. In JSON what happened is `event`, because `message` is the id of the message it is about.

use std::fmt;
use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config;

/// Starts the log of this process. `RUST_LOG` narrows or widens it; without it, lifecycle steps and ends of messages.
///
/// # Errors
/// A filter that cannot be read, with what is wrong with it.
pub(crate) fn start() -> Result<(), String> {
    let filter = match config::log_filter() {
        Some(text) => EnvFilter::try_new(&text)
            .map_err(|why| format!("RUST_LOG={text:?} is no filter: {why}"))?,
        None => EnvFilter::new("info"),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        log.with_ansi(!config::no_colour()).with_target(false).try_init()
    } else {
        log.event_format(Json).try_init()
    };
    started.map_err(|why| format!("the log cannot be started: {why}"))
}

/// One event as one JSON object: `at`, `level`, `target`, `event`, then the event's own fields.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let mut line = Line::default();
        line.text("at", &at);
        line.text("level", event.metadata().level().as_str());
        line.text("target", event.metadata().target());
        event.record(&mut line);
        writeln!(writer, "{{{}}}", line.members)
    }
}

/// The members of an object, written one after the other.
#[derive(Default)]
struct Line {
    members: String,
    /// The first field called `message` is the macro's text; a second one is an id.
    has_event: bool,
}

impl Line {
    fn text(&mut self, key: &str, value: &str) {
        self.member(key, &serde_json::Value::from(value).to_string());
    }

    fn member(&mut self, key: &str, json: &str) {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        self.members.push_str(&serde_json::Value::from(key).to_string());
        self.members.push(':');
        self.members.push_str(json);
    }

    fn key(&mut self, field: &Field) -> &'static str {
        if field.name() == "message" && !self.has_event {
            self.has_event = true;
            return "event";
        }
        field.name()
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let key = self.key(field);
        self.text(key, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let key = self.key(field);
        self.text(key, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let key = self.key(field);
        self.member(key, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let key = self.key(field);
        self.member(key, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        let key = self.key(field);
        self.member(key, &value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_json_line_whatever_a_peer_wrote() {
        let sink = Sink::default();
        let writer = sink.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(Json)
            .finish();
        tracing::subscriber::with_default(log, || {
            tracing::info!(message = %"01J", said = "a\r\n{\"b\x1b\"", size = 7_u64, "attempt ended");
            tracing::warn!("alone");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["event"], "attempt ended");
        assert_eq!(lines[0]["message"], "01J");
        assert_eq!(lines[0]["said"], "a\r\n{\"b\u{1b}\"");
        assert_eq!(lines[0]["size"], 7);
        assert_eq!((&lines[1]["event"], &lines[1]["level"]), (&"alone".into(), &"WARN".into()));
    }
}
