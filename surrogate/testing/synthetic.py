"""A made-up benchmark table: labels from a known function of the graph, plus seed noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np

from graph_encoding.common.hashing import content_hash
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.macro import TIMIT_MICRO_MACRO
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import VAL_PER, FloatArray, Target
from train_benchmark.record import TrainingRecord
from train_benchmark.table.benchmark_table import BenchmarkTable, TableMetadata

_GAIN = {"linear": 0.015, "conv5": 0.03, "conv5d2": 0.045, "conv7": 0.04, "conv7d2": 0.05}


def true_per(graph: CellGraph) -> float:
    """The error rate without noise: convolutions help, each less than the one before."""
    gains = sorted((_GAIN.get(op.name, 0.0) for op in graph.ops[1:-1]), reverse=True)
    skips = sum(m for source, target, m in graph.edges if target - source > 1)
    return 0.72 - sum(gain * 0.8**i for i, gain in enumerate(gains)) - 0.008 * min(skips, 3)


def synthetic_table(
    keys: int, seeds: Sequence[int] = (1, 2), noise: float = 0.01, failed: int = 0, start: int = 0
) -> BenchmarkTable:
    """A table of random cells of the standard space.

    Args:
        keys: number of functions.
        seeds: seeds that every function has.
        noise: standard deviation between seeds.
        failed: trainings, of the last functions, that ended with status "failed".
        start: seed of the choice of cells and of the noise.
    """
    rng = np.random.default_rng(start)
    cells = CellSpace().sample_keys(keys, Semantics.PAPER, rng)
    # Through JSON, as a recipe that was read from a file: its lists are lists, not tuples.
    plain = {"name": "synthetic", "macro": asdict(TIMIT_MICRO_MACRO), "train": {"epochs": 6}}
    recipe = json.loads(json.dumps(plain))
    recipe_hash = content_hash(recipe)
    records = []
    for key, cell in cells.items():
        for seed in seeds:
            per = true_per(cell_graph(cell)) + float(rng.normal(0, noise))
            records.append(
                TrainingRecord(
                    functional_key=key,
                    cell=cell.text,
                    semantics="paper",
                    seed=seed,
                    recipe_hash=recipe_hash,
                    corpus_fingerprint="synthetic",
                    status="ok",
                    error="",
                    val_per_curve=(1.0, *[per] * 5),
                    train_loss_curve=(3.0, 2.0, 1.5, 1.2, 1.1, 1.0),
                    best_epoch=2,
                    test_per=per + float(rng.normal(0.01, noise)),
                    params=1000,
                    train_seconds=1.0,
                    software="none=0",
                )
            )
    for i in range(failed):
        row = records[-1 - i]
        records[-1 - i] = replace(row, status="failed", error="made up", test_per=float("nan"))
    metadata = TableMetadata(
        "synthetic", recipe, recipe_hash, "synthetic", "paper", "made up", "2026-01-01"
    )
    return BenchmarkTable(metadata, tuple(records))


def with_features(
    dataset: SurrogateDataset, features: Mapping[str, Sequence[float] | FloatArray]
) -> SurrogateDataset:
    """The same dataset whose graphs have features.

    Args:
        dataset: n labelled graphs.
        features: name -> (n,) values.
    """
    columns = sorted((name, np.asarray(values).tolist()) for name, values in features.items())
    graphs = [
        replace(graph, features=tuple((name, values[i]) for name, values in columns))
        for i, graph in enumerate(dataset.graphs)
    ]
    return replace(dataset, graphs=tuple(graphs))


def synthetic_dataset(keys: int, target: Target = VAL_PER, start: int = 0) -> SurrogateDataset:
    """The labels of a `synthetic_table`, means over two seeds."""
    return SurrogateDataset.from_table(synthetic_table(keys, start=start), target, "mean")
