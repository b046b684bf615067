//! Organizations, keys, secrets, assets.
use postsync_core::access::{AccessChange, ApiKey};
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::change::Change;
use postsync_core::generation::{Ending, Output};
use postsync_core::ids::{AssetId, KeyId, MediaId};
use postsync_core::limits::KEYS_MAX;
use postsync_engine::ports::{Store, StoreError};
use uuid::Uuid;

use super::world::*;

pub(crate) async fn organizations_and_keys_are_made_once(store: &dyn Store) {
    let (late, early) = (organization("acme", 9), organization("default", 1));
    done(store, vec![Change::AddOrganization(late.clone())]).await;
    done(store, vec![Change::AddOrganization(early.clone())]).await;
    stale(store, vec![Change::AddOrganization(organization("acme", 20))]).await;
    assert_eq!(store.organizations().await.unwrap(), [early, late]);

    let (first, second) = (key(2, "default", 1), key(1, "default", 2));
    done(store, vec![Change::AddKey(Box::new(first.clone()))]).await;
    done(store, vec![Change::AddKey(Box::new(second.clone()))]).await;
    stale(store, vec![Change::AddKey(Box::new(key(9, "acme", 1)))]).await;
    stale(store, vec![Change::AddKey(Box::new(key(2, "default", 7)))]).await;
    assert_eq!(store.keys(&org("default")).await.unwrap(), [second, first.clone()]);
    assert_eq!(store.key_by_hash([1; 32]).await.unwrap(), Some(first.clone()));
    assert_eq!(store.key_by_hash([7; 32]).await.unwrap(), None);
    assert_eq!(store.key(KeyId(2)).await.unwrap(), Some(first));
}

pub(crate) async fn a_key_is_revoked_once(store: &dyn Store) {
    let made = key(1, "default", 1);
    stale(store, vec![Change::RevokeKey { id: KeyId(1), at: at(5) }]).await;
    done(store, vec![Change::AddKey(Box::new(made.clone()))]).await;
    done(store, vec![Change::RevokeKey { id: KeyId(1), at: at(5) }]).await;
    stale(store, vec![Change::RevokeKey { id: KeyId(1), at: at(6) }]).await;
    let revoked = ApiKey { revoked_at: Some(at(5)), ..made };
    assert_eq!(store.key_by_hash([1; 32]).await.unwrap(), Some(revoked.clone()));
    assert_eq!(store.keys(&org("default")).await.unwrap(), [revoked]);
    // A revoked key's text stays taken: a bootstrap key must not rise again.
    stale(store, vec![Change::AddKey(Box::new(key(2, "default", 1)))]).await;
}

/// The bound is that of one organization, of keys that work, and it is looked at where the key is written.
pub(crate) async fn no_key_is_made_beyond_the_bound(store: &dyn Store) {
    let hashed = |number: i64, whose: &str| {
        let hash: [u8; 32] = std::array::from_fn(|i| number.to_be_bytes()[i % 8]);
        ApiKey { hash, ..key(number, whose, 0) }
    };
    let make = |number, whose| vec![Change::Access(AccessChange::MakeKey(Box::new(hashed(number, whose))))];
    let most = i64::try_from(KEYS_MAX).unwrap();
    let there = (1..most).map(|number| Change::AddKey(Box::new(hashed(number, "default"))));
    done(store, there.collect()).await;
    done(store, make(most, "default")).await;
    stale(store, make(most + 1, "default")).await;
    done(store, make(most + 1, "acme")).await;
    done(store, vec![Change::RevokeKey { id: KeyId(7), at: at(5) }]).await;
    stale(store, make(most, "default")).await;
    done(store, make(most + 2, "default")).await;
    stale(store, make(most + 3, "default")).await;
    // The operator's own commands are not bound.
    done(store, vec![Change::AddKey(Box::new(hashed(most + 4, "default")))]).await;
    assert_eq!(store.keys(&org("default")).await.unwrap().len(), KEYS_MAX + 2);
}

pub(crate) async fn assets_read_back(store: &dyn Store) {
    let (id, file) = (AssetId(Uuid::from_u128(1)), MediaId(Uuid::from_u128(2)));
    let asset = Asset::uploaded(id, org("default"), AssetKind::Video, "Ünïcode.mp4".to_owned(), file, 5 << 30, at(1));
    done(store, vec![Change::AddAsset(Box::new(asset.clone()))]).await;
    assert_eq!(store.asset(&org("default"), asset.id).await.unwrap(), Some(asset.clone()));
    assert_eq!(store.asset(&org("acme"), asset.id).await.unwrap(), None);
    assert_eq!(store.asset(&org("default"), AssetId(Uuid::from_u128(9))).await.unwrap(), None);
    assert!(matches!(store.apply(vec![Change::AddAsset(Box::new(asset))]).await, Err(StoreError::Failed(_))));
}

pub(crate) async fn media_that_rows_name_is_told_apart(store: &dyn Store) {
    let media = |number| MediaId(Uuid::from_u128(number));
    let (org, name) = (org("default"), "v.mp4".to_owned());
    let id = AssetId(Uuid::from_u128(1));
    let asset = Asset::uploaded(id, org, AssetKind::Video, name, media(2), 1, at(1));
    let Ending::Completed(Output { media: Some(output), .. }) = completed() else { panic!("it has a video") };
    done(store, vec![Change::AddAsset(Box::new(asset)), add(&generation(1, "acme", "mesh-1"))]).await;
    let asked = vec![media(1), media(2), output, media(3)];
    assert_eq!(store.named_media(asked.clone()).await, Ok(vec![media(2)]));
    done(store, vec![end(1, 0, completed())]).await;
    assert_eq!(store.named_media(asked).await, Ok(vec![media(2), output]));
    assert_eq!(store.named_media(vec![]).await, Ok(vec![]));
}
