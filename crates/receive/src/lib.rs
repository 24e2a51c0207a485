//! SMTP in: drives sessions, gathers facts, hands messages to the store.
