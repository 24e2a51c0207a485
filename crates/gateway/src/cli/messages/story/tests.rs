use std::net::IpAddr;

use gatepost_policy::direction::{Direction, Matched};
use gatepost_policy::id::MessageId;
use gatepost_store::story::lines;
use gatepost_store::{Author, ClientFacts, Event, EventKind, RecordedVerdict, Verdict};
use gatepost_wire::timestamp::Timestamp;
use serde_json::{Value, json};
use ulid::Ulid;

use super::*;

fn at(minute: u64) -> Timestamp {
    let start = Timestamp::parse_rfc3339("2026-11-24T03:00:00Z").unwrap();
    start.plus(std::time::Duration::from_secs(60 * minute))
}

fn id(number: u64) -> MessageId {
    MessageId::from_ulid(Ulid::from_parts(number, 0))
}

fn act_of(minute: u64, what: &str, detail: Value) -> Event {
    let author = Some(Author::new("ops", Some("ticket 4711")));
    let kind = EventKind::Act;
    Event { at: at(minute), kind, message: Some(id(1)), author, what: what.into(), detail }
}

fn story() -> MessageStory {
    MessageStory {
        id: id(1),
        received_at: at(0),
        sender: String::new(),
        subject: "Angebot\r\n".into(),
        size: 4711,
        client: ClientFacts {
            address: IpAddr::from([192, 0, 2, 7]),
            helo: "mail.acme.example".into(),
            tls: None,
            from_source: true,
            account: None,
        },
        revision: 7,
        verdicts: vec![RecordedVerdict {
            recipients: vec!["anna@partner.example".into()],
            direction: Some(Direction::Outbound),
            verdict: Verdict::Deliver,
            rule: Some("Deliver Outbound".into()),
            matched: vec![Matched { rule: "Enforce TLS".into(), shadow: true }],
            demands: Vec::new(),
        }],
        events: vec![
            act_of(9, "queue.release", json!({ "recipients": ["anna@partner.example"] })),
            act_of(5, "queue.hold", json!({ "recipients": ["anna@partner.example"] })),
            act_of(
                7,
                "queue.reevaluate",
                json!({ "changed": [{
                    "recipient": "anna@partner.example",
                    "before": { "final_action": "deliver", "level": "require" },
                    "after": { "final_action": "deliver", "level": "try" },
                }] }),
            ),
            Event {
                kind: EventKind::Note,
                author: None,
                ..act_of(11, "report.made", json!({ "report": id(2) }))
            },
        ],
        attempts: Vec::new(),
        queue: Vec::new(),
        quarantine: Vec::new(),
    }
}

#[test]
fn a_story_is_told_in_the_order_in_which_it_happened() {
    let report = MessageStory { id: id(2), events: Vec::new(), ..story() };
    let story = story();
    let text = text(&story, &lines(&story, &[report]));
    let mut from = 0;
    for part in [
        "subject Angebot\\r\\n\n",
        "03:00:00Z  received from <>: 4711 bytes by 192.0.2.7 (mail.acme.example) in clear text, revision 7",
        "anna@partner.example: deliver by the rule \"Deliver Outbound\"",
        "rules that matched: Enforce TLS (shadow)",
        "03:05:00Z  anna@partner.example: held, by ops: ticket 4711",
        "03:07:00Z  judged by the rules of that day, by ops: ticket 4711",
        "anna@partner.example: was deliver at level require, is deliver at level try",
        "03:09:00Z  anna@partner.example: released, by ops: ticket 4711",
        "03:11:00Z  a report was made to anna@partner.example: message 0000000002",
    ] {
        let found = text.get(from..).unwrap().find(part);
        from += found.unwrap_or_else(|| panic!("{part:?} is not in, or not in order:\n{text}"));
    }
}
