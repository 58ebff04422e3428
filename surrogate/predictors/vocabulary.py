"""The vocabulary of a fit: the operations and the given features that have columns of their own.

The operations with columns are those of the graphs of the fit, so that the same predictor serves
cells of speech recognition and graphs of any other benchmark.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache

import numpy as np

from graph_encoding.common.errors import UserError
from graph_encoding.encodings.stacked_graphs import GroupedGraphs, with_operations
from graph_encoding.graph import CellGraph
from graph_encoding.node_features import FURTHER_COLUMNS, NODE_COLUMNS
from graph_encoding.ops import INPUT, OUTPUT, SIZES, Operation
from surrogate.data.dataset import feature_matrix
from surrogate.data.targets import FloatArray, power_of_two

_FAMILY = {"gated_linear": "linear", "avg_pool": "pool", "max_pool": "pool"}
_MOST_NAMED = 16
"""Most operations of a vocabulary whose columns are all by name. NAS-Bench-ASR with all built-in
operations has that many."""
_PROTOTYPES = 8
"""Operations with columns for their pairs and sequences in a larger vocabulary."""
_OFTEN = 2
"""Fewest graphs of a fit with an operation for columns of its own in a larger vocabulary."""
_MOST_PAIRED = 32
"""Most operations of a larger vocabulary with columns for the counts of all pairs. Trees on 60
chains need them to group 18 or 24 names that say nothing; of 60 names no pair is frequent enough.
"""
_OTHER_NAME = 0.25
_OTHER_FAMILY = 4.0
"""Distances that different names and families add to those between sizes."""

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

    Up to 16 operations have columns by name for each of them, their pairs and sequences, whose
    number grows with the square of theirs. Of more, eight prototypes have these columns, and
    another operation counts as the most similar prototype there. Each operation that is frequent
    enough to be learned from has columns for itself alone, and so has each kind and size. Up to 32
    frequent operations have a count for each of their pairs.

    Attributes:
        ops: (o,) operations whose pairs have columns, sorted by name.
        given: (f,) features with columns, sorted by name; none unless the predictor uses them.
        frequent: (c,) operations with columns for themselves alone, sorted by name; empty if they
            are `ops`.
        paired: whether the pairs of the frequent operations have columns.
    """

    ops: tuple[Operation, ...]
    given: tuple[GivenFeature, ...] = ()
    frequent: tuple[Operation, ...] = ()
    paired: bool = False

    def __hash__(self) -> int:
        """Computed once: inputs and columns are cached by vocabulary."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.ops, self.given, self.frequent))

    @classmethod
    def of(cls, graphs: Sequence[CellGraph], *, with_features: bool = False) -> "Vocabulary":
        """The vocabulary of some graphs.

        Args:
            graphs: the graphs.
            with_features: whether the features given with them get columns.

        Raises:
            UserError: if two operations have one name.
        """
        counts = Counter(op for graph in graphs for op in set(graph.ops[1:-1]))
        ordered = sorted(counts, key=lambda op: op.name)
        for one, other in itertools.pairwise(ordered):
            if one.name == other.name:
                raise UserError(
                    "the graphs of a fit must have one operation of each name, but have "
                    f"{one} and {other}; rename one"
                )
        names = graphs[0].feature_names if with_features else ()
        columns = feature_matrix(graphs).T if names else ()
        given = tuple(GivenFeature.of(*pair) for pair in zip(names, columns, strict=True))
        if len(ordered) <= _MOST_NAMED:
            return cls(tuple(ordered), given)
        frequent = tuple(op for op in ordered if counts[op] >= _OFTEN)
        paired = 2 <= len(frequent) <= _MOST_PAIRED
        return cls(_prototypes(ordered, counts), given, frequent, paired)

    @property
    def names(self) -> tuple[str, ...]:
        """(o,) names of the operations whose pairs have columns."""
        return tuple(op.name for op in self.ops)

    @property
    def counted(self) -> tuple[str, ...]:
        """Names of the operations with a count of their own."""
        return tuple(op.name for op in self.frequent) if self.frequent else self.names

    @property
    def node_columns(self) -> tuple[str, ...]:
        """Columns of a node's description, without those of its name."""
        return (*NODE_COLUMNS, *(FURTHER_COLUMNS if self.frequent else ()))

    def nearest(self, op: Operation) -> Operation:
        """The known operation most similar to an unseen one; itself if none is of its family.

        Only operations of its family are compared, by the logarithms of their sizes. In a large
        vocabulary an operation of which only the name is known is similar to none.
        """
        if self.frequent and op.kind == "other":
            return op
        alike = [known for known in self.ops if _family(known) == _family(op)]
        return min(alike, key=lambda known: (_distance(known, op), known.name), default=op)

    def read(self, graphs: GroupedGraphs) -> GroupedGraphs:
        """The graphs with every unseen operation replaced by the most similar known one."""
        if all(self.known.issuperset(group.ops) for group in graphs.groups):
            return graphs
        # Encodings by name use the stacked form only.
        read = GroupedGraphs(graphs)
        read.__dict__["groups"] = with_operations(graphs.groups, self._read_one)
        return read

    def _read_one(self, op: Operation) -> Operation:
        found: dict[Operation, Operation] = self.__dict__.setdefault("_read", {})
        if op not in found:
            found[op] = op if op in self.known else self.nearest(op)
        return found[op]

    @cached_property
    def described(self) -> frozenset[Operation]:
        """The operations with a number of their own in `NodeArrays`."""
        return frozenset([*(self.frequent or self.ops), INPUT, OUTPUT])

    @cached_property
    def known(self) -> frozenset[Operation]:
        """The operations, including input and output."""
        return frozenset([*self.ops, INPUT, OUTPUT])

    def to_json(self) -> str:
        """Text for `from_json`: a list of operations, or an object if there are features."""
        ops = [asdict(op) for op in self.ops]
        if not self.given and not self.frequent:
            return json.dumps(ops)
        features = [asdict(feature) for feature in self.given]
        frequent = [asdict(op) for op in self.frequent]
        further = {"frequent": frequent} if frequent else {}
        paired = {"paired": True} if self.paired else {}
        return json.dumps({"ops": ops, "features": features, **further, **paired})

    @classmethod
    @lru_cache(maxsize=64)
    def from_json(cls, text: str) -> "Vocabulary":
        """The inverse of `to_json`; the same object for the same text."""
        values = json.loads(text)
        if isinstance(values, list):
            values = {"ops": values, "features": []}
        return cls(
            tuple(Operation(**fields) for fields in values["ops"]),
            tuple(GivenFeature(**fields) for fields in values["features"]),
            tuple(Operation(**fields) for fields in values.get("frequent", ())),
            values.get("paired", False),
        )


