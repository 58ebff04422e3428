"""Cells of other benchmarks: known graphs, what is refused, and all of the real data."""

import contextlib
import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import Cell, CellFormatError, CellGraph
from graph_encoding.interop.adapters import (
    NB101_OPERATIONS,
    nasbench101,
    nasbench201,
    nasbench_graph,
)

DATA = Path(__file__).parents[5] / "shared" / "data"


def rows(name: str) -> list[dict[str, str]]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no {name}: this test reads the benchmark's own data, no part of the project")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_nasbench201_cell() -> None:
    graph = nasbench201(
        "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
    )
    assert graph.key == ("1=nor_conv_3x3(x);2=avg_pool_3x3(1);3=nor_conv_1x1(1);y=x+2+3")
    assert [op.name for op in graph.ops] == [
        "input",
        "nor_conv_3x3",
        "avg_pool_3x3",
        "nor_conv_1x1",
        "output",
    ]
    assert graph.ops[1].kernel == 3


def test_using_a_value_twice_is_not_computing_it_twice() -> None:
    once = nasbench201(
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"
    )
    twice = nasbench201(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"
    )
    assert once.key == "1=nor_conv_3x3(x);y=2*1"
    assert twice.key == "1=nor_conv_3x3(x);2=nor_conv_3x3(x);y=1+2"


def plain_expression(unique_string: str) -> str:
    """The benchmark's identity without what makes no function: order of sums, dead parts."""
    position = 0

    def total() -> str:
        nonlocal position
        terms = [term()]
        while unique_string[position : position + 1] == "+":
            position += 1
            terms.append(term())
        living = sorted(t for t in terms if t != "#")
        return f"({'+'.join(living)})" if living else "#"

    def term() -> str:
        nonlocal position
        if unique_string[position] == "(":
            position += 1
            value = total()
            position += 1
        else:
            value = unique_string[position]
            position += 1
        applied = re.match(r"@\w+", unique_string[position:])
        if applied is None:
            return value
        position += applied.end()
        return "#" if value == "#" else value + applied[0]

    return total()


def test_all_of_nasbench201_against_its_own_identity() -> None:
    """The benchmark's strings split some functions and mix others; ours do neither.

    6,466 strings keep the order of summands and dead parts ("#"): "0+#" and "#+0" are one
    function. Freed of that they are 4,930 expressions, which write a shared value out twice, as
    if it had weights of its own each time: 5,425 keys tell these apart.
    """
    table = rows("nb201/nb201_accuracy.csv")
    assert len(table) == 15_625
    keys = [nasbench201(row["arch_str"]).key for row in table]
    expressions = [plain_expression(row["unique_string"]) for row in table]
    assert len({row["unique_string"] for row in table}) == 6466
    assert len(set(expressions)) == 4930
    assert len(set(keys)) == 5425
    expressions_of = defaultdict(set)
    keys_of = defaultdict(set)
    for key, expression in zip(keys, expressions, strict=True):
        expressions_of[key].add(expression)
        keys_of[expression].add(key)
    assert all(len(found) == 1 for found in expressions_of.values())
    assert keys_of["((0)@nor_conv_3x3+(0)@nor_conv_3x3)"] == {
        "1=nor_conv_3x3(x);y=2*1",
        "1=nor_conv_3x3(x);2=nor_conv_3x3(x);y=1+2",
    }


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "node 1 must be edges"),
        ("|nor_conv_5x5~0|", "'nor_conv_5x5~0'"),
        ("|none~1|", "'none~1'"),
        ("|none~0|+|none|", "node 2"),
    ],
)
def test_malformed_nasbench201_cells(text: str, part: str) -> None:
    with pytest.raises(CellFormatError, match=part):
        nasbench201(text)


@st.composite
def modules(draw: st.DrawFn) -> tuple[list[list[int]], list[str]]:
    size = draw(st.integers(2, 7))
    matrix = [[draw(st.integers(0, 1)) if v > u else 0 for v in range(size)] for u in range(size)]
    inner = [draw(st.sampled_from(list(NB101_OPERATIONS))) for _ in range(size - 2)]
    return matrix, ["input", *inner, "output"]


@given(modules(), st.randoms(use_true_random=False))
def test_renumbering_a_nasbench101_module_changes_nothing(
    module: tuple[list[list[int]], list[str]], random: object
) -> None:
    matrix, ops = module
    size = len(ops)
    order = [0, *range(1, size - 1), size - 1]
    inner = order[1:-1]
    random.shuffle(inner)  # type: ignore[attr-defined]
    # Keep a topological order: sort the shuffled vertices by their depth.
    depth = [0] * size
    for v in range(size):
        depth[v] = max((depth[u] + 1 for u in range(v) if matrix[u][v]), default=0)
    order = [0, *sorted(inner, key=lambda v: depth[v]), size - 1]
    renamed = [[matrix[u][v] for v in order] for u in order]
    assert nasbench101(renamed, [ops[v] for v in order]) == nasbench101(matrix, ops)


