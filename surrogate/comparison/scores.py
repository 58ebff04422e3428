"""The metrics of a benchmark, and the scores of a finished fit."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.registry import Registry
from surrogate.comparison.fit_result import FitResult, percent
from surrogate.data.prediction import Interval
from surrogate.data.targets import COLLAPSED_PER, PER_UNIT, FloatArray, Target
from surrogate.metrics import (
    coverage,
    gaussian_crps,
    gaussian_nll,
    kendall_tau,
    mean_width,
    pit_deviation,
    precision_at,
    r_squared,
    rmse,
    spearman_rho,
    top_regret,
)

Better = Literal["higher", "lower", "nominal"]
"""Direction of a metric; nominal: the closer to the level, the better."""

Bounds = tuple[float, float]
"""The least and the greatest number that a metric can be."""

FRACTION: Bounds = (0.0, 1.0)
CORRELATION: Bounds = (-1.0, 1.0)
AT_MOST_ONE: Bounds = (-math.inf, 1.0)
NOT_NEGATIVE: Bounds = (0.0, math.inf)


@dataclass(frozen=True)
class PointMetric:
    """A metric of predictions and labels alone, which a noise ceiling has as well.

    Attributes:
        name: its name.
        better: its direction.
        unit: unit of the number; "target" stands for the target's.
        bounds: least and greatest possible number.
        of: (predicted (m,), measured (m,), target) -> number, both on the raw scale.
    """

    name: str
    better: Better
    unit: str
    bounds: Bounds
    of: Callable[[FloatArray, FloatArray, Target], float]


def _precision_at(k: Callable[[int], int]) -> Callable[[FloatArray, FloatArray, Target], float]:
    def of(predicted: FloatArray, measured: FloatArray, target: Target) -> float:
        size = min(k(len(measured)), len(measured))
        return precision_at(target.to_cost(predicted), target.to_cost(measured), size)

    return of


POINT_METRICS: Registry[PointMetric] = Registry("point metric")
for _metric in (
    PointMetric("kendall_tau", "higher", "", CORRELATION, lambda p, y, _: kendall_tau(p, y)),
    PointMetric("spearman_rho", "higher", "", CORRELATION, lambda p, y, _: spearman_rho(p, y)),
    PointMetric("r2", "higher", "", AT_MOST_ONE, lambda p, y, _: r_squared(p, y)),
    PointMetric("rmse", "lower", "target", NOT_NEGATIVE, lambda p, y, _: rmse(p, y)),
    PointMetric(
        "precision_at_1pct", "higher", "", FRACTION, _precision_at(lambda n: math.ceil(n / 100))
    ),
    PointMetric("precision_at_10", "higher", "", FRACTION, _precision_at(lambda _: 10)),
    PointMetric(
        "regret",
        "lower",
        "target",
        NOT_NEGATIVE,
        lambda p, y, t: top_regret(t.to_cost(p), t.to_cost(y)),
    ),
):
    POINT_METRICS.register(_metric.name, _metric)
del _metric


@dataclass(frozen=True)
class Metric:
    """A number that summarises a fit.

    Attributes:
        name: its name.
        better: its direction.
        unit: its unit.
        bounds: least and greatest possible number; so is its mean over repeats.
        of: fit -> number.
        of_keys: whether it depends on the test keys; the time of a fit does not.
    """

    name: str
    better: Better
    unit: str
    bounds: Bounds
    of: Callable[[FitResult], float]
    of_keys: bool = True


def metrics_of(target: Target, levels: tuple[float, ...]) -> tuple[Metric, ...]:
    """All metrics of a benchmark.

    Args:
        target: what is predicted.
        levels: (l,) levels of the intervals, each with a coverage and a width.
    """
    found = [
        Metric(
            m.name,
            m.better,
            target.unit if m.unit == "target" else m.unit,
            m.bounds,
            _of_point(m, target),
        )
        for m in POINT_METRICS.values()
    ]

    def distribution(score: Callable[..., float]) -> Callable[[FitResult], float]:
        return lambda fit: score(
            fit.model_mean, fit.model_std, target.transform.to_model(fit.measured)
        )

    def cost(name: str, unit: str) -> Metric:
        return Metric(
            name, "lower", unit, NOT_NEGATIVE, lambda fit: float(getattr(fit, name)), of_keys=False
        )

    real: Bounds = (-math.inf, math.inf)
    found += [
        Metric("nll", "lower", "nats, model scale", real, distribution(gaussian_nll)),
        Metric("crps", "lower", "model scale", NOT_NEGATIVE, distribution(gaussian_crps)),
        Metric("pit_deviation", "lower", "", FRACTION, distribution(pit_deviation)),
    ]
    for i, level in enumerate(levels):
        found += [
            Metric(f"coverage_{percent(level)}", "nominal", "", FRACTION, _coverage(i, target)),
            Metric(f"width_{percent(level)}", "lower", target.unit, NOT_NEGATIVE, _width(i)),
        ]
    costs = (cost("fit_seconds", "s"), cost("calibration_seconds", "s"))
    return (*found, *costs, cost("query_microseconds", "us"))


def _of_point(metric: PointMetric, target: Target) -> Callable[[FitResult], float]:
    return lambda fit: metric.of(fit.predicted, fit.measured, target)


def _interval(fit: FitResult, i: int) -> Interval:
    return Interval(fit.low[i], fit.high[i], fit.levels[i])


def _coverage(i: int, target: Target) -> Callable[[FitResult], float]:
    # To the model scale and back: clipped labels are then within reach of an interval.
    transform = target.transform
    return lambda fit: coverage(
        _interval(fit, i), transform.to_raw(transform.to_model(fit.measured))
    )


def _width(i: int) -> Callable[[FitResult], float]:
    return lambda fit: mean_width(_interval(fit, i))


def groups_of(fit: FitResult, target: Target) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Groups of test keys, for the coverage within each.

    Args:
        fit: predictions for m keys.
        target: what is predicted.

    Yields:
        (name, (m,) mask of its keys), none of them empty: fifths of the forecast, number of
        operations, whether the graph is out of support and by how many nodes, whether it collapsed.
    """
    if np.ptp(fit.predicted) > 0:
        rank = np.argsort(np.argsort(fit.predicted, kind="stable"), kind="stable")
        fifth = rank * 5 // len(rank)
        for i in sorted(set(fifth.tolist())):
            yield f"forecast fifth {i + 1} of 5", fifth == i
    for count in sorted(set(fit.nodes.tolist())):
        yield f"operations {count}", fit.nodes == count
    for count in sorted(set(fit.novel_nodes[fit.extrapolated].tolist())):
        yield f"novel nodes {count}", fit.novel_nodes == count
    masks = {"extrapolated": fit.extrapolated, "interpolated": ~fit.extrapolated}
    if target.unit == PER_UNIT:
        masks["collapsed"] = fit.measured > COLLAPSED_PER
        masks["not collapsed"] = ~masks["collapsed"]
    yield from ((name, mask) for name, mask in masks.items() if mask.any())


