//! The items of `input`: exactly one visual, one voice (more only with segments), every URL judged.
use serde_json::Value;

use super::{Refusal, Rules, judge_url};
use crate::error_code;
use crate::input::{Item, parse_items};
use crate::model::Route;

/// Judges the items, and rewrites their URLs as they are echoed.
pub(super) fn judge(
    input: &mut Value,
    has_segments: bool,
    route: Route,
    rules: &Rules<'_>,
) -> Result<Vec<Item>, Refusal> {
    judge_urls(input, rules)?;
    let items = parse_items(input)?;
    one_visual(&items)?;
    one_voice(&items, has_segments)?;
    if route == Route::Builtin {
        no_old_segments(input)?;
    }
    Ok(items)
}

/// Each URL that stands in an item, also beside an `assetId` that wins over it: it is echoed either way.
fn judge_urls(input: &mut Value, rules: &Rules<'_>) -> Result<(), Refusal> {
    let Value::Array(items) = input else { return Ok(()) };
    for (i, item) in items.iter_mut().enumerate() {
        if let Some(Value::String(url)) = item.get_mut("url")
            && !url.is_empty()
        {
            *url = judge_url(&format!("input[{i}].url"), url, rules.egress)?;
        }
    }
    Ok(())
}

fn one_visual(items: &[Item]) -> Result<(), Refusal> {
    match items.iter().filter(|item| item.kind.is_visual()).count() {
        1 => Ok(()),
        0 => Err(Refusal::coded(
            error_code::GENERATION_VIDEO_MISSING,
            "input",
            "input needs one item of type video or image; it has none",
        )),
        n => Err(Refusal::coded(
            error_code::GENERATION_INPUT_TOO_MANY_VISUAL,
            "input",
            format!("input needs exactly one item of type video or image; it has {n}"),
        )),
    }
}

fn one_voice(items: &[Item], has_segments: bool) -> Result<(), Refusal> {
    match items.iter().filter(|item| !item.kind.is_visual()).count() {
        0 => Err(Refusal::coded(
            error_code::GENERATION_AUDIO_MISSING,
            "input",
            "input needs one item of type audio or text; it has none",
        )),
        1 => Ok(()),
        _ if has_segments => Ok(()),
        n => Err(Refusal::new(
            "input",
            format!("input needs exactly one item of type audio or text unless segments are given; it has {n}"),
        )),
    }
}

/// The built-in model would make the whole clip and ignore them: the video would be wrong, and nothing would say so.
fn no_old_segments(input: &Value) -> Result<(), Refusal> {
    let items = input.as_array().map(Vec::as_slice).unwrap_or_default();
    for (i, item) in items.iter().enumerate() {
        for key in ["segments_secs", "segments_frames"] {
            if item.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
                let field = format!("input[{i}].{key}");
                let message = format!("{field} is not supported by the built-in model: it makes the whole clip");
                return Err(Refusal::coded(error_code::GENERATION_INPUT_SEGMENTS_INVALID, field, message));
            }
        }
    }
    Ok(())
}
