//! Bytes and their meaning: SMTP commands, replies, bodies, addresses, header fields. Pure.
//!
//! Everything in here is handed bytes and gives back values: no socket, no file, no clock, no global. All input is taken to be
//! hostile, so indexing, unchecked arithmetic and panics are compile errors in the whole crate. What a value of this crate holds is fit for
//! the place it is meant for: an address for a command, a field for a message, a text for a log line.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::expect_used
    )
)]

pub mod address;
pub mod auth;
pub mod body;
pub mod buffer;
pub mod command;
pub mod ehlo;
pub mod escape;
pub mod fuzz;
pub mod message;
pub mod preview;
pub mod reply;
pub mod secret;
pub mod server;
mod text;
pub mod timestamp;
