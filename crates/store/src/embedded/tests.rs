mod orders;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gatepost_policy::{document::PolicyDocument, id::MessageId};

use super::*;
use crate::{
    Author, Dispatch as _, Enqueue as _, EntryState, Hit, Inspect as _, Journal as _, ManualClock,
    Named, NewMessage, Retention, Rulebook as _, Selection, Settings as _, Unhealthy, samples as s,
};

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: s::clock() }
    }

    async fn serve(&self) -> Embedded {
        s::serve(self.dir.path(), &self.clock).await
    }

    async fn tool(&self) -> Embedded {
        open(self.dir.path(), s::options(&self.clock), Mode::Tool).await.unwrap()
    }

    fn bodies(&self) -> Vec<PathBuf> {
        files(&self.dir.path().join("bodies"))
    }

    async fn put(&self, store: &Embedded, body: &[u8]) -> MessageId {
        let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
        let message = s::message(store.mint(), self.clock.now());
        s::put(store, body, NewMessage { copies, ..message }).await
    }

    async fn deliver_all(&self, store: &Embedded, but: &[MessageId]) {
        let lane = s::lane("partner.example");
        let now = self.clock.now();
        for claim in store.claim(&lane, 10_000, now).await.unwrap() {
            let id = claim.message().id;
            if !but.contains(&id) {
                let settlement = claim.settle(|recipient| s::delivered(id, recipient, now));
                store.settle(settlement).await.unwrap();
            }
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Waits for a state, not for an event.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

/// Makes the database fail, as a disk does that gives an error. It stays so until the clock is moved.
async fn break_database(store: &Embedded) {
    let failed = store.act::<()>(|_, _| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    });
    assert!(failed.await.is_err());
}

#[tokio::test]
async fn a_second_serving_process_is_told_who_holds_the_store() {
    let bench = Bench::new();
    let first = bench.serve().await;
    let second = open(bench.dir.path(), s::options(&bench.clock), Mode::Serve).await;
    let error = second.err().unwrap();
    assert!(
        matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    first.close().await;
    bench.serve().await;
}

#[tokio::test]
async fn a_closed_store_takes_nothing() {
    let bench = Bench::new();
    let store = bench.serve().await;
    store.close().await;
    let message = s::message(store.mint(), bench.clock.now());
    let staged = store.stage(None).unwrap().finish();
    let error = crate::Enqueue::commit(&store, staged, message).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Closed), "{error:?}");
}

#[tokio::test]
async fn mail_that_a_dead_process_had_in_hand_is_due_at_once() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let id = bench.put(&store, b"x\r\n").await;
    let claim = s::claim_one(&store, "partner.example", bench.clock.now()).await;
    store.close().await;
    let store = bench.serve().await;
    assert_eq!(s::claim_one(&store, "partner.example", bench.clock.now()).await.message().id, id);
    drop(claim);
}

#[tokio::test]
async fn a_damaged_record_of_the_tail_is_kept_and_never_sent() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let damaged = bench.put(&store, b"one\r\n").await;
    bench.clock.advance(Duration::from_millis(1));
    let good = bench.put(&store, b"two\r\n").await;
    store.close().await;
    drop(store);
    let segment = bench.bodies().pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(5).position(|window| window == b"one\r\n").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();

    for _ in 0..2 {
        let store = bench.serve().await;
        let claim = s::claim_one(&store, "partner.example", bench.clock.now()).await;
        assert_eq!(claim.message().id, good);
        let states: Vec<_> = store
            .queue_list()
            .await
            .unwrap()
            .iter()
            .map(|entry| (entry.message, entry.state))
            .collect();
        assert_eq!(states, [(damaged, EntryState::Held), (good, EntryState::Sending)]);
        assert_eq!(store.counts().await.unwrap().held, 1);
        assert!(store.message_bytes(damaged).await.unwrap_err().is_damage());
        let events = store.events(None).await.unwrap();
        let told: Vec<_> =
            events.iter().map(|event| (event.what.as_str(), event.message)).collect();
        assert_eq!(told, [("store.body-damaged", Some(damaged))]);
        drop(claim);
        store.close().await;
    }
}

