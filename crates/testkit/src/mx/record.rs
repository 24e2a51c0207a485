//! What a mail exchanger saw: one [`Connection`] for each TCP connection, in the order of accepting.

use std::net::SocketAddr;

/// Whether something passed in clear or under TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channel {
    /// Before or without TLS.
    Clear,
    /// Under TLS.
    Tls,
}

/// A command line as it came, without CRLF.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The line; what is no UTF-8 replaced.
    pub text: String,
    /// How it came.
    pub channel: Channel,
}

impl Line {
    /// The first word in upper case.
    #[must_use]
    pub fn verb(&self) -> String {
        self.text.split(' ').next().unwrap_or_default().to_ascii_uppercase()
    }
}

/// The TLS session of a connection, as the server saw it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsSeen {
    /// As evidence writes it: `TLSv1.2`, `TLSv1.3`.
    pub version: String,
    /// The IANA-like name of rustls, as evidence writes it.
    pub cipher: String,
    /// Of the certificate this server showed.
    pub certificate_sha256: String,
    /// Whether the client showed a certificate.
    pub client_certificate: bool,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// A message whose final dot was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// The argument of MAIL FROM, without brackets.
    pub from: String,
    /// The recipients that were answered 2xx, without brackets.
    pub to: Vec<String>,
    /// The parameters behind the path of MAIL.
    pub mail_params: String,
    /// The message with dots unstuffed, without the final dot.
    pub message: Vec<u8>,
    /// The bytes of the body as they were on the wire, the final dot included.
    pub wire: Vec<u8>,
    /// How it came.
    pub channel: Channel,
    /// Whether the final dot was answered 2xx.
    pub accepted: bool,
}

impl Received {
    /// The header lines of this name, unfolded, as `Name: value` was received; case of the name ignored.
    #[must_use]
    pub fn fields(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.message).into_owned();
        let head = text
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        head.split("\r\n")
            .filter(|line| {
                line.split(':').next().is_some_and(|n| n.trim_end().eq_ignore_ascii_case(name))
            })
            .map(str::to_owned)
            .collect()
    }
}

/// What a ClientHello offers of an earlier session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offered {
    /// To resume it: a ticket (RFC 5077) or a pre-shared key (RFC 8446 section 4.2.11).
    pub ticket: bool,
    /// Data ahead of the handshake (RFC 8446 section 4.2.10).
    pub early_data: bool,
}

/// A login that a client tried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login {
    /// `PLAIN` or `LOGIN`.
    pub mechanism: String,
    /// The name it gave.
    pub username: String,
    /// The password it gave.
    pub password: String,
    /// How it came.
    pub channel: Channel,
    /// Whether it was answered 235.
    pub accepted: bool,
}

/// One TCP connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The mail exchanger's name.
    pub host: String,
    /// Its address.
    pub address: SocketAddr,
    /// The client's.
    pub peer: SocketAddr,
    /// Every command line.
    pub lines: Vec<Line>,
    /// Every byte that was read in clear (a ClientHello not included).
    pub clear_bytes: Vec<u8>,
    /// Bytes that came behind STARTTLS before its whole reply was sent. I2: always empty.
    pub early: Vec<u8>,
    /// The name in the ClientHello, when there was a ClientHello with one.
    pub sni: Option<String>,
    /// The protocols in the ClientHello.
    pub alpn: Vec<String>,
    /// Whether a ClientHello was seen.
    pub hello: bool,
    /// What the ClientHello offered of an earlier session.
    pub offered: Offered,
    /// The session, once the handshake was done.
    pub tls: Option<TlsSeen>,
    /// Why the handshake failed, as this side saw it.
    pub handshake_error: Option<String>,
    /// The logins in order, accepted or not.
    pub logins: Vec<Login>,
    /// The messages in order.
    pub messages: Vec<Received>,
    /// Whether the connection has ended.
    pub closed: bool,
}

impl Connection {
    pub(crate) fn new(host: &str, address: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            host: host.to_owned(),
            address,
            peer,
            lines: Vec::new(),
            clear_bytes: Vec::new(),
            early: Vec::new(),
            sni: None,
            alpn: Vec::new(),
            hello: false,
            offered: Offered::default(),
            tls: None,
            handshake_error: None,
            logins: Vec::new(),
            messages: Vec::new(),
            closed: false,
        }
    }

    /// The verbs that came by one channel, in order.
    #[must_use]
    pub fn verbs(&self, channel: Channel) -> Vec<String> {
        self.lines.iter().filter(|line| line.channel == channel).map(Line::verb).collect()
    }

    /// The verbs that came in clear, in order.
    #[must_use]
    pub fn clear_verbs(&self) -> Vec<String> {
        self.verbs(Channel::Clear)
    }

    /// The messages that were answered 2xx.
    pub fn accepted(&self) -> impl Iterator<Item = &Received> {
        self.messages.iter().filter(|message| message.accepted)
    }

    /// The recipients named in RCPT commands, taken or not.
    #[must_use]
    pub fn rcpt_arguments(&self, channel: Channel) -> Vec<String> {
        self.lines
            .iter()
            .filter(|line| line.channel == channel && line.verb() == "RCPT")
            .map(|line| path(&line.text).0)
            .collect()
    }
}

/// The path between `<` and `>` of a MAIL or RCPT line, and what follows it.
pub(crate) fn path(line: &str) -> (String, String) {
    let Some((_, rest)) = line.split_once('<') else { return (String::new(), String::new()) };
    // A quoted local part may hold `>`: the path ends at the last one before a blank or the end.
    match rest.split_once("> ") {
        Some((path, params)) => (path.to_owned(), params.to_owned()),
        None => (rest.trim_end().trim_end_matches('>').to_owned(), String::new()),
    }
}
