//! `POST /tls/probe`: what delivery to domains would do at each level, looked at now.
//!
//! Every entry that is sent gets its answer. What cannot be probed, and what a request has no time for, is a record
//! too, which is not ready and says so under `not_probed`. A request is bounded in time and in domains, and all requests
//! together in what they look at at once: one that is too many is refused at once and told when to come again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use gatepost_policy::diagnostic::suggest;
use gatepost_policy::document::{DataKind, PolicyDocument};
use gatepost_policy::rules::listed::{Listed, in_line};
use gatepost_policy::tls::Level;
use gatepost_wire::address::{AddressDomain, DomainName};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::body::Sent;
use crate::api::policy::held::held;
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(probe))
}

/// Domains that one request probes.
const MOST: usize = 1000;

/// Patterns of one request whose subdomains are looked for: each look reads all of history.
const PATTERNS: usize = 10;

/// Connections that all requests have at once.
const CONNECTIONS: u32 = 64;

/// Connections that one request has at once.
const WIDEST: u32 = 16;

/// Connections that a domain may keep busy: it has a few hosts.
const A_DOMAIN: u32 = 4;

/// When one who was refused may come again.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// Connections that requests share.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(CONNECTIONS).unwrap_or(1))))
    }
}

/// The connections of one request, until it is answered.
struct Turn {
    width: usize,
    _taken: OwnedSemaphorePermit,
}

impl Turns {
    /// A turn for so many domains.
    ///
    /// # Errors
    /// 503 with `Retry-After`, where too much is being probed.
    fn take(&self, domains: usize) -> Result<Turn, Problem> {
        let domains = u32::try_from(domains).unwrap_or(u32::MAX);
        let width = domains.saturating_mul(A_DOMAIN).clamp(1, WIDEST);
        let taken = Arc::clone(&self.0).try_acquire_many_owned(width);
        let taken = taken.map_err(|_| {
            Problem::busy("Others are probing and no more is probed at once.", COME_AGAIN)
        })?;
        Ok(Turn { width: usize::try_from(width).unwrap_or(1), _taken: taken })
    }
}

/// What is probed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Entries as in a list of domains: `partner.example`, an address in brackets, `.partner.example` for the
    /// subdomains that mail was sent to, `anna@partner.example` for its domain.
    domains: Option<Vec<String>>,
    /// The entries of a set of kind `domains`.
    rule_data: Option<String>,
    /// The level that domains have to be ready for; `require` where nothing is said.
    level: Option<String>,
}

/// Looks what delivery would do at each level, sending nothing, and keeps what was seen.
///
/// It takes two minutes at most. An entry that is no single domain, and a domain that there was no time for, has a
/// record with `ready: false` and `not_probed`: `subdomains`, `no_domain` or `time`; `detail` says it in words.
#[utoipa::path(post, path = "/tls/probe", tag = "tls", extensions(("x-capability" = json!("probe"))), request_body = Wish,
    responses((status = 200, body = Vec<Object>, description = "One record a domain, as `tls probe --json`, and one \
            for each entry that was not probed, with `not_probed`"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem, description = "Nothing can be probed, or too much is being probed: Retry-After")))]
async fn probe(
    State(api): State<Api>,
    Sent(wish): Sent<Wish>,
) -> Result<Json<Vec<Value>>, Problem> {
    let mut faults = Vec::new();
    let level = level(wish.level.as_deref(), &mut faults);
    let mut wanted = Entries::default();
    wanted.named(wish.domains.as_deref().unwrap_or_default(), &mut faults);
    if let Some(name) = &wish.rule_data {
        wanted.set(held(&api).await?.document(), name, &mut faults);
    }
    if faults.is_empty() && wanted.is_empty() {
        faults.push(Fault::new("", "There is no domain to probe.", "Send domains or rule_data."));
    }
    wanted.bounded(&mut faults);
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    wanted.look_for_subdomains(&api).await?;
    let Entries { domains, left, .. } = wanted;
    let mut records = look(&api, domains, level).await?;
    records.extend(left.iter().map(|one| one.record(&api, level)));
    Ok(Json(records))
}

