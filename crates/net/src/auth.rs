//! Our own login at a smart host: what it is, and how it is written (RFC 4954, 4616).
//!
//! Always holds: a password leaves this process only by the `login` of
//! [`Conn<Secured>`](crate::conn::Secured), under TLS; no `Debug`, no failure and no log shows
//! a password or the base64 of it, not even where the host says it back to us.
//! [`Conn<Clear>`](crate::conn::Clear) has no login:
//!
//! ```compile_fail
//! use gatepost_net::{auth::Credentials, conn::{Clear, Conn}};
//!
//! async fn login(conn: &mut Conn<Clear>, credentials: &Credentials) {
//!     conn.login(credentials).await.ok();
//! }
//! ```
//!
//! ```
//! use gatepost_net::{auth::Credentials, conn::{Conn, Secured}};
//!
//! async fn login(conn: &mut Conn<Secured>, credentials: &Credentials) {
//!     conn.login(credentials).await.ok();
//! }
//! ```

use std::fmt;

use gatepost_policy::evidence::{Stage, Why};
use gatepost_wire::{ehlo::Extensions, reply::Response};

use crate::{
    conn::line::{Line, State},
    failure::Failure,
};

/// A password. It is never shown: it has no `Display`, and its `Debug` is a word.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes the password as it is; blanks and line ends count.
    pub const fn new(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(not shown)")
    }
}

/// Who we are at a smart host.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// Logs in: `AUTH PLAIN` with its initial response, else `AUTH LOGIN`, as the host
/// lists them. A host that lists neither is sent nothing.
pub(crate) async fn login(
    line: &mut Line,
    offered: &Extensions,
    credentials: &Credentials,
) -> Result<(), Failure> {
    let Credentials { username, password } = credentials;
    let offers = |mechanism: &str| offered.auth.iter().any(|one| one == mechanism);
    let (first, answers) = if offers("PLAIN") {
        let response = base64(format!("\0{username}\0{}", password.0).as_bytes());
        (format!("AUTH PLAIN {response}"), Vec::new())
    } else if offers("LOGIN") {
        let answers = vec![base64(username.as_bytes()), base64(password.0.as_bytes())];
        ("AUTH LOGIN".to_owned(), answers)
    } else {
        return Err(unavailable(offered));
    };
    if username.contains('\0') || password.0.contains('\0') {
        // It would end the name, or the password, early (RFC 4616 section 2).
        let detail = "the username or the password for the login holds a NUL";
        return Err(Failure::new(Stage::Auth, Why::PolicyBroken, detail));
    }
    line.expect_silence(Stage::Auth)?;
    // Dropped or failed on the way, the session is of no use any more.
    line.state = State::Broken;
    let secrets = Secrets::of(credentials);
    let said = exchange(line, &first, answers).await;
    let response = said.map_err(|failure| secrets.hide_in(failure))?;
    // 235 is the one reply that means "logged in" (RFC 4954 section 6).
    if response.code == 235 {
        line.expect_silence(Stage::Auth).map_err(|failure| secrets.hide_in(failure))?;
        line.state = State::Idle;
        return Ok(());
    }
    let why = if response.is_transient() || response.is_permanent() {
        Why::RemoteReply
    } else {
        Why::ReplyMalformed
    };
    line.goodbye().await;
    Err(secrets.hide_in(Failure::replied(Stage::Auth, why, response)))
}

/// The first line, then an answer to every 334 as long as there are answers.
async fn exchange(line: &mut Line, first: &str, answers: Vec<String>) -> Result<Response, Failure> {
    let mut response = line.ask(Stage::Auth, first).await?;
    for answer in answers {
        if response.code != 334 {
            return Ok(response);
        }
        response = line.ask(Stage::Auth, &answer).await?;
    }
    Ok(response)
}

