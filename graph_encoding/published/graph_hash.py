"""Identity of cells in the original benchmark, for look-ups in released files only.

All 242 published classes with a zero operation mix cells of different functions, so the rest of
the library uses `functional_key` as the identity of a function.

Source: SamsungLabs/nb-asr v1.1.0, `nasbench_asr/graph_utils.py` and `search_space.py`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.ops import NB_ASR_OPS
from graph_encoding.space import CellSpace

_INPUT_LABEL = -1
_OUTPUT_LABEL = -2
_LABEL_OF_OP = {name: index for index, name in enumerate(NB_ASR_OPS)}
_STANDARD_NODES = 3


@dataclass(frozen=True, slots=True)
class PublishedClass:
    """All points of the space with one published hash.

    Attributes:
        hash: md5 in hex.
        members: the points, in enumeration order.
    """

    hash: str
    members: tuple[Cell, ...]

    @property
    def representative(self) -> Cell:
        """The member that was trained and timed for the class: the last one enumerated."""
        return self.members[-1]


def published_hash(cell: Cell) -> str:
    """The original's hash of a cell, bit for bit.

    The published graph is minimised (zero operations and vertices on no path from input to output
    are removed), then hashed as in NAS-Bench-101. All cells without a path from input to output
    have the hash of the empty graph.

    Raises:
        UserError: if the cell is not in the published space: three nodes of its six operations.

    >>> published_hash(Cell.from_arch_vec([[1, 0], [1, 0, 0], [1, 0, 0, 0]]))
    '36855332a5778e0df5114305bc3ce238'
    """
    _check_published(cell)
    zeros = tuple([op == "zero" for op in cell.ops])
    edges, kept = _minimised(cell.skips, zeros)
    labels = tuple([_LABEL_OF_OP[cell.ops[vertex - 1]] for vertex in kept])
    return _hash_graph(edges, labels)


def published_graph_hash(matrix: ArrayLike, labels: Sequence[str]) -> str:
    """The original's hash of a graph from its `get_model_graph`, minimised or not.

    Args:
        matrix: (vertices, vertices) adjacency of 0 and 1; rows are sources.
        labels: operation of each vertex, between "input" and "output"; a minimised graph may be
            empty.

    Raises:
        UserError: if it is not such a graph.
    """
    try:
        edges = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as e:
        raise UserError(f"a graph's matrix must be of numbers, but is not: {e}") from e
    if edges.size == 0:
        edges = edges.reshape(0, 0)
    named = list(labels)
    inner = [op for op in named[1:-1] if op in NB_ASR_OPS]
    if edges.shape != (len(named), len(named)) or not np.isin(edges, (0, 1)).all():
        raise UserError(
            "a graph must have a matrix of 0 and 1 with a row and a column for each label, but has "
            f"shape {edges.shape} and {len(named)} labels"
        )
    if named and named != ["input", *inner, "output"]:
        raise UserError(
            f"a graph's labels must be input, operations of {', '.join(NB_ASR_OPS)}, and output, "
            f"but are {named}"
        )
    neighbours = tuple(
        (tuple(np.flatnonzero(column).tolist()), tuple(np.flatnonzero(row).tolist()))
        for row, column in zip(edges, edges.T, strict=True)
    )
    return _hash_graph(neighbours, tuple(_LABEL_OF_OP[op] for op in inner))


def published_class(cell: Cell) -> PublishedClass:
    """The published class that a cell belongs to.

    Raises:
        UserError: if the cell is not in the published space.
    """
    return _classes()[published_hash(cell)]


def published_classes() -> tuple[PublishedClass, ...]:
    """All 8,242 published classes, in the order of their first members."""
    return tuple(_classes().values())


@cache
def _classes() -> dict[str, PublishedClass]:
    members: dict[str, list[Cell]] = {}
    for cell in CellSpace():
        members.setdefault(published_hash(cell), []).append(cell)
    return {key: PublishedClass(key, tuple(cells)) for key, cells in members.items()}


def is_published(cell: Cell) -> bool:
    """Whether a cell is a point of the published space."""
    return cell.nodes == _STANDARD_NODES and _LABEL_OF_OP.keys() >= set(cell.ops)


def _check_published(cell: Cell) -> None:
    if not is_published(cell):
        raise UserError(
            f"only cells of {_STANDARD_NODES} nodes over {', '.join(NB_ASR_OPS)} were published, "
            f"but got {cell.text}; other cells have a functional key only"
        )


_Neighbours = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
"""Sources and targets of each vertex of a graph."""


@lru_cache(maxsize=1024)
def _minimised(
    skips: tuple[tuple[int, ...], ...], zeros: tuple[bool, ...]
) -> tuple[_Neighbours, tuple[int, ...]]:
    """The minimised published graph: neighbours, and the remaining operations.

    Vertex 0 is the input, vertex k node k, the last the output. The flags of node k are further
    inputs of the vertex after it.
    """
    last = len(zeros) + 1
    edges = {(vertex, vertex + 1) for vertex in range(last)}
    for k, flags in enumerate(skips, start=1):
        edges |= {(source, k + 1) for source, flag in enumerate(flags) if flag}
    gone = {k for k, zero in enumerate(zeros, start=1) if zero}
    edges = {edge for edge in edges if gone.isdisjoint(edge)}
    after = _reachable(0, edges)
    before = _reachable(last, {(target, source) for source, target in edges})
    kept = sorted(after & before)
    place = {vertex: i for i, vertex in enumerate(kept)}
    inside = sorted((s, t) for s, t in edges if s in place and t in place)
    neighbours = tuple(
        (
            tuple(place[source] for source, target in inside if target == vertex),
            tuple(place[target] for source, target in inside if source == vertex),
        )
        for vertex in kept
    )
    return neighbours, tuple(kept[1:-1])


def _reachable(start: int, edges: set[tuple[int, int]]) -> set[int]:
    reached = {start}
    waiting = [start]
    while waiting:
        vertex = waiting.pop()
        found = {target for source, target in edges if source == vertex} - reached
        reached |= found
        waiting += found
    return reached


@lru_cache(maxsize=16_384)
def _hash_graph(neighbours: _Neighbours, inner_labels: tuple[int, ...]) -> str:
    labels = (_INPUT_LABEL, *inner_labels, _OUTPUT_LABEL) if neighbours else ()
    hashes = [
        # The original's degrees are sums of a float matrix, so the hashed text has "1.0".
        _md5(f"({len(targets)}.0, {len(sources)}.0, {label})")
        for (sources, targets), label in zip(neighbours, labels, strict=True)
    ]
    for _ in neighbours:
        hashes = [
            _md5(
                "".join(sorted([hashes[i] for i in sources]))
                + "|"
                + "".join(sorted([hashes[i] for i in targets]))
                + "|"
                + own
            )
            for (sources, targets), own in zip(neighbours, hashes, strict=True)
        ]
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
