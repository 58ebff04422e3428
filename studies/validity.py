"""A table's functions beside the original's published error rates (docs/explanation/validity.md).

    python studies/validity.py timit-micro
    python studies/validity.py runs/table --artifact runs/artifact
    python studies/validity.py synth-micro --artifact none

All error rates are relative to those of the network without any operation, whose cell is the
identity: tables of another corpus or network have other error rates, but its effects may be
compared. Only published values that say which function they are of, and were not chosen for being
low, count. A second table forecasts groups of functions: those with two linear operations, as the
best cells of the original have, and those with a skip to the last node.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, CellSpace, Semantics, UserError, functional_form, functional_key
from surrogate.forecasting.benchmark_query import check_same_source
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import TargetForecast
from train_benchmark.table.benchmark_table import BenchmarkTable

LEVEL = 0.9
ENTRY_STD = 0.0025
"""Standard error of a published test PER, the mean of three seeds: two entries of one function are
.0025 apart, and three printed seeds of another have a standard deviation of .0044."""

TARGETS = ("test_per", "val_per")

DRAWS = 1000
"""Draws of the functions' true values from their forecasts."""


@dataclass(frozen=True)
class Published:
    """A published test PER whose function is known.

    Attributes:
        what: the function in words.
        paper_cell: the cell that computes it as the paper describes cells (`Semantics.PAPER`).
        released_cell: the cell that it was published as (`Semantics.RELEASED`), which the released
            code reads with flags inverted and without dilation.
        test_per: fraction, lower is better.
        entries: published entries of that function, each the mean of three seeds.
        inferred: whether which function it is of was inferred and not printed.
    """

    what: str
    paper_cell: str
    released_cell: str
    test_per: float
    entries: int = 1
    inferred: bool = False

    @property
    def std(self) -> float:
        """Standard error of `test_per`."""
        return ENTRY_STD / math.sqrt(self.entries)


IDENTITY = Published("no operation", "50_500_5100", "51_511_5011", 0.2394, entries=2)
POINTS = (
    Published("three convolutions, all skips", "11_111_1111", "10_100_1000", 0.2380),
    Published(
        "linear, two convolutions, no skip from the input", "00_101_3010", "01_110_3101", 0.2484
    ),
    Published("linear and twice the input", "01_100_5110", "00_111_5001", 0.2278, inferred=True),
)


IDENTITY_KEY = functional_key(Cell.parse(IDENTITY.paper_cell), Semantics.PAPER)


@dataclass(frozen=True)
class Ratio:
    """A ratio with its uncertainty, such as of an error rate to that without any operation.

    Attributes:
        mean: the ratio.
        std: its standard deviation; NaN where it is not known.
    """

    mean: float
    std: float

    @classmethod
    def of(cls, value: float, std: float, base: float, base_std: float) -> "Ratio":
        """The ratio of two independent error rates, to first order."""
        mean = value / base
        return cls(mean, mean * math.hypot(std / value, base_std / base))

    def interval(self, level: float) -> tuple[float, float]:
        """Ends of its normal interval."""
        half = NormalDist().inv_cdf((1 + level) / 2) * self.std
        return self.mean - half, self.mean + half

    @property
    def text(self) -> str:
        """Ratio and interval."""
        if math.isnan(self.std):
            return f"{self.mean:.2f}"
        low, high = self.interval(LEVEL)
        return f"{self.mean:.2f} ({low:.2f} to {high:.2f})"


def published_ratio(point: Published) -> Ratio:
    return Ratio.of(point.test_per, point.std, IDENTITY.test_per, IDENTITY.std)


def forecast_ratios(forecaster: Forecaster, target: str) -> list[Ratio]:
    """Forecasts of the points: what their functions' true values are, not single trainings."""
    cells = [point.paper_cell for point in (IDENTITY, *POINTS)]
    told = forecaster.forecast(cells, LEVEL, targets=[target], curve=False, latency=False)
    base, *others = (forecast.targets[0] for forecast in told)
    return [Ratio.of(*value_and_std(other), *value_and_std(base)) for other in others]


def value_and_std(forecast: TargetForecast) -> tuple[float, float]:
    return forecast.mean, forecast.std_model


def measured_ratios(table: BenchmarkTable, label: str) -> list[Ratio | None]:
    """Measurements of the points, means over their seeds; None for what was never measured."""
    std = seed_std(table, label)
    found = []
    for point in (IDENTITY, *POINTS):
        key = functional_key(Cell.parse(point.paper_cell), Semantics.PAPER)
        values = list(table.labels_of(key, label).values())
        error = std / math.sqrt(len(values)) if values else math.nan
        found.append((float(np.mean(values)), error) if values else None)
    base, *others = found
    return [None if base is None or other is None else Ratio.of(*other, *base) for other in others]


