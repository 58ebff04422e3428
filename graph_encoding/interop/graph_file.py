"""A neutral file of graphs and what was measured of them: JSON Lines, one graph a line.

    {"key": "a", "ops": ["input", "conv5", "output"], "edges": [[0, 1], [1, 2], [0, 2]],
     "targets": {"accuracy": 0.93}, "features": {"mflops": 12.5}}

`ops` are labels of nodes, of which one is "input" and one "output"; `edges` go from node to node,
an edge given twice adds a value twice. `features` may be left out; they are further numbers that
are known before a training, such as zero-cost proxies, and some predictors take them as
columns beside those of the graph (docs/benchmark.md). All lines have the same ones. `operations`
may be left out too. It says what labels stand for that not every reader knows; fields that are 1
may be left out there:

     "operations": {"conv13": {"kind": "conv", "kernel": 13}}
"""

import heapq
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graph_encoding.common.atomic_files import whole_file
from graph_encoding.common.errors import UserError, shown
from graph_encoding.graph import CellGraph
from graph_encoding.ops import BUILT_IN_OPS, INPUT, OPERATIONS, OUTPUT, Operation

_REQUIRED = {"key", "ops", "edges", "targets"}
_OPTIONAL = {"features", "operations"}
_SIZES = ("kernel", "dilation", "group_scale")


@dataclass(frozen=True)
class GraphRow:
    """A graph and what is known of it.

    Attributes:
        graph: the graph. A label that the file does not describe is the registered operation of
            that name, or else one of kind "other".
        targets: measured values, finite.
        features: further numbers that a predictor may use, finite.
    """

    graph: CellGraph
    targets: Mapping[str, float]
    features: Mapping[str, float]

    @property
    def graph_with_features(self) -> CellGraph:
        """The graph as predictors take it: with its features, whatever their order in the row."""
        return replace(self.graph, features=tuple(sorted(self.features.items())))


def read_graphs(path: Path) -> Iterator[GraphRow]:
    """Read a file of graphs line by line; only the keys are kept in memory.

    Raises:
        UserError: naming the line, if it is no JSON object of this form, a graph has a cycle, an
            unknown node or not exactly one input and output, a key stands twice, a value is
            not finite, or its targets or features are not those of the first line.
    """
    seen = _SeenRows()
    try:
        # With or without the byte-order mark that editors of Windows put first.
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = _parse_row(line)
                    seen.check(row, number)
                except UserError as e:
                    raise UserError(f"{path}, line {number}: {e}") from e
                yield row
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read the graphs in {path}: {e}") from e
    seen.check_any(path)


class _SeenRows:
    """What the rows of a file so far say of the next."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._names: tuple[set[str], set[str]] | None = None

    def check(self, row: GraphRow, number: int) -> None:
        """Take a row in.

        Raises:
            UserError: if its key stands twice, it has no target, or its targets or features are
                not those of the first.
        """
        first = self._lines.setdefault(row.graph.key, number)
        if first != number:
            raise UserError(
                f"every key must stand once, but {shown(row.graph.key)} is that of line {first} too"
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
        """Make sure that there was a row.

        Raises:
            UserError: if there was none.
        """
        if not self._lines:
            raise UserError(f"{path} must have a graph a line, but has none")


def write_graphs(path: Path, rows: Iterable[GraphRow]) -> None:
    """Write a file that `read_graphs` reads, whole or not at all: the same rows come back.

    Raises:
        UserError: if the file cannot be written, there is no row or what `read_graphs` would
            refuse, a graph has two operations of one name, or its ends alone are not called
            "input" and "output".
    """
    seen = _SeenRows()
    try:
        with whole_file(path) as scratch, scratch.open("w", encoding="utf-8") as file:
            for number, row in enumerate(rows, start=1):
                seen.check(row, number)
                file.write(_row_text(row) + "\n")
            seen.check_any(path)
    except OSError as e:
        raise UserError(f"cannot write the graphs to {path}: {e}") from e


def _row_text(row: GraphRow) -> str:
    described = _descriptions(row.graph)
    for field, numbers in (("targets", row.targets), ("features", row.features)):
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise UserError(
                    f"`{field}` must be finite numbers, but {name!r} of graph {row.graph.key!r} "
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
    """What the graph's labels stand for, where a reader would not know it from the label alone."""
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
        name: {"kind": op.kind, **{size: v for size in _SIZES if (v := getattr(op, size)) != 1}}
        for name, op in named.items()
        # What is registered here may not be where the file is read.
        if op != _undescribed(name) or (name in OPERATIONS and name not in BUILT_IN_OPS)
    }


