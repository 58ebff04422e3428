"""What paths look like when only some of the operations count."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.dense import DenseGraphs, dense_graphs, path_sums
from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import NB_ASR_OPS

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


class OpSubsetEncoding(Encoding):
    """For each subset of the operations, how paths from input to output pass through it.

    With the members of a subset as steps: `count` members in the graph; the steps of the
    `shortest`, the `longest` and the `mean` path (a path through an edge of multiplicity m is m
    paths); the steps of the longest path that has no other operation (`longest_pure`) and the
    logarithm of 1 + the number of such paths; edges from members to the output and from the input
    to members. Where there is no such path a length is -1. An operation outside `ops` belongs
    to no subset. Defined for any size.

    Args:
        ops: operations to make subsets of. Of more than five, only subsets of one, of two and of
            all but one are taken: all would be thousands.

    Source: the idea of Kadlecova et al., "Surprisingly strong performance prediction with neural
    graph features" (GRAF), ICML 2024, section 3, with counts, means and pure paths added.
    """

    def __init__(self, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        sizes = {1, 2, len(ops) - 1, len(ops)}
        if len(ops) <= _ALL_SUBSETS_UP_TO:
            sizes = set(range(1, len(ops) + 1))
        self._subsets = [
            subset
            for size in sorted(sizes - {-1, 0})
            for subset in itertools.combinations(ops, size)
        ]
        self._columns = (
            *(f"subset/{'+'.join(s)}:{name}" for name in _OF_SUBSET for s in self._subsets),
            "subset/log_paths",
            "subset/no_path",
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Eight columns for each subset, and two for the graph."""
        return self._columns

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        encoded = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        for group in dense_graphs(graphs):
            encoded[group.rows] = self._encode_group(group)
        return encoded

    def _encode_group(self, group: DenseGraphs) -> _Matrix:
        """Shape suffixes: N graphs, V nodes, S subsets, O operations."""
        member_OS = np.array(
            [[op.name in subset for subset in self._subsets] for op in group.ops], dtype=np.float32
        ).reshape(len(group.ops), len(self._subsets))
        steps_NVS = member_OS[group.op_index]
        last = group.nodes - 1
        paths_NV = group.path_counts
        no_path_N1 = paths_NV[:, last, None] == 0
        shortest_NS, longest_NS, mean_NS = path_sums(group, steps_NVS)
        pure_longest_NS, pure_paths_NS = _pure_paths(group, steps_NVS)
        weight_NVV = group.multiplicity
        by_subset = [
            steps_NVS.sum(axis=1),
            np.where(no_path_N1, _NO_PATH, shortest_NS),
            np.where(no_path_N1, _NO_PATH, longest_NS),
            np.where(no_path_N1, _NO_PATH, mean_NS),
            np.where(pure_paths_NS > 0, pure_longest_NS, _NO_PATH),
            np.log1p(pure_paths_NS),
            np.einsum("nv,nvs->ns", weight_NVV[:, :, last], steps_NVS),
            np.einsum("nv,nvs->ns", weight_NVV[:, 0, :], steps_NVS),
        ]
        log_paths_N1 = np.log1p(paths_NV[:, last, None])
        columns = [*by_subset, log_paths_N1, no_path_N1]
        return np.concatenate(columns, axis=1, dtype=np.float32)


def _pure_paths(group: DenseGraphs, steps_NVS: _Matrix) -> tuple[_Matrix, _Matrix]:
    """Most steps of the paths through members only, and how many those are: (N, S) each."""
    shape = (len(group.rows), group.nodes, steps_NVS.shape[2])
    most, paths = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    paths[:, 0] = 1.0
    last = group.nodes - 1
    for target in range(1, group.nodes):
        allowed_NS = np.ones_like(steps_NVS[:, 0]) if target == last else steps_NVS[:, target]
        for source, weight_N in group.sources[target]:
            through_NS = weight_N[:, None] * paths[:, source] * allowed_NS
            paths[:, target] += through_NS
            steps = most[:, source] + steps_NVS[:, target]
            np.maximum(most[:, target], np.where(through_NS > 0, steps, 0.0), out=most[:, target])
    return most[:, last], paths[:, last]
