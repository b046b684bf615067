//! `options`: a known one with a value outside its list or range is refused by name. Unknown ones, old ones
//! (`output_format`, `fps`, `pads`...) and those that the model does not use pass, as they do at Sync.
use serde_json::{Map, Value};

use super::Refusal;
use crate::boxes::PIXEL_MAX;
use crate::error_code;
use crate::limits::URL_BYTES_MAX;
use crate::model::Route;

const SYNC_MODES: [&str; 5] = ["bounce", "loop", "cut_off", "silence", "remap"];
const MODEL_MODES: [&str; 3] = ["lips", "face", "head"];
const PROMPTS: [&str; 6] = ["happy", "sad", "angry", "disgusted", "surprised", "neutral"];

const SPEAKER: &str = "options.active_speaker_detection";

pub(super) fn judge(options: &Value, route: Route) -> Result<(), Refusal> {
    let Value::Object(options) = options else {
        return Err(Refusal::new("options", "options must be an object"));
    };
    for (key, value) in given(options) {
        match key {
            "sync_mode" => one_of("options.sync_mode", value, &SYNC_MODES)?,
            "model_mode" => one_of("options.model_mode", value, &MODEL_MODES)?,
            "prompt" => one_of("options.prompt", value, &PROMPTS)?,
            "temperature" => unit_range("options.temperature", value)?,
            "occlusion_detection_enabled" => boolean("options.occlusion_detection_enabled", value)?,
            "active_speaker_detection" => speaker(value, route)?,
            _ => {}
        }
    }
    Ok(())
}

fn given(options: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    options.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.as_str(), value))
}

fn speaker(value: &Value, route: Route) -> Result<(), Refusal> {
    let Value::Object(speaker) = value else {
        return Err(Refusal::new(SPEAKER, format!("{SPEAKER} must be an object")));
    };
    for (key, value) in given(speaker) {
        let field = || format!("{SPEAKER}.{key}");
        match key {
            "auto_detect" | "v3" => boolean(&field(), value)?,
            "frame_number" => frame_number(&field(), value)?,
            "coordinates" if !numbers(value, 2) => return Err(face(field(), "must be [x, y] in pixels of the video")),
            "bounding_boxes" if !boxes(value) => {
                return Err(face(field(), "must be a list with [x1, y1, x2, y2] or null for each frame"));
            }
            "bounding_boxes_url" if !is_url(value) => return Err(face(field(), "must be an http or https URL")),
            "bounding_boxes_url" if given(speaker).any(|(other, _)| other == "bounding_boxes") => {
                return Err(face(field(), "can't stand beside bounding_boxes: give one of them"));
            }
            _ => {}
        }
    }
    if route == Route::Builtin && is_alone(speaker) {
        let field = format!("{SPEAKER}.frame_number");
        return Err(face(field, "needs coordinates: where the face is in that frame"));
    }
    Ok(())
}

/// A frame's number and no word of where the face is in it.
fn is_alone(speaker: &Map<String, Value>) -> bool {
    let names = |key: &str| given(speaker).any(|(name, value)| name == key && *value != Value::Bool(false));
    names("frame_number")
        && !["auto_detect", "coordinates", "bounding_boxes", "bounding_boxes_url"].into_iter().any(names)
}

fn face(field: String, wanted: &str) -> Refusal {
    let message = format!("{field} {wanted}");
    Refusal::coded(error_code::GENERATION_INPUT_FACE_SELECTION_INVALID, field, message)
}

fn one_of(field: &str, value: &Value, list: &[&str]) -> Result<(), Refusal> {
    match value.as_str() {
        Some(text) if list.contains(&text) => Ok(()),
        _ => Err(Refusal::new(field, format!("{field} must be one of {}", list.join(", ")))),
    }
}

fn unit_range(field: &str, value: &Value) -> Result<(), Refusal> {
    match value.as_f64() {
        Some(number) if (0.0..=1.0).contains(&number) => Ok(()),
        _ => Err(Refusal::new(field, format!("{field} must be a number from 0 to 1"))),
    }
}

fn boolean(field: &str, value: &Value) -> Result<(), Refusal> {
    if value.is_boolean() { Ok(()) } else { Err(Refusal::new(field, format!("{field} must be true or false"))) }
}

/// `5.0` is 5 to JavaScript, so it is to us.
fn frame_number(field: &str, value: &Value) -> Result<(), Refusal> {
    match value.as_f64() {
        Some(number) if number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX) => Ok(()),
        _ => Err(face(field.to_owned(), "must be a whole number, 0 or more")),
    }
}

/// Whether it can be fetched is found out where that is done.
fn is_url(value: &Value) -> bool {
    let is_web = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    value.as_str().is_some_and(|text| is_web(text) && text.len() <= URL_BYTES_MAX)
}

fn boxes(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(|place| place.is_null() || numbers(place, 4)))
}

fn numbers(value: &Value, count: usize) -> bool {
    let is_pixel = |number: &Value| number.as_f64().is_some_and(|pixel| pixel.abs() <= PIXEL_MAX);
    value.as_array().is_some_and(|list| list.len() == count && list.iter().all(is_pixel))
}
