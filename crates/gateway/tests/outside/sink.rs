//! A remote site that takes everything: a small SMTP server with a thread for each connection, without TLS.
//!
//! A message is handed to the test before its 250 is written, so what the gateway was told is never more than what
//! the test knows.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Listens at `address` until the test's process ends and gives each message to `take`.
pub(crate) fn listen(address: SocketAddr, take: impl Fn(Vec<u8>) + Send + Sync + 'static) {
    let listener = TcpListener::bind(address).expect("the address of the sink is free");
    let take = Arc::new(take);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let take = Arc::clone(&take);
            // A peer that is killed breaks the connection; there is nothing to do about it.
            thread::spawn(move || converse(&stream, take.as_ref()).is_ok());
        }
    });
}

fn converse(stream: &TcpStream, take: &(impl Fn(Vec<u8>) + Send + Sync)) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    writer.write_all(b"220 sink.test ESMTP\r\n")?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_slice() {
            b"EHLO" => writer.write_all(b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 0\r\n250 ENHANCEDSTATUSCODES\r\n")?,
            b"DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                take(body(&mut reader)?);
                writer.write_all(b"250 2.0.0 taken\r\n")?;
            }
            b"QUIT" => return writer.write_all(b"221 2.0.0 bye\r\n"),
            _ => writer.write_all(b"250 2.0.0 ok\r\n")?,
        }
    }
}

/// The message up to the final dot, its dots unstuffed.
fn body(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let start = message.len();
        if reader.read_until(b'\n', &mut message)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if message.get(start..) == Some(b".\r\n") {
            message.truncate(start);
            return Ok(message);
        }
        if message.get(start) == Some(&b'.') {
            message.remove(start);
        }
    }
}

/// The value of the first header field of that name, unfolded; the empty string where there is none.
pub(crate) fn field(message: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut value: Option<String> = None;
    for line in head.split("\r\n") {
        match &mut value {
            Some(so_far) if line.starts_with([' ', '\t']) => so_far.push_str(line),
            Some(_) => break,
            None => {
                value = line
                    .split_once(':')
                    .filter(|(found, _)| found.eq_ignore_ascii_case(name))
                    .map(|(_, rest)| rest.trim().to_owned());
            }
        }
    }
    value.unwrap_or_default()
}
