//! What a session is allowed, and what becomes of a message that it brings.
//!
//! What holds: permission belongs to the client's address or to the account that it proved to be, direction to a recipient (`interface.md`, decision 1). The snapshot of
//! the policy that a transaction began with judges it to its end. Nothing is stored before the rules have spoken, and nothing is
//! answered with 250 before it is stored.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use gatepost_net::listen::TlsFacts;
use gatepost_policy::{
    accept::{Accepted, Origin, accept},
    direction::Direction,
    facts::{Facts, Headers},
    id::MessageId,
    snapshot::Snapshot,
};
use gatepost_store::{ClientFacts, NewMessage, NewRecipient, Staging};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    auth::Credentials,
    body::BodyError,
    command::{MailParams, RcptParams, Recipient},
    escape::printable,
    message::decode_value,
    reply::Reply,
    server::Envelope,
};

use crate::{
    login::Login,
    observe::Anomaly,
    received::{Hop, goes_round},
    receiver::Shared,
    reply::{self, EndOfData, Refusal},
    settings::ServerSettings,
    split::{Answer, split},
};

/// How much of a name that nobody has is written into the log.
const SHOWN_NAME: usize = 100;

/// One session's side of policy and store.
pub(crate) struct Intake {
    shared: Arc<Shared>,
    settings: Arc<ServerSettings>,
    client: IpAddr,
    tls: Option<TlsFacts>,
    /// The account that the client has proven to be.
    account: Option<String>,
    transaction: Option<Transaction>,
}

/// From MAIL to end of data.
struct Transaction {
    snapshot: Arc<Snapshot>,
    from_source: bool,
    size: Option<u64>,
    staging: Option<Staging>,
}

impl Intake {
    pub(crate) fn new(
        shared: Arc<Shared>,
        settings: Arc<ServerSettings>,
        peer: SocketAddr,
        tls: Option<TlsFacts>,
    ) -> Self {
        let client = peer.ip().to_canonical();
        Self { shared, settings, client, tls, account: None, transaction: None }
    }

    /// The session is under TLS now; whatever was said before is forgotten.
    pub(crate) fn secured(&mut self, tls: Option<TlsFacts>) {
        self.tls = tls;
        self.account = None;
        self.transaction = None;
    }

    /// Is the client who it says it is?
    pub(crate) async fn authenticate(&mut self, credentials: Credentials) -> Result<(), Reply> {
        let Credentials { name, password } = credentials;
        let login = self.shared.logins.check(&name, &password, self.client).await;
        self.shared.observer.login(&login);
        // Whoever watches the log for guesses reads these lines: they stay as they are.
        let (client, said) = (self.client, printable(name.as_bytes(), SHOWN_NAME));
        match login {
            Login::Granted { account } => {
                tracing::info!(%client, account, "client authenticated");
                self.account = Some(account);
                Ok(())
            }
            Login::Refused => {
                tracing::warn!(%client, name = said, "authentication failed");
                Err(reply::login_refused())
            }
            Login::Undecided { why } => {
                tracing::warn!(%client, name = said, why, "authentication not possible");
                Err(reply::login_undecided())
            }
        }
    }

    /// May a transaction begin?
    pub(crate) fn mail(&mut self, params: &MailParams) -> Result<(), Reply> {
        self.transaction = None;
        // A message that has no room is refused before it is sent (RFC 1870 section 6.1).
        let size = params.size.unwrap_or(0);
        self.shared.store.accepts(size).map_err(|why| reply::unhealthy(&why))?;
        let snapshot = self.shared.policy.load_full();
        let from_source = self.account.is_some() || snapshot.may_relay(self.client);
        self.transaction =
            Some(Transaction { snapshot, from_source, size: params.size, staging: None });
        Ok(())
    }

