//! What the API needs of the gateway and cannot do itself.

use async_trait::async_trait;

/// The rest of the gateway, as this crate knows it.
#[async_trait]
pub trait Outside: Send + Sync {
    /// The name of this gateway, as in its EHLO.
    fn hostname(&self) -> String;
}