#[tokio::test]
async fn a_torn_tail_costs_only_the_record_that_is_torn() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let whole = bench.put(&store, b"one\r\n").await;
    let torn = bench.put(&store, b"two\r\n").await;
    store.close().await;
    drop(store);
    let segment = bench.bodies().pop().unwrap();
    let length = fs::metadata(&segment).unwrap().len();
    fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(length - 7).unwrap();
    let store = bench.serve().await;
    let claim = s::claim_one(&store, "partner.example", bench.clock.now()).await;
    assert_eq!(claim.message().id, whole);
    assert_eq!(store.body(&claim).await.unwrap().read_all().await.unwrap(), b"one\r\n");
    assert!(store.message_bytes(torn).await.unwrap_err().is_damage());
}

#[tokio::test]
async fn damage_that_delivery_finds_holds_the_message() {
    let bench = Bench::new();
    let store = bench.serve().await;
    bench.put(&store, b"one\r\n").await;
    let big = vec![b'x'; crate::IN_MEMORY * 2];
    bench.put(&store, &big).await;
    store.close().await;
    drop(store);
    // Once more, so that the segment is sealed and believed.
    bench.serve().await.close().await;
    for file in bench.bodies() {
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(&file, &bytes).unwrap();
    }
    let store = bench.serve().await;
    let now = bench.clock.now();
    let claims = store.claim(&s::lane("partner.example"), 10, now).await.unwrap();
    assert_eq!(claims.len(), 2);
    for claim in claims {
        assert!(store.body(&claim).await.unwrap_err().is_damage());
        store.release(claim);
    }
    assert!(store.ready(now).is_empty());
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.sending, counts.held), (0, 0, 2));
}

#[tokio::test]
async fn a_held_message_outlives_the_attempt_that_found_the_damage() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(bench.put(&store, b"one\r\n").await);
        bench.clock.advance(Duration::from_millis(1));
    }
    let now = bench.clock.now();
    let claims = store.claim(&s::lane("partner.example"), 10, now).await.unwrap();
    for (claim, how) in claims.into_iter().zip([s::deferred, s::bounced, s::delivered]) {
        let id = claim.message().id;
        store
            .act(move |connection, core| Ok(((), queue::hold_damaged(connection, core, id)?)))
            .await
            .unwrap();
        store.settle(claim.settle(|recipient| how(id, recipient, now))).await.unwrap();
    }
    bench.clock.advance(Duration::from_secs(86_400));
    assert!(store.ready(bench.clock.now()).is_empty());
    assert_eq!(store.counts().await.unwrap().held, 2);
    let queued = store.queue_list().await.unwrap();
    let states: Vec<_> = queued.iter().map(|entry| (entry.message, entry.state)).collect();
    assert_eq!(states, [(ids[0], EntryState::Held), (ids[1], EntryState::Held)]);
}

#[tokio::test]
async fn a_body_file_that_cannot_be_read_is_no_damage() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let id = bench.put(&store, b"one\r\n").await;
    store.close().await;
    drop(store);
    let segment = bench.bodies().pop().unwrap();
    let away = bench.dir.path().join("away");
    fs::rename(&segment, &away).unwrap();
    fs::create_dir(&segment).unwrap();
    let refused = open(bench.dir.path(), s::options(&bench.clock), Mode::Serve).await;
    let error = refused.err().unwrap();
    assert!(matches!(&error, OpenError::File { path, .. } if *path == segment), "{error}");
    fs::remove_dir(&segment).unwrap();
    fs::rename(&away, &segment).unwrap();
    let store = bench.serve().await;
    assert_eq!(s::claim_one(&store, "partner.example", bench.clock.now()).await.message().id, id);
}

