"""Small corpora on disk for tests."""

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
PHONES = ("h#", "sh", "iy", "h#")


def write_utterance(
    folder: Path,
    sentence: str,
    phones: tuple[str, ...] = PHONES,
    *,
    samples_per_phone: int = 2000,
    rate_hz: int = RATE_HZ,
    seed: int = 0,
) -> Path:
    """Write noise with a transcript in TIMIT's layout; gives the path without suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / sentence
    count = samples_per_phone * len(phones)
    noise = np.random.default_rng(seed).uniform(-0.1, 0.1, count)
    soundfile.write(stem.with_suffix(".wav"), noise, rate_hz, subtype="PCM_16")
    lines = [
        f"{i * samples_per_phone} {(i + 1) * samples_per_phone} {phone}\n"
        for i, phone in enumerate(phones)
    ]
    stem.with_suffix(".phn").write_text("".join(lines))
    return stem
