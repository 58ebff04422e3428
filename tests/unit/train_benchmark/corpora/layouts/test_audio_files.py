"""Audio files: SPHERE headers, files that are cut off, and what no damage may do."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from graph_encoding import UserError
from train_benchmark.corpora.layouts.audio_files import read_audio

SAMPLES = (np.random.default_rng(0).standard_normal(1000) * 1000).astype("<i2")
EXPECTED = (SAMPLES / 32768).astype(np.float32)


def sphere(
    samples: bytes = SAMPLES.tobytes(), *, size: int = 1024, drop: str = "", **fields: str
) -> bytes:
    """A SPHERE file; fields are `name="-type value"`."""
    values = {
        "channel_count": "-i 1",
        "sample_count": f"-i {len(SAMPLES)}",
        "sample_rate": "-i 16000",
        "sample_n_bytes": "-i 2",
        "sample_byte_format": "-s2 01",
        **fields,
    }
    lines = [f"{name} {value}" for name, value in values.items() if name != drop]
    header = "\n".join(["NIST_1A", f"{size:7d}", *lines, "end_head", ""])
    return header.encode().ljust(size) + samples


def container(form: str, **options: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, 16_000, format=form, subtype="PCM_16", **options)
    return buffer.getvalue()


def read(folder: Path, content: bytes) -> np.ndarray:
    path = folder / "SX1.WAV"
    path.write_bytes(content)
    return read_audio(path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(sphere(), id="plain"),
        pytest.param(sphere(sample_coding="-s3 pcm"), id="a coding that is named"),
        pytest.param(sphere(size=2048), id="a longer header"),
        pytest.param(sphere(SAMPLES.tobytes() + b"\1" * 400), id="bytes behind the samples"),
        pytest.param(sphere(sample_rate="-r 16000.000"), id="a rate that is a real number"),
        pytest.param(
            sphere(SAMPLES.byteswap().tobytes(), sample_byte_format="-s2 10"), id="big-endian"
        ),
        pytest.param(sphere(drop="channel_count"), id="one channel that is not named"),
        pytest.param(container("WAV"), id="WAV"),
        pytest.param(container("WAV", endian="BIG"), id="big-endian WAV"),
        pytest.param(container("FLAC"), id="FLAC"),
        pytest.param(container("AIFF"), id="AIFF"),
    ],
)
def test_the_same_samples_come_out_of_every_form(tmp_path: Path, content: bytes) -> None:
    samples = read(tmp_path, content)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, EXPECTED)


def test_telephone_codings_are_read(tmp_path: Path) -> None:
    """Known answers of ITU-T G.711: 0xff is zero in mu-law, 0xd5 the smallest step in A-law."""
    for coding, byte, value in (("ulaw", 0xFF, 0.0), ("mu-law", 0x80, 32124), ("alaw", 0xD5, 8)):
        content = sphere(
            bytes([byte] * 1000),
            sample_n_bytes="-i 1",
            sample_byte_format="-s1 1",
            sample_coding=f"-s{len(coding)} {coding}",
        )
        assert set(read(tmp_path, content) * 32768) == {value}


@pytest.mark.parametrize(
    ("coding", "name", "remedy"),
    [
        ("pcm,embedded-shorten-v2.00", "shorten", "sph2pipe"),
        ("pcm,embedded-shorten-v1.09", "shorten", "sph2pipe"),
        ("ulaw,embedded-shorten-v2.00", "shorten", "sph2pipe"),
        ("pcm,embedded-wavpack-v1.1", "wavpack", "w_decode"),
        ("pcm,embedded-shortpack-v0", "shortpack", "w_decode"),
    ],
)
@pytest.mark.parametrize("length", [300, 1000])
def test_compressed_files_are_named_whatever_their_length(
    tmp_path: Path, coding: str, name: str, remedy: str, length: int
) -> None:
    content = sphere(SAMPLES[:length].tobytes(), sample_coding=f"-s{len(coding)} {coding}")
    with pytest.raises(
        UserError, match=f"is compressed with {name}, .* decompress it with `{remedy}"
    ):
        read(tmp_path, content)


def test_the_old_place_of_a_compression_is_seen_too(tmp_path: Path) -> None:
    content = sphere(sample_byte_format="-s12 shortpack-v0")
    with pytest.raises(UserError, match="is compressed with shortpack"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sphere()[:-2], "promises 2000 bytes of samples, but it has 1998"),
        (sphere(size=2048)[:-1000], "promises 2000 bytes of samples, but it has 1000"),
        (sphere(channel_count="-i 2"), "promises 4000 bytes of samples, but it has 2000"),
        (sphere()[:500], "header of 1024 bytes, but has 500"),
        (sphere()[:10], "size of its SPHERE header in its second line, but has '  '|has ''"),
        (sphere().replace(b"   1024", b"   x024"), "but has 'x024'"),
        (sphere().replace(b"   1024", b"      0"), "but has '0'"),
        (sphere(drop="sample_count"), "sample_count is 'missing'"),
        (sphere(sample_count="-i 0"), "sample_count is '0'"),
        (sphere(sample_count="-i -5"), "sample_count is '-5'"),
        (sphere(sample_count="-i " + "9" * 400), "sample_count is '999"),
        (sphere(sample_rate="-i fast"), "sample_rate is 'fast'"),
        (sphere(sample_byte_format="-s2 23"), "byte_format of 01 or 10, but has '23'"),
        (sphere(sample_coding="-s5 adpcm"), "but has 'adpcm' of 2 bytes; convert it"),
        (sphere(sample_rate="-i 8000"), "must be 16000 Hz mono, but is 8000 Hz with 1"),
        (
            sphere(channel_count="-i 2", sample_count="-i 500"),
            "must be 16000 Hz mono, but is 16000 Hz with 2",
        ),
        (sphere().replace(b"\n", b"\r\n"), "was converted to other line breaks"),
    ],
)
def test_damaged_sphere_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("form", ["WAV", "AIFF", "FLAC"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, form: str, kept: float) -> None:
    content = container(form)
    with pytest.raises(UserError, match=r"is cut off|cannot read audio"):
        read(tmp_path, content[: int(len(content) * kept)])


@pytest.mark.parametrize("length", [0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_the_length_that_a_pipe_writes_passes(tmp_path: Path, length: int) -> None:
    content = bytearray(container("WAV"))
    place = content.index(b"data") + 4
    content[place : place + 4] = length.to_bytes(4, "little")
    np.testing.assert_array_equal(read(tmp_path, bytes(content)), EXPECTED)


HEADER_TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "sample_count -i 1000",
                "sample_count -i 10",
                "sample_n_bytes -i 2",
                "sample_byte_format -s2 01",
                "sample_rate -i 16000",
                "channel_count -i 1",
                "channel_count -i 99999",
                "sample_coding -s3 pcm",
                "end_head",
            ]
        ),
        st.text(max_size=30),
    ),
    max_size=12,
).map("\n".join)


@given(
    text=HEADER_TEXT,
    size=st.one_of(st.just("   1024"), st.integers(0, 9_999_999).map(lambda n: f"{n:7d}")),
    samples=st.binary(max_size=64),
)
def test_any_sphere_header_reads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: str, samples: bytes
) -> None:
    content = f"NIST_1A\n{size}\n{text}\n".encode("utf-8", "replace").ljust(1024) + samples
    check_reads_or_is_refused(tmp_path_factory, content)


@given(
    start=st.sampled_from([b"NIST_1A", b"NIST_1A\n   1024\n", b"RIFF", b"RIFX", b"FORM", b""]),
    rest=st.binary(max_size=200),
)
def test_any_bytes_read_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    check_reads_or_is_refused(tmp_path_factory, start + rest)


@given(cut=st.integers(0, 3), place=st.integers(0, 2043), byte=st.integers(0, 255))
def test_one_wrong_byte_reads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int, place: int, byte: int
) -> None:
    for content in (sphere(), container("WAV")):
        damaged = bytearray(content)
        damaged[place % len(damaged)] = byte
        check_reads_or_is_refused(tmp_path_factory, bytes(damaged[: len(damaged) - cut]))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(tmp_path: Path, wrong: float) -> None:
    samples = SAMPLES.astype(np.float32) / 32768
    samples[7] = wrong
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, format="WAV", subtype="FLOAT")
    with pytest.raises(UserError, match="must have finite samples"):
        read(tmp_path, buffer.getvalue())


@pytest.mark.parametrize("stated", [0, 2**36 - 1])
def test_a_flac_file_whose_length_is_unknown_or_absurd_is_refused(
    tmp_path: Path, stated: int
) -> None:
    """0 is what a program writes that writes to a pipe; libsndfile cannot read such a file."""
    content = bytearray(container("FLAC"))
    content[21] = content[21] & 0xF0 | stated >> 32
    content[22:26] = (stated & 0xFFFFFFFF).to_bytes(4, "big")
    with pytest.raises(UserError, match="must state its number of samples"):
        read(tmp_path, bytes(content))


def check_reads_or_is_refused(factory: pytest.TempPathFactory, content: bytes) -> None:
    path = factory.getbasetemp() / "fuzzed.wav"
    path.write_bytes(content)
    try:
        samples = read_audio(path)
    except UserError:
        return
    assert samples.ndim == 1
    assert samples.dtype == np.float32
