//! The policy as a whole: read, checked, compared, published, rolled back.
//!
//! A policy is taken as it stands in the file, as JSON or as TOML, all of it or none. `check` and `diff` say what would
//! come of one and change nothing.

pub(super) mod body;
pub(super) mod held;
mod history;
pub(super) mod shapes;

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatepost_policy::difference::{changes, unified};
use gatepost_policy::document::{
    CustomRule, Edited, Parsed, PolicyDocument, Profile, RuleEntry, Spans,
};
use gatepost_policy::rules::lint::FindingKind;
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Named, Renamed};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Caller;
use super::page::Asked;
use super::precondition::{IfMatch, etag};
use crate::problem::{Fault, Problem};
use body::{Long, faults};
use held::{Change, Done, commit, heavy, held};
use shapes::{Because, ChangeShape, FindingShape, Policy, Written, findings};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read, publish))
        .routes(routes!(check))
        .routes(routes!(lint))
        .routes(routes!(compare))
        .layer(body::limit())
        .merge(history::routes())
}

/// The media type of a policy file.
const TOML: &str = "application/toml";

/// The policy that holds.
///
/// `Accept: application/toml` gives the policy file. The `ETag` is the revision, which a change sends as `If-Match`.
#[utoipa::path(get, path = "/policy", tag = "policy", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 200, content((Policy = "application/json"), (String = "application/toml"))),
        (status = 304, description = "As If-None-Match has it"), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn read(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let tag = etag(held.revision());
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag[0].1);
    if known {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let toml = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.split(',').any(|kind| kind.trim().starts_with(TOML)));
    let kind = if toml { TOML } else { "application/json" };
    let text = heavy(&api, move || {
        if toml {
            return held.document().to_toml();
        }
        serde_json::to_string(held.document()).unwrap_or_default()
    });
    let headers = [(header::CONTENT_TYPE, kind), (header::VARY, "Accept")];
    Ok((tag, headers, text.await?).into_response())
}

