"""Latency of new cells in a measured setting: predictors trained on few, asked for all others.

python studies/latency_forecast.py timit-micro
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Semantics
from surrogate.latency.model import latency_dataset
from surrogate.metrics import spearman_rho
from surrogate.predictors import PREDICTORS
from train_benchmark.table.benchmark_table import BenchmarkTable

SIZES = (100, 400)
REPEATS = 3
LEAST_ASKED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--predictors", default="additive,gp,xgb,ridge,params,macs")
    options = parser.parse_args()
    table = BenchmarkTable.load(options.table)
    print("| setting | trained on | predictor | rho | median error | 95 % below |")
    print("|---|---|---|---|---|---|")
    for setting in table.latency.settings:
        measured = table.latency.seconds(setting)
        cells = {key: table.latency.cell_of(key) for key in measured}
        dataset = latency_dataset(measured, cells, Semantics(table.metadata.semantics))
        for size in (size for size in SIZES if len(dataset) - size >= LEAST_ASKED):
            for name in options.predictors.split(","):
                found = []
                for repeat in range(REPEATS):
                    rng = np.random.default_rng(repeat)
                    order = rng.permutation(len(dataset))
                    train, rest = dataset.subset(order[:size]), order[size:]
                    answer = PREDICTORS.get(name)().fit(train, rng)
                    told = answer.predict([dataset.graphs[i] for i in rest]).mean
                    truth = dataset.values[rest]
                    errors = np.abs(np.exp(told) / truth - 1)
                    found.append(
                        (spearman_rho(told, truth), np.median(errors), np.quantile(errors, 0.95))
                    )
                rho, median, high = np.mean(found, axis=0)
                print(
                    f"| `{setting}` | {size} | {name} | {rho:.3f} | {median:.1%} | {high:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
