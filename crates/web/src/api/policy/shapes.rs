//! The policy in JSON, as the document of the API describes it.
//!
//! The policy itself is written by `gatepost-policy`, whose reader also says what is wrong with one that is sent. The
//! types here that are never made say the same to the OpenAPI document; a test holds them to what is really written.

use gatepost_policy::difference::{Change, ValueChanges};
use gatepost_policy::rules::lint::Finding;
use gatepost_store::{HitCount, Hits};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Why a change is made; kept in the history.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Because {
    /// Kept with the revision.
    pub(in crate::api) reason: Option<String>,
}

/// Declares a shape that is described and never made.
macro_rules! shape {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$outer])*
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "describes JSON that another crate reads and writes")]
        pub(in crate::api) struct $name { $($(#[$inner])* pub(in crate::api) $field: $kind,)* }
    };
}

shape! {
    /// The whole policy. Every list may be left out.
    Policy {
        /// Our domains.
        domain: Option<Vec<Domain>>,
        /// Who may send to anybody through us.
        outbound_source: Option<Vec<OutboundSource>>,
        /// Where outbound mail goes instead of to MX.
        smart_host: Option<Vec<SmartHost>>,
        /// Custom Rule Data.
        rule_data: Option<Vec<RuleDataEntry>>,
        /// What no header can weaken.
        tls_policy: Option<Vec<TlsPolicy>>,
        /// Message Rules, the first is tried first.
        rule: Option<Vec<RuleEntry>>,
    }
}

shape! {
    /// A domain of ours.
    Domain {
        /// The domain.
        #[schema(example = "acme.example")]
        name: String,
        /// Where inbound mail for it goes; none: by MX.
        routes: Option<Vec<Route>>,
    }
}

shape! {
    /// A place that inbound mail is handed to.
    Route {
        /// A host's name or an address.
        host: String,
        /// The TCP port.
        #[schema(minimum = 1, maximum = 65535)]
        port: Option<u16>,
        /// The share of the load.
        #[schema(minimum = 1, maximum = 65535)]
        weight: Option<u16>,
        /// The TLS level on the way there.
        #[schema(example = "try")]
        tls: Option<String>,
    }
}

shape! {
    /// A network that may send out through us.
    OutboundSource {
        /// An address or a network.
        #[schema(example = "10.0.0.0/8")]
        network: String,
    }
}

shape! {
    /// A place that outbound mail for some domains goes to.
    SmartHost {
        /// The recipients' domains; `*` is every domain.
        domains: Vec<String>,
        /// A host's name or an address.
        host: String,
        /// The TCP port.
        #[schema(minimum = 1, maximum = 65535)]
        port: Option<u16>,
        /// The TLS level on the way there.
        #[schema(example = "require")]
        tls: Option<String>,
        /// TLS from the first byte.
        implicit_tls: Option<bool>,
        /// Who we are to the host.
        username: Option<String>,
        /// The file that holds the password, beside the configuration.
        password_file: Option<String>,
    }
}

shape! {
    /// A TLS level that no header can weaken.
    TlsPolicy {
        /// Domains of recipients and names of hosts; `*` is all of them.
        domains: Vec<String>,
        /// The level.
        #[schema(example = "verify")]
        level: String,
        /// The last day on which it holds, in UTC.
        #[schema(example = "2027-01-31")]
        until: Option<String>,
    }
}

shape! {
    /// A set of Custom Rule Data in a policy.
    RuleDataEntry {
        /// Its name, unique without regard to case.
        name: String,
        /// What is to be known about it.
        note: Option<String>,
        /// What its values are: `domains`, `text`, `regex` or `networks`.
        #[schema(example = "domains")]
        kind: String,
        /// A string with one value a line, or an array of strings.
        #[schema(value_type = ValuesShape)]
        values: String,
    }
}

/// The values of a set.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes JSON that another crate reads and writes")]
pub(in crate::api) enum ValuesShape {
    /// One a line.
    Lines(String),
    /// One an element.
    List(Vec<String>),
}

shape! {
    /// A rule in a policy: a Message Rule with a name, or a System Rule with its word, which takes `active` alone.
    RuleEntry {
        /// A System Rule: `opportunistic_tls`, `deliver_inbound` or `deliver_outbound`.
        system: Option<String>,
        /// The name of any other rule, unique without regard to case.
        name: Option<String>,
        /// What is to be known about it.
        note: Option<String>,
        /// Whether it is tried.
        active: Option<bool>,
        /// Evaluated and recorded, changing nothing.
        shadow: Option<bool>,
        /// All of them must hold.
        conditions: Option<Vec<Condition>>,
        /// What is done.
        actions: Option<Vec<Action>>,
        /// `none`, `deliver`, `quarantine`, `quarantine_company`, `delete` or `reject`.
        #[schema(example = "none")]
        final_action: Option<String>,
        /// What the sender is told, with `reject`.
        reply: Option<String>,
    }
}

shape! {
    /// A Condition, compared with one of `value`, `regex` and `rule_data`, or with nothing.
    Condition {
        /// What it looks at.
        #[schema(example = "recipient")]
        condition: String,
        /// How it compares.
        #[schema(example = "matches")]
        r#match: String,
        /// The header field's name.
        name: Option<String>,
        /// A string, a number, or an array of them.
        value: Option<serde_json::Value>,
        /// One pattern.
        regex: Option<String>,
        /// The name of a set.
        rule_data: Option<String>,
    }
}

shape! {
    /// An Action: `add_message_header` and `set_tls_level` with a value, `remove_message_header` with a name.
    Action {
        /// What is done.
        #[schema(example = "add_message_header")]
        action: String,
        /// `Name: value`, or a level.
        #[schema(example = "x-TLSLevel: Require")]
        value: Option<String>,
        /// The field's name.
        name: Option<String>,
    }
}

/// Something that is allowed and unwise.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api) struct FindingShape {
    /// The rule it is about; `null` where it is about a set or the whole policy.
    rule: Option<String>,
    /// What it is: `unreachable`, `duplicate_tls_level`, `tls_downgrade`, `unknown_tls_level`, `empty_rule_data`,
    /// `unused_rule_data`, `header_never_added`, `no_domain`, `no_source`, `expired_tls_policy`.
    kind: &'static str,
    /// What is unwise.
    text: String,
    /// What to do.
    fix: String,
}

