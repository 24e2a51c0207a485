//! Hands the demo's messages to the gateway over SMTP, as a mail server of the organisation would.

use std::net::SocketAddr;
use std::time::Duration;

use gatepost_net::conn::{Envelope, Job, Mail, Rcpt};
use gatepost_net::dial::{Target, Timeouts, dial};
use gatepost_net::failure::Failure;
use gatepost_policy::evidence::NoTls;
use gatepost_policy::tls::{NextHop, PlanInput, Requirement, TlsPolicies, UnknownLevel, plan};
use gatepost_wire::address::{AddressDomain, Mailbox, ReversePath};
use gatepost_wire::command::{MailParams, RcptParams};
use gatepost_wire::timestamp::Timestamp;

/// Long enough for a busy machine, short enough for a person who waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Submits one message and gives the id it was queued as.
pub(crate) async fn submit(
    gateway: SocketAddr,
    from: &Mailbox,
    to: &Mailbox,
) -> Result<String, String> {
    let timeouts = Timeouts { connect: PATIENCE, tls: PATIENCE, command: PATIENCE };
    let target = Target { host: gateway.ip().to_string(), address: gateway, source: None };
    let told = |failure: Failure| format!("the gateway does not take the message: {failure}");
    let greeted = dial(target, &timeouts)
        .await
        .map_err(told)?
        .greet("mail.acme.example")
        .await
        .map_err(told)?;
    let mut conn = greeted.stay_clear(NoTls::LevelPlain);
    let Some(Requirement::Opportunistic(requirement)) = no_demand(gateway) else {
        return Err("a message without demands needs no TLS, and something says it does".to_owned());
    };
    let text = message(from, to);
    let job = Job::new(requirement, ());
    let sender = ReversePath::Mailbox(from.clone());
    let (mail_params, rcpt_params) = (MailParams::default(), RcptParams::default());
    let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let mail = Mail { from: &sender, params: &mail_params, size };
    let envelope = conn
        .admit(&job)
        .envelope(mail, &[Rcpt { to, params: &rcpt_params }])
        .await
        .map_err(told)?;
    let said = match envelope {
        Envelope::Open { recipients: _, mut body } => {
            body.write(text.as_bytes()).await.map_err(told)?;
            body.finish().await.map_err(told)?
        }
        Envelope::Refused { response, recipients, .. } => match response
            .or_else(|| recipients.into_iter().next())
        {
            Some(response) => response,
            None => return Err("the gateway refused the message and did not say why".to_owned()),
        },
    };
    conn.quit().await;
    let text = said.text();
    let id = text.rsplit(' ').next().filter(|_| said.is_positive());
    id.map(str::to_owned).ok_or_else(|| format!("the gateway refused the message: {text}"))
}

/// The requirement of a message that nobody demands anything for.
fn no_demand(gateway: SocketAddr) -> Option<Requirement> {
    let host = NextHop::mx(gateway.ip().to_string(), gateway.port(), 0);
    let input = PlanInput {
        demands: &[],
        unknown: UnknownLevel::Require,
        hosts: &[host],
        domain: &AddressDomain::Literal(gateway.ip()),
        policies: &TlsPolicies::default(),
        now: Timestamp::from_millis(0),
    };
    plan(input).ok()?.attempts.into_iter().next().map(|(_, requirement)| requirement)
}

fn message(from: &Mailbox, to: &Mailbox) -> String {
    format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: A message of the demo\r\n\r\n\
         This message says what it is for: to see whether it travels as the policy says.\r\n"
    )
}
