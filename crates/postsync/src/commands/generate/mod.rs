//! `postsync generate`: files or URLs in, a video out, made by a server. The server goes on when this command is gone.
mod follow;
mod inputs;
mod patience;
mod request;
mod save;
mod sight;
mod upload;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use postsync_core::error_code::ErrorCode;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::block_on;
use super::client::{Client, Failure, ServerArgs};
use super::interrupt::{Came, Signals};
use super::lipsync::Mode;
use crate::EXIT_USAGE;
use crate::out::{is_nobody_listens, say};
use inputs::Wanted;
use patience::Patience;
use sight::Sight;

const HELP: &str = "\
A file is uploaded as it lies on the disk, however large it is; a URL is fetched by the server. Then the generation is followed until it \
has ended, and its video is saved. Progress goes to stderr: bars on a terminal, a line now and then elsewhere. The path of the video goes to \
stdout; with --json, and only that, the generation as the API shows it, with outputFile (null where nothing was saved).

The key in POSTSYNC_API_KEY needs the scopes generate and read. A server that is away for a moment, or says 429 or 503, is waited for; \
what was sent is not made twice. Ctrl-C ends only the looking on: --resume goes on with it.

Examples:
  postsync generate portrait.png speech.wav
  postsync generate talk.mov https://media.example.com/speech.mp3 -o talk.mp4
  postsync generate portrait.png --text 'Good morning, and welcome.' --voice en-us
  postsync generate talk.mov speech.wav --no-wait --webhook-url https://app.example.com/webhook
  postsync generate --resume 0191b7c4-7d1e-7b55-9a0c-2f1d3c4b5a69 -o talk.mp4
  postsync generate talk.mov speech.wav --json | jq -r .outputFile

Exit codes: 0 the video is there, 1 it is not, 2 the command line is wrong or a file that it names can't be used, 130 and 143 after Ctrl-C \
and SIGTERM.";

const USAGE: &str = "\
postsync generate [OPTIONS] <VIDEO> <AUDIO>
       postsync generate [OPTIONS] <VIDEO> --text <TEXT> --voice <ID>
       postsync generate [OPTIONS] --resume <ID>";

