"""What searches are worth: true regret, and trainings until a good function is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.search.judging.judge import Judge
from surrogate.search.judging.truth import Truth

_RESAMPLES = 2000
_LEVEL = 0.95
_MOST_RATIO = 1000

ENOUGH_HYPERVOLUME = 0.95
"""Share of the true front's hypervolume that trainings are counted to."""


@dataclass(frozen=True)
class SearchRun:
    """One search.

    Attributes:
        searcher: its name in the comparison.
        repeat: its number.
        trained: (n,) key of each training, in order.
        recommended: (trainings so far, keys of the recommended front, the best first) after each
            batch.
        epochs: (n,) epochs of each training; 0 for a whole one whose number is unknown.
        stopped: (n,) whether it was stopped early.
        costs: (n,) first cost that the search saw of each; None of a failed training.
    """

    searcher: str
    repeat: int
    trained: tuple[str, ...]
    recommended: tuple[tuple[int, tuple[str, ...]], ...]
    epochs: tuple[int, ...]
    stopped: tuple[bool, ...]
    costs: tuple[float | None, ...]

    def front_after(self, trainings: int) -> tuple[str, ...]:
        """What is recommended after so many trainings; empty before the first recommendation."""
        found = [keys for at, keys in self.recommended if at <= trainings]
        return found[-1] if found else ()

    @property
    def finished(self) -> tuple[bool, ...]:
        """(n,) whether each training came to its end, neither stopped nor failed."""
        return tuple(
            cost is not None and not stopped
            for cost, stopped in zip(self.costs, self.stopped, strict=True)
        )

    def finished_after(self, trainings: int) -> list[str]:
        """Keys of the functions that so many trainings finished."""
        pairs = zip(self.trained[:trainings], self.finished[:trainings], strict=True)
        return [key for key, finished in pairs if finished]

    def epochs_spent(self, whole: int) -> list[int]:
        """(n,) epochs up to the end of each training, of which a whole one has so many."""
        return list(accumulate(epochs or whole for epochs in self.epochs))


class Cost(NamedTuple):
    """What a search took.

    Attributes:
        cpu_seconds: processor seconds in all.
        batches: batches that were asked for.
    """

    cpu_seconds: float
    batches: int


@dataclass(frozen=True)
class CurveRow:
    """Where a search stands after some trainings.

    Attributes:
        searcher: its name.
        repeat: its number.
        trainings: trainings so far.
        epochs: their epochs.
        regret: true regret of the recommended function; None before the first recommendation.
        least_regret: least true regret of all functions whose training is finished, which a search
            does not know; before the first, that of the worst function.
        hypervolume: that of the same functions, as a share of the true front's; None of one
            objective.
    """

    searcher: str
    repeat: int
    trainings: int
    epochs: int
    regret: float | None
    least_regret: float
    hypervolume: float | None


