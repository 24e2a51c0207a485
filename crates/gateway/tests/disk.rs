//! A disk that fails: EIO and ENOSPC injected into the calls that write and flush the store's own files.
//!
//! strace fails the calls, on those files alone, so sockets and wakers work on. Twenty runs differ in the file, the
//! call, the error, when it begins and whether it ends. In each one: what was answered 250 is delivered after a
//! restart on a good disk; after a flush has failed nothing is answered 250 any more and readiness is gone; the
//! process neither ends nor panics; and the log names the failure.

use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outside::client::{Client, Sent};
use outside::gateway::{Gateway, pause, say, wait_for};
use outside::{peers, programs, sink};

mod outside {
    pub(crate) mod client;
    pub(crate) mod gateway;
    pub(crate) mod peers;
    pub(crate) mod programs;
    pub(crate) mod sink;
}

const TEST: &str = "nothing that was answered 250 is lost when the disk fails";
const POLICY: &str = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";
const WRITES: &str = "write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate";
const FLUSHES: &str = "fsync,fdatasync,sync_file_range";
const SENDERS: usize = 4;
const MESSAGES: usize = 40;
/// A message that was begun this long after the failed flush, in seconds, was in no group flushed before it.
const GRACE: f64 = 0.1;

/// Which files of the store fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Files {
    /// The segments that hold bodies.
    Bodies,
    /// The write-ahead log of the database.
    Log,
    /// Every file of the store.
    All,
}

struct Run {
    files: Files,
    calls: &'static str,
    error: &'static str,
    /// Every call from some point on, or a single one.
    lasting: bool,
}

/// Twenty runs: every pairing of file, call and error, most of them both lasting and single.
fn runs() -> Vec<Run> {
    let mut runs = Vec::new();
    for lasting in [true, false] {
        for files in [Files::Bodies, Files::Log, Files::All] {
            for calls in [FLUSHES, WRITES] {
                for error in ["EIO", "ENOSPC"] {
                    // What a single failure on one file shows, it shows on all files too.
                    if lasting || files != Files::All {
                        runs.push(Run { files, calls, error, lasting });
                    }
                }
            }
        }
    }
    runs
}

#[test]
fn nothing_answered_250_is_lost_when_the_disk_fails() {
    if programs::command(TEST, "strace", &["/usr/bin/strace", "usr/bin/strace"]).is_none() {
        return;
    }
    let runs = runs();
    assert_eq!(runs.len(), 20);
    let (mut taken, mut refused, mut injected) = (0, 0, 0);
    for (number, run) in runs.iter().enumerate() {
        let Some(seen) = fail_and_recover(number, run) else { return };
        taken += seen.taken;
        refused += seen.refused;
        injected += seen.injected;
    }
    say(&format!(
        "disk faults: {} runs, {injected} calls failed, {taken} messages answered 250, {refused} refused, lost 0, \
         answered 250 after a failed flush 0",
        runs.len()
    ));
}

#[derive(Debug)]
struct Seen {
    taken: usize,
    refused: usize,
    injected: usize,
}

/// One run. None: this machine lets nobody trace, which has been said.
fn fail_and_recover(number: usize, run: &Run) -> Option<Seen> {
    // One site takes mail at once; the other is down until the disk is well again.
    let mut gateway = Gateway::prepare(POLICY, &[("now.test", 10), ("later.test", 11)]);
    let arrived: Arc<Mutex<HashSet<String>>> = Arc::default();
    listen(&gateway, 10, &arrived);
    gateway.start();
    let warm_up = send(gateway.smtp, "before", 5);
    assert!(warm_up.iter().all(|message| message.taken), "{warm_up:?}");

    let trace = gateway.folder.path().join("trace");
    let mut strace = inject(&gateway, run, &trace)?;
    let smtp = gateway.smtp;
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| scope.spawn(move || send(smtp, &format!("{number}-{sender}"), MESSAGES)))
            .collect();
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender ends")).collect()
    });
    // Deliveries are written down too, so a fault that began late still meets a call.
    pause(Duration::from_millis(300));
    let ready = ready(&gateway);
    let alive = gateway
        .child
        .as_mut()
        .is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()));
    assert!(alive, "run {number}: the process ended");
    gateway.kill();
    strace.wait().expect("strace ends with what it traced");

    let failures = failed_calls(&trace);
    assert!(
        !failures.is_empty(),
        "run {number}: nothing was injected; files {:?}, calls {}\n{}",
        run.files,
        run.calls,
        fs::read_to_string(&trace).unwrap_or_default()
    );
    let flushes = failures.iter().filter(|failure| failure.flush_of_mail);
    if let Some(at) = flushes.map(|failure| failure.at).reduce(f64::min) {
        for message in outcomes.iter().filter(|message| message.taken) {
            assert!(
                message.began < at + GRACE,
                "run {number}: {} was answered 250 after a flush had failed",
                message.id
            );
        }
        assert!(!ready, "run {number}: ready after a flush had failed");
    }
    let log = gateway.log();
    assert!(!log.contains("panicked"), "run {number}: a panic in the log");
    assert!(
        log_names_the_failure(&log),
        "run {number} ({}): the log does not say that the disk failed",
        run.error
    );

    gateway.start();
    listen(&gateway, 11, &arrived);
    let wanted: Vec<&str> = warm_up
        .iter()
        .chain(&outcomes)
        .filter(|message| message.taken)
        .map(|message| message.id.as_str())
        .collect();
    wait_for(
        "what was answered 250 to be delivered after the restart",
        Duration::from_secs(60),
        || {
            let arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.iter().all(|id| arrived.contains(*id))
        },
    );
    let refused = outcomes.len() + warm_up.len() - wanted.len();
    Some(Seen { taken: wanted.len(), refused, injected: failures.len() })
}

