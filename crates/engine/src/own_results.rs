//! A result of ours as an input of another generation: its file is read where it lies. Nothing is fetched from ourselves: a server that
//! speaks plain http, or sits on a private address, has closed that to itself.
use postsync_core::generation::{Ending, State, result_named};
use postsync_core::ids::MediaId;

use crate::engine::Engine;
use crate::ports::StoreError;
use crate::world::World;

impl Engine {
    /// The file behind a URL, where that is one of a result that was given out here.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn own_result(&self, url: &str) -> Result<Option<MediaId>, StoreError> {
        find(&self.world, url).await
    }
}

/// The file behind a result URL, where that is one that we gave out, whole and as it was. Who has the URL may read the video.
pub(crate) async fn find(world: &World, url: &str) -> Result<Option<MediaId>, StoreError> {
    let Some((id, token)) = url.strip_prefix(&world.settings.public_url).and_then(result_named) else {
        return Ok(None);
    };
    let Some(generation) = world.ports.store.generation_of_any(id).await? else { return Ok(None) };
    let State::Ended(_, Ending::Completed(output)) = generation.state else { return Ok(None) };
    Ok(output.media.filter(|media| world.ports.media.token_fits(id, *media, token)))
}
