"""Columns of the explorer: what is packed is what is read, digit by digit."""

import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.explorer.columns import MISSING, Digits, latency_digits, packed

KINDS = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "f8": np.float64}


def read(block: bytes) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """The inverse of `packed`, as data.js has it."""
    plain = gzip.decompress(block)
    length = int.from_bytes(plain[:4], "little")
    header = json.loads(plain[4 : 4 + length])
    columns = {}
    for entry in header.pop("columns"):
        kind, count = KINDS[entry["kind"]], math.prod(entry["shape"])
        size = np.dtype(kind).itemsize
        start = 4 + length + entry["offset"]
        planes = np.frombuffer(plain[start : start + size * count], np.uint8).reshape(size, count)
        values = np.ascontiguousarray(planes.T).view(kind).reshape(entry["shape"])
        if kind is not np.float64:
            values = np.where(values == np.iinfo(kind).max, MISSING, values.astype(np.int64))
        columns[entry["name"]] = values
    return header, columns


@given(st.lists(st.integers(MISSING, 2**32 - 2), min_size=2, max_size=40), st.floats(0, 1e12))
def test_what_is_packed_is_read(values: list[int], number: float) -> None:
    whole, exact = np.array(values[: len(values) // 2 * 2]).reshape(2, -1), np.array([number])
    facts, columns = read(packed({"a": "ß"}, {"whole": whole, "exact": exact}))
    assert facts == {"a": "ß"}
    np.testing.assert_array_equal(columns["whole"], whole)
    np.testing.assert_array_equal(columns["exact"], exact)


@given(st.floats(0, 5), st.integers(0, 6))
def test_a_whole_number_has_the_digits_that_python_prints(value: float, decimals: int) -> None:
    whole = Digits(1.0, decimals).whole(value)
    assert f"{whole / 10**decimals:.{decimals}f}" == f"{value:.{decimals}f}"


@given(st.floats(1e-7, 100))
def test_the_smallest_latency_has_four_digits(seconds: float) -> None:
    digits = latency_digits([seconds, 200.0])
    shown = digits.text(seconds).replace(".", "").lstrip("0")
    assert len(shown) >= 4 or digits.decimals == 6


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_value_that_does_not_exist_is_missing(value: float | None) -> None:
    assert Digits().whole(value) == MISSING
    _, columns = read(packed({}, {"a": np.array([MISSING, 255, 0])}))
    assert columns["a"].tolist() == [MISSING, 255, 0]
