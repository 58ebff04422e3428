"""Noise ceiling: upper bound on any predictor's score, given seed noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from surrogate.comparison.scores import POINT_METRICS, PointMetric
from surrogate.data.labelled_graphs import Source
from surrogate.data.targets import FloatArray
from surrogate.metrics import bootstrap_interval

MIN_KEYS = 10
"""Fewest keys with two seeds for an estimate."""


@dataclass(frozen=True)
class Ceiling:
    """Score of the other seeds of the same keys as predictions.

    Attributes:
        metric: name of the metric.
        value: mean over the seeds that are predicted in turn.
        low: lower end of its 95 % interval, a bootstrap over keys.
        high: upper end.
        keys: number of keys with at least two seeds, which it is estimated from.
        seeds: mean number of seeds that are averaged to a prediction.
        perfect: score of the true means on the labels of all test keys, by normal theory; None for
            metrics that the theory does not cover.
    """

    metric: str
    value: float
    low: float
    high: float
    keys: int
    seeds: float
    perfect: float | None


def noise_ceilings(source: Source, tested: NDArray[np.int64], seed: int) -> dict[str, Ceiling]:
    """The ceiling of each point metric; empty where too few keys have two seeds.

    Each seed's labels are predicted by the mean of the same keys' other seeds. That mean is noisy
    itself, and a label that is a mean of seeds is less noisy than that of one seed: a predictor may
    score above this ceiling, but above `perfect` only by chance.

    Args:
        source: labelled graphs with the labels of their seeds.
        tested: indices of the test keys; the seed noise of other keys may differ.
        seed: start of the bootstrap.
    """
    if source.seed_labels is None:
        return {}
    labels = source.seed_labels[tested]
    labels = labels[(~np.isnan(labels)).sum(axis=1) > 1]
    columns = np.flatnonzero((~np.isnan(labels)).sum(axis=0) >= MIN_KEYS)
    if not len(columns):
        return {}
    others = float((~np.isnan(labels)).sum(axis=1).mean() - 1)
    noise_share = float(np.mean(1 / source.dataset.seed_counts[tested]))
    target = source.dataset.target

    def score(metric: PointMetric, rows: NDArray[np.int64]) -> float:
        pairs = _pairs(labels[rows], columns)
        return float(np.mean([metric.of(other, own, target) for other, own in pairs]))

    everything = np.arange(len(labels))
    tau = score(POINT_METRICS.get("kendall_tau"), everything)
    found = {}
    for metric in POINT_METRICS.values():
        rng = np.random.default_rng(seed)
        low, high = bootstrap_interval(partial(score, metric), len(labels), rng)
        found[metric.name] = Ceiling(
            metric=metric.name,
            value=score(metric, everything),
            low=low,
            high=high,
            keys=len(labels),
            seeds=others,
            perfect=_perfect(metric.name, tau, others, noise_share),
        )
    return found


def _pairs(
    labels: FloatArray, columns: NDArray[np.int64]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """(mean of the other seeds, label) of the keys that have a seed, for each seed."""
    for column in columns:
        own = labels[:, column]
        rest = np.delete(labels, column, axis=1)
        both = ~np.isnan(own)
        if both.sum() > 1:
            yield np.nanmean(rest[both], axis=1), own[both]


def _perfect(metric: str, tau: float, others: float, noise_share: float) -> float | None:
    """Score of the true means on labels with a share of a single training's noise.

    With I the share of a single label's variance that is the key's own, a label and the mean
    of k others correlate with `r^2 = I k I / (1 + (k - 1) I)`, which is solved for I. Tau, r and
    rho are turned into each other as those of a normal distribution: tau is not moved by the
    few keys that collapse.

    Source: Spearman and Brown, 1910; Greiner's `tau = 2/pi asin(r)`; Pearson's
        `rho = 6/pi asin(r/2)`.
    """
    if metric not in ("kendall_tau", "spearman_rho") or tau <= 0:
        return None
    k, r2 = others, np.sin(np.pi * tau / 2) ** 2
    own = (r2 * (k - 1) + np.sqrt((r2 * (k - 1)) ** 2 + 4 * k * r2)) / (2 * k)
    r = np.sqrt(own / (own + (1 - own) * noise_share))
    if metric == "kendall_tau":
        return float(2 / np.pi * np.arcsin(r))
    return float(6 / np.pi * np.arcsin(r / 2))
