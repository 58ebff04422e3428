"""Novelty of a graph: one answer, wherever it is asked for."""

import pytest

from graph_encoding import Cell, cell_graph
from surrogate.calibration import Novelty, TrainedOn, novel_nodes

SPACE = TrainedOn(("conv5", "conv5d2", "conv7", "conv7d2", "linear"), 3)


@pytest.mark.parametrize(
    ("text", "novelty"),
    [
        ("10_100_1000", {}),
        ("conv9:0", {"new_operation": 1}),
        ("conv9:0_conv5:10_conv11:110", {"new_operation": 2}),
        ("10_100_1000_10000", {"larger": 1}),
        ("10_100_1000_10000_100000", {"larger": 2}),
        ("10_100_1000_conv9:0000", {"new_operation": 1, "larger": 1}),
        # A fourth node that does not reach the output does not count.
        ("10_100_1000_50000", {}),
    ],
)
def test_novelty_counts_nodes_in_each_way(text: str, novelty: Novelty) -> None:
    assert SPACE.novelty(cell_graph(Cell.parse(text))) == novelty
    assert novel_nodes(novelty) == max([0, *novelty.values()])
