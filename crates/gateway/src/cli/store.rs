//! The store as the verbs see it: opened beside whatever runs on it, made where there is none.

use std::sync::Arc;

use gatepost_policy::document::{PolicyDocument, Profile};
use gatepost_store::embedded::{self, Embedded, Mode};
use gatepost_store::{Settings, StoreError, StoredRevision, SystemClock};

use super::{Trouble, chain};
use crate::config::Config;
use crate::serve::settings::store as store_options;

/// Opens the store of a configuration for rows; makes it where there is none.
pub(crate) async fn open(config: &Config) -> Result<Embedded, Trouble> {
    let options = store_options(config, Arc::new(SystemClock::new()));
    let opened = Box::pin(embedded::open(&config.data_dir, options, Mode::Tool)).await;
    opened.map_err(|why| {
        Trouble::Failed(format!("the store in {}: {}", config.data_dir.display(), chain(&why)))
    })
}

/// Opens the store where there is one.
pub(crate) async fn open_existing(config: &Config) -> Result<Option<Embedded>, Trouble> {
    if embedded::exists(&config.data_dir) { Ok(Some(open(config).await?)) } else { Ok(None) }
}

/// The policy that holds.
pub(crate) async fn current(store: &Embedded) -> Result<StoredRevision, Trouble> {
    let head = store.head();
    revision(store, head).await
}

/// A revision that must be there.
pub(crate) async fn revision(store: &Embedded, number: u64) -> Result<StoredRevision, Trouble> {
    let found = store.load(number).await.map_err(failed)?;
    found.ok_or_else(|| {
        Trouble::Failed(format!(
            "there is no revision {number} of the policy; `gatepost policy history` lists them"
        ))
    })
}

/// The policy and the profile that a verb works with that needs no store: those of the store where there is one,
/// else what a new one would start with.
pub(crate) async fn policy_or_initial(
    config: &Config,
) -> Result<(u64, PolicyDocument, Profile), Trouble> {
    match open_existing(config).await? {
        Some(store) => {
            let current = current(&store).await?;
            Ok((current.revision.revision, current.document, store.profile()))
        }
        None => Ok((0, PolicyDocument::initial(config.profile), config.profile)),
    }
}

/// The profile of the store where there is one, else that of the configuration.
pub(crate) async fn profile(config: &Config) -> Result<Profile, Trouble> {
    Ok(open_existing(config).await?.map_or(config.profile, |store| store.profile()))
}

/// A fault of the store, with its causes.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
pub(crate) fn failed(error: StoreError) -> Trouble {
    Trouble::Failed(chain(&error))
}
