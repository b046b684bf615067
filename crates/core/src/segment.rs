//! Parts of a clip with a voice of their own, as `segments` names them. Judged at create; read again where they are used.
use serde_json::Value;

/// More would be no clip but a programme, and each is a piece of a graph that ffmpeg holds.
pub const SEGMENTS_MAX: usize = 100;

/// One part.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Where it begins in the clip, in seconds.
    pub start_s: f64,
    /// Where it ends.
    pub end_s: f64,
    /// The `refId` of the voice.
    pub ref_id: String,
    /// Where it begins in the voice.
    pub from_s: f64,
    /// Where it ends there; `None`: where the voice does.
    pub to_s: Option<f64>,
}

/// Reads a list that was judged, in the order of its times. `None` where it is not one.
#[must_use]
pub fn read(segments: &Value) -> Option<Vec<Segment>> {
    let mut read: Vec<Segment> = segments.as_array()?.iter().map(read_one).collect::<Option<_>>()?;
    read.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    Some(read)
}

fn read_one(segment: &Value) -> Option<Segment> {
    let audio = &segment["audioInput"];
    Some(Segment {
        start_s: segment["startTime"].as_f64()?,
        end_s: segment["endTime"].as_f64()?,
        ref_id: audio["refId"].as_str()?.to_owned(),
        from_s: audio["startTime"].as_f64().unwrap_or(0.0),
        to_s: audio["endTime"].as_f64(),
    })
}

/// The first one that begins before the one in front of it has ended.
#[must_use]
pub fn overlapping(segments: &[Segment]) -> Option<&Segment> {
    segments.windows(2).find(|two| two[1].start_s < two[0].end_s).map(|two| &two[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_come_in_the_order_of_their_times() {
        let read = read(&json!([
            {"startTime": 2.5, "endTime": 4, "audioInput": {"refId": "b", "startTime": 1, "endTime": 2}},
            {"startTime": 0, "endTime": 2.5, "audioInput": {"refId": "a"}},
        ]))
        .unwrap();
        let told: Vec<_> = read.iter().map(|s| (s.ref_id.as_str(), s.start_s, s.from_s, s.to_s)).collect();
        assert_eq!(told, [("a", 0.0, 0.0, None), ("b", 2.5, 1.0, Some(2.0))]);
        assert_eq!(overlapping(&read), None);
        let mut over = read.clone();
        over[0].end_s = 2.6;
        assert_eq!(overlapping(&over).map(|s| s.ref_id.as_str()), Some("b"));
        assert_eq!(super::read(&json!([{"startTime": 0}])), None);
    }
}
