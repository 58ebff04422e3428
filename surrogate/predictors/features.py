"""Model inputs of graphs: a matrix of features, and arrays of nodes."""

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings import (
    DescribedSubsetEncoding,
    Encoding,
    GraphStatisticsEncoding,
    OpSubsetEncoding,
    PathDescriptorEncoding,
    PathEncoding,
)
from graph_encoding.encodings.base import encoded_together
from graph_encoding.encodings.stacked_graphs import (
    DenseGraphs,
    GroupedGraphs,
    dense_graphs,
    grouped,
)
from graph_encoding.graph import CellGraph
from graph_encoding.node_features import (
    describe_further,
    describe_operation,
)
from graph_encoding.ops import INPUT, OUTPUT, Operation
from surrogate.data.dataset import feature_matrix, require_features
from surrogate.predictors.vocabulary import GivenFeature, Vocabulary

__all__ = [
    "FEATURE_PREFIX",
    "GivenFeature",
    "GraphBatch",
    "GraphFeatures",
    "GraphInputs",
    "NodeArrays",
    "Vocabulary",
    "features_of",
    "inputs_of",
    "varying_columns",
]

T = TypeVar("T")

_MOST_PATH_COLUMNS = 400
_MOST_FEEDS = 2.0**24

FEATURE_PREFIX = "feature/"
"""Prefix of the names of columns that are features given with the graphs."""


class GraphFeatures(Encoding):
    """Subsets of operations on paths, sequences of operations, descriptors, statistics, features.

    Columns by name replace unseen operations by the most similar known ones; columns by descriptor
    use their own. Sequence counts are log(1 + count). Features given with the graphs are
    standardised.

    Args:
        vocabulary: operations and features with columns of their own.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        names = vocabulary.names
        length = 3 if (len(names) + 1) ** 3 <= _MOST_PATH_COLUMNS else 2
        self._paths = PathEncoding(length, names)
        self._by_name = OpSubsetEncoding(names)
        large = bool(vocabulary.frequent)
        self._by_description = [DescribedSubsetEncoding(vocabulary.frequent)] if large else []
        self._descriptors = PathDescriptorEncoding(wide=large)
        self._statistics = GraphStatisticsEncoding(vocabulary.counted)
        named = range(len(vocabulary.frequent) if vocabulary.paired else 0)
        self._pairs = np.array([*itertools.combinations(named, 2)], np.intp).reshape(-1, 2)
        self._width = len(self.columns) - len(vocabulary.given)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the parts, in order."""
        parts = (
            self._by_name,
            *self._by_description,
            self._paths,
            self._descriptors,
            self._statistics,
        )
        of_graphs = tuple(column for part in parts for column in part.columns)
        names = self._vocabulary.counted
        of_pairs = (f"subset/op={names[a]}|op={names[b]}:count" for a, b in self._pairs.tolist())
        return (
            *of_graphs,
            *of_pairs,
            *(f"{FEATURE_PREFIX}{of.name}" for of in self._vocabulary.given),
        )

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d).

        Raises:
            UserError: if the features of a graph are not those of the vocabulary.
        """
        given = grouped(graphs)
        read = self._vocabulary.read(given)
        encoded = np.empty((len(given), self._width), dtype=np.float32)
        for of_given, of_read in zip(given.groups, read.groups, strict=True):
            encoded[of_given.rows] = self._encode_group(of_given, of_read)
        if not self._vocabulary.given:
            return encoded
        return np.concatenate([encoded, self._given(given)], axis=1)

    def _encode_group(self, given: DenseGraphs, read: DenseGraphs) -> NDArray[np.float32]:
        """(n, d) columns of graphs of one size, as given and with unseen operations replaced."""
        by_name, *described, descriptors, statistics = encoded_together(
            [
                (self._by_name, read),
                *((part, given) for part in self._by_description),
                (self._descriptors, given),
                (self._statistics, given),
            ]
        )
        if read is not given and not self._vocabulary.frequent:
            counts = self._statistics.counts(read)
            statistics[:, : counts.shape[1]] = counts
        parts = [
            by_name,
            *described,
            np.log1p(self._paths.encode_group(read)),
            descriptors,
            statistics,
        ]
        if len(self._pairs):
            first, second = (statistics[:, ends] for ends in self._pairs.T)
            parts.append(first + second)
        return np.concatenate(parts, axis=1)

    def _given(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """(n, f) standardised features."""
        of = self._vocabulary.given
        require_features(graphs, tuple(feature.name for feature in of))
        columns = zip(of, feature_matrix(graphs).T, strict=True)
        return np.column_stack([f.column(raw) for f, raw in columns]).astype(np.float32)


@lru_cache(maxsize=16)
def features_of(vocabulary: Vocabulary) -> GraphFeatures:
    """The features of a vocabulary, cached: naming columns takes longer than encoding a graph."""
    return GraphFeatures(vocabulary)


class GraphBatch(GroupedGraphs):
    """Graphs of one request, whose model inputs are computed once for all predictors."""

    # Cached inputs must not refer to the batch, so that its memory is freed after the request.
    @cached_property
    def _alone(self) -> GroupedGraphs:
        return GroupedGraphs(self)

    @property
    def groups(self) -> list[DenseGraphs]:
        """The graphs by size."""
        return self._alone.groups

    def inputs(self, vocabulary: Vocabulary) -> "GraphInputs":
        """The model inputs of the graphs with a vocabulary."""
        found: dict[Vocabulary, GraphInputs] = self.__dict__.setdefault("_inputs", {})
        return found.setdefault(vocabulary, GraphInputs(self._alone, vocabulary))


def inputs_of(graphs: Sequence[CellGraph], vocabulary: Vocabulary) -> "GraphInputs":
    """The model inputs of some graphs with a vocabulary."""
    if isinstance(graphs, GraphBatch):
        return graphs.inputs(vocabulary)
    return GraphInputs(grouped(graphs), vocabulary)


def varying_columns(features: NDArray[np.float32]) -> NDArray[np.intp]:
    """Columns that differ between any two rows; the first column if none does."""
    used = np.flatnonzero((features != features[0]).any(axis=0))
    return used if len(used) else np.array([0])


@dataclass(frozen=True, eq=False)
class GraphInputs:
    """Model inputs of n graphs; each form is computed at its first use.

    Attributes:
        graphs: (n,) the graphs.
        vocabulary: operations with columns of their own.
    """

    graphs: Sequence[CellGraph]
    vocabulary: Vocabulary

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(n, d) columns of `GraphFeatures`."""
        return features_of(self.vocabulary).encode(self.graphs)

    @cached_property
    def nodes(self) -> "NodeArrays":
        """The graphs' nodes."""
        return _node_arrays(self.graphs, self.vocabulary)

    def has(self, name: Hashable) -> bool:
        """Whether `once` has computed the value of a name."""
        return name in self.__dict__.get("_found", ())

    def keep(self, name: Hashable, value: object) -> None:
        """The value that `once` shall return for a name."""
        self.__dict__.setdefault("_found", {})[name] = value

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """The value of `make`, computed once per name."""
        found: dict[Hashable, T] = self.__dict__.setdefault("_found", {})
        if name not in found:
            found[name] = make()
        return found[name]

    def subset(self, rows: NDArray[np.int64]) -> "GraphInputs":
        """The graphs at some rows, with the inputs computed for all."""
        chosen = GraphInputs([self.graphs[i] for i in rows], self.vocabulary)
        if "features" in self.__dict__:
            chosen.__dict__["features"] = self.features[rows]
        if "nodes" in self.__dict__:
            chosen.__dict__["nodes"] = self.nodes.subset(rows)
        return chosen


