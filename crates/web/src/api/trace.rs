//! The simulator: what would become of a message, and why. It changes nothing and asks nobody outside.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use gatepost_policy::document::{Parsed, PolicyDocument};
use gatepost_policy::id::MessageId;
use gatepost_policy::rules::explain::{RecipientTrace, Trace, trace_while};
use gatepost_policy::rules::simulation::{Simulation, Unusable};
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Capability, Clock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Caller;
use super::policy::body::{self, Long, faults};
use super::policy::held::{heavy, held};
use super::policy::shapes::{Action, Policy};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(simulate)).layer(body::limit())
}

/// A message that did not come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The envelope sender; `<>` is the null sender.
    #[schema(example = "bob@acme.example")]
    from: String,
    /// The recipients.
    to: Vec<String>,
    /// The message with its header; without it, one without fields and without content.
    message: Option<String>,
    /// A message that is kept, in its stead. This takes the capability `read_content`.
    message_id: Option<String>,
    /// The client's address; 127.0.0.1 where nothing is said.
    source_ip: Option<String>,
    /// `inbound` or `outbound` for all recipients.
    direction: Option<String>,
    /// A policy instead of the one that holds.
    #[schema(value_type = Option<Policy>)]
    policy: Option<Value>,
}

/// What would become of the message.
#[derive(Debug, Serialize, ToSchema)]
struct Traced {
    /// One for each recipient, in their order.
    #[schema(value_type = Vec<TracedRecipient>)]
    recipients: Vec<RecipientTrace>,
    /// Those for which there was no time or no room in one answer, in their order. Ask again for them.
    not_done: Vec<String>,
}

/// Recipients of one request.
const MOST: usize = 1000;

/// How long one request walks the rules.
const LONGEST: Duration = Duration::from_secs(10);

/// Bytes of one answer; the recipient with which it is longer is its last one.
const ANSWER: usize = 32 * 1024 * 1024;

/// Declares a shape that is described and never made.
macro_rules! shape {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$outer])*
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "describes JSON that another crate writes")]
        struct $name { $($(#[$inner])* $field: $kind,)* }
    };
}

shape! {
    /// What would become of the message for one recipient.
    TracedRecipient {
        /// The recipient.
        recipient: String,
        /// `inbound` or `outbound`.
        direction: String,
        /// The rules that were tried.
        steps: Vec<TracedStep>,
        /// How it ends.
        final_action: String,
        /// The header fields after the walk, those of the rules first.
        headers: Vec<String>,
        /// The TLS that the message demands.
        tls: TracedTls,
        /// What was odd.
        warnings: Vec<String>,
    }
}
shape! {
    /// A rule that was tried.
    TracedStep {
        /// Its name.
        rule: String,
        /// Whether all its Conditions held.
        matched: bool,
        /// All its Conditions.
        conditions: Vec<TracedCondition>,
        /// What it did.
        actions: Vec<Action>,
    }
}
shape! {
    /// A Condition and how it answered.
    TracedCondition {
        /// What it looks at.
        condition: String,
        /// How it compares.
        r#match: String,
        /// What it is compared with.
        wanted: Value,
        /// What the message has.
        seen: Value,
        /// Whether it holds; `null` where that cannot be told.
        holds: Option<bool>,
    }
}
shape! {
    /// The TLS that a message demands.
    TracedTls {
        /// The strictest level.
        level: String,
        /// Who asked for it, as in the record of an attempt.
        decided_by: Value,
    }
}

/// Says what would become of a message, and changes nothing.
#[utoipa::path(post, path = "/trace", tag = "rules", extensions(("x-capability" = json!("signed-in"))),
    request_body = Wanted,
    responses((status = 200, body = Traced), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn simulate(
    State(api): State<Api>,
    caller: Caller,
    long: Long,
) -> Result<Json<Traced>, Problem> {
    let wanted = heavy(&api, move || {
        let json = long.json()?;
        body_of(json)
    });
    let mut wanted = wanted.await??;
    if wanted.to.len() > MOST {
        let detail = format!(
            "These are {} recipients; one request walks the rules for {MOST} at most.",
            wanted.to.len()
        );
        return Err(Problem::invalid(vec![Fault::new("/to", detail, "Send them in parts.")]));
    }
    let kept = match wanted.message_id.take() {
        None => None,
        Some(_) if wanted.message.is_some() => {
            let detail = "There is a `message` already: send one of the two.";
            return Err(Problem::invalid_at("/message_id", detail));
        }
        Some(id) => Some(kept(&api, &caller, &id).await?),
    };
    let effect = held(&api).await?;
    let (snapshot, clock) = (Arc::clone(&effect.snapshot), Arc::clone(&api.clock));
    let within = api.outside.patience().min(LONGEST);
    let traced = heavy(&api, move || traced(wanted, kept, snapshot, (&*clock, within)));
    traced.await?.map(Json)
}

fn body_of(json: Value) -> Result<Wanted, Problem> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let pointer = super::body::pointer(error.path());
        Problem::invalid(vec![Fault::new(pointer, error.into_inner().to_string(), "")])
    })
}