def _parse_row(line: str) -> GraphRow:
    try:
        values = json.loads(line)
        if "\\u" in line:
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as e:
        # No JSON, half a character, an integer of thousands of digits, or lists without end.
        raise UserError(f"a line must be one JSON object: {e}") from e
    if not isinstance(values, dict) or not _REQUIRED <= values.keys() <= _REQUIRED | _OPTIONAL:
        got = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise UserError(
            f"a graph must have the fields {sorted(_REQUIRED)} and may have "
            f"{sorted(_OPTIONAL)}, but got {got}"
        )
    key = values["key"]
    if not isinstance(key, str) or not key:
        raise UserError(f"a key must be a text, but got {shown(key)}")
    graph = _parse_graph(key, values["ops"], values["edges"], values.get("operations", {}))
    targets = _parse_numbers("targets", values["targets"])
    return GraphRow(graph, targets, _parse_numbers("features", values.get("features", {})))


def _parse_graph(key: str, labels: Any, edges: Any, described: Any) -> CellGraph:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError(f"`ops` must be a list of texts, but got {shown(labels)}")
    if labels.count("input") != 1 or labels.count("output") != 1:
        raise UserError(
            'a graph must have one node "input" and one "output", but has '
            f"{labels.count('input')} and {labels.count('output')}"
        )
    operations = _parse_operations(described, set(labels) - {"input", "output"})
    counts: Counter[tuple[int, int]] = Counter()
    for edge in edges if isinstance(edges, list) else [edges]:
        is_pair = isinstance(edge, list) and len(edge) == 2
        if not is_pair or not all(type(v) is int and 0 <= v < len(labels) for v in edge):
            raise UserError(
                f"an edge must be two of the nodes 0 to {len(labels) - 1}, but got {shown(edge)}"
            )
        counts[edge[0], edge[1]] += 1
    place = {node: i for i, node in enumerate(_topological_order(labels, list(counts)))}
    ordered = sorted(place, key=place.__getitem__)
    return CellGraph(
        tuple(operations.get(labels[node]) or _undescribed(labels[node]) for node in ordered),
        tuple(sorted((place[s], place[t], count) for (s, t), count in counts.items())),
        key,
    )


def _parse_operations(described: Any, labels: set[str]) -> dict[str, Operation]:
    if not isinstance(described, dict) or not described.keys() <= labels:
        raise UserError(
            "`operations` must be an object that describes labels of the graph's inner nodes, "
            f"which are {shown(sorted(labels))}, but got {shown(described)}"
        )
    return {name: _parse_operation(name, fields) for name, fields in described.items()}


def _parse_operation(name: str, fields: Any) -> Operation:
    known = {"kind", *_SIZES}
    if not isinstance(fields, dict) or not {"kind"} <= fields.keys() <= known:
        raise UserError(
            f"an operation must be described by its kind and may have {', '.join(_SIZES)}, but "
            f"{name!r} is described by {shown(fields)}"
        )
    sizes = {size: fields[size] for size in _SIZES if size in fields}
    if not all(type(value) is int for value in sizes.values()):
        raise UserError(
            f"{', '.join(_SIZES)} of an operation must be integers, but {name!r} has {sizes}"
        )
    if fields["kind"] in ("input", "output"):
        raise UserError(
            f"operation {name!r}: kind {shown(fields['kind'])} marks the ends of a graph, which "
            "are called so and are not described"
        )
    return Operation(name, fields["kind"], **sizes)


def _topological_order(labels: list[str], edges: list[tuple[int, int]]) -> list[int]:
    """The nodes, each after those that feed it: the input first, the output last.

    The first of the nodes that may come next comes next, so that an order that is one already
    stays: encodings by position depend on it.
    """
    first, last = labels.index("input"), labels.index("output")
    if any(target == first or source == last for source, target in edges):
        raise UserError("no edge may lead into the input or out of the output, but one does")
    targets_of: list[list[int]] = [[] for _ in labels]
    unplaced_sources = [0] * len(labels)
    for source, target in edges:
        targets_of[source].append(target)
        unplaced_sources[target] += 1
    order = [first]
    # In rising order, which is what a heap of the smallest first may begin as.
    ready = [n for n, count in enumerate(unplaced_sources) if not count and n not in (first, last)]
    for node in order:  # grows until no node is ready
        for target in targets_of[node]:
            unplaced_sources[target] -= 1
            if not unplaced_sources[target] and target != last:
                heapq.heappush(ready, target)
        if ready:
            order.append(heapq.heappop(ready))
    waiting = sorted(set(range(len(labels))) - {*order, last})
    if waiting:
        raise UserError(
            f"a graph must have no cycle, but the nodes {waiting} feed each other in a circle"
        )
    return [*order, last]


def _undescribed(label: str) -> Operation:
    """What a label stands for in a file that does not say it."""
    if label == "input":
        return INPUT
    if label == "output":
        return OUTPUT
    return OPERATIONS.get(label) if label in OPERATIONS else Operation(label, "other")


def _parse_numbers(field: str, values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        raise UserError(
            f"`{field}` must be an object of names and numbers, but got {shown(values)}"
        )
    return {name: _parse_number(field, name, value) for name, value in values.items()}


def _parse_number(field: str, name: str, value: Any) -> float:
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        # An integer may be too large for a float, and its digits for a message.
        raise UserError(f"`{field}` must be finite numbers, but {shown(name)} is {shown(value)}")
    return number