def _family(op: Operation) -> str:
    return _FAMILY.get(op.kind, op.kind)


def _distance(a: Operation, b: Operation) -> float:
    """Sum of the absolute logarithms of the ratios of the sizes."""
    return sum(abs(math.log(getattr(a, field) / getattr(b, field))) for field in SIZES)


def _prototypes(ops: Sequence[Operation], counts: Mapping[Operation, int]) -> tuple[Operation, ...]:
    """A few of some operations, near which most others are; sorted by name.

    Each is the one that most lowers the sum of the distances of all, weighted by their counts.
    """
    apart = np.array([[_dissimilarity(a, b) for b in ops] for a in ops])
    weights = np.array([counts[op] for op in ops], dtype=np.float64)
    nearest = np.full(len(ops), 2 * apart.max() + _OTHER_FAMILY)
    chosen = []
    for _ in range(min(_PROTOTYPES, len(ops))):
        left = np.minimum(nearest, apart) @ weights
        best = int(np.argmin(left))
        chosen.append(best)
        nearest = np.minimum(nearest, apart[best])
    return tuple(ops[i] for i in sorted(set(chosen)))


def _dissimilarity(a: Operation, b: Operation) -> float:
    far = _OTHER_FAMILY * (_family(a) != _family(b))
    return _distance(a, b) + _OTHER_NAME * (a != b) + far
