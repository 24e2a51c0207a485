//! Real mail servers on both sides of a running gateway: Postfix, Exim and OpenSMTPD.

#[path = "../outside"]
mod outside {
    pub(crate) mod gateway;
    pub(crate) mod neighbour;
    pub(crate) mod peers;
    pub(crate) mod sink;
    pub(crate) mod talk;
}

mod injection;
mod remote;
mod senders;
mod world;
