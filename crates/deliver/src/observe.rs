//! What the engine tells whoever keeps count. `gateway` turns it into metrics.

use std::{net::SocketAddr, time::Duration};

use gatepost_policy::{evidence::Attempt, id::MessageId};

use crate::alert::Alert;

/// Hears what the engine did. Implementations only count; they must not block.
pub trait Observe: std::fmt::Debug + Send + Sync {
    /// An attempt ended for a recipient, this long after the message was received.
    fn attempted(&self, attempt: &Attempt, since_received: Duration);

    /// An SMTP session to a remote site began (`1`) or ended (`-1`).
    fn sessions(&self, change: i64);

    /// A kept session was not used any more: `idle`, `age`, `epoch`, `certificate`, `closed`.
    fn session_given_up(&self, why: &'static str);

    /// A host answered EHLO with a keyword that looks like STARTTLS written over on
    /// the way (row B26). It is treated as a host without STARTTLS.
    fn starttls_stripped(&self, message: MessageId, host: &str, address: SocketAddr);

    /// Administrators have to know of something. The mail about it goes its own way.
    fn alert(&self, alert: &Alert);
}
