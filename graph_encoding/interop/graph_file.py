"""A neutral file of graphs and their measurements: JSON Lines, one graph per line.

    {"key": "a", "ops": ["input", "conv5", "output"], "edges": [[0, 1], [1, 2], [0, 2]],
     "targets": {"accuracy": 0.93}, "features": {"mflops": 12.5}}

`ops` are labels of nodes, of which one is "input" and one "output"; `edges` go from node to node,
and a repeated edge adds its value twice. `features` are optional: numbers that are known before a
training, such as zero-cost proxies, which some predictors take as further columns
(docs/guides/benchmark.md). All lines have the same targets and features. `operations` are optional:
descriptions of labels; fields equal to 1 may be left out there. The name of a label that is neither
described nor registered is read by `operation_of_name`:

     "operations": {"conv13": {"kind": "conv", "kernel": 13}}
"""

import heapq
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError, shown
from graph_encoding.common.strict_json import parse_json
from graph_encoding.graph import CellGraph
from graph_encoding.interop.operation_names import NameParser, operation_of_name
from graph_encoding.ops import BUILT_IN_OPS, INPUT, OUTPUT, SIZES, Operation

_STRICT = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True)
class _Description:
    """What a label stands for, as a line has it."""

    __pydantic_config__ = _STRICT
    kind: str
    kernel: int = 1
    dilation: int = 1
    group_scale: int = 1
    stride: int = 1
    expansion: int = 1


@dataclass(frozen=True)
class _Line:
    """The JSON object of a line."""

    __pydantic_config__ = _STRICT
    key: str
    ops: list[str]
    edges: list[tuple[int, int]]
    targets: dict[str, float]
    features: dict[str, float] = field(default_factory=dict)
    operations: dict[str, _Description] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphRow:
    """A graph with its measurements.

    Attributes:
        graph: the graph. A label that the file does not describe is what `operation_of_name`, or
            another parser, reads it as.
        targets: measured values, finite.
        features: further numbers that a predictor may use, finite.
    """

    graph: CellGraph
    targets: Mapping[str, float]
    features: Mapping[str, float]

    @property
    def graph_with_features(self) -> CellGraph:
        """The graph with its features sorted, as predictors take it."""
        return replace(self.graph, features=tuple(sorted(self.features.items())))


def read_graphs(path: Path, parser: NameParser = operation_of_name) -> Iterator[GraphRow]:
    """Read a file of graphs line by line; only the keys are kept in memory.

    Args:
        path: the file.
        parser: reads the names of labels that a line does not describe.

    Raises:
        UserError: naming the line, if it is not a JSON object of this form, a graph has a cycle,
            an unknown node or not exactly one input and output, a key is repeated, a value is
            not finite, or its targets or features differ from those of the first line.
    """
    seen = _SeenRows()
    try:
        # With or without the byte-order mark that editors of Windows put first.
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = _parse_row(line, parser)
                    seen.check(row, number)
                except UserError as e:
                    raise UserError(f"{path}, line {number}: {e}") from e
                yield row
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read the graphs in {path}: {e}") from e
    seen.check_any(path)


class _SeenRows:
    """Keys, targets and features of the rows so far, which the next row must fit."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._names: tuple[set[str], set[str]] | None = None

    def check(self, row: GraphRow, number: int) -> None:
        """Check and remember a row.

        Raises:
            UserError: if its key is repeated, it has no target, or its targets or features differ
                from those of the first.
        """
        first = self._lines.setdefault(row.graph.key, number)
        if first != number:
            raise UserError(
                f"every key must be unique, but {shown(row.graph.key)} is that of line {first} too"
            )
        if not row.targets:
            raise UserError("a graph must have at least one target, but `targets` is empty")
        found = set(row.targets), set(row.features)
        names = self._names = self._names or found
        if found != names:
            raise UserError(
                "all lines must have the same targets and features, here "
                f"{sorted(names[0])} and {sorted(names[1])}, but this one has "
                f"{sorted(found[0])} and {sorted(found[1])}"
            )

    def check_any(self, path: Path) -> None:
        """Check that there was a row.

        Raises:
            UserError: if there was none.
        """
        if not self._lines:
            raise UserError(f"{path} must have one graph per line, but has none")


def write_graphs(path: Path, rows: Iterable[GraphRow]) -> None:
    """Write a file that `read_graphs` reads, whole or not at all: the same rows come back.

    Raises:
        UserError: if the file cannot be written, there is no row or one that `read_graphs` would
            refuse, a graph has two operations of one name, or not exactly its ends are called
            "input" and "output".
    """
    seen = _SeenRows()
    try:
        with atomic_file(path) as scratch, scratch.open("w", encoding="utf-8") as file:
            for number, row in enumerate(rows, start=1):
                seen.check(row, number)
                file.write(_row_text(row) + "\n")
            seen.check_any(path)
    except OSError as e:
        raise UserError(f"cannot write the graphs to {path}: {e}") from e


def _row_text(row: GraphRow) -> str:
    described = _descriptions(row.graph)
    for kind, numbers in (("targets", row.targets), ("features", row.features)):
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise UserError(
                    f"`{kind}` must be finite numbers, but {name!r} of graph {row.graph.key!r} "
                    f"is {number}; leave the graph out"
                )
    values = {
        "key": row.graph.key,
        "ops": [op.name for op in row.graph.ops],
        **({"operations": described} if described else {}),
        "edges": [
            [source, target]
            for source, target, multiplicity in row.graph.edges
            for _ in range(multiplicity)
        ],
        "targets": dict(row.targets),
        **({"features": dict(row.features)} if row.features else {}),
    }
    return json.dumps(values, allow_nan=False, ensure_ascii=False)


def _descriptions(graph: CellGraph) -> dict[str, dict[str, Any]]:
    """Descriptions of the graph's operations that a reader cannot know from the label alone."""
    if (graph.ops[0], graph.ops[-1]) != (INPUT, OUTPUT):
        raise UserError(
            'the ends of a graph must be called "input" and "output" in a file, but graph '
            f"{graph.key!r} has {graph.ops[0]} and {graph.ops[-1]}"
        )
    named = {"input": INPUT, "output": OUTPUT}
    for op in graph.ops:
        other = named.setdefault(op.name, op)
        if other != op:
            raise UserError(
                "in a file a name must stand for one operation, but graph "
                f"{graph.key!r} has {other} and {op}; rename one"
            )
    return {
        name: {"kind": op.kind, **{size: v for size in SIZES if (v := getattr(op, size)) != 1}}
        for name, op in named.items()
        # What is registered here, or read from the name, another reader may not know.
        if not (op in (INPUT, OUTPUT) or name in BUILT_IN_OPS or op.kind == "other")
        or op != _undescribed(name, operation_of_name)
    }


