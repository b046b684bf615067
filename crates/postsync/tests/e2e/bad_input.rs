//! What users get wrong, through the real server: each ends at once with a status that names the field, or FAILED with the
//! right code, a sentence and a webhook. Nothing of it stays: no child, no folder of a generation, no half-made upload.
mod dies;
mod failed;
mod host;
mod refused;

use std::fs;
use std::path::Path;

use reqwest::multipart::{Form, Part};

use crate::harness::{Answer, Api, Server, Setup, poll, processes};

/// Small enough that a test can be over it.
const INPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

fn setup() -> Setup {
    Setup::new().with("POSTSYNC_MEDIA_INPUT_BYTES_MAX", &INPUT_BYTES_MAX.to_string())
}

/// One file of a form.
struct File<'a> {
    field: &'static str,
    name: &'static str,
    bytes: &'a [u8],
}

/// Creates by a form of the built-in model.
async fn upload(api: &Api, files: &[File<'_>], webhook_url: &str) -> Answer {
    let mut form = Form::new().text("model", "mesh-1").text("webhookUrl", webhook_url.to_owned());
    for file in files {
        form = form.part(file.field, Part::bytes(file.bytes.to_vec()).file_name(file.name));
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    api.try_send(http.post(format!("{}/v2/generate", api.base)).multipart(form)).await.unwrap()
}

/// Nothing of the work is left; of the files, those of accepted uploads, with a small picture of each that could be read.
async fn nothing_is_left(server: &Server, setup: &Setup, uploads: usize) {
    poll("no media child runs", async || processes::media_groups(server.pid()).is_empty().then_some(())).await;
    // An ending is on disk before its folder is gone.
    poll("no folder of a generation is left", async || (files(&setup.data().join("jobs")) == 0).then_some(())).await;
    poll("no upload is left on its way", async || (files(&setup.data().join("uploads")) == 0).then_some(())).await;
    poll("files kept are those of uploads", async || {
        let listed = server.api().get("/v2/assets?limit=100").await.expect(200);
        let pictures = crate::harness::api::pictures(&listed);
        (files(&setup.data().join("media")) == uploads + pictures).then_some(())
    })
    .await;
}

/// Files below a folder, and folders that hold none.
fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| match entry.path().is_dir() {
        true => files(&entry.path()).max(1),
        false => 1,
    };
    entries.map(|entry| count(entry.unwrap())).sum()
}
