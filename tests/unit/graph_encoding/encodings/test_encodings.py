"""Encodings: known answers by hand."""

import zlib

import numpy as np
import pytest

from graph_encoding import Cell, CellGraph, UserError, cell_graph
from graph_encoding.encodings import (
    AdjacencyEncoding,
    Composition,
    EdgeHistogramEncoding,
    Encoding,
    GraphStatisticsEncoding,
    OneHotEncoding,
    OpSubsetEncoding,
    PathDescriptorEncoding,
    PathEncoding,
    WeisfeilerLehmanEncoding,
)
from graph_encoding.ops import INPUT, OUTPUT, Operation

ROW = cell_graph(Cell.parse("10_110_2010"))
"""1=conv5(x); 2=conv5(1); 3=conv5d2(x+2); y=1+3, by the paper's words."""


def test_the_example_is_correct() -> None:
    assert ROW.key == "1=conv5(x);2=conv5(1);3=conv5d2(x+2);y=1+3"


def values(encoding: Encoding, graph: CellGraph = ROW) -> dict[str, float]:
    (row,) = encoding.encode([graph]).tolist()
    return {name: value for name, value in zip(encoding.columns, row, strict=True) if value}


def test_edge_histogram() -> None:
    assert values(EdgeHistogramEncoding()) == {
        "histogram/conv5": 2,
        "histogram/conv5d2": 1,
        "histogram/input->conv5": 1,
        "histogram/input->conv5d2": 1,
        "histogram/conv5->conv5": 1,
        "histogram/conv5->conv5d2": 1,
        "histogram/conv5->output": 1,
        "histogram/conv5d2->output": 1,
    }


def test_operations_named_like_the_ends_are_inner_nodes() -> None:
    graph = CellGraph((INPUT, Operation("input", "other"), OUTPUT), ((0, 1, 1), (1, 2, 1)), "k")
    assert values(EdgeHistogramEncoding(), graph)["histogram/other"] == 1


def test_op_subsets() -> None:
    found = values(OpSubsetEncoding(("conv5", "conv5d2")))
    # Paths: conv5; conv5 > conv5 > conv5d2; conv5d2.
    assert found == {
        "subset/conv5:count": 2,
        "subset/conv5d2:count": 1,
        "subset/conv5+conv5d2:count": 3,
        "subset/conv5+conv5d2:shortest": 1,
        "subset/conv5:longest": 2,
        "subset/conv5d2:longest": 1,
        "subset/conv5+conv5d2:longest": 3,
        "subset/conv5:mean": 1,
        "subset/conv5d2:mean": pytest.approx(2 / 3),
        "subset/conv5+conv5d2:mean": pytest.approx(5 / 3),
        "subset/conv5:longest_pure": 1,
        "subset/conv5d2:longest_pure": 1,
        "subset/conv5+conv5d2:longest_pure": 3,
        "subset/conv5:log_pure_paths": pytest.approx(np.log(2)),
        "subset/conv5d2:log_pure_paths": pytest.approx(np.log(2)),
        "subset/conv5+conv5d2:log_pure_paths": pytest.approx(np.log(4)),
        "subset/conv5:feeding_output": 1,
        "subset/conv5d2:feeding_output": 1,
        "subset/conv5+conv5d2:feeding_output": 2,
        "subset/conv5:fed_by_input": 1,
        "subset/conv5d2:fed_by_input": 1,
        "subset/conv5+conv5d2:fed_by_input": 2,
        "subset/log_paths": pytest.approx(np.log(4)),
    }


def test_op_subsets_of_a_graph_without_a_path() -> None:
    graph = CellGraph((INPUT, Operation("conv5", "conv", 5), OUTPUT), ((0, 1, 1),), "dead")
    found = values(OpSubsetEncoding(("conv5",)), graph)
    assert found["subset/no_path"] == 1
    assert found["subset/conv5:shortest"] == -1
    assert found["subset/conv5:count"] == 1


def test_one_hot() -> None:
    assert values(OneHotEncoding()) == {
        "onehot/op1=conv5": 1,
        "onehot/op2=conv5": 1,
        "onehot/op3=conv5d2": 1,
        "onehot/nodes": 3,
    }


def test_one_hot_of_operations_without_a_column() -> None:
    graph = cell_graph(Cell.parse("conv3:0_000_0000"))
    assert values(OneHotEncoding(nodes=2), graph) == {
        "onehot/op1=other": 1,
        "onehot/op2=linear": 1,
        "onehot/nodes": 3,
    }


