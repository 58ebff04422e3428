"""Reader of TIMIT's layout: values it refuses and full-corpus trees."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import UserError
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.corpora.timit import (
    ALL_OTHERS,
    Corpus,
    SpeakerSplit,
    Utterance,
    read_timit,
    split_by_speaker,
)


@pytest.mark.parametrize(
    ("samples", "phones", "message"),
    [
        (np.zeros(4), ("h#",), "samples of fa0/sx1 must be float32 .* are float64"),
        (np.zeros((2, 2), np.float32), ("h#",), r"of shape \(2, 2\)"),
        (np.zeros(0, np.float32), ("h#",), r"n >= 1, .* of shape \(0,\)"),
        (np.full(4, 1.5, np.float32), ("h#",), r"must lie in \[-1, 1\], but reach 1.5"),
        (np.full(4, np.nan, np.float32), ("h#",), "but reach nan"),
        (np.zeros(4, np.float32), (), "but there is none"),
        (np.zeros(4, np.float32), ("aa", "zz"), r"but \['zz'\]; the labels are: aa ae"),
    ],
)
def test_an_utterance_refuses_impossible_fields(
    samples: np.ndarray, phones: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Utterance("fa0/sx1", "fa0", "sx1", None, samples, phones)


@pytest.mark.parametrize("outer", ["", "TIMIT"])
def test_trees_are_found_with_and_without_an_outer_folder(tmp_path: Path, outer: str) -> None:
    write_utterance(tmp_path / outer / "TEST" / "DR1" / "FAAA0", "SX1")
    write_utterance(tmp_path / outer / "TRAIN" / "DR1" / "FBBB0", "SX1")
    parts = {u.speaker: u.part for u in read_timit(tmp_path).utterances}
    assert parts == {"faaa0": "test", "fbbb0": "train"}


def full_layout(root: Path, train: tuple[str, ...], test: tuple[str, ...]) -> None:
    for tree, names in (("TRAIN", train), ("TEST", test)):
        for name in names:
            write_utterance(root / tree / "DR1" / name.upper(), "SX1")


def test_star_trains_on_the_training_tree_only(tmp_path: Path) -> None:
    full_layout(tmp_path, ("faaa0", "fbbb0"), ("fccc0", "fddd0", "funu0"))
    split = SpeakerSplit(ALL_OTHERS, ("fccc0",), ("fddd0",))
    parts = split_by_speaker(read_timit(tmp_path), split)
    assert [u.speaker for u in parts.train] == ["faaa0", "fbbb0"]


def test_star_that_matches_nobody_is_refused(tmp_path: Path) -> None:
    full_layout(tmp_path, (), ("faaa0", "fbbb0"))
    split = SpeakerSplit(ALL_OTHERS, ("faaa0",), ("fbbb0",))
    with pytest.raises(UserError, match="leaves none of 2; give the whole corpus"):
        split_by_speaker(read_timit(tmp_path), split)


def test_a_corpus_of_sa_sentences_only_is_refused_with_its_path(tmp_path: Path) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sa1")
    with pytest.raises(UserError, match=f"{tmp_path} has only SA sentences"):
        read_timit(tmp_path)
    assert len(read_timit(tmp_path, keep_sa=True).utterances) == 1


def test_only_the_two_sa_sentences_are_removed(tmp_path: Path) -> None:
    sentences = ("sa1", "SA2", "sa3", "sa10", "sales-call", "sx1")
    for sentence in sentences:
        write_utterance(tmp_path / "dr1-fabc0", sentence)
    kept = [u.sentence for u in read_timit(tmp_path).utterances]
    assert kept == ["sa10", "sa3", "sales-call", "sx1"]
    assert len(read_timit(tmp_path, keep_sa=True).utterances) == len(sentences)


def test_a_sphere_header_that_ends_early_is_refused(tmp_path: Path) -> None:
    stem = write_utterance(tmp_path / "dr1-fabc0", "sx1")
    # Both fields are there, so that only the header's own length betrays the cut.
    header = b"NIST_1A\n   1024\nsample_count -i 8000\nsample_n_bytes -i 2\n"
    stem.with_suffix(".wav").write_bytes(header)
    with pytest.raises(UserError, match=f"header of 1024 bytes, but has {len(header)}"):
        read_timit(tmp_path)


def test_fingerprint_depends_on_phones_and_samples(tmp_path: Path) -> None:
    write_utterance(tmp_path / "a" / "dr1-fabc0", "sx1")
    write_utterance(tmp_path / "b" / "dr1-fabc0", "sx1", seed=1)
    write_utterance(tmp_path / "c" / "dr1-fabc0", "sx1", phones=("h#", "sh", "ih", "h#"))
    write_utterance(tmp_path / "d" / "dr1-fabc0", "sx1")
    a, b, c, d = (read_timit(tmp_path / name).fingerprint for name in "abcd")
    assert len({a, b, c}) == 3
    assert a == d


def fingerprint_of(*samples: float) -> str:
    signal = np.array(samples, np.float32)
    return Corpus((Utterance("fa0/sx1", "fa0", "sx1", None, signal, ("h#",)),)).fingerprint


def test_full_scale_is_no_other_sign() -> None:
    """Audio of more than 16 bits may reach 1.0, which is one more than the largest of 16 bits."""
    assert fingerprint_of(1.0) == fingerprint_of(32767 / 32768) != fingerprint_of(-1.0)


def test_fingerprint_of_16_bits_is_that_of_the_integers() -> None:
    signal = np.array([-32768, -1, 0, 1, 32767], "<i2")
    expected = hashlib.sha256(b"fa0/sx1\nh#\n" + signal.tobytes()).hexdigest()
    assert fingerprint_of(*(signal / 32768.0)) == expected
