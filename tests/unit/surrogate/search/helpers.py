"""A made-up table of all functions of a small space."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from surrogate.search import SearchSpace
from surrogate.testing.synthetic import synthetic_table, true_per
from train_benchmark.table.benchmark_table import BenchmarkTable

SMALL = SearchSpace(nodes=2, ops=("linear", "conv5", "conv7d2", "zero"))


def space_table(
    space: SearchSpace = SMALL, seeds: Sequence[int] = (1, 2, 3), noise: float = 0.003
) -> BenchmarkTable:
    """Every function with every seed; the noise is that of the seeds."""
    some = synthetic_table(1, seeds=(1,))
    (record,) = some.records
    rng = np.random.default_rng(0)
    functions = space.functions
    records = []
    for key, cell, graph in zip(functions.keys, functions.cells, functions.graphs, strict=True):
        for seed in seeds:
            per = true_per(graph) + float(rng.normal(0, noise))
            curve = (1.0, *[per] * 5)
            records.append(
                replace(
                    record,
                    functional_key=key,
                    cell=cell.text,
                    seed=seed,
                    val_per_curve=curve,
                    test_per=per,
                )
            )
    return BenchmarkTable(some.metadata, records)
