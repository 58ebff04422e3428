"""Bounds of settings: known values in and out of range."""

from dataclasses import dataclass, field
from math import nan
from typing import Any, Literal

import pytest

from graph_encoding import UserError
from surrogate.predictors.settings import (
    Count,
    CountOfTwo,
    NonNegative,
    OptionalProbability,
    Positive,
    Probability,
    Settings,
    Share,
)


@dataclass(frozen=True)
class Inner(Settings):
    count: Count = 1


@dataclass(frozen=True)
class Outer(Settings):
    members: CountOfTwo = 2
    weight: NonNegative = 0.0
    rate: Positive = 0.1
    share: Share = 1.0
    dropout: Probability = 0.0
    chosen: OptionalProbability = None
    kind: Literal["one", "other"] = "one"
    inner: Inner = field(default_factory=Inner)


def test_values_at_the_ends_of_their_ranges_are_accepted() -> None:
    assert Outer(members=2, weight=0, rate=1e-9, share=1, dropout=0, chosen=0.5).chosen == 0.5


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("members", 1, ">= 2"),
        ("weight", -0.1, ">= 0"),
        ("weight", nan, ">= 0"),
        ("rate", 0, "> 0"),
        ("share", 0, r"in \(0, 1\]"),
        ("share", 1.1, r"in \(0, 1\]"),
        ("dropout", 1, r"in \[0, 1\)"),
        ("chosen", -0.1, r"in \[0, 1\)"),
        ("kind", "third", r"one of \('one', 'other'\)"),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: Any, rule: str) -> None:
    with pytest.raises(UserError, match=rf"{name} must be {rule}, but got {value!r}"):
        Outer(**{name: value})


def test_saved_settings_become_settings_again() -> None:
    assert Outer(inner={"count": 3}).inner == Inner(3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="count must be >= 1, but got 0"):
        Outer(inner={"count": 0})  # type: ignore[arg-type]
