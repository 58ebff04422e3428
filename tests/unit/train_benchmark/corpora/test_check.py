"""Corpus check: every bad file is reported, none hides another."""

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import UserError
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.config import CorpusConfig
from train_benchmark.corpora.layouts.read_corpus import read_corpus
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.table.benchmark_table import BenchmarkTable


def test_files_without_partner_stand_beside_the_other_problems(tmp_path: Path) -> None:
    folder = tmp_path / "dr1-fabc0"
    for sentence in ("sx1", "sx2", "sx3", "sx4", "sx5"):
        write_utterance(folder, sentence)
    (folder / "sx2.phn").unlink()
    (folder / "sx3.wav").unlink()
    (folder / "sx4.phn").write_text("")
    (folder / "sx5.wav").write_bytes(b"noise")
    report = check_corpus(tmp_path)
    assert (report.utterances, report.fingerprint) == (1, None)
    assert len(report.problems) == 4
    for name, message in (
        ("sx2.wav", "has no .PHN file"),
        ("sx3.phn", "has no .WAV file"),
        ("sx4.phn", "is empty"),
        ("sx5.wav", "cannot read audio"),
    ):
        assert any(name in problem and message in problem for problem in report.problems)


def test_speakers_in_the_files_names_are_one_problem(tmp_path: Path) -> None:
    for sentence in ("SA1", "SI1027", "SX37"):
        write_utterance(tmp_path / "train", f"FCJF0_{sentence}")
    report = check_corpus(tmp_path)
    assert report.fingerprint is None
    (problem,) = report.problems
    assert "3 audio files, such as" in problem
    assert "FCJF0_SA1.wav" in problem


def test_one_speaker_and_other_sentences_are_noted(tmp_path: Path) -> None:
    for sentence in ("sx1", "greeting", "sx2b"):
        write_utterance(tmp_path / "dr1-fabc0", sentence)
    report = check_corpus(tmp_path)
    assert (report.problems, report.fingerprint) == ((), read_timit(tmp_path).fingerprint)
    assert len(report.notes) == 2
    assert "all utterances are of one speaker, 'fabc0'" in report.notes[0]
    assert "2 sentences, such as 'greeting', are not named as TIMIT's" in report.notes[1]


def test_an_utterance_that_is_there_twice_is_a_problem(tmp_path: Path) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sx1")
    write_utterance(tmp_path / "dr2-fabc0", "sx1")
    report = check_corpus(tmp_path)
    assert (report.utterances, report.fingerprint) == (1, None)
    assert len(report.problems) == 1
    assert "dr2-fabc0" in report.problems[0]
    assert "is utterance fabc0/sx1, as is" in report.problems[0]


@pytest.mark.parametrize(
    ("phones", "samples_per_phone", "message"),
    [
        (("h#", "iy"), 199, "fabc0/sx2 must have at least 400 samples, .* but has 398"),
        (("q", "q"), 2000, "fabc0/sx2 must have a phone to recognise"),
    ],
)
def test_untrainable_utterances_are_problems(
    tmp_path: Path, phones: tuple[str, ...], samples_per_phone: int, message: str
) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sx1")
    write_utterance(tmp_path / "dr1-fabc0", "sx2", phones, samples_per_phone=samples_per_phone)
    report = check_corpus(tmp_path)
    assert (report.utterances, report.fingerprint) == (2, None)
    (problem,) = report.problems
    assert re.search(message, problem)


def test_names_that_differ_in_case_only_are_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "dr1-fabc0"
    for name in ("sx1", "SX1", "sx2"):
        write_utterance(folder, name)
    # The copies of a known distribution are none.
    shutil.copy(folder / "sx2.wav", folder / "sx2.wav.wav")
    report = check_corpus(tmp_path)
    assert len(report.problems) == 2
    assert all("but for its case; remove one" in problem for problem in report.problems)
    with pytest.raises(UserError, match="but for its case"):
        read_timit(tmp_path)


def test_linked_folders_are_read_without_loops(tmp_path: Path) -> None:
    write_utterance(tmp_path / "elsewhere", "sx1")
    write_utterance(tmp_path / "corpus/dr1-fabc0", "sx2")
    (tmp_path / "corpus/dr1-mabc0").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus/dr1-fabc0/up").symlink_to(tmp_path / "corpus")
    corpus = read_timit(tmp_path / "corpus")
    assert [u.key for u in corpus.utterances] == ["fabc0/sx2", "mabc0/sx1"]


def test_a_sound_corpus_is_counted(tmp_path: Path) -> None:
    for speaker in ("fabc0", "mabc0"):
        for sentence in ("sx1", "sa1"):
            write_utterance(tmp_path / f"dr1-{speaker}", sentence)
    report = check_corpus(tmp_path)
    assert (report.speakers, report.utterances, report.sentences) == (2, 4, 2)
    assert report.seconds == pytest.approx(4 * 8000 / 16_000)
    assert report.phone_counts == {"h#": 8, "iy": 4, "sh": 4}
    assert report.phones == 16
    assert report.fingerprint == read_timit(tmp_path).fingerprint
    assert report.fingerprint != read_timit(tmp_path, keep_sa=True).fingerprint


@pytest.mark.parametrize("score_sa", [False, True])
def test_numbers_are_those_of_a_campaign(tmp_path: Path, score_sa: bool) -> None:
    speakers = ("fabc0", "mabc0", "mxyz0")
    for speaker in speakers:
        for sentence in ("sx1", "sa1"):
            write_utterance(tmp_path / f"dr1-{speaker}", sentence)
    split = {part: [who] for part, who in zip(("train", "val", "test"), speakers, strict=True)}
    values = {"name": "c", "licence": "none", "score_sa": score_sa, "split": split}
    config = CorpusConfig.model_validate(values)
    report = check_corpus(tmp_path, config)
    assert report.fingerprint == read_corpus(tmp_path, config, keep_sa=score_sa).fingerprint
    assert report.parts == {"train": 1, "val": 1 + score_sa, "test": 1 + score_sa}


def test_sa_sentences_alone_have_no_fingerprint(tmp_path: Path) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sa1")
    report = check_corpus(tmp_path)
    assert (report.utterances, report.fingerprint, report.problems) == (1, None, ())


def test_a_folder_that_is_not_a_corpus_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"test_check\.py is a file; give the folder"):
        check_corpus(Path(__file__))
    with pytest.raises(UserError, match="does not exist"):
        check_corpus(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no \.PHN file"):
        check_corpus(tmp_path)


def test_the_real_sample_has_no_problem(timit_sample: Path) -> None:
    report = check_corpus(timit_sample)
    assert (report.problems, report.notes) == ((), ())
    assert (report.speakers, report.utterances, report.phones) == (16, 160, 6185)
    assert len(report.phone_counts) == 61
    assert report.fingerprint == BenchmarkTable.load("timit-micro").metadata.corpus_fingerprint
