"""Is a forecast worth a training? Errors to an unseen seed: of the surrogate, of another seed.

python benchmarks/surrogate_against_seed.py timit-micro

Functions that were trained with several seeds are held out in turn. Each of their labels is
foretold twice: by a surrogate fitted without the function, and by the function's own label with
each other seed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from surrogate.dataset import SurrogateDataset
from surrogate.folds import fold_indices
from surrogate.predictors import PREDICTORS
from surrogate.targets import TARGETS
from train_benchmark.table import BenchmarkTable

FOLDS = 5
RESAMPLES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--predictor", default="stack")
    options = parser.parse_args()
    table = BenchmarkTable.load(options.table)
    print("target    functions  error of    mean absolute  root mean square  median")
    for name in ("val_per", "test_per"):
        of_surrogate, of_seed = errors(table, name, options.predictor)
        for who, found in (("surrogate", of_surrogate), ("a seed", of_seed)):
            flat = np.concatenate(found)
            print(
                f"{name:9} {len(found):9}  {who:10} {np.abs(flat).mean():14.4f} "
                f"{np.sqrt((flat**2).mean()):17.4f} {np.median(np.abs(flat)):7.4f}"
            )
        low, high = ratio_interval(of_surrogate, of_seed)
        print(f"ratio of mean absolute errors: 95 % interval {low:.2f} to {high:.2f}", flush=True)


def errors(
    table: BenchmarkTable, name: str, predictor: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each function with several seeds, the errors of the surrogate and of other seeds."""
    target = TARGETS.get(name)
    dataset = SurrogateDataset.from_table(table, target, "mean").sorted_by_key()
    several = np.flatnonzero(dataset.seed_counts > 1)
    of_surrogate, of_seed = [], []
    parts = fold_indices(len(several), FOLDS, np.random.default_rng(0))
    for fold, (_, part) in enumerate(parts):
        held_out = several[part]
        rest = np.setdiff1d(np.arange(len(dataset)), held_out)
        fitted = PREDICTORS.get(predictor)().fit(dataset.subset(rest), np.random.default_rng(fold))
        answer = fitted.predict([dataset.graphs[i] for i in held_out])
        told = target.transform.to_raw(answer.mean)
        for i, value in zip(held_out, told, strict=True):
            labels = np.array(list(table.labels_of(dataset.keys[i], target.label).values()))
            of_surrogate.append(value - labels)
            others = labels[:, None] - labels[None, :]
            of_seed.append(others[~np.eye(len(labels), dtype=bool)])
    return of_surrogate, of_seed


def ratio_interval(first: list[np.ndarray], second: list[np.ndarray]) -> tuple[float, float]:
    """Bootstrap over functions of the ratio of mean absolute errors."""
    means = np.array([[np.abs(a).mean() for a in first], [np.abs(b).mean() for b in second]])
    rng = np.random.default_rng(0)
    n = means.shape[1]
    draws = means[:, rng.integers(n, size=(RESAMPLES, n))].mean(axis=2)
    low, high = np.quantile(draws[0] / draws[1], [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