/// Makes a document the policy: all of it or none.
#[utoipa::path(put, path = "/policy", tag = "policy", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body(content((Policy = "application/json"), (String = "application/toml"))),
    responses((status = 200, body = Written), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn publish(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    long: Long,
) -> Result<Response, Problem> {
    let before = held(&api).await?;
    let parsed = heavy(&api, move || {
        let Parsed { document, spans } = long.policy()?;
        let renamed = renamed(before.document(), &document);
        let edited = Edited { document, spans, problems: vec![] };
        Ok::<_, Problem>(Change { renamed, ..Change::new(edited, "") })
    });
    let done = commit(&api, &caller, base, because.reason.as_deref(), parsed.await??).await?;
    Ok(written(&done))
}

/// The answer to a change of the whole.
pub(super) fn written(done: &Done) -> Response {
    let Done { revision, changed, held } = done;
    let body =
        Written { revision: *revision, changed: *changed, findings: findings(&held.findings) };
    (etag(*revision), Json(body)).into_response()
}

/// The answer to an entry that was made, and where it is.
pub(super) fn created(done: &Done, location: String, made: &impl Serialize) -> Response {
    let location = [(header::LOCATION, location)];
    (StatusCode::CREATED, etag(done.revision), location, Json(made)).into_response()
}

/// Makes a document the policy that lacks something, and answers that it is gone.
pub(super) async fn remove(
    api: &Api,
    caller: &Caller,
    base: IfMatch,
    because: &Because,
    document: PolicyDocument,
) -> Result<Response, Problem> {
    let change = Change::of(document);
    let done = commit(api, caller, base, because.reason.as_deref(), change).await?;
    Ok((StatusCode::NO_CONTENT, etag(done.revision)).into_response())
}

/// Rules of another name that do the same, where there is one such on both sides: they were renamed. So are sets.
fn renamed(old: &PolicyDocument, new: &PolicyDocument) -> Vec<Renamed> {
    let rules = |document: &PolicyDocument| -> Vec<(String, String)> {
        let customs = document.rules.iter().filter_map(|rule| match rule {
            RuleEntry::Custom(rule) => Some(rule.as_ref()),
            RuleEntry::System(_) => None,
        });
        customs.map(|rule| (rule.name.clone(), does(rule))).collect()
    };
    let sets = |document: &PolicyDocument| -> Vec<(String, String)> {
        let content = |set: &gatepost_policy::document::RuleDataEntry| {
            let values: Vec<&str> = set.values.lines().collect();
            (set.name.clone(), format!("{} {}", set.kind.word(), values.join("\n")))
        };
        document.rule_data.iter().map(content).collect()
    };
    let mut found = pairs(Named::Rule, &rules(old), &rules(new));
    found.extend(pairs(Named::RuleData, &sets(old), &sets(new)));
    found
}

/// What a rule does, whatever it is called.
fn does(rule: &CustomRule) -> String {
    let CustomRule {
        name: _,
        note: _,
        active: _,
        shadow: _,
        conditions,
        actions,
        final_action,
        reply,
    } = rule;
    serde_json::json!([conditions, actions, final_action, reply]).to_string()
}

fn pairs(what: Named, old: &[(String, String)], new: &[(String, String)]) -> Vec<Renamed> {
    let key = |name: &str| name.trim().to_lowercase();
    let gone = |list: &[(String, String)], other: &[(String, String)]| {
        let there: std::collections::HashSet<String> =
            other.iter().map(|(name, _)| key(name)).collect();
        let mut by_content: HashMap<String, Vec<String>> = HashMap::new();
        for (name, content) in list.iter().filter(|(name, _)| !there.contains(&key(name))) {
            by_content.entry(content.clone()).or_default().push(name.clone());
        }
        by_content
    };
    let (removed, added) = (gone(old, new), gone(new, old));
    let mut found: Vec<Renamed> = removed
        .into_iter()
        .filter_map(|(content, from)| match (from.as_slice(), added.get(&content)?.as_slice()) {
            ([from], [to]) => Some(Renamed { what, from: from.clone(), to: to.clone() }),
            (_, _) => None,
        })
        .collect();
    found.sort_by(|a, b| a.from.cmp(&b.from));
    found
}

/// What would come of a policy.
#[derive(Debug, Serialize, ToSchema)]
struct Checked {
    /// Why it cannot be used; nothing, where it can.
    errors: Vec<Fault>,
    /// What is unwise in it; nothing, where it cannot be used.
    findings: Vec<FindingShape>,
    /// Its rules in the order in which they would be tried; nothing, where it cannot be used.
    rules: Vec<CheckedRule>,
}

/// What would come of a rule.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedRule {
    /// Its name.
    name: String,
    /// Its place, from 1.
    position: usize,
    /// The word of a System Rule.
    system: Option<&'static str>,
    /// Whether no message would get to it or match it.
    unreachable: bool,
    /// How many findings are about it.
    findings: usize,
}

/// Says what would come of a policy, and changes nothing.
#[utoipa::path(post, path = "/policy/check", tag = "policy", extensions(("x-capability" = json!("signed-in"))),
    request_body(content((Policy = "application/json"), (String = "application/toml"))),
    responses((status = 200, body = Checked), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 503, body = Problem)))]
async fn check(State(api): State<Api>, long: Long) -> Result<Json<Checked>, Problem> {
    let settings = api.snapshot.load().tls;
    let (profile, now) = (api.stores.settings.profile(), api.clock.now());
    let none = |errors| Checked { errors, findings: vec![], rules: vec![] };
    let checked = heavy(&api, move || {
        let Parsed { document, spans } = match long.policy() {
            Ok(parsed) => parsed,
            Err(problem) => return problem.into_faults().map(none),
        };
        let built = Snapshot::build(0, profile, document, &spans, settings);
        Ok(match built {
            Ok(snapshot) => judged(&snapshot, now),
            Err(problems) => none(faults(&problems, "")),
        })
    });
    checked.await?.map(Json)
}

