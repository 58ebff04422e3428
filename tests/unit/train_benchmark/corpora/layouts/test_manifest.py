"""Reader of manifests: both forms read the same, and every fault is named by its line."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from graph_encoding import UserError
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.config import CorpusConfig
from train_benchmark.corpora.layouts.listing import Listing
from train_benchmark.corpora.layouts.manifest import list_manifest
from train_benchmark.corpora.layouts.read_corpus import read_corpus
from train_benchmark.corpora.layouts.source import CorpusSource

SOURCE = CorpusSource(layout="manifest", labels="arpabet")
TEXTS = CorpusSource(layout="manifest", labels="characters")
ROW = {"audio": "a/1.wav", "speaker": "ann", "phones": ["G", "OW1"]}


def write_audio(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).uniform(-0.1, 0.1, 8000)
        soundfile.write(path, noise, 16_000, subtype="PCM_16")


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    write_audio(folder, "a/1.wav", "a/2.flac", "b/1.wav")
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tsv(folder: Path, *lines: str) -> Path:
    write_audio(folder, "a/1.wav", "a/2.flac", "b/1.wav")
    path = folder / "manifest.tsv"
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_both_forms_read_the_same(tmp_path: Path) -> None:
    rows = (
        {**ROW, "times": [[0, 3000], [3000, 8000]], "part": "train"},
        {"audio": "a/2.flac", "speaker": "ann", "phones": ["G"], "part": "dev"},
    )
    lines = (
        "audio\tspeaker\tphones\ttimes\tpart",
        "a/1.wav\tann\tG OW1\t0-3000 3000-8000\ttrain",
        "",
        "a/2.flac\tann\tG\t\tdev\r",
    )
    from_json = read_corpus(jsonl(tmp_path / "j", *rows), SOURCE)
    from_tsv = read_corpus(tsv(tmp_path / "t", *lines).parent, SOURCE)
    assert from_json.fingerprint == from_tsv.fingerprint
    for corpus in (from_json, from_tsv):
        first, second = corpus.utterances
        assert (first.key, first.speaker, first.sentence) == ("ann/a/1", "ann", "a/1")
        assert (first.part, second.part) == ("train", "dev")
        assert first.times == ((0, 3000), (3000, 8000))
        assert second.times == ()
    dev = read_corpus(tmp_path / "t", SOURCE, parts=frozenset({"dev"}))
    assert [u.key for u in dev.utterances] == ["ann/a/2"]


def test_texts_become_symbols(tmp_path: Path) -> None:
    path = tsv(tmp_path, "speaker\taudio\ttext", "ann\ta/1.wav\tGo on!", "bob\tb/1.wav\tno")
    corpus = read_corpus(path, TEXTS)
    assert ["".join(u.phones) for u in corpus.utterances] == ["go|on", "no"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio": "c.wav"}, "line 2: audio .*c.wav does not exist"),
        ({"audio": "c" * 300}, "line 2: cannot read audio .*ccc: File name too long"),
        ({"audio": "/a/1.wav"}, "audio must be relative to the manifest"),
        ({"speaker": "a b"}, "line 2: speaker: .* but got 'a b'"),
        ({"speaker": None}, "line 2: speaker: .* but got None"),
        ({"speaker": 7}, "line 2: speaker: .* but got 7"),
        ({"colour": "red"}, "line 2: colour: .* but got 'red'"),
        ({"phones": []}, "line 2: a line must have either a text or phones"),
        ({"text": "go"}, "line 2: a line must have either a text or phones"),
        ({"phones": ["ZZ"]}, "line 2: phones of ann/a/1 .* label set 'arpabet', but .'ZZ'"),
        ({"phones": ["SIL"]}, "ann/a/1 must have a phone to recognise, .* leaves out .SIL"),
        ({"times": [[0, 9]]}, "line 2: times of ann/a/1 must be one pair per phone"),
        ({"times": [[0, 9], [5, 9]]}, "line 2: times of ann/a/1 must follow each other .from 9"),
        ({"times": [[0, 9], [9, 8001]]}, "end within the audio .8000 samples.* 9 to 8001"),
        ({"times": [[0, 9, 10]]}, "line 2: times.0: "),
        ({"phones": [], "text": "go", "times": [[0, 9]]}, "times must go with phones"),
    ],
)
def test_faulty_lines_are_reported(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = jsonl(tmp_path, {**ROW, "audio": "b/1.wav"}, {**ROW, **changes})
    report = check_corpus(path, SOURCE)
    assert report.fingerprint is None
    (problem,) = report.problems
    assert re.search(message, problem)


def test_a_repeated_utterance_is_reported_with_both_lines(tmp_path: Path) -> None:
    (problem,) = check_corpus(jsonl(tmp_path, ROW, ROW), SOURCE).problems
    assert "manifest.jsonl, line 2 is utterance ann/a/1, as is" in problem
    assert problem.endswith("manifest.jsonl, line 1; remove one")


def test_files_that_differ_in_their_suffix_are_reported(tmp_path: Path) -> None:
    write_audio(tmp_path, "a/1.flac")
    (problem,) = check_corpus(jsonl(tmp_path, ROW, {**ROW, "audio": "a/1.flac"}), SOURCE).problems
    assert "is utterance ann/a/1" in problem


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "must begin with a line of tab-separated column names"),
        (("audio\tspeaker",), "must begin with"),
        (("audio\tspeaker\ttext\tcolour",), "begins with 'audio speaker text colour'"),
        (("audio\tspeaker\ttext\ttext",), "must begin with"),
        (("audio\tspeaker\ttext",), "must have at least one line"),
        (("audio\tspeaker\ttext", "a/1.wav\tann"), "line 2: must have 3 tab-separated fields"),
        (("audio\tspeaker\tphones\ttimes", "a/1.wav\tann\tG\t0"), "FIRST-END FIRST-END .* '0'"),
    ],
)
def test_faulty_tables_are_refused(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_corpus(tsv(tmp_path, *lines), SOURCE)


def test_a_folder_must_have_one_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a folder with one of .*, but is neither"):
        read_corpus(tmp_path, SOURCE)
    jsonl(tmp_path, ROW)
    tsv(tmp_path, "audio\tspeaker\ttext")
    with pytest.raises(UserError, match="but has both; give the file"):
        read_corpus(tmp_path, SOURCE)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {**ROW, "part": "train"})
    with pytest.raises(UserError, match=r"lines of part dev, but its parts are \['train'\]"):
        read_corpus(path, SOURCE, parts=frozenset({"train", "dev"}))


def test_a_faulty_line_is_named_before_the_part_that_it_leaves_empty(tmp_path: Path) -> None:
    lines = ("audio\tspeaker\ttext\tpart", "a/1.wav\tann\tgo\ttrain", "b/1.wav\tbob\tno dev")
    path = tsv(tmp_path, *lines)
    with pytest.raises(UserError, match="line 3: must have 4 tab-separated fields, but has 3"):
        read_corpus(path, TEXTS, parts=frozenset({"train", "dev"}))


def test_symbols_of_an_open_label_set_are_counted(tmp_path: Path) -> None:
    path = tsv(tmp_path, "audio\tspeaker\ttext", "a/1.wav\tann\tGo.")
    report = check_corpus(path, CorpusSource(layout="manifest", labels="ipa-espeak"))
    assert (report.problems, report.label_set) == ((), None)
    assert report.phone_counts == {"oʊ": 1, "ɡ": 1}


def test_the_split_is_checked_too(tmp_path: Path) -> None:
    parts = ("train", "dev", "test")
    audio = ("a/1.wav", "a/2.flac", "b/1.wav")
    rows = [{**ROW, "audio": file, "part": part} for file, part in zip(audio, parts, strict=True)]
    path = jsonl(tmp_path, *rows)
    values = {
        "name": "mine",
        "licence": "mine",
        "layout": "manifest",
        "labels": "arpabet",
        "split_by_part": {"train": ("train",), "val": ("dev",), "test": ("test",)},
    }
    report = check_corpus(path, CorpusConfig.model_validate(values))
    assert (report.problems, report.parts) == ((), {"train": 1, "val": 1, "test": 1})
    values["split_by_part"] = None
    values["split"] = {"train": ("ann",), "val": ("bob",), "test": ("cy",)}
    (problem,) = check_corpus(path, CorpusConfig.model_validate(values)).problems
    assert (
        "speakers of the split must be in the corpus, but these are not: ['bob', 'cy']" in problem
    )


TEXT_LINES = st.lists(st.text(max_size=40)).map("\n".join)
JSON_LINES = st.lists(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["audio", "speaker", "text", "phones", "times", "x"]), inner
            ),
        ),
        max_leaves=8,
    ).map(json.dumps)
).map("\n".join)


@given(
    name=st.sampled_from(["fuzz.tsv", "fuzz.jsonl"]),
    content=st.one_of(
        st.binary(),
        TEXT_LINES.map(lambda t: t.encode("utf-8", "replace")),
        TEXT_LINES.map(lambda t: f"audio\tspeaker\tphones\ttimes\n{t}".encode("utf-8", "replace")),
        JSON_LINES.map(str.encode),
        st.just(b"[" * 100_000),
    ),
)
def test_any_manifest_reads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    try:
        listing = list_manifest(path, SOURCE, None)
    except UserError:
        return
    assert isinstance(listing, Listing)
    assert listing.problems or listing.entries
    assert all(str(path) in problem for problem in listing.problems)
