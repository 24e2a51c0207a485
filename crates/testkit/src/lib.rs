//! Fake peers for tests: DNS, MX, certificates. Never shipped.
