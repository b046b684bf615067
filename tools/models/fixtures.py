"""Runs the Python reference on the samples and stores what the Rust crate must reproduce.

    python fixtures.py REFERENCE_DIR CRATE_DIR

REFERENCE_DIR holds the reference pipeline (face.py, lipsync.py, train/feat.py, models/). Writes, little-endian f32:
  tests/fixtures/arctic_posterior.f32      frames x 16 posteriors of samples/arctic_a0009.wav
  tests/fixtures/astronaut_landmarks.f32   468 x 3 landmarks of samples/astronaut.png, in pixels
"""
import sys
from pathlib import Path

reference, crate = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
sys.path[:0] = [str(reference), str(reference / "train")]

import cv2
import numpy as np

import lipsync
from face import Detector, Mesh, roi_from_det, roi_from_lm
from feat import load16

samples, fixtures = crate / "samples", crate / "tests" / "fixtures"
fixtures.mkdir(parents=True, exist_ok=True)

posterior, _ = lipsync.visemes(load16(str(samples / "arctic_a0009.wav")))
posterior.astype("<f4").tofile(fixtures / "arctic_posterior.f32")

image = cv2.imread(str(samples / "astronaut.png"))
mesh = Mesh(att=False)
largest = max(Detector()(image), key=lambda d: d[2][0] * d[2][1])
points, _ = mesh(image, roi_from_det(largest))
# To the fixed point, so that it does not matter which detector one starts from.
for _ in range(6):
    points, score = mesh(image, roi_from_lm(points))
points.astype("<f4").tofile(fixtures / "astronaut_landmarks.f32")
print(posterior.shape, points.shape, score)
