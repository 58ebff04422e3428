"""Properties of paths with respect to subsets of the operations, by name or by description."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import PathSumEncoding, PathSums
from graph_encoding.encodings.stacked_graphs import (
    Counts,
    DenseGraphs,
    count_paths,
    to_float32,
)
from graph_encoding.ops import NB_ASR_OPS, OPERATIONS, SIZES, Operation

_OF_SUBSET = (
    "count",
    "shortest",
    "longest",
    "mean",
    "longest_pure",
    "log_pure_paths",
    "feeding_output",
    "fed_by_input",
)
_ALL_SUBSETS_UP_TO = 5
_NO_PATH = -1.0

_Matrix = NDArray[np.float32]


class SubsetEncoding(PathSumEncoding):
    """Per subset of the operations, the lengths and numbers of paths from input to output.

    The length of a path is its number of members of the subset. Columns: members in the graph;
    length of the shortest, longest and mean path (a path through an edge of multiplicity m is m
    paths); length of the longest path of members only (`longest_pure`), and the logarithm of 1 +
    the number of such paths; edges from members to the output and from the input to members. The
    length is -1 where no such path exists. Defined for any size.

    Args:
        labels: names of the subsets.

    Source: the idea of Kadlecova et al., "Surprisingly strong performance prediction with neural
    graph features" (GRAF), ICML 2024, section 3, with counts, means and pure paths added.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._subsets = len(labels)
        self._columns = tuple(f"subset/{label}:{name}" for name in _OF_SUBSET for label in labels)

    def encode_sums(self, group: DenseGraphs, sums: PathSums) -> _Matrix:
        """Shape suffixes: N graphs, V nodes, S subsets."""
        steps_NVS = sums.added
        last = group.nodes - 1
        paths = group.path_counts.at_node(last)
        no_path_N1 = paths.value[:, None] == 0
        pure_longest_NS, pure_paths = _pure_paths(group, steps_NVS)
        by_subset = [
            steps_NVS.sum(axis=1),
            np.where(no_path_N1, _NO_PATH, sums.least),
            np.where(no_path_N1, _NO_PATH, sums.greatest),
            np.where(no_path_N1, _NO_PATH, sums.mean),
            np.where(pure_paths.value > 0, pure_longest_NS, _NO_PATH),
            pure_paths.log1p(),
            _edges_of_members(group.sources[last], steps_NVS),
            _edges_of_members(group.targets[0], steps_NVS),
        ]
        return np.concatenate(by_subset, axis=1, dtype=np.float32)


class OpSubsetEncoding(SubsetEncoding):
    """`SubsetEncoding` of subsets by name, with the number of paths of each graph.

    Other operations than `ops` are in no subset.

    Args:
        ops: operations to form subsets of. Of more than five, only subsets of one, of two, of all
            but one and of all are used: the number of all subsets grows exponentially.
    """

    def __init__(self, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        sizes = {1, 2, len(ops) - 1, len(ops)}
        if len(ops) <= _ALL_SUBSETS_UP_TO:
            sizes = set(range(1, len(ops) + 1))
        self._names = [
            subset
            for size in sorted(sizes - {-1, 0})
            for subset in itertools.combinations(ops, size)
        ]
        super().__init__(["+".join(subset) for subset in self._names])
        self._columns = (*self._columns, "subset/log_paths", "subset/no_path")

    def _quantities(self, op: Operation) -> list[float]:
        return [float(op.name in subset) for subset in self._names]

    def encode_sums(self, group: DenseGraphs, sums: PathSums) -> _Matrix:
        """Columns of the subsets, then those of the graph."""
        paths = group.path_counts.at_node(group.nodes - 1)
        of_graph = [paths.log1p()[:, None], paths.value[:, None] == 0]
        columns = [super().encode_sums(group, sums), *of_graph]
        return np.concatenate(columns, axis=1, dtype=np.float32)


class DescribedSubsetEncoding(SubsetEncoding):
    """`SubsetEncoding` of one operation each, one kind each, and all of at least some size.

    Their number grows in proportion to that of the operations. Unseen operations are in the same
    subsets as others of their kind and sizes.

    Args:
        ops: operations to distinguish, by default those of NAS-Bench-ASR; only kinds
            and sizes that divide them are used.
    """

    def __init__(self, ops: Sequence[Operation] | None = None) -> None:
        if ops is None:
            ops = [OPERATIONS.get(name) for name in NB_ASR_OPS[:-1]]
        kinds = sorted({op.kind for op in ops})
        self._kinds = kinds if len(kinds) > 1 else []
        self._least = [
            (field, size)
            for field in SIZES
            for size in sorted({getattr(op, field) for op in ops})[1:]
        ]
        self._names = [op.name for op in ops]
        labels = [
            *(f"op={name}" for name in self._names),
            *(f"kind={kind}" for kind in self._kinds),
        ]
        super().__init__([*labels, *(f"{field}>={size}" for field, size in self._least)])

    def _quantities(self, op: Operation) -> list[float]:
        if op.kind in ("input", "output"):
            return [0.0] * self._subsets
        return [
            *(float(op.name == name) for name in self._names),
            *(float(op.kind == kind) for kind in self._kinds),
            *(float(getattr(op, field) >= size) for field, size in self._least),
        ]


def _edges_of_members(edges: list[tuple[int, NDArray[np.float64]]], steps_NVS: _Matrix) -> _Matrix:
    """(N, S) number of edges to or from members, of nodes with multiplicities (N,)."""
    total_NS = np.zeros((len(steps_NVS), steps_NVS.shape[2]))
    for node, weight_N in edges:
        total_NS += weight_N[:, None] * steps_NVS[:, node]
    return to_float32(total_NS)


def _pure_paths(group: DenseGraphs, steps_NVS: _Matrix) -> tuple[_Matrix, Counts]:
    """Length of the longest path through members only, and their number: (N, S) each."""
    last = group.nodes - 1
    through_NVS = steps_NVS > 0
    through_NVS[:, last] = True
    paths = count_paths(group, through_NVS)
    if len(through_NVS) == 1:
        through_VS, value_VS = through_NVS[0], paths.value[0]
        return _longest_pure_of_one(group, steps_NVS[0], through_VS, value_VS), paths.at_node(last)
    most_NVS = np.zeros(steps_NVS.shape, np.float32)
    for target in range(1, group.nodes):
        for source, weight_N in group.sources[target]:
            is_pure_NS = (weight_N > 0)[:, None] & (paths.value[:, source] > 0)
            is_pure_NS &= through_NVS[:, target]
            steps_NS = most_NVS[:, source] + steps_NVS[:, target]
            np.maximum(
                most_NVS[:, target],
                np.where(is_pure_NS, steps_NS, np.float32(0.0)),
                out=most_NVS[:, target],
            )
    return most_NVS[:, last], paths.at_node(last)


def _longest_pure_of_one(
    group: DenseGraphs,
    steps_VS: _Matrix,
    through_VS: NDArray[np.bool_],
    paths_VS: NDArray[np.float64],
) -> _Matrix:
    """(1, S) the longest path of members only, of a single graph; all edges to a node at once."""
    most_VS = np.zeros(steps_VS.shape, np.float32)
    reached_VS = paths_VS > 0
    for target, (sources, _) in enumerate(group.fed_by[1:], 1):
        steps_ES = (most_VS[sources] + steps_VS[target]) * reached_VS[sources]
        longest_S = np.maximum.reduce(steps_ES, axis=0, initial=0.0)
        np.multiply(longest_S, through_VS[target], out=most_VS[target])
    return most_VS[-1:]
