//! Custom Rule Data, one set by one, and the preview of a text that shall become one.
//!
//! A set that is renamed is renamed in the rules that use it; one that is in use is not deleted.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use gatepost_policy::document::{At, DataKind, PolicyDocument, RuleDataEntry, RuleEntry, Values};
use gatepost_policy::rules::preview::{self, preview};
use gatepost_store::{Ids, Named, Renamed};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Caller;
use super::page::{Asked, Page, PageQuery, cursor};
use super::policy::body::{self, Long};
use super::policy::held::{Change, Done, commit, heavy, with_ids};
use super::policy::shapes::{Because, RuleDataEntry as SetDraft};
use super::policy::{self, created, unknown};
use super::precondition::{IfMatch, etag};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(look))
        .routes(routes!(show, replace, remove))
        .layer(body::limit())
}

/// A set of Custom Rule Data.
#[derive(Debug, Serialize, ToSchema)]
struct SetShape {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What is to be known about it.
    note: Option<String>,
    /// What its values are.
    kind: &'static str,
    /// Its values, one a line; `null` in a list of sets.
    values: Option<String>,
    /// How many lines hold something.
    count: usize,
    /// The rules that use it.
    used_by: Vec<String>,
}

/// The rules that use each set, by the set's name in lower case.
fn users(document: &PolicyDocument) -> HashMap<String, Vec<String>> {
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    for rule in &document.rules {
        let RuleEntry::Custom(rule) = rule else { continue };
        for name in rule.conditions.iter().filter_map(|condition| condition.rule_data.as_deref()) {
            let of_it = users.entry(key(name)).or_default();
            if !of_it.contains(&rule.name) {
                of_it.push(rule.name.clone());
            }
        }
    }
    users
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

fn shape(entry: &RuleDataEntry, ids: &Ids, used_by: Vec<String>, whole: bool) -> Option<SetShape> {
    let RuleDataEntry { name, note, kind, values } = entry;
    let text = || match values {
        Values::Lines(text) => text.clone(),
        Values::List(list) => list.join("\n"),
    };
    Some(SetShape {
        id: ids.of(Named::RuleData, name)?.to_string(),
        name: name.clone(),
        note: note.clone(),
        kind: kind.word(),
        values: whole.then(text),
        count: values.lines().filter(|line| holds(*kind, line)).count(),
        used_by,
    })
}

/// Whether a line holds a value, going by its form.
fn holds(kind: DataKind, line: &str) -> bool {
    let line = line.trim();
    let comment = matches!(kind, DataKind::Domains | DataKind::Networks) && line.starts_with('#');
    !line.is_empty() && !comment
}

/// Every set, without its values.
#[utoipa::path(get, path = "/rule-data", tag = "rule-data", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<SetShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn list(State(api): State<Api>, Asked(page): Asked<PageQuery>) -> Result<Response, Problem> {
    let (limit, from) = (page.limit()?, page.from::<usize>()?.unwrap_or(0));
    let (held, ids) = with_ids(&api).await?;
    let revision = held.revision();
    let work = move || {
        let sets = &held.document().rule_data;
        let mut users = users(held.document());
        let end = from.saturating_add(limit).min(sets.len());
        let items = sets.get(from..end).unwrap_or_default().iter().filter_map(|entry| {
            let used_by = users.remove(&key(&entry.name)).unwrap_or_default();
            shape(entry, &ids, used_by, false)
        });
        let items: Vec<SetShape> = items.collect();
        let next = (end < sets.len()).then(|| cursor(&end)).flatten();
        Page { items, next, total: u64::try_from(sets.len()).ok() }
    };
    Ok((etag(revision), Json(heavy(&api, work).await?)).into_response())
}

/// A set with its values.
#[utoipa::path(get, path = "/rule-data/{id}", tag = "rule-data", extensions(("x-capability" = json!("signed-in"))),
    params(("id" = String, Path, description = "The set")),
    responses((status = 200, body = SetShape), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let (held, ids) = with_ids(&api).await?;
    let at = place(held.document(), &ids, &id)?;
    let revision = held.revision();
    let work = move || one(held.document(), &ids, at);
    Ok((etag(revision), Json(heavy(&api, work).await?)).into_response())
}

fn one(document: &PolicyDocument, ids: &Ids, at: usize) -> Option<SetShape> {
    let entry = document.rule_data.get(at)?;
    let used_by = users(document).remove(&key(&entry.name)).unwrap_or_default();
    shape(entry, ids, used_by, true)
}

