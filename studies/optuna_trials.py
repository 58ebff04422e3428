"""Trials of an Optuna study until one of the true best 1 %: GuidedSampler, TPESampler, GPSampler.

OMP_NUM_THREADS=1 python studies/optuna_trials.py --repeats 100

All samplers see the trainings of one seed; a dead cell is a pruned trial, and counts. Functions are
judged by the refined truth of docs/guides/search.md. Studies of one repeat have one seed. A study
that does not get there counts with twice the number of its trials.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Semantics, functional_key
from graph_encoding.functional_identity import is_dead
from surrogate.data.targets import VAL_PER
from surrogate.plugins.optuna_sampler import GuidedSampler, suggest_cell
from surrogate.search import Truth, read_refined
from train_benchmark.table.benchmark_table import BenchmarkTable

SEED = 1234
TRUTH = Path(__file__).parents[1] / "configs/search/timit-micro-truth.parquet"
SHARE = 0.01
BOOTSTRAPS = 2000
SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "GuidedSampler": lambda seed: GuidedSampler(seed=seed),
    "TPESampler": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "GPSampler": lambda seed: optuna.samplers.GPSampler(seed=seed),
}


class Objective:
    """The label of one seed; stops a study at one of the good functions."""

    def __init__(self, table: BenchmarkTable, good: frozenset[str]) -> None:
        self._table, self._good = table, good
        self.reached: int | None = None

    def __call__(self, trial: optuna.Trial) -> float:
        cell = suggest_cell(trial)
        if is_dead(cell, Semantics.PAPER):
            raise optuna.TrialPruned
        key = functional_key(cell, Semantics.PAPER)
        if key in self._good:
            self.reached = trial.number + 1
            trial.study.stop()
        return self._table.labels_of(key, "val_per")[SEED]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--budget", type=int, default=200, help="trials of a study")
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)

    table = BenchmarkTable.load("timit-micro")
    good = Truth.of_rows(VAL_PER, read_refined(TRUTH)).best(SHARE)
    trials: dict[str, list[int]] = {name: [] for name in args.samplers}
    for repeat in range(args.repeats):
        for name in args.samplers:
            objective = Objective(table, good)
            study = optuna.create_study(sampler=SAMPLERS[name](repeat))
            study.optimize(objective, n_trials=args.budget)
            trials[name].append(objective.reached or 2 * args.budget)
        print(repeat, *(of[-1] for of in trials.values()), file=sys.stderr, flush=True)
    report(trials, args.budget)


def report(trials: dict[str, list[int]], budget: int) -> None:
    """Quantiles, and ratios to the first sampler with intervals of the paired bootstrap."""
    counts = np.array(list(trials.values()))
    rng = np.random.default_rng(0)
    drawn = rng.integers(counts.shape[1], size=(BOOTSTRAPS, counts.shape[1]))
    print(f"{counts.shape[1]} paired repeats of {budget} trials")
    print("| sampler | median | 90 % | mean | reached | ratio of medians | ratio of means |")
    print("|---|---|---|---|---|---|---|")
    for row, name in enumerate(trials):
        ratios = []
        for average in (np.median, np.mean):
            ratio = average(counts[0]) / average(counts[row])
            of_draws = [average(counts[0, r]) / average(counts[row, r]) for r in drawn]
            low, high = np.quantile(of_draws, [0.025, 0.975])
            ratios.append(f"{ratio:.2f} ({low:.2f} to {high:.2f})")
        print(
            f"| {name} | {np.median(counts[row]):.0f} | {np.quantile(counts[row], 0.9):.0f} "
            f"| {counts[row].mean():.1f} | {np.mean(counts[row] <= budget):.0%} "
            f"| {ratios[0]} | {ratios[1]} |"
        )


if __name__ == "__main__":
    main()
