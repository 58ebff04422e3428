"""Speed and memory of forecasts on one core, with a plain implementation beside.

OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro
OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro --cells 2000 --format json
OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro --old ../older-checkout

First forecasts are of functions that were not asked for before, warm ones of functions that were.
Plain is what one writes first: cells asked for one after another; every graph encoded on its own
and handed to xgboost's own predictor. Times are processor seconds, medians over the repeats; with
an older checkout, both are measured in turn and the ratios are new by old.
"""

import argparse
import json
import os
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
from surrogate.fitting.artifact import resolve_artifact_folder
from surrogate.predictors import XgbPredictor
from surrogate.predictors.features import Vocabulary, features_of, varying_columns
from train_benchmark.table.benchmark_table import BenchmarkTable

T = TypeVar("T")

REPEATS = 5
SINGLE_CELLS = 200
COMMAND = "import sys; from surrogate.cli import main; main(sys.argv[1:])"
IMPORTS = "import numpy, scipy.stats, xgboost, pydantic, typer"
MEASURED = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from graph_encoding import Cell, CellSpace
from surrogate import Forecaster
space = list(CellSpace())
forecaster = Forecaster.load(sys.argv[2])
texts = sys.argv[3:]
def seconds(cells, **options):
    started = time.process_time()
    forecaster.forecast(cells, **options)
    return time.process_time() - started
def median(values):
    return sorted(values)[len(values) // 2]
alone = {"targets": ["val_per"], "curve": False, "latency": False}
found = {"first val_per, ms": 1e3 * median([seconds([text], **alone) for text in texts])}
forecaster = Forecaster.load(sys.argv[2])
found["first whole, ms"] = 1e3 * median([seconds([text]) for text in texts])
found["first space, s"] = seconds(space)
found["warm space, s"] = median([seconds(space) for _ in range(3)])
found["warm whole, ms"] = 1e3 * median([seconds([text]) for text in texts])
found["warm val_per, ms"] = 1e3 * median([seconds([text], **alone) for text in texts])
found["space at a new level, s"] = seconds(space, level=0.8)
print(json.dumps(found))
"""
"""Measures the checkout that its first argument names, in a process of its own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", help="shipped artifact, or the folder of one")
    parser.add_argument("--cells", type=int, default=10_000, help="cells of a batch")
    parser.add_argument("--old", type=Path, help="older checkout to compare with")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args()
    before = peak_mib()
    forecaster = Forecaster.load(options.artifact)
    loaded = peak_mib()
    space = [cell for cell in CellSpace() if not is_dead(cell, Semantics.PAPER)]
    order = np.random.default_rng(0).permutation(len(space))
    cells = [space[i] for i in order[: options.cells]]
    forecaster.forecast(cells)
    whole = peak_mib()
    rows = [*cold_rows(cells, options.artifact), *forecast_rows(options.artifact, cells)]
    rows += [predictor_row(options.artifact, cells)]
    rows += tree_rows(forecaster.metadata.table, cells)
    rows += checkout_rows(options.artifact, cells, options.old)
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


def cold_rows(cells: Sequence[Cell], artifact: str) -> list[dict[str, object]]:
    """The command in a process of its own, and usual imports; files in the system's memory."""
    commands = [[COMMAND, "predict", cell.text, "--artifact", artifact] for cell in cells[:REPEATS]]
    # In turn, so that both meet the same load.
    taken = [(child_seconds(command), child_seconds([IMPORTS])) for command in commands]
    predict, imports = np.median(taken, axis=0).tolist()
    return [
        {
            "what": "nasasr predict, cold",
            "s": round(predict, 2),
            "imports_s": round(imports, 2),
            "ratio": round(float(np.median([one / other for one, other in taken])), 2),
        }
    ]


def child_seconds(arguments: Sequence[str]) -> float:
    """Processor time of a new process that runs a piece of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True)  # noqa: S603 - our own command
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def checkout_rows(
    artifact: str, cells: Sequence[Cell], old: Path | None
) -> list[dict[str, object]]:
    """First and warm forecasts of this checkout, and of an older one."""
    folder = str(resolve_artifact_folder(artifact))
    trees = [Path(__file__).parents[1], *([] if old is None else [old])]
    texts = [cell.text for cell in cells[:SINGLE_CELLS]]
    found: list[list[dict[str, float]]] = [[] for _ in trees]
    for _ in range(3):
        for results, tree in zip(found, trees, strict=True):
            command = [sys.executable, "-c", MEASURED, str(tree.resolve()), folder, *texts]
            environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}
            made = subprocess.run(  # noqa: S603 - our own command
                command, check=True, capture_output=True, text=True, env=environment
            )
            results.append(json.loads(made.stdout))
    rows = []
    for name in found[0][0]:
        new = float(np.median([result[name] for result in found[0]]))
        row: dict[str, object] = {"what": name, "new": round(new, 3)}
        if old is not None:
            ratios = [a[name] / b[name] for a, b in zip(*found, strict=True)]
            row |= {
                "old": round(float(np.median([result[name] for result in found[1]])), 3),
                "ratio": round(float(np.median(ratios)), 3),
            }
        rows.append(row)
    return rows


def forecast_rows(artifact: str, cells: Sequence[Cell]) -> list[dict[str, object]]:
    """Whole forecasts, and what a search asks for: one target alone; each asked first."""
    alone: dict[str, Any] = {"targets": ["val_per"], "curve": False, "latency": False}
    rows: list[dict[str, object]] = []
    for what, options in (("whole forecast", {}), ("forecast of val_per alone", alone)):
        single = Forecaster.load(artifact)
        one = seconds_each(lambda cell, f=single, o=options: f.forecast([cell], **o), cells)
        forecasters = iter([Forecaster.load(artifact) for _ in range(REPEATS)])
        batch = seconds(lambda f=forecasters, o=options: next(f).forecast(cells, **o))
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
