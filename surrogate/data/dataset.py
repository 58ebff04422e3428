"""The data of a fit: one labelled graph per function."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.ops import Operation
from graph_encoding.semantics import Semantics
from surrogate.data.targets import FloatArray, Target

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


def require_features(graphs: Sequence[CellGraph], names: tuple[str, ...]) -> None:
    """Make sure that n graphs have the features of these names, and no others.

    Raises:
        UserError: if one does not; names it.
    """
    for graph in graphs:
        if graph.feature_names != names:
            raise UserError(
                f"all graphs of a fit and of its queries must have the same features, here "
                f"{list(names)}, but graph {graph.key!r} has {list(graph.feature_names)}; give "
                "every graph the same ones"
            )


def _described(op: Operation) -> tuple[Any, ...]:
    """An operation for a checksum, which must not depend on fields that are younger than it."""
    fields = astuple(op)
    return fields[:-2] if fields[-2:] == (1, 1) else fields


def feature_matrix(graphs: Sequence[CellGraph]) -> FloatArray:
    """(n, f) features of n graphs with the same names, a column per name."""
    rows = [[value for _, value in graph.features] for graph in graphs]
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else 0)


SeedPolicy = int | Literal["mean"]
"""A seed: labels of its trainings. "mean": mean over all seeds of a function."""


@dataclass(frozen=True, eq=False)
class SurrogateDataset:
    """Labelled graphs, one per functional key.

    Attributes:
        target: what the labels are.
        graphs: (n,) graphs with distinct keys and the same names of features.
        values: (n,) labels on the target's raw scale, finite.
        seed_counts: (n,) trainings averaged by each label, >= 1.
        seed_variances: (n,) sample variance between the trainings of a key, on the model scale of
            the target; NaN if there is only one.

    Raises:
        UserError: if lengths differ, a key repeats, a label is not finite, or features differ.
    """

    target: Target
    graphs: tuple[CellGraph, ...]
    values: FloatArray
    seed_counts: NDArray[np.int64]
    seed_variances: FloatArray

    def __post_init__(self) -> None:
        n = len(self.graphs)
        for field in ("values", "seed_counts", "seed_variances"):
            shape = getattr(self, field).shape
            if shape != (n,):
                raise UserError(f"{field} must have shape ({n},), one per graph, but has {shape}")
        if len(set(self.keys)) != n:
            raise UserError(
                f"a dataset must have one row for each key, but {n} graphs have only "
                f"{len(set(self.keys))} keys; merge the labels of equal functions first"
            )
        if not np.isfinite(self.values).all():
            bad = [self.keys[i] for i in np.flatnonzero(~np.isfinite(self.values))[:3]]
            raise UserError(f"labels must be finite, but those of {bad} are not; leave them out")
        require_features(self.graphs, self.feature_names)

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def keys(self) -> tuple[str, ...]:
        """(n,) functional keys."""
        return tuple(graph.key for graph in self.graphs)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """(f,) sorted names of the features of every graph; most datasets have none."""
        return self.graphs[0].feature_names if self.graphs else ()

    @property
    def features(self) -> FloatArray:
        """(n, f) the given features of the graphs."""
        return feature_matrix(self.graphs)

    @property
    def model_values(self) -> FloatArray:
        """(n,) labels on the model scale."""
        return self.target.transform.to_model(self.values)

    @property
    def weights(self) -> FloatArray:
        """(n,) weight of each label, relative to one of a single training.

        Seed noise is assumed to be half of the variance around a prediction for one training; m
        trainings divide that half by m: `2 m / (m + 1)`.
        """
        return 2 * self.seed_counts / (self.seed_counts + 1.0)

    @property
    def content_sha256(self) -> str:
        """Checksum of the graphs, their labels and the known noise of these."""
        rows = [
            [
                graph.key,
                [_described(op) for op in graph.ops],
                graph.edges,
                value,
                count,
                None if math.isnan(variance) else variance,
                # Only where there are any: datasets without features keep their checksums.
                *([graph.features] if graph.features else []),
            ]
            for graph, value, count, variance in zip(
                self.graphs,
                self.values.tolist(),
                self.seed_counts.tolist(),
                self.seed_variances.tolist(),
                strict=True,
            )
        ]
        return content_hash(rows)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> "SurrogateDataset":
        """The rows at some indices, in that order."""
        chosen = np.asarray(indices, dtype=np.int64)
        return SurrogateDataset(
            self.target,
            tuple(self.graphs[i] for i in chosen),
            self.values[chosen],
            self.seed_counts[chosen],
            self.seed_variances[chosen],
        )

    def sorted_by_key(self) -> "SurrogateDataset":
        """The same rows in the order of their keys."""
        return self.subset(sorted(range(len(self)), key=lambda i: self.graphs[i].key))

    @classmethod
    def of_single(
        cls, target: Target, graphs: Sequence[CellGraph], values: Sequence[float]
    ) -> "SurrogateDataset":
        """A dataset whose labels are of one training or measurement each."""
        n = len(graphs)
        ones, unknown = np.ones(n, dtype=np.int64), np.full(n, np.nan)
        return cls(target, tuple(graphs), np.array(values, dtype=np.float64), ones, unknown)

    @classmethod
    def from_table(
        cls, table: "BenchmarkTable", target: Target, seed_policy: SeedPolicy
    ) -> "SurrogateDataset":
        """Take the labels of one target from a table.

        Args:
            table: the table; rows with a status other than "ok" are left out.
            target: the target.
            seed_policy: a seed, which leaves out functions never trained with it, or "mean".

        Raises:
            UserError: if no row is left, or the table has no such label.
        """
        semantics = Semantics(table.metadata.semantics)
        graphs, values, counts, variances = [], [], [], []
        for key in table.keys:
            by_seed = table.labels_of(key, target.label)
            chosen = [value for seed, value in by_seed.items() if seed_policy in ("mean", seed)]
            if not chosen:
                continue
            labels = np.array(chosen)
            graphs.append(cell_graph(Cell.parse(table.cell_of(key)), semantics))
            values.append(labels.mean())
            counts.append(len(labels))
            variances.append(
                target.transform.to_model(labels).var(ddof=1) if len(labels) > 1 else np.nan
            )
        if not graphs:
            raise UserError(
                f"a dataset must have at least one measured row, but table "
                f"{table.metadata.name!r} has none for seed policy {seed_policy!r}; it has seeds "
                f"{list(table.seeds)}"
            )
        return cls(
            target,
            tuple(graphs),
            np.array(values),
            np.array(counts, dtype=np.int64),
            np.array(variances),
        )
