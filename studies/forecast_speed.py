"""Speed and memory of forecasts on one core beside their bars, and beside plain trees.

OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro
OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro --cells 2000 --format json
OMP_NUM_THREADS=1 python studies/forecast_speed.py timit-micro --old ../older-checkout

Unseen cells have four or five nodes and are not in the space; each is another function. First
forecasts are of functions that were not asked for before, remembered ones of functions that were.
`of_bar` is what was measured, in units of the bar. Plain trees are what one writes first: every
graph encoded on its own and handed to xgboost's own predictor. Times are processor seconds, medians
over the repeats; with an older checkout, both are measured in turn and the ratios are new by old.
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
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, CellSpace, Semantics, cell_graph, functional_key, is_dead
from surrogate import Forecaster
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import VAL_PER
from surrogate.fitting.artifact import resolve_artifact_folder
from surrogate.predictors import XgbPredictor
from surrogate.predictors.features import Vocabulary, features_of, varying_columns
from train_benchmark.table.benchmark_table import BenchmarkTable

Row = dict[str, object]

REPEATS = 5
SINGLE_CELLS = 200
COMMAND = "import sys; from surrogate.cli import main; main(sys.argv[1:])"
IMPORTS = "import numpy, scipy.stats, xgboost, pydantic, typer"
BARS = {
    "artifact, MB": 12.0,
    "nasasr predict, cold, by its imports": 0.8,
    "first whole, ms": 2.0,
    "first batch, s per 10,000": 2.0,
    "remembered whole, ms": 0.3,
    "remembered space, s": 0.5,
}
MEASURED = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from graph_encoding import CellSpace
from surrogate import Forecaster
space, texts = list(CellSpace()), json.load(sys.stdin)
singles, batch = texts[:int(sys.argv[3])], texts[int(sys.argv[3]):]
def seconds(cells, **options):
    started = time.process_time()
    forecaster.forecast(cells, **options)
    return time.process_time() - started
def median(values):
    return sorted(values)[len(values) // 2]
def each(**options):
    return 1e3 * median([seconds([text], **options) for text in singles])
def loaded():
    forecaster = Forecaster.load(sys.argv[2])
    forecaster.forecast("10_100_1000")
    return forecaster
alone = {"targets": ["val_per"], "curve": False, "latency": False}
forecaster, found = loaded(), {}
found["first val_per, ms"] = each(**alone)
forecaster = loaded()
found["first whole, ms"] = each()
found["remembered whole, ms"] = each()
found["remembered val_per, ms"] = each(**alone)
found["first batch, s per 10,000"] = seconds(batch) / len(batch) * 1e4
forecaster = loaded()
found["first space, s"] = seconds(space)
found["remembered space, s"] = median([seconds(space) for _ in range(3)])
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
    trained_on = forecaster.metadata.trained_on
    texts = unseen_cells(SINGLE_CELLS + options.cells, trained_on.ops)
    rows = [size_row(options.artifact), *cold_rows(options.artifact)]
    rows += checkout_rows(options.artifact, texts, options.old)
    forecaster.forecast(texts[SINGLE_CELLS:])
    whole = peak_mib()
    rows += tree_rows(forecaster.metadata.table)
    rows.append(
        {
            "what": "resident memory, MiB",
            "program": round(before),
            "artifact": round(loaded - before),
            f"{options.cells} cells": round(whole - loaded),
        }
    )
    for row in rows:
        if (bar := BARS.get(str(row["what"]))) is not None:
            row |= {"bar": bar, "of_bar": round(float(str(row["measured"])) / bar, 2)}
    if options.format == "json":
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


def unseen_cells(count: int, ops: Sequence[str]) -> list[str]:
    """Living cells of four or five nodes, each of another function."""
    rng = np.random.default_rng(0)
    found: dict[str, str] = {}
    while len(found) < count:
        nodes = int(rng.integers(4, 6))
        skips = tuple(tuple(rng.integers(0, 2, k).tolist()) for k in range(1, nodes + 1))
        cell = Cell(tuple(rng.choice(ops, nodes).tolist()), skips)
        if not is_dead(cell, Semantics.PAPER):
            found.setdefault(functional_key(cell, Semantics.PAPER), cell.text)
    return list(found.values())


def size_row(artifact: str) -> Row:
    """Size of all files."""
    files = [path for path in resolve_artifact_folder(artifact).rglob("*") if path.is_file()]
    return {
        "what": "artifact, MB",
        "measured": round(sum(path.stat().st_size for path in files) / 1e6, 1),
    }


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


def cold_rows(artifact: str) -> list[Row]:
    """The command in a process of its own, and usual imports; files in the system's memory."""
    texts = ("10_110_2000", "20_210_3010", "31_210_0101", "10_100_1000", "40_110_2111")
    commands = [[COMMAND, "predict", text, "--artifact", artifact] for text in texts]
    # In turn, so that both meet the same load.
    taken = [(child_seconds(command), child_seconds([IMPORTS])) for command in commands]
    ratio = float(np.median([one / other for one, other in taken]))
    return [
        {"what": "nasasr predict, cold, s", "measured": round(np.median(taken, axis=0)[0], 2)},
        {"what": "nasasr predict, cold, by its imports", "measured": round(ratio, 2)},
    ]


def child_seconds(arguments: Sequence[str]) -> float:
    """Processor time of a new process that runs a piece of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True)  # noqa: S603 - our own command
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def checkout_rows(artifact: str, texts: Sequence[str], old: Path | None) -> list[Row]:
    """First and remembered forecasts of this checkout, and of an older one."""
    folder = str(resolve_artifact_folder(artifact))
    trees = [Path(__file__).parents[1], *([] if old is None else [old])]
    found: list[list[dict[str, float]]] = [[] for _ in trees]
    for _ in range(3):
        for results, tree in zip(found, trees, strict=True):
            place = str(tree.resolve())
            command = [sys.executable, "-c", MEASURED, place, folder, str(SINGLE_CELLS)]
            made = subprocess.run(  # noqa: S603 - our own command
                command,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                input=json.dumps(texts),
                env={**os.environ, "PYTHONPATH": place},
            )
            results.append(json.loads(made.stdout))
    rows = []
    for name in found[0][0]:
        new = float(np.median([result[name] for result in found[0]]))
        row: Row = {"what": name, "measured": round(new, 3)}
        if old is not None:
            ratios = [a[name] / b[name] for a, b in zip(*found, strict=True)]
            row |= {
                "old": round(float(np.median([result[name] for result in found[1]])), 3),
                "new_by_old": round(float(np.median(ratios)), 3),
            }
        rows.append(row)
    return rows


def tree_rows(table_name: str) -> list[Row]:
    """Boosted trees alone, from the graphs of the space to means and deviations."""
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
    living = (cell for cell in CellSpace() if not is_dead(cell, Semantics.PAPER))
    graphs = list({graph.key: graph for graph in map(cell_graph, living)}.values())
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
            "us_per_graph": round(1e6 * ours / len(graphs), 1),
            "plain_by_ours": round(theirs / ours, 1),
        }
    ]


if __name__ == "__main__":
    main()
