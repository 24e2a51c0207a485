//! Large messages stream through: 200 of them, 50 at once, arrive byte for byte, and the gateway's memory does not
//! grow with their size.
//!
//! The gateway is a process of its own, and the kernel says how much memory it had at most (`VmHWM`). Senders make each
//! body from a seed while they send it; the remote sites hash it while it comes in. Neither keeps a message.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use outside::gateway::{Gateway, now, say, wait_for};
use sha2::{Digest, Sha256};

mod outside {
    pub(crate) mod gateway;
}

const MESSAGES: usize = 200;
const AT_ONCE: usize = 50;
const MEGABYTE: usize = 1_000_000;
/// What the gateway may have in memory at most, whatever the size of its messages.
const MOST: usize = 256 * MEGABYTE;
/// How far the peaks of the two runs may lie apart. Which buffers of how many sessions, threads and open files are in
/// use at the same moment is chance, worth some tens of megabytes; messages held whole would be 50 times 20 MB more.
const BAND: usize = 64 * MEGABYTE;
const SITES: [(&str, u8); 5] =
    [("d0.test", 10), ("d1.test", 11), ("d2.test", 12), ("d3.test", 13), ("d4.test", 14)];
const POLICY: &str = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";
/// The field that a message begins with as it is sent; the gateway's own fields stand above it.
const FIELD: &str = "X-Large-Id: ";

/// Text of which bodies are put together, in blocks of whole lines: as it is, and with its dots stuffed.
struct Pool {
    blocks: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Pool {
    const BLOCKS: u64 = 64;
    const LINES: usize = 800;
    const WIDTH: usize = 76;

    fn new() -> Self {
        const ALPHABET: &[u8; 64] =
            b".BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut seed = 0x9E37_79B9_7F4A_7C15;
        let mut block = || {
            let (mut plain, mut stuffed) = (Vec::new(), Vec::new());
            for _ in 0..Self::LINES {
                let mut line = Vec::with_capacity(Self::WIDTH + 2);
                while line.len() < Self::WIDTH {
                    let index = usize::try_from(step(&mut seed) % 64).expect("below 64");
                    line.push(ALPHABET[index]);
                }
                line.extend(b"\r\n");
                if line.starts_with(b".") {
                    stuffed.push(b'.');
                }
                stuffed.extend(&line);
                plain.extend(&line);
            }
            (plain, stuffed)
        };
        Self { blocks: (0..Self::BLOCKS).map(|_| block()).collect() }
    }

    /// The blocks of the `nth` message, until it has `size` bytes.
    fn body(&self, nth: usize, size: usize) -> impl Iterator<Item = &(Vec<u8>, Vec<u8>)> {
        let mut seed = u64::try_from(nth).expect("a small number") + 1;
        let mut left = size;
        std::iter::from_fn(move || {
            let index = usize::try_from(step(&mut seed) % Self::BLOCKS).expect("below 64");
            let block = self.blocks.get(index).filter(|_| left > 0)?;
            left = left.saturating_sub(block.0.len());
            Some(block)
        })
    }
}

/// The next number of a xorshift generator.
fn step(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed >> 11
}

/// Message id to the hash of its bytes.
type Hashes = Arc<Mutex<HashMap<String, String>>>;

fn note(hashes: &Hashes, id: &str, hash: Sha256) {
    let hash = format!("{:x}", hash.finalize());
    let mut hashes = hashes.lock().unwrap_or_else(PoisonError::into_inner);
    let twice = hashes.insert(id.to_owned(), hash);
    assert!(twice.is_none(), "{id} twice");
}

/// Sends every `AT_ONCE`-th message from the `first` on, in one session.
fn send(smtp: SocketAddr, pool: &Pool, (first, size): (usize, usize), sent: &Hashes) {
    let stream = TcpStream::connect(smtp).expect("the gateway listens");
    stream.set_read_timeout(Some(Duration::from_secs(300))).expect("a limit for reads");
    let mut replies = BufReader::new(&stream).lines();
    let mut expect = |code: &str| loop {
        let line = replies.next().expect("a reply").expect("a reply");
        assert!(line.starts_with(code), "{line}");
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    };
    let mut out = &stream;
    let mut write = |bytes: &[u8]| out.write_all(bytes).expect("the gateway reads");
    expect("220");
    write(b"EHLO client.acme.test\r\n");
    expect("250");
    for nth in (first..MESSAGES).step_by(AT_ONCE) {
        let (domain, _) = SITES[nth % SITES.len()];
        write(format!("MAIL FROM:<you@acme.test> SIZE={size}\r\n").as_bytes());
        expect("250");
        write(format!("RCPT TO:<anna@{domain}>\r\n").as_bytes());
        expect("250");
        write(b"DATA\r\n");
        expect("354");
        let head = format!("{FIELD}{nth}\r\nFrom: <you@acme.test>\r\nSubject: large\r\n\r\n");
        let mut hash = Sha256::new_with_prefix(&head);
        write(head.as_bytes());
        for (plain, stuffed) in pool.body(nth, size) {
            hash.update(plain);
            write(stuffed);
        }
        note(sent, &nth.to_string(), hash);
        write(b".\r\n");
        expect("250");
    }
    write(b"QUIT\r\n");
    expect("221");
}

/// A remote site that hashes what it is sent, a thread for each connection.
fn listen(address: SocketAddr, arrived: &Hashes) {
    let listener = TcpListener::bind(address).expect("the address of the site is free");
    let arrived = Arc::clone(arrived);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let arrived = Arc::clone(&arrived);
            // A connection that breaks off is made again by the gateway; what did not arrive is missed at the end.
            thread::spawn(move || take(&stream, &arrived).is_ok());
        }
    });
}

