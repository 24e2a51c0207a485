//! Orders given beside a gateway, without one, and before one starts.

use rusqlite::params;

use super::*;
use crate::{Author, Fate, Lane, Order, Refused};

fn ops() -> Author {
    Author::new("ops", Some("ticket 4711"))
}

fn report_lane() -> Lane {
    Lane { fingerprint: Lane::REPORT.into(), ..s::lane("partner.example") }
}

async fn order(store: &Embedded, order: Order) -> crate::Acted {
    store.queue_order(&Selection::All, order, &ops(), None).await.unwrap()
}

#[tokio::test]
async fn an_order_beside_a_gateway_is_carried_out_before_it_is_answered() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let id = bench.put(&serving, b"one\r\n").await;
    let tool = bench.tool().await;
    assert_eq!(order(&tool, Order::Hold).await.done.len(), 1);
    assert!(serving.ready(bench.clock.now()).is_empty());
    assert_eq!(serving.counts().await.unwrap().held, 1);
    assert_eq!(order(&tool, Order::Release).await.done.len(), 1);
    assert_eq!(serving.ready(bench.clock.now()).len(), 1);
    assert_eq!(order(&tool, Order::Bounce).await.done.len(), 1);
    let claims = serving.claim(&report_lane(), 9, bench.clock.now()).await.unwrap();
    assert!(matches!(claims[0].copy().fate, Fate::Returned { .. }));
    drop(claims);
    assert_eq!(order(&tool, Order::Delete).await.done.len(), 1);
    assert!(serving.queue_list().await.unwrap().is_empty());
    assert!(serving.ready(bench.clock.now()).is_empty());
    assert!(tool.message_bytes(id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_tool_knows_what_the_gateway_is_sending_and_that_goes_first() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let id = bench.put(&serving, b"one\r\n").await;
    let now = bench.clock.now();
    let claim = s::claim_one(&serving, "partner.example", now).await;
    let tool = bench.tool().await;
    let seen = tool.queue_list().await.unwrap();
    assert_eq!(seen[0].state, EntryState::Sending);
    let acted = order(&tool, Order::Bounce).await;
    assert_eq!((acted.done.len(), acted.sending.len()), (0, 1));
    assert_eq!(acted.sending[0].recipient, "anna@partner.example");
    assert!(serving.claim(&report_lane(), 9, now).await.unwrap().is_empty());
    serving.settle(claim.settle(|r| s::delivered(id, r, now))).await.unwrap();
    assert!(tool.queue_list().await.unwrap().is_empty());
    let events = tool.events(None).await.unwrap();
    let words: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(words, ["queue.bounce", "queue.too-late"]);
}

#[tokio::test]
async fn without_a_gateway_a_tool_carries_orders_out_itself() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let gone = bench.put(&serving, b"one\r\n").await;
    serving.close().await;
    drop(serving);
    let tool = bench.tool().await;
    assert_eq!(order(&tool, Order::Delete).await.done.len(), 1);
    assert!(tool.queue_list().await.unwrap().is_empty());
    assert!(tool.message_bytes(gone).await.unwrap().is_none());
    let serving = bench.serve().await;
    let kept = bench.put(&serving, b"two\r\n").await;
    serving.close().await;
    drop(serving);
    assert_eq!(order(&tool, Order::Bounce).await.done.len(), 1);
    tool.close().await;
    let serving = bench.serve().await;
    let claims = serving.claim(&report_lane(), 9, bench.clock.now()).await.unwrap();
    assert_eq!(claims[0].message().id, kept);
    let fate = Fate::Returned { by: "ops".into(), reason: Some("ticket 4711".into()) };
    assert_eq!(claims[0].copy().fate, fate);
}

