//! What the engine tells whoever keeps count. `gateway` turns it into metrics.

use std::time::Duration;

use gatepost_policy::evidence::Attempt;

/// Hears what the engine did. Implementations only count; they must not block.
pub trait Observe: std::fmt::Debug + Send + Sync {
    /// An attempt ended for a recipient, this long after the message was received.
    fn attempted(&self, attempt: &Attempt, since_received: Duration);

    /// An SMTP session to a remote site began (`1`) or ended (`-1`).
    fn sessions(&self, change: i64);
}
