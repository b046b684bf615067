//! The canonical face: 468 vertices in centimetres and 898 triangles (MediaPipe's geometry pipeline, Apache-2.0).
//! x grows to the person's left (the picture's right), y up, z towards the viewer; the origin lies between the eyes, inside the head.

use super::Reader;

/// Vertices of the mesh; the landmark network returns them in the same order.
pub(crate) const LANDMARKS: usize = 468;

/// A point or direction.
pub(crate) type Vec3 = [f32; 3];

/// See the module.
pub(crate) struct Canon {
    /// Positions in cm.
    pub(crate) vertices: Box<[Vec3; LANDMARKS]>,
    /// Corner indices.
    pub(crate) triangles: Vec<[u16; 3]>,
}

impl Canon {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader(bytes);
        if r.bytes(4)? != b"PSC1" {
            return None;
        }
        let (vertices, triangles) = (r.u32()?, r.u32()?);
        let xyz = r.f32s(vertices.checked_mul(3)?)?;
        let vertices: Box<[Vec3; LANDMARKS]> =
            xyz.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect::<Box<[Vec3]>>().try_into().ok()?;
        let corners = r.bytes(triangles.checked_mul(6)?)?;
        let corner = |c: &[u8], k: usize| u16::from_le_bytes([c[2 * k], c[2 * k + 1]]);
        let triangles: Vec<[u16; 3]> =
            corners.chunks_exact(6).map(|c| [corner(c, 0), corner(c, 1), corner(c, 2)]).collect();
        let all_inside = triangles.iter().flatten().all(|&v| usize::from(v) < LANDMARKS);
        (r.0.is_empty() && all_inside).then_some(Self { vertices, triangles })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_embedded_face_is_whole() {
        let c = crate::models::canon().unwrap();
        assert_eq!(c.triangles.len(), 898);
        // Chin below, nose tip in front, face about 15 cm wide.
        assert!(c.vertices[152][1] < -8.0 && c.vertices[1][2] > 6.0);
        assert!((c.vertices[454][0] - c.vertices[234][0] - 15.0).abs() < 1.5);
    }
}