@dataclass(frozen=True)
class ScoreRow:
    """One metric of one fit: a row of the tidy table.

    Attributes:
        source: name of the labelled graphs.
        target: name of the target.
        protocol: name of the protocol.
        detail: which of its divisions.
        train_size: keys it was fitted on.
        repeat: number of the split.
        predictor: its name.
        group: group of test keys; empty for all of them.
        test_keys: keys in it.
        metric: name of the metric.
        unit: its unit.
        better: "higher", "lower" or "nominal".
        value: the number.
    """

    source: str
    target: str
    protocol: str
    detail: str
    train_size: int
    repeat: int
    predictor: str
    group: str
    test_keys: int
    metric: str
    unit: str
    better: str
    value: float


def score_rows(
    fit: FitResult, metrics: tuple[Metric, ...], *, source: str, target: Target
) -> Iterator[ScoreRow]:
    """All scores of a fit: every metric over all keys, and each level's coverage in each group."""

    def row(metric: Metric, group: str, part: FitResult) -> ScoreRow:
        return ScoreRow(
            source=source,
            target=target.name,
            protocol=fit.protocol,
            detail=fit.detail,
            train_size=fit.train_size,
            repeat=fit.repeat,
            predictor=fit.predictor,
            group=group,
            test_keys=len(part.keys),
            metric=metric.name,
            unit=metric.unit,
            better=metric.better,
            value=metric.of(part),
        )

    for metric in metrics:
        yield row(metric, "", fit)
    coverages = {f"coverage_{percent(level)}" for level in fit.levels}
    for name, mask in groups_of(fit, target):
        part = fit.at(mask)
        yield from (row(metric, name, part) for metric in metrics if metric.name in coverages)