#[tokio::test]
async fn a_held_message_whose_record_is_whole_again_is_sent() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let id = bench.put(&store, b"one\r\n").await;
    store.close().await;
    drop(store);
    let segment = bench.bodies().pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, b"other").unwrap();
    let store = bench.serve().await;
    assert_eq!(store.counts().await.unwrap().held, 1);
    store.close().await;
    drop(store);
    fs::write(&segment, &whole).unwrap();
    let store = bench.serve().await;
    assert_eq!(store.counts().await.unwrap().held, 0);
    assert_eq!(s::claim_one(&store, "partner.example", bench.clock.now()).await.message().id, id);
    let events = store.events(None).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(told, ["store.body-damaged", "store.body-whole"]);
}

#[tokio::test]
async fn a_missing_body_file_is_damage_too() {
    let bench = Bench::new();
    let store = bench.serve().await;
    bench.put(&store, b"one\r\n").await;
    bench.put(&store, &vec![b'x'; crate::IN_MEMORY * 2]).await;
    store.close().await;
    drop(store);
    bench.bodies().iter().for_each(|file| fs::remove_file(file).unwrap());
    let store = bench.serve().await;
    assert_eq!(store.counts().await.unwrap().held, 2);
    assert!(store.ready(bench.clock.now()).is_empty());
}

#[tokio::test]
async fn what_has_no_row_goes_at_the_next_start() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let kept = bench.put(&store, &vec![b'x'; crate::IN_MEMORY * 2]).await;
    store.close().await;
    drop(store);
    let bodies = bench.dir.path().join("bodies");
    let orphan = MessageId::from_ulid(ulid::Ulid::from_parts(1, 1));
    fs::write(bodies.join(format!("{orphan}.body")), b"x").unwrap();
    fs::write(bodies.join("0000000099.segment"), b"x").unwrap();
    fs::write(bench.dir.path().join("incoming/abc.part"), b"x").unwrap();
    fs::write(bodies.join("notes.txt"), b"not ours").unwrap();
    let store = bench.serve().await;
    let names: Vec<_> = bench
        .bodies()
        .iter()
        .map(|p| p.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, [format!("{kept}.body"), "notes.txt".to_owned()]);
    assert!(files(&bench.dir.path().join("incoming")).is_empty());
    store.close().await;
}

#[tokio::test]
async fn a_body_that_was_not_committed_leaves_nothing_behind() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let mut staging = store.stage(None).unwrap();
    for _ in 0..40 {
        staging.append(&[b'x'; 30_000]).await.unwrap();
    }
    assert_eq!((staging.len(), staging.head().len()), (1_200_000, crate::HEAD));
    let incoming = bench.dir.path().join("incoming");
    assert_eq!(files(&incoming).len(), 1);
    drop(staging.finish());
    assert!(files(&incoming).is_empty());
}

#[tokio::test]
async fn files_go_when_nobody_needs_them_and_sparse_segments_are_emptied() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let big = bench.put(&store, &vec![b'x'; crate::IN_MEMORY * 2]).await;
    // Segments hold 64 KiB here.
    let mut kept = Vec::new();
    for round in 0..40_u8 {
        let id = bench.put(&store, &vec![b'a' + round % 26; 10_000]).await;
        if round % 20 == 3 {
            kept.push(id);
        }
    }
    assert!(bench.bodies().len() > 6);
    bench.deliver_all(&store, &kept).await;
    assert!(store.message_bytes(big).await.unwrap().is_none());
    until("only the needed is left", async || bench.bodies().len() <= 2).await;
    let claims = store.claim(&s::lane("partner.example"), 99, bench.clock.now()).await.unwrap();
    assert_eq!(claims.len(), 2);
    for claim in claims {
        let letter = if claim.message().id == kept[0] { b'd' } else { b'x' };
        let body = store.message_bytes(claim.message().id).await.unwrap().unwrap();
        assert_eq!(body.read_all().await.unwrap(), vec![letter; 10_000]);
    }
    store.close().await;
    drop(store);
    let store = bench.serve().await;
    let body = store.message_bytes(kept[1]).await.unwrap().unwrap();
    assert_eq!(body.read_all().await.unwrap(), vec![b'x'; 10_000]);
    bench.deliver_all(&store, &[]).await;
    // The one that is being written stays.
    until("no sealed segment is left", async || bench.bodies().len() <= 1).await;
}

