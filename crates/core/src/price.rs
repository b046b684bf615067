//! What a generation costs: a price per second of its video, by model, and how long the video will be.
//!
//! Money is whole millionths of a dollar. A sum is rounded up to one: an estimate must not be below the bill.
use crate::model::MODELS;

/// Millionths of a dollar in one.
const MICROS: u64 = 1_000_000;

/// The highest price of a second that a setting may name, in dollars.
const PRICE_USD_MAX: u64 = 1_000;

/// Digits behind the point of a price.
const DECIMALS_MAX: usize = 6;

/// What a second of each model's video costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(Vec<(&'static str, u64)>);

impl Prices {
    /// Reads `lipsync-2=0.05,sync-3=0.1`: dollars for a second of video. Models that are not named cost nothing.
    ///
    /// # Errors
    /// The entry that can't be read, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut prices = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (id, price) = entry.split_once('=').ok_or_else(|| format!("{entry:?} is not a model and its price"))?;
            let known = MODELS.iter().find(|model| model.id == id.trim());
            let known = known.ok_or_else(|| format!("{:?} is no model's id", id.trim()))?;
            let price = micros(price.trim());
            let price =
                price.ok_or_else(|| format!("{entry:?}: a price is a number of dollars from 0 to {PRICE_USD_MAX}"))?;
            if prices.iter().any(|(id, _)| *id == known.id) {
                return Err(format!("{} stands twice", known.id));
            }
            prices.push((known.id, price));
        }
        Ok(Self(prices))
    }

    /// Of a second, in millionths of a dollar.
    #[must_use]
    pub fn of(&self, model: &str) -> u64 {
        self.0.iter().find(|(id, _)| *id == model).map_or(0, |(_, price)| *price)
    }
}

fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.is_empty() || part.len() > DECIMALS_MAX || text.ends_with('.') {
        return None;
    }
    let dollars: u64 = whole.parse().ok().filter(|dollars| *dollars <= PRICE_USD_MAX)?;
    let part: u64 = format!("{part:0<DECIMALS_MAX$}").parse().ok()?;
    Some(dollars * MICROS + part).filter(|micros| *micros <= PRICE_USD_MAX * MICROS)
}

/// What a video of some length comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// How many frames it has.
    pub frames: u64,
    /// What it costs, in millionths of a dollar.
    pub micros: u64,
}

/// Of a video that is so long, with so many frames in a thousand seconds, at so much a second.
#[must_use]
pub fn estimate(price_micros: u64, duration_ms: u64, frames_per_1000_s: u64) -> Estimate {
    let up = |amount: u128, unit: u128| u64::try_from(amount.div_ceil(unit)).unwrap_or(u64::MAX);
    Estimate {
        frames: up(u128::from(duration_ms) * u128::from(frames_per_1000_s), 1_000_000),
        micros: up(u128::from(duration_ms) * u128::from(price_micros), 1_000),
    }
}

/// How long the video will be, by what `options.sync_mode` does with a length that differs: a still, and a clip that is
/// repeated or stretched, are as long as the speech.
#[must_use]
pub fn video_ms(sync_mode: Option<&str>, visual_ms: Option<u64>, speech_ms: u64) -> u64 {
    match (sync_mode, visual_ms) {
        (Some("cut_off"), Some(visual_ms)) => visual_ms.min(speech_ms),
        (Some("silence"), Some(visual_ms)) => visual_ms.max(speech_ms),
        _ => speech_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_exactly() {
        let prices = Prices::parse(" lipsync-2=0.05, sync-3 = 1 ,,react-1=0.000001,mesh-1=1000").unwrap();
        let read = ["lipsync-2", "sync-3", "react-1", "mesh-1", "lipsync-2-pro", "x"].map(|id| prices.of(id));
        assert_eq!(read, [50_000, 1_000_000, 1, 1_000_000_000, 0, 0]);
        assert_eq!(Prices::parse(""), Ok(Prices::default()));
        for wrong in [
            "lipsync-2",
            "lipsync-9=1",
            "sync-3=-1",
            "sync-3=",
            "sync-3=1.",
            "sync-3=.5",
            "sync-3=1e3",
            "sync-3=0.0000001",
            "sync-3=1000.000001",
            "sync-3=99999999999999999999",
            "sync-3=1,sync-3=2",
        ] {
            assert!(Prices::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_estimate_is_never_below() {
        for (price, ms, fps, want) in [
            (50_000, 10_000, 30_000, (300, 500_000)),
            (50_000, 1, 30_000, (1, 50)),
            (1, 1, 29_970, (1, 1)),
            (0, 9_980, 25_000, (250, 0)),
            (0, 0, 25_000, (0, 0)),
            (u64::MAX, u64::MAX, u64::MAX, (u64::MAX, u64::MAX)),
        ] {
            let Estimate { frames, micros } = estimate(price, ms, fps);
            assert_eq!((frames, micros), want, "{price} {ms} {fps}");
        }
    }

    #[test]
    fn a_video_is_as_long_as_its_mode_makes_it() {
        for (mode, visual, want) in [
            (None, Some(3), 5),
            (Some("bounce"), Some(9), 5),
            (Some("loop"), Some(3), 5),
            (Some("remap"), Some(9), 5),
            (Some("cut_off"), Some(3), 3),
            (Some("cut_off"), Some(9), 5),
            (Some("silence"), Some(9), 9),
            (Some("silence"), None, 5),
            (Some("cut_off"), None, 5),
        ] {
            assert_eq!(video_ms(mode, visual, 5), want, "{mode:?} {visual:?}");
        }
    }
}
