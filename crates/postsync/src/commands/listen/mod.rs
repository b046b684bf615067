//! `postsync listen`: an organization's webhooks on this machine, without a tunnel.
//!
//! One connection goes out, a WebSocket; over it the server sends events that it has signed, and hears what the application has
//! answered. What is under way stands on the [`desk`], which knows no socket; [`mod@line`] is the connection, [`forward`] the POST to the
//! application, and [`mod@run`] turns them.
mod desk;
mod forward;
mod keyboard;
mod line;
mod report;
mod run;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use postsync_core::event::EventType;
use postsync_core::limits::LISTENER_NAME_CHARS_MAX;
use postsync_core::listener::listener_name;
use postsync_core::schedule::parse_duration;
use url::Url;

use super::block_on;
use super::client::{Client, ServerArgs};
use crate::EXIT_USAGE;
use crate::out::say;

const HELP: &str = "\
Each event of the organization is handed on to --forward-to, one after the other, signed with the organization's secret, headers and body as \
a webhook has them. Generations without a webhookUrl come too, and what `postsync trigger` makes up. Any answer acknowledges, whatever its \
status; it stands in the server's attempt log. Where the application is not there, or does not answer in time, the event is held, those behind \
it wait, and it is tried again.

The server keeps the place under a name (this machine and the target, or --name). What happens while nobody listens comes when somebody does \
again, in order; a new name begins with what happens from now on. The same name again takes over at once.

On a terminal: r sends the last event again, or tries the one that is held at once; q ends. The key in POSTSYNC_API_KEY needs the scope read, for --print-secret admin.

Examples:
  postsync listen --forward-to http://localhost:3000/webhook
  postsync listen --forward-to 3000/webhook --events generation.failed
  postsync listen --forward-to 3000/webhook --replay-since 1h
  WEBHOOK_SECRET=$(postsync listen --print-secret) node receiver.js

Exit codes: 0 ended by Ctrl-C or q, 1 it could not go on, 2 the command line is wrong.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ListenArgs {
    /// Where to: a URL, or its port and path on this machine, such as 3000/webhook.
    #[arg(long, value_name = "URL", value_parser = target, required_unless_present = "print_secret")]
    forward_to: Option<Url>,
    /// Under which name the server keeps the place [default: this machine and the target].
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Only these, with commas between them [default: all that are about generations and batches].
    #[arg(long, value_name = "EVENT", value_delimiter = ',', num_args = 1.., value_parser = event)]
    events: Vec<String>,
    /// Begin with what has happened since: 1h, 2d, or a time such as 2026-11-24T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = since)]
    replay_since: Option<String>,
    /// Print the organization's signing secret first; without --forward-to that is all.
    #[arg(long)]
    print_secret: bool,
    /// How long the application may take for an answer.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Do not check the certificate of an https target.
    #[arg(long)]
    insecure: bool,
    /// One line of JSON on stdout for each event.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &ListenArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.server)?;
    block_on(async {
        if args.print_secret {
            let secret = client.get("/postsync/v1/secret").await.context("the secret could not be read")?;
            say!("{}", secret["secret"].as_str().unwrap_or_default())?;
        }
        let Some(to) = args.forward_to.clone() else { return Ok(ExitCode::SUCCESS) };
        let name = match &args.name {
            Some(name) => name.clone(),
            None => default_name(&to),
        };
        let Some(forwarder) = forward::Forwarder::new(to, args.timeout, args.insecure)? else {
            eprintln!("postsync listen: --forward-to: no request can be made to that URL");
            return Ok(ExitCode::from(EXIT_USAGE));
        };
        let events = (!args.events.is_empty()).then(|| args.events.join(","));
        let ask = line::Ask { name, to: told(forwarder.to()), events, since: args.replay_since.clone() };
        run::listen(client, forwarder, ask, report::Report::new(args.json)).await
    })
}

