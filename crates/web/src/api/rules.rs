//! Message Rules, one by one: each has an id that stays when it is renamed, a place, counts and findings.
//!
//! A rule is sent with the keys of the policy file. What GET gives can be sent back as it is: what only we can know
//! (`id`, `hits`, `findings`) is left aside, and `position` moves the rule.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use gatepost_policy::document::{
    ActionEntry, At, ConditionEntry, FinalAction, PolicyDocument, RuleEntry, SystemEntry,
};
use gatepost_store::{Hits, Ids, Named, Renamed};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::body::Sent;
use super::caller::Caller;
use super::page::{Asked, Page, PageQuery, cursor};
use super::policy::held::{Change, Done, Held, commit, rule_id, with_ids};
use super::policy::shapes::{
    Action, Because, Condition, FindingShape, HitsShape, RuleEntry as RuleDraft, Written,
};
use super::policy::{self, created, plain, written};
use super::precondition::{IfMatch, etag};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(reorder))
        .routes(routes!(show, replace, remove))
}

/// A Message Rule.
#[derive(Debug, Serialize, ToSchema)]
struct RuleShape {
    /// Its id; of a System Rule its word.
    id: String,
    /// Its place, from 1: 1 is tried first.
    position: usize,
    /// The word of a System Rule; `null` for any other.
    system: Option<&'static str>,
    /// Its name.
    name: String,
    /// What is to be known about it.
    note: Option<String>,
    /// Whether it is tried.
    active: bool,
    /// Evaluated and recorded, changing nothing.
    shadow: bool,
    /// All of them must hold.
    #[schema(value_type = Vec<Condition>)]
    conditions: Vec<ConditionEntry>,
    /// What is done.
    #[schema(value_type = Vec<Action>)]
    actions: Vec<ActionEntry>,
    /// How the walk ends, or `none`.
    #[schema(value_type = String, example = "none")]
    final_action: FinalAction,
    /// What the sender is told, with `reject`.
    reply: Option<String>,
    /// How often it matched, counted by recipients.
    hits: HitsShape,
    /// What lint found about it.
    findings: Vec<FindingShape>,
}

/// What GET shows of the rules.
struct Book {
    held: std::sync::Arc<Held>,
    ids: Ids,
    hits: HashMap<String, Hits>,
}

async fn book(api: &Api) -> Result<Book, Problem> {
    let (held, ids) = with_ids(api).await?;
    let hits = api.stores.rulebook.hits(api.clock.now()).await?;
    Ok(Book { held, ids, hits })
}

impl Book {
    fn rule(&self, at: usize) -> Option<RuleShape> {
        let entry = self.held.document().rules.get(at)?;
        let id = rule_id(entry, &self.ids)?;
        let hits = self.hits.get(&id).copied().unwrap_or_default().into();
        let position = at + 1;
        let name = match entry {
            RuleEntry::System(entry) => entry.system.name(),
            RuleEntry::Custom(rule) => rule.name.trim(),
        };
        let about = self.held.findings.iter().filter(|f| f.rule.as_deref() == Some(name));
        let findings = about.map(FindingShape::from).collect();
        Some(match entry {
            RuleEntry::System(SystemEntry { system, active }) => {
                let (conditions, actions, final_action) =
                    self.held.snapshot.rules.system(*system).unwrap_or_default();
                RuleShape {
                    id,
                    position,
                    system: Some(system.word()),
                    name: name.to_owned(),
                    note: None,
                    active: *active,
                    shadow: false,
                    conditions,
                    actions,
                    final_action,
                    reply: None,
                    hits,
                    findings,
                }
            }
            RuleEntry::Custom(rule) => {
                let rule = rule.as_ref().clone();
                RuleShape {
                    id,
                    position,
                    system: None,
                    name: rule.name,
                    note: rule.note,
                    active: rule.active,
                    shadow: rule.shadow,
                    conditions: rule.conditions,
                    actions: rule.actions,
                    final_action: rule.final_action,
                    reply: rule.reply,
                    hits,
                    findings,
                }
            }
        })
    }

    /// The place of a rule by its id.
    fn find(&self, id: &str) -> Result<usize, Problem> {
        place(self.held.document(), &self.ids, id)
    }
}

fn place(document: &PolicyDocument, ids: &Ids, id: &str) -> Result<usize, Problem> {
    let is_it =
        |rule: &RuleEntry| rule_id(rule, ids).is_some_and(|found| found.eq_ignore_ascii_case(id));
    let at = document.rules.iter().position(is_it);
    at.ok_or_else(|| Problem::not_found("Message Rule with this id"))
}

