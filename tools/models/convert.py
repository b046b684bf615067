"""Makes the ONNX files and the canonical face out of two unpacked npm packages.

    python convert.py FACE_MESH_PACKAGE FACE_DETECTION_PACKAGE OUT
"""
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

# Where each file ends in face_mesh_solution_packed_assets.data (the offsets are in ..._packed_assets_loader.js).
PACKED = [
    ("face_landmark_with_attention.tflite", 2495952),
    ("face_landmark.tflite", 3737848),
    ("geometry_pipeline_metadata_landmarks.binarypb", 3757224),
    ("face_detection_short_range.tflite", 3986256),
]


def unpack(package, out):
    data, start = (package / "face_mesh_solution_packed_assets.data").read_bytes(), 0
    for name, end in PACKED:
        (out / name).write_bytes(data[start:end])
        start = end


def to_onnx(tflite):
    onnx = tflite.with_suffix(".onnx")
    command = ["-m", "tf2onnx.convert", "--tflite", str(tflite), "--output", str(onnx), "--opset", "13"]
    subprocess.run([sys.executable, *command], check=True)


def varint(data, i):
    value = shift = 0
    while True:
        byte = data[i]
        i += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, i


def fields(data):
    """(number, value) of every field of a protobuf message; of wire types 0, 2 and 5, which are all that occur."""
    i = 0
    while i < len(data):
        key, i = varint(data, i)
        kind = key & 7
        if kind == 0:
            value, i = varint(data, i)
        elif kind == 2:
            length, i = varint(data, i)
            value, i = data[i : i + length], i + length
        elif kind == 5:
            value, i = struct.unpack("<f", data[i : i + 4])[0], i + 4
        else:
            raise ValueError(f"wire type {kind}")
        yield key >> 3, value


def canonical_face(metadata):
    """Vertices (x, y, z in cm, u, v) and triangles of the mesh, which is the first field of the message."""
    mesh = list(fields(next(fields(metadata))[1]))
    vertices = np.array([v for number, v in mesh if number == 3]).reshape(-1, 5)
    triangles = np.array([v for number, v in mesh if number == 4]).reshape(-1, 3)
    return vertices, triangles


if __name__ == "__main__":
    face_mesh, face_detection, out = (Path(a) for a in sys.argv[1:4])
    out.mkdir(parents=True, exist_ok=True)
    unpack(face_mesh, out)
    full_range = "face_detection_full_range.tflite"
    (out / full_range).write_bytes((face_detection / full_range).read_bytes())
    # The network with attention is left out: its custom operators have no ONNX counterpart.
    for name in ("face_landmark.tflite", "face_detection_short_range.tflite", full_range):
        to_onnx(out / name)
    vertices, triangles = canonical_face((out / "geometry_pipeline_metadata_landmarks.binarypb").read_bytes())
    assert vertices.shape == (468, 5) and triangles.shape == (898, 3)
    np.savez(out / "canon.npz", V=vertices, I=triangles)
