//! A resolver that a reload can exchange under those who use it.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use gatepost_net::dns::{LookupError, MxAnswer, Resolver};
use gatepost_wire::address::DomainName;

/// Passes every question on to the resolver of the moment.
pub(crate) struct Exchangeable {
    inner: ArcSwap<Arc<dyn Resolver>>,
}

impl Exchangeable {
    pub(crate) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { inner: ArcSwap::from_pointee(resolver) }
    }

    /// From now on questions go there; those being asked are answered where they were asked.
    pub(crate) fn exchange(&self, resolver: Arc<dyn Resolver>) {
        self.inner.store(Arc::new(resolver));
    }
}

#[async_trait]
impl Resolver for Exchangeable {
    async fn mx(&self, domain: &DomainName) -> Result<MxAnswer, LookupError> {
        let resolver = self.inner.load_full();
        resolver.mx(domain).await
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let resolver = self.inner.load_full();
        resolver.addresses(host).await
    }
}
