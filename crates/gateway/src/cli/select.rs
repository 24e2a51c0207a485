//! Which entries a verb acts on, as it is typed: ids, `--domain`, or `--all`.

use clap::Args;
use gatepost_policy::id::{EntryId, MessageId};
use gatepost_store::Selection;
use gatepost_wire::address::DomainName;
use ulid::Ulid;

use super::Trouble;

/// A selection on the command line.
#[derive(Debug, Args)]
pub(crate) struct Selected {
    /// Ids of entries or of messages; a message's id means all its recipients.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Everything for this domain.
    #[arg(long, value_name = "DOMAIN", conflicts_with_all = ["ids", "all"])]
    domain: Option<String>,
    /// Everything.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl Selected {
    /// Whether it names a filter instead of ids.
    pub(crate) const fn is_filter(&self) -> bool {
        self.all || self.domain.is_some()
    }

    /// The selection, or what is wrong with it.
    pub(crate) fn selection(&self) -> Result<Selection, Trouble> {
        if self.all {
            return Ok(Selection::All);
        }
        if let Some(domain) = &self.domain {
            return Ok(Selection::Domain(domain_key(domain)?));
        }
        if self.ids.is_empty() {
            return Err(Trouble::Input(
                "nothing is selected; name ids, --domain D or --all".to_owned(),
            ));
        }
        let ids: Result<Vec<Ulid>, Trouble> = self.ids.iter().map(|id| any_id(id)).collect();
        Ok(Selection::Ids(ids?))
    }
}

/// Whether a selection takes this entry.
pub(crate) fn picks(
    selection: &Selection,
    entry: EntryId,
    message: MessageId,
    domain: &str,
) -> bool {
    match selection {
        Selection::All => true,
        Selection::Ids(ids) => ids.contains(&entry.ulid()) || ids.contains(&message.ulid()),
        Selection::Domain(wanted) => wanted.eq_ignore_ascii_case(domain),
    }
}

/// An id of either kind.
pub(crate) fn any_id(text: &str) -> Result<Ulid, Trouble> {
    Ulid::from_string(text)
        .map_err(|_| Trouble::Input(format!("{text:?} is no id; an id has 26 letters and digits")))
}

/// A domain as it is compared: an A-label, or an address in brackets.
pub(crate) fn domain_key(text: &str) -> Result<String, Trouble> {
    if text.starts_with('[') {
        return Ok(text.to_owned());
    }
    match DomainName::parse(text) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(why) => Err(Trouble::Input(format!("{text:?} is no domain: {why}"))),
    }
}