def _parse_row(text: str, parser: NameParser) -> GraphRow:
    line = parse_json(text, _Line, "a line must be one JSON object that describes a graph")
    if not line.key:
        raise UserError("a key must be a text of at least one character, but is empty")
    return GraphRow(_graph_of(line, parser), line.targets, line.features)


def _graph_of(line: _Line, parser: NameParser) -> CellGraph:
    labels = line.ops
    if labels.count("input") != 1 or labels.count("output") != 1:
        raise UserError(
            'a graph must have one node "input" and one "output", but has '
            f"{labels.count('input')} and {labels.count('output')}"
        )
    inner = set(labels) - {"input", "output"}
    if not line.operations.keys() <= inner:
        raise UserError(
            "`operations` must describe labels of the graph's inner nodes, "
            f"{shown(sorted(inner))}, but describes {shown(sorted(line.operations))}"
        )
    described = {name: _operation_of(name, of) for name, of in line.operations.items()}
    counts = Counter(line.edges)
    for edge in counts:
        if not all(0 <= node < len(labels) for node in edge):
            raise UserError(
                f"an edge must be two of the nodes 0 to {len(labels) - 1}, but got {list(edge)}"
            )
    place = {node: i for i, node in enumerate(_topological_order(labels, list(counts)))}
    ordered = sorted(place, key=place.__getitem__)
    return CellGraph(
        tuple(
            described.get(labels[node]) or _undescribed(labels[node], parser) for node in ordered
        ),
        tuple(sorted((place[s], place[t], count) for (s, t), count in counts.items())),
        line.key,
    )


def _operation_of(name: str, description: _Description) -> Operation:
    if description.kind in ("input", "output"):
        raise UserError(
            f"operation {name!r}: kind {description.kind!r} is for the ends of a graph, which must "
            "be called so and must not be described"
        )
    # `Operation` checks the kind.
    return Operation(name, **vars(description))


def _topological_order(labels: list[str], edges: list[tuple[int, int]]) -> list[int]:
    """The nodes, each after its sources: the input first, the output last.

    Of the nodes that may come next, the first one comes next, so that nodes in topological order
    keep it: encodings by position depend on it.
    """
    first, last = labels.index("input"), labels.index("output")
    if any(target == first or source == last for source, target in edges):
        raise UserError("no edge may lead into the input or out of the output, but one does")
    if first == 0 and last == len(labels) - 1 and all(s < t for s, t in edges):
        return list(range(len(labels)))  # as most files have them: a tenth of the time
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(labels)), ()))
    for source, target in edges:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as e:
        raise UserError(
            f"a graph must have no cycle, but the nodes {shown(sorted(set(e.args[1])))} form one"
        ) from e
    order: list[int] = []
    ready: list[tuple[bool, bool, int]] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heapq.heappush(ready, (node != first, node == last, node))
        order.append(heapq.heappop(ready)[-1])
        sorter.done(order[-1])
    return order


def _undescribed(label: str, parser: NameParser) -> Operation:
    """The operation of a label that the file does not describe."""
    ends = {"input": INPUT, "output": OUTPUT}
    found = ends.get(label) or parser(label)
    if found.name != label:
        raise UserError(
            f"a parser of names must keep the name {label!r}, but returned {found}; set its name"
        )
    return found
