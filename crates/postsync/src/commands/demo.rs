//! `postsync demo`: the whole house once, on real input: portrait and speech in, lip sync in the limited child process,
//! a signed webhook over HTTPS to a receiver that verifies it, the video out.
use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use postsync_core::Secret;
use postsync_core::access::key_text;
use postsync_core::asset::AssetKind;
use postsync_core::egress_rules::Allow;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::time::timeout;

use super::interrupt::Signals;
use super::lipsync::bar;
use super::output;
use super::receiver::{Received, Receiver};
use crate::data::random;
use crate::logging;
use crate::out::say;
use crate::settings::{self, Settings, Values};
use crate::wiring::Server;

/// The bundled portrait and speech; see NOTICE for where they come from.
const PORTRAIT: &[u8] = include_bytes!("../../../lipsync/samples/astronaut.png");
const SPEECH: &[u8] = include_bytes!("../../../lipsync/samples/librivox_0870.wav");

/// Longer than the slowest machine needs for seven seconds of speech.
const DEMO_TIMEOUT: Duration = Duration::from_secs(600);

/// Between two looks at the progress.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Another portrait or video of a face.
    #[arg(long, value_name = "FILE")]
    visual: Option<PathBuf>,
    /// Other speech.
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// The video to write; replaced where it exists.
    #[arg(short, long, value_name = "FILE", default_value = "demo.mp4")]
    output: PathBuf,
}

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    logging::start("warn")?;
    output::judge(&args.output)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    // First: what comes from here on is cleared up.
    let mut signals = Signals::listen()?;
    let folder = tempfile::Builder::new().prefix("postsync-demo-").tempdir()?;
    let secret = Secret::generate(random());
    let api_key = key_text(random());
    let mut receiver = Receiver::start(secret.clone()).await?;
    let ca_file = folder.path().join("receiver-ca.pem");
    std::fs::write(&ca_file, &receiver.ca_pem)?;
    let mut settings = settings::judge(&Values::defaults())?;
    // Only the receiver's exact address and port are opened; all else that is private stays closed.
    settings.rules.allow = vec![Allow::socket(receiver.address)];
    settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: folder.path().join("data"),
        bootstrap_api_key: Some(api_key.clone()),
        bootstrap_webhook_secret: Some(secret),
        ca_file: Some(ca_file),
        // Its work is nobody's but the demo's: when the demo ends, so does it.
        shutdown_grace: Duration::ZERO,
        ..settings
    };
    let server = Server::start(&settings).await?;
    // The server is on this machine: a proxy of the environment is not on the way to it.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = Client { base: server.public_url.clone(), api_key, http };
    eprintln!("server   {}\nreceiver https://{}/webhook", client.base, receiver.address);
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async move {
        let _ = told.await;
    }));
    let result = tokio::select! {
        made = timeout(DEMO_TIMEOUT, one_generation(args, &client, &mut receiver)) => {
            made.context("the demo took too long").flatten()
        }
        came = signals.came() => Ok(came.ended()),
    };
    let _ = tell.send(());
    let _ = serving.await;
    result
}

async fn one_generation(args: &DemoArgs, client: &Client, receiver: &mut Receiver) -> anyhow::Result<ExitCode> {
    let webhook_url = format!("https://{}/webhook", receiver.address);
    let created = client.create(args, &webhook_url).await?;
    let id = created["id"].as_str().context("the create answered without an id")?.to_owned();
    eprintln!("generation {id}");
    let bar = bar("making the video");
    let received = tokio::select! {
        received = receiver.received.recv() => received.context("the receiver stopped")?,
        error = client.follow(&id, &bar) => return Err(error),
    };
    bar.finish_and_clear();
    print(&received)?;
    if let Err(wrong) = &received.verdict {
        bail!("the webhook's signature is not right: {wrong}");
    }
    let body: Value = serde_json::from_slice(&received.body)?;
    ensure!(
        body["status"] == "COMPLETED",
        "the generation failed: {} ({})",
        plain(&body["error"]),
        plain(&body["error_code"])
    );
    let url = body["outputUrl"].as_str().context("the webhook names no outputUrl")?;
    let video = client.download(url).await?;
    std::fs::write(&args.output, &video).with_context(|| format!("{} can't be written", args.output.display()))?;
    say!(
        "\nverified: the Sync-Signature is right, and {} was written ({} bytes).",
        args.output.display(),
        video.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn print(received: &Received) -> std::io::Result<()> {
    say!("POST /webhook")?;
    for (name, value) in &received.headers {
        say!("{name}: {value}")?;
    }
    say!("\n{}", String::from_utf8_lossy(&received.body))
}

/// What an application does with the API.
struct Client {
    base: String,
    api_key: String,
    http: reqwest::Client,
}

impl Client {
    async fn create(&self, args: &DemoArgs, webhook_url: &str) -> anyhow::Result<Value> {
        let read = |path: &Option<PathBuf>, bundled: &'static [u8]| match path {
            Some(path) => std::fs::read(path).with_context(|| format!("{} can't be read", path.display())),
            None => Ok(bundled.to_vec()),
        };
        let (visual, speech) = (read(&args.visual, PORTRAIT)?, read(&args.audio, SPEECH)?);
        let kind = if is_image(&visual) { "image" } else { "video" };
        let form = Form::new()
            .part(kind, Part::bytes(visual).file_name(kind))
            .part("audio", Part::bytes(speech).file_name("speech"))
            .text("model", "mesh-1")
            .text("webhookUrl", webhook_url.to_owned());
        let request =
            self.http.post(format!("{}/v2/generate", self.base)).header("x-api-key", &self.api_key).multipart(form);
        let response = request.send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        ensure!(status.as_u16() == 201, "the create was refused with {status}: {}", plain(&answer["message"]));
        Ok(answer)
    }

    /// Moves the bar until the webhook comes; only ever ends with an error.
    async fn follow(&self, id: &str, bar: &ProgressBar) -> anyhow::Error {
        loop {
            let url = format!("{}/v2/generate/{id}?include=progress", self.base);
            let answer =
                async { self.http.get(url).header("x-api-key", &self.api_key).send().await?.json::<Value>().await };
            match answer.await {
                Ok(answer) => bar.set_position(answer["progress_percent"].as_u64().unwrap_or(0)),
                Err(error) => return anyhow::Error::new(error).context("the server does not answer"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn download(&self, url: &str) -> anyhow::Result<bytes::Bytes> {
        // No key: the token in the URL is enough.
        Ok(self.http.get(url).send().await?.error_for_status()?.bytes().await?)
    }
}

/// A text without the quotes of JSON.
fn plain(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed)
}

fn is_image(bytes: &[u8]) -> bool {
    postsync_core::sniff::sniff(bytes).kind == Some(AssetKind::Image)
}
