//! The media store on a real disk.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop")]
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use postsync_core::ids::{GenerationId, MediaId};
use postsync_engine::ports::{MediaError, MediaKind, MediaStore, Resolved};
use postsync_media::{LocalMedia, kept_bytes};
use tempfile::TempDir;
use uuid::Uuid;

fn open() -> (TempDir, LocalMedia) {
    let root = tempfile::tempdir().unwrap();
    let media = LocalMedia::open(root.path().join("data"), [1; 32]).unwrap();
    (root, media)
}

fn generation(n: u128) -> GenerationId {
    GenerationId(Uuid::from_u128(n))
}

fn media_id(n: u128) -> MediaId {
    MediaId(Uuid::from_u128(n))
}

async fn stored(media: &LocalMedia, id: MediaId) -> PathBuf {
    match media.resolve(id).await.unwrap() {
        Resolved::File(path) => path,
        Resolved::Redirect(url) => panic!("a local store gave a URL: {url}"),
    }
}

/// Everything below a folder, to see what is left.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn keeps_an_output_and_gives_it_back() {
    let (_root, media) = open();
    let folder = media.job_folder(generation(1)).await.unwrap();
    let made = folder.join("output");
    fs::write(&made, b"video").unwrap();
    fs::set_permissions(&made, fs::Permissions::from_mode(0o777)).unwrap();
    media.keep(media_id(0xab), MediaKind::Output, &made).await.unwrap();
    media.drop_job_folder(generation(1)).await.unwrap();

    let path = stored(&media, media_id(0xab)).await;
    assert!(path.ends_with("media/ab/00000000-0000-0000-0000-0000000000ab"), "{path:?}");
    assert_eq!(fs::read(&path).unwrap(), b"video");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert!(!made.exists() && !folder.exists());

    assert!(media.remove(media_id(0xab)).await.unwrap());
    assert!(!media.remove(media_id(0xab)).await.unwrap());
    assert!(matches!(media.resolve(media_id(0xab)).await, Err(MediaError::Missing)));
}

#[tokio::test]
async fn a_copy_can_be_ruined_without_the_original() {
    let (_root, media) = open();
    let upload = media.upload_path().await.unwrap();
    fs::write(&upload, b"original").unwrap();
    media.keep(media_id(1), MediaKind::Upload, &upload).await.unwrap();

    let copy = media.job_folder(generation(1)).await.unwrap().join("input-0");
    media.copy_to(media_id(1), &copy).await.unwrap();
    assert_eq!(fs::read(&copy).unwrap(), b"original");
    fs::write(&copy, b"ruined!!").unwrap();
    assert_eq!(fs::read(stored(&media, media_id(1)).await).unwrap(), b"original");

    let missing = media.copy_to(media_id(2), &copy.with_file_name("input-1")).await;
    assert!(matches!(missing, Err(MediaError::Missing)));
    assert!(!copy.with_file_name("input-1").exists());
}

#[tokio::test]
async fn paths_that_lead_out_are_refused() {
    let (root, media) = open();
    let secret = root.path().join("secret");
    fs::write(&secret, b"secret").unwrap();
    let folder = media.job_folder(generation(1)).await.unwrap();
    symlink(&secret, folder.join("link")).unwrap();
    symlink(root.path(), folder.join("way-out")).unwrap();
    let upload = media.upload_path().await.unwrap();
    fs::write(&upload, b"stored").unwrap();
    media.keep(media_id(1), MediaKind::Upload, &upload).await.unwrap();
    let original = stored(&media, media_id(1)).await;

    for path in [
        secret.clone(),
        folder.join("link"),
        folder.join("way-out/secret"),
        folder.join("../../../secret"),
        folder.clone(),
        // What is stored already can't be stored a second time: its first id would lose it.
        original.clone(),
    ] {
        assert!(media.keep(media_id(2), MediaKind::Output, &path).await.is_err(), "{path:?}");
    }
    for to in [secret.clone(), folder.join("link"), folder.join("way-out/new"), root.path().join("new")] {
        assert!(media.copy_to(media_id(1), &to).await.is_err(), "{to:?}");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"secret");
    assert_eq!(fs::read(&original).unwrap(), b"stored");
    assert!(!root.path().join("new").exists());
    assert!(matches!(media.resolve(media_id(2)).await, Err(MediaError::Missing)));
}

#[tokio::test]
async fn a_symlink_in_the_store_is_not_followed() {
    let (root, media) = open();
    let secret = root.path().join("secret");
    fs::write(&secret, b"secret").unwrap();
    let place = root.path().join("data/media/01");
    fs::create_dir(&place).unwrap();
    symlink(&secret, place.join(media_id(1).to_string())).unwrap();
    assert!(media.resolve(media_id(1)).await.is_err());
    let to = media.job_folder(generation(1)).await.unwrap().join("input-0");
    assert!(media.copy_to(media_id(1), &to).await.is_err());
}

