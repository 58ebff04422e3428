"""Speed and memory of forecasts on one core, with a plain implementation beside.

OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro
OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro --cells 2000 --format json

Plain is what one writes first: cells asked for one after another; every graph encoded on its own
and handed to xgboost's own predictor. Times are processor seconds, medians over the repeats.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, CellSpace, Semantics, cell_graph, is_dead
from graph_encoding.graph import CellGraph
from surrogate import Forecaster, load_artifact
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import VAL_PER
from surrogate.predictors import XgbPredictor
from surrogate.predictors.features import Vocabulary, features_of, varying_columns
from train_benchmark.table.benchmark_table import BenchmarkTable

T = TypeVar("T")

REPEATS = 5
SINGLE_CELLS = 200
COMMAND = "import sys; from surrogate.cli import main; main(sys.argv[1:])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", help="shipped artifact, or the folder of one")
    parser.add_argument("--cells", type=int, default=10_000, help="cells of a batch")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args()
    before = peak_mib()
    forecaster = Forecaster.load(options.artifact)
    loaded = peak_mib()
    space = [cell for cell in CellSpace() if not is_dead(cell, Semantics.PAPER)]
    order = np.random.default_rng(0).permutation(len(space))
    cells = [space[i] for i in order[: options.cells]]
    rows = [cold_row(cells, options.artifact), *forecast_rows(forecaster, cells)]
    whole = peak_mib()
    rows += [predictor_row(options.artifact, cells)]
    rows += tree_rows(forecaster.metadata.table, cells)
    rows.append(
        {
            "what": "resident memory, MiB",
            "program": round(before),
            "artifact": round(loaded - before),
            f"{len(cells)} cells": round(whole - loaded),
        }
    )
    if options.format == "json":
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


def peak_mib() -> float:
    """Most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median processor time of a call."""
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return float(np.median(taken))


def seconds_each(work: Callable[[T], object], things: Sequence[T]) -> float:
    """Median processor time of a call for one thing, each asked once."""
    taken = []
    for thing in things[:SINGLE_CELLS]:
        started = time.process_time()
        work(thing)
        taken.append(time.process_time() - started)
    return float(np.median(taken))


def cold_row(cells: Sequence[Cell], artifact: str) -> dict[str, object]:
    """The command in a process of its own, files in the system's memory."""
    taken = []
    for cell in cells[:REPEATS]:
        command = [sys.executable, "-c", COMMAND, "predict", cell.text, "--artifact", artifact]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"what": "nasasr predict, cold", "s": round(float(np.median(taken)), 2)}


def forecast_rows(forecaster: Forecaster, cells: Sequence[Cell]) -> list[dict[str, object]]:
    """Whole forecasts, and what a search asks for: one target alone."""

    def whole(asked: Sequence[Cell]) -> object:
        return forecaster.forecast(asked)

    def one_target(asked: Sequence[Cell]) -> object:
        return forecaster.forecast(asked, targets=["val_per"], curve=False, latency=False)

    rows: list[dict[str, object]] = []
    for what, forecast in (("whole forecast", whole), ("forecast of val_per alone", one_target)):
        one = seconds_each(lambda cell, ask=forecast: ask([cell]), cells)
        batch = seconds(lambda ask=forecast: ask(cells))
        rows.append(
            {
                "what": what,
                "one_ms": round(1e3 * one, 2),
                "cells": len(cells),
                "s": round(batch, 2),
                "ratio": round(one * len(cells) / batch, 1),
            }
        )
    return rows


def predictor_row(artifact: str, cells: Sequence[Cell]) -> dict[str, object]:
    """The predictor of one target alone, from cells' graphs to means and spreads."""
    predictor = load_artifact(artifact).models[0].predictor
    graphs = distinct_graphs(cells)
    one = seconds_each(lambda graph: predictor.predict([graph]), graphs)
    batch = seconds(lambda: predictor.predict(graphs))
    return {
        "what": f"{predictor.name} of one target",
        "graphs": len(graphs),
        "s": round(batch, 2),
        "us_a_graph": round(1e6 * batch / len(graphs), 1),
        "one_ms": round(1e3 * one, 2),
        "ratio": round(one * len(graphs) / batch, 1),
    }


def distinct_graphs(cells: Sequence[Cell]) -> list[CellGraph]:
    """One graph for each function."""
    return list({graph.key: graph for graph in map(cell_graph, cells)}.values())


def tree_rows(table_name: str, cells: Sequence[Cell]) -> list[dict[str, object]]:
    """Boosted trees alone, from cells' graphs to means and spreads."""
    import xgboost

    table = BenchmarkTable.load(table_name)
    data = SurrogateDataset.from_table(table, VAL_PER, "mean").sorted_by_key()
    boosters: list[xgboost.Booster] = []
    train = xgboost.train

    def noted(*args: Any, **options: Any) -> xgboost.Booster:
        boosters.append(train(*args, **options))
        return boosters[-1]

    with patch("xgboost.train", noted):
        trees = XgbPredictor().fit(data, np.random.default_rng(0))
    graphs = distinct_graphs(cells)
    answered = trees.predict(graphs)
    ours = seconds(lambda: trees.predict(graphs))
    for booster in boosters:
        booster.set_param({"nthread": 1})
    features = features_of(Vocabulary.of(data.graphs))
    used = varying_columns(features.encode(data.graphs))

    def plain() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        rows = np.concatenate([features.encode([graph])[:, used] for graph in graphs])
        matrix = xgboost.DMatrix(rows, nthread=1)
        return np.mean([booster.predict(matrix) for booster in boosters], axis=0)

    order = np.argsort(plain(), kind="stable")
    steps = np.diff(answered.mean[order])
    assert (steps > -1e-3).all(), "plain and own trees must answer alike"
    theirs = seconds(plain, repeats=3)
    return [
        {
            "what": "trees, encoding included",
            "graphs": len(graphs),
            "s": round(ours, 3),
            "us_a_graph": round(1e6 * ours / len(graphs), 1),
            "plain_s": round(theirs, 2),
            "ratio": round(theirs / ours, 1),
        }
    ]


if __name__ == "__main__":
    main()
