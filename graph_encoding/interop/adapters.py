"""Cells of other benchmarks as `CellGraph`s."""

import operator
import re
from collections.abc import Sequence
from typing import Any

from graph_encoding.common.errors import CellFormatError, shown
from graph_encoding.functional_identity import canonical_form
from graph_encoding.graph import CellGraph
from graph_encoding.ops import INPUT, OUTPUT, Operation

NB201_OPERATIONS = {
    op.name: op
    for op in (
        Operation("nor_conv_1x1", "conv2d", kernel=1),
        Operation("nor_conv_3x3", "conv2d", kernel=3),
        Operation("avg_pool_3x3", "avg_pool", kernel=3),
    )
}
"""Operations that become nodes; `none` is an absent edge, `skip_connect` an edge.

Source: Dong and Yang, "NAS-Bench-201", ICLR 2020, section 2.1.
"""

NB101_OPERATIONS = {
    op.name: op
    for op in (
        Operation("conv1x1-bn-relu", "conv2d", kernel=1),
        Operation("conv3x3-bn-relu", "conv2d", kernel=3),
        Operation("maxpool3x3", "max_pool", kernel=3),
    )
}
"""Source: Ying et al., "NAS-Bench-101", ICML 2019, section 2.1."""

NB_GRAPH_OPERATIONS = {
    **{
        name: Operation(name, "graph_conv")
        for name in ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph")
    },
    "fc": Operation("fc", "linear"),
}
"""Operations that become nodes; `skip` becomes an edge.

Source: Qin et al., "NAS-Bench-Graph", NeurIPS 2022, section 3.1.
"""

_NB201_EDGE = re.compile(r"(?P<op>[a-z]\w*)~(?P<source>[0-9]{1,9})")


def nasbench201(arch_str: str, *, executed: bool = False) -> CellGraph:
    """The graph of a NAS-Bench-201 cell; any number of nodes.

    The benchmark has operations on edges and sums at nodes. Here each edge with a convolution or a
    pooling is a node, whose input is the sum at its source. Operations without an input are left
    out, as in the benchmark's own identity: a convolution of zeros is a constant. Equal keys mean
    equal functions: a value that is used twice is not two values with weights of their own.

    A device also runs copies, and operations whose results are unused. For latency use the
    `executed` graph, where every edge but `none` is a node; there, graphs of one function may have
    different keys.

    Args:
        arch_str: such as "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|".
        executed: keep copies and operations whose results are unused.

    Raises:
        CellFormatError: if the text does not follow that grammar.
    """
    if not isinstance(arch_str, str):
        raise CellFormatError(
            "a NAS-Bench-201 cell must be a text such as '|none~0|+|none~0|skip_connect~1|', but "
            f"got {_shown(arch_str)}; write another form of it as that text first"
        )
    arch_str = arch_str.strip()
    ops: list[str] = []
    arguments: list[dict[int, int]] = []
    # The sum at each node of the cell: term number (0 is the input) -> multiplicity.
    sums: list[dict[int, int]] = [{0: 1}]
    for edges in _nb201_edges(arch_str):
        total: dict[int, int] = {}
        for op, node in edges:
            source = sums[node]
            if op == "skip_connect" and not executed:
                for term, count in source.items():
                    total[term] = total.get(term, 0) + count
            elif op != "none" and (source or executed):
                ops.append(op)
                arguments.append(source)
                total[len(ops)] = 1
        sums.append(total)
    if executed:
        return _graph_as_it_stands(ops, arguments, sums[-1], arch_str)
    return _graph(ops, arguments, sums[-1], NB201_OPERATIONS)


def _nb201_edges(arch_str: str) -> list[list[tuple[str, int]]]:
    """Per node, from the second on, the operation and the source of each edge into it."""
    nodes = []
    for node, part in enumerate(arch_str.split("+"), start=1):
        edges = []
        for edge in part.strip("|").split("|"):
            match = _NB201_EDGE.fullmatch(edge)
            known = match is not None and (
                match["op"] in NB201_OPERATIONS or match["op"] in ("none", "skip_connect")
            )
            if match is None or not known or int(match["source"]) >= node:
                raise CellFormatError(
                    f"NAS-Bench-201 cell {shown(arch_str)}: node {node} must be edges 'operation~"
                    f"earlier node' joined by '|' with the operations none, skip_connect, "
                    f"{', '.join(NB201_OPERATIONS)}, but got {shown(edge)}"
                )
            edges.append((match["op"], int(match["source"])))
        nodes.append(edges)
    return nodes


def _graph_as_it_stands(
    ops: list[str], arguments: list[dict[int, int]], output: dict[int, int], key: str
) -> CellGraph:
    """The graph of all operations in their order, used or not."""
    described = {**NB201_OPERATIONS, "skip_connect": Operation("skip_connect", "other")}
    sums = [*arguments, output]
    edges = [
        (s, t, count) for t, sources in enumerate(sums, start=1) for s, count in sources.items()
    ]
    nodes = (INPUT, *(described[op] for op in ops), OUTPUT)
    return CellGraph(nodes, tuple(sorted(edges)), key)


