//! What an upstream and the way to it do between two polls.
use postsync_core::Secret;

use super::Run;
use crate::stage::UPSTREAM_SECRET;

/// So long that the upstream has forgotten our keys.
pub(super) const DAY_DOWN_MS_MIN: i64 = 25 * 3_600_000;
pub(super) const DAY_DOWN_MS_MAX: i64 = 30 * 3_600_000;

/// Of a whole run: each is a day for everything else, too.
const DAYS_DOWN_MAX: u32 = 3;

impl Run {
    /// The upstream sends a webhook: its first, a doubled one, a late one, one of what has not ended. Most are lost.
    pub(super) fn the_upstream_tells(&self) {
        let (Some(engine), Some((id, url))) = (self.stage.engine(), self.stage.upstream.some_door()) else { return };
        let (token, body) = (url.rsplit('/').next().unwrap_or_default(), id.to_string());
        let Ok(secret) = Secret::new(UPSTREAM_SECRET) else { return };
        let signature = postsync_webhook::sign_sync(&secret, engine.now().unix_s(), body.as_bytes());
        let _ = engine.upstream_told(id, token, Some(signature.as_bytes()), body.as_bytes());
    }

    /// Nobody starts us for more than a day, now and then when the upstream has just taken something that we do not know of.
    pub(super) fn is_down_for_a_day(&mut self) -> bool {
        let is_down =
            self.stage.upstream.has_untold() && self.days_down < DAYS_DOWN_MAX && self.stage.dice.below(4) == 0;
        self.days_down += u32::from(is_down);
        is_down
    }
}
