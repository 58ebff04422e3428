"""Reader of Asterisk's prompts: what is a sentence, where the texts lie, and the real package."""

import array
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("espeakng_loader", reason="needs the train extra: pip install 'nasasr[train]'")
g722 = pytest.importorskip(
    "G722", reason="needs the asterisk extra: pip install 'nasasr[asterisk]'"
)

from graph_encoding import UserError
from graph_encoding.common.toml_config import load_config
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.config import CorpusConfig
from train_benchmark.corpora.layouts.audio_files import read_g722
from train_benchmark.corpora.layouts.read_corpus import read_corpus
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.splits import split_corpus
from train_benchmark.corpora.symbols.pronunciation import words_of

SOURCE = CorpusSource(layout="asterisk")
CONFIG = Path(__file__).parents[5] / "configs/corpus/asterisk.toml"
TEXT = """; Core sounds

hello: Hello there.
thanks: Thank you.
long: A sentence that takes too long.
short: Oh.
beep: [a tone]
numbers: Press 1 to go on.
digits/one: One.
simple: Please wait (music).
unsaid: Nobody has recorded this.
"""


def write_prompt(path: Path, seconds: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(16_000 * seconds)) / 16_000
    tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    path.write_bytes(bytes(g722.G722(16_000, 64_000).encode(array.array("h", tone.tolist()))))


def write_sounds(folder: Path) -> Path:
    for name in ("hello", "thanks", "beep", "numbers", "digits/one", "simple"):
        write_prompt(folder / f"{name}.g722")
    write_prompt(folder / "long.g722", 6.5)
    write_prompt(folder / "short.g722", 0.4)
    return folder


def test_only_sentences_are_read(tmp_path: Path) -> None:
    root = write_sounds(tmp_path / "sounds")
    (root / "core-sounds-en.txt").write_text(TEXT)
    corpus = read_corpus(root, SOURCE)
    assert [u.key for u in corpus.utterances] == ["allison/hello", "allison/thanks"]
    thanks = corpus.utterances[1]
    assert " ".join(thanks.phones) == "h# th ae ng kcl k y ux h#"
    assert (thanks.text, thanks.times, thanks.part) == ("Thank you.", (), None)
    report = check_corpus(root, SOURCE)
    assert report.problems == ()
    assert "1 texts, such as 'unsaid', have no recording" in report.notes
    assert any("6 of 8 prompts are left out" in note for note in report.notes)


def test_decoding_inverts_encoding(tmp_path: Path) -> None:
    write_prompt(tmp_path / "a.g722")
    samples = read_g722(tmp_path / "a.g722")
    assert samples.dtype == np.float32
    assert len(samples) == 16_000
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) == 440
    assert np.abs(samples).max() == pytest.approx(8000 / 32768, rel=0.1)


@pytest.mark.parametrize("linked", [True, False])
def test_texts_are_found_where_debian_puts_them(tmp_path: Path, linked: bool) -> None:
    root = write_sounds(tmp_path / "share/asterisk/sounds/en_US_f_Allison")
    folder = tmp_path / "share/doc/asterisk-core-sounds-en"
    folder.mkdir(parents=True)
    (folder / "core-sounds-en.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    if linked:
        (tmp_path / "en").symlink_to(root)
        root = tmp_path / "en"
    assert len(read_corpus(root, SOURCE).utterances) == 2


def test_every_problem_names_file_and_line(tmp_path: Path) -> None:
    root = write_sounds(tmp_path / "sounds")
    write_prompt(root / "untold.g722")
    (root / "hello.g722").write_bytes(b"\0" * 8000)
    text = TEXT + "no colon\nthanks: Again.\n"
    (root / "core-sounds-en.txt").write_text(text)
    problems = check_corpus(root, SOURCE).problems
    assert len(problems) == 3
    assert "core-sounds-en.txt, line 12 must be 'NAME: TEXT', but is 'no colon'" in problems[0]
    assert "core-sounds-en.txt, line 13 has 'thanks' a second time" in problems[1]
    assert "untold.g722 has no text in" in problems[2]


def test_broken_links_are_problems_and_linked_folders_are_read(tmp_path: Path) -> None:
    root = write_sounds(tmp_path / "sounds")
    (root / "core-sounds-en.txt").write_text(TEXT + "more/hello: Hello again.\n")
    write_prompt(tmp_path / "elsewhere/hello.g722")
    (root / "more").symlink_to(tmp_path / "elsewhere")
    assert len(read_corpus(root, SOURCE).utterances) == 3
    (root / "thanks.g722").unlink()
    (root / "thanks.g722").symlink_to(tmp_path / "nowhere")
    (problem,) = check_corpus(root, SOURCE).problems
    assert "cannot read audio" in problem
    assert "thanks.g722: No such file" in problem


def test_folders_that_are_not_corpora_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no \.g722 file below it; install"):
        read_corpus(tmp_path, SOURCE)
    root = write_sounds(tmp_path / "sounds")
    with pytest.raises(UserError, match=r"the texts of .* but are not; install"):
        read_corpus(root, SOURCE)
    (root / "core-sounds-en.txt.gz").write_bytes(gzip.compress(b"a: b" * 100)[:-9])
    with pytest.raises(UserError, match="cannot read texts"):
        read_corpus(root, SOURCE)
    with pytest.raises(UserError, match="must be split by sentence, because it has no parts"):
        read_corpus(root, SOURCE, parts=frozenset({"train"}))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.g722").write_bytes(b"")
    with pytest.raises(UserError, match="must have samples, but is empty"):
        read_g722(tmp_path / "a.g722")


@pytest.fixture(scope="module")
def debian_prompts() -> Path:
    """Folder of version 1.6.1-1 of the packages, which are not part of the project."""
    default = "/usr/share/asterisk/sounds/en_US_f_Allison"
    root = Path(os.environ.get("NASASR_ASTERISK", default))
    if not root.is_dir():
        pytest.skip(
            f"no prompts in {root}: install asterisk-core-sounds-en-g722 or say with "
            "NASASR_ASTERISK in which folder they are"
        )
    return root


def test_the_debian_packages_are_read_completely(debian_prompts: Path) -> None:
    report = check_corpus(debian_prompts, load_config(CONFIG, CorpusConfig))
    assert report.problems == ()
    assert (report.utterances, round(report.seconds / 60, 1)) == (370, 11.8)
    assert report.fingerprint is not None
    assert report.fingerprint.startswith("ae7ca666")
    assert report.parts == {"train": 270, "val": 59, "test": 41}


def test_no_sequence_of_words_of_the_prompts_is_in_two_parts(debian_prompts: Path) -> None:
    config = load_config(CONFIG, CorpusConfig)
    parts = split_corpus(read_corpus(debian_prompts, config), config)
    train, val, test = ({words_of(u.text) for u in part} for part in parts)
    assert len(train | val | test) == len(train) + len(val) + len(test)
