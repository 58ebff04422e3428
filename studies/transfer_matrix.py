"""Do recipes rank the same functions alike? Correlations between tables, without seed noise.

    python studies/transfer_matrix.py timit-micro synth-micro

For each pair of tables and the functions that both have: Kendall's tau and Pearson's r of the mean
labels, and r divided by the root of both reliabilities, which is the correlation that infinitely
many seeds would show (Spearman, "The proof and measurement of association between two things",
1904). Brackets hold 95 % intervals over functions. The seed variance is that of the compared
functions that a table has with several seeds; with fewer than ten there is no corrected figure.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError
from studies.half_agreement import in_half
from studies.seed_halves import held_out_forecasts
from surrogate.data.targets import COLLAPSED_PER, VAL_PER, FloatArray
from surrogate.metrics.confidence import bootstrap_interval
from surrogate.metrics.ranking import kendall_tau
from train_benchmark.table.benchmark_table import BenchmarkTable

FEWEST = 20
"""Functions that two tables must share."""

FEWEST_REPEATED = 10
"""Functions with several seeds from which a seed variance is taken."""


@dataclass(frozen=True)
class Labels:
    """One label of a table's functions that did not collapse, as logits of the error rate.

    Attributes:
        means: mean over seeds by functional key.
        seeds: number of seeds by functional key.
        variances: variance between seeds by functional key, of functions with several.
    """

    means: dict[str, float]
    seeds: dict[str, int]
    variances: dict[str, float]

    @classmethod
    def of(cls, table: BenchmarkTable, label: str) -> "Labels":
        """The labels of a table."""
        by_key = {key: list(table.labels_of(key, label).values()) for key in table.keys}
        logits = {
            key: VAL_PER.transform.to_model(np.array(values))
            for key, values in by_key.items()
            if max(values) <= COLLAPSED_PER
        }
        return cls(
            {key: float(values.mean()) for key, values in logits.items()},
            {key: len(values) for key, values in logits.items()},
            {key: float(values.var(ddof=1)) for key, values in logits.items() if len(values) > 1},
        )

    def reliability(self, keys: Sequence[str]) -> float:
        """Share of the variance of some functions' means that is not seed noise; NaN if unknown."""
        repeated = [self.variances[key] for key in keys if key in self.variances]
        seed_variance = np.mean(repeated) if len(repeated) >= FEWEST_REPEATED else math.nan
        noise = seed_variance * np.mean([1 / self.seeds[key] for key in keys])
        variance = np.var([self.means[key] for key in keys], ddof=1)
        return float(np.maximum(0.0, 1 - noise / variance))


def corrected_correlation(one: Labels, other: Labels, keys: Sequence[str]) -> float:
    """Correlation of the true means of some functions; NaN where it cannot be known."""
    r = _pearson(_means(one, keys), _means(other, keys))
    reliable = one.reliability(keys) * other.reliability(keys)
    return r / math.sqrt(reliable) if reliable > 0 else math.nan


def _means(labels: Labels, keys: Sequence[str]) -> FloatArray:
    return np.array([labels.means[key] for key in keys])


def _pearson(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def compare(one: Labels, other: Labels, keys: Sequence[str]) -> dict[str, str]:
    """Printed figures of two tables over some functions."""
    rng = np.random.default_rng(0)

    def interval(score: Callable[[Sequence[str]], float]) -> str:
        value = score(keys)
        if math.isnan(value):
            return "unknown"
        low, high = bootstrap_interval(
            lambda rows: score([keys[row] for row in rows]), len(keys), rng
        )
        return f"{value:.2f} ({low:.2f} to {high:.2f})"

    return {
        "functions": f"{len(keys):,}",
        "tau": interval(lambda some: kendall_tau(_means(one, some), _means(other, some))),
        "r": interval(lambda some: _pearson(_means(one, some), _means(other, some))),
        "r without noise": interval(lambda some: corrected_correlation(one, other, some)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", help="names or folders of at least two tables")
    parser.add_argument("--label", default="val_per")
    options = parser.parse_args()
    try:
        tables = {Path(name).name: BenchmarkTable.load(name) for name in options.tables}
        labels = {name: Labels.of(table, options.label) for name, table in tables.items()}
        print(
            "| tables | half | functions | tau | r | r without noise |\n|---|---|---|---|---|---|"
        )
        for first, second in itertools.permutations(tables, 2):
            keys = sorted(labels[first].means.keys() & labels[second].means.keys())
            if len(keys) < FEWEST:
                raise UserError(
                    f"two tables must share at least {FEWEST} functions, but {first!r} and "
                    f"{second!r} share {len(keys)}; give others"
                )
            parts = {"better by the first": _better(tables[first], keys)}
            if first < second:
                parts = {"all": keys, **parts}
            for part, some in parts.items():
                row = compare(labels[first], labels[second], some)
                print("|", " | ".join((f"{first}, {second}", part, *row.values())), "|")
    except UserError as e:
        sys.exit(f"error: {e}")


def _better(table: BenchmarkTable, keys: Sequence[str]) -> list[str]:
    """The better half by forecasts of functions held out from the fit."""
    forecasts = held_out_forecasts(table)
    rows = np.flatnonzero(in_half(np.array([forecasts[key] for key in keys]), better=True))
    return [keys[row] for row in rows.tolist()]


if __name__ == "__main__":
    main()
