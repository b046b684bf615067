//! `/v2/projects`: names under which assets are kept together.
mod assets;
mod list;
mod one;

use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::project::{Mode, Project, ProjectSaid};
use postsync_engine::ProjectError;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::assets::read;
use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;
use crate::wire::ProjectBody;

/// All of them.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_projects, list::create_project))
        .routes(routes!(one::get_project, one::update_project, one::delete_project))
        .routes(routes!(assets::attach_project_assets))
        .routes(routes!(assets::detach_project_asset))
}

fn answer(status: StatusCode, project: &Project) -> Response {
    json::answer(status, json::text(&ProjectBody::of(project)))
}

fn said(fields: &Map<String, Value>) -> Result<ProjectSaid, ApiError> {
    let wrong = || ApiError::invalid("mode", "mode must be 1 to 32 of A-Z, 0-9 and _");
    let mode = read::text(fields, "mode")?.map(|text| Mode::parse(text).ok_or_else(wrong)).transpose()?;
    Ok(ProjectSaid { name: read::name(fields, "name")?, visibility: read::visibility(fields)?, mode })
}

impl From<ProjectError> for ApiError {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::Unknown => Self::of(error_code::PROJECT_NOT_FOUND),
            ProjectError::NoAsset => Self::of(error_code::ASSET_NOT_FOUND),
            ProjectError::Known => Self::new(error_code::PROJECT_CONFLICT, error.to_string()).with_field("id"),
            ProjectError::TooMany => Self::new(error_code::PROJECT_CONFLICT, error.to_string()),
            ProjectError::Full => Self::new(error_code::PROJECT_CONFLICT, error.to_string()).with_field("assetIds"),
            ProjectError::Store(error) => error.into(),
        }
    }
}