impl From<&Finding> for FindingShape {
    fn from(finding: &Finding) -> Self {
        let Finding { rule, kind, text, fix } = finding.clone();
        Self { rule, kind: kind.word(), text, fix }
    }
}

/// Findings as they are shown.
pub(in crate::api) fn findings(found: &[Finding]) -> Vec<FindingShape> {
    found.iter().map(FindingShape::from).collect()
}

/// How often a rule matched.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(in crate::api) struct HitsShape {
    /// Since it is there.
    total: u64,
    /// In the hour that runs now and the 23 before it.
    last_24h: u64,
    /// When it last did.
    last_at: Option<String>,
    /// The same as a shadow rule, when it changed nothing.
    shadow: CountShape,
}

/// How often a rule matched as a shadow rule.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(in crate::api) struct CountShape {
    /// Since it is there.
    total: u64,
    /// In the hour that runs now and the 23 before it.
    last_24h: u64,
    /// When it last did.
    last_at: Option<String>,
}

impl From<Hits> for HitsShape {
    fn from(hits: Hits) -> Self {
        let Hits { live, shadow } = hits;
        let HitCount { total, last_24h, last_at } = live;
        let last_at = last_at.map(|at| at.rfc3339());
        Self { total, last_24h, last_at, shadow: shadow.into() }
    }
}

impl From<HitCount> for CountShape {
    fn from(count: HitCount) -> Self {
        let HitCount { total, last_24h, last_at } = count;
        Self { total, last_24h, last_at: last_at.map(|at| at.rfc3339()) }
    }
}

/// What came of a change of the policy.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api) struct Written {
    /// The revision that holds now.
    pub(in crate::api) revision: u64,
    /// Whether it is a new one; a policy that says the same makes none.
    pub(in crate::api) changed: bool,
    /// What lint found in it.
    pub(in crate::api) findings: Vec<FindingShape>,
}

/// One thing that is different between two policies.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api) struct ChangeShape {
    /// `rule`, `rule_data`, `domain`, `outbound_source`, `smart_host` or `tls_policy`.
    #[schema(value_type = String, example = "rule")]
    area: gatepost_policy::difference::Area,
    /// The entry's name.
    name: String,
    /// `added`, `removed`, `changed` or `moved`.
    #[schema(value_type = String, example = "moved")]
    change: gatepost_policy::difference::Kind,
    /// Its place before, from 1.
    from_position: Option<usize>,
    /// Its place now, from 1.
    to_position: Option<usize>,
    /// The entry before; the values of a large set are left out.
    before: Option<serde_json::Value>,
    /// The entry now.
    after: Option<serde_json::Value>,
    /// What became of the values, where it is a set and they differ.
    values: Option<ValuesChange>,
}

/// Values that came and went.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api) struct ValuesChange {
    /// How many came.
    added: usize,
    /// How many went.
    removed: usize,
    /// The first hundred of those that came.
    first_added: Vec<String>,
    /// The first hundred of those that went.
    first_removed: Vec<String>,
}

impl From<Change> for ChangeShape {
    fn from(found: Change) -> Self {
        let Change { area, name, change, from_position, to_position, before, after, values } =
            found;
        let values = values.map(|values| {
            let ValueChanges { added, removed, first_added, first_removed } = values;
            ValuesChange { added, removed, first_added, first_removed }
        });
        Self { area, name, change, from_position, to_position, before, after, values }
    }
}