    /// May mail go there?
    pub(crate) fn rcpt(&self, to: &Recipient) -> Result<(), Reply> {
        let transaction = self.transaction.as_ref().ok_or_else(reply::no_transaction)?;
        let mailbox = match to {
            Recipient::Mailbox(mailbox) => mailbox,
            Recipient::Postmaster => {
                let known = self.settings.postmaster.is_some()
                    || postmaster(&transaction.snapshot).is_some();
                return if known { Ok(()) } else { Err(reply::no_postmaster()) };
            }
        };
        if transaction.from_source {
            return Ok(());
        }
        if !transaction.snapshot.is_own(mailbox.domain()) {
            return Err(reply::no_relay());
        }
        // The server behind us might send `user%elsewhere@ours` on to elsewhere, and trust us with it.
        if mailbox.local().contains(['@', '%', '!']) {
            return Err(reply::no_routing());
        }
        Ok(())
    }

    /// May the body come?
    pub(crate) fn open_body(&mut self) -> Result<(), Reply> {
        let transaction = self.transaction.as_mut().ok_or_else(reply::no_transaction)?;
        match self.shared.store.stage(transaction.size) {
            Ok(staging) => {
                transaction.staging = Some(staging);
                Ok(())
            }
            Err(error) => {
                tracing::error!(client = %self.client, error = %chain(&error), "message not staged");
                Err(reply::not_stored(&error))
            }
        }
    }

    /// Bytes of the body. It waits while the disk takes them; meanwhile nothing more is read from the client.
    pub(crate) async fn body(&mut self, bytes: &[u8]) -> Result<(), Reply> {
        let Some(transaction) = &mut self.transaction else { return Ok(()) };
        let Some(staging) = &mut transaction.staging else { return Ok(()) };
        staging.append(bytes).await.map_err(|error| {
            transaction.staging = None;
            self.shared.observer.anomaly(self.client, Anomaly::NotStored);
            tracing::error!(client = %self.client, error = %chain(&error), "message not staged");
            reply::not_stored(&error)
        })
    }

    /// The body is no message; what there is of it goes.
    pub(crate) fn broken(&mut self, error: BodyError) {
        if let Some(transaction) = &mut self.transaction {
            transaction.staging = None;
        }
        self.shared.observer.anomaly(self.client, Anomaly::BrokenBody(error));
        tracing::info!(client = %self.client, %error, "message refused");
    }

    /// The transaction is over.
    pub(crate) fn reset(&mut self) {
        self.transaction = None;
    }

    /// The message is there: judge it, store it, and say how it ended.
    pub(crate) async fn end(&mut self, envelope: Envelope) -> EndOfData {
        let Some(Transaction { snapshot, from_source, staging: Some(staging), .. }) =
            self.transaction.take()
        else {
            // The machine asks for the body's place before it hands out the body's end.
            return EndOfData::Refused(Refusal::Rules(reply::no_transaction()));
        };
        let (message, directions) = match self.judge(&snapshot, from_source, &staging, envelope) {
            Ok(judged) => judged,
            Err(refusal) => return EndOfData::Refused(refusal),
        };
        let (id, size) = (message.id, staging.len());
        let commit = self.shared.store.commit(staging.finish(), message);
        match tokio::time::timeout(self.settings.timeouts.end_of_data, commit).await {
            Ok(Ok(receipt)) => {
                for direction in directions {
                    self.shared.observer.message_received(direction);
                }
                tracing::info!(message = %id, client = %self.client, size, "message queued");
                EndOfData::Queued(receipt)
            }
            Ok(Err(error)) => {
                self.shared.observer.anomaly(self.client, Anomaly::NotStored);
                tracing::error!(message = %id, client = %self.client, error = %chain(&error), "message not stored");
                EndOfData::NotStored(error)
            }
            Err(_) => {
                self.shared.observer.anomaly(self.client, Anomaly::NotStored);
                tracing::error!(message = %id, client = %self.client, "message not stored in time");
                EndOfData::TookTooLong
            }
        }
    }

