//! The log on stderr: JSON lines where it is no terminal, text where it is one.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    started.map_err(|why| format!("the log cannot be started: {why}"))
}