#[tokio::test]
async fn what_was_ordered_during_an_attempt_that_a_crash_ended_is_carried_out_at_the_next_start() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    bench.put(&serving, b"one\r\n").await;
    let claim = s::claim_one(&serving, "partner.example", bench.clock.now()).await;
    let tool = bench.tool().await;
    assert_eq!(order(&tool, Order::Bounce).await.sending.len(), 1);
    serving.close().await;
    drop((claim, serving));
    let serving = bench.serve().await;
    assert_eq!(serving.claim(&report_lane(), 9, bench.clock.now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_understood_is_held_and_stops_nobody() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let (broken, good) =
        (bench.put(&serving, b"one\r\n").await, bench.put(&serving, b"two\r\n").await);
    serving.close().await;
    drop(serving);
    let connection = rusqlite::Connection::open(bench.dir.path().join("gatepost.db")).unwrap();
    connection
        .execute(
            "UPDATE copy SET recipients = '?' WHERE message = ?1",
            params![broken.ulid().to_bytes()],
        )
        .unwrap();
    drop(connection);
    let serving = bench.serve().await;
    let claim = s::claim_one(&serving, "partner.example", bench.clock.now()).await;
    assert_eq!(claim.message().id, good);
    assert!(serving.ready(bench.clock.now()).is_empty());
    assert_eq!(serving.counts().await.unwrap().held, 1);
    assert_eq!(serving.queue_list().await.unwrap().len(), 1);
    let events = serving.events(None).await.unwrap();
    let event = events.iter().find(|event| event.what == "store.row-unreadable").unwrap();
    assert_eq!(event.message, Some(broken));
    // A tool's change about it stops no other change.
    let tool = bench.tool().await;
    assert_eq!(order(&tool, Order::Hold).await.picked, 1);
    serving.settle(claim.settle(|r| s::deferred(good, r, bench.clock.now()))).await.unwrap();
    assert_eq!(order(&tool, Order::Release).await.done.len(), 1);
}

#[tokio::test]
async fn a_damaged_message_is_not_released_and_can_be_bounced() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    bench.put(&serving, b"one\r\n").await;
    serving.close().await;
    drop(serving);
    let segment = bench.bodies().pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(5).position(|part| part == b"one\r\n").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let serving = bench.serve().await;
    // A segment that was closed in order is believed until its body is wanted.
    for claim in serving.claim(&s::lane("partner.example"), 9, bench.clock.now()).await.unwrap() {
        assert!(serving.body(&claim).await.unwrap_err().is_damage());
    }
    let queue = serving.queue_list().await.unwrap();
    assert!(queue[0].held.as_ref().unwrap().damaged);
    let refused = order(&serving, Order::Release).await.refused;
    assert_eq!(refused, [(queue[0].id, Refused::Damaged)]);
    assert_eq!(order(&serving, Order::Bounce).await.done.len(), 1);
    let mut claims = serving.claim(&report_lane(), 9, bench.clock.now()).await.unwrap();
    let report = claims.pop().unwrap();
    assert!(serving.body(&report).await.unwrap_err().is_damage());
    let (id, now) = (report.message().id, bench.clock.now());
    serving.settle(report.settle(|r| s::bounced(id, r, now))).await.unwrap();
    assert!(serving.queue_list().await.unwrap().is_empty(), "it is reported, and gone");
}

/// A store that was closed with messages in it about which a tool had ordered
/// `Bounce` while they were being sent.
async fn ordered_and_closed(bench: &Bench, count: usize) -> Vec<MessageId> {
    let serving = bench.serve().await;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(bench.put(&serving, b"one\r\n").await);
    }
    let lane = s::lane("partner.example");
    let claims = serving.claim(&lane, 9, bench.clock.now()).await.unwrap();
    let tool = bench.tool().await;
    assert_eq!(order(&tool, Order::Bounce).await.sending.len(), count);
    tool.close().await;
    serving.close().await;
    drop((claims, serving));
    ids
}

fn database(bench: &Bench) -> rusqlite::Connection {
    rusqlite::Connection::open(bench.dir.path().join("gatepost.db")).unwrap()
}

