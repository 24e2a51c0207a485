//! What an attempt has seen so far: each host that was tried, and for each
//! recipient what that host said. The evidence of the attempt is made from it.
//!
//! A recipient is settled by the first host that takes or refuses it for good;
//! until then the host that got furthest explains why it waits
//! (`tls-delivery.md` 5.4, point 8).

use gatepost_net::failure::Failure;
use gatepost_policy::evidence::{NoTls, Stage, TlsRecord, Try, Why};
use gatepost_wire::reply::Response;

/// What happened to one recipient at one host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    /// The host took the message for it.
    Accepted { reply: Quote },
    /// It answered 5xx: another host would not do better.
    Refused { stage: Stage, reply: Quote },
    /// It answered 4xx, or the conversation ended before it was settled.
    Waits { stage: Stage, why: Why, status: String, reply: Option<Quote> },
}

impl Said {
    /// A recipient that waits, with what the host said about it.
    pub(crate) fn waits(stage: Stage, why: Why, reply: Option<&Response>) -> Self {
        let reply = reply.map(Quote::of);
        let status = match &reply {
            Some(quote) if why == Why::RemoteReply => quote.status.clone(),
            Some(_) | None => why.status().to_owned(),
        };
        Self::Waits { stage, why, status: transient(&status), reply }
    }

    /// A host that takes mail under TLS alone says 530 in clear text (RFC 3207 section 4).
    /// That is about the session, which had no TLS because none worked; so it is no
    /// reason to give the message up.
    pub(crate) fn wait_for_tls(&mut self) {
        if let Self::Refused { stage, reply } = self
            && reply.text.starts_with("530")
        {
            let status = transient(&reply.status);
            let (stage, reply) = (*stage, Some(reply.clone()));
            *self = Self::Waits { stage, why: Why::RemoteReply, status, reply };
        }
    }

    /// A recipient that waits because of a failure.
    pub(crate) fn of(failure: &Failure) -> Self {
        let mut said = Self::waits(failure.stage, failure.why, failure.response.as_ref());
        if let Self::Waits { status, why, .. } = &mut said
            && *why != Why::RemoteReply
        {
            *status = transient(failure.status());
        }
        said
    }
}

/// The most characters of a detail: a peer has its share in what it says, and every
/// recipient's record holds it.
const MOST_DETAIL: usize = 500;

fn shortened(detail: String) -> String {
    if detail.chars().nth(MOST_DETAIL).is_none() {
        return detail;
    }
    detail.chars().take(MOST_DETAIL).chain(['…']).collect()
}

/// Whether trying the same host again cannot mend a cause. That a look-up found no
/// address is for good; what a host says about it later is not.
pub(crate) fn is_hopeless(stage: Stage, why: Why) -> bool {
    why.is_hopeless() && (why != Why::NoMx || stage == Stage::Dns)
}

/// The status of a recipient that is tried again is of class 4, also where a host
/// answered a greeting or EHLO with 5xx: that is about the host, not the message.
fn transient(status: &str) -> String {
    status.strip_prefix("5.").map_or_else(|| status.to_owned(), |rest| format!("4.{rest}"))
}

/// A remote's reply, as evidence keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Quote {
    /// Escaped, on one line.
    pub text: String,
    /// Its enhanced status code, or one made from the class of the reply.
    pub status: String,
}

impl Quote {
    pub(crate) fn of(response: &Response) -> Self {
        let status = response
            .enhanced
            .map_or_else(|| format!("{}.0.0", response.code / 100), |code| code.to_string());
        Self { text: response.text(), status }
    }
}

/// One host that was tried.
#[derive(Clone, Debug)]
pub(crate) struct HostTry {
    pub host: String,
    pub address: Option<String>,
    pub tls: Option<TlsRecord>,
    pub clear_because: Option<NoTls>,
    pub detail: Option<String>,
    /// Whether the host offers DSN, so that it reports success itself (RFC 3461).
    pub reports: bool,
    /// One for each recipient of the claim; `None` where this host was not asked
    /// about it, because an earlier one had settled it.
    pub said: Vec<Option<Said>>,
}

/// All hosts of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub tries: Vec<HostTry>,
    /// For each recipient: the index of the try that settled it.
    settled: Vec<Option<usize>>,
}

impl Trial {
    pub(crate) fn new(recipients: usize) -> Self {
        Self { tries: Vec::new(), settled: vec![None; recipients] }
    }

