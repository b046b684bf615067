//! API keys, as `/postsync/v1/keys` shows them: never their text, but once.
use postsync_core::access::ApiKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyItem {
    /// Its id; not its text.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do: one or more of admin, generate, read, worker, with commas between them.
    pub scope: String,
    /// When it was made.
    pub created_at: String,
    /// When it was last used, up to a minute ago; null where it never was.
    pub last_used_at: Option<String>,
    /// Since when it does not work any more; null where it does.
    pub revoked_at: Option<String>,
}

/// A page of keys, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyPage {
    /// The keys.
    pub items: Vec<KeyItem>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A key that was just made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewKey {
    /// The key.
    #[serde(flatten)]
    pub item: KeyItem,
    /// Its text. It is shown only here.
    pub key: String,
}

/// A key to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateKey {
    /// What people call it: 1 to 100 printable characters.
    pub name: String,
    /// What it may do: one or more of admin, generate, read, worker, with commas between them. Default: generate,read.
    pub scope: Option<String>,
}

impl From<&ApiKey> for KeyItem {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            scope: key.scopes.to_string(),
            created_at: key.created_at.to_string(),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        }
    }
}
