//! The shapes on the wire, as the document at `/api-json` shows them. Ours are camelCase; Sync's are as Sync has them.
mod delivery;
mod generation;

pub use delivery::{AttemptEntry, DeliveryDetail, DeliveryItem, DeliveryPage, PhaseTimes};
pub use generation::{
    CreateGeneration, CreateGenerationForm, ErrorBody, ErrorEntry, GenerationBody, InputItem, ModelInfo, Readiness,
    UnauthorizedBody,
};
