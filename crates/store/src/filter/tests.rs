use gatepost_policy::{
    evidence::Why,
    id::{EntryId, MessageId},
};
use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::{queue::Sentence, view::Held};

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-24T12:00:00Z").unwrap()
}

fn entry() -> QueueEntry {
    QueueEntry {
        id: EntryId::from_ulid(Ulid::from_parts(1, 2)),
        message: MessageId::from_ulid(Ulid::from_parts(1, 1)),
        sender: "Sales@acme.example".into(),
        recipient: "anna@partner.example".into(),
        domain: "partner.example".into(),
        level: Some(Level::Require),
        state: EntryState::Waiting,
        attempts: 3,
        next_attempt: now().plus(std::time::Duration::from_secs(300)),
        expires: None,
        last: Some(Sentence {
            host: Some("mx1.partner.example".into()),
            status: "4.7.4".into(),
            why: Some(Why::StartTlsNotOffered),
            text: None,
        }),
        asked: None,
        warned: true,
        held: None,
        pending: None,
        accepted_at: now().minus(std::time::Duration::from_secs(3 * 3600)),
        demands: Vec::new(),
    }
}

fn picks(text: &str, entry: &QueueEntry) -> bool {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(entry, Level::Try, now())
}

#[test]
fn a_filter_picks_by_every_field() {
    for text in [
        "domain=partner.example",
        "DOMAIN = PARTNER.example",
        "sender=*@acme.example",
        "recipient=?nna@*",
        "not recipient=anna@x.example",
        "recipient!=anna@x.example",
        "level=require",
        "level>=require and level<verify",
        "state=waiting",
        "why=starttls-not-offered",
        "why=starttls-*",
        "status=4.7.*",
        "host=mx1*",
        "attempts>=3 and attempts<4",
        "age>2h",
        "age<=3h",
        "next<10m",
        "next>2026-11-24",
        "next=2026-11-24T12:05:00Z",
        "warned=yes and asked=no",
        "id=0000000001* and message=*",
        "domain=nowhere.example or (state=waiting and not (state=held or age<1h))",
        "held_by!=anna",
    ] {
        assert!(picks(text, &entry()), "{text}");
        assert!(!picks(&format!("not ({text})"), &entry()), "not ({text})");
    }
}

#[test]
fn what_is_not_there_fits_no_pattern() {
    let fresh = QueueEntry { last: None, level: None, sender: String::new(), ..entry() };
    assert!(!picks("host=*", &fresh));
    assert!(picks("host!=mx1", &fresh));
    assert!(picks("sender=<>", &fresh));
    assert!(picks("level=try", &fresh), "the default level counts where nothing is demanded");
    let held = Held { by: "ops".into(), at: None, reason: None, damaged: false };
    assert!(picks("held_by=ops", &QueueEntry { held: Some(held), ..fresh }));
}

#[test]
fn and_binds_before_or_and_not_before_and() {
    assert!(picks("state=waiting or state=held and state=sending", &entry()));
    assert!(!picks("(state=waiting or state=held) and state=sending", &entry()));
    assert!(!picks("not state=waiting and state=waiting", &entry()));
}

#[test]
fn an_error_says_where_what_and_what_to_do() {
    for (text, column, problem, remedy) in [
        ("", 1, "missing", "domain="),
        ("domain=a and lvel=try", 14, "\"lvel\" is no field", "Did you mean \"level\"?"),
        ("colour=red", 1, "is no field", "The fields are id, message"),
        ("level=high", 7, "is no level", "plain, try, require"),
        ("state=parked", 7, "is no state", "waiting, sending or held"),
        ("why=starttls-not-ofered", 5, "is no cause", "Did you mean \"starttls-not-offered\"?"),
        ("attempts>many", 10, "is no number", "digits"),
        ("age>2 hours", 5, "is no duration", "number and a unit"),
        ("next<soon", 6, "is no time", "2026-11-24"),
        ("warned=perhaps", 8, "is no answer", "yes or no"),
        ("domain<b", 7, "have no order", "`=` or `!=`"),
        ("domain", 7, "missing", "= != <"),
        ("domain=", 8, "compared with nothing", "quotes"),
        ("(domain=a", 1, "not closed", "`)`"),
        ("domain=a)", 9, "closes nothing", "away"),
        ("domain=a state=held", 10, "before \"state\"", "`and` or `or`"),
        ("domain=\"a", 8, "not closed", "ends"),
        ("domain=\"a\\b\"", 10, "backslash", "quotes"),
        ("domain=ä and ö=1", 14, "is no field", "fields are"),
        ("domain=a and", 13, "missing", "age>2h"),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.problem.contains(problem), "{text}: {error}");
        assert!(error.remedy.contains(remedy), "{text}: {error}");
    }
}

#[test]
fn no_depth_of_nesting_overflows() {
    let deep = format!("{}domain=a{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(parse(&deep).unwrap_err().problem.contains("nested"));
    assert!(parse(&"not ".repeat(100_000)).unwrap_err().problem.contains("nested"));
}

#[test]
fn a_pattern_of_many_stars_is_judged_at_once() {
    let pattern = format!("recipient={}b", "a*".repeat(200));
    let entry = QueueEntry { recipient: "a".repeat(2_000), ..entry() };
    assert!(!picks(&pattern, &entry));
}

fn test() -> impl Strategy<Value = Expression> {
    let operator = || {
        prop::sample::select(vec![
            Operator::Is,
            Operator::IsNot,
            Operator::Less,
            Operator::AtMost,
            Operator::Greater,
            Operator::AtLeast,
        ])
    };
    let period = || (1_u64..10_000_000).prop_map(|seconds| Period::from_millis(seconds).unwrap());
    let value = move |field: Field| match field.kind() {
        Kind::Pattern => any::<String>().prop_map(Value::Pattern).boxed(),
        Kind::Why => prop::sample::select(Why::ALL)
            .prop_map(|why| Value::Pattern(why.word().to_owned()))
            .boxed(),
        Kind::Level => prop::sample::select(&Level::ALL[..]).prop_map(Value::Level).boxed(),
        Kind::State => prop::sample::select(&EntryState::ALL[..]).prop_map(Value::State).boxed(),
        Kind::Number => any::<u32>().prop_map(Value::Number).boxed(),
        Kind::Age => period().prop_map(Value::Period).boxed(),
        Kind::Moment => prop_oneof![
            period().prop_map(Value::In),
            (0_i64..4_000_000_000).prop_map(|s| Value::At(Timestamp::from_millis(s * 1000))),
        ]
        .boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
    };
    (prop::sample::select(Field::ALL), operator()).prop_flat_map(move |(field, operator)| {
        let ordered = matches!(field.kind(), Kind::Level | Kind::Number | Kind::Age | Kind::Moment);
        let operator = if ordered { operator } else { Operator::IsNot };
        value(field).prop_map(move |value| Expression::Test(Test { field, operator, value }))
    })
}

fn expression() -> impl Strategy<Value = Expression> {
    test().prop_recursive(5, 40, 4, |inner| {
        // A list within a list of the same kind is printed in parentheses, and read so.
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(expression in expression()) {
        let filter = Filter(expression);
        prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), words in "(domain|=|\\(|\\)|\"| |and|not|or|x|\\\\|!){0,20}") {
        for text in [text, words] {
            if let Ok(filter) = parse(&text) {
                prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
            }
        }
    }
}
