"""Cells whose true mean a table should know better: the best by label and the best by forecast.

    python studies/refined_cells.py timit-micro > configs/campaign/timit-micro-refined-cells.txt

The best labels of a table are partly luck of their seed. Half of the cells are the best by label,
half the best by a forecast that has not seen the cell's own label. Both halves take turns, so
that every beginning of the list holds as many of either.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Semantics, functional_key
from studies.pilot_cells import held_out_forecast
from train_benchmark.table.benchmark_table import BenchmarkTable

LABEL = "val_per"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--label-seed", type=int, default=1234, help="whose labels are ranked")
    parser.add_argument("--fold-seed", type=int, default=2026, help="of the forecast's folds")
    options = parser.parse_args()
    cells, forecast = held_out_forecast(options.table, np.random.default_rng(options.fold_seed))
    table = BenchmarkTable.load(options.table)
    keys = [functional_key(cell, Semantics.PAPER) for cell in cells]
    label = np.array([table.labels_of(key, LABEL)[options.label_seed] for key in keys])
    for index, reason in alternate(label.argsort(kind="stable"), forecast.argsort(kind="stable"))[
        : options.count
    ]:
        print(
            f"{cells[index].text}  # by {reason}: label {label[index]:.4f}, "
            f"forecast {forecast[index]:.4f}"
        )


def alternate(by_label: np.ndarray, by_forecast: np.ndarray) -> list[tuple[int, str]]:
    """Indices of two rankings in turns, each index once, with the ranking it was taken from."""
    chosen: dict[int, str] = {}
    rankings = {"label": iter(by_label.tolist()), "forecast": iter(by_forecast.tolist())}
    for turn in range(len(by_label)):
        reason = "label" if turn % 2 == 0 else "forecast"
        chosen[next(index for index in rankings[reason] if index not in chosen)] = reason
    return list(chosen.items())


if __name__ == "__main__":
    main()