def test_a_nasbench101_module_loses_vertices_on_no_path() -> None:
    matrix = [[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    graph = nasbench101(matrix, ["input", "conv1x1-bn-relu", "maxpool3x3", "output"])
    assert graph.key == "y=x"


@pytest.mark.parametrize(
    ("matrix", "ops", "part"),
    [
        ([[0]], ["input"], "labels"),
        ([[0, 1], [0, 0]], ["input", "conv1x1-bn-relu"], "labels"),
        ([[0, 0], [1, 0]], ["input", "output"], "upper triangular"),
        ([[0, 2], [0, 0]], ["input", "output"], "upper triangular"),
        ([[0, 1]], ["input", "output"], "one row for each of 2"),
    ],
)
def test_malformed_nasbench101_modules(matrix: list[list[int]], ops: list[str], part: str) -> None:
    with pytest.raises(CellFormatError, match=part):
        nasbench101(matrix, ops)


def test_a_nasbench_graph_cell() -> None:
    graph = nasbench_graph([0, 1, 1, 0], ["gcn", "skip", "gat", "fc"])
    assert graph.key == "1=fc(x);2=gcn(x);3=gat(2);y=1+2+3"


@pytest.mark.parametrize("name", ["cora", "arxiv"])
def test_nasbench_graph_cells_have_distinct_keys(name: str) -> None:
    table = rows(f"nas-bench-graph/nasbench_graph_{name}.csv")
    keys = {
        nasbench_graph([int(c) for c in row["link"]], row["ops"].split("|")).key for row in table
    }
    assert len(keys) == len(table) == 26_206


@pytest.mark.parametrize(
    ("link", "ops"), [([], []), ([0], ["gcn", "gat"]), ([0], ["conv"]), ([1], ["gcn"])]
)
def test_malformed_nasbench_graph_cells(link: list[int], ops: list[str]) -> None:
    with pytest.raises(CellFormatError):
        nasbench_graph(link, ops)


NB201_TEXT = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"
LINK, LINK_OPS = [0, 0, 1, 2], ["gcn", "gat", "skip", "fc"]
MATRIX, MATRIX_OPS = [[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "conv3x3-bn-relu", "output"]


def test_a_line_of_a_file_is_a_nasbench201_cell() -> None:
    for executed in (False, True):
        graph = nasbench201(NB201_TEXT, executed=executed)
        assert nasbench201(f" {NB201_TEXT}\r\n", executed=executed) == graph


def tensor_of(values: list[object]) -> object:
    torch = pytest.importorskip("torch", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    return torch.tensor(values)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # numpy's, of `matrix`
@pytest.mark.parametrize("form", [np.array, np.float32, tuple, tensor_of, np.matrix])
def test_arrays_and_tensors_are_read_as_lists_are(form: object) -> None:
    assert nasbench101(form(MATRIX), MATRIX_OPS) == nasbench101(MATRIX, MATRIX_OPS)  # type: ignore[operator]
    rows_of_form = [form(row) for row in MATRIX]  # type: ignore[operator]
    if form is not np.matrix:
        assert nasbench101(rows_of_form, MATRIX_OPS) == nasbench101(MATRIX, MATRIX_OPS)
    if form not in (np.matrix, np.float32):
        assert nasbench_graph(form(LINK), np.array(LINK_OPS)) == nasbench_graph(LINK, LINK_OPS)  # type: ignore[operator, arg-type]


class WithoutText:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def nested(depth: int) -> list[object]:
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


FOREIGN = [
    {0, 1},  # no order
    frozenset([1, 0]),
    {1: 0, 0: 1},
    nested(100_000),
    10**5000,
    [10**5000] * 4,
    "1" * 100_000,
    [7] * 100_000,
    WithoutText(),
    [WithoutText()] * 4,
    bytearray(b"0012"),
    "\ud800",
    None,
    float("nan"),
    7,
    b"0012",
    "0012",
    {"0_1": "conv_3x3"},
    (4, 0, 3, 1, 4, 3),
    [0.0, 0.0, 1.0, 2.0],
    [[0], [0], [1], [2]],
    ["0", "0", "1", "2"],
    {0, 0.5},
    np.array(3),
    np.array([0.0, 0.5, 1.0, 2.0]),
    np.array([None, "a", [], 2], dtype=object),
    iter([0, 0, 1, 2]),
    object(),
]


@pytest.mark.parametrize("value", FOREIGN, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "read",
    [
        nasbench201,
        lambda value: nasbench_graph(value, LINK_OPS),
        lambda value: nasbench_graph(LINK, value),
        lambda value: nasbench101(value, MATRIX_OPS),
        lambda value: nasbench101([value, value, value], MATRIX_OPS),
        lambda value: nasbench101([[value] * 3] * 3, MATRIX_OPS),
        lambda value: nasbench101(MATRIX, value),
        Cell.parse,
        Cell.from_flat,
        Cell.from_arch_vec,
        lambda value: Cell.from_arch_vec([value]),
        lambda value: Cell(value, ((0,),)),
        lambda value: Cell(("conv5",), value),
        lambda value: Cell((value,), ((0,),)),
        lambda value: Cell(("conv5",), ((value,),)),
    ],
    ids=lambda _: "read",
)
def test_foreign_forms_are_refused_with_a_message(read: object, value: object) -> None:
    with pytest.raises(CellFormatError, match=r"but got|unknown operation|linked to") as error:
        read(value)  # type: ignore[operator]
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("make", ["to_sparse", "to_mkldnn", "to"])
def test_unreadable_tensors_are_refused(make: str) -> None:
    tensor = tensor_of([0.0, 0.0, 1.0, 2.0])
    foreign = getattr(tensor, make)(*["meta"][: make == "to"])
    for read in (lambda: nasbench_graph(foreign, LINK_OPS), lambda: nasbench101(foreign, LINK_OPS)):
        with pytest.raises(CellFormatError):
            read()
    with pytest.raises(CellFormatError, match="must be upper triangular"):
        nasbench101(foreign, MATRIX_OPS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    )
)
def test_whatever_json_can_hold_is_a_graph_or_a_message(value: object) -> None:
    for read in (
        nasbench201,
        lambda v: nasbench_graph(v, v),
        lambda v: nasbench_graph(v, LINK_OPS),
        lambda v: nasbench101(v, MATRIX_OPS),
        Cell.parse,
        Cell.from_flat,
        Cell.from_arch_vec,
    ):
        with contextlib.suppress(CellFormatError):
            assert isinstance(read(value), CellGraph | Cell)  # type: ignore[operator]
