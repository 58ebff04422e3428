"""Fuzzing of what others write: audio and transcripts of corpora, and the original's pickles."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.fuzz.helpers import changed_bytes, changed_values, fuzz, read_or_refuse
from tests.unit.train_benchmark.nb_asr.test_files import FILES
from train_benchmark.nb_asr.convert import read_released_folder
from train_benchmark.nb_asr.files import ReleasedFile, read_released, write_released

SAMPLES = 400
PHN = b"0 100 h#\n100 250 sh\n250 400 h#\n"


def sphere(header_bytes: int = 1024) -> bytes:
    """Noise as a NIST SPHERE file, as TIMIT has it."""
    fields = (
        "NIST_1A",
        f"{header_bytes:7d}",
        "sample_count -i 400",
        "sample_n_bytes -i 2",
        "channel_count -i 1",
        "sample_byte_format -s2 01",
        "sample_rate -i 16000",
        "sample_coding -s3 pcm",
        "end_head",
    )
    noise = np.random.default_rng(0).integers(-1000, 1000, SAMPLES).astype("<i2")
    return "\n".join(fields).encode().ljust(header_bytes) + noise.tobytes()


@pytest.fixture
def utterance(tmp_path: Path) -> Callable[[bytes, bytes], None]:
    """What writes one sentence of a corpus and reads the corpus."""
    pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")
    from train_benchmark.corpora.layouts.timit import read_timit

    folder = tmp_path / "TRAIN" / "DR1" / "FAAA0"
    folder.mkdir(parents=True)

    def check(audio: bytes, transcript: bytes) -> None:
        (folder / "SX1.WAV").write_bytes(audio)
        (folder / "SX1.PHN").write_bytes(transcript)
        read_or_refuse(lambda: read_timit(tmp_path), tmp_path)

    check(sphere(), PHN)
    return check


def test_sphere_headers(utterance: Callable[[bytes, bytes], None]) -> None:
    header = sphere()[:200]
    changed = changed_bytes(header).map(lambda new: new + sphere()[200:])
    fuzz("SPHERE headers", changed, lambda audio: utterance(audio, PHN))


def test_audio_files(utterance: Callable[[bytes, bytes], None], tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(SAMPLES, np.float32), 16_000, subtype="PCM_16")
    riff = (tmp_path / "a.wav").read_bytes()
    changed = changed_bytes(sphere()) | changed_bytes(riff)
    fuzz("audio files", changed, lambda audio: utterance(audio, PHN))


def test_transcripts(utterance: Callable[[bytes, bytes], None]) -> None:
    words = st.lists(
        st.lists(st.sampled_from(("0", "100", "400", "-1", "sh", "h#", "\xb2", "1e2")))
    )
    lines = words.map(lambda rows: "\n".join(" ".join(row) for row in rows).encode())
    fuzz("transcripts", changed_bytes(PHN) | lines, lambda phn: utterance(sphere(), phn))


@pytest.fixture(params=range(len(FILES)), ids=lambda i: FILES[i].dataset_type)
def released(request: pytest.FixtureRequest) -> ReleasedFile:
    return FILES[request.param]


def test_released_pickles(released: ReleasedFile, tmp_path: Path) -> None:
    path = tmp_path / "nb-asr-e3-1234.pickle"
    few = ReleasedFile(released.header, released.rows[:4])
    write_released(path, few)
    content = path.read_bytes()
    with path.open("rb") as file:
        plain = [pickle.load(file), pickle.load(file)]  # noqa: S301 -- what was just written

    def check(new: bytes) -> None:
        path.write_bytes(new)
        read_or_refuse(lambda: read_released(path), tmp_path)
        read_or_refuse(lambda: read_released_folder(tmp_path, epochs=3), tmp_path)

    def pickled(values: Any) -> bytes:
        parts = values if isinstance(values, list) else [values]
        return b"".join(pickle.dumps(part, protocol=2) for part in parts)

    old = pickle.dumps([np.float32(0.5), np.arange(3, dtype=np.float32), np.float64(1)], protocol=2)
    new = pickle.dumps([np.float32(0.5), np.arange(3, dtype=np.float32), np.float64(1)], protocol=5)
    changes = (
        changed_bytes(content)
        | changed_values(plain).map(pickled)
        | changed_bytes(pickled(plain[:1]) + old)
        | changed_bytes(pickled(plain[:1]) + new)
    )
    fuzz(f"released pickles, {released.dataset_type}", changes, check)
