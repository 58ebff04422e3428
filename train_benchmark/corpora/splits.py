"""Cuts a corpus into what is trained on, what chooses the epoch and what is scored."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.config import CorpusConfig
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance

ALL_OTHERS = ("*",)


class Parts(NamedTuple):
    """A corpus in three parts."""

    train: tuple[Utterance, ...]
    val: tuple[Utterance, ...]
    test: tuple[Utterance, ...]


@dataclass(frozen=True)
class SpeakerSplit:
    """Speakers of each part; `train = ("*",)` is every unnamed speaker of the TRAIN tree.

    Raises:
        UserError: if a list is empty or a speaker stands in two.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        lists = {"train": self.train, "val": self.val, "test": self.test}
        for name, speakers in lists.items():
            if not speakers:
                raise UserError(f"the split must name at least one speaker for {name!r}, got none")
        named = [speaker for speakers in lists.values() for speaker in speakers]
        shared = sorted({speaker for speaker in named if named.count(speaker) > 1})
        if shared:
            raise UserError(f"the parts must share no speaker, but {shared} stand in more than one")


def split_by_speaker(corpus: Corpus, split: SpeakerSplit) -> Parts:
    """Cut a corpus into three parts that share no speaker.

    Raises:
        UserError: if a named speaker is not in the corpus, a speaker is in no list (unless the
            training list is "*"), or "*" is asked of a corpus without the two trees or matches
            nobody.
    """
    present = {u.speaker for u in corpus.utterances}
    named = {*split.val, *split.test, *(() if split.train == ALL_OTHERS else split.train)}
    missing = sorted(named - present)
    if missing:
        raise UserError(
            f"speakers of the split must be in the corpus, but these are not: {missing[:8]}; "
            f"the corpus has {len(present)} speakers: {sorted(present)[:8]} ..."
        )
    train = set(split.train)
    if split.train == ALL_OTHERS:
        # Else one corpus, with one fingerprint, would have other training speakers laid out flat.
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
    """Cut a corpus as its configuration says.

    Raises:
        UserError: if the split does not fit the corpus, or leaves a part empty.
    """
    if config.split:
        lists = config.split
        return split_by_speaker(corpus, SpeakerSplit(lists.train, lists.val, lists.test))
    if config.split_by_sentence:
        shares = config.split_by_sentence
        return split_by_sentence(corpus, shares.val, shares.test, shares.seed)
    names = config.split_by_part
    assert names is not None
    return split_by_part(corpus, names.train, names.val, names.test)


def split_by_sentence(corpus: Corpus, val: float, test: float, seed: int) -> Parts:
    """Cut a corpus by what is said, such as one of a single speaker.

    Each sentence is put into a part by a hash of its words, so that a further sentence moves no
    other, and equal words are never in two parts.

    Args:
        corpus: what to cut.
        val: expected share of distinct sentences in the validation part.
        test: the same of the test part.
        seed: another seed gives another split.

    Raises:
        UserError: if a part comes out empty.
    """

    def part_of(utterance: Utterance) -> str:
        place = _place(utterance, seed)
        return "test" if place < test else "val" if place < test + val else "train"

    return _nonempty(corpus, part_of, "give larger shares or another seed")


def split_by_part(
    corpus: Corpus, train: tuple[str, ...], val: tuple[str, ...], test: tuple[str, ...]
) -> Parts:
    """Cut a corpus by its own parts; what is in none of those named is left out.

    Raises:
        UserError: if a part comes out empty.
    """
    owner = {
        name: part
        for part, names in (("train", train), ("val", val), ("test", test))
        for name in names
    }
    return _nonempty(
        corpus, lambda u: owner.get(u.part or ""), "name parts that the corpus has utterances of"
    )


def _place(utterance: Utterance, seed: int) -> float:
    """A number in [0, 1) that depends on the words of a sentence and the seed only."""
    words = " ".join(utterance.text.lower().split()) or utterance.sentence
    digest = hashlib.sha256(f"{seed}\n{words}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


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
