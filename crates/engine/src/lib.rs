//! The loops of postsync and the ports that they need.
//!
//! Promise: an accepted generation ends, and a committed event is attempted until it is delivered or exhausted, whatever
//! dies in between. A receiver may see an event twice (we die after its 2xx and before the outcome is on disk), never not
//! at all; both times with the same event id and the same bytes.
//!
//! Deliberately absent: SQL, HTTP, the wall clock, randomness, models. They are [`ports`].
#![warn(missing_docs)]

mod access;
mod assets;
mod backlog;
mod batches;
mod cancel;
mod destinations;
mod dispatch;
mod endpoints;
mod engine;
mod exhausted;
mod feed;
mod finish;
mod gate;
mod generate;
mod inputs;
mod keyed;
mod known;
mod lane;
mod listen;
mod make;
mod own_results;
pub mod ports;
mod probe;
mod projects;
mod relay;
mod remove;
mod replay;
mod retention;
mod seats;
mod secrets;
mod settings;
mod settle;
mod space;
mod speech;
mod speech_jobs;
mod submit;
mod sweep;
mod tally;
mod turns;
mod voices;
mod waiters;
mod watch;
mod world;

pub use assets::AssetError;
pub use cancel::CancelError;
pub use destinations::DestinationView;
pub use endpoints::{EndpointError, NewEndpoint, Triggered};
pub use engine::{Engine, Ports, StartError};
pub use feed::{Feed, FeedError, Followed, Follower, Start};
pub use gate::{NoPlace, Place, PlaceError, Wanted};
pub use keyed::{Begun, KeyError, Keyed};
pub use known::known_secrets;
pub use listen::{Ask, Holding, ListenError, ListenTold, ListenerView, Listening, Signed};
pub use projects::ProjectError;
pub use relay::{Door, RelayPorts, RelaySettings, Relays, Unheard};
pub use remove::RemoveError;
pub use replay::ReplayError;
pub use secrets::{StepError, Stepped, first_secret, new_secret, step_secrets};
pub use settings::{Bounds, Settings};
pub use speech::{SpeakError, Turn};
pub use speech_jobs::SpeechJobError;
pub use submit::{Submission, SubmitError};
pub use tally::Farewell;
pub use voices::VoiceError;
pub use watch::{Watch, WatchError, Watched};
