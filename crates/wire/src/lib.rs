//! Bytes and their meaning: SMTP commands, replies, bodies, addresses, header fields. Pure.
