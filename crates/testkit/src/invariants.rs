//! The invariants of the conformance matrix, checked over what every mail exchanger saw and what the store says.
//!
//! [`check`] takes all connections and all attempt records of a test, at its end, and reports every breach with the
//! invariant's name. It trusts neither side: what is compared is the wire on the one hand, the evidence on the other.
//!
//! | | |
//! |---|---|
//! | I1 | mail that needs TLS: in clear only EHLO, HELO, STARTTLS, QUIT |
//! | I2 | nothing is sent between STARTTLS and its whole reply |
//! | I3 | the first command under TLS is EHLO |
//! | I4 | the `x-TLSLevel` fields a host receives are those that the rules added |
//! | I5 | each recipient ends in one state and is accepted once |
//! | I6 | evidence agrees with what the host saw |
//! | I7 | nothing is sent to the null address |
//! | I8 | no TLSA query: none is ever made, and the fake DNS would show it |
//! | I9 | no connection stays open |

use std::collections::{BTreeMap, BTreeSet};

use gatepost_policy::evidence::{Attempt, Ending, NoTls, Stage, TlsRecord, Try};

use crate::mx::record::{Channel, Connection, Received, TlsSeen};

/// What a test knows beforehand and the records cannot tell.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    /// Recipients whose mail needs TLS, whatever the evidence says.
    pub enforced: BTreeSet<String>,
    /// Recipients whose mail needed TLS until somebody had it judged anew: they may be in clear
    /// text as often as attempts at them needed none.
    pub loosened: BTreeSet<String>,
    /// The `x-TLSLevel` lines of each recipient's copy, where it is not the one that the evidence names.
    pub fields: BTreeMap<String, Vec<String>>,
    /// `strip_tls_level` is on.
    pub strip: bool,
    /// Hosts that no evidence is expected about (what the test itself connected to).
    pub unattended: BTreeSet<String>,
}

/// Checks I1 to I9; the error is every breach, one a line.
///
/// # Errors
/// When an invariant does not hold.
pub fn check(
    connections: &[Connection],
    attempts: &[Attempt],
    expected: &Expectations,
) -> Result<(), String> {
    let mut breaches = Vec::new();
    clear_text(connections, attempts, expected, &mut breaches);
    starttls(connections, &mut breaches);
    fields(connections, attempts, expected, &mut breaches);
    endings(connections, attempts, &mut breaches);
    evidence(connections, attempts, expected, &mut breaches);
    null_recipient(connections, attempts, &mut breaches);
    for open in connections.iter().filter(|connection| !connection.closed) {
        breaches
            .push(format!("I9: a connection from {} to {} is still open", open.peer, open.host));
    }
    if breaches.is_empty() { Ok(()) } else { Err(breaches.join("\n")) }
}

fn clear_text(
    connections: &[Connection],
    attempts: &[Attempt],
    expected: &Expectations,
    breaches: &mut Vec<String>,
) {
    let mut enforced = expected.enforced.clone();
    enforced.extend(attempts.iter().filter(|a| a.level.is_enforced()).map(|a| a.recipient.clone()));
    let tried_at = |attempt: &&Attempt, connection: &Connection| {
        attempt
            .tries
            .iter()
            .any(|tried| at(connection, Some(&tried.host), tried.address.as_deref()))
    };
    for recipient in &expected.loosened {
        enforced.remove(recipient);
        let path = format!("<{recipient}>");
        let seen = |c: &&Connection| String::from_utf8_lossy(&c.clear_bytes).contains(&path);
        let carried = connections.iter().filter(seen).count();
        let free = attempts.iter().filter(|a| a.recipient == *recipient && !a.level.is_enforced());
        if carried > free.map(|attempt| attempt.tries.len()).sum() {
            breaches.push(format!("I1: {path} was in clear {carried} times, more than it may"));
        }
    }
    for connection in connections {
        // A host that was only ever tried for mail that needs TLS.
        let mut here = attempts.iter().filter(|attempt| tried_at(attempt, connection)).peekable();
        let only_enforced =
            here.peek().is_some() && here.all(|attempt| enforced.contains(&attempt.recipient));
        let clear: Vec<_> =
            connection.lines.iter().filter(|line| line.channel == Channel::Clear).collect();
        // A ClientHello to a host that expected none is no clear text (RFC 8446 section 5.1).
        let is_hello = connection.clear_bytes.starts_with(&[22, 3]);
        if only_enforced && !is_hello {
            for line in &clear {
                if !matches!(line.verb().as_str(), "EHLO" | "HELO" | "STARTTLS" | "QUIT") {
                    breaches.push(format!("I1: {} saw {:?} in clear", connection.host, line.text));
                }
            }
        }
        // Mixed mail: the conversation in clear may carry what needs no TLS, and nothing about what does.
        let clear_text = String::from_utf8_lossy(&connection.clear_bytes);
        for recipient in &enforced {
            if clear_text.contains(&format!("<{recipient}>")) {
                breaches.push(format!("I1: {} saw <{recipient}> in clear", connection.host));
            }
        }
    }
}

