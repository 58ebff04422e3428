"""Splits of a corpus into training, validation and test part."""

import hashlib
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.config import CorpusConfig, SentenceSplitConfig, SplitConfig
from train_benchmark.corpora.layouts.timit import SA_SENTENCES
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance

ALL_OTHERS = ("*",)


class Parts(NamedTuple):
    """A corpus in three parts: trained on, choosing the epoch, scored."""

    train: tuple[Utterance, ...]
    val: tuple[Utterance, ...]
    test: tuple[Utterance, ...]


def split_by_speaker(corpus: Corpus, split: SplitConfig) -> Parts:
    """Split a corpus into three parts that share no speaker.

    Raises:
        UserError: if a named speaker is not in the corpus, a speaker is in no list (unless the
            training list is "*"), or "*" is used for a corpus without TRAIN and TEST trees,
            matches no speaker or is in another list.
    """
    if "*" in (*split.val, *split.test) or ("*" in split.train and split.train != ALL_OTHERS):
        raise UserError(
            f"'*' must be the only entry of train, but train is {list(split.train)}, val "
            f"{list(split.val)} and test {list(split.test)}; name the speakers"
        )
    present = {u.speaker for u in corpus.utterances}
    named = set(split.names) - set(ALL_OTHERS)
    missing = sorted(named - present)
    if missing:
        raise UserError(
            f"speakers of the split must be in the corpus, but these are not: {missing[:8]}; "
            f"the corpus has {len(present)} speakers: {sorted(present)[:8]} ..."
        )
    train = set(split.train)
    if split.train == ALL_OTHERS:
        # Otherwise two layouts of one corpus, with one fingerprint, would differ in their split.
        flat = [u.key for u in corpus.utterances if u.part is None]
        if flat:
            raise UserError(
                "train = ['*'] means the speakers below TRAIN, so that all must lie below TRAIN or "
                f"TEST, but {len(flat)} utterances, such as {flat[0]}, lie below neither; give the "
                "folder that holds both, or list the training speakers"
            )
        train = {u.speaker for u in corpus.utterances if u.part == "train"} - named
        if not train:
            raise UserError(
                "train = ['*'] must leave at least one speaker of the TRAIN tree that the other "
                f"lists do not name, but leaves none of {len(present)}; give the whole corpus"
            )
    elif present - named:
        raise UserError(
            "every speaker must be in one list of the split, but these are in none: "
            f"{sorted(present - named)[:8]}; name them or use train = ['*']"
        )

    def of(speakers: set[str]) -> tuple[Utterance, ...]:
        return tuple(u for u in corpus.utterances if u.speaker in speakers)

    return Parts(of(train), of(set(split.val)), of(set(split.test)))


def split_corpus(corpus: Corpus, config: CorpusConfig) -> Parts:
    """Split a corpus by its configuration; TIMIT's SA sentences are never trained on.

    Raises:
        UserError: if the split does not fit the corpus, or a part is empty.
    """
    parts = _split(corpus, config)
    if config.layout != "timit":
        return parts
    trained_on = tuple(u for u in parts.train if u.sentence not in SA_SENTENCES)
    if not trained_on:
        raise UserError(
            f"the training part must have a sentence besides {' and '.join(sorted(SA_SENTENCES))}, "
            f"which are never trained on, but its {len(parts.train)} utterances have none; name "
            "other speakers"
        )
    return parts._replace(train=trained_on)


def _split(corpus: Corpus, config: CorpusConfig) -> Parts:
    if config.split:
        return split_by_speaker(corpus, config.split)
    if config.split_by_sentence:
        return split_by_sentence(corpus, config.split_by_sentence)
    assert config.split_by_part is not None
    return split_by_part(corpus, config.split_by_part)


def split_by_sentence(corpus: Corpus, shares: SentenceSplitConfig) -> Parts:
    """Split a corpus by sentence.

    The part of a sentence follows from a hash of its text: a further sentence moves no other, and
    sentences that `shares.compare` takes as equal are in one part. An utterance without text, or
    without a letter or digit where words are compared, is placed by the name of its sentence.

    Raises:
        UserError: if a part is empty.
    """

    def part_of(utterance: Utterance) -> str:
        place = _place(utterance, shares)
        if place < shares.test:
            return "test"
        return "val" if place < shares.test + shares.val else "train"

    return _nonempty(corpus, part_of, "give larger shares or another seed")


def split_by_part(corpus: Corpus, split: SplitConfig) -> Parts:
    """Split a corpus by its own parts; utterances of unnamed parts are left out.

    Raises:
        UserError: if a part is empty.
    """
    owner = {name: part for part, names in split for name in names}
    return _nonempty(
        corpus, lambda u: owner.get(u.part or ""), "name parts that the corpus has utterances of"
    )


def _place(utterance: Utterance, shares: SentenceSplitConfig) -> float:
    """A number in [0, 1) that depends on what is compared of a sentence and the seed only."""
    lower = utterance.text.lower()
    compared = " ".join(lower.split()) if shares.compare == "text" else _letters(lower)
    compared = compared or utterance.sentence
    digest = hashlib.sha256(f"{shares.seed}\n{compared}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _letters(text: str) -> str:
    """Letters and digits of a text, so that "good-bye!" and "Good bye" are equal in lower case."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if c.isalnum())


def _nonempty(corpus: Corpus, part_of: Callable[[Utterance], str | None], remedy: str) -> Parts:
    found: dict[str | None, list[Utterance]] = {name: [] for name in Parts._fields}
    for utterance in corpus.utterances:
        found.setdefault(part_of(utterance), []).append(utterance)
    parts = Parts(*(tuple(found[name]) for name in Parts._fields))
    empty = [name for name, utterances in parts._asdict().items() if not utterances]
    if empty:
        present = sorted({u.part or "" for u in corpus.utterances})
        raise UserError(
            f"each part must have an utterance, but {' and '.join(empty)} of "
            f"{len(corpus.utterances)} utterances (own parts {present[:8]}) have none; {remedy}"
        )
    return parts
