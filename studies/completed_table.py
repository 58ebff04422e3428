"""A table completed by draws, so that searchers can be compared where few cells are trained.

    python studies/completed_table.py speech-mini --artifact speech-mini --out runs/completed

Draws one world that agrees with all that is known. The true mean of every function of the space is
drawn from the artifact's estimate of it. A function that the table lacks gets a training: its true
mean plus drawn seed noise. Measured trainings stay as they are. DIR/table is the completed table,
DIR/truth.parquet the true means, for `truth.refined` of a comparison. Results on it are results on
a model of the recipe, as far as cells are not trained: say so wherever they are quoted.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, Semantics, UserError
from graph_encoding.common.hashing import content_hash
from surrogate.comparison.fit_result import write_rows
from surrogate.data.targets import VAL_PER, FloatArray
from surrogate.forecasting.benchmark_query import check_same_source
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import TargetForecast
from surrogate.search import SearchSpace, TruthRow
from train_benchmark.record import TrainingRecord
from train_benchmark.table.benchmark_table import BenchmarkTable

SOURCE = "drawn"
LOWEST = 1e-3
"""Least error rate of a draw."""


def drawn_truth(told: Sequence[TargetForecast], rng: np.random.Generator) -> FloatArray:
    """(n,) true means, drawn from the estimates of n functions."""
    estimates = [forecast.estimate for forecast in told]
    if any(estimate is None for estimate in estimates):
        raise UserError(
            "the artifact must estimate true means, but has no estimates; fit it on a table in "
            "which more functions have two seeds"
        )
    means, stds = np.array([[e.mean, e.std] for e in estimates if e is not None]).T
    drawn: FloatArray = np.maximum(rng.normal(means, stds), LOWEST)
    return drawn


def completed(
    table: BenchmarkTable, forecaster: Forecaster, seed: int, world: int
) -> tuple[BenchmarkTable, list[TruthRow]]:
    """A table with one training of every function of the space, and the true means.

    Args:
        table: measured trainings.
        forecaster: its artifact's.
        seed: seed of the trainings; measured functions without it get a drawn training too.
        world: start of all draws.
    """
    check_same_source(table, forecaster)
    space = SearchSpace(semantics=Semantics(table.metadata.semantics)).functions
    told = [
        forecast.targets[0]
        for forecast in forecaster.forecast(
            space.cells, targets=[VAL_PER.name], curve=False, latency=False
        )
    ]
    rng = np.random.default_rng(world)
    truth = drawn_truth(told, rng)
    noise = [f.std if f.std_seed is None else f.std_seed for f in told]
    labels = np.maximum(rng.normal(truth, noise), LOWEST)
    recipe_hash = content_hash([table.metadata.recipe_hash, "completed", seed, world])
    measured = {r.functional_key: r for r in table.measured if r.seed == seed}
    pattern = next(iter(measured.values()))
    records = [
        replace(measured[key], recipe_hash=recipe_hash)
        if key in measured
        else _drawn(pattern, key, cell, float(label), recipe_hash)
        for key, cell, label in zip(space.keys, space.cells, labels, strict=True)
    ]
    metadata = replace(
        table.metadata, name=f"{table.metadata.name}-completed", recipe_hash=recipe_hash
    )
    rows = [
        TruthRow(key, float(mean), 0.0, len(table.labels_of(key, VAL_PER.label)), SOURCE)
        for key, mean in zip(space.keys, truth, strict=True)
    ]
    return BenchmarkTable(metadata, records, table.latency), sorted(rows, key=lambda row: row.key)


def _drawn(
    pattern: TrainingRecord, key: str, cell: Cell, label: float, recipe_hash: str
) -> TrainingRecord:
    """A training whose label is the same after each epoch."""
    return replace(
        pattern,
        functional_key=key,
        cell=cell.text,
        recipe_hash=recipe_hash,
        val_per_curve=(label,) * len(pattern.val_per_curve),
        test_per=label,
        best_epoch=1,
        software=SOURCE,
        held_out_per_curves=(),
        utterance_edits=(),
        utterance_ctc_loss=(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="name or folder of a table")
    parser.add_argument("--artifact", help="name or folder; by default the table's name")
    parser.add_argument("--seed", type=int, default=1234, help="seed of the trainings")
    parser.add_argument("--world", type=int, default=0, help="start of the draws")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    options = parser.parse_args()
    try:
        table = BenchmarkTable.load(options.table)
        forecaster = Forecaster.load(options.artifact or options.table)
        whole, rows = completed(table, forecaster, options.seed, options.world)
        whole.save(options.out / "table")
        write_rows(rows, options.out / "truth.parquet")
    except UserError as e:
        sys.exit(f"error: {e}")
    drawn = sum(record.software == SOURCE for record in whole.records)
    measured = len(rows) - drawn
    print(f"{len(rows)} functions: {measured} measured with seed {options.seed}, {drawn} drawn")


if __name__ == "__main__":
    main()