fn starttls(connections: &[Connection], breaches: &mut Vec<String>) {
    for connection in connections {
        if !connection.early.is_empty() {
            let early = String::from_utf8_lossy(&connection.early);
            breaches.push(format!(
                "I2: {} was sent {early:?} before its reply to STARTTLS",
                connection.host
            ));
        }
        if let Some(first) = connection.verbs(Channel::Tls).first()
            && first != "EHLO"
        {
            breaches.push(format!("I3: {} saw {first} first under TLS", connection.host));
        }
    }
}

fn fields(
    connections: &[Connection],
    attempts: &[Attempt],
    expected: &Expectations,
    breaches: &mut Vec<String>,
) {
    for (connection, message) in accepted(connections) {
        let seen = message.fields("x-TLSLevel");
        for recipient in &message.to {
            let wanted = if expected.strip {
                Vec::new()
            } else if let Some(listed) = expected.fields.get(recipient) {
                listed.clone()
            } else {
                let decided = attempts.iter().rev().find(|attempt| attempt.recipient == *recipient);
                decided
                    .filter(|attempt| attempt.decided_by.rule.is_some())
                    .and_then(|attempt| attempt.decided_by.header.clone())
                    .into_iter()
                    .collect()
            };
            if seen != wanted {
                breaches.push(format!(
                    "I4: {} received the fields {seen:?} for {recipient}, and {wanted:?} was added",
                    connection.host
                ));
            }
        }
    }
}

fn endings(connections: &[Connection], attempts: &[Attempt], breaches: &mut Vec<String>) {
    let mut ended: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut delivered: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in attempts {
        let key = (attempt.message.to_string(), attempt.recipient.as_str());
        if let Some(times) = ended.get(&key) {
            breaches
                .push(format!("I5: {} of {} was attempted after its end ({times})", key.1, key.0));
        }
        match attempt.outcome {
            Ending::Delivered => {
                *delivered.entry(key.1).or_default() += 1;
                *ended.entry(key).or_default() += 1;
            }
            Ending::Bounced => *ended.entry(key).or_default() += 1,
            Ending::Deferred => {}
        }
    }
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let everything: Vec<_> = accepted(connections).collect();
    for recipient in everything.iter().flat_map(|(_, message)| &message.to) {
        *taken.entry(recipient.as_str()).or_default() += 1;
    }
    if taken != delivered {
        breaches
            .push(format!("I5: hosts accepted {taken:?}, evidence says delivered {delivered:?}"));
    }
}

fn evidence(
    connections: &[Connection],
    attempts: &[Attempt],
    expected: &Expectations,
    breaches: &mut Vec<String>,
) {
    for attempt in attempts {
        let to = &attempt.recipient;
        if attempt.outcome == Ending::Delivered {
            let agrees = accepted(connections).any(|(connection, message)| {
                message.to.contains(to)
                    && at(connection, attempt.host.as_deref(), attempt.address.as_deref())
                    && same_tls(attempt.tls.as_ref(), connection.tls.as_ref())
                    && (message.channel == Channel::Clear) == attempt.clear_because.is_some()
            });
            if !agrees {
                breaches.push(format!(
                    "I6: no host saw the delivery to {to} by {:?} {:?} with {:?}, clear because {:?}",
                    attempt.host, attempt.address, attempt.tls, attempt.clear_because
                ));
            }
        }
        for tried in &attempt.tries {
            if tried.address.is_some()
                && tried.stage > Stage::Banner
                && !witnessed(connections, tried)
            {
                breaches.push(format!("I6: no connection agrees with the try of {to}: {tried:?}"));
            }
        }
    }
    let named: BTreeSet<(&str, &str)> = attempts
        .iter()
        .flat_map(|attempt| &attempt.tries)
        .filter_map(|tried| Some((tried.host.as_str(), tried.address.as_deref()?)))
        .collect();
    for connection in
        connections.iter().filter(|connection| !expected.unattended.contains(&connection.host))
    {
        let address = connection.address.to_string();
        if !named.contains(&(connection.host.as_str(), address.as_str())) {
            breaches.push(format!(
                "I6: a connection to {} {address} is in no evidence",
                connection.host
            ));
        }
    }
}