/// What became of one message.
#[derive(Debug)]
struct Outcome {
    id: String,
    /// When its sender began with it, seconds since the epoch, as strace writes times.
    began: f64,
    taken: bool,
}

/// Sends messages one by one, each once, half of them to the site that is down.
fn send(smtp: SocketAddr, name: &str, count: usize) -> Vec<Outcome> {
    let mut client: Option<Client> = None;
    let mut outcomes = Vec::new();
    for number in 0..count {
        let id = format!("{name}-{number}");
        let domain = if number % 2 == 0 { "now.test" } else { "later.test" };
        let began = seconds();
        let taken = match client.take().or_else(|| Client::connect(smtp).ok()) {
            Some(open) => {
                let (sent, kept) = open.send(&id, &format!("r{number}@{domain}"), 3000);
                client = kept;
                match sent {
                    Sent::Taken => true,
                    Sent::Refused(reply) => {
                        assert!(reply.starts_with('4'), "{id} was refused for good: {reply}");
                        false
                    }
                    Sent::Cut | Sent::Unknown => false,
                }
            }
            None => false,
        };
        outcomes.push(Outcome { id, began, taken });
        pause(Duration::from_millis(5));
    }
    outcomes
}

fn listen(gateway: &Gateway, last: u8, arrived: &Arc<Mutex<HashSet<String>>>) {
    let arrived = Arc::clone(arrived);
    sink::listen(SocketAddr::new(gateway.net.ip(last), gateway.net.port()), move |message| {
        arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sink::field(&message, "X-Run-Id"));
    });
}

/// Attaches strace, which from now on fails the calls of `run`. None where nobody may trace.
fn inject(gateway: &Gateway, run: &Run, trace: &Path) -> Option<Child> {
    let process = gateway.child.as_ref()?.id();
    let files = store_files(&gateway.folder.path().join("data"));
    let chosen: Vec<&PathBuf> = files
        .iter()
        .filter(|file| run.files == Files::All || kind(file) == Some(run.files))
        .collect();
    assert!(!chosen.is_empty(), "the store has no such files: {:?} of {files:?}", run.files);
    let begin = 1 + RandomState::new().hash_one(0_u8) % 30;
    let when = if run.lasting { format!("{begin}+") } else { begin.to_string() };
    let mut command = programs::command(TEST, "strace", &["/usr/bin/strace", "usr/bin/strace"])?;
    command.args(["-f", "-q", "-y", "-ttt", "-p", &process.to_string(), "-o"]).arg(trace);
    command.args(["-e", &format!("trace={}", run.calls)]);
    command.args(["-e", &format!("inject={}:error={}:when={when}", run.calls, run.error)]);
    for file in chosen {
        command.arg("-P").arg(file);
    }
    let mut strace =
        command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace runs");
    let mut refused = false;
    wait_for("strace to attach", Duration::from_secs(20), || {
        refused = strace.try_wait().is_ok_and(|ended| ended.is_some());
        refused || traced(process)
    });
    if refused {
        peers::skip(
            TEST,
            "strace may not trace a process here (not root, and ptrace_scope forbids it)",
        );
        return None;
    }
    Some(strace)
}

/// Every thread has a tracer.
fn traced(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    })
}

fn store_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(store_files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Which of the two kinds that a 250 rests on a file is.
fn kind(file: &Path) -> Option<Files> {
    let name = file.to_string_lossy();
    if name.ends_with("-wal") {
        Some(Files::Log)
    } else if name.contains("/bodies/") {
        Some(Files::Bodies)
    } else {
        None
    }
}

/// A call that strace failed.
struct Failure {
    at: f64,
    /// A flush of a body or of the log of the database: a 250 rests on it.
    flush_of_mail: bool,
}

/// Reads the trace: `PID SECONDS call(FD</path>, …) = -1 EIO … (INJECTED)`, perhaps in two halves.
fn failed_calls(trace: &Path) -> Vec<Failure> {
    let text = fs::read_to_string(trace).unwrap_or_default();
    let mut begun: std::collections::HashMap<&str, (&str, &str)> = std::collections::HashMap::new();
    let mut failures = Vec::new();
    for line in text.lines() {
        // the process id is padded to five places
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((at, call)) = rest.trim_start().split_once(' ') else { continue };
        if call.contains("<unfinished ...>") {
            begun.insert(thread, (at, call));
        } else if call.contains("(INJECTED)") {
            let (at, call) = if call.starts_with("<...") {
                begun.remove(thread).unwrap_or((at, call))
            } else {
                (at, call)
            };
            let of_mail =
                call.split(['<', '>']).nth(1).and_then(|file| kind(Path::new(file))).is_some();
            let flush = call.starts_with("fsync") || call.starts_with("fdatasync");
            failures.push(Failure {
                at: at.parse().unwrap_or(f64::MAX),
                flush_of_mail: flush && of_mail,
            });
        }
    }
    failures
}

/// An error or a warning that has the words of the system or of SQLite for what failed.
fn log_names_the_failure(log: &str) -> bool {
    let words = [
        "os error 5",
        "os error 28",
        "Input/output error",
        "No space left",
        "disk I/O error",
        "disk is full",
    ];
    log.lines().any(|line| {
        (line.contains("ERROR") || line.contains("WARN"))
            && words.iter().any(|word| line.contains(word))
    })
}

fn ready(gateway: &Gateway) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(gateway.admin)?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().expect("the admin address answers").starts_with("HTTP/1.1 200")
}

#[expect(clippy::disallowed_methods, reason = "compared with the times that strace writes")]
fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
