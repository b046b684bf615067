//! Stretches of a video that alone get new lips: what `segments_secs` and `segments_frames` of a video's item say. Older than `segments`,
//! and deprecated: they have no voices of their own. Judged at create; read again where they are used.
use serde_json::Value;

use crate::error_code::GENERATION_INPUT_SEGMENTS_INVALID;
use crate::input::Invalid;
use crate::segment::SEGMENTS_MAX;

/// A later time is none that a video has, and its frame's number would not be exact any more.
const PLACE_MAX: f64 = 1e9;

/// The stretches of one video, each from its first place up to, and without, its second one.
#[derive(Clone, Debug, PartialEq)]
pub enum Stretches {
    /// `segments_secs`: seconds of the video.
    Seconds(Vec<[f64; 2]>),
    /// `segments_frames`: frames of the video, 0 the first one. How fast they come only the video says.
    Frames(Vec<[f64; 2]>),
}

/// What `item`, called `field`, says. `None`: nothing, so that all of the video gets new lips; an empty list says nothing either.
///
/// # Errors
/// The first field that is wrong.
pub fn read(item: &Value, field: &str) -> Result<Option<Stretches>, Invalid> {
    let seconds = list(item, field, "segments_secs", |_| true, "seconds")?;
    let frames = list(item, field, "segments_frames", |place| place.fract() == 0.0, "whole frames")?;
    match (seconds, frames) {
        (Some(_), Some(_)) => {
            Err(refused(&format!("{field}.segments_frames"), "can't stand beside segments_secs: give one of them"))
        }
        (Some(seconds), None) => Ok(Some(Stretches::Seconds(seconds))),
        (None, Some(frames)) => Ok(Some(Stretches::Frames(frames))),
        (None, None) => Ok(None),
    }
}

/// The name of the field that stretches stand in, where there are any that say something.
#[must_use]
pub fn said_in(item: &Value) -> Option<&'static str> {
    let says = |key: &str| {
        item.get(key).is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|l| !l.is_empty()))
    };
    ["segments_secs", "segments_frames"].into_iter().find(|key| says(key))
}

fn list(
    item: &Value,
    field: &str,
    key: &str,
    fits: fn(f64) -> bool,
    unit: &str,
) -> Result<Option<Vec<[f64; 2]>>, Invalid> {
    let field = format!("{field}.{key}");
    let pairs = match item.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(pairs)) => pairs,
        Some(_) => return Err(refused(&field, "must be a list of pairs, for example [[0, 2]]")),
    };
    if pairs.len() > SEGMENTS_MAX {
        return Err(refused(&field, &format!("has {} entries; it may have {SEGMENTS_MAX}", pairs.len())));
    }
    let read = pairs.iter().enumerate().map(|(i, pair)| {
        let place = |n: usize| {
            pair.get(n).and_then(Value::as_f64).filter(|place| (0.0..=PLACE_MAX).contains(place) && fits(*place))
        };
        let field = format!("{field}[{i}]");
        match (pair.as_array().map(Vec::len), place(0), place(1)) {
            (Some(2), Some(start), Some(end)) if end > start => Ok([start, end]),
            (Some(2), Some(_), Some(_)) => Err(refused(&field, "must end later than it begins")),
            _ => Err(refused(&field, &format!("must be a pair of {unit}, [start, end], each 0 or more"))),
        }
    });
    let read: Vec<_> = read.collect::<Result<_, _>>()?;
    Ok((!read.is_empty()).then_some(read))
}

fn refused(field: &str, what: &str) -> Invalid {
    Invalid::coded(GENERATION_INPUT_SEGMENTS_INVALID, field, format!("{field} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_of_seconds_or_of_frames_are_read() {
        let read = |item: Value| read(&item, "input[0]").unwrap();
        assert_eq!(
            read(json!({"segments_secs": [[0, 1.5], [3, 4]]})),
            Some(Stretches::Seconds(vec![[0.0, 1.5], [3.0, 4.0]]))
        );
        assert_eq!(read(json!({"segments_frames": [[12, 25.0]]})), Some(Stretches::Frames(vec![[12.0, 25.0]])));
        for nothing in [json!({}), json!({"segments_secs": []}), json!({"segments_secs": null, "segments_frames": []})]
        {
            assert_eq!(said_in(&nothing), None);
            assert_eq!(read(nothing), None);
        }
        assert_eq!(
            read(json!({"segments_secs": [], "segments_frames": [[0, 1]]})),
            Some(Stretches::Frames(vec![[0.0, 1.0]]))
        );
    }

    #[test]
    fn what_is_malformed_is_refused_by_its_name() {
        let many = vec![[0, 1]; SEGMENTS_MAX + 1];
        for (item, field, why) in [
            (json!({"segments_secs": 1}), "input[2].segments_secs", "a list of pairs"),
            (json!({"segments_frames": {}}), "input[2].segments_frames", "a list of pairs"),
            (json!({"segments_secs": [[0, 1], 2]}), "input[2].segments_secs[1]", "a pair of seconds"),
            (json!({"segments_secs": [[0]]}), "input[2].segments_secs[0]", "a pair of seconds"),
            (json!({"segments_secs": [[0, 1, 2]]}), "input[2].segments_secs[0]", "a pair of seconds"),
            (json!({"segments_secs": [[-1, 1]]}), "input[2].segments_secs[0]", "0 or more"),
            (json!({"segments_secs": [["0", 1]]}), "input[2].segments_secs[0]", "a pair of seconds"),
            (json!({"segments_secs": [[null, 1]]}), "input[2].segments_secs[0]", "a pair of seconds"),
            (json!({"segments_secs": [[0, 1e300]]}), "input[2].segments_secs[0]", "a pair of seconds"),
            (json!({"segments_secs": [[1, 1]]}), "input[2].segments_secs[0]", "must end later"),
            (json!({"segments_frames": [[5, 2]]}), "input[2].segments_frames[0]", "must end later"),
            (json!({"segments_frames": [[0, 2.5]]}), "input[2].segments_frames[0]", "a pair of whole frames"),
            (json!({"segments_secs": many}), "input[2].segments_secs", "it may have 100"),
            (
                json!({"segments_secs": [[0, 1]], "segments_frames": [[0, 1]]}),
                "input[2].segments_frames",
                "give one of them",
            ),
        ] {
            let refused = read(&item, "input[2]").unwrap_err();
            assert_eq!(refused.field, field, "{item}");
            assert!(refused.message.starts_with(field) && refused.message.contains(why), "{}", refused.message);
            assert_eq!(refused.code, GENERATION_INPUT_SEGMENTS_INVALID);
            assert!(said_in(&item).is_some(), "{item}");
        }
    }
}