fn place(document: &PolicyDocument, ids: &Ids, id: &str) -> Result<usize, Problem> {
    let is_it = |set: &RuleDataEntry| {
        let found = ids.of(Named::RuleData, &set.name);
        found.is_some_and(|found| found.to_string().eq_ignore_ascii_case(id))
    };
    let at = document.rule_data.iter().position(is_it);
    at.ok_or_else(|| Problem::not_found("set of Rule Data with this id"))
}

/// Keys of a set that only we can know.
const OURS: &[&str] = &["id", "count", "used_by"];

/// What was sent, without what only we can know.
fn sent(long: &Long) -> Result<Value, Problem> {
    let mut json = long.json()?;
    if let Value::Object(keys) = &mut json {
        keys.retain(|key, _| !OURS.contains(&key.as_str()));
    }
    Ok(json)
}

fn taken(document: &PolicyDocument, but: Option<usize>, json: &Value) -> Vec<Fault> {
    let Some(name) = json.get("name").and_then(Value::as_str) else { return vec![] };
    let mut sets = document.rule_data.iter().enumerate();
    if !sets.any(|(at, set)| but != Some(at) && key(&set.name) == key(name)) {
        return vec![];
    }
    let text = format!("There is another set of the name {name:?}; case does not count.");
    vec![Fault::new("/name", text, "Give this one another name.")]
}

