//! The gateway: configuration, composition, command line.
//!
//! This crate is the one place that knows all the others, so that nothing else has to. [`config`] reads
//! `gatepost.toml`, [`serve`] puts the parts together and stops them in order, [`cli`] is what a person types, and
//! [`demo`] tells the guide's story on loopback.

pub mod cli;
pub mod config;
pub mod demo;
mod logs;
mod metrics;
mod reevaluate;
pub mod serve;
mod supervise;
