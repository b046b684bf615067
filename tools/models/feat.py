"""Features and labels of the viseme network: what crates/lipsync/src/speech/features.rs does, in numpy."""
from math import gcd

import numpy as np
import soundfile
from scipy.signal import resample_poly

VISEMES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou", "ax"]
BANDS = 26
RATE = 16000
HOP, WINDOW, FFT = 160, 400, 512
# Feature frames that the network sees around the moment.
CONTEXT = [-12, -9, -6, -4, -2, -1, 0, 1, 2, 4, 6, 9, 12]


def load16(path):
    """The file as 16 kHz mono float32."""
    x, rate = soundfile.read(path, dtype="float32")
    if x.ndim > 1:
        x = x.mean(1)
    if rate != RATE:
        g = gcd(rate, RATE)
        x = resample_poly(x, RATE // g, rate // g).astype(np.float32)
    return x


def mel_filters(low=80, high=7600):
    mel = lambda f: 1127 * np.log(1 + f / 700)
    hertz = lambda m: 700 * (np.exp(m / 1127) - 1)
    edges = hertz(np.linspace(mel(low), mel(high), BANDS + 2))
    f = np.arange(FFT // 2 + 1) * RATE / FFT
    rows = []
    for left, centre, right in zip(edges, edges[1:], edges[2:]):
        rows.append(np.maximum(0, np.minimum((f - left) / (centre - left), (right - f) / (right - centre))))
    return np.array(rows)


FILTERS = mel_filters()
HANN = np.hanning(WINDOW)


def logmel(x):
    """Frames x bands; frame i is centred at i * 10 ms."""
    x = np.append(x[:1], x[1:] - 0.97 * x[:-1])
    n = len(x) // HOP + 1
    padded = np.pad(x, (WINDOW // 2, WINDOW))
    frames = padded[np.arange(n)[:, None] * HOP + np.arange(WINDOW)] * HANN
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2
    return np.log(power @ FILTERS.T + 1e-8)


def normalise(bands):
    """Independence of microphone and loudness: per-band mean over the loud frames, fixed scale."""
    energy = bands.mean(1)
    loud = energy > np.percentile(energy, 95) - 4.6
    return np.clip((bands - bands[loud].mean(0)) / 2.5, -4, 4)


def stack(features):
    n = len(features)
    rows = [features[np.clip(np.arange(n) + o, 0, n - 1)] for o in CONTEXT]
    return np.concatenate(rows, 1).astype(np.float32)


# One class, a pair for a diphthong, or None: /h/ is spoken with the mouth of the next vowel.
ARPABET = {
    "aa": "aa", "ae": "E", "ah": "ax", "ao": "oh", "aw": ("aa", "ou"), "ax": "ax", "axr": "RR", "ay": ("aa", "ih"), "b": "PP",
    "ch": "CH", "d": "DD", "dh": "TH", "dx": "DD", "eh": "E", "er": "RR", "ey": ("E", "ih"), "f": "FF", "g": "kk", "hh": None,
    "hv": None, "ih": "ih", "iy": "ih", "jh": "CH", "k": "kk", "l": "nn", "el": "nn", "m": "PP", "em": "PP", "n": "nn", "en": "nn",
    "ng": "kk", "ow": ("oh", "ou"), "oy": ("oh", "ih"), "p": "PP", "r": "RR", "s": "SS", "sh": "CH", "t": "DD", "th": "TH",
    "uh": "ou", "uw": "ou", "v": "FF", "w": "ou", "y": "ih", "z": "SS", "zh": "CH", "pau": "sil", "sil": "sil", "h#": "sil",
    "brth": "sil",
}  # fmt: skip

IPA_PAIRS = {
    "aɪ": ("aa", "ih"), "eɪ": ("E", "ih"), "oʊ": ("oh", "ou"), "əʊ": ("ax", "ou"), "aʊ": ("aa", "ou"), "ɔɪ": ("oh", "ih"),
    "tʃ": "CH", "dʒ": "CH", "ts": "SS", "pf": "FF",
}  # fmt: skip
IPA = {
    "PP": "pbm", "FF": "fvʋɱ", "TH": "θð", "DD": "tdɾʔ", "kk": "kgɡŋxɣχçqʁʀ", "CH": "ʃʒʂʐɕʑ", "SS": "sz", "nn": "nlɫɲʎɭ",
    "RR": "ɹrɚɝɻ", "aa": "aɑɐ", "E": "æeɛ", "ih": "iɪjyʏɨ", "oh": "oɔɒøœɵ", "ou": "uʊwɯʉɥ", "ax": "əɜʌɘ",
}  # fmt: skip


def ipa(phone):
    """Class(es) of one of espeak-ng's phones."""
    for mark in "ˈˌː\u0303ʲ":
        phone = phone.replace(mark, "")
    if phone in ("", "_", " "):
        return "sil"
    for pair, classes in IPA_PAIRS.items():
        if phone.startswith(pair):
            return classes
    for name, letters in IPA.items():
        if phone[0] in letters:
            return name
    return None if phone[0] in "hɦ" else "ax"


def labels(segments, frames):
    """[(start, end, class)] in seconds -> class index of every 10 ms."""
    y = np.zeros(frames, np.int64)
    for i, (start, end, name) in enumerate(segments):
        if name is None:
            following = segments[i + 1][2] if i + 1 < len(segments) else None
            name = following or "ax"
            name = name[0] if isinstance(name, tuple) else name
        a, b = round(start * 100), round(end * 100)
        if isinstance(name, tuple):
            middle = (a * 45 + b * 55) // 100
            y[a:middle], y[middle:b] = VISEMES.index(name[0]), VISEMES.index(name[1])
        else:
            y[a:b] = VISEMES.index(name)
    return y