    /// The recipients that no host has settled yet.
    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.settled.len()).filter(|index| self.settled[*index].is_none()).collect()
    }

    /// Whether any host has taken or refused the message for somebody.
    pub(crate) fn has_settled(&self) -> bool {
        self.settled.iter().any(Option::is_some)
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.iter().all(Option::is_some)
    }

    /// Records a host that no message got as far as.
    pub(crate) fn failed(&mut self, host: &str, address: Option<String>, failure: Failure) {
        let said = Said::of(&failure);
        let detail = shortened(failure.detail);
        let said = self.settled.iter().map(|done| done.is_none().then(|| said.clone())).collect();
        self.tries.push(HostTry {
            host: host.to_owned(),
            address,
            tls: None,
            clear_because: None,
            detail: (!detail.is_empty()).then_some(detail),
            reports: false,
            said,
        });
    }

    /// Records a host that was spoken to about the message.
    pub(crate) fn conversed(&mut self, mut host: HostTry) {
        host.detail = host.detail.map(shortened);
        let index = self.tries.len();
        for (done, said) in self.settled.iter_mut().zip(&host.said) {
            let settles = match said {
                Some(Said::Accepted { .. } | Said::Refused { .. }) => true,
                Some(Said::Waits { .. }) | None => false,
            };
            if settles && done.is_none() {
                *done = Some(index);
            }
        }
        self.tries.push(host);
    }

    /// The try that decides for a recipient, and what it said; `None` where no
    /// host was tried at all.
    pub(crate) fn deciding(&self, recipient: usize) -> Option<(&HostTry, &Said)> {
        if let Some(index) = self.settled.get(recipient).copied().flatten() {
            let host = &self.tries[index];
            return Some((host, host.said.get(recipient)?.as_ref()?));
        }
        // A fault of this gateway is not hidden behind some host's trouble, and of two
        // hosts that got equally far the one that may do better explains the wait.
        let mut best: Option<(&HostTry, &Said, (bool, Stage, bool))> = None;
        for host in &self.tries {
            if let Some(Some(said @ Said::Waits { stage, why, .. })) = host.said.get(recipient) {
                let rank = (why.is_ours(), *stage, !is_hopeless(*stage, *why));
                if best.is_none_or(|(_, _, highest)| rank > highest) {
                    best = Some((host, said, rank));
                }
            }
        }
        best.map(|(host, said, _)| (host, said))
    }

    /// Recipients that a host without DSN took.
    pub(crate) fn relayed(&self) -> Vec<usize> {
        let took = |index: &usize| match self.deciding(*index) {
            Some((host, Said::Accepted { .. })) => !host.reports,
            Some((_, Said::Refused { .. } | Said::Waits { .. })) | None => false,
        };
        (0..self.settled.len()).filter(took).collect()
    }

    /// The line of evidence for every host that was asked about a recipient.
    pub(crate) fn lines(&self, recipient: usize) -> Vec<Try> {
        self.tries
            .iter()
            .filter_map(|host| {
                let said = host.said.get(recipient)?.as_ref()?;
                let (stage, why, reply) = match said {
                    Said::Accepted { reply } => (Stage::Data, None, Some(reply)),
                    Said::Refused { stage, reply } => (*stage, Some(Why::RemoteReply), Some(reply)),
                    Said::Waits { stage, why, reply, status: _ } => {
                        (*stage, Some(*why), reply.as_ref())
                    }
                };
                Some(Try {
                    host: host.host.clone(),
                    address: host.address.clone(),
                    tls: host.tls.clone(),
                    clear_because: host.clear_because,
                    stage,
                    why,
                    reply: reply.map(|quote| quote.text.clone()),
                    detail: host.detail.clone(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(stage: Stage, why: Why) -> Failure {
        Failure { stage, why, response: None, detail: String::new() }
    }

    #[test]
    fn the_host_that_got_furthest_explains_and_ties_go_to_the_first() {
        let mut trial = Trial::new(1);
        trial.failed("mx1", None, failure(Stage::Connect, Why::ConnectRefused));
        trial.failed("mx2", None, failure(Stage::Tls, Why::TlsAlert));
        trial.failed("mx3", None, failure(Stage::Ehlo, Why::StartTlsNotOffered));
        trial.failed("mx4", None, failure(Stage::Tls, Why::TlsClosed));
        let (host, _) = trial.deciding(0).unwrap();
        assert_eq!(host.host, "mx2");
        assert_eq!(trial.lines(0).len(), 4);
    }

    #[test]
    fn a_fault_of_this_gateway_is_not_hidden_behind_a_hosts_trouble() {
        let mut trial = Trial::new(1);
        trial.failed("mx1", None, failure(Stage::Plan, Why::PolicyBroken));
        trial.failed("mx2", None, failure(Stage::Tls, Why::TlsAlert));
        assert_eq!(trial.deciding(0).unwrap().0.host, "mx1");
        trial.failed("mx3", None, failure(Stage::Plan, Why::GuardTripped));
        assert_eq!(trial.deciding(0).unwrap().0.host, "mx1", "ties go to the first");
    }

    #[test]
    fn a_recipient_that_one_host_settled_is_not_asked_about_again() {
        let mut trial = Trial::new(2);
        let reply = Quote { text: "250 ok".into(), status: "2.0.0".into() };
        let waits = Said::waits(Stage::Rcpt, Why::RemoteReply, None);
        trial.conversed(HostTry {
            host: "mx1".into(),
            address: None,
            tls: None,
            clear_because: Some(NoTls::NotOffered),
            detail: None,
            reports: false,
            said: vec![Some(Said::Accepted { reply }), Some(waits)],
        });
        assert_eq!(trial.open(), [1]);
        trial.failed("mx2", None, failure(Stage::Connect, Why::ConnectRefused));
        assert_eq!(trial.lines(0).len(), 1);
        assert_eq!(trial.lines(1).len(), 2);
        assert_eq!(trial.deciding(1).unwrap().0.host, "mx1");
    }
}
