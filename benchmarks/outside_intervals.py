"""Do intervals hold for cells that are larger, or have operations that no trained cell has?

python benchmarks/outside_intervals.py timit-micro --target val_per --predictor stack
python benchmarks/outside_intervals.py timit-micro --target latency --predictor additive
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import NB_ASR_OPS, Semantics
from graph_encoding.graph import CellGraph
from surrogate.calibration import TrainedOn, calibrate_support
from surrogate.dataset import SurrogateDataset
from surrogate.latency_model import latency_dataset
from surrogate.metrics import coverage
from surrogate.prediction import Interval
from surrogate.predictors import PREDICTORS
from surrogate.targets import TARGETS
from train_benchmark.table import BenchmarkTable

MOST_TRAINED = 600
MOST_ASKED = 500
OPS = tuple(op for op in NB_ASR_OPS if op != "zero")
LEVELS = (0.5, 0.8, 0.9, 0.95)
FOLDS = 5

Mask = NDArray[np.bool_]


def datasets(table: BenchmarkTable, target: str) -> Iterator[tuple[str, SurrogateDataset]]:
    """What is asked for by name: one target, or the latency of each setting."""
    if target != "latency":
        yield target, SurrogateDataset.from_table(table, TARGETS.get(target), "mean")
        return
    for setting in table.latency.settings:
        measured = table.latency.seconds(setting)
        cells = {key: table.latency.cell_of(key) for key in measured}
        yield setting, latency_dataset(measured, cells, Semantics(table.metadata.semantics))


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
    options = parser.parse_args()
    table = BenchmarkTable.load(options.table)
    kind = PREDICTORS.get(options.predictor)
    levels = " | ".join(f"{100 * level:g} %" for level in LEVELS)
    print(f"| labels | trained on | beyond | asked | {levels} | 90 %, not widened |")
    print("|---|---|---|---" + "|---" * (len(LEVELS) + 1) + "|", flush=True)
    for name, data in datasets(table, options.target):
        for trained, inside, outside in divisions(data.graphs):
            rng = np.random.default_rng(0)
            train = data.subset(np.sort(rng.permutation(np.flatnonzero(inside))[:MOST_TRAINED]))
            asked = data.subset(np.sort(rng.permutation(np.flatnonzero(outside))[:MOST_ASKED]))
            if min(len(train), len(asked)) < 30:
                continue
            predictor, calibrator, _ = calibrate_support(train, kind, FOLDS, rng)
            answer, seen = predictor.predict(asked.graphs), TrainedOn.of(train.graphs)
            beyond = [seen.beyond(graph) for graph in asked.graphs]
            intervals = [calibrator.interval(answer, level, beyond) for level in LEVELS]
            intervals.append(calibrator.inside.interval(answer, 0.9))
            far = np.array([max(of_graph.values(), default=0) for of_graph in beyond])
            for nodes in np.unique(far):
                rows = far == nodes
                held = " | ".join(_share(interval, asked, rows) for interval in intervals)
                print(f"| {name} | {trained} | {nodes} | {rows.sum()} | {held} |", flush=True)


def _share(interval: Interval, asked: SurrogateDataset, rows: Mask) -> str:
    part = Interval(interval.low[rows], interval.high[rows], interval.level)
    return f"{coverage(part, asked.model_values[rows]):.2f}"


if __name__ == "__main__":
    main()
