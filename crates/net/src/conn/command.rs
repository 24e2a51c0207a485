//! The text of `MAIL` and `RCPT`, with the parameters that a host can take.

use gatepost_policy::evidence::{Stage, Why};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    command::{BodyKind, Ret},
    ehlo::Extensions,
};

use super::{Mail, Rcpt};
use crate::failure::Failure;

/// `MAIL FROM:<…>` with SIZE, BODY, SMTPUTF8, RET and ENVID where they are offered.
pub(super) fn mail(mail: Mail<'_>, offered: &Extensions) -> Result<String, Failure> {
    let Mail { from, params, size } = mail;
    let address = match from {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => address(mailbox, offered, Stage::Mail)?,
    };
    let mut line = format!("MAIL FROM:<{address}>");
    if offered.size.is_some() {
        line.push_str(&format!(" SIZE={size}"));
    }
    if params.body == BodyKind::EightBit && offered.eightbitmime {
        line.push_str(" BODY=8BITMIME");
    }
    if offered.smtputf8 && (params.smtputf8 || !address.is_ascii()) {
        line.push_str(" SMTPUTF8");
    }
    if offered.dsn {
        match params.ret {
            Some(Ret::Full) => line.push_str(" RET=FULL"),
            Some(Ret::Hdrs) => line.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(envid) = &params.envid {
            line.push_str(&format!(" ENVID={envid}"));
        }
    }
    Ok(line)
}

/// `RCPT TO:<…>` with NOTIFY and ORCPT where they are offered.
pub(super) fn rcpt(rcpt: Rcpt<'_>, offered: &Extensions) -> Result<String, Failure> {
    let Rcpt { to, params } = rcpt;
    let mut line = format!("RCPT TO:<{}>", address(to, offered, Stage::Rcpt)?);
    if offered.dsn {
        if let Some(notify) = &params.notify {
            line.push_str(&format!(" NOTIFY={notify}"));
        }
        // A `utf-8` address type needs the extension for its own bytes (RFC 6533 section 3).
        if let Some(orcpt) = params.orcpt.as_ref().filter(|o| o.is_ascii() || offered.smtputf8) {
            line.push_str(&format!(" ORCPT={orcpt}"));
        }
    }
    Ok(line)
}

/// An address as this host can take it: as it was written, or with its domain in
/// A-labels where the host knows no SMTPUTF8 (RFC 6531 section 3.2).
fn address(mailbox: &Mailbox, offered: &Extensions, stage: Stage) -> Result<String, Failure> {
    let written = mailbox.to_string();
    if written.is_ascii() || offered.smtputf8 {
        return Ok(written);
    }
    mailbox.ascii().ok_or_else(|| {
        let detail = format!("the host does not take international addresses such as <{written}>");
        Failure::new(stage, Why::NeedsUtf8, detail)
    })
}