/// The bytes of a message that is kept.
async fn kept(api: &Api, caller: &Caller, id: &str) -> Result<Vec<u8>, Problem> {
    caller.may(Capability::ReadContent)?;
    let id: MessageId = id
        .trim()
        .parse()
        .map_err(|why| Problem::invalid_at("/message_id", format!("This is no id: {why}.")))?;
    let body = api.stores.inspect.message_bytes(id).await?;
    let body =
        body.ok_or_else(|| Problem::not_found("message with this id whose content is still kept"))?;
    let bytes = body.read_all().await.map_err(|why| {
        tracing::error!(message = %id, cause = %why, "a kept message cannot be read");
        Problem::unavailable("The message cannot be read now; the log says why.")
    })?;
    Ok(bytes.to_vec())
}

fn traced(
    wanted: Wanted,
    kept: Option<Vec<u8>>,
    effect: Arc<Snapshot>,
    (clock, within): (&dyn Clock, Duration),
) -> Result<Traced, Problem> {
    let now = clock.now();
    let Wanted { from, to, message, message_id: _, source_ip, direction, policy } = wanted;
    let mut found = vec![];
    let snapshot = match policy.filter(|policy| !policy.is_null()) {
        None => Some(effect),
        Some(policy) => draft(policy, &effect).map_err(|problems| found.extend(problems)).ok(),
    };
    let bytes = kept.or_else(|| message.map(String::into_bytes));
    let simulation = Simulation {
        from: &from,
        to: &to,
        message: bytes.as_deref(),
        source_ip: source_ip.as_deref(),
        direction: direction.as_deref(),
    };
    let Some(snapshot) = snapshot else { return Err(Problem::invalid(found)) };
    let facts = simulation
        .facts(&snapshot, now)
        .map_err(|unusable| Problem::invalid(unusable.into_iter().map(unusable_fault).collect()))?;
    let (until, mut bytes) = (now.plus(within), 0_usize);
    let Trace { recipients } = trace_while(&snapshot, &facts, |one| {
        bytes = bytes.saturating_add(serde_json::to_string(one).map_or(0, |text| text.len()));
        bytes < ANSWER && clock.now() < until
    });
    let not_done = facts.recipients.iter().skip(recipients.len()).map(ToString::to_string);
    let not_done = not_done.collect();
    Ok(Traced { recipients, not_done })
}

/// A draft, compiled as it would be in effect.
fn draft(policy: Value, effect: &Snapshot) -> Result<Arc<Snapshot>, Vec<Fault>> {
    let told = |problems: Vec<_>| faults(&problems, "/policy");
    let Parsed { document, spans } = PolicyDocument::parse_json(policy).map_err(told)?;
    let (profile, settings) = (effect.profile, effect.tls);
    let built = Snapshot::build(effect.revision, profile, document, &spans, settings);
    built.map(Arc::new).map_err(told)
}

fn unusable_fault(one: Unusable) -> Fault {
    let Unusable { key, index, problem } = one;
    let pointer = index.map_or_else(|| format!("/{key}"), |at| format!("/{key}/{at}"));
    Fault::new(pointer, problem, "")
}
