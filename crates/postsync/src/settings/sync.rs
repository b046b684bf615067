//! `sync.*` and `elevenlabs.*`: servers that the operator has a key for.
use postsync_core::Secret;
use postsync_core::model::{MODELS, Route};

use super::keys::variable;
use super::{Judge, public_url};

/// The most generations at the upstream at once: each is asked for every few seconds.
const CONCURRENCY_MAX: usize = 1_000;

/// A server, with a key there.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
}

/// The upstream that generations are handed on to.
#[derive(Clone, Debug)]
pub(crate) struct SyncSettings {
    pub(crate) server: Configured,
    pub(crate) webhook_secret: Option<Secret>,
    pub(crate) concurrency: usize,
}

impl Judge<'_> {
    pub(super) fn sync(&mut self) -> Option<SyncSettings> {
        let concurrency = self.count("sync.concurrency", 1, CONCURRENCY_MAX);
        let webhook_secret = self.webhook_secret();
        let Some(server) = self.configured("sync") else {
            self.no_route_without_a_key();
            return None;
        };
        Some(SyncSettings { server, webhook_secret, concurrency })
    }

    pub(super) fn elevenlabs(&mut self) -> Option<Configured> {
        self.configured("elevenlabs")
    }

    /// `None` where there is no key. One that can't stand in a header would fail each request later.
    fn configured(&mut self, section: &str) -> Option<Configured> {
        let (url_name, key_name) = (format!("{section}.base_url"), format!("{section}.api_key"));
        let base_url = self.values.text(&url_name).to_owned();
        let base_url = public_url::parse(&base_url).unwrap_or_else(|why| {
            self.mistakes.push(format!("{url_name} ({}): {base_url:?} {why}", variable(&url_name)));
            base_url
        });
        let api_key = self.optional(&key_name)?;
        if !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let wanted = "a key has letters, digits and signs only";
            self.mistakes.push(format!("{key_name} ({}): {wanted}", variable(&key_name)));
        }
        Some(Configured { base_url, api_key })
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
