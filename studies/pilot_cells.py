"""Cells of a recipe pilot: the published anchors, good cells by a held-out forecast, random ones.

    python studies/pilot_cells.py timit-micro > configs/pilot/cells.txt

The better half is chosen by forecasts of models that have not seen the function's own label, so
that no seed's luck decides. The order is such that every beginning is a smaller pilot: the
anchors, then three good cells and a random one in turn.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, CellSpace, Semantics, functional_key
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.targets import TARGETS
from surrogate.predictors import PREDICTORS
from train_benchmark.table.benchmark_table import BenchmarkTable

ANCHORS = {
    "50_500_5100": "identity: test PER .2394 in the published benchmark, two entries",
    "01_100_5110": "2x + linear: .2278, inferred",
    "11_111_1111": "three conv5 with all skips: .2380",
    "00_101_3010": "the cell of hyperbox: .2484",
}
"""Published values that are certain enough; docs/explanation/validity.md has the sources."""

FOLDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--good", type=int, default=60, help="cells of the better half")
    parser.add_argument("--random", type=int, default=20, help="cells of the whole space")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    cells, forecast = held_out_forecast(options.table, rng)
    anchors = {functional_key(Cell.parse(text), Semantics.PAPER) for text in ANCHORS}
    keys = [functional_key(cell, Semantics.PAPER) for cell in cells]
    open_to_draw = np.array([key not in anchors for key in keys])
    good = np.flatnonzero(open_to_draw & (forecast < np.median(forecast)))
    chosen_good = rng.choice(good, options.good, replace=False).tolist()
    rest = np.setdiff1d(np.flatnonzero(open_to_draw), chosen_good)
    chosen_random = rng.choice(rest, options.random, replace=False).tolist()
    for text, what in ANCHORS.items():
        print(f"{text}  # {what}")
    per_random = -(-options.good // max(1, options.random))
    for position, index in enumerate(chosen_random):
        for other in chosen_good[position * per_random : (position + 1) * per_random]:
            print(f"{cells[other].text}  # better half, forecast {forecast[other]:.4f}")
        print(f"{cells[index].text}  # random, forecast {forecast[index]:.4f}")


def held_out_forecast(table_name: str, rng: np.random.Generator) -> tuple[list[Cell], np.ndarray]:
    """Living functions of the standard space, and `val_per` forecast without their own labels."""
    table = BenchmarkTable.load(table_name)
    dataset = SurrogateDataset.from_table(table, TARGETS.get("val_per"), "mean").sorted_by_key()
    representatives = CellSpace().representatives(Semantics.PAPER)
    rows = np.array([i for i, key in enumerate(dataset.keys) if key in representatives])
    forecast = np.empty(len(rows))
    for known, held_out in fold_indices(len(rows), FOLDS, rng):
        fitted = PREDICTORS.get("xgb")().fit(dataset.subset(rows[known]), rng)
        predicted = fitted.predict([dataset.graphs[i] for i in rows[held_out]])
        forecast[held_out] = dataset.target.transform.to_raw(predicted.mean)
    return [representatives[dataset.keys[i]] for i in rows], forecast


if __name__ == "__main__":
    main()
