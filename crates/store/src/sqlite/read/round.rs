//! Organizations that take turns: each step is one look into an index.
use postsync_core::ids::OrgId;
use rusqlite::Result;

/// What `oldest_of` finds first among the organizations behind `last`, which comes last itself. One is passed over only where all
/// that it has is at work: there are few of them.
pub(super) fn round<T>(
    last: Option<&OrgId>,
    mut org_behind: impl FnMut(&str) -> Result<Option<String>>,
    mut oldest_of: impl FnMut(&str) -> Result<Option<T>>,
) -> Result<Option<T>> {
    // No organization has an empty id.
    let last = last.map_or("", OrgId::as_str);
    let (mut at, mut is_round) = (last.to_owned(), false);
    loop {
        let Some(org) = org_behind(&at)?.filter(|org| !is_round || org.as_str() <= last) else {
            if is_round {
                return Ok(None);
            }
            (at, is_round) = (String::new(), true);
            continue;
        };
        if let Some(found) = oldest_of(&org)? {
            return Ok(Some(found));
        }
        at = org;
    }
}
