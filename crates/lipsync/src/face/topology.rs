//! Which of the 468 vertices is what. Indices are MediaPipe's; "left" and "right" are the person's.

/// Outer corner of the right eye.
pub(crate) const EYE_RIGHT_OUTER: usize = 33;
/// Outer corner of the left eye.
pub(crate) const EYE_LEFT_OUTER: usize = 263;
/// Middle of the upper lip's inner edge.
pub(crate) const UPPER_INNER: usize = 13;
/// Middle of the lower lip's inner edge.
pub(crate) const LOWER_INNER: usize = 14;
/// Right corner of the mouth, outer.
pub(crate) const CORNER_RIGHT: usize = 61;
/// Left corner of the mouth, outer.
pub(crate) const CORNER_LEFT: usize = 291;

/// Rows of the lower lip from its outer to its inner edge, each from the right to the left corner, corners included.
pub(crate) const LOWER_ROWS: [[usize; 11]; 4] = [
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
    [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
    [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
];

/// Rows of the upper lip from its outer to its inner edge, without the corners: column j lies above column j + 1 of [`LOWER_ROWS`].
pub(crate) const UPPER_ROWS: [[usize; 9]; 4] = [
    [185, 40, 39, 37, 0, 267, 269, 270, 409],
    [184, 74, 73, 72, 11, 302, 303, 304, 408],
    [183, 42, 41, 38, 12, 268, 271, 272, 407],
    [191, 80, 81, 82, 13, 312, 311, 310, 415],
];

/// The opening of the mouth as a closed polygon.
pub(crate) const INNER: [usize; 20] =
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191];

/// The outline of the face as a closed polygon.
pub(crate) const OVAL: [usize; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];

/// Vertices that speech does not move: brows, eyes, nose, temples. The head's pose is fitted to these alone.
pub(crate) const STABLE: [usize; 40] = [
    33, 133, 263, 362, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 10, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251, 127,
    356, 234, 454, 8, 9, 151, 55, 285, 107, 336, 46, 276, 70, 300,
];

/// Skin that is neither lip nor nose tip shine: where a face's brightness is read.
pub(crate) const CHEEKS: [usize; 6] = [50, 280, 205, 425, 195, 5];

/// Points in the red of the lips, where their colour is read.
pub(crate) const LIP_COLOUR: [usize; 10] = [15, 16, 86, 316, 85, 315, 11, 12, 72, 302];

/// Pairs of inner-lip points whose mean distance is the mouth's opening.
pub(crate) const OPENING: [(usize, usize); 3] = [(13, 14), (82, 87), (312, 317)];

/// Outline of the part of the face that must not change: forehead to below the eyes, and the nose.
pub(crate) const UPPER_FACE: [usize; 20] =
    [127, 234, 93, 205, 6, 425, 323, 454, 356, 10, 338, 297, 332, 284, 251, 109, 67, 103, 54, 21];
