"""A made-up table of learning curves whose law is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.graph import cell_graph
from surrogate.data.targets import FloatArray, Logit
from surrogate.testing.synthetic import synthetic_table, true_per
from train_benchmark.table.benchmark_table import BenchmarkTable

SEED_STD = 0.06
"""Logits, of an epoch."""


def synthetic_curve_table(
    keys: int, epochs: int = 10, seeds: Sequence[int] = (1, 2), start: int = 0
) -> BenchmarkTable:
    """Curves that are a sum of two fixed shapes, plus noise that lasts from epoch to epoch.

    On the logit scale the first shape is the fall to the graph's `true_per`, and the second how
    early it comes, which is the function's own and not the graph's. Curves fall but for the
    last three steps, over which they rise a little.

    Args:
        keys: number of functions.
        epochs: length of a curve, >= 6.
        seeds: seeds that every function has.
        start: seed of the choice of cells and of the noise.
    """
    rng = np.random.default_rng(start + 1)
    scale = Logit()
    own: dict[str, float] = {}
    records = []
    table = synthetic_table(keys, seeds, start=start)
    for record in table.records:
        early = own.setdefault(record.functional_key, float(rng.normal(0, 0.3)))
        per = true_per(cell_graph(Cell.parse(record.cell)))
        level = float(scale.to_model(np.array([per]))[0])
        curve = scale.to_raw(_shape(level, early, epochs) + _noise(epochs, rng))
        records.append(
            replace(
                record,
                val_per_curve=tuple(curve.tolist()),
                train_loss_curve=(1.0,) * epochs,
                best_epoch=int(curve.argmin()) + 1,
            )
        )
    return BenchmarkTable(table.metadata, tuple(records))


def _shape(level: float, early: float, epochs: int) -> FloatArray:
    time = np.arange(epochs) / (epochs - 4)
    fall = np.clip(1 - time, 0, 1) ** 2
    hump = np.sin(np.pi * np.clip(time, 0, 1))
    rise = 0.1 * np.clip(time - 1, 0, None)
    return level + (3.0 - level) * fall - early * hump + rise


def _noise(epochs: int, rng: np.random.Generator) -> FloatArray:
    """A stationary process in which neighbouring epochs have correlation 0.8."""
    noise = rng.normal(0, SEED_STD, epochs)
    for t in range(1, epochs):
        noise[t] = 0.8 * noise[t - 1] + 0.6 * noise[t]
    return noise
