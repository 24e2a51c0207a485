//! Conversations over real loopback sockets, with peers that behave and peers that do not.

#[cfg(test)]
mod dns;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod http;
#[cfg(test)]
mod listen;
#[cfg(test)]
mod login;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transaction;