fn take(stream: &TcpStream, arrived: &Hashes) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(128 * 1024, stream);
    let mut writer = stream;
    writer.write_all(b"220 site.test ESMTP\r\n")?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match line.get(..4).unwrap_or_default() {
            b"EHLO" => writer.write_all(b"250-site.test\r\n250-PIPELINING\r\n250 SIZE\r\n")?,
            b"DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                let (id, hash) = body(&mut reader)?;
                note(arrived, &id, hash);
                writer.write_all(b"250 taken\r\n")?;
            }
            b"QUIT" => return writer.write_all(b"221 bye\r\n"),
            _ => writer.write_all(b"250 ok\r\n")?,
        }
    }
}

/// The id of a message, and the hash of all from its id on, dots unstuffed.
fn body(reader: &mut impl BufRead) -> std::io::Result<(String, Sha256)> {
    let (mut id, mut hash) = (None, Sha256::new());
    let mut gathered = Vec::with_capacity(70_000);
    loop {
        let start = gathered.len();
        if reader.read_until(b'\n', &mut gathered)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = gathered.get(start..).unwrap_or_default();
        if line == b".\r\n" {
            gathered.truncate(start);
            hash.update(&gathered);
            return Ok((id.unwrap_or_default(), hash));
        }
        if id.is_none() {
            let text = String::from_utf8_lossy(line);
            id = text.strip_prefix(FIELD).map(|id| id.trim().to_owned());
            if id.is_none() {
                gathered.clear();
            }
        } else if line.starts_with(b".") {
            gathered.remove(start);
        }
        if gathered.len() > 64 * 1024 {
            hash.update(&gathered);
            gathered.clear();
        }
    }
}

/// Sends all messages of that size through a gateway of its own, and gives its peak of memory in bytes.
fn run(pool: &Arc<Pool>, size: usize) -> usize {
    let mut gateway = Gateway::prepare(POLICY, &SITES);
    let (sent, arrived) = (Hashes::default(), Hashes::default());
    for (_, last) in SITES {
        listen(SocketAddr::new(gateway.net.ip(last), gateway.net.port()), &arrived);
    }
    gateway.start();
    let idle = peak(&gateway);
    let began = now();
    let senders: Vec<_> = (0..AT_ONCE)
        .map(|first| {
            let (pool, sent, smtp) = (Arc::clone(pool), Arc::clone(&sent), gateway.smtp);
            thread::spawn(move || send(smtp, &pool, (first, size), &sent))
        })
        .collect();
    for sender in senders {
        sender.join().expect("every message was taken");
    }
    let taken = began.elapsed();
    let count = |hashes: &Hashes| hashes.lock().unwrap_or_else(PoisonError::into_inner).len();
    wait_for("every message to arrive", Duration::from_secs(400), || count(&arrived) >= MESSAGES);
    let all = began.elapsed();
    let (sent, arrived) = (
        sent.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        arrived.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    );
    assert_eq!(sent.len(), MESSAGES);
    assert!(sent == arrived, "what arrived is not what was sent");
    wait_for("the queue to be empty", Duration::from_secs(60), || {
        gateway.list(&["queue", "list"]).is_empty()
    });
    wait_for("the bodies to be gone", Duration::from_secs(60), || {
        let kept = |folder: &str, end: &str| {
            std::fs::read_dir(gateway.folder.path().join("data").join(folder))
                .expect("the store's folder")
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().ends_with(end))
        };
        !kept("bodies", ".body") && !kept("incoming", ".part")
    });
    let peak = peak(&gateway);
    let rate = |time: Duration| (MESSAGES * size / MEGABYTE) as f64 / time.as_secs_f64();
    say(&format!(
        "{MESSAGES} messages of {} MB, {AT_ONCE} at once: every sha256 the same; peak {} MB (idle {} MB); \
         taken at {:.0} MB/s, delivered at {:.0} MB/s, in {:.1} s",
        size / MEGABYTE,
        peak / MEGABYTE,
        idle / MEGABYTE,
        rate(taken),
        rate(all),
        all.as_secs_f64(),
    ));
    peak
}

/// The most memory that the gateway's process has had, in bytes.
fn peak(gateway: &Gateway) -> usize {
    let id = gateway.child.as_ref().expect("the gateway runs").id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kilobytes = line.trim().trim_end_matches("kB").trim();
    kilobytes.parse::<usize>().expect("a number") * 1024
}

#[test]
fn r04_two_hundred_large_messages_stream_through_and_memory_does_not_grow_with_their_size() {
    let pool = Arc::new(Pool::new());
    let small = run(&pool, 5 * MEGABYTE);
    let large = run(&pool, 25 * MEGABYTE);
    assert!(small < MOST && large < MOST, "peaks of {small} and {large} bytes");
    assert!(large < small + BAND, "the peak grew from {small} to {large} bytes");
}
