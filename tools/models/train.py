"""Trains the viseme network on the synthesised speech and tests it on a real sentence.

    python train.py OUT.npz SAMPLES_DIR
"""
import glob
import json
import sys

import numpy as np
import tensorflow as tf
from scipy.ndimage import gaussian_filter1d

from feat import ARPABET, BANDS, VISEMES, ipa, labels, load16, logmel, normalise, stack

COPIES = 4  # of every sentence, the first one unchanged
VALIDATION = 12  # every twelfth sentence
JAW = np.array([0, 0, .12, .28, .2, .28, .18, .1, .2, .2, .8, .5, .28, .5, .22, .38])

rng = np.random.default_rng(0)


def distort(x):
    """Another loudness, noise and tilt."""
    x = x * 10 ** rng.uniform(-1, 0)
    x = x + rng.normal(0, 1, len(x)) * np.std(x) * 10 ** (-rng.uniform(15, 40) / 20)
    tilt = rng.uniform(-0.5, 0.5)
    return np.append(x[:1], x[1:] + tilt * x[:-1]).astype(np.float32)


def another_voice(bands):
    """Formants moved up or down the bands, and another microphone."""
    a, k = rng.uniform(0.84, 1.19), np.arange(BANDS)
    reach = np.minimum(1, (BANDS - k) / 6) * np.minimum(1, (k + 2) / 6)
    q = np.clip(k + np.log(a) * 9.0 * reach, 0, BANDS - 1)
    i = np.clip(np.floor(q).astype(int), 0, BANDS - 2)
    r = q - i
    moved = bands[:, i] * (1 - r) + bands[:, i + 1] * r
    return moved + gaussian_filter1d(rng.normal(0, 1, BANDS), 3) * 2.5


def utterances():
    """(samples, label of every 10 ms) of everything that was synthesised."""
    for o in json.load(open("espeak.json")):
        x, events = load16(o["f"]), o["ev"] + [(o["dur"], "")]
        segments = [(a[0], b[0], ipa(a[1])) for a, b in zip(events, events[1:])]
        if segments and segments[-1][2] != "sil":  # the last phone is followed by silence without an event
            start, end, name = segments[-1]
            segments[-1] = (start, min(end, start + 0.2), name)
        yield x, labels(segments, len(x) // 160 + 1)
    for wav in sorted(glob.glob("fest/*.wav")):
        x, segments, start = load16(wav), [], 0.0
        for line in open(wav[:-3] + "seg"):
            words = line.split()
            if len(words) == 3:
                end = float(words[0])
                segments.append((start, end, ARPABET.get(words[2], "ax")))
                start = end
        yield x, labels(segments, len(x) // 160 + 1)


def data():
    inputs, targets, sentence = [], [], []
    for u, (x, y) in enumerate(utterances()):
        for copy in range(COPIES):
            bands = another_voice(logmel(distort(x))) if copy else logmel(x)
            features = stack(normalise(bands))
            n = min(len(features), len(y))
            inputs.append(features[:n])
            targets.append(y[:n])
            sentence.append(np.full(n, u))
    return np.concatenate(inputs), np.concatenate(targets), np.concatenate(sentence)


def train(x, y, validation):
    tf.random.set_seed(1)
    layers = tf.keras.layers
    network = tf.keras.Sequential(
        [
            layers.Input(x.shape[1:]),
            layers.GaussianNoise(0.15),
            layers.Dense(128, "relu"),
            layers.Dropout(0.25),
            layers.Dense(64, "relu"),
            layers.Dense(len(VISEMES)),
        ]
    )
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(tf.keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    held_out = (x[validation], y[validation])
    for rate, epochs in ((1e-3, 6), (3e-4, 4)):
        network.optimizer.learning_rate.assign(rate)
        network.fit(x[~validation], y[~validation], batch_size=512, epochs=epochs, verbose=2, validation_data=held_out)
    return network.get_weights()


def forward(weights, x):
    for i in range(0, len(weights), 2):
        x = x @ weights[i] + weights[i + 1]
        if i < len(weights) - 2:
            x = np.maximum(x, 0)
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test(weights, samples):
    """Real speech: one sentence of CMU ARCTIC with its phone labels."""
    x, segments = load16(f"{samples}/arctic_a0009.wav"), []
    for line in open(f"{samples}/arctic_a0009.lab"):
        start, end, context = line.split()[:3]
        phone = context.split("-")[1].split("+")[0]
        segments.append((int(start) / 1e7, int(end) / 1e7, ARPABET.get(phone, "ax")))
    y = labels(segments, len(x) // 160 + 1)
    p = forward(weights, stack(normalise(logmel(x))))
    print("accuracy", (p.argmax(1) == y).mean(), "jaw r", np.corrcoef(p @ JAW, JAW[y])[0, 1])


if __name__ == "__main__":
    target, samples = sys.argv[1:3]
    x, y, sentence = data()
    weights = train(x, y, sentence % VALIDATION == 5)
    np.savez(target, *weights)
    test(weights, samples)
