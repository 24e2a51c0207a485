//! The only sockets: connections, TLS, DNS.
