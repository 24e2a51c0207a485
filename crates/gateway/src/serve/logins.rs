//! Who a client of a listener with AUTH may be.

use std::net::IpAddr;

use async_trait::async_trait;
use gatepost_receive::{Authenticate, Login};
use gatepost_wire::secret::Secret;

/// Accounts where there are none: the configuration takes no listener with AUTH.
pub(crate) struct NoAccounts;

#[async_trait]
impl Authenticate for NoAccounts {
    async fn check(&self, _name: &str, _password: &Secret, _client: IpAddr) -> Login {
        Login::Undecided { why: "accounts are not in this version".to_owned() }
    }
}
