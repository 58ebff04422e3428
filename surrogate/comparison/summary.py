"""Scores over repeats: means with confidence intervals, and the noise ceiling."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from surrogate.comparison.ceiling import Ceiling
from surrogate.comparison.fit_result import FitResult
from surrogate.comparison.protocol import MIN_TEST_KEYS
from surrogate.comparison.scores import Metric, ScoreRow, groups_of
from surrogate.data.targets import Target
from surrogate.metrics import bootstrap_interval, t_interval

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
"""Units of times, the longest first, in seconds."""

_SUFFIXES = {"s": "_seconds", "us": "_microseconds"}
"""Units of metrics that are times, and the ends of their names."""

_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e7
"""Sizes of numbers that are shown without an exponent."""

EVERY_DETAIL = "mean of all"
"""Detail of the rows that average over the divisions of a protocol, such as its operations."""


@dataclass(frozen=True)
class SummaryRow:
    """One metric of one predictor, over the repeats of one kind of split.

    Attributes:
        source: name of the labelled graphs.
        target: name of the target.
        protocol: name of the protocol.
        detail: which of its divisions, or `EVERY_DETAIL`.
        train_size: keys it was fitted on.
        predictor: its name.
        group: group of test keys; empty for all of them.
        metric: name of the metric.
        unit: its unit.
        better: "higher", "lower" or "nominal".
        mean: mean over the repeats.
        low: lower end of its 95 % confidence interval, cut at the least number that the metric
            can be; None if it is unavailable.
        high: upper end.
        interval: method of the interval: Student's over repeats, or a bootstrap over test keys.
        repeats: how many.
        test_keys: test keys of a repeat, on average.
        ceiling: score of the mean of the other seeds on the test keys of the protocol; None if it
            is unknown.
        ceiling_low: lower end of its 95 % interval.
        ceiling_high: upper end.
        ceiling_keys: number of keys that it is estimated from. The best of fewer keys are easier to
            find: compare selections only where `test_keys` is about as large.
        ceiling_perfect: score of the true means, by normal theory.
        uses_features: whether the predictor learned from features given with the graphs; False
            where there are none.
    """

    source: str
    target: str
    protocol: str
    detail: str
    train_size: int
    predictor: str
    group: str
    metric: str
    unit: str
    better: str
    mean: float
    low: float | None
    high: float | None
    interval: str
    repeats: int
    test_keys: float
    ceiling: float | None
    ceiling_low: float | None
    ceiling_high: float | None
    ceiling_keys: int | None
    ceiling_perfect: float | None
    uses_features: bool

    @property
    def heading(self) -> str:
        """Name of the metric without the unit of a time, which `text` chooses.

        >>> row = {name: "" for name in SummaryRow.__dataclass_fields__}
        >>> SummaryRow(**{**row, "metric": "query_microseconds", "unit": "us"}).heading
        'query_time'
        """
        suffix = _SUFFIXES.get(self.unit, "")
        return f"{self.metric.removesuffix(suffix)}_time" if suffix else self.metric

    @property
    def text_unit(self) -> str:
        """Unit of `text`; empty where there is none, or it stands in the text."""
        return "" if self.unit in _SUFFIXES else self.unit

    @property
    def text(self) -> str:
        """The mean with its interval: three digits of the largest, times in a unit that fits.

        >>> row = {name: "" for name in SummaryRow.__dataclass_fields__}
        >>> SummaryRow(**{**row, "mean": 0.5, "low": 0.04123, "high": 0.6}).text
        '0.500 (0.041 to 0.600)'
        >>> SummaryRow(**{**row, "mean": 0.0291, "low": None, "high": None, "unit": "s"}).text
        '29.1 ms'
        """
        factor, unit = _readable_time(self.mean, self.unit)
        ends = [] if self.low is None or self.high is None else [self.low, self.high]
        mean, *shown = interval_texts([number * factor for number in (self.mean, *ends)])
        return f"{mean}{unit} ({shown[0]} to {shown[1]})" if shown else f"{mean}{unit}"


def interval_texts(numbers: Sequence[float]) -> list[str]:
    """Numbers with equal decimals: as many as give the largest of them three digits.

    >>> interval_texts([0.5, -0.001, 12.0])
    ['0.5', '0.0', '12.0']
    """
    largest = max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)
    if largest and not _PLAIN_FROM <= largest < _PLAIN_TO:
        return [f"{number:.2e}" for number in numbers]
    decimals = 2 if not largest else max(0, 2 - math.floor(math.log10(largest)))
    # z: no sign before what is zero when rounded.
    return [f"{number:z,.{decimals}f}" for number in numbers]


def _readable_time(mean: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which a time is shown; 1 and no unit for what is no time."""
    if unit not in _SECONDS:
        return 1.0, ""
    units = [name for name, seconds in _SECONDS.items() if mean * _SECONDS[unit] >= seconds]
    shown = units[0] if units else "us"
    return _SECONDS[unit] / _SECONDS[shown], f" {shown}"