/// `3000/webhook`, `localhost:3000/webhook` or the whole URL.
fn target(text: &str) -> Result<Url, String> {
    let wrong =
        || "it is no URL such as http://localhost:3000/webhook, nor a port with a path such as 3000/webhook".to_owned();
    let whole = if text.contains("://") {
        text.to_owned()
    } else if text.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok()) {
        format!("http://localhost:{text}")
    } else {
        format!("http://{text}")
    };
    // A number that is no port would be read as an address.
    let is_a_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.split(['/', '?', ':']).next().is_some_and(is_a_number) && !whole.contains("localhost") {
        return Err(wrong());
    }
    let url = Url::parse(&whole).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    Ok(url)
}

fn name(text: &str) -> Result<String, String> {
    let wrong = || format!("it is 1 to {LISTENER_NAME_CHARS_MAX} letters, digits and . _ - : / @ ~ + [ ] %");
    listener_name(text).map(|name| name.to_string()).ok_or_else(wrong)
}

fn event(text: &str) -> Result<String, String> {
    let kinds = EventType::ALL.iter().filter(|kind| !kind.is_operational()).map(|kind| kind.as_str());
    let names: Vec<&str> = kinds.collect();
    if names.contains(&text) { Ok(text.to_owned()) } else { Err(format!("it is one of {}", names.join(", "))) }
}

/// The server reads it by its own clock.
fn since(text: &str) -> Result<String, String> {
    let is_one = parse_duration(text).is_some() || postsync_core::time::Timestamp::parse_rfc3339(text).is_some();
    if is_one {
        Ok(text.to_owned())
    } else {
        Err("it is a duration such as 1h or a time such as 2026-11-24T08:00:00Z".to_owned())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "it is a duration such as 30s".to_owned())
}

/// `laptop:localhost:3000/webhook`: two terminals with two targets are two listeners, and each finds its place again.
fn default_name(to: &Url) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let port = to.port_or_known_default().unwrap_or_default();
    let query = to.query().map_or_else(String::new, |query| format!("-{query}"));
    let text = format!("{host}:{}:{port}{}{query}", to.host_str().unwrap_or_default(), to.path());
    let plain = |c: char| if listener_name(c.encode_utf8(&mut [0; 4])).is_some() { c } else { '-' };
    text.chars().map(plain).take(LISTENER_NAME_CHARS_MAX).collect()
}

/// The target, as the server and a terminal are told of it: a password in it is nobody else's.
fn told(to: &Url) -> String {
    let mut told = to.clone();
    // Only a URL without a host refuses, and that was no target.
    let _ = (told.set_username(""), told.set_password(None));
    told.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_short() {
        for (text, want) in [
            ("3000", "http://localhost:3000/"),
            ("3000/webhook?a=1", "http://localhost:3000/webhook?a=1"),
            ("localhost:3000/webhook", "http://localhost:3000/webhook"),
            ("app.test/webhook", "http://app.test/webhook"),
            ("https://localhost:3443/x", "https://localhost:3443/x"),
            ("[::1]:3000", "http://[::1]:3000/"),
        ] {
            assert_eq!(target(text).map(String::from).as_deref(), Ok(want), "{text}");
        }
        for bad in ["", "ftp://localhost/x", "http://", "a b", "70000", "70000/x"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_default_name_is_one_that_the_server_takes() {
        for to in ["http://localhost:3000/webhook", "https://[::1]/a%20b?q", "http://x.test/'\"<>"] {
            let name = default_name(&to.parse().unwrap());
            assert!(listener_name(&name).is_some(), "{name}");
        }
        let of = |to: &str| default_name(&to.parse().unwrap());
        assert_ne!(of("http://localhost:3000/"), of("http://localhost:3001/"));
        assert_ne!(of("http://localhost:3000/?a=1"), of("http://localhost:3000/?a=2"));
        assert_eq!(told(&"http://user:secret@localhost:3000/x".parse().unwrap()), "http://localhost:3000/x");
    }
}
