"""Audio files of a corpus: NIST SPHERE and all formats of libsndfile, 16 kHz mono."""

import os
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from graph_encoding.common.errors import MissingExtraError, UserError
from train_benchmark.corpora.layouts import sphere

SAMPLE_RATE_HZ = 16_000

_G722_BITS_PER_S = 64_000

_SAMPLE_CHUNKS = {b"RIFF": b"data", b"RIFX": b"data", b"FORM": b"SSND"}
"""Magic of containers with chunks of 32-bit sizes, and the name of their sample chunk."""

_UNKNOWN_FROM = 0x7FFF_0000
"""Placeholder lengths of programs that write WAV to a pipe: sox 0x7ffff000, arecord 0x80000000,
ffmpeg 0xffffffff."""

_MOST_FRAMES = 24 * 3600 * SAMPLE_RATE_HZ
"""A day. Memory is allocated by the header, and libsndfile reports 2^63 - 1 frames for a FLAC file
without a length."""


def read_audio(path: Path) -> NDArray[np.float32]:
    """Read a recording of one channel at 16 kHz.

    Returns:
        (n,) float32 in [-1, 1].

    Raises:
        UserError: if the file cannot be read, is truncated, is not 16 kHz mono, or has a sample
            that is not finite.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(sphere.MAGIC))
            _check_length(file, path)
    except OSError as e:
        raise UserError(f"cannot read audio {path}: {e}") from e
    if magic == sphere.MAGIC:
        samples, rate = sphere.read_sphere(path)
    else:
        samples, rate = _read_with_libsndfile(path)
    if rate != SAMPLE_RATE_HZ or samples.shape[1] != 1:
        raise UserError(
            f"audio {path} must be {SAMPLE_RATE_HZ} Hz mono, but is {rate} Hz with "
            f"{samples.shape[1]} channels; resample it"
        )
    if not np.isfinite(samples).all():
        raise UserError(
            f"audio {path} must have finite samples, but some are NaN or infinite; create it again"
        )
    return np.ascontiguousarray(samples[:, 0])


def read_g722(path: Path) -> NDArray[np.float32]:
    """Read a bare stream of ITU-T G.722 at 64 kbit/s, which is 16 kHz mono.

    Returns:
        (n,) float32 in [-1, 1].

    Raises:
        UserError: if the file cannot be read or is empty.
        MissingExtraError: if the package G722 is not installed.
    """
    try:
        from G722 import G722
    except ModuleNotFoundError as e:
        raise MissingExtraError("G722", "asterisk") from e
    try:
        content = path.read_bytes()
    except OSError as e:
        raise UserError(f"cannot read audio {path}: {e}") from e
    if not content:
        raise UserError(f"audio {path} must have samples, but is empty; copy it again")
    decoded = G722(SAMPLE_RATE_HZ, _G722_BITS_PER_S).decode(content)
    return np.asarray(decoded, dtype=np.float32) / np.float32(32768)


def _read_with_libsndfile(path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        with soundfile.SoundFile(path) as file:
            promised, rate = file.frames, int(file.samplerate)
            if promised > _MOST_FRAMES:
                raise UserError(
                    f"audio {path} must state its number of samples, at most {_MOST_FRAMES}, but "
                    f"states {promised}, like a FLAC file that was written to a pipe; rewrite it "
                    "to a file with `ffmpeg -i OLD NEW`"
                )
            samples: NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as e:
        raise UserError(f"cannot read audio {path}: {e}") from e
    if len(samples) < promised:
        raise UserError(
            f"audio {path} is cut off: its header promises {promised} samples, but it has "
            f"{len(samples)}; copy it again"
        )
    return samples, rate


def _check_length(file: BinaryIO, path: Path) -> None:
    """Refuse a WAV or AIFF file that is shorter than its sample chunk states.

    libsndfile reads such a file without an error, with fewer samples.
    """
    file.seek(0)
    wanted = _SAMPLE_CHUNKS.get(magic := file.read(4))
    if wanted is None:
        return
    order: Literal["little", "big"] = "little" if magic == b"RIFF" else "big"
    length = file.seek(0, os.SEEK_END)
    position = 12
    while position + 8 <= length:
        file.seek(position)
        name, size = file.read(4), int.from_bytes(file.read(4), order)
        if min(name) < ord(" "):
            return  # not a chunk's name, perhaps padding with zeros: libsndfile decides
        found = length - position - 8
        if name == wanted:
            if found < size < _UNKNOWN_FROM:
                raise UserError(
                    f"audio {path} is cut off: its header promises {size} bytes of samples, but "
                    f"it has {found}; copy it again"
                )
            return
        position += 8 + size + size % 2  # chunks are padded to an even length