/// Probes domains within the time of a request. Those that it was too short for are named behind the others.
async fn look(api: &Api, domains: Vec<AddressDomain>, level: Level) -> Result<Vec<Value>, Problem> {
    if domains.is_empty() {
        return Ok(Vec::new());
    }
    let turn = api.probing.take(domains.len())?;
    let keys: BTreeSet<String> = domains.iter().map(AddressDomain::key).collect();
    let (within, mut seen) = (api.outside.patience(), Vec::with_capacity(domains.len()));
    let ended = {
        let looking = api.outside.probe(domains, level, turn.width, &mut seen);
        tokio::time::timeout(within, looking).await
    };
    drop(turn);
    if let Ok(Err(why)) = &ended {
        return Err(Problem::unavailable(format!("Not all could be probed: {why}.")));
    }
    seen.sort_by(|a, b| a.domain.cmp(&b.domain));
    let done: BTreeSet<&str> = seen.iter().map(|one| one.domain.as_str()).collect();
    let late = keys.iter().filter(|key| !done.contains(key.as_str())).map(|key| Left {
        entry: key.clone(),
        word: "time",
        detail: format!(
            "Not probed: the {} seconds of this request were over. Ask again for it alone.",
            within.as_secs()
        ),
    });
    let late: Vec<Value> = late.map(|one| one.record(api, level)).collect();
    let mut records = Vec::with_capacity(keys.len());
    for one in seen {
        api.stores.probes.keep_probe(&one.domain, one.at, &one.record).await?;
        records.push(one.record);
    }
    records.extend(late);
    Ok(records)
}

fn level(word: Option<&str>, faults: &mut Vec<Fault>) -> Level {
    let word = word.unwrap_or("require");
    let found = Level::parse(word).filter(|level| level.is_built());
    found.unwrap_or_else(|| {
        let built = Level::ALL.iter().filter(|level| level.is_built()).map(|level| level.word());
        let built: Vec<&str> = built.collect();
        let detail = match Level::parse(word) {
            Some(_) => format!("The level {word:?} is not in this version."),
            None => format!("{word:?} is no level."),
        };
        faults.push(Fault::new("/level", detail, format!("Write one of {}.", built.join(", "))));
        Level::Require
    })
}

/// An entry that was not probed.
struct Left {
    entry: String,
    /// Why, as a word.
    word: &'static str,
    /// Why, for people.
    detail: String,
}

impl Left {
    /// Its record: the keys of one that was probed, and nothing known.
    fn record(&self, api: &Api, level: Level) -> Value {
        let Self { entry, word, detail } = self;
        json!({
            "domain": entry, "ready": false, "level": level, "levels": {}, "verdicts": {}, "via": null, "hosts": [],
            "why": null, "detail": detail, "at": api.clock.now(), "not_probed": word,
        })
    }
}

/// What a request asks about.
#[derive(Default)]
struct Entries {
    /// Each once.
    domains: Vec<AddressDomain>,
    known: BTreeSet<String>,
    /// Names whose subdomains are meant, each once.
    below: Vec<DomainName>,
    left: Vec<Left>,
    /// Where the last entry came from, as a pointer.
    source: &'static str,
}

impl Entries {
    fn is_empty(&self) -> bool {
        self.domains.is_empty() && self.below.is_empty() && self.left.is_empty()
    }

    fn add(&mut self, domain: AddressDomain) {
        if self.known.insert(domain.key()) {
            self.domains.push(domain);
        }
    }

