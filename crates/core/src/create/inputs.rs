//! The items of `input`: exactly one visual, one voice (more only with segments), every URL judged.
use serde_json::Value;

use super::{Refusal, Rules, judge_url};
use crate::error_code;
use crate::input::{Item, ItemKind, parse_items};
use crate::model::Route;
use crate::stretch;

/// Judges the items, and rewrites their URLs as they are echoed.
pub(super) fn judge(
    input: &mut Value,
    has_segments: bool,
    route: Route,
    rules: &Rules<'_>,
) -> Result<Vec<Item>, Refusal> {
    judge_urls(input, route, rules)?;
    let items = parse_items(input)?;
    one_visual(&items)?;
    one_voice(&items, has_segments)?;
    judge_stretches(input, &items, has_segments, route)?;
    Ok(items)
}

/// Each URL that stands in an item, also beside an `assetId` that wins over it: it is echoed either way. An upstream is given it, and must
/// be able to fetch it from us.
fn judge_urls(input: &mut Value, route: Route, rules: &Rules<'_>) -> Result<(), Refusal> {
    let Value::Array(items) = input else { return Ok(()) };
    for (i, item) in items.iter_mut().enumerate() {
        if let Some(Value::String(url)) = item.get_mut("url")
            && !url.is_empty()
            && (route == Route::Sync || !rules.own.contains(url))
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

/// `segments_secs` and `segments_frames`, which only videos have. Elsewhere, and beside `segments`, the built-in model would ignore
/// them: the video would be wrong, and nothing would say so.
fn judge_stretches(input: &Value, items: &[Item], has_segments: bool, route: Route) -> Result<(), Refusal> {
    let values = input.as_array().map(Vec::as_slice).unwrap_or_default();
    for (i, (value, item)) in values.iter().zip(items).enumerate() {
        let Some(key) = stretch::said_in(value) else { continue };
        let field = format!("input[{i}].{key}");
        let refused = |why: &str| {
            let message = format!("{field} {why}");
            Err(Refusal::coded(error_code::GENERATION_INPUT_SEGMENTS_INVALID, &field, message))
        };
        if item.kind != ItemKind::Video {
            if route == Route::Builtin {
                return refused("is not supported: only an item of type video has stretches");
            }
            continue;
        }
        stretch::read(value, &format!("input[{i}]"))?;
        if has_segments {
            return refused("can't stand beside segments, which say where the clip speaks");
        }
    }
    Ok(())
}
