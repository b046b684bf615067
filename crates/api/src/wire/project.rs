//! Projects, as far as Sync's shapes of them are public.
use postsync_core::project::Project;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A name under which assets are kept together.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBody {
    /// UUID.
    #[schema(example = "018f2f6e-6d3a-7b6a-8c6e-0123456789ac")]
    pub id: String,
    /// ISO 8601 in UTC with milliseconds.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// For people.
    #[schema(example = "Spring campaign")]
    pub name: String,
    /// `USER` or `ORGANIZATION`. Kept and shown: every key of the organization sees all of its projects.
    #[schema(example = "USER")]
    pub visibility: String,
    /// Kept and shown; nothing depends on it here.
    #[schema(example = "CREATOR")]
    pub mode: String,
}

impl ProjectBody {
    pub(crate) fn of(project: &Project) -> Self {
        Self {
            id: project.id.to_string(),
            created_at: project.created_at.to_string(),
            updated_at: project.updated_at.to_string(),
            name: project.name.clone(),
            visibility: project.visibility.as_str().to_owned(),
            mode: project.mode.as_str().to_owned(),
        }
    }
}

/// A page of projects.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectPageBody {
    /// The projects, newest first.
    pub items: Vec<ProjectBody>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A project to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateProject {
    /// For people, at most 255 characters.
    #[schema(example = "Spring campaign", min_length = 1, max_length = 255)]
    pub name: String,
    /// `USER` (default) or `ORGANIZATION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "USER")]
    pub visibility: Option<String>,
    /// Default `CREATOR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "CREATOR", min_length = 1, max_length = 32, pattern = "^[A-Z0-9_]+$")]
    pub mode: Option<String>,
    /// A UUID of your own; left out: one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "018f2f6e-6d3a-7b6a-8c6e-0123456789ac", format = "uuid")]
    pub id: Option<String>,
}

/// What is to change. What is left out stays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProject {
    /// For people, at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Spring campaign", min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// `USER` or `ORGANIZATION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ORGANIZATION")]
    pub visibility: Option<String>,
    /// Capital letters, digits and `_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "CREATOR", min_length = 1, max_length = 32, pattern = "^[A-Z0-9_]+$")]
    pub mode: Option<String>,
}

/// The assets that come into a project.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachAssets {
    /// Their ids.
    #[schema(min_items = 1, max_items = 100)]
    pub asset_ids: Vec<String>,
}
