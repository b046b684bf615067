//! Estimates of costs.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a generation will come to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EstimatedCost {
    /// At 30 frames a second; 0 where the length of an input is not known.
    #[schema(example = 300)]
    pub estimated_frame_count: u64,
    /// In dollars.
    #[schema(example = 0.5)]
    pub estimated_generation_cost: f64,
}

/// What is to be estimated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EstimateCost {
    /// One of the ids of `GET /v2/models`.
    #[schema(example = "lipsync-2")]
    pub model: String,
    /// How long the video will be, in seconds, up to a week.
    #[schema(example = 10.0, exclusive_minimum = 0.0, maximum = 604800.0)]
    pub duration: f64,
    /// Its frames a second, up to 1000; 30 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 30.0, exclusive_minimum = 0.0, maximum = 1000.0)]
    pub fps: Option<f64>,
    /// Taken, and without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = false)]
    pub reasoning_enabled: Option<bool>,
}

/// What it comes to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostEstimate {
    /// Frames of the video.
    #[schema(example = 300)]
    pub estimated_frame_count: u64,
    /// In dollars.
    #[schema(example = 0.5)]
    pub estimated_generation_cost: f64,
    /// Always null: there are no credits here.
    pub estimated_credits: Option<f64>,
}