def seed_std(table: BenchmarkTable, label: str) -> float:
    """Standard deviation between seeds; NaN for a table whose functions have one seed each."""
    by_key = [list(table.labels_of(key, label).values()) for key in table.keys]
    variances = [np.var(values, ddof=1) for values in by_key if len(values) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else math.nan


def group_forecasts(forecaster: Forecaster, target: str) -> dict[str, str]:
    """What a forecaster says of groups of functions of the standard space, in words.

    Intervals are of draws from the forecasts, each function independent of the others.
    """
    forms = {functional_form(c, Semantics.PAPER): c for c in CellSpace()}
    living = [(form, cell) for form, cell in forms.items() if not form.is_dead]
    told = forecaster.forecast(
        [IDENTITY.paper_cell, *(cell for _, cell in living)],
        LEVEL,
        targets=[target],
        curve=False,
        latency=False,
    )
    means, stds = np.array([value_and_std(forecast.targets[0]) for forecast in told]).T
    draws = means + stds * np.random.default_rng(1).standard_normal((DRAWS, len(means)))
    relative = np.vstack([means, draws])
    relative = relative[:, 1:] / relative[:, :1]
    two_linears = np.array([form.key.count("linear(") == 2 for form, _ in living])
    # Of the last node: from the input, from the first and from the second node.
    skips = np.array([cell.skips[-1] for _, cell in living], dtype=bool)
    others = np.array([form.key != IDENTITY_KEY for form, _ in living])

    def text(values: np.ndarray) -> str:
        low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return f"{values[0]:.2f} ({low:.2f} to {high:.2f})"

    from_input = two_linears & skips[:, 0]
    into_output = skips.any(axis=1) & others
    return {
        "two linears, mean": text(relative[:, two_linears].mean(axis=1)),
        "two linears and a skip from the input to the last node, mean": text(
            relative[:, from_input].mean(axis=1)
        ),
        "a skip to the last node: share better than the identity": text(
            (relative[:, into_output] < 1).mean(axis=1)
        ),
    }


def recovered(published: Ratio, found: Ratio) -> Ratio | None:
    """The share of a published effect that is found: 1 for all of it, below 0 if it is reversed.

    None where the published effect is within two standard deviations of none.
    """
    effect = published.mean - 1
    if abs(effect) <= 2 * published.std:
        return None
    share = (found.mean - 1) / effect
    return Ratio(share, math.hypot(found.std, share * published.std) / abs(effect))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="name or folder of a table of real cells")
    parser.add_argument("--artifact", help="name or folder, or none; by default the table's name")
    options = parser.parse_args()
    try:
        table = BenchmarkTable.load(options.table)
        if table.metadata.semantics != Semantics.PAPER.value:
            raise UserError(
                f"table {options.table!r} must read cells as the paper does (semantics 'paper'), "
                f"but reads them as {table.metadata.semantics!r}; its cells are other functions"
            )
        forecaster = None
        if options.artifact != "none":
            forecaster = Forecaster.load(options.artifact or options.table)
            check_same_source(table, forecaster)
        report(table, forecaster)
    except UserError as e:
        sys.exit(f"error: {e}")


def report(table: BenchmarkTable, forecaster: Forecaster | None) -> None:
    for target in TARGETS:
        print(f"\n{target} of {table.metadata.name}: {table.label_definitions[target]}")
        print("error rates relative to the network without any operation; 90 % intervals\n")
        print("| function | cell | published | forecast | measured | effect recovered |")
        print("|---|---|---|---|---|---|")
        measured = measured_ratios(table, target)
        known = forecaster is not None and target in forecaster.targets
        told = forecast_ratios(forecaster, target) if forecaster and known else [None] * len(POINTS)
        for point, forecast, value in zip(POINTS, told, measured, strict=True):
            published = published_ratio(point)
            share = None if forecast is None else recovered(published, forecast)
            columns = (
                point.what + (" (inferred)" if point.inferred else ""),
                f"`{point.paper_cell}`",
                published.text,
                "-" if forecast is None else forecast.text,
                "-" if value is None else value.text,
                "-" if share is None else share.text,
            )
            print(f"| {' | '.join(columns)} |")
        if forecaster is not None and known:
            print("\n| functions | forecast |\n|---|---|")
            for group, said in group_forecasts(forecaster, target).items():
                print(f"| {group} | {said} |")


if __name__ == "__main__":
    main()