#[tokio::test]
async fn the_sweep_takes_what_is_under_way_and_nothing_kept() {
    let (root, media) = open();
    for n in 1..=3 {
        let folder = media.job_folder(generation(n)).await.unwrap();
        fs::create_dir(folder.join("work")).unwrap();
        fs::write(folder.join("work/half"), b"half").unwrap();
    }
    fs::write(media.upload_path().await.unwrap(), b"half").unwrap();
    let upload = media.upload_path().await.unwrap();
    fs::write(&upload, b"kept").unwrap();
    media.keep(media_id(1), MediaKind::Upload, &upload).await.unwrap();

    // Opening alone sweeps nothing: a command may open the store beside a running server.
    let again = LocalMedia::open(root.path().join("data"), [1; 32]).unwrap();
    assert_eq!(files_below(root.path()).len(), 5);
    assert_eq!(again.sweep_job_folders().await.unwrap(), 3);
    assert_eq!(again.sweep_job_folders().await.unwrap(), 0);
    assert_eq!(files_below(root.path()), [stored(&media, media_id(1)).await]);
}

#[tokio::test]
async fn what_is_kept_is_listed_in_pages_once_each() {
    let (root, media) = open();
    assert_eq!(media.list_kept(None, 9).await.unwrap(), []);
    // Two shelves with several, others with one; the same last byte under different fronts.
    let mut all: Vec<u128> = vec![0x1_00ff, 0x2_00ff, 0x3_00ff, 0x1_0000, 0x2_0000, 0x07, 0x80, 0xfe];
    for n in &all {
        let upload = media.upload_path().await.unwrap();
        fs::write(&upload, b"kept").unwrap();
        media.keep(media_id(*n), MediaKind::Upload, &upload).await.unwrap();
    }
    let strange = root.path().join("data/media/00");
    fs::write(strange.join("README"), b"not ours").unwrap();
    fs::write(strange.join(media_id(0x77).to_string()), b"in another's place").unwrap();
    all.sort_unstable();
    for limit in 1..=all.len() + 1 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = media.list_kept(after, limit).await.unwrap();
            after = page.last().copied();
            seen.extend(page.iter().map(|id| id.0.as_u128()));
            if page.len() < limit {
                break;
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, all, "{limit}");
    }
}

#[tokio::test]
async fn a_folder_of_uploads_that_vanished_is_made_again() {
    let (root, media) = open();
    fs::remove_dir(root.path().join("data/uploads")).unwrap();
    let upload = media.upload_path().await.unwrap();
    fs::write(&upload, b"on its way").unwrap();
    media.keep(media_id(1), MediaKind::Upload, &upload).await.unwrap();
}

#[tokio::test]
async fn a_job_folder_is_empty_also_the_second_time() {
    let (_root, media) = open();
    let folder = media.job_folder(generation(1)).await.unwrap();
    fs::write(folder.join("output"), b"half").unwrap();
    assert_eq!(media.job_folder(generation(1)).await.unwrap(), folder);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    media.drop_job_folder(generation(1)).await.unwrap();
    media.drop_job_folder(generation(1)).await.unwrap();
}

#[tokio::test]
async fn a_result_path_carries_the_token_that_fits() {
    let (_root, media) = open();
    let path = media.result_path(generation(1), media_id(2));
    let (front, token) = path.split_once("?token=").unwrap();
    assert_eq!(front, "/v2/generations/00000000-0000-0000-0000-000000000001/result");
    assert!(media.token_fits(generation(1), media_id(2), token));
    assert!(!media.token_fits(generation(2), media_id(2), token));
    assert!(!media.token_fits(generation(1), media_id(3), token));
}

#[test]
fn a_folder_that_can_not_be_used_says_so() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), b"").unwrap();
    let error = LocalMedia::open(root.path().join("file"), [1; 32]).unwrap_err();
    assert!(error.to_string().contains("can't be used"), "{error}");

    let data = root.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::create_dir(root.path().join("elsewhere")).unwrap();
    symlink(root.path().join("elsewhere"), data.join("jobs")).unwrap();
    assert!(LocalMedia::open(data, [1; 32]).is_err());
}

#[tokio::test]
async fn what_is_kept_is_counted_where_that_is_asked_for() {
    let (root, plain) = open();
    let folder = plain.job_folder(generation(1)).await.unwrap();
    let put = |name: &str, bytes: usize| {
        let path = folder.join(name);
        fs::write(&path, vec![0; bytes]).unwrap();
        path
    };
    plain.keep(media_id(1), MediaKind::Output, &put("a", 1_000)).await.unwrap();
    plain.keep(media_id(2), MediaKind::Upload, &put("b", 200)).await.unwrap();
    assert_eq!(plain.space().await.unwrap().unwrap().media_bytes, None);
    assert_eq!(kept_bytes(&root.path().join("data")).unwrap(), 1_200);
    assert_eq!(kept_bytes(&root.path().join("none")).unwrap(), 0);

    let counting = LocalMedia::open_counting(root.path().join("data"), [1; 32], true).unwrap();
    let bytes = async || counting.space().await.unwrap().unwrap().media_bytes;
    assert_eq!(bytes().await, Some(1_200), "what was there before");
    counting.keep(media_id(3), MediaKind::Output, &put("c", 30)).await.unwrap();
    assert_eq!(bytes().await, Some(1_230));
    counting.remove(media_id(1)).await.unwrap();
    counting.remove(media_id(1)).await.unwrap();
    assert_eq!(bytes().await, Some(230), "once, however often it is removed");
    let space = counting.space().await.unwrap().unwrap();
    assert!(0 < space.free_bytes && space.free_bytes < space.disk_bytes, "{space:?}");
}
