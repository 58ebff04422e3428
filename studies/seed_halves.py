"""How far two trainings of a function agree, in the better and the worse half of the functions.

    python studies/seed_halves.py timit-micro

A half is chosen by a seed that is not compared, or by forecasts of functions held out from the fit:
chosen by the mean of the seeds that are compared, it makes them disagree
(`studies/half_agreement.py`). Numbers in brackets are the range over the seeds that choose.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError
from studies.half_agreement import (
    HalfAgreement,
    half_agreement,
    halves_by_another_seed,
    in_half,
    shared_noise,
)
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.targets import COLLAPSED_PER, VAL_PER
from surrogate.predictors import PREDICTORS
from train_benchmark.table.benchmark_table import BenchmarkTable

HALVES = (("better", True), ("worse", False))
COMPARED = ("val_per", "val_per_last5")
FOLDS = 5
KEPT_PAIRS = 0.97
"""Share of the pairs of trainings that differ least: in the others one left the plateau late."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="name or folder of a table with three seeds")
    options = parser.parse_args()
    try:
        table = BenchmarkTable.load(options.table)
        seeds = table.seeds[:3]
        keys, matrix = table.label_matrix("val_per", seeds)
        if len(seeds) < 3 or len(keys) < 20:
            raise UserError(
                f"table {options.table!r} must have at least 20 functions with three seeds, but "
                f"has {len(keys) if len(seeds) == 3 else 0}; collect more seeds"
            )
    except UserError as e:
        sys.exit(f"error: {e}")
    print(f"{len(keys)} functions with the seeds {', '.join(map(str, seeds))}")
    collapsed(table)
    labels = {name: table.label_matrix(name, seeds)[1] for name in (*COMPARED, "test_per")}
    everything = np.zeros(len(keys))
    for label in COMPARED:
        print_half(f"all, {label}", [half_agreement(labels[label], everything, better=True)])
    taus = [
        kendalltau(matrix[:, i], np.delete(matrix, i, axis=1).mean(axis=1)).statistic
        for i in range(3)
    ]
    print(f"one seed and the mean of the two others, val_per: tau {np.mean(taus):.2f}")
    by_a_third_seed(labels)
    by_forecast(table, keys, labels)
    parts_of_the_noise(labels)


def collapsed(table: BenchmarkTable) -> None:
    """Functions whose label, mean over their seeds, is that of a collapsed training."""
    for label in (*COMPARED, "val_per_last"):
        means = np.array([np.mean(list(table.labels_of(k, label).values())) for k in table.keys])
        count = (means > COLLAPSED_PER).sum()
        print(f"{count} of {len(means)} functions have a {label} above {COLLAPSED_PER}")


def by_a_third_seed(labels: dict[str, np.ndarray]) -> None:
    for by in ("val_per", "val_per_last5", "test_per"):
        for label in COMPARED:
            for half, better in HALVES:
                found = halves_by_another_seed(labels[label], labels[by], better=better)
                print_half(f"{half} half by a third seed's {by}, {label}", found)
    for label in COMPARED:
        two = labels[label][:, :2]
        biased = half_agreement(two, two.mean(axis=1), better=True)
        print_half(f"better half by the two compared seeds, which is wrong, {label}", [biased])


def by_forecast(table: BenchmarkTable, keys: Sequence[str], labels: dict[str, np.ndarray]) -> None:
    forecasts = held_out_forecasts(table)
    order = np.array([forecasts[key] for key in keys])
    for label in COMPARED:
        for half, better in HALVES:
            found = half_agreement(labels[label], order, better=better)
            print_half(f"{half} half by held-out forecast, {label}", [found])
            rows = in_half(order, better=better)
            taus = [kendalltau(order[rows], column).statistic for column in labels[label][rows].T]
            print(f"  the forecast and one training: tau {np.mean(taus):.2f}")


def held_out_forecasts(table: BenchmarkTable) -> dict[str, float]:
    """By key, `val_per` on the model scale from a Gaussian process fitted without the function."""
    dataset = SurrogateDataset.from_table(table, VAL_PER, "mean").sorted_by_key()
    told = np.empty(len(dataset))
    rng = np.random.default_rng(0)
    for rest, held_out in fold_indices(len(dataset), FOLDS, rng):
        predictor = PREDICTORS.get("gp")().fit(dataset.subset(rest), rng)
        told[held_out] = predictor.predict([dataset.graphs[i] for i in held_out]).mean
    return dict(zip(dataset.keys, told.tolist(), strict=True))


def parts_of_the_noise(labels: dict[str, np.ndarray]) -> None:
    """What seeds differ by on the test speech too comes from the networks, the rest from speech."""
    order = labels["val_per"]
    for label in COMPARED:
        for half, better in HALVES:
            for keep in (1.0, KEPT_PAIRS):
                parts = []
                for seed in range(order.shape[1]):
                    rows = in_half(order[:, seed], better=better)
                    two = [np.delete(labels[x][rows], seed, axis=1) for x in (label, "test_per")]
                    parts.append(shared_noise(two[0], two[1], keep))
                variance, share = np.mean(parts, axis=0)
                print(
                    f"{half} half by a third seed's val_per, {label}, {keep:.0%} of the pairs: "
                    f"variance between seeds {variance:.2e}, {share:.2f} of it shared with test_per"
                )


def print_half(what: str, found: Sequence[HalfAgreement]) -> None:
    columns = {
        "tau": [half.kendall_tau for half in found],
        "r": [half.pearson_r for half in found],
        "signal/noise": [half.signal_to_noise for half in found],
    }
    numbers = ", ".join(
        f"{name} {np.mean(values):.2f}"
        + (f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else "")
        for name, values in columns.items()
    )
    print(f"{what}: {found[0].functions} functions, {numbers}")


if __name__ == "__main__":
    main()
