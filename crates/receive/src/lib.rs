//! SMTP in: drives sessions, gathers facts, hands messages to the store.
//!
//! [`Receiver::serve`] accepts connections; each of them is driven by one task: bytes go through `wire`'s machine, its
//! questions to this crate's session policy, a whole message to the rules and then to the store. What always holds: a 250 to DATA
//! is made from a [`gatepost_store::Receipt`] and nothing else, and one snapshot of the policy is held from MAIL to end of
//! data. Sockets come from `net`; nothing in here decides about a message.

mod catch;
mod connections;
mod driver;
mod intake;
mod login;
mod observe;
mod pace;
mod received;
mod receiver;
mod reply;
mod settings;
mod split;

pub use connections::Connections;
pub use login::{Authenticate, Login};
pub use observe::{Anomaly, Observe};
pub use receiver::{Lifetime, Receiver};
pub use reply::{EndOfData, Refusal};
pub use settings::{ListenerSettings, ListenerTls, ServerSettings, Timeouts};
