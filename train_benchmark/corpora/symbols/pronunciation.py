"""Pronunciation: from texts to the symbols of a label set."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.symbols.espeak import Espeak, EspeakError
from train_benchmark.corpora.symbols.espeak_phones import (
    ACCENTS,
    PAUSE,
    UnmappedPhonemeError,
    timit_labels,
)
from train_benchmark.corpora.symbols.label_sets import WORD_BREAK
from train_benchmark.corpora.text_files import read_lines
from train_benchmark.strict_config import StrictConfig

Pronounce = Callable[[str], tuple[str, ...]]
"""Returns the symbols of a text; raises UserError if it has none."""

_SILENCE = "h#"
"""TIMIT's label of the silence before and after a sentence."""

_TWO_PAUSES = ("pau", "pau")

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|'[^\W\d_]+")
_QUOTED_WORD = re.compile(r"(?<![^\W_])'(?!n')([^\W\d_]+(?:'[^\W\d_]+)*)'(?![^\W_])")
"""One word in single quotes, but not the 'n' of "rock 'n' roll"."""
_LEXICON_VARIANT = re.compile(r"\([0-9]+\)$")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'"})


class UnknownWordError(UserError):
    """A word that is not in the lexicon; the message names both."""


class Characters(StrictConfig):
    """Letters, apostrophes and word breaks of the lower-cased text: label set "characters"."""

    kind: Literal["characters"]


class Lexicon(StrictConfig):
    """A pronunciation dictionary: lines `WORD SYMBOL SYMBOL ...`, as in CMUdict.

    Attributes:
        file: path relative to the folder of the corpus.
        unknown_words: whether an utterance with a word that is not in the lexicon is a problem
            ("refuse") or is left out ("leave-out").
    """

    kind: Literal["lexicon"]
    file: str
    unknown_words: Literal["refuse", "leave-out"] = "refuse"


def _known_accent(name: str) -> str:
    if name not in ACCENTS:
        raise ValueError(f"accent must be one of {', '.join(ACCENTS)}, but is {name!r}")
    return name


class EspeakTimit(StrictConfig):
    """espeak-ng's phonemes in TIMIT's 61 labels, with closures and silence at both ends."""

    kind: Literal["espeak-timit"]
    accent: Annotated[str, AfterValidator(_known_accent)] = "en-us"


class EspeakIpa(StrictConfig):
    """espeak-ng's phonemes as symbols of the International Phonetic Alphabet.

    Attributes:
        voice: espeak-ng's name of a language, such as "en-us", "de" or "fr".
    """

    kind: Literal["espeak-ipa"]
    voice: str = "en-us"


Pronunciation = Annotated[
    Characters | Lexicon | EspeakTimit | EspeakIpa, Field(discriminator="kind")
]


@contextmanager
def pronouncer(config: Pronunciation, root: Path) -> Iterator[Pronounce]:
    """Open a function that converts texts to symbols.

    Args:
        config: the pronunciation.
        root: folder of the corpus.

    Raises:
        UserError: if the lexicon cannot be read, or espeak-ng does not have the voice.
        MissingExtraError: if espeak-ng is needed and not installed.
    """
    match config:
        case Characters():
            yield characters_of
        case Lexicon():
            entries = read_lexicon(root / config.file)
            yield lambda text: _look_up(text, entries, config.file)
        case EspeakTimit() | EspeakIpa():
            with Espeak() as espeak:
                voice = config.accent if isinstance(config, EspeakTimit) else config.voice
                try:
                    espeak.set_voice(voice, pitch=50, words_per_minute=175)
                except EspeakError as e:
                    raise UserError(
                        f"pronunciation.voice must be one of espeak-ng's, but is {voice!r}"
                    ) from e
                if isinstance(config, EspeakTimit):
                    yield lambda text: _timit(text, espeak, voice)
                else:
                    yield lambda text: _ipa(text, espeak)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, without punctuation and quotes around a word.

    Raises:
        UserError: if there is no word, or the text has digits, whose reading is ambiguous.

    >>> words_of("The caller's ID, well-known.")
    ('the', "caller's", 'id', 'well', 'known')
    """
    if any(c.isdigit() for c in text):
        raise UserError(f"a text must have its numbers in words, but is {text!r}")
    words = tuple(_WORD.findall(_QUOTED_WORD.sub(r"\1", _normalised(text))))
    if not words:
        raise UserError(f"a text must have at least one word, but is {text!r}")
    return words


def _normalised(text: str) -> str:
    """Lower case, composed letters, and one form of apostrophe."""
    return unicodedata.normalize("NFC", text.lower()).translate(_APOSTROPHES)


def characters_of(text: str) -> tuple[str, ...]:
    """Letters of the words of a text, with `WORD_BREAK` between words.

    Raises:
        UserError: if there is no word, or the text has digits or other letters than a to z.

    >>> characters_of("It's me.")
    ('i', 't', "'", 's', '|', 'm', 'e')
    """
    found = tuple(WORD_BREAK.join(words_of(text)))
    others = sorted({c for c in found if not (c.isascii() and c.isalpha()) and c not in "'|"})
    if others:
        raise UserError(
            f"a text must have the letters a to z only, but {text!r} has {' '.join(others)}"
        )
    return found


def read_lexicon(path: Path) -> dict[str, tuple[str, ...]]:
    """First pronunciation of each word, written as in `words_of`.

    Lines that begin with `;;;` or `#`, and the text after ` #`, are comments; `A(2)` is a further
    pronunciation of `A`.

    Raises:
        UserError: if the file cannot be read, has no word, or a line has no symbol.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(read_lines(path, "lexicon"), start=1):
        word, *symbols = line.split(" #")[0].split() or [""]
        if not word or line.startswith((";;;", "#")):
            continue
        if not symbols:
            raise UserError(f"{path}, line {number} must be 'WORD SYMBOL ...', but is {line!r}")
        found.setdefault(_normalised(_LEXICON_VARIANT.sub("", word)), tuple(symbols))
    if not found:
        raise UserError(f"lexicon {path} must have at least one word, but has none")
    return found


def _look_up(text: str, lexicon: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    words = words_of(text)
    unknown = sorted(set(words) - set(lexicon))
    if unknown:
        raise UnknownWordError(
            f"every word must be in lexicon {name}, but {', '.join(unknown[:5])} "
            f"{'is' if len(unknown) == 1 else 'are'} not; add it, or set "
            "pronunciation.unknown_words = 'leave-out'"
        )
    return tuple(symbol for word in words for symbol in lexicon[word])


def _timit(text: str, espeak: Espeak, accent: str) -> tuple[str, ...]:
    words_of(text)
    phonemes: list[str] = []
    for clause in espeak.phonemes(text):
        phonemes += [PAUSE, *clause]
    try:
        labels = timit_labels(phonemes, accent)
    except UnmappedPhonemeError as e:
        raise UserError(f"text {text!r}: {e.args[0]}") from e
    # espeak-ng adds a pause at the end of a clause too.
    once = [label for before, label in pairwise(("", *labels)) if (before, label) != _TWO_PAUSES]
    return (_SILENCE, *once, _SILENCE)


def _ipa(text: str, espeak: Espeak) -> tuple[str, ...]:
    words_of(text)
    return tuple(symbol for clause in espeak.phonemes(text, ipa=True) for symbol in clause)