#[tokio::test]
async fn another_process_is_heard_within_a_second() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let id = bench.put(&serving, b"one\r\n").await;
    let claim = s::claim_one(&serving, "partner.example", bench.clock.now()).await;
    let settlement = claim.settle(|r| s::deferred(id, r, bench.clock.now()));
    serving.settle(settlement).await.unwrap();
    let quarantined = vec![s::quarantined(&["ben@two.example"], bench.clock.now())];
    let message = s::message(serving.mint(), bench.clock.now());
    let held = s::put(&serving, b"two\r\n", NewMessage { quarantined, ..message }).await;
    assert!(serving.ready(bench.clock.now()).is_empty());

    let tool = bench.tool().await;
    assert_eq!(tool.queue_list().await.unwrap().len(), 1);
    assert_eq!(tool.retry(&Selection::All, &Author::new("root", Some("now"))).await.unwrap(), 1);
    until("the retry is seen", async || serving.ready(bench.clock.now()).len() == 1).await;
    assert_eq!(
        tool.quarantine_release(&Selection::All, &Author::new("root", None)).await.unwrap(),
        1
    );
    until("the release is seen", async || serving.ready(bench.clock.now()).len() == 2).await;
    let claim = s::claim_one(&serving, "two.example", bench.clock.now()).await;
    assert_eq!(claim.message().id, held);
    assert_eq!(serving.body(&claim).await.unwrap().read_all().await.unwrap(), b"two\r\n");
    let bytes = tool.message_bytes(held).await.unwrap().unwrap();
    assert_eq!(bytes.read_all().await.unwrap(), b"two\r\n");

    let document = PolicyDocument::default();
    let done =
        crate::Settings::commit(&tool, None, &document, &Author::new("root", None)).await.unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(10), serving.changed_revision(1)).await;
    assert_eq!((seen.unwrap(), done.revision), (2, 2));
}

#[tokio::test]
async fn what_another_process_deletes_takes_its_body_along() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let message = s::message(serving.mint(), bench.clock.now());
    let quarantined = vec![s::quarantined(&["ben@two.example"], bench.clock.now())];
    let body = vec![b'x'; crate::IN_MEMORY * 2];
    s::put(&serving, &body, NewMessage { quarantined, ..message }).await;
    assert_eq!(bench.bodies().len(), 1);
    let tool = bench.tool().await;
    assert_eq!(
        tool.quarantine_delete(&Selection::All, &Author::new("root", None)).await.unwrap(),
        1
    );
    until("the file is gone", async || bench.bodies().is_empty()).await;
}

#[tokio::test]
async fn a_retry_from_another_process_during_an_attempt_takes_effect_when_it_ends() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let id = bench.put(&serving, b"one\r\n").await;
    let now = bench.clock.now();
    let claim = s::claim_one(&serving, "partner.example", now).await;
    let tool = bench.tool().await;
    assert_eq!(tool.retry(&Selection::All, &Author::new("root", None)).await.unwrap(), 1);
    // Whether it is heard before the attempt ends or after it.
    serving.settle(claim.settle(|r| s::deferred(id, r, now))).await.unwrap();
    until("the retry has taken effect", async || serving.ready(now).len() == 1).await;
    let claim = s::claim_one(&serving, "partner.example", now).await;
    assert_eq!(claim.copy().attempts, 1);
}