#[tokio::test]
async fn a_start_that_fails_while_it_carries_orders_out_leaves_every_copy_whole() {
    for write in ["INSERT", "DELETE"] {
        let bench = Bench::new();
        ordered_and_closed(&bench, 1).await;
        let connection = database(&bench);
        let trigger = format!(
            "CREATE TRIGGER full BEFORE {write} ON copy BEGIN SELECT RAISE(ABORT, 'x'); END"
        );
        connection.execute_batch(&trigger).unwrap();
        assert!(open(bench.dir.path(), s::options(&bench.clock), Mode::Serve).await.is_err());
        let copies = "SELECT count(*) FROM copy";
        let count: i64 = connection.query_row(copies, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1, "after a failed {write}");
        connection.execute_batch("DROP TRIGGER full").unwrap();
        drop(connection);
        let serving = bench.serve().await;
        assert_eq!(serving.claim(&report_lane(), 9, bench.clock.now()).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_order_in_a_row_that_cannot_be_understood_does_not_keep_the_store_from_opening() {
    let bench = Bench::new();
    let ids = ordered_and_closed(&bench, 2).await;
    let connection = database(&bench);
    let broken = "UPDATE copy SET json = '?' WHERE message = ?1";
    connection.execute(broken, params![ids[0].ulid().to_bytes()]).unwrap();
    drop(connection);
    for _ in 0..2 {
        let serving = bench.serve().await;
        let reports = serving.claim(&report_lane(), 9, bench.clock.now()).await.unwrap();
        assert_eq!(reports.len(), 1, "its neighbour goes on");
        assert_eq!(reports[0].message().id, ids[1]);
        assert_eq!(serving.counts().await.unwrap().held, 1);
        let events = serving.events(None).await.unwrap();
        let noted = events.iter().filter(|event| event.what == "store.row-unreadable");
        assert_eq!(noted.map(|event| event.message).collect::<Vec<_>>(), [Some(ids[0])]);
        serving.close().await;
    }
}

#[tokio::test]
async fn an_attempt_that_began_after_the_gateway_was_asked_still_goes_first() {
    for what in [Order::Hold, Order::Delete, Order::Bounce] {
        let bench = Bench::new();
        let serving = bench.serve().await;
        let id = bench.put(&serving, b"one\r\n").await;
        let now = bench.clock.now();
        let tool = bench.tool().await;
        let claim = s::claim_one(&serving, "partner.example", now).await;
        let orders = crate::order::Orders { order: what, author: ops(), now };
        // As if the gateway had been asked before the claim.
        let given = tool.give_knowing(&Selection::All, orders, None, Default::default());
        let settled = async {
            until("it is written", async || !serving.events(None).await.unwrap().is_empty()).await;
            serving.settle(claim.settle(|r| s::delivered(id, r, now))).await.unwrap();
        };
        let (acted, ()) = tokio::join!(given, settled);
        let acted = acted.unwrap();
        assert_eq!((acted.done.len(), acted.sending.len()), (0, 1));
        assert_eq!(acted.sending[0].message, id);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_understood_is_refused_alone_and_can_be_deleted() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let broken = bench.put(&serving, b"one\r\n").await;
    bench.put(&serving, b"two\r\n").await;
    serving.close().await;
    drop(serving);
    let update = "UPDATE message SET json = '?' WHERE id = ?1";
    database(&bench).execute(update, params![broken.ulid().to_bytes()]).unwrap();
    let tool = bench.tool().await;
    let author = ops();
    let counted = |order| tool.queue_order(&Selection::All, order, &author, Some(2));
    let acted = counted(Order::Bounce).await.unwrap();
    let refused: Vec<Refused> = acted.refused.iter().map(|(_, why)| *why).collect();
    assert_eq!((acted.done.len(), refused), (1, vec![Refused::Unreadable]));
    assert_eq!(tool.queue_pick(&Selection::All).await.unwrap().len(), 1);
    let acted = counted(Order::Delete).await.unwrap();
    assert_eq!((acted.done.len(), acted.refused.len()), (2, 0));
    assert!(tool.queue_list().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_other_processes_did_is_followed_a_batch_at_a_time_until_nothing_is_left() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let id = bench.put(&serving, b"one\r\n").await;
    let left = serving.act(move |connection, core| {
        let json =
            serde_json::to_string(&changes::Change::Touched(id)).map_err(StoreError::from)?;
        for _ in 0..changes::BATCH * 2 + 1 {
            connection.execute("INSERT INTO change (json) VALUES (?1)", [&json])?;
        }
        changes::follow().run(connection, core)?;
        let left = connection.query_row("SELECT count(*) FROM change", [], |row| row.get(0))?;
        Ok((left, Vec::new()))
    });
    let left: isize = left.await.unwrap();
    assert_eq!(left.unsigned_abs(), changes::BATCH + 1);
    // A tool's order comes behind them.
    let tool = bench.tool().await;
    assert_eq!(order(&tool, Order::Hold).await.done.len(), 1);
    let any = tool.core.read(|connection| Ok(changes::any(connection)?)).await.unwrap();
    assert!(!any && serving.ready(bench.clock.now()).is_empty());
}
