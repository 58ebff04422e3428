"""Splits by sentence and by part: no sentence in two parts, none moved by another."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from graph_encoding import UserError
from graph_encoding.common.toml_config import load_config
from train_benchmark.corpora.config import (
    CorpusConfig,
    SentenceSplitConfig,
    SplitConfig,
    load_corpus_config,
)
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.corpora.splits import (
    Parts,
    split_by_part,
    split_by_sentence,
    split_corpus,
)
from train_benchmark.recipe import Recipe

CONFIGS = Path(__file__).parents[4] / "configs"
NUMBERS = st.sets(st.integers(0, 10_000), min_size=30, max_size=60)


def corpus_of(numbers: Sequence[int], part: str | None = None) -> Corpus:
    silence = np.zeros(400, np.float32)
    return Corpus(
        tuple(
            Utterance(f"ann/{n}", "ann", str(n), part, silence, ("aa",), text=f"Sentence {n}")
            for n in sorted(numbers)
        )
    )


def place_of(parts: Parts) -> dict[str, str]:
    return {u.key: name for name, part in parts._asdict().items() for u in part}


def split(corpus: Corpus, seed: int = 0) -> Parts:
    try:
        return split_by_sentence(corpus, SentenceSplitConfig(val=0.3, test=0.3, seed=seed))
    except UserError:
        assume(False)
        raise


@given(numbers=NUMBERS, more=NUMBERS, seed=st.integers(0, 5))
def test_a_further_sentence_moves_no_other(numbers: set[int], more: set[int], seed: int) -> None:
    before = place_of(split(corpus_of(sorted(numbers)), seed))
    after = place_of(split(corpus_of(sorted(numbers | more)), seed))
    assert set(before) == {f"ann/{n}" for n in numbers}
    assert before.items() <= after.items()


def test_shares_are_close_to_the_configured_ones() -> None:
    parts = split_by_sentence(
        corpus_of(range(4000)), SentenceSplitConfig(val=0.1, test=0.3, seed=0)
    )
    shares = [len(part) / 4000 for part in parts]
    assert shares == pytest.approx([0.6, 0.1, 0.3], abs=0.03)


def test_another_seed_is_another_split() -> None:
    corpus = corpus_of(range(200))
    assert place_of(split(corpus, 0)) != place_of(split(corpus, 1))
    assert place_of(split(corpus, 1)) == place_of(split(corpus, 1))


def test_equal_texts_are_in_one_part() -> None:
    silence = np.zeros(400, np.float32)
    corpus = Corpus(
        tuple(
            Utterance(f"{who}/{n:03d}", who, f"{who}{n}", None, silence, ("aa",), text=text)
            for n in range(100)
            for who, text in (("ann", f"Word  {n}"), ("bob", f"word {n}"))
        )
    )
    place = place_of(split(corpus))
    assert all(place[f"ann/{n:03d}"] == place[f"bob/{n:03d}"] for n in range(100))


def words_differently_written(number: int) -> tuple[str, ...]:
    return (
        f"It's caf\u00e9 {number}",
        f"\u2018IT\u2019S\u2019  cafe\u0301, {number}!",
        f"its-Café {number}...",
    )


@given(seed=st.integers(0, 20))
def test_equal_words_are_in_one_part_whatever_their_punctuation(seed: int) -> None:
    silence = np.zeros(400, np.float32)
    utterances = [
        Utterance(f"ann/{n:03d}{i}", "ann", f"{n}{i}", None, silence, ("aa",), text=text)
        for n in range(60)
        for i, text in enumerate(words_differently_written(n))
    ]
    corpus = Corpus(tuple(utterances))
    shares = SentenceSplitConfig(val=0.3, test=0.3, seed=seed, compare="words")
    place = place_of(split_by_sentence(corpus, shares))
    assert all(len({place[f"ann/{n:03d}{i}"] for i in range(3)}) == 1 for n in range(60))
    by_text = shares.model_copy(update={"compare": "text"})
    assert place_of(split_by_sentence(corpus, by_text)) != place


def test_the_released_split_of_prompts_keeps_its_hash() -> None:
    released = Path(__file__).parents[4] / "campaigns/pilot-mix-2/campaign.json"
    recipe = Recipe.load(CONFIGS / "pilot/train-mix-2.toml", CONFIGS / "pilot/corpus-mix.toml")
    assert recipe.hash == json.loads(released.read_text())["recipe_hash"]


@pytest.mark.parametrize(("compare", "text"), [("text", ""), ("words", ""), ("words", "...!")])
def test_sentences_without_a_text_go_by_their_name(
    compare: Literal["text", "words"], text: str
) -> None:
    silence = np.zeros(400, np.float32)
    corpus = Corpus(
        tuple(
            Utterance(f"{who}/sx{n:03d}", who, f"sx{n:03d}", None, silence, ("aa",), text=text)
            for who in ("fa", "mb")
            for n in range(100)
        )
    )
    shares = SentenceSplitConfig(val=0.3, test=0.3, seed=0, compare=compare)
    place = place_of(split_by_sentence(corpus, shares))
    assert set(place.values()) == {"train", "val", "test"}
    assert all(place[f"fa/sx{n:03d}"] == place[f"mb/sx{n:03d}"] for n in range(100))


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(UserError, match=r"val and test of 1 utterances .* another seed"):
        split_by_sentence(corpus_of([5]), SentenceSplitConfig(val=0.001, test=0.001, seed=0))
    with pytest.raises(UserError, match=r"test of 2 utterances .*own parts ..dev.* have none"):
        split_by_part(
            corpus_of([1, 2], "dev"), SplitConfig(train=("x",), val=("dev",), test=("y",))
        )


@pytest.mark.parametrize(
    "lists",
    [
        {"train": ("ann",), "val": ("*",), "test": ("bob",)},
        {"train": ("ann",), "val": ("bob",), "test": ("*",)},
        {"train": ("*", "ann"), "val": ("bob",), "test": ("cy",)},
    ],
)
def test_a_star_means_training_speakers_only(lists: dict[str, tuple[str, ...]]) -> None:
    silence = np.zeros(400, np.float32)
    corpus = Corpus(
        tuple(Utterance(f"{who}/1", who, "1", "train", silence, ("aa",)) for who in ("ann", "bob"))
    )
    config = CorpusConfig.model_validate({**VALUES, "split": lists})
    with pytest.raises(UserError, match="must be the only entry of train"):
        split_corpus(corpus, config)


def test_sa_sentences_alone_are_no_training_part() -> None:
    silence = np.zeros(400, np.float32)
    named = [("ann", "sa1"), ("ann", "sa2"), ("bob", "sa1"), ("bob", "sx1"), ("cy", "sx1")]
    corpus = Corpus(tuple(Utterance(f"{a}/{s}", a, s, None, silence, ("aa",)) for a, s in named))

    def config(train: str, val: str) -> CorpusConfig:
        lists = {"train": (train,), "val": (val,), "test": ("cy",)}
        return CorpusConfig.model_validate({**VALUES, "split": lists})

    with pytest.raises(UserError, match=r"besides sa1 and sa2, .* its 2 utterances have none"):
        split_corpus(corpus, config("ann", "bob"))
    parts = split_corpus(corpus, config("bob", "ann"))
    assert [[u.key for u in part] for part in parts] == [
        ["bob/sx1"],
        ["ann/sa1", "ann/sa2"],
        ["cy/sx1"],
    ]


def test_unnamed_parts_are_left_out() -> None:
    utterances = [u for part in "abcd" for u in corpus_of([ord(part)], part).utterances]
    corpus = Corpus(tuple(sorted(utterances, key=lambda u: u.key)))
    parts = split_by_part(corpus, SplitConfig(train=("a", "d"), val=("b",), test=("c",)))
    assert [[u.part for u in part] for part in parts] == [["d", "a"], ["b"], ["c"]]


VALUES = {"name": "mine", "licence": "mine"}
SHARES = {"val": 0.1, "test": 0.2, "seed": 0}
LISTS = {"train": ("a",), "val": ("b",), "test": ("c",)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"exactly one of the sections \[split\].*, but has none"),
        ({"split": LISTS, "split_by_sentence": SHARES}, "has split and split_by_sentence"),
        ({"split_by_sentence": {**SHARES, "val": 0.9}}, "val . test must be below 1"),
        ({"split_by_sentence": {**SHARES, "val": 0.0}}, "greater than 0"),
        ({"split_by_part": {**LISTS, "val": ("a",)}}, r"name each once, but .* \['a'\]"),
        ({"split": {**LISTS, "val": ("a",)}}, r"name each once, but .* \['a'\]"),
        ({"split": {**LISTS, "val": ()}}, "at least 1 item"),
        ({"split": LISTS, "layout": "asterisk", "score_sa": True}, "must be of layout 'timit'"),
    ],
)
def test_faulty_configurations_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CorpusConfig.model_validate({**VALUES, **changes})


@pytest.mark.parametrize(
    "path", sorted((CONFIGS / "corpus").glob("*.toml")), ids=lambda path: path.stem
)
def test_shipped_configurations_load(path: Path) -> None:
    assert load_corpus_config(path).name == path.stem


def test_the_shipped_split_of_prompts_is_by_sentence() -> None:
    config = load_config(CONFIGS / "corpus/asterisk.toml", CorpusConfig)
    sizes = [len(part) for part in split_corpus(corpus_of(range(1000)), config)]
    assert sizes == pytest.approx([700, 150, 150], abs=40)
