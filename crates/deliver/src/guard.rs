//! The last guard before a host hears of a message (row J15).
//!
//! What a session is and what a message demands meet here, by type where it can be:
//! an enforced message on a clear session has no permit to get, and one on a TLS
//! session that has not proved enough is refused one by `net`. That either happens
//! means that something above went wrong, so it is told loudly.

use gatepost_net::conn::Job;
use gatepost_policy::{
    evidence::{Stage, Why},
    tls::Requirement,
};

use crate::{
    converse::{self, Afterwards, Letter, Spoken},
    session::Session,
    trial::Said,
};

/// Carries a letter over a session, if the session may carry it.
pub(crate) async fn carry(
    session: &mut Session,
    requirement: &Requirement,
    letter: Letter<'_>,
) -> Spoken {
    match (requirement, session) {
        (Requirement::Opportunistic(requirement), Session::Clear(conn)) => {
            let job = Job::new(requirement.clone(), letter);
            converse::transmit(conn.admit(&job), job.message()).await
        }
        (Requirement::Opportunistic(requirement), Session::Secured(conn)) => {
            let job = Job::new(requirement.clone(), letter);
            converse::transmit(conn.admit(&job), job.message()).await
        }
        (Requirement::Enforced(requirement), Session::Secured(conn)) => {
            let job = Job::new(requirement.clone(), letter);
            match conn.admit_enforced(&job) {
                Ok(permit) => converse::transmit(permit, job.message()).await,
                Err(shortfall) => tripped(job.message(), &shortfall.to_string()),
            }
        }
        (Requirement::Enforced(_), Session::Clear(_)) => {
            tripped(&letter, "an enforced message was about to be sent in clear text")
        }
    }
}

fn tripped(letter: &Letter<'_>, detail: &str) -> Spoken {
    tracing::error!(
        message = %letter.claim.message().id,
        lane = ?letter.claim.copy().lane,
        detail,
        "guard tripped: nothing was sent"
    );
    let said = Said::waits(Stage::Plan, Why::GuardTripped, None);
    Spoken {
        said: letter.recipients.iter().map(|(index, _)| (*index, said.clone())).collect(),
        detail: Some(detail.to_owned()),
        session: Afterwards::Lost,
    }
}
