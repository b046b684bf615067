//! What the caller may ask for, in the spelling of Sync's v2 API.
//!
//! Promise: whatever an official SDK sends as `options` deserializes; unknown fields are ignored and `null` means the default.
//! Values out of range are the API's business; here they are clamped.

use serde::{Deserialize, Deserializer, Serialize};

/// What happens when picture and speech differ in length. Stills ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// The video runs forward, then backward, and so on until the speech ends; a longer video is cut.
    #[default]
    Bounce,
    /// The video starts again until the speech ends; a longer video is cut.
    Loop,
    /// The longer of the two is cut to the shorter.
    CutOff,
    /// The whole video is kept; missing speech is silence, and the last frame stays while longer speech ends.
    Silence,
    /// The video is played slower or faster so that it lasts as long as the speech.
    Remap,
}

/// Which face speaks. The default, like `auto_detect`, takes the largest face and stays with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActiveSpeaker {
    /// Let the engine choose: the largest face. Wins over the other fields, as in the public API.
    #[serde(deserialize_with = "null_is_default")]
    pub auto_detect: bool,
    /// Frame (0 = first) in which `coordinates` point at the face.
    pub frame_number: Option<u64>,
    /// A point on the face, in pixels of the source as it is displayed (after rotation).
    pub coordinates: Option<[f32; 2]>,
    /// One `[x1, y1, x2, y2]` per source frame, in source pixels; `null` where nobody is to be animated.
    pub bounding_boxes: Option<Vec<Option<[f32; 4]>>>,
}

/// Options of one job. `Options::default()` is what the public API does without any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// See [`SyncMode`].
    #[serde(deserialize_with = "null_is_default")]
    pub sync_mode: SyncMode,
    /// 0 = restrained, 1 = exaggerated; scales how far jaw and lips move, 0.5 is true to the speech.
    #[serde(deserialize_with = "null_is_half")]
    pub temperature: f32,
    /// See [`ActiveSpeaker`].
    #[serde(deserialize_with = "null_is_default")]
    pub active_speaker_detection: ActiveSpeaker,
}

const TEMPERATURE_DEFAULT: f32 = 0.5;

impl Default for Options {
    fn default() -> Self {
        Self {
            sync_mode: SyncMode::default(),
            temperature: TEMPERATURE_DEFAULT,
            active_speaker_detection: ActiveSpeaker::default(),
        }
    }
}

impl Options {
    /// Factor on jaw and lip movement: 0.6 at temperature 0, 1 at 0.5, 1.4 at 1. Wider would tear the corners of the mouth.
    #[must_use]
    pub fn gain(&self) -> f32 {
        let t = if self.temperature.is_finite() { self.temperature.clamp(0.0, 1.0) } else { TEMPERATURE_DEFAULT };
        0.6 + 0.8 * t
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

fn null_is_half<'de, D: Deserializer<'de>>(d: D) -> Result<f32, D::Error> {
    Ok(Option::<f32>::deserialize(d)?.unwrap_or(TEMPERATURE_DEFAULT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_sdks_send() {
        let o: Options = serde_json::from_str(
            r#"{"sync_mode":"cut_off","temperature":null,"model_mode":"face","occlusion_detection_enabled":false,
                "active_speaker_detection":{"auto_detect":null,"frame_number":3,"coordinates":[10,20.5],"bounding_boxes":[null,[1,2,3,4]]}}"#,
        )
        .unwrap();
        assert_eq!(o.sync_mode, SyncMode::CutOff);
        assert!((o.gain() - 1.0).abs() < 1e-6);
        assert_eq!(o.active_speaker_detection.coordinates, Some([10.0, 20.5]));
        assert_eq!(o.active_speaker_detection.bounding_boxes.unwrap()[1], Some([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
    }
}
