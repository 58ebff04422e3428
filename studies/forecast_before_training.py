"""Forecasts of an artifact beside trainings that were made after its fit.

nasasr table build campaigns/speech-mini --latency-of timit-micro --out runs/table/speech-mini
python studies/forecast_before_training.py speech-mini runs/table/speech-mini

Takes the functions that the table has and the artifact's own table lacks. Prints for each error
rate Kendall tau with its bootstrap interval, of all and of the better half by the forecast, the
errors, and the share of labels within 90 % intervals, of all and by fifths of the forecast. The
columns `prior` are those of another artifact's forecast (`--prior`).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError
from surrogate import Forecaster
from surrogate.data.targets import TARGETS, FloatArray
from train_benchmark.table.benchmark_table import BenchmarkTable

LEVEL = 0.9
RESAMPLES = 1000
FEWEST = 20
FIELDS = ("mean", "low", "high")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", help="shipped artifact, or the folder of one")
    parser.add_argument("table", help="table with later trainings of the same recipe")
    parser.add_argument("--prior", default="timit-micro", help="artifact to compare with")
    options = parser.parse_args()
    try:
        compare(options.artifact, options.table, options.prior)
    except UserError as e:
        sys.exit(f"error: {e}")


def compare(artifact: str, table_name: str, prior: str) -> None:
    """Print the comparison for both error rates.

    Raises:
        UserError: if the tables have different recipes, or too few functions are new.
    """
    forecaster, other = Forecaster.load(artifact), Forecaster.load(prior)
    known = BenchmarkTable.load(forecaster.metadata.table)
    table = BenchmarkTable.load(table_name)
    if known.metadata.recipe_hash != table.metadata.recipe_hash:
        raise UserError(f"table {table_name!r} must have the recipe of the artifact's table")
    for name in ("val_per", "test_per"):
        report(name, forecaster, other, known, table)


def report(
    name: str,
    forecaster: Forecaster,
    prior: Forecaster,
    known: BenchmarkTable,
    table: BenchmarkTable,
) -> None:
    """Print the comparison for one target."""
    label = TARGETS.get(name).label
    labels = {
        key: list(found.values())
        for key in table.keys
        if (found := table.labels_of(key, label)) and not known.labels_of(key, label)
    }
    if len(labels) < FEWEST:
        raise UserError(f"{FEWEST} later functions are needed, but the table has {len(labels)}")
    cells = [table.cell_of(key) for key in labels]
    measured = np.array([np.mean(of_seeds) for of_seeds in labels.values()])
    forecasts = [f.target(name) for f in forecaster.forecast(cells, level=LEVEL)]
    mean, low, high = (np.array([getattr(f, end) for f in forecasts]) for end in FIELDS)
    others = np.array([f.target(name).mean for f in prior.forecast(cells)])
    inside = (low <= measured) & (measured <= high)
    order = np.argsort(mean, kind="stable")
    better = order[: len(order) // 2]
    print(f"{name}: {len(measured)} functions")
    for what, rows in (("all", order), ("better half by the forecast", better)):
        print(
            f"  tau, {what}: {with_interval(mean[rows], measured[rows])}, "
            f"prior {with_interval(others[rows], measured[rows])}"
        )
    errors = mean - measured
    print(
        f"  mean absolute error {np.abs(errors).mean():.4f}, root mean square "
        f"{np.sqrt((errors**2).mean()):.4f}, mean {errors.mean():+.4f}"
    )
    fifths = " ".join(f"{inside[rows].mean():.3f}" for rows in np.array_split(order, 5))
    print(
        f"  90 % intervals cover {inside.mean():.3f}, by fifths of the forecast {fifths}; "
        f"mean width {(high - low).mean():.4f}"
    )


def with_interval(forecast: FloatArray, measured: FloatArray) -> str:
    """Kendall tau with its bootstrap interval at 95 %."""
    rng = np.random.default_rng(0)
    draws = (rng.integers(0, len(measured), len(measured)) for _ in range(RESAMPLES))
    taus = [kendalltau(forecast[rows], measured[rows])[0] for rows in draws]
    low, high = np.percentile(taus, (2.5, 97.5))
    return f"{kendalltau(forecast, measured)[0]:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
