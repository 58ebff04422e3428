"""NIST SPHERE audio: header and samples."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError

MAGIC = b"NIST_1A"

_LINE_BYTES = 8
"""Length of each of the first two lines: the magic, and the header's size."""

_END = "end_head"
_INTEGER = re.compile(r"[0-9]{1,18}")

_SUBTYPES = {
    ("pcm", 1): "PCM_S8",
    ("pcm", 2): "PCM_16",
    ("pcm", 3): "PCM_24",
    ("pcm", 4): "PCM_32",
    ("ulaw", 1): "ULAW",
    ("mu-law", 1): "ULAW",
    ("alaw", 1): "ALAW",
}
"""libsndfile's name of (coding, bytes per sample).

Source: NIST SPHERE 2.7, `doc/header.doc`.
"""
_DECOMPRESSORS = {"shorten": "sph2pipe -f wav"}
"""Other compressions need the tool of NIST's SPHERE package."""

_LITTLE_ENDIAN_ORDERS = {2: "01", 3: "012", 4: "0123"}


@dataclass(frozen=True)
class SphereHeader:
    """Header of a SPHERE file.

    Attributes:
        size_bytes: length of the header, before the samples.
        samples: samples per channel.
        sample_bytes: bytes per sample.
        channels: interleaved channels.
        rate_hz: sample rate.
        subtype: libsndfile's name of the sample coding, such as "PCM_16".
        big_endian: whether the most significant byte of a sample comes first.
    """

    size_bytes: int
    samples: int
    sample_bytes: int
    channels: int
    rate_hz: int
    subtype: str
    big_endian: bool


def read_sphere(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples and sample rate of a SPHERE file.

    Bytes after the stated samples are ignored, as in NIST's tools.

    Returns:
        (n, channels) float32 in [-1, 1], and the rate in Hz.

    Raises:
        UserError: if the file cannot be read, is compressed or truncated, or its header is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as e:
        raise UserError(f"cannot read audio {path}: {e}") from e
    header = parse_header(content, path)
    promised = header.samples * header.sample_bytes * header.channels
    found = len(content) - header.size_bytes
    if found < promised:
        raise UserError(
            f"audio {path} is cut off: its header promises {promised} bytes of samples, but it "
            f"has {found}; copy it again"
        )
    return _decode(content[header.size_bytes :][:promised], header), header.rate_hz


def parse_header(content: bytes, path: Path) -> SphereHeader:
    """Parse the header at the start of a file.

    Args:
        content: the bytes of the file.
        path: its name, for messages.

    Raises:
        UserError: if the header is truncated, lacks a field, or the samples are compressed.
    """
    size = _header_size(content, path)
    fields = _fields(content[:size])
    coding, _, compression = fields.get("sample_coding", "pcm").lower().partition(",")
    order = fields.get("sample_byte_format", "")
    if compression or order.startswith("shortpack"):
        name = (compression or order).removeprefix("embedded-").split("-v")[0]
        tool = _DECOMPRESSORS.get(name, "w_decode -o pcm")
        raise UserError(
            f"audio {path} is compressed with {name}, which cannot be read; decompress it with "
            f"`{tool}`"
        )
    samples, sample_bytes = (
        _count(fields, name, path) for name in ("sample_count", "sample_n_bytes")
    )
    if (coding, sample_bytes) not in _SUBTYPES:
        raise UserError(
            f"audio {path} must have a sample coding and size of "
            f"{', '.join(f'{c} of {n} bytes' for c, n in _SUBTYPES)}, but has {coding!r} of "
            f"{sample_bytes} bytes; convert it to WAV"
        )
    little = _LITTLE_ENDIAN_ORDERS.get(sample_bytes, order)
    if order not in {little, little[::-1]}:
        raise UserError(
            f"audio {path} must have a sample_byte_format of {little} or {little[::-1]}, but has "
            f"{order!r}; it is damaged, copy it again"
        )
    return SphereHeader(
        size_bytes=size,
        samples=samples,
        sample_bytes=sample_bytes,
        channels=_count(fields, "channel_count", path) if "channel_count" in fields else 1,
        rate_hz=_count(fields, "sample_rate", path),
        subtype=_SUBTYPES[coding, sample_bytes],
        big_endian=order != little,
    )


def _header_size(content: bytes, path: Path) -> int:
    """Length in bytes of the header, from its second line."""
    if b"\r" in content[: 2 * _LINE_BYTES]:
        raise UserError(
            f"audio {path} must have line feeds alone in its SPHERE header, but was converted to "
            "other line breaks, which damages the samples; copy it again in binary mode"
        )
    stated = content[_LINE_BYTES : 2 * _LINE_BYTES].decode("ascii", errors="replace").strip()
    if not _INTEGER.fullmatch(stated) or int(stated) < 2 * _LINE_BYTES:
        raise UserError(
            f"audio {path} must have the size of its SPHERE header in its second line, but has "
            f"{stated!r}; it is cut off or damaged, copy it again"
        )
    if len(content) < int(stated):
        raise UserError(
            f"audio {path} must have a whole SPHERE header of {int(stated)} bytes, but has "
            f"{len(content)}; it is cut off, copy it again"
        )
    return int(stated)


def _fields(header: bytes) -> dict[str, str]:
    """Values of the lines `name -type value`, up to the end of the header."""
    found = {}
    for line in header.decode("ascii", errors="replace").splitlines():
        if line.strip() == _END:
            break
        words = line.split(maxsplit=2)
        if len(words) == 3 and words[1].startswith("-"):
            found[words[0]] = words[2].strip()
    return found


def _count(fields: dict[str, str], name: str, path: Path) -> int:
    """A field that is an integer >= 1."""
    # Some tools write integers as reals.
    text = re.sub(r"\.0*$", "", fields.get(name, ""))
    if not _INTEGER.fullmatch(text) or int(text) < 1:
        raise UserError(
            f"audio {path} must have a whole SPHERE header with sample_count, sample_n_bytes and "
            f"sample_rate of at least 1, but {name} is {fields.get(name, 'missing')!r}; it is cut "
            "off or damaged, copy it again"
        )
    return int(text)


def _decode(samples: bytes, header: SphereHeader) -> NDArray[np.float32]:
    # As one channel of a fixed rate: a damaged header may exceed libsndfile's limits.
    decoded, _ = soundfile.read(
        io.BytesIO(samples),
        dtype="float32",
        samplerate=8000,
        channels=1,
        format="RAW",
        subtype=header.subtype,
        endian="BIG" if header.big_endian else "LITTLE",
    )
    interleaved: NDArray[np.float32] = decoded.reshape(-1, header.channels)
    return interleaved