/// Makes a set.
#[utoipa::path(post, path = "/rule-data", tag = "rule-data", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = SetDraft,
    responses((status = 201, body = SetShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    long: Long,
) -> Result<Response, Problem> {
    let (held, _) = with_ids(&api).await?;
    let at = held.document().rule_data.len();
    let change = heavy(&api, move || {
        let json = sent(&long)?;
        let faults = taken(held.document(), None, &json);
        let edited = held.document().clone().put_rule_data(At::Insert(at), json);
        Ok::<_, Problem>(Change { faults, ..Change::new(edited, format!("/rule_data/{at}")) })
    });
    let change = change.await??;
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    let set = shown(&api, &done, at).await?;
    let id = set.as_ref().map_or_else(String::new, |set| set.id.clone());
    Ok(created(&done, format!("/api/v1/rule-data/{id}"), &set))
}

async fn shown(api: &Api, done: &Done, at: usize) -> Result<Option<SetShape>, Problem> {
    let ids = api.stores.rulebook.ids().await?;
    let held = std::sync::Arc::clone(&done.held);
    heavy(api, move || one(held.document(), &ids, at)).await
}

/// Replaces a set. Another name is taken over into the rules that use it.
#[utoipa::path(put, path = "/rule-data/{id}", tag = "rule-data", extensions(("x-capability" = json!("edit_policy"))),
    params(("id" = String, Path, description = "The set"), Because,
        ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = SetDraft,
    responses((status = 200, body = SetShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn replace(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Path(id): Path<String>,
    Asked(because): Asked<Because>,
    long: Long,
) -> Result<Response, Problem> {
    let (held, ids) = with_ids(&api).await?;
    let at = place(held.document(), &ids, &id)?;
    let change = heavy(&api, move || {
        let json = sent(&long)?;
        let faults = taken(held.document(), Some(at), &json);
        let mut document = held.document().clone();
        let from = document.rule_data.get(at).map_or_else(String::new, |set| set.name.clone());
        let to = json.get("name").and_then(Value::as_str).map(str::to_owned);
        let renamed: Vec<Renamed> = to
            .map(|to| Renamed { what: Named::RuleData, from, to })
            .filter(|renamed| renamed.from != renamed.to)
            .into_iter()
            .collect();
        renamed.iter().for_each(|renamed| follow(&mut document, renamed));
        let edited = document.put_rule_data(At::Replace(at), json);
        let part = format!("/rule_data/{at}");
        Ok::<_, Problem>(Change { faults, renamed, ..Change::new(edited, part) })
    });
    let change = change.await??;
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    let set = shown(&api, &done, at).await?;
    Ok((etag(done.revision), Json(set)).into_response())
}

/// Rules name a set by its new name.
fn follow(document: &mut PolicyDocument, renamed: &Renamed) {
    for rule in &mut document.rules {
        let RuleEntry::Custom(rule) = rule else { continue };
        for condition in &mut rule.conditions {
            if let Some(name) = &mut condition.rule_data
                && key(name) == key(&renamed.from)
            {
                name.clone_from(&renamed.to);
            }
        }
    }
}

/// Deletes a set that no rule uses.
#[utoipa::path(delete, path = "/rule-data/{id}", tag = "rule-data",
    extensions(("x-capability" = json!("edit_policy"))),
    params(("id" = String, Path, description = "The set"), Because,
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
    let set = document.rule_data.remove(at);
    if let Some(rules) = users(&document).remove(&key(&set.name)) {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{rule:?}")).collect();
        return Err(Problem::conflict(format!(
            "The set {:?} is in use: by {}. Take it out of the rule first.",
            set.name,
            rules.join(", ")
        )));
    }
    policy::remove(&api, &caller, base, &because, document).await
}

/// A text that shall become the values of a set.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes JSON that is read by hand, for a text may be long")]
struct Text {
    /// What its values would be: `domains`, `text`, `regex` or `networks`.
    #[schema(example = "domains")]
    kind: String,
    /// One value a line.
    text: String,
}

/// What a text comes to.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    /// How many different values there are.
    count: usize,
    /// The values: all where they are a thousand at most, else the first thousand that are compared in another form
    /// than the one they are written in.
    #[schema(value_type = Vec<PreviewEntry>)]
    entries: Vec<preview::Entry>,
    /// Values that are there already; the first thousand.
    #[schema(value_type = Vec<PreviewDuplicate>)]
    duplicates: Vec<preview::Duplicate>,
    /// Lines that are no values; the first thousand.
    #[schema(value_type = Vec<PreviewFault>)]
    errors: Vec<preview::Fault>,
    /// Values that are allowed and hardly meant; the first thousand.
    #[schema(value_type = Vec<PreviewWarning>)]
    warnings: Vec<preview::Warning>,
    /// How many of each are not named.
    #[schema(value_type = PreviewMore)]
    more: preview::More,
}

/// Declares a shape that is described and never made.
macro_rules! shape {
    ($(#[$outer:meta])* $name:ident { $($field:ident: $kind:ty,)* }) => {
        $(#[$outer])*
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "describes JSON that another crate writes")]
        struct $name { $($field: $kind,)* }
    };
}

shape! {
    /// A value as it is written and as it is compared.
    PreviewEntry { line: usize, text: String, normalized: String, }
}
shape! {
    /// A value that is there already.
    PreviewDuplicate { line: usize, first_line: usize, value: String, }
}
shape! {
    /// A line that is no value.
    PreviewFault { line: usize, problem: String, remedy: String, }
}
shape! {
    /// A value that is allowed and hardly meant.
    PreviewWarning { line: usize, text: String, }
}
shape! {
    /// How many of each are not named.
    PreviewMore { entries: usize, duplicates: usize, errors: usize, warnings: usize, }
}

/// Says what a text comes to, and changes nothing.
#[utoipa::path(post, path = "/rule-data/preview", tag = "rule-data",
    extensions(("x-capability" = json!("signed-in"))), request_body = Text,
    responses((status = 200, body = Preview), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn look(State(api): State<Api>, long: Long) -> Result<Json<Preview>, Problem> {
    let found = heavy(&api, move || {
        let (kind, text) = asked(&long)?;
        Ok::<_, Problem>(preview(kind, &text))
    });
    let preview::Preview { count, entries, duplicates, errors, warnings, more } = found.await??;
    Ok(Json(Preview { count, entries, duplicates, errors, warnings, more }))
}

fn asked(long: &Long) -> Result<(DataKind, String), Problem> {
    let mut json = long.json()?;
    let Some(keys) = json.as_object_mut() else {
        return Err(Problem::invalid_at(
            "",
            "This is an object with the keys \"kind\" and \"text\".",
        ));
    };
    let (kind, text) = (keys.remove("kind"), keys.remove("text"));
    let mut found = unknown(keys.keys());
    let word = kind.as_ref().and_then(Value::as_str);
    let kind = word.and_then(|word| DataKind::ALL.into_iter().find(|kind| kind.word() == word));
    if kind.is_none() {
        let detail = "This is one of \"domains\", \"text\", \"regex\" and \"networks\".";
        found.push(Fault::new("/kind", detail, ""));
    }
    match (kind, text) {
        (Some(kind), Some(Value::String(text))) if found.is_empty() => Ok((kind, text)),
        (_, text) => {
            if !matches!(text, Some(Value::String(_))) {
                found.push(Fault::new("/text", "This is a string with one value a line.", ""));
            }
            Err(Problem::invalid(found))
        }
    }
}
