//! `sync.*`: the upstream that generations are handed on to.
use postsync_core::Secret;
use postsync_core::model::{MODELS, Route};

use super::{Judge, public_url};

/// The most generations at the upstream at once: each is asked for every few seconds.
const CONCURRENCY_MAX: usize = 1_000;

/// An upstream.
#[derive(Clone, Debug)]
pub(crate) struct SyncSettings {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    pub(crate) webhook_secret: Option<Secret>,
    pub(crate) concurrency: usize,
}

impl Judge<'_> {
    pub(super) fn sync(&mut self) -> Option<SyncSettings> {
        let base_url = self.values.text("sync.base_url").to_owned();
        let base_url = public_url::parse(&base_url).unwrap_or_else(|why| {
            self.mistakes.push(format!("sync.base_url (POSTSYNC_SYNC_BASE_URL): {base_url:?} {why}"));
            base_url
        });
        let concurrency = self.count("sync.concurrency", 1, CONCURRENCY_MAX);
        let webhook_secret = self.webhook_secret();
        let Some(api_key) = self.api_key() else {
            self.no_route_without_a_key();
            return None;
        };
        Some(SyncSettings { base_url, api_key, webhook_secret, concurrency })
    }

    /// What can't stand in a header would fail each generation later.
    fn api_key(&mut self) -> Option<String> {
        let key = self.optional("sync.api_key")?;
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.mistakes
                .push("sync.api_key (POSTSYNC_SYNC_API_KEY): a key has letters, digits and signs only".to_owned());
        }
        Some(key)
    }

    fn webhook_secret(&mut self) -> Option<Secret> {
        let text = self.optional("sync.webhook_secret")?;
        Secret::new(text)
            .map_err(|error| self.mistakes.push(format!("sync.webhook_secret (POSTSYNC_SYNC_WEBHOOK_SECRET): {error}")))
            .ok()
    }

    fn no_route_without_a_key(&mut self) {
        for model in &MODELS {
            let name = format!("models.{}", model.id);
            if self.values.text(&name) == Route::Sync.as_str() {
                self.mistakes.push(format!("{name} is sync, and sync.api_key (POSTSYNC_SYNC_API_KEY) is not set"));
            }
        }
    }
}
