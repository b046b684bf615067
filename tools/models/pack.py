"""Packs numpy archives into the two small binary files that the Rust crate embeds.

    python pack.py viseme IN.npz OUT.bin     weights of the viseme network, as train.py saves them
    python pack.py canon  IN.npz OUT.bin     vertices and triangles of the canonical face, as canon.py saves them

Layout (everything little-endian):
  viseme.bin  b"PSV1", u32 layers, then per layer: u32 inputs, u32 outputs, f32[inputs*outputs] row-major by input, f32[outputs]
  canon.bin   b"PSC1", u32 vertices, u32 triangles, f32[3*vertices] (cm), u16[3*triangles]
"""
import struct
import sys

import numpy as np


def pack_viseme(archive):
    arrays = [archive[k] for k in archive.files]
    layers = list(zip(arrays[0::2], arrays[1::2]))
    out = [b"PSV1", struct.pack("<I", len(layers))]
    for weights, bias in layers:
        out.append(struct.pack("<II", *weights.shape))
        out.append(np.ascontiguousarray(weights, "<f4").tobytes())
        out.append(np.ascontiguousarray(bias, "<f4").tobytes())
    return b"".join(out)


def pack_canon(archive):
    vertices, triangles = archive["V"][:, :3], archive["I"]
    head = struct.pack("<II", len(vertices), len(triangles))
    return b"PSC1" + head + vertices.astype("<f4").tobytes() + triangles.astype("<u2").tobytes()


if __name__ == "__main__":
    kind, source, target = sys.argv[1:4]
    packer = {"viseme": pack_viseme, "canon": pack_canon}[kind]
    with open(target, "wb") as f:
        f.write(packer(np.load(source)))
