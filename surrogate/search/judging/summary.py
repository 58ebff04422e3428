"""What searches are worth: true regret, and trainings until a good function is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.search.judging.truth import Truth

_RESAMPLES = 2000
_LEVEL = 0.95


@dataclass(frozen=True)
class SearchRun:
    """One search.

    Attributes:
        searcher: its name in the comparison.
        repeat: its number.
        trained: (n,) key of each training, in order.
        recommended: (trainings so far, recommended key) after each batch.
    """

    searcher: str
    repeat: int
    trained: tuple[str, ...]
    recommended: tuple[tuple[int, str], ...]

    def recommended_after(self, trainings: int) -> str | None:
        """The recommendation after so many trainings; None before the first one."""
        found = [key for at, key in self.recommended if at <= trainings]
        return found[-1] if found else None


@dataclass(frozen=True)
class CurveRow:
    """Where a search stands after some trainings.

    Attributes:
        searcher: its name.
        repeat: its number.
        trainings: trainings so far.
        regret: true regret of the recommended function; None before the first recommendation.
        least_regret: least true regret of all functions trained so far, which a search does not
            know.
    """

    searcher: str
    repeat: int
    trainings: int
    regret: float | None
    least_regret: float


@dataclass(frozen=True)
class ScoreRow:
    """One number of one search.

    Attributes:
        searcher: its name.
        repeat: its number.
        metric: "regret" of the recommended function at the end, or "trainings_to_SHARE": trainings
            until one of the best functions is trained; twice the budget where it never is.
        value: the number, lower is better.
    """

    searcher: str
    repeat: int
    metric: str
    value: float


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one searcher over its repeats.

    Attributes:
        searcher: its name.
        metric: the metric.
        mean: mean over repeats.
        median: median over repeats.
        reached: share of the searches that got there within the budget; 1 for the regret.
        ratio: mean of the reference divided by this mean: below 1 the reference is better.
        ratio_low: lower end of the paired bootstrap interval of the ratio.
        ratio_high: its upper end.
        difference: mean difference, the reference minus this one.
        difference_low: lower end of its paired bootstrap interval.
        difference_high: its upper end.
    """

    searcher: str
    metric: str
    mean: float
    median: float
    reached: float
    ratio: float
    ratio_low: float
    ratio_high: float
    difference: float
    difference_low: float
    difference_high: float


@dataclass(frozen=True)
class ComparisonSummary:
    """What a comparison found.

    Attributes:
        name: its name.
        reference: searcher that the others are compared with.
        budget: trainings of a search.
        repeats: searches of each searcher.
        truth_sha256: digest of the truth that judged.
        truth_sources: functions by what their truth rests on.
        rows: one for each searcher and metric.
        cpu_seconds: searcher -> mean processor seconds of a search.
    """

    name: str
    reference: str
    budget: int
    repeats: int
    truth_sha256: str
    truth_sources: dict[str, int]
    rows: tuple[MetricSummary, ...]
    cpu_seconds: dict[str, float]


def curve_rows(run: SearchRun, truth: Truth, budget: int) -> list[CurveRow]:
    """The any-time curve of a search, one row for each training up to its end."""
    rows = []
    least = np.inf
    for trainings, key in enumerate(run.trained[:budget], start=1):
        least = min(least, truth.regret(key))
        best = run.recommended_after(trainings)
        regret = None if best is None else truth.regret(best)
        rows.append(CurveRow(run.searcher, run.repeat, trainings, regret, least))
    return rows


def run_scores(
    run: SearchRun, truth: Truth, shares: Sequence[float], budget: int
) -> list[ScoreRow]:
    """The numbers of one search."""
    found = []
    best = run.recommended_after(budget)
    # A search that found nothing is as bad as the worst function.
    regret = max(truth.cost_of.values()) - truth.least_cost if best is None else truth.regret(best)
    found.append(ScoreRow(run.searcher, run.repeat, "regret", regret))
    for share in shares:
        good = truth.best(share)
        places = (i for i, key in enumerate(run.trained[:budget], start=1) if key in good)
        metric = f"trainings_to_{share:g}"
        found.append(ScoreRow(run.searcher, run.repeat, metric, float(next(places, 2 * budget))))
    return found


def summarise_comparison(
    name: str,
    scores: Sequence[ScoreRow],
    truth: Truth,
    *,
    reference: str,
    budget: int,
    seed: int,
    cpu_seconds: Mapping[str, Sequence[float]],
) -> ComparisonSummary:
    """Sum up the numbers of all searches; repeats of one number are pairs."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    for row in scores:
        values.setdefault((row.metric, row.searcher), {})[row.repeat] = row.value
    rows = []
    for (metric, searcher), by_repeat in values.items():
        repeats = sorted(by_repeat)
        own = np.array([by_repeat[r] for r in repeats])
        of_reference = np.array([values[metric, reference][r] for r in repeats])
        rows.append(_metric_summary(searcher, metric, own, of_reference, budget, seed))
    return ComparisonSummary(
        name=name,
        reference=reference,
        budget=budget,
        repeats=len({row.repeat for row in scores}),
        truth_sha256=truth.digest,
        truth_sources=truth.counts_by_source(),
        rows=tuple(rows),
        cpu_seconds={searcher: float(np.mean(s)) for searcher, s in cpu_seconds.items()},
    )


def _metric_summary(
    searcher: str,
    metric: str,
    own: FloatArray,
    reference: FloatArray,
    budget: int,
    seed: int,
) -> MetricSummary:
    draws = np.random.default_rng(seed).integers(len(own), size=(_RESAMPLES, len(own)))
    ratio_low, ratio_high = _ends(_ratio(reference[draws].mean(axis=1), own[draws].mean(axis=1)))
    low, high = _ends((reference - own)[draws].mean(axis=1))
    is_count = metric.startswith("trainings_to_")
    return MetricSummary(
        searcher=searcher,
        metric=metric,
        mean=float(own.mean()),
        median=float(np.median(own)),
        reached=float((own <= budget).mean()) if is_count else 1.0,
        ratio=float(_ratio(reference.mean(), own.mean())),
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        difference=float((reference - own).mean()),
        difference_low=low,
        difference_high=high,
    )


def _ratio(over: FloatArray | np.floating, under: FloatArray | np.floating) -> NDArray[np.float64]:
    """Quotients; 1 where both are zero, and large where only the second is."""
    least = np.finfo(np.float64).tiny
    return (np.asarray(over) + least) / (np.asarray(under) + least)


def _ends(values: FloatArray) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]).tolist()
    return low, high