#[derive(Debug, Args)]
#[command(after_help = HELP, override_usage = USAGE)]
pub(crate) struct GenerateArgs {
    /// A video (mp4, mov, webm, mkv, avi) or a picture (jpeg, png, webp) of a face: a file or a URL.
    #[arg(value_name = "VIDEO", required_unless_present = "resume")]
    visual: Option<String>,
    /// Speech: wav, mp3, m4a, ogg, flac, or a video's sound; a file or a URL.
    #[arg(value_name = "AUDIO", required_unless_present_any = ["resume", "text"])]
    audio: Option<String>,
    /// What is to be said, in place of AUDIO.
    #[arg(long, requires = "voice", conflicts_with = "audio")]
    text: Option<String>,
    /// Whose voice says it: an id of GET /v2/voices.
    #[arg(long, value_name = "ID", requires = "text")]
    voice: Option<String>,
    /// The mp4 to write [default: VIDEO's name with -synced.mp4, in this folder; with --resume ID.mp4].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the output where it exists.
    #[arg(long)]
    force: bool,
    /// Who makes it: an id of GET /v2/models.
    #[arg(long, default_value = "lipsync-2")]
    model: String,
    /// What happens when picture and speech differ in length [default: the server's, bounce].
    #[arg(long, value_enum)]
    sync_mode: Option<Mode>,
    /// How far the mouth moves: 0 restrained, 0.5 true to the speech, 1 exaggerated.
    #[arg(long)]
    temperature: Option<f64>,
    /// Other options, as a JSON object: what POST /v2/generate takes as options.
    #[arg(long, value_name = "JSON")]
    options: Option<String>,
    /// Told by a signed POST when it has ended.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Go on with a generation that was begun before.
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["visual", "audio", "text", "voice", "sync_mode", "temperature", "options", "webhook_url", "no_wait"]
    )]
    resume: Option<String>,
    /// Do not look on until it has ended: print its id.
    #[arg(long)]
    no_wait: bool,
    /// Do not save the video: print its URL.
    #[arg(long, conflicts_with_all = ["output", "force"])]
    no_download: bool,
    /// As JSON: one object in the end.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<ExitCode> {
    let wanted = match inputs::judge(args) {
        Ok(wanted) => wanted,
        Err(wrong) => {
            eprintln!("postsync generate: {wrong:#}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let client = Client::new(&args.server)?;
    block_on(async {
        let mut signals = Signals::listen()?;
        let id = OnceCell::new();
        let done = tokio::select! {
            done = work(args, &client, &wanted, &id) => done,
            came = signals.came() => return Ok(interrupted(args, &wanted, id.get(), came)),
        };
        match (done, id.get()) {
            (Err(error), Some(id)) if goes_on(&error) => bail!("{error:#}\n{}", how_to_go_on(args, &wanted, id)),
            (done, _) => done,
        }
    })
}

/// Whatever happens to us, the server has the generation from the moment on in which its id is known.
async fn work(
    args: &GenerateArgs,
    client: &Client,
    wanted: &Wanted,
    id: &OnceCell<String>,
) -> anyhow::Result<ExitCode> {
    let sight = Sight::new(args.json);
    let mut patience = Patience::new(&sight);
    let of = match wanted {
        Wanted::Begun(of) => id.get_or_init(|| of.clone()),
        Wanted::New(new) => {
            let created = request::begin(args, client, new, &mut patience).await?;
            let new = inputs::id(created["id"].as_str().unwrap_or_default())
                .context("the server's answer names no generation")?;
            let of = id.get_or_init(|| new);
            sight.tell(&format!("generation {of}"));
            if args.no_wait {
                told(args, &created, of)?;
                return Ok(ExitCode::SUCCESS);
            }
            of
        }
    };
    let ended = follow::to_its_end(client, of, &mut patience).await?;
    if ended["status"] != "COMPLETED" {
        return failed(args, &ended);
    }
    let url = ended["outputUrl"].as_str().context("the server names no outputUrl of it")?;
    let Some(output) = inputs::output(args, wanted) else {
        told(args, &ended, url)?;
        return Ok(ExitCode::SUCCESS);
    };
    save::to(client, url, (&output, args.force), &mut patience).await?;
    let path = output.display().to_string();
    told(args, &with_file(ended, Some(&path)), &path)?;
    Ok(ExitCode::SUCCESS)
}

/// What goes to stdout: the object, or the line in its place.
fn told(args: &GenerateArgs, generation: &Value, line: &str) -> anyhow::Result<()> {
    if args.json {
        let whole = if generation.get("outputFile").is_some() {
            generation.clone()
        } else {
            with_file(generation.clone(), None)
        };
        say!("{whole}")?;
    } else {
        say!("{line}")?;
    }
    Ok(())
}

/// As the API shows it, and where its video lies here.
fn with_file(mut generation: Value, path: Option<&str>) -> Value {
    if let Some(members) = generation.as_object_mut() {
        members.remove("progress_percent");
        members.insert("outputFile".to_owned(), json!(path));
    }
    generation
}

fn failed(args: &GenerateArgs, ended: &Value) -> anyhow::Result<ExitCode> {
    if args.json {
        say!("{}", with_file(ended.clone(), None))?;
    }
    let code = ended["error_code"].as_str().unwrap_or_default();
    let suggestion = ErrorCode::parse(code).map_or("", |code| code.entry().suggestion);
    let (id, error) = (text(ended, "id"), text(ended, "error"));
    let code = if code.is_empty() { text(ended, "status") } else { code };
    eprintln!("{}", format!("postsync: generation {id} failed: {error} ({code}) {suggestion}").trim_end());
    Ok(ExitCode::FAILURE)
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

/// Whether the server may have it all the same: not where it does not know it, nor where nobody reads what we say.
fn goes_on(error: &anyhow::Error) -> bool {
    let refusal = error.downcast_ref::<Failure>().and_then(Failure::refusal);
    refusal.is_none_or(|refusal| refusal.status != StatusCode::NOT_FOUND) && !is_nobody_listens(error)
}

fn interrupted(args: &GenerateArgs, wanted: &Wanted, id: Option<&String>, came: Came) -> ExitCode {
    match id {
        Some(id) => {
            eprintln!("\npostsync: interrupted. The server goes on with it.\n{}", how_to_go_on(args, wanted, id));
        }
        None => eprintln!("\npostsync: interrupted before the server had named a generation; nothing was saved"),
    }
    came.code()
}

/// The line to type: it does what this one would have done.
fn how_to_go_on(args: &GenerateArgs, wanted: &Wanted, id: &str) -> String {
    let mut line = format!("To go on with it: postsync generate --resume {id}");
    match inputs::output(args, wanted) {
        Some(output) => line.push_str(&format!(" -o {}", quoted(&output.display().to_string()))),
        None => line.push_str(" --no-download"),
    }
    for (is_said, word) in [(args.force, " --force"), (args.json, " --json")] {
        line.push_str(if is_said { word } else { "" });
    }
    if let Some(server) = args.server.said() {
        line.push_str(&format!(" --server {}", quoted(server)));
    }
    line
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_a_shell() {
        for (name, word) in
            [("a/b-c.mp4", "a/b-c.mp4"), ("my film.mp4", "'my film.mp4'"), ("it's.mp4", r"'it'\''s.mp4'")]
        {
            assert_eq!(quoted(name), word);
        }
    }
}
