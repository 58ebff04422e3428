"""Reader of TIMIT's layout: values it refuses and full-corpus trees."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import UserError
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.corpora.config import SplitConfig
from train_benchmark.corpora.layouts.timit import read_phn, read_timit
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.corpora.splits import ALL_OTHERS, split_by_speaker
from train_benchmark.corpora.symbols.label_sets import LABEL_SETS
from train_benchmark.corpora.symbols.phones import PHONES_61

ROOT = Path(__file__).parents[5]


@pytest.mark.parametrize(
    ("samples", "phones", "message"),
    [
        (np.zeros(4), ("h#",), "samples of fa0/sx1 must be float32 .* are float64"),
        (np.zeros((2, 2), np.float32), ("h#",), r"of shape \(2, 2\)"),
        (np.zeros(0, np.float32), ("h#",), r"n >= 1, .* of shape \(0,\)"),
        (np.full(4, 1.5, np.float32), ("h#",), r"must lie in \[-1, 1\], but reach 1.5"),
        (np.full(4, np.nan, np.float32), ("h#",), "but reach nan"),
        (np.zeros(4, np.float32), (), "but there is none"),
        (np.zeros(4, np.float32), ("aa", "zz"), r"but \['zz'\]; the symbols are: aa ae"),
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


def test_only_the_region_is_cut_from_a_speakers_folder(tmp_path: Path) -> None:
    for folder in ("dr1-fabc0", "DR8-F-1", "m-1", "f-2", "m-2", "dr9-x"):
        write_utterance(tmp_path / folder, "SX1")
    speakers = [u.speaker for u in read_timit(tmp_path).utterances]
    assert speakers == ["dr9-x", "f-1", "f-2", "fabc0", "m-1", "m-2"]


def full_layout(root: Path, train: tuple[str, ...], test: tuple[str, ...]) -> None:
    for tree, names in (("TRAIN", train), ("TEST", test)):
        for name in names:
            write_utterance(root / tree / "DR1" / name.upper(), "SX1")


def test_star_trains_on_the_training_tree_only(tmp_path: Path) -> None:
    full_layout(tmp_path, ("faaa0", "fbbb0"), ("fccc0", "fddd0", "funu0"))
    split = SplitConfig(train=ALL_OTHERS, val=("fccc0",), test=("fddd0",))
    parts = split_by_speaker(read_timit(tmp_path), split)
    assert [u.speaker for u in parts.train] == ["faaa0", "fbbb0"]


def test_star_without_a_match_is_refused(tmp_path: Path) -> None:
    full_layout(tmp_path, (), ("faaa0", "fbbb0"))
    split = SplitConfig(train=ALL_OTHERS, val=("faaa0",), test=("fbbb0",))
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


@pytest.mark.parametrize(
    "path",
    [
        "train/fcjf0_sa1",
        "TRAIN/FCJF0_SX37",
        "dr1-fcjf0/fcjf0_si1027",
        "TRAIN/DR1/FCJF0/DR1-FCJF0-SA2",
        "corpus/fcjf0sx37",
    ],
)
def test_a_speaker_in_the_files_name_is_refused(tmp_path: Path, path: str) -> None:
    folder, _, name = path.rpartition("/")
    write_utterance(tmp_path / folder, name)
    with pytest.raises(UserError, match=r"1 audio files, .* move each to SPEAKER/SENTENCE"):
        read_timit(tmp_path)


@pytest.mark.parametrize("folder", ["train", "TEST", "TRAIN/DR1", "dr8"])
def test_a_missing_folder_of_a_speaker_is_refused(tmp_path: Path, folder: str) -> None:
    write_utterance(tmp_path / folder, "sx1")
    with pytest.raises(UserError, match=r"lie in '(train|TEST|DR1|dr8)' itself; move each"):
        read_timit(tmp_path)


def phn(folder: Path, content: bytes) -> Path:
    path = folder / "sx1.phn"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "0 10 h#\n10 20 æ\n".encode(),
            "line 2: 'æ' is not a symbol of label set",
        ),
        (
            b"0 10 h#\n10 20 \xe9\n",
            r"line 2: '.{1,2}xe9' is not a symbol",
        ),
        ("0 10 h#\n10 2² sh\n".encode(), "line 2 must be 'first_sample end_sample phone'"),
        ("\u0660 \u0661\u0660 h#\n".encode(), "line 1 must be 'first_sample end_sample phone'"),
        (b"0 " + b"9" * 5000 + b" h#\n", "line 1 must be 'first_sample end_sample phone'"),
        ("0 10 h#\n".encode("utf-16"), "line 1 must be 'first_sample end_sample phone'"),
    ],
)
def test_letters_of_other_alphabets_are_named_by_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_phn(phn(tmp_path, content), 100)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_in_a_transcript_is_skipped(tmp_path: Path, mark: bytes) -> None:
    segments = read_phn(phn(tmp_path, mark + b"0 10 h#\r\n10 20 sh\r\n"), 20)
    assert segments == ((0, 10, "h#"), (10, 20, "sh"))


FIELD = st.one_of(st.integers(-5, 30).map(str), st.sampled_from(["h#", "sh", "q"]), st.text())
TRANSCRIPT = st.lists(st.lists(FIELD, min_size=2, max_size=4).map(" ".join)).map("\n".join)


@given(content=st.one_of(st.binary(), TRANSCRIPT.map(lambda t: t.encode("utf-8", "replace"))))
def test_any_transcript_reads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = phn(tmp_path_factory.getbasetemp(), content)
    try:
        segments = read_phn(path, 20)
    except UserError:
        return
    edges = [edge for start, end, _ in segments for edge in (start, end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= 20
    assert {label for _, _, label in segments} <= set(PHONES_61)


@given(
    labels=st.lists(st.sampled_from(PHONES_61), min_size=1),
    separator=st.sampled_from([" ", "\t", "  "]),
    line_break=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_a_transcript_reads_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    labels: list[str],
    separator: str,
    line_break: str,
) -> None:
    written = tuple((10 * i, 10 * (i + 1), label) for i, label in enumerate(labels))
    text = line_break.join(separator.join(map(str, row)) for row in written)
    path = phn(tmp_path_factory.getbasetemp(), text.encode())
    assert read_phn(path, 10 * len(labels)) == written


def test_the_samples_fingerprint_is_that_of_the_campaign(timit_sample: Path) -> None:
    campaign = json.loads((ROOT / "campaigns/timit-micro/campaign.json").read_text())
    assert read_timit(timit_sample).fingerprint == campaign["corpus_fingerprint"]


def test_fingerprint_depends_on_phones_and_samples(tmp_path: Path) -> None:
    write_utterance(tmp_path / "a" / "dr1-fabc0", "sx1")
    write_utterance(tmp_path / "b" / "dr1-fabc0", "sx1", seed=1)
    write_utterance(tmp_path / "c" / "dr1-fabc0", "sx1", phones=("h#", "sh", "ih", "h#"))
    write_utterance(tmp_path / "d" / "dr1-fabc0", "sx1")
    a, b, c, d = (read_timit(tmp_path / name).fingerprint for name in "abcd")
    assert len({a, b, c}) == 3
    assert a == d


def test_a_corpus_has_one_label_set() -> None:
    signal = np.zeros(4, np.float32)
    utterances = tuple(
        Utterance(f"fa0/{name}", "fa0", name, None, signal, ("aa",), labels=LABEL_SETS.get(labels))
        for name, labels in (("sx1", "timit-61"), ("sx2", "arpabet"))
    )
    assert Corpus(utterances[:1]).labels == LABEL_SETS.get("timit-61")
    with pytest.raises(UserError, match="one label set, but fa0/sx2 has another than fa0/sx1"):
        Corpus(utterances)


def fingerprint_of(*samples: float) -> str:
    signal = np.array(samples, np.float32)
    return Corpus((Utterance("fa0/sx1", "fa0", "sx1", None, signal, ("h#",)),)).fingerprint


def test_full_scale_does_not_overflow() -> None:
    """Audio of more than 16 bits may reach 1.0, which is one more than the largest of 16 bits."""
    assert fingerprint_of(1.0) == fingerprint_of(32767 / 32768) != fingerprint_of(-1.0)


def test_fingerprint_of_16_bits_is_that_of_the_integers() -> None:
    signal = np.array([-32768, -1, 0, 1, 32767], "<i2")
    expected = hashlib.sha256(b"fa0/sx1\nh#\n" + signal.tobytes()).hexdigest()
    assert fingerprint_of(*(signal / 32768.0)) == expected
