"""Reader of LibriSpeech's layout: what it reads, and every fault by file and line."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from graph_encoding import UserError
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.layouts.read_corpus import read_corpus
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.symbols.pronunciation import Lexicon

CHARACTERS = CorpusSource(layout="librispeech", labels="characters")


def write_chapter(
    root: Path, subset: str, speaker: int, chapter: int, *texts: str, seconds: float = 0.5
) -> Path:
    """Noise with a text for each utterance; gives the folder of the chapter."""
    folder = root / subset / str(speaker) / str(chapter)
    folder.mkdir(parents=True)
    lines = []
    for number, text in enumerate(texts):
        name = f"{speaker}-{chapter}-{number:04d}"
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, int(16_000 * seconds))
        soundfile.write(folder / f"{name}.flac", noise, 16_000, subtype="PCM_16")
        lines.append(f"{name} {text}\n")
    (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    return folder


@pytest.mark.parametrize("outer", ["", "LibriSpeech"])
def test_subsets_are_parts_and_texts_are_symbols(tmp_path: Path, outer: str) -> None:
    write_chapter(tmp_path / outer, "dev-clean", 84, 121123, "GO DO YOU HEAR", "DON'T")
    write_chapter(tmp_path / outer, "test-clean", 61, 70968, "HE BEGAN")
    corpus = read_corpus(tmp_path, CHARACTERS)
    assert [(u.key, u.speaker, u.part) for u in corpus.utterances] == [
        ("61/61-70968-0000", "61", "test-clean"),
        ("84/84-121123-0000", "84", "dev-clean"),
        ("84/84-121123-0001", "84", "dev-clean"),
    ]
    assert "".join(corpus.utterances[1].phones) == "go|do|you|hear"
    assert corpus.utterances[1].text == "GO DO YOU HEAR"
    assert all(u.times == () and len(u.samples) == 8000 for u in corpus.utterances)


def test_only_wanted_subsets_are_read(tmp_path: Path) -> None:
    write_chapter(tmp_path, "dev-clean", 84, 1, "HEAR")
    write_chapter(tmp_path, "dev-other", 85, 1, "HEAR")
    corpus = read_corpus(tmp_path, CHARACTERS, parts=frozenset({"dev-clean"}))
    assert [u.part for u in corpus.utterances] == ["dev-clean"]
    message = "must have test-clean with SPEAKER/CHAPTER.*, but has dev-clean, dev-other;"
    with pytest.raises(UserError, match=message):
        read_corpus(tmp_path, CHARACTERS, parts=frozenset({"dev-clean", "test-clean"}))


def test_every_problem_names_file_and_line(tmp_path: Path) -> None:
    folder = write_chapter(tmp_path, "dev-clean", 84, 1, "A", "B", "C", "D", "E 5", "F")
    transcript = folder / "84-1.trans.txt"
    lines = transcript.read_text().splitlines()
    lines[1] = "84-1-0001"
    lines[2] = lines[2].replace("84-1", "85-1")
    lines.append(lines[0])
    transcript.write_text("\n".join(lines) + "\n")
    (folder / "84-1-0003.flac").unlink()
    content = (folder / "84-1-0005.flac").read_bytes()
    (folder / "84-1-0005.flac").write_bytes(content[: len(content) // 2])
    report = check_corpus(tmp_path, CHARACTERS)
    assert (report.utterances, report.fingerprint) == (1, None)
    expected = [
        "line 2 must be '84-1-NUMBER TEXT', but is '84-1-0001'",
        "line 3 must be '84-1-NUMBER TEXT', but is '85-1-0002 C'",
        "line 4 needs 84-1-0003.flac in its folder, but it is missing",
        "line 7 has utterance 84-1-0000 a second time",
        "84-1-0001.flac has no line in 84-1.trans.txt",
        "84-1-0002.flac has no line in 84-1.trans.txt",
        "line 5: a text must have its numbers in words, but is 'E 5'",
        "line 6: cannot read audio .*84-1-0005.flac",
    ]
    assert len(report.problems) == len(expected)
    for problem, message in zip(report.problems, expected, strict=True):
        assert re.search(message, problem)
        assert str(folder) in problem
    with pytest.raises(UserError, match=r"line 2 must be .*; such problems in all: 7"):
        read_corpus(tmp_path, CHARACTERS)


def test_recordings_without_a_transcript_are_problems(tmp_path: Path) -> None:
    write_chapter(tmp_path, "dev-clean", 84, 1, "A")
    for chapter in (2, 3):
        untold = write_chapter(tmp_path, "dev-clean", 84, chapter, "A", "B")
        (untold / f"84-{chapter}.trans.txt").unlink()
    deeper = write_chapter(tmp_path, "dev-clean/more", 85, 1, "A")
    write_chapter(tmp_path, "dev-other", 86, 1, "A")
    (tmp_path / "dev-other/86/1/86-1.trans.txt").unlink()
    report = check_corpus(tmp_path, CHARACTERS)
    first, second, third, fourth = report.problems
    assert f"must have a transcript, but {untold.with_name('2')} has 2 .flac files and no" in first
    assert str(untold) in second
    assert f"must lie in dev-clean/SPEAKER/CHAPTER, but {deeper} has 2 files" in third
    assert "dev-other/86/1" in fourth
    with pytest.raises(UserError, match=r"such problems in all: 3"):
        read_corpus(tmp_path, CHARACTERS, parts=frozenset({"dev-clean"}))


def test_a_binary_transcript_is_a_problem(tmp_path: Path) -> None:
    folder = write_chapter(tmp_path, "dev-clean", 84, 1, "A")
    (folder / "84-1.trans.txt").write_bytes(b"84-1-0000 \xff\n")
    (problem,) = check_corpus(tmp_path, CHARACTERS).problems
    assert "84-1.trans.txt must be UTF-8, but line 1 has the byte 0xff at place 11" in problem


def test_a_lexicon_gives_phones_and_may_leave_utterances_out(tmp_path: Path) -> None:
    write_chapter(tmp_path, "dev-clean", 84, 1, "GO", "GO SLOWLY")
    (tmp_path / "lexicon.txt").write_text("GO  G OW1\n")

    def source(unknown_words: Literal["refuse", "leave-out"]) -> CorpusSource:
        lexicon = Lexicon(kind="lexicon", file="lexicon.txt", unknown_words=unknown_words)
        return CorpusSource(layout="librispeech", labels="arpabet", pronunciation=lexicon)

    (problem,) = check_corpus(tmp_path, source("refuse")).problems
    assert "84-1.trans.txt, line 2: every word must be in lexicon lexicon.txt, but" in problem
    report = check_corpus(tmp_path, source("leave-out"))
    assert (report.problems, report.utterances) == ((), 1)
    assert report.phone_counts == {"G": 1, "OW1": 1}
    assert any("1 utterances are left out, the first: " in note for note in report.notes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "does not exist"),
        (lambda root: root.write_text(""), "is a file"),
        (lambda root: root.mkdir(), "must have a subset with .*, but has none"),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, make: object, message: str) -> None:
    root = tmp_path / "corpus"
    make(root)  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        read_corpus(root, CHARACTERS)
