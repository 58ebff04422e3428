"""What the shipped artifact forecasts: numbers change only on purpose."""

import json
from typing import Any

import pytest

from tests.golden import renew

RELATIVE = 1e-6
"""Sums of floats differ in the order in which a processor adds; single precision has 6e-8."""
ABSOLUTE = 1e-9
"""A probability may be as good as zero."""


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(renew.PATH.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def actual() -> dict[str, Any]:
    return renew.forecasts()


def differences(expected: Any, actual: Any, place: str = "") -> list[str]:
    """Places at which two JSON values differ."""
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        parts = [(f"{place}/{key}", expected[key], actual[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        parts = [
            (f"{place}/{i}", *pair) for i, pair in enumerate(zip(expected, actual, strict=True))
        ]
    else:
        number = isinstance(expected, float) and isinstance(actual, float)
        same = actual == (
            pytest.approx(expected, rel=RELATIVE, abs=ABSOLUTE) if number else expected
        )
        return [] if same else [f"{place}: {expected} is now {actual}"]
    return [found for key, one, other in parts for found in differences(one, other, key)]


@pytest.mark.parametrize("part", ["cells", "curves", "observed"])
def test_the_shipped_artifact_forecasts_what_it_did(
    part: str, expected: dict[str, Any], actual: dict[str, Any]
) -> None:
    found = differences(expected[part], actual[part])
    assert not found, (
        f"{len(found)} numbers have changed; if on purpose, run `make golden` and read its diff:\n"
        + "\n".join(found[:20])
    )


def test_every_kind_of_support_is_among_the_cells(expected: dict[str, Any]) -> None:
    found = {cell["support"] for cell in expected["cells"]}
    assert found == {"measured", "interpolated", "extrapolated", "dead"}
    assert len(expected["cells"]) == renew.STANDARD_CELLS + len(renew.EXTENDED_CELLS)


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ({"a": [0.5, 1.0]}, {"a": [0.5 + 1e-7, 1.0]}, 0),
        ({"a": [0.5, 1.0]}, {"a": [0.5 + 1e-6, 1.0]}, 1),
        ({"a": [0.5, 1.0]}, {"a": [0.5]}, 1),
        ({"a": 0.5, "b": None}, {"a": None, "b": None}, 1),
        ({"a": 100}, {"a": 101}, 1),
        ({"a": 1}, {"b": 1}, 1),
    ],
)
def test_differences_are_found(one: Any, other: Any, count: int) -> None:
    assert len(differences(one, other)) == count