#[tokio::test]
async fn what_other_processes_did_without_a_gateway_is_there_when_one_starts() {
    let bench = Bench::new();
    let serving = bench.serve().await;
    let message = s::message(serving.mint(), bench.clock.now());
    let quarantined = vec![s::quarantined(&["ben@two.example"], bench.clock.now())];
    s::put(&serving, b"two\r\n", NewMessage { quarantined, ..message }).await;
    serving.close().await;
    drop(serving);
    let tool = bench.tool().await;
    tool.quarantine_release(&Selection::All, &Author::new("root", None)).await.unwrap();
    tool.close().await;
    let serving = bench.serve().await;
    let claim = s::claim_one(&serving, "two.example", bench.clock.now()).await;
    assert_eq!(serving.body(&claim).await.unwrap().read_all().await.unwrap(), b"two\r\n");
}

#[tokio::test]
async fn a_tool_takes_no_mail_and_hands_none_out() {
    let bench = Bench::new();
    let tool = bench.tool().await;
    assert!(tool.accepting().is_err());
    assert!(matches!(tool.stage(None).unwrap_err().cause, Cause::NotServing));
    assert!(tool.ready(bench.clock.now()).is_empty());
}

#[tokio::test]
async fn below_the_reserve_no_mail_is_taken_and_queued_mail_still_leaves() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let id = bench.put(&store, b"one\r\n").await;
    store.close().await;
    drop(store);
    let options = Options { disk_reserve: Some(u64::MAX), ..s::options(&bench.clock) };
    let store = open(bench.dir.path(), options, Mode::Serve).await.unwrap();
    assert!(matches!(store.accepting(), Err(Unhealthy::DiskReserve { reserve: u64::MAX, .. })));
    let cause = store.stage(None).unwrap_err().cause;
    assert!(matches!(cause, Cause::Unhealthy(Unhealthy::DiskReserve { .. })), "{cause:?}");
    let claim = s::claim_one(&store, "partner.example", bench.clock.now()).await;
    let settlement = claim.settle(|r| s::delivered(id, r, bench.clock.now()));
    store.settle(settlement).await.unwrap();
    assert!(store.queue_list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_would_go_below_the_reserve_is_refused_at_its_size() {
    let bench = Bench::new();
    let store = bench.serve().await;
    assert!(store.stage(Some(1000)).is_ok());
    let error = store.stage(Some(u64::MAX)).unwrap_err();
    assert!(matches!(error.cause, Cause::Unhealthy(_)), "{error:?}");
}

#[tokio::test]
async fn a_segment_that_cannot_be_written_stops_intake_until_a_new_one_can() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let (bodies, away) = (bench.dir.path().join("bodies"), bench.dir.path().join("away"));
    fs::rename(&bodies, &away).unwrap();
    let message = s::message(store.mint(), bench.clock.now());
    let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
    let message = NewMessage { copies, ..message };
    let mut staging = store.stage(None).unwrap();
    staging.append(b"one\r\n").await.unwrap();
    let error = crate::Enqueue::commit(&store, staging.finish(), message).await.unwrap_err();
    assert_eq!(error.certainty, crate::Certainty::NotApplied);
    assert!(matches!(store.accepting(), Err(Unhealthy::Fault { .. })));
    assert!(store.queue_list().await.unwrap().is_empty());
    // Rows are still written.
    store.append(Vec::new()).await.unwrap();
    fs::rename(&away, &bodies).unwrap();
    until("it is well again", async || {
        bench.clock.advance(Duration::from_secs(5));
        store.accepting().is_ok()
    })
    .await;
    bench.put(&store, b"two\r\n").await;
    assert_eq!(store.queue_list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn those_who_wait_together_are_committed_together() {
    struct Count(Mutex<Vec<usize>>);
    impl Observer for Count {
        fn committed(&self, operations: usize, _took: Duration) {
            self.0.lock().unwrap().push(operations);
        }
    }
    let bench = Bench::new();
    let count = Arc::new(Count(Mutex::default()));
    let observer: Arc<dyn Observer> = Arc::<Count>::clone(&count);
    let options = Options { observer: Some(observer), ..s::options(&bench.clock) };
    let store = open(bench.dir.path(), options, Mode::Serve).await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (store, now) = (store.clone(), bench.clock.now());
        all.spawn(async move { s::send(&store, now, "anna@partner.example").await });
    }
    while let Some(sent) = all.join_next().await {
        sent.unwrap();
    }
    let groups = count.0.lock().unwrap().clone();
    assert_eq!(groups.iter().sum::<usize>(), 64);
    assert!(groups.len() < 64, "{groups:?}");
    assert_eq!(store.ready(bench.clock.now()).first().map(|ready| ready.count), Some(64));
}

#[tokio::test]
async fn a_message_whose_id_is_taken_is_refused_without_harm_to_its_neighbours() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let taken = bench.put(&store, b"one\r\n").await;
    let now = bench.clock.now();
    let mut all = tokio::task::JoinSet::new();
    for twice in [true, false, true, false] {
        let store = store.clone();
        let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
        let id = if twice { taken } else { store.mint() };
        let message = NewMessage { copies, ..s::message(id, now) };
        all.spawn(async move {
            let mut staging = store.stage(None).unwrap();
            staging.append(b"two\r\n").await.unwrap();
            (twice, crate::Enqueue::commit(&store, staging.finish(), message).await.is_ok())
        });
    }
    while let Some(done) = all.join_next().await {
        let (twice, stored) = done.unwrap();
        assert_ne!(twice, stored);
    }
    assert!(store.accepting().is_ok());
    assert_eq!(store.ready(now).first().map(|ready| ready.count), Some(3));
}

