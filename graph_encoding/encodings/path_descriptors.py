"""What operations add up to along the paths from input to output."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import Operation

_DESCRIPTORS = ("operations", "dense", "kernel", "span", "dilated_span", "log_groups")


def _describe(op: Operation) -> tuple[float, ...]:
    """Numbers that add up along a path; see `_DESCRIPTORS`."""
    return (
        1.0,
        float(op.kind in ("linear", "gated_linear")),
        op.kernel - 1.0,
        op.span - 1.0,
        (op.span - 1.0) * (op.dilation > 1),
        math.log(op.group_scale),
    )


class PathDescriptorEncoding(Encoding):
    """Least, greatest and mean sum of operation descriptors over all paths.

    The sums of `span` are receptive fields, those of `operations` depths. The mean counts a path
    through an edge of multiplicity m as m paths. Sums, not lists of paths, are carried along
    the edges, so that the cost grows with the edges only. A graph without a path from input to
    output has zeros. Defined for any size and any operation.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Three columns for each descriptor."""
        return tuple(
            f"path_descriptor/{name}:{pooled}"
            for pooled in ("min", "max", "mean")
            for name in _DESCRIPTORS
        )

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, 18)."""
        described: dict[Operation, tuple[float, ...]] = {}
        rows = []
        for graph in graphs:
            for op in graph.ops:
                if op not in described:
                    described[op] = _describe(op)
            rows.append(_pool(graph, [described[op] for op in graph.ops[1:-1]]))
        return np.array(rows, dtype=np.float32).reshape(len(graphs), 3 * len(_DESCRIPTORS))


def _pool(graph: CellGraph, steps: list[tuple[float, ...]]) -> list[float]:
    nothing = (0.0,) * len(_DESCRIPTORS)
    added = [nothing, *steps, nothing]
    last = len(graph.ops) - 1
    paths = [1] + [0] * last
    least: list[list[float]] = [list(nothing) for _ in graph.ops]
    greatest: list[list[float]] = [list(nothing) for _ in graph.ops]
    total: list[list[float]] = [list(nothing) for _ in graph.ops]
    # Edges rise by source, and a node's value is whole before it is a source.
    for source, target, multiplicity in graph.edges:
        if not paths[source]:
            continue
        step = added[target]
        low = [value + more for value, more in zip(least[source], step, strict=True)]
        high = [value + more for value, more in zip(greatest[source], step, strict=True)]
        if paths[target]:
            low = list(map(min, low, least[target]))
            high = list(map(max, high, greatest[target]))
        least[target], greatest[target] = low, high
        total[target] = [
            there + multiplicity * (value + paths[source] * more)
            for there, value, more in zip(total[target], total[source], step, strict=True)
        ]
        paths[target] += multiplicity * paths[source]
    mean = [value / max(1, paths[last]) for value in total[last]]
    return [*least[last], *greatest[last], *mean]