/// Every rule, in the order in which they are tried.
#[utoipa::path(get, path = "/rules", tag = "rules", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<RuleShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn list(State(api): State<Api>, Asked(page): Asked<PageQuery>) -> Result<Response, Problem> {
    let (limit, from) = (page.limit()?, page.from::<usize>()?.unwrap_or(0));
    let book = book(&api).await?;
    let count = book.held.document().rules.len();
    let end = from.saturating_add(limit).min(count);
    let items = (from..end).filter_map(|at| book.rule(at)).collect();
    let next = (end < count).then(|| cursor(&end)).flatten();
    let page: Page<RuleShape> = Page { items, next, total: u64::try_from(count).ok() };
    Ok((etag(book.held.revision()), Json(page)).into_response())
}

/// A rule.
#[utoipa::path(get, path = "/rules/{id}", tag = "rules", extensions(("x-capability" = json!("signed-in"))),
    params(("id" = String, Path, description = "The rule; of a System Rule its word")),
    responses((status = 200, body = RuleShape), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let book = book(&api).await?;
    let rule = book.rule(book.find(&id)?);
    Ok((etag(book.held.revision()), Json(rule)).into_response())
}

/// The rule at a place of the policy that a change made.
async fn shown(api: &Api, done: &Done, at: usize) -> Result<Option<RuleShape>, Problem> {
    let ids = api.stores.rulebook.ids().await?;
    let hits = api.stores.rulebook.hits(api.clock.now()).await?;
    Ok(Book { held: std::sync::Arc::clone(&done.held), ids, hits }.rule(at))
}

/// Keys of a rule that only we can know.
const OURS: &[&str] = &["id", "hits", "findings"];

/// What was sent, without what only we can know, and the place where the rule shall stand, from zero.
fn sent(json: Value, places: usize) -> Result<(Value, Option<usize>), Problem> {
    let Value::Object(mut keys) = json else { return Ok((json, None)) };
    for key in OURS {
        keys.remove(*key);
    }
    let position = match keys.remove("position") {
        None | Some(Value::Null) => None,
        Some(position) => {
            let place = position.as_u64().and_then(|position| usize::try_from(position).ok());
            let place = place.filter(|place| (1..=places).contains(place));
            let wrong = || Problem::invalid_at("/position", format!("A place is 1 to {places}."));
            Some(place.ok_or_else(wrong)? - 1)
        }
    };
    Ok((Value::Object(keys), position))
}

/// Where a rule goes that says nothing: above the System Rules, so that it acts.
fn usual_place(document: &PolicyDocument) -> usize {
    let system = |rule: &RuleEntry| matches!(rule, RuleEntry::System(_));
    document.rules.iter().position(system).unwrap_or(document.rules.len())
}

/// A name that another rule has, as a fault.
fn taken(document: &PolicyDocument, but: Option<usize>, json: &Value) -> Vec<Fault> {
    let Some(name) = json.get("name").and_then(Value::as_str) else { return vec![] };
    let same = |(at, rule): (usize, &RuleEntry)| {
        let other = match rule {
            RuleEntry::System(entry) => entry.system.name(),
            RuleEntry::Custom(rule) => rule.name.as_str(),
        };
        but != Some(at) && other.trim().to_lowercase() == name.trim().to_lowercase()
    };
    if !document.rules.iter().enumerate().any(same) {
        return vec![];
    }
    vec![Fault::new(
        "/name",
        format!("There is another rule of the name {name:?}; case does not count."),
        "Give this one another name.",
    )]
}

