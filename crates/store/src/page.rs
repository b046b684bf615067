//! Where a page of generations ends, for both stores: the same place, so that one suite holds both.
use postsync_core::generation::Generation;
use postsync_core::limits::LIST_BYTES_MAX;

/// Takes rows until there are `limit`, or until their texts come to [`LIST_BYTES_MAX`]: a page of what clients made as large
/// as they may would not fit in memory. Has a row wherever there is one, so a reader always comes further.
pub(crate) fn cut<E>(rows: impl Iterator<Item = Result<Generation, E>>, limit: usize) -> Result<Vec<Generation>, E> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for row in rows.take(limit) {
        let row = row?;
        bytes += row.request.bytes();
        page.push(row);
        if bytes >= LIST_BYTES_MAX {
            break;
        }
    }
    Ok(page)
}
