//! Assets come, are described, and go. Files first, then the row that names them, when they go; the other way round when they
//! come: after a crash between the two no file is left that nobody finds.
use std::path::Path;
use std::sync::Arc;

use postsync_core::asset::{Asset, AssetChange, AssetFile, Described};
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MadeId, OrgId};
use postsync_core::retention::first_uploadable;

use crate::keyed::Keyed;
use crate::ports::{Applied, MediaError, MediaKind, StoreError};
use crate::world::World;

/// Why an asset could not come or go.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// There is none of that id in the organization.
    #[error("there is no such asset")]
    Unknown,
    /// Another create has used the same key meanwhile.
    #[error("the key was used meanwhile")]
    KeyUsed,
    /// One of that id is there already.
    #[error("the asset is there already")]
    Known,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The media store could not.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// With its file, where it has one here: moved from `file` into the media store; and with the turn of its `Idempotency-Key`.
pub(crate) async fn add(
    world: &Arc<World>,
    asset: Asset,
    file: Option<&Path>,
    keyed: Option<Keyed>,
) -> Result<Asset, AssetError> {
    if let (AssetFile::Stored(media), Some(file)) = (&asset.file, file) {
        world.ports.media.keep(*media, MediaKind::Upload, file).await?;
    }
    let used = keyed.iter().map(|keyed| keyed.used_for(MadeId(asset.id.0), asset.created_at));
    let added = Change::Asset(AssetChange::Register(Box::new(asset.clone())));
    let refused = match world.ports.store.apply(used.chain([added]).collect()).await {
        Ok(Applied::Done) => {
            world.probes.ring(&asset);
            return Ok(asset);
        }
        Ok(Applied::Stale) if keyed.is_some() => AssetError::KeyUsed,
        Ok(Applied::Stale) => AssetError::Known,
        Err(error) => error.into(),
    };
    if let Some(media) = asset.media()
        && let Err(error) = world.ports.media.remove(media).await
    {
        tracing::warn!(%media, %error, "the file of a refused upload could not be removed");
    }
    Err(refused)
}

pub(crate) async fn describe(world: &World, org: &OrgId, id: AssetId, to: Described) -> Result<Asset, AssetError> {
    if to == Described::default() {
        // Nothing is said, so nothing has changed, its time neither.
        return world.ports.store.asset(org, id).await?.ok_or(AssetError::Unknown);
    }
    let change = AssetChange::Describe { org: org.clone(), id, to, at: world.now() };
    match world.ports.store.apply(vec![Change::Asset(change)]).await? {
        Applied::Done => world.ports.store.asset(org, id).await?.ok_or(AssetError::Unknown),
        Applied::Stale => Err(AssetError::Unknown),
    }
}

/// A generation that waits and names it ends with `asset_not_found`.
pub(crate) async fn remove(world: &World, org: &OrgId, id: AssetId) -> Result<(), AssetError> {
    let asset = world.ports.store.asset(org, id).await?.ok_or(AssetError::Unknown)?;
    for file in [asset.media(), asset.facts.thumbnail].into_iter().flatten() {
        world.ports.media.remove(file).await?;
    }
    let change = AssetChange::Remove { org: org.clone(), id, from: first_uploadable(world.now()) };
    match world.ports.store.apply(vec![Change::Asset(change)]).await? {
        Applied::Done => Ok(()),
        Applied::Stale => Err(AssetError::Unknown),
    }
}
