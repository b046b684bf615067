"""Synthesises sentences with festival and saves the times of their phones: fest/*.wav and fest/*.seg."""
import random
import subprocess
from pathlib import Path

from words import COMMON, dictionary

VOICES = (("cmu_us_slt_arctic_hts", 220), ("kal_diphone", 110), ("ked_diphone", 110))

random.seed(7)
Path("fest").mkdir(exist_ok=True)
vocabulary = dictionary(longest=9)
for voice, sentences in VOICES:
    script = [f"(voice_{voice})"]
    for k in range(sentences):
        words = [random.choice(COMMON if random.random() < 0.6 else vocabulary) for _ in range(random.randint(5, 11))]
        script.append(f'(set! u (utt.synth (Utterance Text "{" ".join(words)}")))')
        script.append(f'(utt.save.wave u "fest/{voice}_{k:03d}.wav" \'riff)')
        script.append(f'(utt.save.segs u "fest/{voice}_{k:03d}.seg")')
    path = Path(f"fest_{voice}.scm")
    path.write_text("\n".join(script))
    subprocess.run(["festival", "-b", path], check=True)