def summarise(
    rows: Sequence[ScoreRow],
    fits: Sequence[FitResult],
    metrics: Sequence[Metric],
    ceilings: Mapping[str, Mapping[str, Ceiling]],
    *,
    target: Target,
    seed: int,
    using_features: Set[str] = frozenset(),
) -> tuple[SummaryRow, ...]:
    """Summarise the scores of all fits.

    Where a protocol has several divisions, rows of the detail `EVERY_DETAIL` average over them
    within each repeat first.

    Args:
        rows: scores of all fits.
        fits: the fits themselves, for a bootstrap over test keys where there is a single repeat.
        metrics: the metrics of the rows.
        ceilings: noise ceilings by protocol and metric.
        target: what is predicted.
        seed: start of the bootstrap.
        using_features: names of the predictors that learned from features of the graphs.
    """
    by_name = {metric.name: metric for metric in metrics}
    boot = _Bootstrap(fits, by_name, target, seed)
    found = [
        _summary_row(group, by_name[group[0].metric], boot.interval, ceilings, using_features)
        for group in _grouped([*rows, *_over_details(rows)]).values()
    ]
    return tuple(found)


Interval = tuple[float | None, float | None, str]


class _Bootstrap:
    """Intervals of the scores of single fits."""

    def __init__(
        self,
        fits: Sequence[FitResult],
        metrics: Mapping[str, Metric],
        target: Target,
        seed: int,
    ) -> None:
        self._fits = {(*fit.place, fit.repeat): fit for fit in fits}
        self._metrics = metrics
        self._target = target
        self._seed = seed

    def interval(self, row: ScoreRow) -> Interval:
        metric = self._metrics[row.metric]
        fit = self._fits.get((row.protocol, row.detail, row.train_size, row.predictor, row.repeat))
        if fit is None or not metric.of_keys:
            return None, None, "none: a single repeat"
        part = fit
        if row.group:
            part = fit.at(dict(groups_of(fit, self._target))[row.group])
        if len(part.keys) < MIN_TEST_KEYS:
            return None, None, "none: too few test keys"
        low, high = bootstrap_interval(
            lambda chosen: metric.of(part.at(chosen)),
            len(part.keys),
            np.random.default_rng(self._seed),
        )
        return low, high, f"bootstrap over {len(part.keys)} test keys"


def _grouped(rows: Sequence[ScoreRow]) -> dict[tuple[object, ...], list[ScoreRow]]:
    groups: dict[tuple[object, ...], list[ScoreRow]] = {}
    for row in rows:
        place = (row.protocol, row.detail, row.train_size, row.predictor, row.group, row.metric)
        groups.setdefault(place, []).append(row)
    return groups


def _over_details(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Rows that average over the divisions of a protocol, one per repeat."""
    groups: dict[tuple[object, ...], list[ScoreRow]] = {}
    for row in rows:
        if not row.group:
            place = (row.protocol, row.train_size, row.predictor, row.metric, row.repeat)
            groups.setdefault(place, []).append(row)
    return [
        ScoreRow(
            **{
                **group[0].__dict__,
                "detail": EVERY_DETAIL,
                "test_keys": round(np.mean([row.test_keys for row in group])),
                "value": float(np.mean([row.value for row in group])),
            }
        )
        for group in groups.values()
        if len(group) > 1
    ]


def _summary_row(
    group: Sequence[ScoreRow],
    metric: Metric,
    single_interval: Callable[[ScoreRow], Interval],
    ceilings: Mapping[str, Mapping[str, Ceiling]],
    using_features: Set[str],
) -> SummaryRow:
    first = group[0]
    values = np.array([row.value for row in group])
    interval: Interval
    if len(group) > 1:
        # Student's interval knows no bounds; the mean of numbers within them is within them.
        low, high = np.clip(t_interval(values), *metric.bounds)
        interval = (float(low), float(high), f"Student's t over {len(group)} repeats")
    else:
        interval = single_interval(first)
    ceiling = None if first.group else ceilings[first.protocol].get(first.metric)
    return SummaryRow(
        source=first.source,
        target=first.target,
        protocol=first.protocol,
        detail=first.detail,
        train_size=first.train_size,
        predictor=first.predictor,
        group=first.group,
        metric=first.metric,
        unit=first.unit,
        better=first.better,
        mean=float(values.mean()),
        low=interval[0],
        high=interval[1],
        interval=interval[2],
        repeats=len(group),
        test_keys=float(np.mean([row.test_keys for row in group])),
        ceiling=None if ceiling is None else ceiling.value,
        ceiling_low=None if ceiling is None else ceiling.low,
        ceiling_high=None if ceiling is None else ceiling.high,
        ceiling_keys=None if ceiling is None else ceiling.keys,
        ceiling_perfect=None if ceiling is None else ceiling.perfect,
        uses_features=first.predictor in using_features,
    )