@dataclass(frozen=True, eq=False)
class NodeArrays:
    """Nodes and edges of n graphs, padded to v nodes: the input first, the output second.

    Attributes:
        kinds: (k, f) float32 descriptions of operations; the first, of padding, is zero. Graphs
            without unseen operations share one array.
        kind: (n, v) index of each node into `kinds`.
        feeds: (n, v, v) float32 number of edges from node s to node t, at most 2 ** 24, at
            [:, t, s].
    """

    kinds: NDArray[np.float32]
    kind: NDArray[np.intp]
    feeds: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def x(self) -> NDArray[np.float32]:
        """(n, v, f) description of each node."""
        return self.kinds[self.kind]

    @property
    def mask(self) -> NDArray[np.float32]:
        """(n, v) 1 for a node and 0 for padding."""
        return (self.kind > 0).astype(np.float32)

    def subset(self, rows: NDArray[np.int64] | slice) -> "NodeArrays":
        """The graphs at some rows."""
        return NodeArrays(self.kinds, self.kind[rows], self.feeds[rows])


def _node_arrays(graphs: Sequence[CellGraph], vocabulary: Vocabulary) -> NodeArrays:
    groups = dense_graphs(graphs)
    unseen = frozenset(op for group in groups for op in group.ops) - vocabulary.described
    number, kinds = _kinds(vocabulary, unseen)
    v = max(group.nodes for group in groups)
    kind = np.zeros((len(graphs), v), dtype=np.intp)
    feeds = np.zeros((len(graphs), v, v), dtype=np.float32)
    for group in groups:
        # The input first, the output second.
        order = np.array([0, group.nodes - 1, *range(1, group.nodes - 1)])
        place = np.argsort(order)
        of_group = np.array([number[op] for op in group.ops])
        kind[group.rows, : group.nodes] = of_group[group.op_index[:, order]]
        graph, source, target = group.edge_graph, group.edge_source, group.edge_target
        # Messages are sums and squares of these in float32, which must not overflow.
        weights = np.minimum(group.multiplicity, _MOST_FEEDS)
        feeds[group.rows[graph], place[target], place[source]] = weights
    return NodeArrays(kinds, kind, feeds)


@lru_cache(maxsize=64)
def _kinds(
    vocabulary: Vocabulary, unseen: frozenset[Operation]
) -> tuple[Mapping[Operation, int], NDArray[np.float32]]:
    """Numbers and descriptions of operations, those of the vocabulary first."""
    own = vocabulary.frequent or vocabulary.ops
    names = vocabulary.counted
    ops = (INPUT, OUTPUT, *own, *sorted(unseen, key=lambda op: op.name))
    kinds = np.zeros((1 + len(ops), len(vocabulary.node_columns) + len(names)), dtype=np.float32)
    kinds[1:] = [
        [
            *describe_operation(op),
            *(describe_further(op) if vocabulary.frequent else ()),
            *(float(op.name == name) for name in names),
        ]
        for op in ops
    ]
    kinds.flags.writeable = False  # shared by all callers
    return {op: i for i, op in enumerate(ops, 1)}, kinds
