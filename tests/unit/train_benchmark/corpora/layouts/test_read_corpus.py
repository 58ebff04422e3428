"""One corpus in several layouts is one corpus."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from graph_encoding import UserError
from tests.unit.train_benchmark.corpora_helpers import PHONES, write_utterance
from train_benchmark.corpora.layouts.read_corpus import LAYOUTS, read_corpus
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.layouts.timit import read_timit


def test_every_layout_of_a_configuration_has_a_reader() -> None:
    assert set(LAYOUTS) == set(get_args(CorpusSource.model_fields["layout"].annotation))


def test_timits_layout_and_a_manifest_have_one_fingerprint(tmp_path: Path) -> None:
    stem = write_utterance(tmp_path / "timit/dr1-fabc0", "sx1")
    samples, rate = soundfile.read(stem.with_suffix(".wav"), dtype="int16")
    soundfile.write(tmp_path / "sx1.flac", samples, rate, subtype="PCM_16")
    lines = ("audio\tspeaker\tphones", f"sx1.flac\tfabc0\t{' '.join(PHONES)}")
    (tmp_path / "manifest.tsv").write_text("\n".join(lines))
    timit = read_timit(tmp_path / "timit")
    listed = read_corpus(tmp_path / "manifest.tsv", CorpusSource(layout="manifest"))
    assert listed.fingerprint == timit.fingerprint
    assert listed.utterances[0].key == timit.utterances[0].key
    np.testing.assert_array_equal(listed.utterances[0].samples, timit.utterances[0].samples)


def test_timits_layout_takes_other_symbols(tmp_path: Path) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sx1", ("SIL", "HH", "AH0", "SIL"))
    corpus = read_corpus(tmp_path, CorpusSource(labels="arpabet"))
    assert corpus.labels is not None
    assert corpus.labels.fold(corpus.utterances[0].phones) == ("hh", "ah")
    assert read_corpus(tmp_path, CorpusSource(labels="ipa-espeak")).labels is None
    with pytest.raises(UserError, match="line 1: 'SIL' is not a symbol of label set 'timit-61"):
        read_timit(tmp_path)


@pytest.mark.parametrize(("parts", "keys"), [(None, 2), (frozenset({"train"}), 1)])
def test_trees_are_parts(tmp_path: Path, parts: frozenset[str] | None, keys: int) -> None:
    write_utterance(tmp_path / "TRAIN/DR1/FABC0", "SX1")
    write_utterance(tmp_path / "TEST/DR1/FDEF0", "SX1")
    assert len(read_corpus(tmp_path, CorpusSource(), parts=parts).utterances) == keys
