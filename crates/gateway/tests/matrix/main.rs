//! The conformance matrix (`docs/conformance.md`): one test for each row, its id leading the test's name.
//!
//! Every row runs a whole gateway in this process, on sockets, against fake mail exchangers that misbehave as the row
//! says; and every row ends in `World::finish`, which checks the invariants I1 to I9 over what the hosts saw on the
//! wire and what the store says happened.

mod a_header;
mod b_try;
mod c_require;
mod client;
mod d_verify;
mod g_tls_policy;
mod gateway;
mod j_sessions;
mod k_parses;
mod k_queue;
mod k_reports;
mod l_protocol;
mod l_tls;
#[path = "../outside/gateway.rs"]
mod process;
mod reevaluate;
mod smart_host;
mod verdict;
mod world;
