"""The measured learning curves of a table, on the model scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.semantics import Semantics
from surrogate.data.dataset import SeedPolicy
from surrogate.data.targets import VAL_PER, FloatArray, Transform
from train_benchmark.labels import EpochWindow, label_window
from train_benchmark.record import TrainingRecord

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

FEWEST_EPOCHS = 5
"""Shortest curves that are modelled; shorter ones are untested and leave little to forecast."""

FEWEST_CONTRASTS = 20
"""Fewest contrasts between seeds from which seed noise is estimated."""


@dataclass(frozen=True, eq=False)
class CurveSet:
    """The curves of k functions, some trained with several seeds.

    Attributes:
        graphs: (k,) graphs, sorted by distinct key.
        values: (r, epochs) validation PER of each training, on the model scale.
        owners: (r,) index into `graphs` of the trained function, rising.

    Raises:
        UserError: if curves are shorter than `FEWEST_EPOCHS`, or a graph has none.
    """

    graphs: tuple[CellGraph, ...]
    values: FloatArray
    owners: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.epochs < FEWEST_EPOCHS:
            raise UserError(
                f"learning curves must have at least {FEWEST_EPOCHS} epochs to be modelled, but "
                f"they have shape {self.values.shape}; leave curves out: put curve_predictor = "
                '"none" into the file of --config'
            )
        if self.owners.shape != (len(self.values),) or (np.diff(self.owners) < 0).any():
            raise UserError(
                f"owners must be rising, one for each of {len(self.values)} curves, but have shape "
                f"{self.owners.shape}; sort the curves by key"
            )
        if not np.array_equal(np.unique(self.owners), np.arange(len(self.graphs))):
            raise UserError(f"each of {len(self.graphs)} graphs must have a curve, one has none")

    @property
    def epochs(self) -> int:
        """Length of every curve."""
        return int(self.values.shape[1])

    @property
    def label_epochs(self) -> EpochWindow:
        """The epochs that the validation label of these curves averages."""
        window = label_window(VAL_PER.label, self.epochs)
        assert window is not None
        return window

    @cached_property
    def seed_counts(self) -> NDArray[np.int64]:
        """(k,) trainings of each function."""
        return np.bincount(self.owners, minlength=len(self.graphs))

    @cached_property
    def means(self) -> FloatArray:
        """(k, epochs) mean curve of each function over its seeds."""
        return self.mean_of(self.values)

    def mean_of(self, rows: FloatArray) -> FloatArray:
        """(k, d) means over the seeds of each function, of (r, d) numbers per training."""
        sums = np.zeros((len(self.graphs), rows.shape[1]))
        np.add.at(sums, self.owners, rows)
        return sums / self.seed_counts[:, None]

    def seed_residuals(self) -> FloatArray:
        """(q, epochs) independent contrasts between the seeds of a function.

        Each has the covariance of the seed noise of one training. A function with m seeds gives
        m - 1 (Helmert's contrasts); q is 0 if none has two.
        """
        contrasts = []
        for owner in np.flatnonzero(self.seed_counts > 1):
            curves = self.values[self.owners == owner]
            for j in range(1, len(curves)):
                scale = np.sqrt(j / (j + 1))
                contrasts.append(scale * (curves[:j].mean(axis=0) - curves[j]))
        return np.array(contrasts).reshape(-1, self.epochs)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> "CurveSet":
        """The functions at some rising indices, with all their trainings."""
        chosen = np.asarray(indices, dtype=np.int64)
        place = np.full(len(self.graphs), -1)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.owners] >= 0
        return CurveSet(
            tuple(self.graphs[i] for i in chosen), self.values[kept], place[self.owners[kept]]
        )

    @classmethod
    def from_table(
        cls, table: "BenchmarkTable", transform: Transform, seed_policy: SeedPolicy = "mean"
    ) -> "CurveSet":
        """Take the curves of measured trainings from a table.

        Args:
            table: measured trainings.
            transform: from error rates to the model scale.
            seed_policy: "mean": all trainings; an integer: those with that seed.

        Raises:
            UserError: if there is none, or their lengths differ.
        """
        chosen = [r for r in table.measured if seed_policy in ("mean", r.seed)]
        lengths = {len(record.val_per_curve) for record in chosen}
        if not chosen:
            which = "" if seed_policy == "mean" else f" with seed {seed_policy}"
            raise UserError(
                f"learning curves must be of measured trainings{which}, but table "
                f"{table.metadata.name!r} has none; its seeds are {list(table.seeds)}"
            )
        if len(lengths) != 1:
            raise UserError(
                "learning curves must have one length, but table "
                f"{table.metadata.name!r} has curves of {sorted(lengths)} epochs; build a table "
                "of one recipe"
            )
        semantics = Semantics(table.metadata.semantics)
        by_key: dict[str, list[TrainingRecord]] = {}
        for record in sorted(chosen, key=lambda r: (r.functional_key, r.seed)):
            by_key.setdefault(record.functional_key, []).append(record)
        groups = list(by_key.values())
        curves = [record.val_per_curve for rows in groups for record in rows]
        return cls(
            tuple(cell_graph(Cell.parse(rows[0].cell), semantics) for rows in groups),
            transform.to_model(np.array(curves)),
            np.repeat(np.arange(len(groups)), [len(rows) for rows in groups]),
        )
