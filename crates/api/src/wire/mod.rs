//! The shapes on the wire, as the document at `/api-json` shows them. Ours are camelCase; Sync's are as Sync has them.
mod account;
mod asset;
mod attempt;
mod audit;
mod batch;
mod cost;
mod delivery;
mod destination;
mod endpoint;
mod event;
mod generation;
mod key;
mod listener;
mod project;
mod replay;
mod secret;
mod trigger;
mod verify;
mod voice;

pub use account::{AccountBody, AccountLimits, AccountOrganization, UsageItem, UsagePage};
pub use asset::{AssetBody, AssetPageBody, CreateUpload, RegisterAsset, UpdateAsset, UploadTarget};
pub use attempt::{AttemptEntry, AttemptRequest, AttemptResponse, Headers, PhaseTimes};
pub use audit::{AuditInputItem, AuditItem, AuditPage};
pub use batch::{BatchBody, BatchMetrics, BatchRow, BatchValidated, CreateBatch, CreateBatchForm};
pub use cost::{CostEstimate, EstimateCost, EstimatedCost};
pub use delivery::{DeliveryDetail, DeliveryItem, DeliveryPage};
pub use destination::{DestinationItem, DestinationPage};
pub use endpoint::{CreateEndpoint, EndpointItem, EndpointPage, NewEndpointItem, UpdateEndpoint};
pub(crate) use event::message;
pub use event::{ConsumerCursor, EventBatch, EventItem, EventPage};
pub use generation::{
    CreateGeneration, CreateGenerationForm, ErrorBody, ErrorEntry, GenerationBody, GenerationCount, InputItem,
    ModelInfo, Readiness, UnauthorizedBody,
};
pub use key::{CreateKey, KeyItem, KeyPage, NewKey};
pub use listener::{FromListener, HeldEvent, LastAnswer, ListenerItem, ListenerPage, ToListener};
pub use project::{AttachAssets, CreateProject, ProjectBody, ProjectPageBody, UpdateProject};
pub use replay::{CreateReplay, ReplayAccepted, ReplayBody, ReplayCount, ReplayFilter};
pub use secret::{ExpireSecret, ImportSecret, SecretBody, SecretOwnerBody, WebhookSecret};
pub use trigger::{TriggerEvent, TriggeredEvent};
pub use verify::{VerifiedWebhook, VerifyWebhook};
pub use voice::{CreateSpeech, CreateVoice, SpeechBody, SpeechJobBody, VoiceBody};
