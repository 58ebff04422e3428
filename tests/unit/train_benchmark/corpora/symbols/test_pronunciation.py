"""Pronunciation: words, characters, lexicons and espeak-ng."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("espeakng_loader", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import UserError
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.symbols.espeak import Espeak
from train_benchmark.corpora.symbols.espeak_phones import ACCENTS
from train_benchmark.corpora.symbols.label_sets import CHARACTERS, LABEL_SETS, TIMIT_61_48_39
from train_benchmark.corpora.symbols.pronunciation import (
    Characters,
    EspeakIpa,
    EspeakTimit,
    Lexicon,
    Pronunciation,
    UnknownWordError,
    characters_of,
    pronouncer,
    read_lexicon,
    words_of,
)


def symbols_of(text: str, config: Pronunciation, root: Path = Path()) -> str:
    with pronouncer(config, root) as pronounce:
        return " ".join(pronounce(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The CALLER'S id; well-known...", "the caller's id well known"),
        ("it\u2019s", "it's"),
        ("cafe\u0301", "caf\u00e9"),
        ("'tis o'er", "'tis o'er"),
        ("a_b", "a b"),
        ("He said 'yes' to me.", "he said yes to me"),
        ("\u2018It\u2019s\u2019 'here'!", "it's here"),
        ("the dogs' 'til rock 'n' roll's", "the dogs' 'til rock 'n roll's"),
        ("'twas the 'dogs' bowl", "'twas the dogs bowl"),
    ],
)
def test_words_are_lower_case_without_punctuation(text: str, words: str) -> None:
    assert " ".join(words_of(text)) == words


@pytest.mark.parametrize("text", ["", " ... ", "--", "press 1", "5"])
def test_texts_without_words_or_with_digits_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="a text must have"):
        words_of(text)


def test_characters_are_letters_and_breaks() -> None:
    assert symbols_of("Don't go.", Characters(kind="characters")) == "d o n ' t | g o"
    with pytest.raises(UserError, match=r"letters a to z only, but .* has \u00e9"):
        characters_of("cafe\u0301")


@given(st.text())
def test_characters_are_of_their_label_set(text: str) -> None:
    try:
        symbols = characters_of(text)
    except UserError:
        return
    assert CHARACTERS.unknown(symbols) == ()
    assert "|" not in (symbols[0], symbols[-1])


LEXICON = """;;; a comment
# another
HELLO  HH AH0 L OW1
HELLO(2)  HH EH0 L OW1
WORLD\tW ER1 L D # a comment
"""


def write_lexicon(folder: Path, text: str = LEXICON) -> Path:
    path = folder / "lexicon.txt"
    path.write_text(text)
    return path


def test_a_lexicon_gives_its_first_pronunciation(tmp_path: Path) -> None:
    write_lexicon(tmp_path)
    config = Lexicon(kind="lexicon", file="lexicon.txt")
    symbols = symbols_of("Hello, world!", config, tmp_path)
    assert symbols == "HH AH0 L OW1 W ER1 L D"
    assert LABEL_SETS.get("arpabet").fold(symbols.split()) == tuple("hh ah l ow w er l d".split())
    with pytest.raises(UnknownWordError, match=r"in lexicon lexicon\.txt, but there, you are not"):
        symbols_of("hello you there", config, tmp_path)


@pytest.mark.parametrize("word", ["d\u2019accord", "D'ACCORD", "cafe\u0301", "caf\u00e9", "it's"])
def test_a_word_of_a_lexicon_is_found_in_a_text(tmp_path: Path, word: str) -> None:
    write_lexicon(tmp_path, f"{word}(1) X Y\n{word}(2) Z\n")
    assert symbols_of(f"{word}!", Lexicon(kind="lexicon", file="lexicon.txt"), tmp_path) == "X Y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have at least one word"),
        (";;; only\n", "must have at least one word"),
        ("A AH\nB\n", "line 2 must be 'WORD SYMBOL"),
    ],
)
def test_faulty_lexicons_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_lexicon(write_lexicon(tmp_path, text))


def test_a_missing_lexicon_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read lexicon .*none\.txt"):
        symbols_of("a", Lexicon(kind="lexicon", file="none.txt"), tmp_path)


def test_espeak_gives_timits_labels() -> None:
    labels = symbols_of("Thank you. Goodbye!", EspeakTimit(kind="espeak-timit"))
    assert labels == "h# th ae ng kcl k y ux pau gcl g uh dcl d bcl b ay h#"


def test_espeak_gives_ipa_in_any_language() -> None:
    assert symbols_of("Thank you.", EspeakIpa(kind="espeak-ipa")) == "θ æ ŋ k j uː"
    assert symbols_of("schön", EspeakIpa(kind="espeak-ipa", voice="de")) == "ʃ øː n"
    # A word of another language is spoken in that language.
    weekend = symbols_of("le weekend", EspeakIpa(kind="espeak-ipa", voice="fr"))
    assert weekend == "l ə- w iː k ɛ n d"
    with pytest.raises(UserError, match="one of espeak-ng's, but is 'tlh-x'"):
        symbols_of("a", EspeakIpa(kind="espeak-ipa", voice="tlh-x"))


@pytest.mark.parametrize("accent", ACCENTS)
def test_every_accent_has_timits_labels(accent: str) -> None:
    text = "Which separate loch is the longest, I wonder, for a hungry judge's vision of beauty?"
    labels = symbols_of(text, EspeakTimit(kind="espeak-timit", accent=accent)).split()
    assert TIMIT_61_48_39.unknown(labels) == ()
    assert labels[0] == labels[-1] == "h#"
    assert "pau pau" not in " ".join(labels)


def test_phonemes_of_a_text_are_those_that_are_spoken() -> None:
    """Translation without sound agrees with the events of synthesis, but for pauses."""
    text = "That agent is already logged on."
    with Espeak() as espeak:
        espeak.set_voice("en-us", pitch=50, words_per_minute=175)
        (clause,) = espeak.phonemes(text)
        spoken = [name for _, name in espeak.say(text).phonemes if not name.startswith("_")]
    assert list(clause) == spoken


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"layout": "librispeech"}, EspeakTimit),
        ({"layout": "librispeech", "labels": "timit-61"}, EspeakTimit),
        ({"layout": "librispeech", "labels": "characters"}, Characters),
        ({"layout": "librispeech", "labels": "ipa-espeak"}, EspeakIpa),
        ({"pronunciation": {"kind": "espeak-ipa"}, "layout": "manifest"}, EspeakIpa),
    ],
)
def test_the_label_set_decides_the_default_pronunciation(
    source: dict[str, object], kind: type[object]
) -> None:
    assert isinstance(CorpusSource.model_validate(source).text_pronunciation, kind)


def test_a_set_without_a_way_from_texts_is_an_error() -> None:
    with pytest.raises(UserError, match=r"'arpabet' must have a section \[pronunciation\]"):
        _ = CorpusSource(layout="librispeech", labels="arpabet").text_pronunciation


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pronunciation": {"kind": "characters"}}, "layout 'timit' must be without"),
        (
            {"layout": "manifest", "pronunciation": {"kind": "espeak-timit", "accent": "x"}},
            "accent must be one of en-us",
        ),
        ({"layout": "folder"}, "'timit', 'librispeech', 'manifest' or 'asterisk'"),
    ],
)
def test_faulty_sources_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorpusSource.model_validate(values)