#[tokio::test]
async fn nobody_else_can_read_what_the_store_holds() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let clock = s::clock();
    let store = s::serve(&dir, &clock).await;
    let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
    for body in [vec![b'x'; 10], vec![b'x'; 2 * crate::body::IN_MEMORY]] {
        let message = s::message(store.mint(), clock.now());
        s::put(&store, &body, NewMessage { copies: copies.clone(), ..message }).await;
    }
    let mut folders = vec![dir];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
            assert_eq!(mode, 0, "{} is open to others", entry.path().display());
            seen += 1;
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    assert!(seen >= 6, "the database, its log, the lock, two folders and two bodies: {seen}");
}

#[tokio::test]
async fn a_busy_store_below_its_reserve_writes_rows_again_after_a_fault() {
    let bench = Bench::new();
    let options = Options { disk_reserve: Some(u64::MAX), ..s::options(&bench.clock) };
    let store = open(bench.dir.path(), options, Mode::Serve).await.unwrap();
    break_database(&store).await;
    assert!(store.append(Vec::new()).await.is_err());
    let busy = async {
        while store.append(Vec::new()).await.is_err() {
            bench.clock.advance(Duration::from_secs(5));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), busy).await.unwrap();
    assert!(store.accepting().is_err());
}

#[tokio::test]
async fn a_large_body_that_was_refused_is_removed() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let big = vec![b'x'; crate::IN_MEMORY * 2];
    let kept = bench.put(&store, &big).await;
    let mut staging = store.stage(None).unwrap();
    staging.append(&big).await.unwrap();
    let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
    let message = NewMessage { copies, ..s::message(store.mint(), bench.clock.now()) };
    let id = message.id;
    // The row is there: the message is refused when its body has its place.
    store
        .act(move |connection, _| {
            let sql = "INSERT INTO message (id, at, sender, subject, size, position, record, json)
                       VALUES (?1, 0, '', '', 0, 0, 0, '')";
            connection.execute(sql, [rows::blob(id.ulid())])?;
            Ok(((), Vec::new()))
        })
        .await
        .unwrap();
    crate::Enqueue::commit(&store, staging.finish(), message).await.unwrap_err();
    until("its file is gone", async || bench.bodies().len() == 1).await;
    assert!(store.message_bytes(kept).await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_is_taken_or_handed_out_once_the_thread_that_writes_has_panicked() {
    let bench = Bench::new();
    let store = bench.serve().await;
    bench.put(&store, b"one\r\n").await;
    let panicked = store.act::<()>(|_, _| panic!("as a defect would")).await.unwrap_err();
    assert_eq!(panicked.certainty, crate::Certainty::Unknown);
    until("it is known", async || store.accepting().is_err()).await;
    let claimed = store.claim(&s::lane("partner.example"), 1, bench.clock.now()).await;
    assert!(matches!(claimed.unwrap_err().cause, Cause::Unhealthy(Unhealthy::Fault { .. })));
}

#[tokio::test]
async fn mail_whose_sender_gave_up_before_it_was_written_is_dropped() {
    let bench = Bench::new();
    let store = bench.serve().await;
    let (go, wait) = mpsc::channel::<()>();
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let mut busy = tokio::task::JoinSet::new();
    let writes = store.clone();
    busy.spawn(async move {
        let work = move |_: &rusqlite::Connection, _: &Core| {
            begun.send(()).ok();
            wait.recv().ok();
            Ok(((), Vec::new()))
        };
        writes.act(work).await
    });
    begins.recv().await.unwrap();
    for body in [vec![b'x'; 10], vec![b'x'; crate::IN_MEMORY * 2]] {
        let mut staging = store.stage(None).unwrap();
        staging.append(&body).await.unwrap();
        let copies = vec![s::copy(&["anna@partner.example"], vec![s::require()])];
        let message = NewMessage { copies, ..s::message(store.mint(), bench.clock.now()) };
        let commit = crate::Enqueue::commit(&store, staging.finish(), message);
        tokio::time::timeout(Duration::from_millis(300), commit).await.unwrap_err();
    }
    drop(go);
    busy.join_next().await.unwrap().unwrap().unwrap();
    store.append(Vec::new()).await.unwrap();
    assert!(store.queue_list().await.unwrap().is_empty());
    until("no large body is left", async || {
        bench.bodies().iter().all(|path| path.extension().is_some_and(|end| end == "segment"))
    })
    .await;
}

#[tokio::test]
async fn ids_and_counts_survive_a_restart_and_old_hours_go() {
    let bench = Bench::new();
    let text = "[[rule]]\nname = \"Enforce\"\n";
    let document = PolicyDocument::parse_toml(text, "policy.toml").unwrap().document;
    let hit = |last| Hit { rule: "Enforce".into(), shadow: false, count: 4, last };
    let store = bench.serve().await;
    store.commit_renamed(None, &document, &[], &Author::new("root", None)).await.unwrap();
    let id = store.ids().await.unwrap().of(Named::Rule, "enforce").unwrap();
    store.count_hits(vec![hit(bench.clock.now())]).await.unwrap();
    store.close().await;
    drop(store);
    let store = bench.serve().await;
    assert_eq!(store.ids().await.unwrap().of(Named::Rule, "Enforce"), Some(id));
    bench.clock.advance(Duration::from_secs(91 * 24 * 3600));
    let now = bench.clock.now();
    store.count_hits(vec![hit(now)]).await.unwrap();
    let keep = Retention { history: Duration::from_secs(1), evidence: Duration::from_secs(1) };
    store.prune(now, keep).await.unwrap();
    let of_it = store.hits(now).await.unwrap().remove(&id.to_string()).unwrap();
    assert_eq!((of_it.live.total, of_it.live.last_24h), (8, 4));
    let hours = store
        .core
        .read(|connection| {
            Ok(connection
                .query_row("SELECT count(*) FROM rule_hit", [], |row| row.get::<_, i64>(0))?)
        })
        .await
        .unwrap();
    assert_eq!(hours, 1);
}
