//! One picture in memory: rows of 4-byte pixels, red, green, blue and a byte that nobody reads.
//!
//! Four bytes instead of three, because a pixel is then one SIMD lane group: sampling 16 neighbours of a pixel is the renderer's inner loop.

/// Bytes of one pixel.
pub(crate) const PIXEL_BYTES: usize = 4;

/// ffmpeg's name of the pixel format.
pub(crate) const PIXEL_FORMAT: &str = "rgb0";

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Width in pixels.
    pub(crate) width: usize,
    /// Height in pixels.
    pub(crate) height: usize,
    /// `width * height * PIXEL_BYTES` bytes.
    pub(crate) data: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, data: vec![0; width * height * PIXEL_BYTES] }
    }

    /// The pixel at (x, y), which must be inside.
    #[inline]
    pub(crate) fn pixel(&self, x: usize, y: usize) -> [u8; PIXEL_BYTES] {
        let i = (y * self.width + x) * PIXEL_BYTES;
        [self.data[i], self.data[i + 1], self.data[i + 2], self.data[i + 3]]
    }

    /// The pixel nearest to (x, y), coordinates clamped to the picture.
    pub(crate) fn nearest(&self, x: f32, y: f32) -> [u8; PIXEL_BYTES] {
        // `as` saturates: NaN and negative become 0.
        self.pixel((x as usize).min(self.width - 1), (y as usize).min(self.height - 1))
    }

    /// The pixels of rows `y`, columns `x0..x1`.
    pub(crate) fn row_mut(&mut self, y: usize, x0: usize, x1: usize) -> &mut [u8] {
        let start = y * self.width;
        &mut self.data[(start + x0) * PIXEL_BYTES..(start + x1) * PIXEL_BYTES]
    }

    /// The pixels of row `y`, columns `x0..x1`.
    pub(crate) fn row(&self, y: usize, x0: usize, x1: usize) -> &[u8] {
        let start = y * self.width;
        &self.data[(start + x0) * PIXEL_BYTES..(start + x1) * PIXEL_BYTES]
    }

    /// Makes this a copy of `other` without allocating when the sizes agree.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        (self.width, self.height) = (other.width, other.height);
        self.data.clone_from(&other.data);
    }
}
