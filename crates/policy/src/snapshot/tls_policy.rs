//! `[[tls_policy]]`, judged and made ready to be asked.

use super::STRICTEST;
use crate::{
    diagnostic::{Diagnostic, quote},
    document::{PolicyDocument, Spans, TlsPolicyEntry},
    domain_patterns::Pattern,
    tls::TlsPolicies,
};

/// Compiles the entries, and notes all that is wrong with them.
pub(super) fn compile(
    document: &PolicyDocument,
    spans: &Spans,
    problems: &mut Vec<Diagnostic>,
) -> TlsPolicies {
    let mut policies = TlsPolicies::default();
    for (at, entry) in document.tls_policies.iter().enumerate() {
        let TlsPolicyEntry { domains, level, until } = entry;
        let path = spans.item("tls_policy", at);
        let mut refuse = |key: String, problem: String, remedy: &str| {
            problems.push(spans.problem(&format!("{path}.{key}"), problem, remedy.to_owned()));
        };
        if !level.is_built() {
            let problem = format!("The level \"{level}\" is not in this version.");
            refuse("level".to_owned(), problem, STRICTEST);
        }
        if domains.is_empty() {
            let remedy = "Name the domains, [\"*\"] for all, or take the entry out.";
            refuse("domains".to_owned(), "The policy holds for no domain.".to_owned(), remedy);
        }
        let mut read = Vec::with_capacity(domains.len());
        for (at, written) in domains.iter().enumerate() {
            match Pattern::parse(written) {
                Ok(pattern) => read.push((pattern, written.clone())),
                Err(remedy) => {
                    let problem = format!("{} is no domain.", quote(written));
                    refuse(format!("domains[{at}]"), problem, remedy);
                }
            }
        }
        policies.add(*level, *until, read);
    }
    policies
}
