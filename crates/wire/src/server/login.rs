//! AUTH: when it may come, the lines of the exchange, and the question that it leads to (RFC 4954).
//!
//! What holds: no password is asked for or taken before TLS, and what the client wrote is overwritten where it was read. How an
//! exchange ends is one reply; after as many refused ones as the limits say, the session ends.

use zeroize::Zeroizing;

use super::line::Line;
use super::stage::{Greeted, Question, Stage};
use super::{Client, Session, Step, replies};
use crate::auth::{Exchange, InitialResponse, Mechanism, Progress};
use crate::buffer::Buffer;

impl Session {
    /// Whether AUTH is offered at this point of the connection.
    pub(super) fn offers_auth(&self) -> bool {
        self.config.auth && self.tls
    }

    pub(super) fn auth(
        &mut self,
        mechanism: Option<Mechanism>,
        initial: Option<&InitialResponse>,
    ) -> Step<'static> {
        if !self.config.auth {
            return self.say(replies::no_auth());
        }
        if !self.tls {
            return self.say(replies::auth_needs_tls());
        }
        // RFC 4954 section 4: one success a session, and none inside of a transaction.
        if self.client == Client::Known {
            return self.say(replies::out_of_order("you have authenticated already"));
        }
        let extended = matches!(&self.stage, Stage::Greeted(greeted) if greeted.helo.extended);
        if extended && mechanism.is_none() {
            return self.say(replies::no_mechanism());
        }
        if let Some(mechanism) = mechanism
            && extended
            && let Stage::Greeted(greeted) = std::mem::take(&mut self.stage)
        {
            return self.progress(greeted, Exchange::begin(mechanism, initial));
        }
        self.say(replies::out_of_order("AUTH comes after EHLO and outside of a transaction"))
    }

    /// Takes the client's next line of an exchange.
    pub(super) fn exchange(&mut self, buffer: &mut Buffer) -> Option<Step<'static>> {
        let line = self.lines.take_secret(buffer)?;
        let Stage::Authenticating { greeted, exchange } = std::mem::take(&mut self.stage) else {
            return None;
        };
        let broken = match line {
            Line::Whole(text) => {
                let text = Zeroizing::new(text);
                return Some(self.progress(greeted, exchange.respond(text.trim_ascii_end())));
            }
            Line::Broken => replies::broken_line(),
            Line::TooLong | Line::AuthTooLong => replies::long_auth_line(),
        };
        self.stage = Stage::Greeted(greeted);
        Some(self.say(broken))
    }

    fn progress(&mut self, greeted: Greeted, progress: Progress) -> Step<'static> {
        let reply = match progress {
            Progress::Going(exchange) => {
                let reply = replies::challenge(exchange.challenge());
                self.stage = Stage::Authenticating { greeted, exchange };
                return Step::Say(reply);
            }
            Progress::Whole(credentials) => {
                self.stage = Stage::Asking(Question::Auth(greeted));
                return Step::AskAuth(credentials);
            }
            Progress::Malformed => replies::malformed_auth(),
            Progress::Cancelled => replies::auth_cancelled(),
            Progress::Nobody => {
                self.budget.login_failed();
                replies::auth_failed()
            }
        };
        self.stage = Stage::Greeted(greeted);
        self.say(reply)
    }
}
