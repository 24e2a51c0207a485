//! The API with a real store behind it: who may what, and the ways in.

pub(crate) mod world;

mod access;
mod bounded;
mod evidence;
mod kept;
mod policy;
mod rules;
mod table;
