//! Fake peers for Gatepost's tests: mail exchangers, DNS, certificates. Never shipped.
//!
//! Everything here is on loopback, on addresses and ports of its own, and ends when the value that stands for it is
//! dropped. A fake peer is a struct whose default behaves well, so a test names only what is wrong with it:
//! `FakeMx { cert: Cert::WrongName, ..FakeMx::default() }`. What a peer saw is kept as records, and
//! [`invariants`] checks every record against what the store says happened (I1 to I9 of `docs/conformance.md`).

pub mod ca;
pub mod dns;
pub mod invariants;
pub mod loopback;
pub mod mx;
pub mod peer;

pub use ca::{Cert, TestCa};
pub use dns::{DnsServer, FakeDns, Status};
pub use loopback::Net;
pub use mx::record::{Channel, Connection, Line, Login, Offered, Received, TlsSeen};
pub use mx::running::RunningMx;
pub use mx::{After220, Answer, Banner, Begins, Ehlo, FakeMx, HangUp, Idle, StartTls, Versions};
pub use peer::{WeakPeer, Weakness};
