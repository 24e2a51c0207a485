//! The quarantine, newest first, along the key of its table.

use gatepost_policy::id::EntryId;
use rusqlite::Connection;

use super::{
    super::{
        quarantine::{COLUMNS, entry},
        rows,
    },
    Budget, count,
};
use crate::{
    browse::{Listed, Needle, Wanted},
    error::StoreError,
    view::QuarantineEntry,
};

/// A page of the quarantined recipients in which a text occurs.
pub(super) fn list(
    connection: &Connection,
    budget: &mut Budget<'_>,
    text: Option<&str>,
    page: Wanted<EntryId>,
) -> Result<Listed<QuarantineEntry, EntryId>, StoreError> {
    let mut needle = text.and_then(Needle::new);
    let before = page.after.map_or_else(|| vec![0xff; 17], |id| rows::blob(id.ulid()).to_vec());
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM quarantine q JOIN message m ON m.id = q.message
         WHERE q.entry < ?1 ORDER BY q.entry DESC"
    ))?;
    let mut found = statement.query([before])?;
    let (mut items, mut next) = (Vec::new(), None);
    while let Some(row) = found.next()? {
        let id = rows::entry_id(row, 0)?;
        let entry = entry(row)?;
        let wanted = needle.as_mut().is_none_or(|needle| {
            let ids = [entry.id.to_string(), entry.message.to_string()];
            ids.iter().any(|id| needle.is_id(id))
                || [&entry.sender, &entry.recipient, &entry.subject, &entry.rule]
                    .into_iter()
                    .any(|text| needle.is_in(text))
        });
        if wanted {
            items.push(entry);
        }
        if items.len() == page.most.max(1) || budget.is_spent() {
            next = Some(id);
            break;
        }
    }
    let total = if needle.is_none() { count(connection, "quarantine")? } else { None };
    Ok(Listed { items, next, total })
}
