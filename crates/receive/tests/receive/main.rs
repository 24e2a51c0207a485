//! Real SMTP sessions over loopback sockets into a real store.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as a test does")]

mod limits;
mod login;
mod messages;
mod tls;
mod world;
