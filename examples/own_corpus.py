"""A corpus of your own: recordings, a manifest, a configuration, and a check of all three."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

CONFIG = """
name = "tones"
licence = "made by this script"
layout = "manifest"
labels = "characters"

[split_by_part]
train = ["train"]
val = ["dev"]
test = ["test"]
"""

with tempfile.TemporaryDirectory() as name:
    folder, rows = Path(name), ["audio\tspeaker\ttext\tpart"]
    for number, part in enumerate(["train", "train", "train", "dev", "test"]):
        tone = 0.1 * np.sin(np.arange(16_000) * 0.05 * (1 + number))
        soundfile.write(folder / f"{number}.wav", tone, 16_000)
        rows.append(f"{number}.wav\tspeaker{number}\tone more tone\t{part}")
    (folder / "manifest.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "tones.toml").write_text(CONFIG, encoding="utf-8")
    check = ["nasasr", "corpus", "check", str(folder), "--config", str(folder / "tones.toml")]
    subprocess.run(check, check=True)
