"""Synthesises sentences with libespeak-ng and keeps the times of their phones.

    python gen_espeak.py SENTENCES [SEED]        writes wav/es*.wav and espeak.json
"""
import ctypes
import json
import random
import sys
import wave
from pathlib import Path

from words import COMMON, dictionary

PHONEME_EVENT = 7  # espeakEVENT_PHONEME
SYNCHRONOUS, PHONEME_EVENTS, PHONEME_IPA = 2, 1, 2
RATE, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER
ENGLISH = ["en-us", "en-gb", "en-gb-x-rp", "en-us-nyc"]
OTHERS = ["de", "fr", "es", "it", "nl", "pt-br"]
VARIANTS = [""] + [f"+m{i}" for i in range(1, 8)] + [f"+f{i}" for i in range(1, 5)]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
pcm, phones = [], []


@CALLBACK
def on_audio(samples, count, events):
    if samples and count > 0:
        pcm.append(ctypes.string_at(samples, count * 2))
    i = 0
    while events[i].type:
        if events[i].type == PHONEME_EVENT:
            phones.append((events[i].sample, events[i].id.decode("utf8", "ignore")))
        i += 1
    return 0


def sentence(dictionary_words):
    words = [random.choice(COMMON if random.random() < 0.5 else dictionary_words) for _ in range(random.randint(5, 11))]
    if random.random() < 0.5:
        words[len(words) // 2] += ","
    return " ".join(words)


def main(sentences, seed):
    random.seed(seed)
    espeak = ctypes.CDLL("libespeak-ng.so.1")
    rate = espeak.espeak_Initialize(SYNCHRONOUS, 200, None, PHONEME_EVENTS | PHONEME_IPA)
    espeak.espeak_SetSynthCallback(on_audio)
    vocabulary, out = dictionary(longest=10), []
    Path("wav").mkdir(exist_ok=True)
    for k in range(sentences):
        voice = random.choice(ENGLISH if random.random() < 0.75 else OTHERS) + random.choice(VARIANTS)
        if espeak.espeak_SetVoiceByName(voice.encode()) != 0:
            continue
        for parameter, low, high in ((RATE, 120, 210), (PITCH, 30, 75), (RANGE, 30, 70)):
            espeak.espeak_SetParameter(parameter, random.randint(low, high), 0)
        text = sentence(vocabulary)
        pcm.clear()
        phones.clear()
        data = text.encode() + b"\0"
        espeak.espeak_Synth(data, len(data), 0, 0, 0, 1, None, None)
        espeak.espeak_Synchronize()
        sound, path = b"".join(pcm), f"wav/es{k:04d}.wav"
        with wave.open(path, "wb") as f:
            f.setnchannels(1)
            f.setsampwidth(2)
            f.setframerate(rate)
            f.writeframes(sound)
        timed = [(sample / rate, phone) for sample, phone in phones]
        out.append({"f": path, "dur": len(sound) / 2 / rate, "ev": timed, "voice": voice, "text": text})
    Path("espeak.json").write_text(json.dumps(out, ensure_ascii=False))
    print(len(out), "sentences,", round(sum(o["dur"] for o in out) / 60, 1), "minutes")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
