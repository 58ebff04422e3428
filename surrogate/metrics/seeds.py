"""Seed noise: the agreement between repeated trainings of the same cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray
from surrogate.metrics.ranking import kendall_tau
from train_benchmark.labels import LABELS

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


@dataclass(frozen=True)
class SeedAgreement:
    """Agreement of s seeds over k cells.

    Attributes:
        cells: k.
        seeds: s.
        intraclass_correlation: fraction of a label's variance that is between cells, ICC(1, 1).
        kendall_tau: mean over all pairs of seeds.
        seed_std: standard deviation of a label between seeds of one cell.
        cell_std: standard deviation of the cells' means.
        median: median label.
    """

    cells: int
    seeds: int
    intraclass_correlation: float
    kendall_tau: float
    seed_std: float
    cell_std: float
    median: float


def seed_agreement(labels: FloatArray) -> SeedAgreement:
    """Compare the seeds of a table.

    Args:
        labels: (k, s) one label of k >= 2 cells with s >= 2 seeds each.

    Raises:
        UserError: if there are fewer cells or seeds.

    Source: Shrout and Fleiss, "Intraclass correlations", Psychological Bulletin 86, 1979, case 1:
        `(B - W) / (B + (s - 1) W)` with the mean squares between (B) and within (W) cells.

    >>> seed_agreement(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).intraclass_correlation
    1.0
    """
    if labels.ndim != 2:
        raise UserError(f"labels must have shape (cells, seeds), but have {labels.shape}")
    if min(labels.shape) < 2:
        cells, seeds = labels.shape
        lacking = "more seeds" if seeds < 2 else "more cells with all of these seeds"
        raise UserError(
            f"seeds can be compared with at least 2 seeds of at least 2 cells, but there are "
            f"{seeds} seeds of {cells} cells that have them all; collect {lacking}"
        )
    cells, seeds = labels.shape
    within = float(labels.var(axis=1, ddof=1).mean())
    between = seeds * float(labels.mean(axis=1).var(ddof=1))
    total = between + (seeds - 1) * within
    # Not `total == 0`: rounding leaves equal labels a small one.
    equal = bool((labels == labels[0, 0]).all())
    pairs = [(a, b) for a in range(seeds) for b in range(a)]
    return SeedAgreement(
        cells=cells,
        seeds=seeds,
        intraclass_correlation=0.0 if equal else (between - within) / total,
        kendall_tau=float(np.mean([kendall_tau(labels[:, a], labels[:, b]) for a, b in pairs])),
        seed_std=float(np.sqrt(within)),
        cell_std=float(labels.mean(axis=1).std(ddof=1)),
        median=float(np.median(labels)),
    )


def table_agreement(table: "BenchmarkTable", seeds: Sequence[int]) -> dict[str, SeedAgreement]:
    """Agreement of some seeds of a table, per label.

    Args:
        table: measured trainings.
        seeds: at least two distinct seeds of the table.

    Raises:
        UserError: if the seeds are not, or too few cells have them all.
    """
    name = table.metadata.name
    listed = ", ".join(map(str, seeds))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds must be distinct, but got {listed}: a seed agrees with itself")
    if len(seeds) < 2 or len(table.seeds) < 2:
        remedy = "collect more seeds" if len(table.seeds) < 2 else "name at least two of its seeds"
        raise UserError(
            f"--seeds must be at least two, but got {listed}, and table {name!r} "
            f"has {', '.join(map(str, table.seeds)) or 'none'}; {remedy}"
        )
    if missing := [seed for seed in seeds if seed not in table.seeds]:
        raise UserError(
            f"--seeds must be among those of table {name!r}, which are "
            f"{', '.join(map(str, table.seeds))}, but got {', '.join(map(str, missing))}"
        )
    return {label: seed_agreement(table.label_matrix(label, seeds)[1]) for label in LABELS}
