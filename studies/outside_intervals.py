"""Do intervals hold for cells that are larger, or have operations that no trained cell has?

python studies/outside_intervals.py timit-micro --target val_per --predictor stack
python studies/outside_intervals.py timit-micro --target latency --predictor additive
"""

import argparse
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import NB_ASR_OPS, Semantics
from graph_encoding.engines.engine import OnStep
from graph_encoding.graph import CellGraph
from surrogate.calibration import TrainedOn, calibrate_support
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Interval
from surrogate.data.targets import TARGETS
from surrogate.jobs.tasks import each_done
from surrogate.latency.model import latency_dataset
from surrogate.metrics import coverage
from surrogate.predictors import PREDICTORS
from train_benchmark.table.benchmark_table import BenchmarkTable

MOST_TRAINED = 600
MOST_ASKED = 500
OPS = tuple(op for op in NB_ASR_OPS if op != "zero")
LEVELS = (0.5, 0.8, 0.9, 0.95)
FOLDS = 5

Mask = NDArray[np.bool_]


def label_names(table: BenchmarkTable, target: str) -> tuple[str, ...]:
    """What is asked for by name: one target, or the latency of each setting."""
    return table.latency.settings if target == "latency" else (target,)


@lru_cache(maxsize=1)
def dataset(table_name: str, target: str, name: str) -> SurrogateDataset:
    """One set of labels; kept, for its divisions follow each other."""
    table = BenchmarkTable.load(table_name)
    if target != "latency":
        return SurrogateDataset.from_table(table, TARGETS.get(target), "mean")
    measured = table.latency.seconds(name)
    cells = {key: table.latency.cell_of(key) for key in measured}
    return latency_dataset(measured, cells, Semantics(table.metadata.semantics))


def divisions(graphs: tuple[CellGraph, ...]) -> Iterator[tuple[str, Mask, Mask]]:
    """What to train on and what to ask: smaller and larger, without operations and with them."""
    nodes = np.array([graph.inner_nodes for graph in graphs])
    has = {op: np.array([any(o.name == op for o in g.ops) for g in graphs]) for op in OPS}
    known = np.array([all(op.name in OPS for op in graph.ops[1:-1]) for graph in graphs])
    for size in range(2, int(nodes.max())):
        yield f"up to {size} nodes", known & (nodes <= size), known & (nodes > size)
    yield "operations of the space", known & (nodes <= 3), ~known
    for op in OPS:
        yield f"without {op}", known & (nodes <= 3) & ~has[op], known & (nodes <= 3) & has[op]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--target", default="val_per", help="a target's name, or latency")
    parser.add_argument("--predictor", default="stack")
    parser.add_argument("--workers", type=int, default=1, help="fits at a time")
    options = parser.parse_args()
    tasks = [
        (name, number)
        for name in label_names(BenchmarkTable.load(options.table), options.target)
        for number, _ in enumerate(divisions(dataset(options.table, options.target, name).graphs))
    ]
    work = partial(rows_of, options.table, options.target, options.predictor)
    rows = {}
    for task, lines in each_done(tasks, work, workers=options.workers):
        rows[task] = lines
        print(f"{len(rows)}/{len(tasks)}", file=sys.stderr)
    levels = " | ".join(f"{100 * level:g} %" for level in LEVELS)
    print(f"| labels | trained on | beyond | asked | {levels} | 90 %, not widened |")
    print("|---|---|---|---" + "|---" * (len(LEVELS) + 1) + "|")
    for task in tasks:
        for row in rows[task]:
            print(row)


def rows_of(
    table_name: str, target: str, predictor: str, task: tuple[str, int], on_step: OnStep
) -> list[str]:
    """Lines of one division of one set of labels."""
    del on_step
    name, number = task
    data = dataset(table_name, target, name)
    trained, inside, outside = list(divisions(data.graphs))[number]
    rng = np.random.default_rng(0)
    train = data.subset(np.sort(rng.permutation(np.flatnonzero(inside))[:MOST_TRAINED]))
    asked = data.subset(np.sort(rng.permutation(np.flatnonzero(outside))[:MOST_ASKED]))
    if min(len(train), len(asked)) < 30:
        return []
    fitted, calibrator, _ = calibrate_support(train, PREDICTORS.get(predictor), FOLDS, rng)
    answer, seen = fitted.predict(asked.graphs), TrainedOn.of(train.graphs)
    beyond = [seen.beyond(graph) for graph in asked.graphs]
    intervals = [calibrator.interval(answer, level, beyond) for level in LEVELS]
    intervals.append(calibrator.inside.interval(answer, 0.9))
    far = np.array([max(of_graph.values(), default=0) for of_graph in beyond])
    lines = []
    for nodes in np.unique(far):
        rows = far == nodes
        held = " | ".join(_share(interval, asked, rows) for interval in intervals)
        lines.append(f"| {name} | {trained} | {nodes} | {rows.sum()} | {held} |")
    return lines


def _share(interval: Interval, asked: SurrogateDataset, rows: Mask) -> str:
    part = Interval(interval.low[rows], interval.high[rows], interval.level)
    return f"{coverage(part, asked.model_values[rows]):.2f}"


if __name__ == "__main__":
    main()