fn unavailable(offered: &Extensions) -> Failure {
    let listed = if offered.auth.is_empty() {
        "no login at all".to_owned()
    } else {
        let all: String = offered.auth.join(" ").chars().flat_map(char::escape_debug).collect();
        format!("only {all}")
    };
    let detail = format!(
        "the host offers {listed} under TLS; PLAIN or LOGIN is needed, so nothing was sent"
    );
    Failure::new(Stage::Auth, Why::AuthUnavailable, detail)
}

/// What a host must not make us repeat.
struct Secrets {
    /// Each with the length of a piece that already says too much.
    all: Vec<(Vec<u8>, usize)>,
}

impl Secrets {
    fn of(credentials: &Credentials) -> Self {
        let Credentials { username, password: Password(password) } = credentials;
        let encoded = base64(password.as_bytes());
        let plain = base64(format!("\0{username}\0{password}").as_bytes());
        let all = [(password.as_bytes().to_vec(), 6), (encoded.into_bytes(), 6), (plain.into(), 8)]
            .into_iter()
            .filter(|(secret, _)| !secret.is_empty())
            .map(|(secret, piece)| {
                let piece = piece.min(secret.len());
                (secret, piece)
            })
            .collect();
        Self { all }
    }

    fn are_in(&self, text: &[u8]) -> bool {
        self.all.iter().any(|(secret, piece)| {
            let mut pieces = secret.windows(*piece);
            pieces.any(|piece| text.windows(piece.len()).any(|part| part == piece))
        })
    }

    /// Leaves a reply's text out where it repeats any of them; its codes stay.
    fn hide_in(&self, failure: Failure) -> Failure {
        let Failure { stage, why, response, detail } = failure;
        let said = response.as_ref().is_some_and(|response| {
            response.lines.iter().any(|line| self.are_in(line))
                || self.are_in(&response.lines.concat())
        });
        if !said && !self.are_in(detail.as_bytes()) {
            return Failure { stage, why, response, detail };
        }
        let withheld = "(what it said is not shown, as it repeats a part of the login)";
        match response {
            Some(Response { code, enhanced, .. }) => {
                let lines = vec![withheld.as_bytes().to_vec()];
                Failure::replied(stage, why, Response { code, enhanced, lines })
            }
            None => Failure::new(stage, why, withheld),
        }
    }
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| chunk.get(index).copied().unwrap_or(0);
        let (one, two, three) = (at(0), at(1), at(2));
        let sextets =
            [one >> 2, (one & 3) << 4 | two >> 4, (two & 15) << 2 | three >> 6, three & 63];
        for (index, sextet) in sextets.into_iter().enumerate() {
            let known = index <= chunk.len();
            text.push(if known { char::from(ALPHABET[usize::from(sextet)]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: &str) -> Credentials {
        Credentials { username: "gate".into(), password: Password::new(password.into()) }
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn a_password_is_never_shown() {
        let shown = format!("{:?}", credentials("hunter2"));
        assert!(!shown.contains("hunter2") && shown.contains("gate"), "{shown}");
    }

    #[test]
    fn a_reply_that_repeats_a_part_of_the_login_is_not_repeated() {
        let password = "correct horse";
        let secrets = Secrets::of(&credentials(password));
        let initial = base64(format!("\0gate\0{password}").as_bytes());
        for text in [password, "bad: correct h", &initial, &base64(password.as_bytes())] {
            let lines = vec![b"no".to_vec(), text.as_bytes().to_vec()];
            let response = Response { code: 535, enhanced: None, lines };
            let hidden = secrets.hide_in(Failure::replied(Stage::Auth, Why::RemoteReply, response));
            let shown = format!("{hidden:?} {hidden}");
            assert!(!shown.contains(text) && shown.contains("535"), "{text}: {shown}");
        }
        let response =
            Response { code: 535, enhanced: None, lines: vec![b"authentication failed".to_vec()] };
        let kept = secrets.hide_in(Failure::replied(Stage::Auth, Why::RemoteReply, response));
        assert!(kept.detail.contains("authentication failed"));
    }
}
