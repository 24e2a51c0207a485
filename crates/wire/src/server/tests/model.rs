//! P06: the machine against a reference that is a plain table of what may follow what.

use super::*;

/// What a client may send, one line or one chunk.
#[derive(Clone, Copy, Debug)]
enum Input {
    Ehlo,
    Mail,
    Rcpt {
        refused: bool,
    },
    /// DATA, with this body if it is let in.
    Data {
        broken: bool,
    },
    Chunk {
        last: bool,
        broken: bool,
    },
    Auth(Attempt),
    Rset,
    Noop,
    Unknown,
}

/// How a client may authenticate.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Plain { right: bool },
    Login,
    Cancelled,
    Malformed,
    Unknown,
}

/// Where the reference is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    Fresh,
    Greeted,
    Open,
    Addressed,
    Chunked,
    Spoiled,
}

/// The codes that the reference answers with, and where it goes.
fn reference(at: At, known: bool, input: Input) -> (&'static [u16], At) {
    match (at, input) {
        (At::Greeted, Input::Auth(attempt)) if !known => (exchange(attempt), at),
        (_, Input::Auth(_)) => (&[503], at),
        (_, Input::Ehlo) => (&[250], At::Greeted),
        (At::Fresh, Input::Rset) => (&[250], At::Fresh),
        (_, Input::Rset) => (&[250], At::Greeted),
        (_, Input::Noop) => (&[250], at),
        (_, Input::Unknown) => (&[500], at),
        (At::Greeted, Input::Mail) => (&[250], At::Open),
        (At::Open | At::Addressed, Input::Rcpt { refused: true }) => (&[550], at),
        (At::Open | At::Addressed, Input::Rcpt { refused: false }) => (&[250], At::Addressed),
        (At::Addressed, Input::Data { broken: false }) => (&[354, 250], At::Greeted),
        (At::Addressed, Input::Data { broken: true }) => (&[354, 550], At::Greeted),
        (At::Addressed | At::Chunked, Input::Chunk { last: true, broken: false }) => {
            (&[250], At::Greeted)
        }
        (At::Addressed | At::Chunked, Input::Chunk { last: true, broken: true }) => {
            (&[550], At::Greeted)
        }
        (At::Addressed | At::Chunked, Input::Chunk { last: false, broken: false }) => {
            (&[250], At::Chunked)
        }
        (At::Addressed | At::Chunked, Input::Chunk { last: false, broken: true }) => {
            (&[550], At::Spoiled)
        }
        (At::Spoiled, Input::Chunk { last: true, .. }) => (&[503], At::Greeted),
        (_, Input::Mail | Input::Rcpt { .. } | Input::Data { .. } | Input::Chunk { .. }) => {
            (&[503], at)
        }
    }
}

fn exchange(attempt: Attempt) -> &'static [u16] {
    match attempt {
        Attempt::Plain { right: true } => &[235],
        Attempt::Plain { right: false } => &[535],
        Attempt::Login => &[334, 334, 235],
        Attempt::Cancelled => &[334, 501],
        Attempt::Malformed => &[501],
        Attempt::Unknown => &[504],
    }
}

fn bytes(at: At, known: bool, input: Input) -> Vec<u8> {
    match input {
        Input::Auth(Attempt::Plain { right: true }) => b"AUTH PLAIN AGFubmEAcmlnaHQ=\r\n".to_vec(),
        Input::Auth(Attempt::Plain { right: false }) => b"AUTH PLAIN AGFubmEAd3Jvbmc=\r\n".to_vec(),
        Input::Auth(Attempt::Login) if at == At::Greeted && !known => {
            b"AUTH LOGIN\r\nYW5uYQ==\r\ncmlnaHQ=\r\n".to_vec()
        }
        Input::Auth(Attempt::Cancelled) if at == At::Greeted && !known => {
            b"AUTH PLAIN\r\n*\r\n".to_vec()
        }
        Input::Auth(Attempt::Login | Attempt::Cancelled) => b"AUTH LOGIN\r\n".to_vec(),
        Input::Auth(Attempt::Malformed) => b"AUTH PLAIN AGFubm\r\n".to_vec(),
        Input::Auth(Attempt::Unknown) => b"AUTH CRAM-MD5\r\n".to_vec(),
        Input::Ehlo => EHLO.to_vec(),
        Input::Mail => MAIL.to_vec(),
        Input::Rcpt { refused: false } => RCPT.to_vec(),
        Input::Rcpt { refused: true } => b"RCPT TO:<refused@acme.example>\r\n".to_vec(),
        Input::Data { broken } if at == At::Addressed => {
            let body: &[u8] = if broken { b"a\nb\r\n.\r\n" } else { b"a\r\n.\r\n" };
            [b"DATA\r\n", body].concat()
        }
        Input::Data { .. } => b"DATA\r\n".to_vec(),
        Input::Chunk { last, broken } => {
            let body = if broken { "x\nQUIT\r\n" } else { "x\r\nNOOP\r\n" };
            let last = if last { " LAST" } else { "" };
            format!("BDAT {}{last}\r\n{body}", body.len()).into_bytes()
        }
        Input::Rset => b"RSET\r\n".to_vec(),
        Input::Noop => b"NOOP\r\n".to_vec(),
        Input::Unknown => b"NONSENSE\r\n".to_vec(),
    }
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        2 => Just(Input::Ehlo),
        4 => Just(Input::Mail),
        5 => any::<bool>().prop_map(|refused| Input::Rcpt { refused }),
        3 => any::<bool>().prop_map(|broken| Input::Data { broken }),
        5 => (any::<bool>(), any::<bool>()).prop_map(|(last, broken)| Input::Chunk { last, broken }),
        1 => attempt().prop_map(Input::Auth),
        1 => Just(Input::Rset),
        1 => Just(Input::Noop),
        1 => Just(Input::Unknown),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    prop_oneof![
        any::<bool>().prop_map(|right| Attempt::Plain { right }),
        Just(Attempt::Login),
        Just(Attempt::Cancelled),
        Just(Attempt::Malformed),
        Just(Attempt::Unknown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn p06_any_sequence_of_commands_is_answered_as_the_reference_does(inputs in prop::collection::vec(input(), 1..60)) {
        let limits = Limits { errors: u32::MAX, logins: u32::MAX, ..Limits::default() };
        let config = ServerConfig { limits, auth: true, ..config() };
        let mut machine = Session::new(Arc::new(config), true);
        let (mut at, mut known) = (At::Fresh, false);
        for input in inputs {
            let (codes, next) = reference(at, known, input);
            let seen = drive(&mut machine, &bytes(at, known, input), &[]);
            let said: Vec<u16> = seen.said.iter().map(|line| line.get(..3).unwrap().parse().unwrap()).collect();
            prop_assert_eq!(&said, codes, "{:?} at {:?}", input, at);
            at = next;
            known |= said.last() == Some(&235);
        }
    }
}
