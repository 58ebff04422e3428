"""Synthetic speech: the phone map is total, and times stand where the sounds are."""

from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")
pytest.importorskip("espeakng_loader", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from graph_encoding import UserError
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.symbols.espeak import Espeak, Speech
from train_benchmark.corpora.symbols.espeak_phones import ACCENTS, timit_segments
from train_benchmark.corpora.symbols.phones import PHONES_61
from train_benchmark.corpora.synthesis.sentences import all_words
from train_benchmark.corpora.synthesis.spec import SyntheticConfig
from train_benchmark.corpora.synthesis.synthetic import (
    _VARIANTS,
    _with_silent_closures,
    make_corpus,
)

RATE_HZ = 1000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 speakers x 10 sentences with hardly any noise, which would fill the closures."""
    out = tmp_path_factory.mktemp("corpus") / "clean"
    clean = SyntheticConfig(
        speakers=16,
        sentences_per_speaker=10,
        words_min=2,
        words_max=9,
        snr_db_min=40.0,
        snr_db_max=40.0,
        seed=7,
    )
    make_corpus(clean, out)
    return out


def speech(silence: slice) -> Speech:
    """400 ms of sound, silent in one place."""
    samples = np.full(400, 1000, np.int16)
    samples[silence] = 0
    return Speech(samples, RATE_HZ, (), ())


@pytest.mark.parametrize("accent", ACCENTS)
def test_every_word_has_timit_labels_in_every_accent(accent: str) -> None:
    words = all_words()
    with Espeak() as espeak:
        espeak.set_voice(accent, pitch=50, words_per_minute=200)
        for i in range(0, len(words), 5):
            said = espeak.say(" ".join(words[i : i + 5]))
            segments = timit_segments(said.phonemes, len(said.samples), accent)
            assert {label for _, _, label in segments} <= set(PHONES_61)


def test_every_voice_variant_sounds_different() -> None:
    sounds = set()
    names = [name for variants in _VARIANTS.values() for name in variants]
    with Espeak() as espeak:
        for name in names:
            espeak.set_voice(f"en-us+{name}", pitch=50, words_per_minute=160)
            sounds.add(espeak.say("hello there").samples.tobytes())
    assert len(sounds) == len(names)


def test_a_closure_takes_the_silence_before_its_burst() -> None:
    segments = [(0.0, 200.0, "aa"), (200.0, 260.0, "tcl"), (260.0, 300.0, "t"), (300, 400, "iy")]
    assert _with_silent_closures(segments, speech(slice(150, 200))) == [
        (0.0, 150.0, "aa"),
        (150.0, 200.0, "tcl"),
        (200.0, 300.0, "t"),
        (300, 400, "iy"),
    ]


def test_a_first_closure_takes_the_silence_before_speech() -> None:
    segments = [(60.0, 90.0, "kcl"), (90.0, 120.0, "k"), (120.0, 400.0, "aa")]
    moved = _with_silent_closures(segments, speech(slice(0, 60)))
    assert moved == [(0.0, 60.0, "kcl"), (60.0, 120.0, "k"), (120.0, 400.0, "aa")]


@pytest.mark.parametrize(
    ("silence", "label"),
    [(slice(0, 0), "tcl"), (slice(190, 200), "tcl"), (slice(150, 200), "dcl")],
    ids=["no silence", "a joint of 10 ms", "a voiced closure"],
)
def test_other_closures_keep_their_share(silence: slice, label: str) -> None:
    segments = [(0.0, 200.0, "s"), (200.0, 260.0, label), (260.0, 400.0, label[0])]
    assert _with_silent_closures(segments, speech(silence)) == segments


def test_voiceless_closures_are_quieter_than_their_bursts_and_than_vowels(corpus: Path) -> None:
    level_db: dict[str, list[float]] = defaultdict(list)
    for transcript in corpus.rglob("*.PHN"):
        samples, _ = soundfile.read(transcript.with_suffix(".WAV"))
        for line in transcript.read_text().splitlines():
            start, end, label = line.split()
            power = np.mean(samples[int(start) : int(end)] ** 2) / np.mean(samples**2)
            level_db[label].append(10 * float(np.log10(power)))
    median_db = {label: float(np.median(levels)) for label, levels in level_db.items()}
    for closure, bursts in (("pcl", ("p",)), ("tcl", ("t", "ch")), ("kcl", ("k",))):
        for burst in bursts:
            assert median_db[closure] < median_db[burst] - 6, (closure, burst)
        assert median_db[closure] < median_db["aa"] - 20


def test_the_corpus_has_most_of_the_61_labels(corpus: Path) -> None:
    report = check_corpus(corpus)
    assert report.problems == ()
    # espeak-ng never says these apart; sentences have no punctuation and so no pauses.
    assert set(PHONES_61) - set(report.phone_counts) >= {"em", "eng", "epi", "pau"}
    assert len(report.phone_counts) >= 50


def test_accents_label_the_same_words_differently() -> None:
    words = all_words()
    labels: dict[str, list[tuple[str, ...]]] = {}
    with Espeak() as espeak:
        for accent in ACCENTS:
            espeak.set_voice(accent, pitch=50, words_per_minute=180)
            said = [espeak.say(word) for word in words]
            labels[accent] = [
                tuple(label for *_, label in timit_segments(s.phonemes, len(s.samples), accent))
                for s in said
            ]
    for one, other in combinations(ACCENTS, 2):
        differing = sum(x != y for x, y in zip(labels[one], labels[other], strict=True))
        # The closest pair, "en" and the accent of Lancashire, differs in 6 % of the words.
        assert differing > 0.04 * len(words), (one, other)


def test_a_disk_that_fills_up_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise soundfile.LibsndfileError(2)  # its "System error": it is no OSError

    monkeypatch.setattr("train_benchmark.corpora.synthesis.synthetic.soundfile.write", full)
    spec = SyntheticConfig(
        speakers=8,
        sentences_per_speaker=1,
        words_min=2,
        words_max=2,
        snr_db_min=20.0,
        snr_db_max=20.0,
        seed=1,
    )
    with pytest.raises(UserError, match=r"cannot write corpus folder .*/out: System error"):
        make_corpus(spec, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
