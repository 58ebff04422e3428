"""Measured labels by functional key: one row per function, and the mean of each."""

from pathlib import Path

import numpy as np
import pytest

from graph_encoding.common.array_files import read_arrays, write_tree
from surrogate.fitting.measured_rows import MeasuredRow, MeasuredRows

ROWS = {
    "y=x": MeasuredRow((1,), {"val_per": (0.5,), "test_per": (0.25,)}),
    "1=conv3(x);y=1": MeasuredRow(
        (1, 2, 9), {"val_per": (0.1, 0.2, 0.3), "test_per": (0.9, 0.8, 0.6)}
    ),
    "y=2*x": MeasuredRow((2, 1), {"val_per": (0.7, 0.1), "test_per": (0.2, 0.3)}),
}


def test_rows_come_back_from_arrays_and_from_a_file(tmp_path: Path) -> None:
    rows = MeasuredRows.of(ROWS)
    write_tree(tmp_path / "m.npz", rows.to_plain())
    for found in (rows, MeasuredRows.from_plain(read_arrays(tmp_path / "m.npz"))):
        assert list(found) == list(ROWS)
        assert dict(found) == ROWS
        assert found.get("y=3*x") is None


@pytest.mark.parametrize("target", ["val_per", "test_per"])
def test_means_are_those_of_the_rows(target: str) -> None:
    expected = [sum(row.values[target]) / len(row.values[target]) for row in ROWS.values()]
    np.testing.assert_array_equal(MeasuredRows.of(ROWS).means(target), expected)


def test_no_rows_are_possible(tmp_path: Path) -> None:
    write_tree(tmp_path / "m.npz", MeasuredRows.of({}).to_plain())
    assert len(MeasuredRows.from_plain(read_arrays(tmp_path / "m.npz"))) == 0