def nasbench101(matrix: Sequence[Sequence[int]], ops: Sequence[str]) -> CellGraph:
    """The graph of a NAS-Bench-101 module.

    Vertices that are on no path from input to output are left out, as in the benchmark. An edge
    means that a value is used, whether it is concatenated (at the output) or projected and added.

    Args:
        matrix: (v, v) adjacency, 0 or 1, upper triangular: lists, an array or a tensor.
        ops: (v,) labels, the first "input", the last "output".

    Raises:
        CellFormatError: if shapes, labels or values break those rules.
    """
    labels = _labels("a NAS-Bench-101 module", ops)
    size = len(labels)
    inner = labels[1:-1]
    if (
        size < 2
        or (labels[0], labels[-1]) != ("input", "output")
        or not set(inner) <= set(NB101_OPERATIONS)
    ):
        raise CellFormatError(
            "the labels of a NAS-Bench-101 module must be 'input', operations of "
            f"{', '.join(NB101_OPERATIONS)}, 'output', but got {shown(labels)}"
        )
    rows = [_items(row) or [] for row in _items(matrix) or []]
    if len(rows) != size or any(
        len(row) != size or any(row[: v + 1]) or any(e not in (0, 1) for e in row)
        for v, row in enumerate(rows)
    ):
        raise CellFormatError(
            "the matrix of a NAS-Bench-101 module must be upper triangular with 0 and 1, one row "
            f"for each of {size} labels, but got {_shown(matrix)}"
        )
    fed = {0}
    for v in range(1, size):
        if any(rows[u][v] for u in fed):
            fed.add(v)
    arguments = [{u: 1 for u in fed if rows[u][v]} for v in range(1, size)]
    return _graph(inner, arguments[:-1], arguments[-1], NB101_OPERATIONS)


def nasbench_graph(link: Sequence[int], ops: Sequence[str]) -> CellGraph:
    """The graph of a NAS-Bench-Graph cell.

    Args:
        link: source of each node: 0 for the cell's input, k for the k-th node; a list, an array or
            a tensor of integers.
        ops: operation of each node. Values that no node uses are joined at the output.

    Raises:
        CellFormatError: if the lengths differ, a label is unknown or a link points ahead.
    """
    known = [*NB_GRAPH_OPERATIONS, "skip"]
    labels = _labels("a NAS-Bench-Graph cell", ops)
    sources = _integers(link)
    if not sources or len(sources) != len(labels) or not set(labels) <= set(known):
        raise CellFormatError(
            f"a NAS-Bench-Graph cell must have a link and one of {', '.join(known)} for each "
            f"node, but got the links {shown(sources)} and the operations "
            f"{shown(labels)}"
        )
    names: list[str] = []
    arguments: list[dict[int, int]] = []
    term_of_node = [0]
    for node, (source, op) in enumerate(zip(sources, labels, strict=True), start=1):
        if not 0 <= source < node:
            raise CellFormatError(
                f"node {node} of a NAS-Bench-Graph cell must be linked to an earlier one (0 to "
                f"{node - 1}), but is linked to {shown(source)}"
            )
        if op == "skip":
            term_of_node.append(term_of_node[source])
            continue
        names.append(op)
        arguments.append({term_of_node[source]: 1})
        term_of_node.append(len(names))
    output: dict[int, int] = {}
    for node in set(range(1, len(sources) + 1)) - set(sources):
        output[term_of_node[node]] = output.get(term_of_node[node], 0) + 1
    return _graph(names, arguments, output, NB_GRAPH_OPERATIONS)


def _integers(link: Any) -> list[int]:
    entries = _items(link)
    try:
        return [operator.index(entry) for entry in entries or [link]]
    except TypeError as e:
        raise CellFormatError(
            "the links of a NAS-Bench-Graph cell must be a list of integers such as [0, 0, 1, 2], "
            f"but got {_shown(link)}; split a text into its digits"
        ) from e


def _labels(what: str, ops: Any) -> list[str]:
    labels = _items(ops)
    if labels is None or not all(isinstance(label, str) for label in labels):
        raise CellFormatError(
            f"the operations of {what} must be a list of texts, but got {_shown(ops)}"
        )
    return labels


def _items(values: Any) -> list[Any] | None:
    """The entries of a sequence, an array or a tensor, as Python values; else None."""
    plain = _plain(values)
    if not isinstance(plain, Sequence) or isinstance(plain, str | bytes | bytearray):
        return None
    return [_plain(entry) for entry in plain]


def _plain(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        return value
    try:
        return value.tolist()
    # Sparse, quantised and meta tensors raise errors of several types.
    except Exception:
        return None


def _shown(value: object) -> str:
    return f"{type(value).__name__} {shown(value)}"


def _graph(
    ops: list[str],
    arguments: list[dict[int, int]],
    output: dict[int, int],
    described: dict[str, Operation],
) -> CellGraph:
    width = len(ops) + 1
    form = canonical_form(
        ops,
        [[terms.get(i, 0) for i in range(width)] for terms in arguments],
        [output.get(i, 0) for i in range(width)],
    )
    nodes = (INPUT, *(described[name] for name in form.ops), OUTPUT)
    return CellGraph(nodes, form.edges, form.key)
