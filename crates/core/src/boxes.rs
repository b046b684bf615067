//! The speaker's boxes in a file of their own: what `bounding_boxes_url` leads to.
use serde::Deserialize;
use serde_json::Value;

use crate::error_code::GENERATION_INPUT_FACE_SELECTION_INVALID;
use crate::generation::Failure;

/// The field, as errors call it.
pub const FIELD: &str = "options.active_speaker_detection.bounding_boxes_url";

/// The largest such file: half an hour with a box in each of 60 frames a second takes less.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// No picture has more pixels on a side, and the built-in model counts them in 32 bits.
pub const PIXEL_MAX: f64 = 1e6;

/// `[x1, y1, x2, y2]` for each frame of the video, in its pixels; `None` where nobody speaks.
pub type Boxes = Vec<Option<[f32; 4]>>;

/// The list alone, or under the name that it has in `options`.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    List(Boxes),
    Named { bounding_boxes: Boxes },
}

/// The URL, where the boxes are to be read from there: `auto_detect` wins over it, as over the other ways to say who speaks.
#[must_use]
pub fn url_in(options: Option<&str>) -> Option<String> {
    let options: Value = serde_json::from_str(options?).ok()?;
    let speaker = options.get("active_speaker_detection")?;
    if speaker.get("auto_detect").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    speaker.get("bounding_boxes_url")?.as_str().map(str::to_owned)
}

/// What stands in such a file.
///
/// # Errors
/// It is no list of boxes.
pub fn read(file: &[u8]) -> Result<Boxes, Failure> {
    let boxes = match serde_json::from_slice(file) {
        Ok(File::List(boxes) | File::Named { bounding_boxes: boxes }) => boxes,
        Err(_) => return Err(refused("is no JSON list with [x1, y1, x2, y2] or null for each frame")),
    };
    let is_pixel = |number: &f32| f64::from(number.abs()) <= PIXEL_MAX;
    if boxes.iter().flatten().all(|one| one.iter().all(is_pixel)) {
        Ok(boxes)
    } else {
        Err(refused("has a box outside of any picture"))
    }
}

/// What is wrong with it.
#[must_use]
pub fn refused(why: &str) -> Failure {
    Failure::new(
        GENERATION_INPUT_FACE_SELECTION_INVALID,
        &format!("The file of {FIELD} {}.", why.trim_end_matches('.')),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_read_unless_somebody_else_wins() {
        let url = |speaker: &str| url_in(Some(&format!(r#"{{"active_speaker_detection":{speaker}}}"#)));
        assert_eq!(url(r#"{"bounding_boxes_url":"https://a.example/b"}"#).as_deref(), Some("https://a.example/b"));
        assert!(url(r#"{"auto_detect":false,"bounding_boxes_url":"https://a.example/b"}"#).is_some());
        for none in [
            r#"{"auto_detect":true,"bounding_boxes_url":"https://a.example/b"}"#,
            r#"{"bounding_boxes_url":null}"#,
            "{}",
        ] {
            assert_eq!(url(none), None, "{none}");
        }
        assert_eq!((url_in(None), url_in(Some("{}"))), (None, None));
    }

    #[test]
    fn a_list_is_read_alone_or_under_its_name() {
        let wanted = vec![None, Some([1.0, 2.0, 3.5, 4.0])];
        for file in ["[null,[1,2,3.5,4]]", r#" {"bounding_boxes":[null,[1,2,3.5,4]],"fps":25} "#] {
            assert_eq!(read(file.as_bytes()), Ok(wanted.clone()), "{file}");
        }
        for file in
            ["", "{}", "[[1,2,3]]", r#"[["1",2,3,4]]"#, "[1]", "<html>", "[[1,2,3,1e9]]", "[[1,2,3,1e99]]", "\u{0}"]
        {
            let failure = read(file.as_bytes()).unwrap_err();
            assert_eq!(failure.code, GENERATION_INPUT_FACE_SELECTION_INVALID, "{file}");
            assert!(failure.error.contains(FIELD), "{}", failure.error);
        }
    }
}