fn judged(snapshot: &Snapshot, now: gatepost_wire::timestamp::Timestamp) -> Checked {
    let found = snapshot.lint(now);
    let mut about: HashMap<&str, (usize, bool)> = HashMap::new();
    for finding in &found {
        if let Some(rule) = &finding.rule {
            let of_it = about.entry(rule).or_default();
            of_it.0 += 1;
            of_it.1 |= finding.kind == FindingKind::Unreachable;
        }
    }
    let rules = snapshot.rules.list().zip(1..).map(|(rule, position)| {
        let (findings, unreachable) = about.get(rule.name).copied().unwrap_or_default();
        let system = rule.system.map(gatepost_policy::document::SystemRule::word);
        CheckedRule { name: rule.name.to_owned(), position, system, unreachable, findings }
    });
    Checked { errors: vec![], findings: findings(&found), rules: rules.collect() }
}

/// What is unwise in the policy that holds.
#[utoipa::path(get, path = "/policy/lint", tag = "policy", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 200, body = Vec<FindingShape>), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn lint(State(api): State<Api>) -> Result<Response, Problem> {
    let held = held(&api).await?;
    Ok((etag(held.revision()), Json(findings(&held.findings))).into_response())
}

/// Two policies side by side.
#[derive(Debug, Serialize, ToSchema)]
struct Difference {
    /// What is different, entry by entry.
    changes: Vec<ChangeShape>,
    /// The same as a unified diff of the policy files; empty where there is none.
    text: String,
}

/// What is asked of `POST /policy/diff`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes JSON that is read by hand: a document is read by its own reader"
)]
struct Compared {
    /// The policy that is compared,
    document: Policy,
    /// with this revision; without it, with the one that holds.
    base: Option<u64>,
}

/// Says what a policy would change.
#[utoipa::path(post, path = "/policy/diff", tag = "policy", extensions(("x-capability" = json!("signed-in"))),
    request_body = Compared,
    responses((status = 200, body = Difference), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn compare(State(api): State<Api>, long: Long) -> Result<Json<Difference>, Problem> {
    let profile = api.stores.settings.profile();
    let (new, base) = heavy(&api, move || asked(&long)).await??;
    let (old, name) = match base {
        Some(revision) => {
            (history::document(&api, revision).await?, format!("revision {revision}"))
        }
        None => {
            let held = held(&api).await?;
            (held.document().clone(), format!("revision {}", held.revision()))
        }
    };
    let work = move || difference(old, new, profile, (&name, "draft"));
    Ok(Json(heavy(&api, work).await?))
}

/// The document and the revision of `POST /policy/diff`.
fn asked(long: &Long) -> Result<(PolicyDocument, Option<u64>), Problem> {
    let mut json = long.json()?;
    let Some(keys) = json.as_object_mut() else {
        return Err(Problem::invalid_at("", "This is an object with the key \"document\"."));
    };
    let document = keys.remove("document");
    let base = keys.remove("base").unwrap_or_default();
    let mut found: Vec<Fault> = unknown(keys.keys());
    if !base.is_null() && base.as_u64().is_none() {
        found.push(Fault::new("/base", "This is the number of a revision.", ""));
    }
    let parsed = match document {
        None => {
            found.push(Fault::new("/document", "`document` is missing.", "Send the policy."));
            None
        }
        Some(document) => PolicyDocument::parse_json(document)
            .map_err(|problems| found.extend(faults(&problems, "/document")))
            .ok(),
    };
    match parsed {
        Some(Parsed { document, spans: _ }) if found.is_empty() => Ok((document, base.as_u64())),
        Some(_) | None => Err(Problem::invalid(found)),
    }
}

/// Keys that an object may not have.
pub(super) fn unknown<'k>(keys: impl Iterator<Item = &'k String>) -> Vec<Fault> {
    keys.map(|key| {
        let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        Fault::new(pointer, "There is no such key here.", "")
    })
    .collect()
}

fn difference(
    old: PolicyDocument,
    new: PolicyDocument,
    profile: Profile,
    names: (&str, &str),
) -> Difference {
    let (old, new) = (old.completed(profile), new.completed(profile));
    let text = unified(&old.to_toml(), &new.to_toml(), names.0, names.1);
    let changes = changes(&old, &new).into_iter().map(ChangeShape::from).collect();
    Difference { changes, text }
}

/// A policy of which no part was sent.
pub(super) fn plain(document: PolicyDocument) -> Edited {
    Edited { document, spans: Spans::none("policy"), problems: vec![] }
}
