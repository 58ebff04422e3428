"""Label sets: symbols of transcripts, training classes, scoring classes, and their maps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry
from train_benchmark.corpora.symbols.phones import (
    FOLD_48_TO_39,
    FOLD_61_TO_48,
    GLOTTAL_STOP,
    PHONES_61,
)
from train_benchmark.strict_config import StrictConfig

WORD_BREAK = "|"
"""The space between words as a symbol; a symbol itself has no white space."""

DELETED = ""
"""Class of symbols that are neither trained on nor scored."""


@dataclass(frozen=True)
class LabelSet:
    """Symbols, training classes and scoring classes.

    Classes are numbered from 1 in sorted order; 0 is the CTC blank.

    Attributes:
        name: unique name.
        class_of: symbol -> training class; `DELETED` for a symbol that is left out.
        scored_as: training class -> scoring class, where they differ.

    Raises:
        UserError: if there is no class, a symbol or class is empty or has white space, or
            `scored_as` has an unknown class.
    """

    name: str
    class_of: Mapping[str, str]
    scored_as: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.classes:
            raise UserError(f"label set {self.name!r} must have at least one class, but has none")
        everything = (*self.class_of, *self.classes, *self.scored_as, *self.scoring_classes)
        wrong = sorted({s for s in everything if not s or any(c.isspace() for c in s)})
        if wrong:
            raise UserError(
                f"symbols and classes of label set {self.name!r} must be without white space and "
                f"not empty, but these are not so: {wrong[:5]}"
            )
        unknown = sorted(set(self.scored_as) - set(self.classes))
        if unknown:
            raise UserError(
                f"label set {self.name!r} must give scoring classes to training classes only, but "
                f"these are none: {unknown[:5]}; its classes are: {' '.join(self.classes)}"
            )

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Training classes, sorted."""
        return tuple(sorted(set(self.class_of.values()) - {DELETED}))

    @cached_property
    def scoring_classes(self) -> tuple[str, ...]:
        """Scoring classes, sorted."""
        return tuple(sorted({self.scored_as.get(name, name) for name in self.classes}))

    @cached_property
    def outputs(self) -> int:
        """Number of outputs of a network: the training classes and the CTC blank."""
        return len(self.classes) + 1

    @cached_property
    def _index_of_symbol(self) -> dict[str, int]:
        """Training label of each symbol; 0 for one that is left out."""
        index = {DELETED: 0, **{name: i for i, name in enumerate(self.classes, start=1)}}
        return {symbol: index[name] for symbol, name in self.class_of.items()}

    @cached_property
    def _scoring_index_of_label(self) -> tuple[int, ...]:
        index = {name: i for i, name in enumerate(self.scoring_classes, start=1)}
        return (0, *(index[self.scored_as.get(name, name)] for name in self.classes))

    def unknown(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """The distinct symbols that are not in this set, sorted."""
        return tuple(sorted(set(symbols) - set(self.class_of)))

    def fold(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Training classes of a transcript; repetitions due to folding are kept.

        Raises:
            UserError: if a symbol is not in this set.

        >>> LABEL_SETS.get("arpabet").fold(["HH", "AH0", "L", "OW1"])
        ('hh', 'ah', 'l', 'ow')
        """
        return tuple(self.classes[label - 1] for label in self.labels(symbols))

    def labels(self, symbols: Iterable[str]) -> tuple[int, ...]:
        """Training labels: 1 + rank of each symbol's class among the sorted classes.

        Raises:
            UserError: if a symbol is not in this set.
        """
        index = self._index_of_symbol
        try:
            found = [index[symbol] for symbol in symbols]
        except KeyError as e:
            raise UserError(
                f"a symbol must be of label set {self.name!r}, but got {e.args[0]!r}; its "
                f"symbols are: {' '.join(self.class_of)}"
            ) from e
        return tuple(label for label in found if label)

    def scoring_labels(self, labels: Iterable[int]) -> tuple[int, ...]:
        """Scoring labels of training labels: 1 + rank among the sorted scoring classes.

        Args:
            labels: 1 .. number of classes, as returned by `labels`, without blanks.

        Raises:
            UserError: if a label is out of range.
        """
        numbers = tuple(labels)
        for number in numbers:
            if not 1 <= number < self.outputs:
                raise UserError(
                    f"a training label must be 1 to {self.outputs - 1} (0 is the CTC blank, which "
                    f"has no scoring class), but got {number}"
                )
        return tuple(self._scoring_index_of_label[number] for number in numbers)


OPEN_LABELS = "ipa-espeak"
"""The IPA symbols of espeak-ng. They depend on the corpus, so its configuration declares them;
`corpus check` lists them."""

LABEL_SETS: Registry[LabelSet] = Registry("label set")


DEFAULT_LABELS = "timit-61-48-39"

_CLASS_48_OF = {p: FOLD_61_TO_48.get(p, p) for p in PHONES_61} | {GLOTTAL_STOP: DELETED}

TIMIT_61_48_39 = LABEL_SETS.register(
    DEFAULT_LABELS, LabelSet(DEFAULT_LABELS, _CLASS_48_OF, FOLD_48_TO_39)
)
"""TIMIT's 61 labels with 48 training and 39 scoring classes, as in Kaldi."""

LABEL_SETS.register(
    "timit-61-39",
    LabelSet("timit-61-39", {p: FOLD_48_TO_39.get(c, c) for p, c in _CLASS_48_OF.items()}),
)
LABEL_SETS.register("timit-61", LabelSet("timit-61", {p: p for p in PHONES_61}))

_ARPABET_VOWELS = "aa ae ah ao aw ay eh er ey ih iy ow oy uh uw".split()
_ARPABET_CONSONANTS = "b ch d dh f g hh jh k l m n ng p r s sh t th v w y z zh".split()
"""Source: the CMU pronouncing dictionary, `cmudict.phones`."""
_ARPABET_SILENCES = ("sil", "sp")


def _arpabet() -> dict[str, str]:
    """Class of each symbol, in upper and lower case; vowels with and without a stress digit."""
    lower = {f"{v}{stress}": v for v in _ARPABET_VOWELS for stress in ("", "0", "1", "2")}
    lower |= {consonant: consonant for consonant in _ARPABET_CONSONANTS}
    lower |= dict.fromkeys(_ARPABET_SILENCES, DELETED)
    return lower | {symbol.upper(): name for symbol, name in lower.items()}


LABEL_SETS.register("arpabet", LabelSet("arpabet", _arpabet()))

CHARACTERS = LABEL_SETS.register(
    "characters",
    LabelSet("characters", {c: c for c in (*"abcdefghijklmnopqrstuvwxyz", "'", WORD_BREAK)}),
)
"""Letters, the apostrophe and the space between words, which is `WORD_BREAK`."""


class LabelsConfig(StrictConfig):
    """A label set that a corpus configuration declares in its section `[labels]`.

    Attributes:
        name: a new name.
        classes: training classes; each is a symbol too.
        fold: further symbols of transcripts -> class, "" for a symbol that is left out.
        scored_as: training class -> scoring class, where they differ.
    """

    name: str
    classes: tuple[str, ...] = Field(min_length=1)
    fold: dict[str, str] = Field(default_factory=dict)
    scored_as: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        repeated = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if repeated:
            raise ValueError(f"classes must be distinct, but these are repeated: {repeated[:5]}")
        unknown = sorted(set(self.fold.values()) - {*self.classes, DELETED})
        if unknown:
            raise ValueError(f"fold must lead to classes or to '', but leads to {unknown[:5]}")
        gone = sorted(name for name in self.classes if self.fold.get(name, name) != name)
        if gone:
            raise ValueError(
                f"fold must have further symbols only, but folds the classes {gone[:5]}; remove "
                "them from fold or from classes"
            )
        if self.name in (*LABEL_SETS, OPEN_LABELS):
            raise ValueError(f"a declared label set must have a name of its own, not {self.name!r}")
        try:
            self.label_set  # noqa: B018
        except UserError as e:
            raise ValueError(str(e)) from e
        return self

    @property
    def label_set(self) -> LabelSet:
        """The label set itself."""
        classes = {name: name for name in self.classes}
        return LabelSet(self.name, classes | self.fold, self.scored_as)


def _known_labels(name: str) -> str:
    if name != OPEN_LABELS:
        LABEL_SETS.get(name)
    return name


LabelsName = Annotated[str, AfterValidator(_known_labels)]
"""Name of a registered label set, or `OPEN_LABELS`."""