def test_adjacency() -> None:
    assert values(AdjacencyEncoding()) == {
        "adjacency/input->1": 1,
        "adjacency/1->2": 1,
        "adjacency/input->3": 1,
        "adjacency/2->3": 1,
        "adjacency/1->output": 1,
        "adjacency/3->output": 1,
    }
    assert values(AdjacencyEncoding(nodes=1)) == {
        "adjacency/input->1": 1,
        "adjacency/1->output": 1,
        "adjacency/beyond": 4,
    }
    doubled = cell_graph(Cell.parse("51_511_5011"))
    assert values(AdjacencyEncoding(), doubled) == {"adjacency/input->output": 3}


def test_paths() -> None:
    assert values(PathEncoding()) == {
        "path/conv5": 1,
        "path/conv5d2": 1,
        "path/conv5>conv5>conv5d2": 1,
    }
    assert values(PathEncoding(max_length=1)) == {
        "path/conv5": 1,
        "path/conv5d2": 1,
        "path/longer": 1,
    }


def test_statistics() -> None:
    found = values(GraphStatisticsEncoding())
    assert found == {
        "statistics/count:conv5": 2,
        "statistics/count:conv5d2": 1,
        "statistics/shortest:any": 1,
        "statistics/longest:any": 3,
        "statistics/shortest:convolution": 1,
        "statistics/longest:convolution": 3,
        "statistics/longest:dilated": 1,
        "statistics/nodes": 3,
        "statistics/edges": 6,
        "statistics/edges_with_multiplicity": 6,
        "statistics/paths": 3,
        "statistics/input_out_degree": 2,
        "statistics/output_in_degree": 2,
        "statistics/max_in_degree": 2,
        "statistics/max_out_degree": 2,
    }


def test_a_dead_cell_is_marked() -> None:
    dead = cell_graph(Cell.parse("50_500_0000"))
    found = values(GraphStatisticsEncoding(), dead)
    assert found["statistics/dead"] == 1
    assert "statistics/paths" not in found
    assert values(PathDescriptorEncoding(), dead) == {}
    assert values(PathEncoding(), dead) == {}


def test_path_descriptors() -> None:
    """Paths: conv5 (span 5), conv5d2 (span 9), conv5 > conv5 > conv5d2."""
    found = values(PathDescriptorEncoding())
    assert found["path_descriptor/operations:min"] == 1
    assert found["path_descriptor/operations:max"] == 3
    assert found["path_descriptor/operations:mean"] == pytest.approx(5 / 3)
    assert found["path_descriptor/span:min"] == 4
    assert found["path_descriptor/span:max"] == 4 + 4 + 8
    assert found["path_descriptor/span:mean"] == pytest.approx((4 + 8 + 16) / 3)
    assert found["path_descriptor/dilated_span:max"] == 8
    assert "path_descriptor/dense:max" not in found


def test_weisfeiler_lehman_counts_every_node_once_per_radius() -> None:
    encoding = WeisfeilerLehmanEncoding(iterations=2, bins=16)
    row = encoding.encode([ROW])[0].reshape(3, 16)
    assert row.sum(axis=1).tolist() == [5, 5, 5]
    # The two conv5 share a bin at radius 0 and are told apart by what feeds them at radius 1.
    finer = WeisfeilerLehmanEncoding(iterations=1, bins=4096).encode([ROW])[0].reshape(2, 4096)
    assert sorted(finer[0][finer[0] > 0].tolist()) == [1, 1, 1, 2]
    assert finer[1].max() == 1


def test_weisfeiler_lehman_labels_are_checksums_and_not_salted_hashes() -> None:
    bins = WeisfeilerLehmanEncoding(iterations=0, bins=1000).encode([ROW])[0].nonzero()[0]
    expected = {zlib.crc32(label) % 1000 for label in (b"input", b"conv5", b"conv5d2", b"output")}
    assert set(bins.tolist()) == expected


def test_path_descriptors_of_operations_of_other_spaces() -> None:
    graph = CellGraph(
        (INPUT, Operation("1x1-bn", "conv2d"), Operation("odd", "other", kernel=9), OUTPUT),
        ((0, 1, 1), (1, 2, 2), (2, 3, 1)),
        "any",
    )
    found = values(PathDescriptorEncoding(), graph)
    assert found["path_descriptor/operations:mean"] == 2
    assert found["path_descriptor/kernel:max"] == 8


def test_a_composition_puts_its_parts_side_by_side() -> None:
    both = Composition([OneHotEncoding(), PathEncoding()])
    assert both.columns == OneHotEncoding().columns + PathEncoding().columns
    parts = [OneHotEncoding().encode([ROW]), PathEncoding().encode([ROW])]
    assert (both.encode([ROW]) == np.concatenate(parts, axis=1)).all()
    with pytest.raises(UserError, match="must have distinct columns"):
        Composition([PathEncoding(), PathEncoding()])


@pytest.mark.parametrize("wrong", [{"iterations": -1}, {"bins": 0}])
def test_neighbourhoods_without_columns_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match="need iterations >= 0 and bins >= 1"):
        WeisfeilerLehmanEncoding(**wrong)
