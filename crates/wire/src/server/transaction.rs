//! MAIL, RCPT, DATA and BDAT: the questions they lead to and what their answers do.

use super::receive::after_refused_chunk;
use super::stage::{Addressee, Question, Stage};
use super::{Client, Drain, Session, Step, replies};
use crate::address::ReversePath;
use crate::body::BodyLimits;
use crate::command::{MailParams, RcptParams, Recipient};
use crate::reply::Reply;

impl Session {
    /// The answer to the question of the last step. Gives what is to be said; nothing where bytes of a body come first.
    ///
    /// Without a question it does nothing.
    pub fn answer(&mut self, answer: Result<(), Reply>) -> Option<Reply> {
        let Stage::Asking(question) = std::mem::take(&mut self.stage) else {
            return None;
        };
        let (next, reply) = match answer {
            Ok(()) => self.grant(question),
            Err(reply) => self.deny(question, reply),
        };
        self.stage = next;
        if let Some(reply) = &reply {
            self.watch(reply);
        }
        reply
    }

    fn grant(&mut self, question: Question) -> (Stage, Option<Reply>) {
        let limits = self.body_limits();
        match question {
            Question::Auth(greeted) => {
                self.client = Client::Known;
                (Stage::Greeted(greeted), Some(replies::authenticated()))
            }
            Question::Mail { greeted, from, params } => {
                (Stage::Open(greeted.open(from, params)), Some(replies::sender_taken()))
            }
            Question::First { open, addressee } => {
                (Stage::Addressed(open.address(addressee)), Some(replies::recipient_taken()))
            }
            Question::Further { mut addressed, addressee } => {
                addressed.recipients.push(addressee);
                (Stage::Addressed(addressed), Some(replies::recipient_taken()))
            }
            Question::Data(addressed) => {
                (Stage::Receiving(Box::new(addressed.data(limits))), Some(replies::start_data()))
            }
            Question::Bdat { addressed, size, last } => {
                (Stage::Receiving(Box::new(addressed.bdat(limits, size, last))), None)
            }
        }
    }

    fn deny(&mut self, question: Question, reply: Reply) -> (Stage, Option<Reply>) {
        match question {
            Question::Auth(greeted) => {
                self.budget.login_failed();
                (Stage::Greeted(greeted), Some(reply))
            }
            Question::Mail { greeted, .. } => (Stage::Greeted(greeted), Some(reply)),
            Question::First { open, .. } => (Stage::Open(open), Some(reply)),
            Question::Further { addressed, .. } | Question::Data(addressed) => {
                (Stage::Addressed(addressed), Some(reply))
            }
            Question::Bdat { addressed, size, last } => {
                self.drain = Some(Drain { remaining: size, reply });
                (after_refused_chunk(addressed.open.greeted, last), None)
            }
        }
    }

    pub(super) fn body_limits(&self) -> BodyLimits {
        BodyLimits {
            message: self.config.limits.message_size,
            header_section: self.config.limits.header_section,
        }
    }

    pub(super) fn mail(&mut self, from: ReversePath, params: MailParams) -> Step<'static> {
        if matches!(self.stage, Stage::Fresh) {
            return self.say(replies::out_of_order("say EHLO first"));
        }
        if !matches!(self.stage, Stage::Greeted(_)) {
            return self.say(replies::out_of_order("there is a transaction already"));
        }
        if params.auth && !self.offers_auth() {
            return self.say(replies::auth_parameter());
        }
        if params.size.is_some_and(|size| size > self.config.limits.message_size) {
            return self.say(replies::too_big());
        }
        self.ask("there is a transaction already", |stage| {
            if let Stage::Greeted(greeted) = stage {
                let step = Step::AskMail { from: from.clone(), params: params.clone() };
                Ok((Question::Mail { greeted, from, params }, step))
            } else {
                Err(Box::new(stage))
            }
        })
    }

    pub(super) fn rcpt(&mut self, to: Recipient, params: RcptParams) -> Step<'static> {
        let (count, smtputf8) = match &self.stage {
            Stage::Open(open) => (0, open.params.smtputf8),
            Stage::Addressed(addressed) => {
                (addressed.recipients.len(), addressed.open.params.smtputf8)
            }
            Stage::Fresh
            | Stage::Greeted(_)
            | Stage::Authenticating { .. }
            | Stage::Asking(_)
            | Stage::Receiving(_)
            | Stage::BetweenChunks(_)
            | Stage::Spoiled(_)
            | Stage::Closed => return self.say(replies::out_of_order("RCPT comes after MAIL")),
        };
        if count >= self.config.limits.recipients {
            self.budget.recipient_over();
            return self.say(replies::too_many_recipients());
        }
        if let Recipient::Mailbox(mailbox) = &to
            && !mailbox.is_ascii()
            && !smtputf8
        {
            return self.say(replies::needs_smtputf8());
        }
        self.ask("RCPT comes after MAIL", |stage| {
            let addressee = Addressee { to: to.clone(), params: params.clone() };
            let step = Step::AskRcpt { to, params };
            if let Stage::Open(open) = stage {
                Ok((Question::First { open, addressee }, step))
            } else if let Stage::Addressed(addressed) = stage {
                Ok((Question::Further { addressed, addressee }, step))
            } else {
                Err(Box::new(stage))
            }
        })
    }

    pub(super) fn data(&mut self) -> Step<'static> {
        self.ask("DATA comes after MAIL and RCPT", |stage| {
            if let Stage::Addressed(addressed) = stage {
                Ok((Question::Data(addressed), Step::AskBody { chunked: false }))
            } else {
                Err(Box::new(stage))
            }
        })
    }

    /// Begins a chunk. There is a step only if this is the first one of a message; else its bytes come next.
    pub(super) fn bdat(&mut self, size: u64, last: bool) -> Option<Step<'static>> {
        if self.config.require_tls && !self.tls {
            self.refuse_chunk(size, last, replies::tls_first());
            return None;
        }
        if let Stage::BetweenChunks(_) = &self.stage
            && let Stage::BetweenChunks(receiving) = std::mem::take(&mut self.stage)
        {
            self.next_chunk(receiving, size, last);
            return None;
        }
        if !matches!(self.stage, Stage::Addressed(_)) {
            self.refuse_chunk(size, last, replies::out_of_order("BDAT comes after MAIL and RCPT"));
            return None;
        }
        Some(self.ask("BDAT comes after MAIL and RCPT", |stage| {
            if let Stage::Addressed(addressed) = stage {
                Ok((Question::Bdat { addressed, size, last }, Step::AskBody { chunked: true }))
            } else {
                Err(Box::new(stage))
            }
        }))
    }

    /// Moves on to a question, or says that this is not the moment for it and stays.
    fn ask(
        &mut self,
        order: &str,
        question: impl FnOnce(Stage) -> Result<(Question, Step<'static>), Box<Stage>>,
    ) -> Step<'static> {
        match question(std::mem::take(&mut self.stage)) {
            Ok((question, step)) => {
                self.stage = Stage::Asking(question);
                step
            }
            Err(stage) => {
                self.stage = *stage;
                self.say(replies::out_of_order(order))
            }
        }
    }
}