    fn take(&mut self, text: &str, entry: Listed) {
        match entry {
            Listed::Domain(domain) => self.add(domain),
            Listed::Address(mailbox) => self.add(mailbox.domain().clone()),
            Listed::Below(parent) => {
                if self.known.insert(format!(".{parent}")) {
                    self.below.push(parent);
                }
            }
            Listed::Nobody => {
                if self.known.insert(text.to_owned()) {
                    let detail = "Not probed: this is the null sender and no domain.".to_owned();
                    self.left.push(Left { entry: text.to_owned(), word: "no_domain", detail });
                }
            }
        }
    }

    /// The entries that were sent.
    fn named(&mut self, domains: &[String], faults: &mut Vec<Fault>) {
        self.source = "/domains";
        for (at, text) in domains.iter().enumerate() {
            match Listed::parse(text.trim()) {
                Ok(entry) => self.take(text.trim(), entry),
                Err(remedy) => {
                    let detail = format!("{text:?} is no domain and no address.");
                    faults.push(Fault::new(format!("/domains/{at}"), detail, remedy));
                }
            }
        }
    }

    /// The entries of a set of the policy.
    fn set(&mut self, policy: &PolicyDocument, name: &str, faults: &mut Vec<Fault>) {
        self.source = "/rule_data";
        let sets = || policy.rule_data.iter().filter(|set| set.kind == DataKind::Domains);
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        let Some(set) = sets().find(|set| same(&set.name, name)) else {
            let names: Vec<&str> = sets().map(|set| set.name.as_str()).collect();
            let remedy = suggest(name, &names).map_or_else(
                || format!("Sets of kind domains are: {}.", names.join(", ")),
                |meant| format!("Did you mean {meant:?}?"),
            );
            let detail = format!("There is no set {name:?} of kind domains.");
            faults.push(Fault::new("/rule_data", detail, remedy));
            return;
        };
        for text in set.values.lines().map(in_line).filter(|text| !text.is_empty()) {
            match Listed::parse(text) {
                Ok(entry) => self.take(text, entry),
                // The policy would not have been taken with it; if it is there, it is told.
                Err(remedy) => self.left.push(Left {
                    entry: text.to_owned(),
                    word: "no_domain",
                    detail: format!("Not probed: this is no domain and no address. {remedy}"),
                }),
            }
        }
    }

    /// A fault, where these are more than one request probes.
    fn bounded(&self, faults: &mut Vec<Fault>) {
        let count = self.domains.len() + self.below.len() + self.left.len();
        if count > MOST {
            faults.push(Fault::new(
                self.source,
                format!("These are {count} entries; one request probes {MOST} at most."),
                "Send domains in parts, or use `gatepost tls probe`, which has no limit.",
            ));
        }
    }

    /// DNS does not list the subdomains of a domain. Those that mail was sent to are known, and probed.
    async fn look_for_subdomains(&mut self, api: &Api) -> Result<(), Problem> {
        for (at, parent) in std::mem::take(&mut self.below).into_iter().enumerate() {
            let means = "This means every subdomain, and DNS does not list them:";
            let detail = if at < PATTERNS {
                let found = api.stores.ledger.domains_below(parent.as_str()).await?;
                let room = MOST.saturating_sub(self.domains.len());
                let (all, probed) = (found.len(), found.len().min(room));
                for name in found.iter().take(room) {
                    if let Ok(domain) = AddressDomain::parse(name) {
                        self.add(domain);
                    }
                }
                match (all, probed) {
                    (0, _) => format!("{means} mail was sent to none so far, so none is probed."),
                    (1, 1) => format!("{means} the one that mail was sent to is probed."),
                    (all, probed) if all == probed => {
                        format!("{means} the {all} that mail was sent to are probed.")
                    }
                    (all, probed) => format!(
                        "{means} of the {all} that mail was sent to, {probed} are probed; one request probes \
                         {MOST} domains at most."
                    ),
                }
            } else {
                format!(
                    "{means} one request looks for those of {PATTERNS} entries at most. Ask again for it alone."
                )
            };
            self.left.push(Left { entry: format!(".{parent}"), word: "subdomains", detail });
        }
        Ok(())
    }
}
