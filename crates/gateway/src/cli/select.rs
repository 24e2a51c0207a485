//! Which entries a verb acts on, as it is typed: ids, `--domain`, `--all` or, of waiting mail, `--filter`.

use clap::Args;
use gatepost_policy::id::{EntryId, MessageId};
use gatepost_policy::tls::Level;
use gatepost_store::Selection;
use gatepost_store::filter::{self, Filter};
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
                "nothing is selected; name ids, --domain D, --all or, of waiting mail, --filter EXPR"
                    .to_owned(),
            ));
        }
        let ids: Result<Vec<Ulid>, Trouble> = self.ids.iter().map(|id| any_id(id)).collect();
        Ok(Selection::Ids(ids?))
    }
}

/// A selection of waiting mail on the command line.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    #[command(flatten)]
    selected: Selected,
    /// Everything that this picks: `domain=partner.example and level=require and age>2h`.
    #[arg(long, value_name = "EXPR", conflicts_with_all = ["ids", "domain", "all"])]
    filter: Option<String>,
}

impl Chosen {
    /// Whether it names a filter instead of ids.
    pub(crate) const fn is_filter(&self) -> bool {
        self.filter.is_some() || self.selected.is_filter()
    }

    /// The selection as it was typed, or what is wrong with it. The level of mail about which nothing is demanded is
    /// known only when the store is open: [`with_default`].
    pub(crate) fn selection(&self) -> Result<Selection, Trouble> {
        let Some(text) = &self.filter else { return self.selected.selection() };
        let filter = Box::new(parse_filter(text)?);
        Ok(Selection::Filter { filter, default: Level::Try })
    }
}

/// The selection, for a gateway where mail about which nothing is demanded has this level.
pub(crate) fn with_default(selection: Selection, level: Level) -> Selection {
    match selection {
        Selection::Filter { filter, default: _ } => Selection::Filter { filter, default: level },
        Selection::All | Selection::Ids(_) | Selection::Domain(_) => selection,
    }
}

/// A filter, or where it is wrong, shown below the text.
pub(crate) fn parse_filter(text: &str) -> Result<Filter, Trouble> {
    filter::parse(text).map_err(|wrong| {
        let blanks = " ".repeat(wrong.column.saturating_sub(1));
        Trouble::Input(format!(
            "--filter, column {}: {}\n  {}\n  {blanks}^\n  {}",
            wrong.column,
            wrong.problem,
            super::out::one_line(text),
            wrong.remedy
        ))
    })
}

/// Whether a selection takes this entry of the quarantine.
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
        Selection::Filter { .. } => false,
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
