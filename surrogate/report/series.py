"""The numbers of each plot of a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from surrogate.comparison.fit_result import percent
from surrogate.comparison.run import BenchmarkResult
from surrogate.comparison.summary import EVERY_DETAIL, SummaryRow
from surrogate.data.targets import FloatArray
from surrogate.metrics import gaussian_pit

PIT_BINS = 20
"""Bars of a histogram of probability integral transforms."""

MAX_POINTS = 1500
"""Most points of a scatter plot: more overlap and make the page slow."""


@dataclass(frozen=True)
class Line:
    """Values of one predictor along an axis, with their confidence intervals.

    Attributes:
        name: the predictor.
        x: (n,) positions.
        y: (n,) values.
        low: (n,) lower ends; None without an interval.
        high: (n,) upper ends.
    """

    name: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class Cloud:
    """Predictions and labels of one fit.

    Attributes:
        name: the predictor.
        predicted: (n,) predictions on the raw scale.
        measured: (n,) labels.
        keys: (n,) keys.
    """

    name: str
    predicted: tuple[float, ...]
    measured: tuple[float, ...]
    keys: tuple[str, ...]


def protocols_of(result: BenchmarkResult) -> tuple[str, ...]:
    """Names of the protocols, in order."""
    return tuple(dict.fromkeys(row.protocol for row in result.summary))


def whole_rows(result: BenchmarkResult, protocol: str) -> list[SummaryRow]:
    """Rows over all test keys; for a protocol with several divisions, over all of these."""
    rows = [r for r in result.summary if r.protocol == protocol and not r.group]
    means = [r for r in rows if r.detail == EVERY_DETAIL]
    return means or rows


def largest_size(result: BenchmarkResult, protocol: str) -> int:
    """The largest number of training keys of a protocol."""
    return max(row.train_size for row in result.summary if row.protocol == protocol)


def quality_lines(result: BenchmarkResult, protocol: str, metric: str) -> tuple[Line, ...]:
    """A metric against the number of training keys, one line per predictor."""
    rows = [row for row in whole_rows(result, protocol) if row.metric == metric]
    return _lines(rows, lambda row: row.train_size)


def calibration_lines(result: BenchmarkResult, protocol: str) -> tuple[Line, ...]:
    """Coverage of the intervals against their level, at the largest training size."""
    level_of = {f"coverage_{percent(level)}": level for level in result.config.levels}
    size = largest_size(result, protocol)
    rows = [
        row
        for row in whole_rows(result, protocol)
        if row.metric in level_of and row.train_size == size
    ]
    rows.sort(key=lambda row: level_of[row.metric])
    return _lines(rows, lambda row: level_of[row.metric])


def group_lines(result: BenchmarkResult, protocol: str) -> tuple[Line, ...]:
    """Coverage of the group level in each group of test keys, at the largest training size.

    For a protocol with several divisions it is their mean, without intervals.
    """
    size = largest_size(result, protocol)
    metric = f"coverage_{percent(result.config.group_level)}"
    found: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in result.summary:
        shown = row.group and row.metric == metric
        if shown and row.protocol == protocol and row.train_size == size:
            found.setdefault((row.predictor, row.group), []).append(row)
    lines = []
    for name in dict.fromkeys(predictor for predictor, _ in found):
        groups = {group: rows for (predictor, group), rows in found.items() if predictor == name}
        single = {group: rows[0] if len(rows) == 1 else None for group, rows in groups.items()}
        lines.append(
            Line(
                name,
                tuple(groups),
                tuple(float(np.mean([row.mean for row in rows])) for rows in groups.values()),
                tuple(None if row is None else row.low for row in single.values()),
                tuple(None if row is None else row.high for row in single.values()),
            )
        )
    return tuple(lines)


def pit_lines(result: BenchmarkResult, protocol: str) -> tuple[Line, ...]:
    """Histogram of the probability integral transform, at the largest training size.

    It pools all repeats and divisions. The height of a bar is a density, so that right
    distributions have bars of height one.
    """
    size = largest_size(result, protocol)
    transform = result.source.dataset.target.transform
    places: dict[str, list[FloatArray]] = {}
    for fit in result.fits:
        if (fit.protocol, fit.train_size) == (protocol, size):
            measured = transform.to_model(fit.measured)
            of_fit = gaussian_pit(fit.model_mean, fit.model_std, measured)
            places.setdefault(fit.predictor, []).append(of_fit)
    lines = []
    for name, found in places.items():
        shares, edges = np.histogram(
            np.concatenate(found), PIT_BINS, range=(0.0, 1.0), density=True
        )
        middles = (edges[1:] + edges[:-1]) / 2
        none = (None,) * PIT_BINS
        lines.append(Line(name, tuple(middles.tolist()), tuple(shares.tolist()), none, none))
    return tuple(lines)


def clouds(result: BenchmarkResult, protocol: str) -> tuple[Cloud, ...]:
    """Predicted and measured values of the first split of the largest training size."""
    size = largest_size(result, protocol)
    found: dict[str, Cloud] = {}
    for fit in result.fits:
        if (fit.protocol, fit.train_size, fit.repeat) == (protocol, size, 0):
            step = np.unique(
                np.linspace(0, len(fit.keys) - 1, min(MAX_POINTS, len(fit.keys))).round()
            ).astype(np.int64)
            found.setdefault(
                fit.predictor,
                Cloud(
                    fit.predictor,
                    tuple(fit.predicted[step].tolist()),
                    tuple(fit.measured[step].tolist()),
                    tuple(fit.keys[i] for i in step),
                ),
            )
    return tuple(found.values())


def _lines(rows: Sequence[SummaryRow], place: Callable[[SummaryRow], float]) -> tuple[Line, ...]:
    by_name: dict[str, list[SummaryRow]] = {}
    for row in rows:
        by_name.setdefault(row.predictor, []).append(row)
    return tuple(
        Line(
            name,
            tuple(place(row) for row in own),
            tuple(row.mean for row in own),
            tuple(row.low for row in own),
            tuple(row.high for row in own),
        )
        for name, own in by_name.items()
    )
