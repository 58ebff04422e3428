"""Label sets: known answers from the published lists, and laws of the maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from graph_encoding import UserError
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.symbols.label_sets import (
    DELETED,
    LABEL_SETS,
    OPEN_LABELS,
    TIMIT_61_48_39,
    LabelSet,
)
from train_benchmark.corpora.symbols.phones import PHONES_39, PHONES_48, PHONES_61

PUBLISHED_48 = (
    "aa ae ah ao aw ax ay b ch cl d dh dx eh el en epi er ey f g hh ih ix iy jh k l m n ng ow oy p "
    "r s sh sil t th uh uw v vcl w y z zh"
).split()

NAMES = list(LABEL_SETS)
FOLD_48, FOLD_39 = TIMIT_61_48_39.fold, LABEL_SETS.get("timit-61-39").fold


def scored(symbols: str, name: str = "timit-61-48-39") -> tuple[int, ...]:
    labels = LABEL_SETS.get(name)
    return labels.scoring_labels(labels.labels(symbols.split()))


def test_timits_sets_are_the_published_ones() -> None:
    assert list(PHONES_48) == PUBLISHED_48
    assert (len(PHONES_61), len(PHONES_39)) == (61, 39)
    assert tuple(TIMIT_61_48_39.class_of) == PHONES_61
    assert TIMIT_61_48_39.classes == PHONES_48
    assert TIMIT_61_48_39.scoring_classes == PHONES_39


@pytest.mark.parametrize(
    ("name", "outputs", "scoring_classes"),
    [
        ("timit-61-48-39", 49, 39),
        ("timit-61-39", 40, 39),
        ("timit-61", 62, 61),
        ("arpabet", 40, 39),
        ("characters", 29, 28),
    ],
)
def test_sizes(name: str, outputs: int, scoring_classes: int) -> None:
    labels = LABEL_SETS.get(name)
    assert (labels.outputs, len(labels.scoring_classes)) == (outputs, scoring_classes)


@pytest.mark.parametrize(
    ("phones", "folded"),
    [
        ("ux axr ax-h em eng nx hv", "uw er ax m ng n hh"),
        ("bcl dcl gcl pcl tcl kcl", "vcl vcl vcl cl cl cl"),
        ("h# pau epi", "sil sil epi"),
        ("q aa q", "aa"),
        ("", ""),
    ],
)
def test_61_fold_to_48_as_kaldi_folds_them(phones: str, folded: str) -> None:
    assert " ".join(FOLD_48(phones.split())) == folded


@pytest.mark.parametrize(
    ("name", "symbols", "folded"),
    [
        ("timit-61-39", "h# q tcl t ao ix zh axr", "sil sil t aa ih sh er"),
        ("timit-61", "h# q tcl", "h# q tcl"),
        ("arpabet", "SIL HH AH0 L OW1 sp", "hh ah l ow"),
        ("arpabet", "ZH uw2", "zh uw"),
        ("characters", "i t ' s | m e", "i t ' s | m e"),
    ],
)
def test_other_sets_fold_as_named(name: str, symbols: str, folded: str) -> None:
    assert " ".join(LABEL_SETS.get(name).fold(symbols.split())) == folded


@pytest.mark.parametrize(
    "merged", ["aa ao", "ah ax ax-h", "ih ix", "sh zh", "l el", "n en nx", "h# pcl bcl epi pau"]
)
def test_phones_scored_alike_share_one_class(merged: str) -> None:
    assert len(set(scored(merged))) == 1


def test_labels_are_one_plus_rank_and_zero_is_the_blank() -> None:
    assert TIMIT_61_48_39.labels(["aa", "zh"]) == (1, 48)
    assert TIMIT_61_48_39.scoring_labels([1, 48]) == (1, 1 + PHONES_39.index("sh"))


def test_repeats_that_folding_makes_are_kept() -> None:
    assert FOLD_48(["pcl", "tcl", "t"]) == ("cl", "cl", "t")
    assert scored("h# pau") == (31, 31)


def test_an_unknown_symbol_is_named_with_the_allowed_ones() -> None:
    with pytest.raises(UserError, match=r"'timit-61-48-39', but got 'zz'; its .*: aa ae .* zh$"):
        FOLD_48(["aa", "zz"])


@pytest.mark.parametrize("label", [0, 49, -1])
def test_labels_out_of_range_are_refused(label: int) -> None:
    with pytest.raises(UserError, match=f"must be 1 to 48 .* but got {label}$"):
        TIMIT_61_48_39.scoring_labels([1, label])


SYMBOL = st.text("abcdeɪʃ'|", min_size=1, max_size=3)
CLASS = st.sampled_from(["A", "B", "C", "D"])


@st.composite
def label_sets(draw: st.DrawFn) -> LabelSet:
    """Registered and made-up sets."""
    if draw(st.booleans()):
        return LABEL_SETS.get(draw(st.sampled_from(NAMES)))
    class_of = draw(st.dictionaries(SYMBOL, st.one_of(CLASS, st.just(DELETED)), min_size=1))
    class_of["x"] = "A"
    classes = sorted(set(class_of.values()) - {DELETED})
    return LabelSet("made-up", class_of, draw(st.dictionaries(st.sampled_from(classes), CLASS)))


@given(data=st.data(), labels=label_sets())
def test_laws_of_every_set(data: st.DataObject, labels: LabelSet) -> None:
    symbols = st.lists(st.sampled_from(sorted(labels.class_of)))
    left, right = data.draw(symbols), data.draw(symbols)
    assert labels.fold(left + right) == labels.fold(left) + labels.fold(right)
    kept = [s for s in left if labels.class_of[s] != DELETED]
    numbers = labels.labels(left)
    assert len(numbers) == len(kept) == len(labels.scoring_labels(numbers))
    assert all(1 <= number < labels.outputs for number in numbers)
    # Equal classes are scored alike, and every class of either kind is reached.
    everything = labels.labels(labels.class_of)
    assert set(everything) == set(range(1, labels.outputs))
    assert set(labels.scoring_labels(everything)) == {
        i for i, _ in enumerate(labels.scoring_classes, start=1)
    }


@given(st.lists(st.sampled_from(PHONES_61)))
def test_39_classes_at_once_equal_two_steps(phones: list[str]) -> None:
    assert scored(" ".join(phones), "timit-61-39") == scored(" ".join(phones))


@given(st.lists(st.sampled_from(PHONES_61)))
def test_folding_is_idempotent(phones: list[str]) -> None:
    # "sil", "cl" and "vcl" are classes and no labels of the 61.
    once = [p for p in FOLD_48(phones) if p in PHONES_61]
    assert FOLD_48(once) == tuple(once)


@pytest.mark.parametrize(
    ("class_of", "scored_as", "message"),
    [
        ({"a": ""}, {}, "must have at least one class"),
        ({"a b": "a"}, {}, r"not so: \['a b'\]"),
        ({"": "a"}, {}, r"not so: \[''\]"),
        ({"a": "a"}, {"b": "a"}, r"these are none: \['b'\]; its classes are: a"),
        ({"a": "a"}, {"a": ""}, r"not so: \[''\]"),
    ],
)
def test_impossible_sets_are_refused(
    class_of: dict[str, str], scored_as: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        LabelSet("x", class_of, scored_as)


def test_a_set_can_be_declared() -> None:
    source = CorpusSource.model_validate(
        {
            "labels": {
                "name": "mine",
                "classes": ["ʃ", "a", "aː"],
                "fold": {"x": "", "A": "a"},
                "scored_as": {"aː": "a"},
            }
        }
    )
    labels = source.declared_label_set
    assert labels.classes == ("a", "aː", "ʃ")
    assert labels.fold(["A", "x", "aː", "ʃ"]) == ("a", "aː", "ʃ")
    assert labels.scoring_labels((1, 2, 3)) == (1, 1, 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("timit", "unknown label set 'timit'; known: timit-61-48-39"),
        ({"name": "mine", "classes": []}, "at least 1 item"),
        ({"name": "mine", "classes": ["a", "a"]}, r"repeated: \['a'\]"),
        ({"name": "mine", "classes": ["a"], "fold": {"b": "c"}}, r"leads to \['c'\]"),
        ({"name": "mine", "classes": ["a", "b"], "fold": {"a": "b"}}, r"the classes \['a'\]"),
        ({"name": "mine", "classes": ["a", "b"], "fold": {"b": ""}}, r"the classes \['b'\]"),
        ({"name": "characters", "classes": ["a"]}, "must have a name of its own"),
        ({"name": OPEN_LABELS, "classes": ["a"]}, "must have a name of its own"),
        ({"name": "mine", "classes": ["a b"]}, "without white space"),
    ],
)
def test_faulty_declarations_are_refused(labels: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CorpusSource.model_validate({"labels": labels})


def test_an_open_set_cannot_be_trained_on() -> None:
    source = CorpusSource(labels=OPEN_LABELS)
    assert source.label_set is None
    with pytest.raises(UserError, match=r"replaced by a section \[labels\]"):
        _ = source.declared_label_set


def test_the_default_is_the_set_of_all_earlier_records() -> None:
    assert CorpusSource().declared_label_set is TIMIT_61_48_39
