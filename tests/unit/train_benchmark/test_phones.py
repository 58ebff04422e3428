"""Phone sets: known answers from the published lists, and laws of the maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import UserError
from train_benchmark.phones import (
    PHONES_39,
    PHONES_48,
    PHONES_61,
    fold_labels_to_39,
    fold_to_48,
    label_indices,
)

PUBLISHED_48 = (
    "aa ae ah ao aw ax ay b ch cl d dh dx eh el en epi er ey f g hh ih ix iy jh k l m n ng ow oy p "
    "r s sh sil t th uh uw v vcl w y z zh"
).split()

SEQUENCES = st.lists(st.sampled_from(PHONES_61))


def test_the_sets_are_the_published_ones() -> None:
    assert list(PHONES_48) == PUBLISHED_48
    assert (len(PHONES_61), len(PHONES_39)) == (61, 39)


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
    assert " ".join(fold_to_48(phones.split())) == folded


@pytest.mark.parametrize(
    "merged", ["aa ao", "ah ax ax-h", "ih ix", "sh zh", "l el", "n en nx", "h# pcl bcl epi pau"]
)
def test_phones_scored_alike_share_one_class(merged: str) -> None:
    assert len(set(fold_labels_to_39(label_indices(merged.split())))) == 1


def test_label_is_one_plus_rank_and_zero_stays_free() -> None:
    assert label_indices(["aa", "zh"]) == (1, 48)
    assert sorted({label for p in PHONES_61 for label in label_indices([p])}) == list(range(1, 49))
    assert sorted(set(fold_labels_to_39(range(1, 49)))) == list(range(1, 40))


def test_repeats_that_folding_makes_are_kept() -> None:
    assert fold_to_48(["pcl", "tcl", "t"]) == ("cl", "cl", "t")
    assert fold_labels_to_39(label_indices(["h#", "pau"])) == (31, 31)


def test_an_unknown_phone_is_named_with_the_allowed_ones() -> None:
    with pytest.raises(UserError, match=r"'zz'; they are: aa ae .* zh$"):
        fold_to_48(["aa", "zz"])


@pytest.mark.parametrize("label", [0, 49, -1])
def test_a_number_that_is_no_label_is_refused(label: int) -> None:
    with pytest.raises(UserError, match=f"must be 1 to 48 .* but got {label}$"):
        fold_labels_to_39([1, label])


@given(SEQUENCES, SEQUENCES)
def test_folding_works_phone_by_phone(left: list[str], right: list[str]) -> None:
    assert fold_to_48(left + right) == fold_to_48(left) + fold_to_48(right)
    assert len(fold_to_48(left)) == len(left) - left.count("q")


@given(SEQUENCES)
def test_folding_twice_is_folding_once(phones: list[str]) -> None:
    # "sil", "cl" and "vcl" are classes and no labels of the 61.
    once = [p for p in fold_to_48(phones) if p in PHONES_61]
    assert fold_to_48(once) == tuple(once)
