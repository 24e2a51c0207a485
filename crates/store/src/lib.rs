//! What survives a restart: queue, quarantine, policy revisions, journal.
//!
//! Five narrow traits, by consumer: [`Enqueue`], [`Dispatch`], [`Inspect`],
//! [`Settings`] and [`Journal`]. Only here can a [`Receipt`] be made, which is
//! what permits a 250, and a [`Claim`], which is what permits a delivery. Nothing
//! above this crate sees a path or SQL. Two backends: [`embedded`] (SQLite and
//! body segments) and [`memory`] (for tests, and the model that the other one is
//! held against); one is done when it passes the conformance suite.

// `samples` is also compiled into the integration tests, and names the crate.
#[cfg(test)]
extern crate self as gatepost_store;

mod accounts;
mod audit;
mod body;
mod browse;
mod claim;
mod clock;
#[cfg(test)]
mod conformance;
mod disk;
pub mod embedded;
mod error;
pub mod evidence;
pub mod filter;
mod intake;
mod ledger;
pub mod memory;
mod message;
mod order;
mod probes;
mod queue;
pub mod report;
mod rulebook;
#[cfg(test)]
mod samples;
mod segment;
mod shape;
pub mod story;
mod sums;
mod traits;
mod view;

pub use crate::{
    accounts::{
        AccountError, Accounts, ApiToken, BadName, BadPassword, Capability, Door, Doorman,
        FailedTry, KindWanted, Lockout, NAME_LENGTH, NewToken, NewUser, OpenedSession,
        PASSWORD_BYTES, PASSWORD_CHARACTERS, PasswordCost, Role, SESSION_HOURS,
        SESSION_IDLE_MINUTES, SETUP_MINUTES, SSO_SESSION_HOURS, Secret, Session, SessionInfo,
        TotpSetup, User, UserChange, UserKind, Wait, check_name, check_password,
    },
    audit::{Audit, AuditCheck, AuditEntry, AuditPage, AuditSearch, NewAudit, policy_changes},
    body::{Body, HEAD, IN_MEMORY, Staged, Staging},
    browse::{
        AttemptLine, Browse, HistoryLine, HistorySearch, InvalidMark, Listed, QueueMark,
        RecipientLine, RecipientState, Refusal, Wanted,
    },
    claim::{
        Claim, HeldBy, Lane, Outcome, QueuedCopy, QueuedMessage, QueuedRecipient, Ready, Settlement,
    },
    clock::{Clock, ManualClock, SystemClock},
    error::{Cause, Certainty, StoreError, Unhealthy},
    ledger::{Ledger, Mark, Page, Stretch},
    message::{
        ClientFacts, Closed, Fate, NewCopy, NewMessage, NewQuarantined, NewRecipient, Receipt,
        Verdict,
    },
    order::{
        Acted, Judged, JudgedEnd, Judgement, OUTDATED, Order, OrderError, Refused, Sending,
        Standing,
    },
    probes::{KeptProbe, Probes},
    queue::Sentence,
    rulebook::{Hit, HitCount, Hits, Ids, Named, Renamed, Rulebook},
    shape::{AGES, By, Line as ShapeLine, Row as ShapeRow, Shape},
    sums::{DaySums, HourSums},
    traits::{Dispatch, Enqueue, Inspect, Journal, Settings, SettingsError},
    view::{
        Author, Committed, Counts, EntryState, Event, EventKind, Held, MessageStory, Pruned,
        QuarantineEntry, QueueEntry, RecordedVerdict, Retention, Revision, Search, Selection,
        StoredRevision, Via, Waiting,
    },
};
