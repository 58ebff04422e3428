"""Names of operations that carry structure."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import CellGraph, GraphRow, UserError, operation_of_name
from graph_encoding.interop.adapters import (
    NB101_OPERATIONS,
    NB201_OPERATIONS,
    NB_GRAPH_OPERATIONS,
)
from graph_encoding.interop.graph_file import read_graphs, write_graphs
from graph_encoding.ops import (
    BUILT_IN_OPS,
    INPUT,
    OPERATIONS,
    OUTPUT,
    Operation,
    register_operation,
)

KNOWN = {**NB201_OPERATIONS, **NB101_OPERATIONS, **NB_GRAPH_OPERATIONS}


@pytest.mark.parametrize("name", [*KNOWN, *BUILT_IN_OPS])
def test_names_of_known_benchmarks_read_as_their_operations(name: str) -> None:
    expected = KNOWN[name] if name in KNOWN else OPERATIONS.get(name)
    assert operation_of_name(name) == expected


def test_spellings_of_built_in_operations_follow_the_rules_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graph_encoding.interop.operation_names.OPERATIONS", {})
    for name in set(BUILT_IN_OPS) - {"zero"}:
        assert operation_of_name(name) == OPERATIONS.get(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("k7d4s2", ("conv", 7, 4, 1, 2, 1)),
        ("mbconv_e6_k5", ("conv2d", 5, 1, 1, 1, 6)),
        ("MBConv6_5x5", ("conv2d", 5, 1, 1, 1, 6)),
        ("fused_mbconv_e4_k3_s2", ("conv2d", 3, 1, 1, 2, 4)),
        ("ir_r2_k5_s2_e6", ("conv", 5, 1, 1, 2, 6)),
        ("sep_conv_5x5", ("conv2d", 5, 1, 1, 1, 1)),
        ("dil_conv_3x3", ("conv2d", 3, 2, 1, 1, 1)),
        ("conv_7x1_1x7", ("conv2d", 7, 1, 1, 1, 1)),
        ("conv2d_3", ("conv2d", 3, 1, 1, 1, 1)),
        ("conv1d_k9", ("conv", 9, 1, 1, 1, 1)),
        ("conv3x3g4", ("conv2d", 3, 1, 4, 1, 1)),
        ("maxPool3", ("max_pool", 3, 1, 1, 1, 1)),
        # Nothing that shows a kind.
        ("block3", ("other", 1, 1, 1, 1, 1)),
        ("op12", ("other", 1, 1, 1, 1, 1)),
        ("s2", ("other", 1, 1, 1, 1, 1)),
        ("skip_connect", ("other", 1, 1, 1, 1, 1)),
        ("k99999", ("other", 1, 1, 1, 1, 1)),
    ],
)
def test_known_spellings(name: str, expected: tuple[object, ...]) -> None:
    op = operation_of_name(name)
    found = (op.kind, op.kernel, op.dilation, op.group_scale, op.stride, op.expansion)
    assert found == expected
    assert op.name == name


_SIZE = st.integers(1, 9999)


@given(_SIZE, _SIZE, _SIZE, _SIZE, st.sampled_from(["", "_", "-"]))
def test_fields_are_read_back(k: int, d: int, s: int, e: int, separator: str) -> None:
    op = operation_of_name(separator.join((f"k{k}", f"d{d}", f"s{s}", f"e{e}")))
    assert (op.kernel, op.dilation, op.stride, op.expansion) == (k, d, s, e)


@given(
    st.text(string.printable + "éＫ３", min_size=1).filter(lambda s: not any(map(str.isspace, s)))
)
def test_any_name_is_read_and_kept(name: str) -> None:
    assert operation_of_name(name).name == name


def _row(*names: str) -> GraphRow:
    ops = (INPUT, *(operation_of_name(name) for name in names), OUTPUT)
    edges = tuple((i, i + 1, 1) for i in range(len(names) + 1))
    return GraphRow(CellGraph(ops, edges, "-".join(names)), {"y": 1.0}, {})


def test_a_written_file_does_not_depend_on_the_readers_parser(tmp_path: Path) -> None:
    row = _row("k7d4s2", "mbconv_e6_k5", "nor_conv_3x3", "attention", "conv5")
    write_graphs(tmp_path / "g.jsonl", [row])
    assert list(read_graphs(tmp_path / "g.jsonl", lambda name: Operation(name, "other"))) == [
        # A registered name is not described: every process knows it.
        GraphRow(
            CellGraph(
                (*row.graph.ops[:5], Operation("conv5", "other"), OUTPUT),
                row.graph.edges,
                row.graph.key,
            ),
            row.targets,
            row.features,
        )
    ]
    assert list(read_graphs(tmp_path / "g.jsonl")) == [row]


def test_a_parser_replaces_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "g.jsonl"
    file.write_text(
        '{"key": "a", "ops": ["input", "k7", "output"], "edges": [[0, 1], [1, 2]], '
        '"targets": {"y": 1}}\n',
        encoding="utf-8",
    )
    (row,) = read_graphs(file, lambda name: Operation(name, "linear"))
    assert row.graph.ops[1] == Operation("k7", "linear")
    (row,) = read_graphs(file)
    assert row.graph.ops[1] == Operation("k7", "conv", kernel=7)
    with pytest.raises(UserError, match="must keep the name 'k7'"):
        list(read_graphs(file, lambda _: Operation("other", "linear")))


def test_strides_cannot_be_registered_for_cells() -> None:
    with pytest.raises(UserError, match="must have stride 1"):
        register_operation(Operation("conv5s2", "conv", kernel=5, stride=2))
