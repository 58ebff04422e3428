"""Do intervals hold for cells that are larger, or have operations that no training cell has?

python studies/outside_intervals.py timit-micro --target val_per --predictor stack
python studies/outside_intervals.py timit-micro --target latency --predictor additive
"""

import argparse
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import NB_ASR_OPS, Semantics
from graph_encoding.engines.engine import OnStep
from surrogate.comparison.plugin import contender
from surrogate.comparison.protocol import PlannedSplit
from surrogate.comparison.scored_fit import fit_and_ask
from surrogate.comparison.scores import metrics_of
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import Source
from surrogate.data.targets import TARGETS
from surrogate.jobs.tasks import each_done
from surrogate.latency.model import latency_dataset
from train_benchmark.table.benchmark_table import BenchmarkTable

FEWEST_KEYS = 30
OPS = tuple(op for op in NB_ASR_OPS if op != "zero")
LEVELS = (0.5, 0.8, 0.9, 0.95)
FOLDS = 5


def label_names(table: BenchmarkTable, target: str) -> tuple[str, ...]:
    """The sets of labels: one target, or the latency of each setting."""
    return table.latency.settings if target == "latency" else (target,)


@lru_cache(maxsize=1)
def source(table_name: str, target: str, name: str) -> Source:
    """One set of labels; cached, because its splits follow each other."""
    table = BenchmarkTable.load(table_name)
    if target == "latency":
        measured = table.latency.seconds(name)
        cells = {key: table.latency.cell_of(key) for key in measured}
        data = latency_dataset(measured, cells, Semantics(table.metadata.semantics))
    else:
        data = SurrogateDataset.from_table(table, TARGETS.get(target), "mean")
    return Source(name, data.sorted_by_key(), np.zeros(len(data), dtype=bool), None)


def splits(labels: Source, most_trained: int, most_tested: int) -> Iterator[PlannedSplit]:
    """Smaller and larger cells, and cells without and with an operation; not too few of either."""
    graphs = labels.dataset.graphs
    nodes = np.array([graph.inner_nodes for graph in graphs])
    has = {op: np.array([any(o.name == op for o in g.ops) for g in graphs]) for op in OPS}
    known = np.array([all(op.name in OPS for op in graph.ops[1:-1]) for graph in graphs])
    small = known & (nodes <= 3)
    divisions = {
        **{f"up to {k} nodes": (known & (nodes <= k), known & (nodes > k)) for k in (2, 3, 4)},
        "operations of the space": (small, ~known),
        **{f"without {op}": (small & ~has[op], small & has[op]) for op in OPS},
    }
    for detail, (inside, outside) in divisions.items():
        rng = np.random.default_rng(0)
        train = np.sort(rng.permutation(np.flatnonzero(inside))[:most_trained])
        test = np.sort(rng.permutation(np.flatnonzero(outside))[:most_tested])
        if min(len(train), len(test)) >= FEWEST_KEYS:
            yield PlannedSplit("novel cells", detail, len(train), 0, train, test)


def rows_of(
    labels_of: partial[Source], predictor: str, task: tuple[str, PlannedSplit], on_step: OnStep
) -> list[str]:
    """Coverage at each level for each number of novel nodes, and of 90 % without widening."""
    del on_step
    name, split = task
    labels = labels_of(name)
    score = {m.name: m.of for m in metrics_of(labels.dataset.target, LEVELS)}
    wide, plain = (
        fit_and_ask(
            labels, split, contender(predictor, {}), levels=LEVELS, folds=FOLDS, seed=0, widen=widen
        )
        for widen in (True, False)
    )
    lines = []
    for count in np.unique(wide.novel_nodes):
        rows = wide.novel_nodes == count
        shares = [score[f"coverage_{100 * level:g}"](wide.at(rows)) for level in LEVELS]
        shares.append(score["coverage_90"](plain.at(rows)))
        held = " | ".join(f"{share:.2f}" for share in shares)
        lines.append(f"| {name} | {split.detail} | {count} | {rows.sum()} | {held} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--target", default="val_per", help="a target's name, or latency")
    parser.add_argument("--predictor", default="stack")
    parser.add_argument("--workers", type=int, default=1, help="fits at a time")
    parser.add_argument("--most-trained", type=int, default=600, help="training keys of a split")
    parser.add_argument("--most-tested", type=int, default=500, help="test keys of a split")
    options = parser.parse_args()
    labels_of = partial(source, options.table, options.target)
    tasks = [
        (name, split)
        for name in label_names(BenchmarkTable.load(options.table), options.target)
        for split in splits(labels_of(name), options.most_trained, options.most_tested)
    ]
    rows: dict[tuple[str, str], list[str]] = {}
    work = partial(rows_of, labels_of, options.predictor)
    for (name, split), lines in each_done(tasks, work, workers=options.workers):
        rows[name, split.detail] = lines
        print(f"{len(rows)}/{len(tasks)}", file=sys.stderr)
    levels = " | ".join(f"{100 * level:g} %" for level in LEVELS)
    print(f"| labels | trained on | novel nodes | tested | {levels} | 90 %, not widened |")
    print("|---|---|---|---" + "|---" * (len(LEVELS) + 1) + "|")
    for name, split in tasks:
        print("\n".join(rows[name, split.detail]))


if __name__ == "__main__":
    main()
