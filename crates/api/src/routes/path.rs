//! The `{id}` of a path. What is not an id is to a caller the same as an unknown one: 404.
use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use postsync_core::error_code::{self, ErrorCode};
use postsync_core::ids::{
    AssetId, BatchId, DeliveryId, EndpointId, GenerationId, KeyId, ProjectId, ReplayId, SpeechJobId,
};

use crate::error::ApiError;

pub(crate) struct PathId<T>(pub(crate) T);

/// What a path's id names.
pub(crate) trait Named: FromStr {
    /// The 404.
    const UNKNOWN: ErrorCode;
}

impl Named for GenerationId {
    const UNKNOWN: ErrorCode = error_code::GENERATION_NOT_FOUND;
}

impl Named for AssetId {
    const UNKNOWN: ErrorCode = error_code::ASSET_NOT_FOUND;
}

impl Named for BatchId {
    const UNKNOWN: ErrorCode = error_code::BATCH_NOT_FOUND;
}

impl Named for ProjectId {
    const UNKNOWN: ErrorCode = error_code::PROJECT_NOT_FOUND;
}

impl Named for SpeechJobId {
    const UNKNOWN: ErrorCode = error_code::SPEECH_JOB_NOT_FOUND;
}

impl Named for DeliveryId {
    const UNKNOWN: ErrorCode = error_code::DELIVERY_NOT_FOUND;
}

impl Named for ReplayId {
    const UNKNOWN: ErrorCode = error_code::REPLAY_NOT_FOUND;
}

impl Named for KeyId {
    const UNKNOWN: ErrorCode = error_code::KEY_NOT_FOUND;
}

impl Named for EndpointId {
    const UNKNOWN: ErrorCode = error_code::ENDPOINT_NOT_FOUND;
}

impl<T: Named, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unknown = || ApiError::of(T::UNKNOWN);
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unknown())?;
        let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok());
        id.map(Self).ok_or_else(unknown)
    }
}
