"""Model inputs of graphs: a matrix of features, and arrays of nodes.

The operations with columns of their own are those of the graphs of the fit, so that the same
predictor serves cells of speech recognition and graphs of any other benchmark.
"""

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.encodings import (
    Encoding,
    GraphStatisticsEncoding,
    OpSubsetEncoding,
    PathDescriptorEncoding,
    PathEncoding,
)
from graph_encoding.encodings.stacked_graphs import (
    DenseGraphs,
    GroupedGraphs,
    dense_graphs,
    grouped,
)
from graph_encoding.graph import CellGraph
from graph_encoding.node_features import NODE_COLUMNS, describe_operation
from graph_encoding.ops import INPUT, OUTPUT, Operation
from surrogate.data.dataset import feature_matrix, require_features
from surrogate.data.targets import FloatArray, power_of_two

T = TypeVar("T")

_FAMILY = {"gated_linear": "linear", "avg_pool": "pool", "max_pool": "pool"}
_MOST_PATH_COLUMNS = 400
_MOST_FEEDS = 2.0**24

FEATURE_PREFIX = "feature/"
"""Prefix of the names of columns that are features given with the graphs."""

_FAR = 1e6
"""Most standard deviations of a feature from its mean: columns have single precision, in which
squares of larger numbers lose their digits."""


@dataclass(frozen=True)
class GivenFeature:
    """A feature given with the graphs, and its standardisation.

    Attributes:
        name: its name.
        centre: mean over the graphs of the fit.
        scale: standard deviation over them; 0 if they are equal.
    """

    name: str
    centre: float
    scale: float

    @classmethod
    def of(cls, name: str, values: FloatArray) -> "GivenFeature":
        """The standardisation of (n,) values."""
        unit = power_of_two(values)
        scaled = values / unit
        std = float(scaled.std()) * unit if np.ptp(scaled) > 0 else 0.0
        return cls(name, float(scaled.mean()) * unit, std)

    def column(self, values: FloatArray) -> FloatArray:
        """(n,) values in standard deviations from the mean."""
        if not self.scale:
            return np.zeros_like(values)
        with np.errstate(over="ignore", invalid="ignore"):
            far = values / self.scale - self.centre / self.scale
            return np.clip(np.nan_to_num(far, nan=0.0), -_FAR, _FAR)


@dataclass(frozen=True)
class Vocabulary:
    """Operations of the graphs of a fit, and the features given with them.

    Attributes:
        ops: (o,) operations, sorted by name.
        given: (f,) features with columns, sorted by name; none unless the predictor uses them.
    """

    ops: tuple[Operation, ...]
    given: tuple[GivenFeature, ...] = ()

    @classmethod
    def of(cls, graphs: Sequence[CellGraph], *, with_features: bool = False) -> "Vocabulary":
        """The vocabulary of some graphs.

        Args:
            graphs: the graphs.
            with_features: whether the features given with them get columns.

        Raises:
            UserError: if two operations have one name.
        """
        found = {op for graph in graphs for op in graph.ops[1:-1]}
        ordered = sorted(found, key=lambda op: op.name)
        for one, other in itertools.pairwise(ordered):
            if one.name == other.name:
                raise UserError(
                    "the graphs of a fit must have one operation of each name, but have "
                    f"{one} and {other}; rename one"
                )
        names = graphs[0].feature_names if with_features else ()
        columns = feature_matrix(graphs).T if names else ()
        given = tuple(GivenFeature.of(*pair) for pair in zip(names, columns, strict=True))
        return cls(tuple(ordered), given)

    @property
    def names(self) -> tuple[str, ...]:
        """(o,) their names."""
        return tuple(op.name for op in self.ops)

    def nearest(self, op: Operation) -> Operation:
        """The known operation most similar to an unseen one; itself if none is of its family.

        Only operations of its family are compared, by the logarithms of kernel, dilation and
        groups.
        """
        family = _FAMILY.get(op.kind, op.kind)
        alike = [known for known in self.ops if _FAMILY.get(known.kind, known.kind) == family]
        return min(alike, key=lambda known: (_distance(known, op), known.name), default=op)

    def read(self, graphs: GroupedGraphs) -> GroupedGraphs:
        """The graphs with every unseen operation replaced by the most similar known one."""
        if all(self.known.issuperset(group.ops) for group in graphs.groups):
            return graphs
        return GroupedGraphs(self._read_one(graph) for graph in graphs)

    def _read_one(self, graph: CellGraph) -> CellGraph:
        if self.known.issuperset(graph.ops):
            return graph
        ops = [op if op in self.known else self.nearest(op) for op in graph.ops[1:-1]]
        return CellGraph((graph.ops[0], *ops, graph.ops[-1]), graph.edges, graph.key)

    @cached_property
    def known(self) -> frozenset[Operation]:
        """The operations, including input and output."""
        return frozenset([*self.ops, INPUT, OUTPUT])

    def to_json(self) -> str:
        """Text for `from_json`: a list of operations, or an object if there are features."""
        ops = [asdict(op) for op in self.ops]
        if not self.given:
            return json.dumps(ops)
        return json.dumps({"ops": ops, "features": [asdict(feature) for feature in self.given]})

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """The inverse of `to_json`."""
        values = json.loads(text)
        if isinstance(values, list):
            values = {"ops": values, "features": []}
        return cls(
            tuple(Operation(**fields) for fields in values["ops"]),
            tuple(GivenFeature(**fields) for fields in values["features"]),
        )


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
        self._descriptors = PathDescriptorEncoding()
        self._statistics = GraphStatisticsEncoding(names)
        self._counts = np.array(
            [column.startswith("statistics/count:") for column in self._statistics.columns]
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the parts, in order."""
        parts = (self._by_name, self._paths, self._descriptors, self._statistics)
        of_graphs = tuple(column for part in parts for column in part.columns)
        return (*of_graphs, *(f"{FEATURE_PREFIX}{of.name}" for of in self._vocabulary.given))

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d).

        Raises:
            UserError: if the features of a graph are not those of the vocabulary.
        """
        given = grouped(graphs)
        read = self._vocabulary.read(given)
        statistics = self._statistics.encode(given)
        if read is not given:
            statistics[:, self._counts] = self._statistics.encode(read)[:, self._counts]
        parts = [
            self._by_name.encode(read),
            np.log1p(self._paths.encode(read)),
            self._descriptors.encode(given),
            statistics,
        ]
        if self._vocabulary.given:
            parts.append(self._given(given))
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

    def once(self, name: bytes, make: Callable[[], T]) -> T:
        """The value of `make`, computed once per name."""
        found: dict[bytes, T] = self.__dict__.setdefault("_found", {})
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
    unseen = frozenset(op for group in groups for op in group.ops) - vocabulary.known
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
    names = vocabulary.names
    ops = (INPUT, OUTPUT, *vocabulary.ops, *sorted(unseen, key=lambda op: op.name))
    kinds = np.zeros((1 + len(ops), len(NODE_COLUMNS) + len(names)), dtype=np.float32)
    kinds[1:] = [
        [*describe_operation(op), *(float(op.name == name) for name in names)] for op in ops
    ]
    kinds.flags.writeable = False  # shared by all callers
    return {op: i for i, op in enumerate(ops, 1)}, kinds


def _distance(a: Operation, b: Operation) -> float:
    return sum(
        abs(math.log(getattr(a, field) / getattr(b, field)))
        for field in ("kernel", "dilation", "group_scale")
    )