    /// Walks the rules and makes of their verdicts what the store is to keep, with the directions of the recipients.
    fn judge(
        &self,
        snapshot: &Snapshot,
        from_source: bool,
        staging: &Staging,
        envelope: Envelope,
    ) -> Result<(NewMessage, Vec<Direction>), Refusal> {
        let headers = Headers::scan(staging.head());
        let (head, section) = (headers.bytes(), headers.section());
        if goes_round(head, section, &self.settings.hostname) {
            self.shared.observer.anomaly(self.client, Anomaly::Loop);
            tracing::warn!(client = %self.client, sender = %envelope.sender, "message refused: it goes round");
            return Err(Refusal::Loop);
        }
        let subject = section.named(head, "Subject").next();
        let subject = subject
            .map(|field| decode_value(field.raw_value(head)).trim().to_owned())
            .unwrap_or_default();
        let Envelope { helo, sender, params, recipients, .. } = envelope;
        let recipients =
            self.recipients(snapshot, recipients.into_iter().map(|one| (one.to, one.params)));
        let (id, at) = (self.shared.store.mint(), self.shared.clock.now());
        let received = Hop {
            helo: &helo,
            client: self.client,
            hostname: &self.settings.hostname,
            tls: self.tls.as_ref(),
            authenticated: self.account.is_some(),
            smtputf8: params.smtputf8,
            id,
            recipient: if let [only] = recipients.as_slice() { Some(&only.mailbox) } else { None },
            at,
        }
        .field();
        let facts = Facts {
            sender: sender.clone(),
            recipients: recipients.iter().map(|recipient| recipient.mailbox.clone()).collect(),
            client: self.client,
            from_source,
            size: staging.len(),
            headers,
            now: at,
            direction_override: None,
        };
        let accepted =
            accept(snapshot, &facts, Origin::Client, received.as_bytes()).map_err(|undecided| {
                tracing::warn!(message = %id, client = %self.client, ?undecided, "message deferred: a condition cannot be answered");
                Refusal::Undecided
            })?;
        self.tell(id, &accepted);
        let reports = from_source && sender != ReversePath::Null;
        let expires = at.plus(self.settings.quarantine);
        let outcome = match split(accepted.dispositions, &recipients, reports, expires) {
            Answer::Refuse(reply) => {
                tracing::info!(message = %id, client = %self.client, sender = %sender, %reply, "message refused by the rules");
                return Err(Refusal::Rules(reply));
            }
            Answer::Take(outcome) => outcome,
        };
        let tls = self.tls.as_ref().map(|tls| tls.version.clone());
        let message = NewMessage {
            id,
            received_at: at,
            sender,
            params,
            client: ClientFacts {
                address: self.client,
                helo: helo.name,
                tls,
                from_source,
                account: self.account.clone(),
            },
            revision: snapshot.revision,
            subject,
            copies: outcome.copies,
            quarantined: outcome.quarantined,
            closed: outcome.closed,
        };
        Ok((message, outcome.directions))
    }

    /// The recipients by their addresses, each of them once.
    fn recipients(
        &self,
        snapshot: &Snapshot,
        given: impl Iterator<Item = (Recipient, RcptParams)>,
    ) -> Vec<NewRecipient> {
        let mut seen = HashSet::new();
        given
            .filter_map(|(to, params)| {
                let mailbox = match to {
                    Recipient::Mailbox(mailbox) => mailbox,
                    Recipient::Postmaster => {
                        self.settings.postmaster.clone().or_else(|| postmaster(snapshot))?
                    }
                };
                Some(NewRecipient { mailbox, params })
            })
            .filter(|recipient| seen.insert(recipient.mailbox.clone()))
            .collect()
    }

    /// Tells the observer what the rules did.
    fn tell(&self, message: MessageId, accepted: &Accepted) {
        for disposition in &accepted.dispositions {
            let count = disposition.recipients.len();
            self.shared.observer.verdict(crate::split::verdict(&disposition.end), count);
            for matched in &disposition.matched {
                self.shared.observer.rule_hit(matched, count);
            }
        }
        for warning in &accepted.warnings {
            tracing::warn!(%message, client = %self.client, %warning, "message is odd");
            self.shared.observer.warning(message, warning);
        }
    }
}

/// Where mail for `<postmaster>` goes when nobody said.
fn postmaster(snapshot: &Snapshot) -> Option<Mailbox> {
    Mailbox::parse(&format!("postmaster@{}", snapshot.first_domain()?)).ok()
}

/// An error with everything behind it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