@dataclass(frozen=True)
class ScoreRow:
    """One number of one search.

    Attributes:
        searcher: its name.
        repeat: its number.
        metric: "regret" of the recommended function at the end; "violation": 1 if it breaks a
            limit or there is none, else 0; "trainings_to_SHARE" and "epochs_to_SHARE": trainings
            and their epochs until one of the best functions is trained to its end;
            "missing_hypervolume" of the recommended front; "trainings_to_hypervolume": until those
            that are trained to their end have 95 % of the true front's. Where a search never gets
            there, twice the budget.
        value: the number, lower is better.
        reached: whether the search got there.
    """

    searcher: str
    repeat: int
    metric: str
    value: float
    reached: bool = True


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one searcher over its repeats.

    Attributes:
        searcher: its name.
        metric: the metric.
        mean: mean over repeats.
        median: median over repeats.
        reached: share of the searches that got there; 1 where there is nothing to reach.
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
        cpu_seconds_per_batch: searcher -> the same of a batch: ask, look up, tell, recommend.
    """

    name: str
    reference: str
    budget: int
    repeats: int
    truth_sha256: str
    truth_sources: dict[str, int]
    rows: tuple[MetricSummary, ...]
    cpu_seconds: dict[str, float]
    cpu_seconds_per_batch: dict[str, float]


def curve_rows(run: SearchRun, judge: Judge, whole_epochs: int) -> list[CurveRow]:
    """The any-time curve of a search, one row for each training up to its end."""
    rows = []
    least, spent = judge.worst_regret, run.epochs_spent(whole_epochs)
    ends = zip(run.trained, run.finished, strict=True)
    for trainings, (key, is_finished) in enumerate(ends, start=1):
        if is_finished:
            least = min(least, judge.regret(key))
        front = run.front_after(trainings)
        rows.append(
            CurveRow(
                run.searcher,
                run.repeat,
                trainings,
                spent[trainings - 1],
                judge.regret(front[0]) if front else None,
                least,
                None if judge.second is None else judge.hypervolume(run.finished_after(trainings)),
            )
        )
    return rows


def run_scores(
    run: SearchRun, judge: Judge, shares: Sequence[float], budget: int, whole_epochs: int
) -> list[ScoreRow]:
    """The numbers of one search."""
    found: dict[str, float | None] = {}
    front = run.front_after(len(run.trained))
    # A search that found nothing is as bad as the worst function.
    found["regret"] = judge.regret(front[0]) if front else judge.worst_regret
    if judge.is_limited:
        found["violation"] = float(not front or front[0] not in judge.allowed)
    spent = run.epochs_spent(whole_epochs)
    finished = [i for i, is_finished in enumerate(run.finished) if is_finished]
    for share in shares:
        good = judge.best(share)
        first = next((i for i in finished if run.trained[i] in good), None)
        found[f"trainings_to_{share:g}"] = None if first is None else first + 1
        found[f"epochs_to_{share:g}"] = None if first is None else spent[first]
    if judge.second is not None:
        found["missing_hypervolume"] = 1 - judge.hypervolume(front)
        enough = (
            i
            for i in range(1, len(run.trained) + 1)
            if judge.hypervolume(run.finished_after(i)) >= ENOUGH_HYPERVOLUME
        )
        found["trainings_to_hypervolume"] = next(enough, None)
    rows = []
    for name, value in found.items():
        never = 2 * budget * (whole_epochs if name.startswith("epochs_to_") else 1)
        given = float(never if value is None else value)
        rows.append(ScoreRow(run.searcher, run.repeat, name, given, value is not None))
    return rows


def summarise_comparison(
    name: str,
    scores: Sequence[ScoreRow],
    truth: Truth,
    *,
    reference: str,
    budget: int,
    seed: int,
    costs: Mapping[str, Sequence[Cost]],
) -> ComparisonSummary:
    """Sum up the numbers of all searches; repeats of one number are pairs."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    reached: dict[tuple[str, str], list[bool]] = {}
    for row in scores:
        values.setdefault((row.metric, row.searcher), {})[row.repeat] = row.value
        reached.setdefault((row.metric, row.searcher), []).append(row.reached)
    rows = []
    for (metric, searcher), by_repeat in values.items():
        repeats = sorted(by_repeat)
        own = np.array([by_repeat[r] for r in repeats])
        of_reference = np.array([values[metric, reference][r] for r in repeats])
        share = float(np.mean(reached[metric, searcher]))
        rows.append(_metric_summary(searcher, metric, own, of_reference, share, seed))
    return ComparisonSummary(
        name=name,
        reference=reference,
        budget=budget,
        repeats=len({row.repeat for row in scores}),
        truth_sha256=truth.digest,
        truth_sources=truth.counts_by_source(),
        rows=tuple(rows),
        cpu_seconds={
            searcher: float(np.mean([cost.cpu_seconds for cost in of]))
            for searcher, of in costs.items()
        },
        cpu_seconds_per_batch={
            searcher: sum(cost.cpu_seconds for cost in of) / sum(cost.batches for cost in of)
            for searcher, of in costs.items()
        },
    )


def _metric_summary(
    searcher: str,
    metric: str,
    own: FloatArray,
    reference: FloatArray,
    reached: float,
    seed: int,
) -> MetricSummary:
    draws = np.random.default_rng(seed).integers(len(own), size=(_RESAMPLES, len(own)))
    ratio_low, ratio_high = _ends(_ratio(reference[draws].mean(axis=1), own[draws].mean(axis=1)))
    low, high = _ends((reference - own)[draws].mean(axis=1))
    return MetricSummary(
        searcher=searcher,
        metric=metric,
        mean=float(own.mean()),
        median=float(np.median(own)),
        reached=reached,
        ratio=float(_ratio(reference.mean(), own.mean())),
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        difference=float((reference - own).mean()),
        difference_low=low,
        difference_high=high,
    )


def _ratio(over: FloatArray | np.floating, under: FloatArray | np.floating) -> NDArray[np.float64]:
    """Quotients; 1 where both are zero, and large where only the second is."""
    of = np.finfo(np.float64)
    with np.errstate(over="ignore"):
        found = (np.asarray(over) + of.tiny) / (np.asarray(under) + of.tiny)
    return np.minimum(found, of.max)


def ratio_text(ratio: float) -> str:
    """A ratio for people: one whose denominator is zero has no useful digits.

    >>> ratio_text(0.5), ratio_text(1e300)
    ('0.50', '> 1000')
    """
    return f"{ratio:.2f}" if ratio <= _MOST_RATIO else f"> {_MOST_RATIO}"


def _ends(values: FloatArray) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]).tolist()
    return low, high
