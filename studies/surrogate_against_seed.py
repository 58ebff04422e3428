"""Is a forecast worth a training? Errors to unseen seeds: of the surrogate, of another seed.

python studies/surrogate_against_seed.py timit-micro

Functions that were trained with several seeds are held out in turn. Their labels are foretold
twice: by a surrogate fitted without the function, and by the function's own label with another
seed. What is foretold is a seed alone ("one"), or the mean of all other seeds, of functions with
three or more ("mean").
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding.engines.engine import OnStep
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.targets import TARGETS
from surrogate.jobs.tasks import each_done
from surrogate.predictors import PREDICTORS
from train_benchmark.table.benchmark_table import BenchmarkTable

FOLDS = 5
RESAMPLES = 2000
TARGET_NAMES = ("val_per", "test_per")

Told = list[tuple[float, np.ndarray]]
"""For each function what a surrogate without it says, and its labels."""

Errors = list[tuple[np.ndarray, np.ndarray]]
"""For each function the errors of the surrogate and of a seed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--predictor", default="stack")
    parser.add_argument("--workers", type=int, default=1, help="fits at a time")
    options = parser.parse_args()
    work = partial(foretold, options.table, options.predictor)
    tasks = [(name, fold) for name in TARGET_NAMES for fold in range(FOLDS)]
    found_by_task = {}
    for task, found_there in each_done(tasks, work, workers=options.workers):
        found_by_task[task] = found_there
        print(f"{len(found_by_task)}/{len(tasks)}", file=sys.stderr)
    print("target    to    functions  error of    mean absolute  root mean square  median")
    for name in TARGET_NAMES:
        told = [pair for fold in range(FOLDS) for pair in found_by_task[name, fold]]
        several = [(value, labels) for value, labels in told if len(labels) > 2]
        for what, found in (
            ("one", [to_one_seed(value, labels) for value, labels in told]),
            ("mean", [to_mean_of_seeds(value, labels) for value, labels in several]),
        ):
            for who, errors in zip(("surrogate", "a seed"), zip(*found, strict=True), strict=True):
                flat = np.concatenate(errors)
                print(
                    f"{name:9} {what:5} {len(found):9}  {who:10} {np.abs(flat).mean():14.4f} "
                    f"{np.sqrt((flat**2).mean()):17.4f} {np.median(np.abs(flat)):7.4f}"
                )
            low, high = ratio_interval(found)
            print(
                f"ratio of mean absolute errors: 95 % interval {low:.2f} to {high:.2f}", flush=True
            )


def foretold(table_name: str, predictor: str, task: tuple[str, int], on_step: OnStep) -> Told:
    """One fold of a target's functions with several seeds."""
    del on_step
    name, fold = task
    table, target = BenchmarkTable.load(table_name), TARGETS.get(name)
    dataset = SurrogateDataset.from_table(table, target, "mean").sorted_by_key()
    several = np.flatnonzero(dataset.seed_counts > 1)
    folds = list(fold_indices(len(several), FOLDS, np.random.default_rng(0)))
    held_out = several[folds[fold][1]]
    rest = np.setdiff1d(np.arange(len(dataset)), held_out)
    fitted = PREDICTORS.get(predictor)().fit(dataset.subset(rest), np.random.default_rng(fold))
    answer = fitted.predict([dataset.graphs[i] for i in held_out])
    labels = (table.labels_of(dataset.keys[i], target.label) for i in held_out)
    return [
        (float(value), np.array(list(of_seeds.values())))
        for value, of_seeds in zip(target.transform.to_raw(answer.mean), labels, strict=True)
    ]


def to_one_seed(value: float, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors to each seed: of the surrogate, and of each other seed."""
    others = labels[:, None] - labels[None, :]
    return value - labels, others[~np.eye(len(labels), dtype=bool)]


def to_mean_of_seeds(value: float, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors to the mean of all seeds but one: of the surrogate, and of the seed left out."""
    rest = (labels.sum() - labels) / (len(labels) - 1)
    return value - rest, labels - rest


def ratio_interval(errors: Errors) -> tuple[float, float]:
    """Bootstrap over functions of the ratio of mean absolute errors."""
    means = np.array([[np.abs(a).mean() for a in who] for who in zip(*errors, strict=True)])
    rng = np.random.default_rng(0)
    n = means.shape[1]
    draws = means[:, rng.integers(n, size=(RESAMPLES, n))].mean(axis=2)
    low, high = np.quantile(draws[0] / draws[1], [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
