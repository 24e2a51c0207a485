//! The gateway: configuration, composition, command line.
