//! Real SMTP sessions over loopback sockets into a real store.

mod limits;
mod messages;
mod tls;
mod world;
