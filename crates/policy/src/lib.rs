//! Decisions over facts: Message Rules and TLS policy. Pure.