/// Whether some connection of that host shows what the try says.
fn witnessed(connections: &[Connection], tried: &Try) -> bool {
    connections.iter().filter(|c| at(c, Some(&tried.host), tried.address.as_deref())).any(
        |connection| {
            let offered_and_used = connection.clear_verbs().iter().any(|verb| verb == "STARTTLS");
            let channel = match (&tried.tls, tried.clear_because) {
                (Some(_), _) => same_tls(tried.tls.as_ref(), connection.tls.as_ref()),
                (None, Some(NoTls::NotOffered | NoTls::LevelPlain | NoTls::HandshakeFailed)) => {
                    connection.tls.is_none() && !offered_and_used
                }
                (None, Some(NoTls::Refused)) => connection.tls.is_none() && offered_and_used,
                (None, None) => true,
            };
            let stage = match tried.stage {
                Stage::Plan | Stage::Dns | Stage::Connect | Stage::Banner | Stage::Ehlo => true,
                Stage::Starttls | Stage::Tls | Stage::Verify => {
                    // A record of a handshake that came where a command was expected counts too.
                    offered_and_used
                        || connection.hello
                        || connection.clear_bytes.starts_with(&[0x16, 0x03])
                }
                Stage::Auth => connection.lines.iter().any(|line| line.verb() == "EHLO"),
                Stage::Mail => connection.lines.iter().any(|line| line.verb() == "MAIL"),
                Stage::Rcpt => connection.lines.iter().any(|line| line.verb() == "RCPT"),
                Stage::Data => connection.lines.iter().any(|line| line.verb() == "DATA"),
            };
            channel && stage
        },
    )
}

fn null_recipient(connections: &[Connection], attempts: &[Attempt], breaches: &mut Vec<String>) {
    for attempt in attempts.iter().filter(|attempt| attempt.recipient.is_empty()) {
        breaches.push(format!("I7: {} was sent to the null address", attempt.message));
    }
    for connection in connections {
        for line in
            connection.lines.iter().filter(|line| line.verb() == "RCPT" && line.text.contains("<>"))
        {
            breaches.push(format!("I7: {} saw {:?}", connection.host, line.text));
        }
    }
}

fn accepted(connections: &[Connection]) -> impl Iterator<Item = (&Connection, &Received)> {
    connections
        .iter()
        .flat_map(|connection| connection.accepted().map(move |message| (connection, message)))
}

fn at(connection: &Connection, host: Option<&str>, address: Option<&str>) -> bool {
    host.is_some_and(|host| host.trim_end_matches('.').eq_ignore_ascii_case(&connection.host))
        && address.is_some_and(|address| address == connection.address.to_string())
}

fn same_tls(record: Option<&TlsRecord>, seen: Option<&TlsSeen>) -> bool {
    match (record, seen) {
        (None, None) => true,
        (Some(record), Some(seen)) => {
            record.version == seen.version
                && same_cipher(&record.cipher, &seen.cipher)
                && record.certificate_sha256.as_deref() == Some(seen.certificate_sha256.as_str())
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// A peer on OpenSSL names suites its own way: those of TLS 1.3 `TLS_…`, where evidence has `TLS13_…`, older ones
/// without a prefix and with dashes. The latter are not compared.
fn same_cipher(recorded: &str, seen: &str) -> bool {
    match seen.strip_prefix("TLS_") {
        Some(suite) if !seen.contains("_WITH_") => recorded.strip_prefix("TLS13_") == Some(suite),
        _ => recorded == seen || !seen.contains('_'),
    }
}

#[cfg(test)]
mod tests;