/// Makes a rule. It stands above the System Rules unless `position` says where.
#[utoipa::path(post, path = "/rules", tag = "rules", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = RuleDraft,
    responses((status = 201, body = RuleShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let (held, _) = with_ids(&api).await?;
    let document = held.document().clone();
    let (mut json, position) = sent(json, document.rules.len().saturating_add(1))?;
    if json.get("system").is_some_and(|system| !system.is_null()) {
        return Err(Problem::invalid_at("/system", "System Rules are there already."));
    }
    if let Value::Object(keys) = &mut json {
        keys.remove("system");
    }
    let at = position.unwrap_or_else(|| usual_place(&document));
    let faults = taken(&document, None, &json);
    let edited = document.put_rule(At::Insert(at), json);
    let change = Change { faults, ..Change::new(edited, format!("/rule/{at}")) };
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    let rule = shown(&api, &done, at).await?;
    let id = rule.as_ref().map_or_else(String::new, |rule| rule.id.clone());
    Ok(created(&done, format!("/api/v1/rules/{id}"), &rule))
}

/// Replaces a rule; keys that are left out are as in a new one. Of a System Rule, `active` and nothing else changes.
#[utoipa::path(put, path = "/rules/{id}", tag = "rules", extensions(("x-capability" = json!("edit_policy"))),
    params(("id" = String, Path, description = "The rule; of a System Rule its word"), Because,
        ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = RuleDraft,
    responses((status = 200, body = RuleShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn replace(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Path(id): Path<String>,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let (held, ids) = with_ids(&api).await?;
    let mut document = held.document().clone();
    let was = place(&document, &ids, &id)?;
    let (mut json, position) = sent(json, document.rules.len())?;
    let old = document.rules.remove(was);
    let at = position.unwrap_or(was);
    document.rules.insert(at, old.clone());
    let (mut faults, mut renamed) = (vec![], vec![]);
    match &old {
        RuleEntry::System(entry) => {
            let book = Book { held, ids, hits: HashMap::new() };
            (json, faults) = switched(*entry, json, book.rule(was));
        }
        RuleEntry::Custom(rule) => {
            if let Value::Object(keys) = &mut json {
                // As GET gives it.
                keys.retain(|key, value| key != "system" || !value.is_null());
            }
            if json.get("system").is_some() {
                return Err(Problem::invalid_at("/system", "This rule is no System Rule."));
            }
            faults.extend(taken(&document, Some(at), &json));
            if let Some(to) = json.get("name").and_then(Value::as_str) {
                let (from, to) = (rule.name.clone(), to.to_owned());
                renamed.push(Renamed { what: Named::Rule, from, to });
            }
        }
    }
    let edited = document.put_rule(At::Replace(at), json);
    let part = format!("/rule/{at}");
    let change = Change { renamed, faults, ..Change::new(edited, part) };
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    let rule = shown(&api, &done, at).await?;
    Ok((etag(done.revision), Json(rule)).into_response())
}

/// A System Rule as the policy writes it, from one as GET gives it. What differs from that and is not `active` is a
/// fault: it would be taken and then ignored.
fn switched(entry: SystemEntry, json: Value, shown: Option<RuleShape>) -> (Value, Vec<Fault>) {
    let Value::Object(keys) = json else { return (json, vec![]) };
    let shown = serde_json::to_value(shown).unwrap_or_default();
    let mut written = Map::new();
    written.insert("system".to_owned(), entry.system.word().into());
    let mut faults = vec![];
    for (key, value) in keys {
        if key == "active" {
            written.insert(key, value);
        } else if shown.get(&key) != Some(&value) {
            let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            faults.push(Fault::new(
                pointer,
                format!("{} is a System Rule.", entry.system.name()),
                "It can be switched off with `active`, and nothing else of it changes.",
            ));
        }
    }
    (Value::Object(written), faults)
}

/// Deletes a rule. A System Rule stays; it can be switched off.
#[utoipa::path(delete, path = "/rules/{id}", tag = "rules", extensions(("x-capability" = json!("edit_policy"))),
    params(("id" = String, Path, description = "The rule"), Because,
        ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Path(id): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<Response, Problem> {
    let (held, ids) = with_ids(&api).await?;
    let mut document = held.document().clone();
    let at = place(&document, &ids, &id)?;
    if let RuleEntry::System(entry) = document.rules.remove(at) {
        return Err(Problem::conflict(format!(
            "{} is a System Rule: it cannot be deleted, and can be switched off.",
            entry.system.name()
        )));
    }
    policy::remove(&api, &caller, base, &because, document).await
}

/// An order of the rules.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    /// The id of every rule, the first is tried first. System Rules keep their order among themselves.
    order: Vec<String>,
}

/// Puts all rules into an order.
#[utoipa::path(put, path = "/rules/order", tag = "rules", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = Order,
    responses((status = 200, body = Written), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn reorder(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    Sent(Order { order }): Sent<Order>,
) -> Result<Response, Problem> {
    let (held, ids) = with_ids(&api).await?;
    let mut document = held.document().clone();
    let mut left: HashMap<String, RuleEntry> = HashMap::new();
    for rule in std::mem::take(&mut document.rules) {
        if let Some(id) = rule_id(&rule, &ids) {
            left.insert(id.to_ascii_lowercase(), rule);
        }
    }
    let mut faults = vec![];
    let mut seen = std::collections::HashSet::new();
    for (at, id) in order.iter().enumerate() {
        let id = id.to_ascii_lowercase();
        let pointer = format!("/order/{at}");
        match left.remove(&id) {
            Some(rule) => document.rules.push(rule),
            None if seen.contains(&id) => {
                faults.push(Fault::new(pointer, "This rule is named twice.", ""));
            }
            None => faults.push(Fault::new(pointer, "There is no rule with this id.", "")),
        }
        seen.insert(id);
    }
    let mut missing: Vec<String> = left.into_values().map(|rule| name(&rule)).collect();
    missing.sort();
    for name in missing {
        let text = format!("The rule {name:?} is missing.");
        faults.push(Fault::new("/order", text, "Name every rule, System Rules too."));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let change = Change { sent_at: "/order", ..Change::new(plain(document), "/rule") };
    Ok(written(&commit(&api, &caller, base, because.reason.as_deref(), change).await?))
}

fn name(rule: &RuleEntry) -> String {
    match rule {
        RuleEntry::System(entry) => entry.system.name().to_owned(),
        RuleEntry::Custom(rule) => rule.name.clone(),
    }
}
