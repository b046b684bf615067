//! The connection to the server: a WebSocket that goes out as every other request of ours does.
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use postsync_api::wire::{FromListener, ToListener};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::commands::client::{Client, Failure};

/// The largest message of a server: an event with its body, as JSON.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The server pings every 15 seconds: who has said nothing for so long is not there any more.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// For one message to be taken.
const SAY_MAX: Duration = Duration::from_secs(10);

/// Close codes that end a listener for good.
const TAKEN_OVER: u16 = 4001;
const KEY_REVOKED: u16 = 4003;

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) name: String,
    pub(super) to: String,
    pub(super) events: Option<String>,
    pub(super) since: Option<String>,
}

impl Ask {
    /// `resumes`: it was connected before, and goes on where it was.
    fn path(&self, session: &str, resumes: bool) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", &self.name).append_pair("forwardTo", &self.to).append_pair("session", session);
        if let Some(events) = &self.events {
            query.append_pair("events", events);
        }
        if resumes {
            query.append_pair("resume", "true");
        }
        if let Some(since) = self.since.as_ref().filter(|_| !resumes) {
            query.append_pair("replaySince", since);
        }
        format!("/postsync/v1/listeners/connect?{}", query.finish())
    }
}

/// A connection.
pub(super) struct Line {
    socket: WebSocketStream<reqwest::Upgraded>,
}

/// Why it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It broke, or the server stops: come again.
    Broken(String),
    /// Another listener has the name.
    TakenOver,
    /// The key does not work any more.
    KeyRevoked,
}

impl Line {
    /// Connects.
    pub(super) async fn open(client: &Client, ask: &Ask, session: &str, resumes: bool) -> Result<Self, Failure> {
        let upgraded = client.web_socket(&ask.path(session, resumes)).await?;
        let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX));
        Ok(Self { socket: WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await })
    }

    /// The next message. May be dropped and asked again.
    pub(super) async fn hear(&mut self) -> Result<ToListener, Cut> {
        loop {
            let heard = tokio::time::timeout(SILENCE_MAX, self.socket.next()).await;
            let message = match heard {
                Err(_) => return Err(Cut::Broken("the server has said nothing for too long".to_owned())),
                Ok(None) => return Err(Cut::Broken("the connection was closed".to_owned())),
                Ok(Some(Err(error))) => return Err(Cut::Broken(error.to_string())),
                Ok(Some(Ok(message))) => message,
            };
            match message {
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(ToListener::TakenOver) => return Err(Cut::TakenOver),
                    Ok(said) => return Ok(said),
                    Err(_) => {
                        return Err(Cut::Broken("the server has said what this version does not know".to_owned()));
                    }
                },
                Message::Close(frame) => return Err(closed(frame.map(|frame| (frame.code, frame.reason.to_string())))),
                // Pings are answered below us, when the next message is read.
                _ => {}
            }
        }
    }

    pub(super) async fn say(&mut self, message: &FromListener) -> Result<(), Cut> {
        let text = serde_json::to_string(message).map_err(|error| Cut::Broken(error.to_string()))?;
        let said = tokio::time::timeout(SAY_MAX, self.socket.send(Message::text(text))).await;
        let late = || Cut::Broken("the server takes nothing any more".to_owned());
        said.map_err(|_| late())?.map_err(|error| Cut::Broken(error.to_string()))
    }

    /// Says goodbye, if the server still hears it.
    pub(super) async fn close(&mut self) {
        let _ = tokio::time::timeout(SAY_MAX, self.socket.close(None)).await;
    }
}

fn closed(frame: Option<(CloseCode, String)>) -> Cut {
    match frame {
        Some((CloseCode::Library(TAKEN_OVER), _)) => Cut::TakenOver,
        Some((CloseCode::Library(KEY_REVOKED), _)) => Cut::KeyRevoked,
        Some((_, reason)) if !reason.is_empty() => Cut::Broken(reason),
        _ => Cut::Broken("the server has closed the connection".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_time_it_is_asked_for_what_was() {
        let ask = Ask {
            name: "a:b".to_owned(),
            to: "http://localhost:3000/".to_owned(),
            events: Some("generation.failed,batch.completed".to_owned()),
            since: Some("1h".to_owned()),
        };
        let (first, again) = (ask.path("s", false), ask.path("s", true));
        assert!(first.ends_with("&replaySince=1h") && !first.contains("resume"), "{first}");
        assert!(again.ends_with("&resume=true") && !again.contains("replaySince"), "{again}");
        assert!(
            first.contains(
                "name=a%3Ab&forwardTo=http%3A%2F%2Flocalhost%3A3000%2F&session=s&events=generation.failed%2C"
            ),
            "{first}"
        );
    }

    #[test]
    fn what_ends_it_for_good_is_told_from_what_passes() {
        let of = |code: u16, reason: &str| closed(Some((CloseCode::from(code), reason.to_owned())));
        assert_eq!((of(TAKEN_OVER, ""), of(KEY_REVOKED, "x")), (Cut::TakenOver, Cut::KeyRevoked));
        assert_eq!(of(1012, "the server stops"), Cut::Broken("the server stops".to_owned()));
        assert!(matches!(closed(None), Cut::Broken(_)));
    }
}
