"""What pocketsphinx hears in Debian's LibriVox test recordings.

    python phones.py ../../crates/lipsync/tests/fixtures

Needs the Debian packages pocketsphinx, pocketsphinx-en-us, pocketsphinx-testdata. Writes librivox_NNNN.phones: start, end (s), phone.
"""
import subprocess
import sys
from pathlib import Path

MODEL = "/usr/share/pocketsphinx/model/en-us"
RECORDINGS = Path("/usr/share/pocketsphinx/test/data/librivox")

for wav in sorted(RECORDINGS.glob("*.wav")):
    command = ["pocketsphinx_continuous", "-infile", wav, "-hmm", f"{MODEL}/en-us"]
    command += ["-allphone", f"{MODEL}/en-us-phone.lm.bin", "-lw", "2.0", "-beam", "1e-10", "-pbeam", "1e-10"]
    command += ["-time", "yes", "-logfn", "/dev/null"]
    heard = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    with open(Path(sys.argv[1]) / f"librivox_{wav.stem[-4:]}.phones", "w") as out:
        for line in heard.splitlines():
            words = line.split()
            if len(words) == 4 and words[1][0].isdigit():
                out.write(f"{words[1]} {words[2]} {words[0]}\n")
