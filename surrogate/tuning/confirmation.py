"""Whether what a search found holds on keys that the search never saw."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from surrogate.comparison.protocol import MIN_TEST_KEYS
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray
from surrogate.metrics import kendall_tau
from surrogate.tuning.config import TuneConfig, Value

_CONFIRM = 4
"""First word of the seeds; `objective` has the lower ones."""

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Confirmation:
    """Best and default settings, fitted on the search's keys and asked for others.

    Attributes:
        default_tau: Kendall tau of the default, the mean over fits with several seeds.
        best_tau: that of the best.
        gain: the difference.
        gain_error: its standard error, a jackknife over the keys asked.
    """

    default_tau: float
    best_tau: float
    gain: float
    gain_error: float


def confirm(
    searched: SurrogateDataset,
    unseen: SurrogateDataset,
    config: TuneConfig,
    best: dict[str, Value],
    on_progress: OnProgress,
) -> Confirmation | None:
    """Compare the best settings with the default ones on keys that chose neither.

    Both have `search_settings` as in the search, which chose the best beside those.

    Args:
        searched: the keys that the search saw; both are fitted on all of them.
        unseen: keys that it did not see; both are asked for these.
        config: the defaults, how often both are fitted, and the seed.
        best: the best settings.
        on_progress: called with the fits that are done and their number.

    Returns:
        The comparison; None where there are fewer than `MIN_TEST_KEYS` unseen keys.
    """
    if len(unseen) < MIN_TEST_KEYS:
        return None
    answers: dict[str, list[FloatArray]] = {"default": [], "best": []}
    makers = {
        "default": partial(config.make_predictor, config.defaults),
        "best": partial(config.make_predictor, best),
    }
    total = len(makers) * config.confirm_repeats
    for repeat in range(config.confirm_repeats):
        for place, (name, make) in enumerate(makers.items()):
            on_progress(len(makers) * repeat + place, total)
            rng = np.random.default_rng([_CONFIRM, config.seed, repeat])
            predictor = make().fit(searched, rng)
            answers[name].append(predictor.predict(unseen.graphs).mean)
    on_progress(total, total)
    everything = np.arange(len(unseen))
    labels = unseen.model_values
    default_tau = _mean_tau(answers["default"], labels, everything)
    best_tau = _mean_tau(answers["best"], labels, everything)
    return Confirmation(
        default_tau,
        best_tau,
        best_tau - default_tau,
        gain_error(answers["best"], answers["default"], labels),
    )


def gain_error(best: list[FloatArray], default: list[FloatArray], labels: FloatArray) -> float:
    """Standard error of a difference of mean taus: how far it depends on which keys are asked.

    Args:
        best: (n,) answers of each fit of the one.
        default: (n,) answers of each fit of the other.
        labels: (n,) labels, n >= 3.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 11: the
        jackknife.
    """
    n = len(labels)
    everything = np.arange(n)
    gains = []
    for left_out in range(n):
        rows = np.delete(everything, left_out)
        gains.append(_mean_tau(best, labels, rows) - _mean_tau(default, labels, rows))
    return float(np.sqrt((n - 1) * np.var(gains)))


def _mean_tau(answers: list[FloatArray], labels: FloatArray, rows: NDArray[np.int64]) -> float:
    return float(np.mean([kendall_tau(answer[rows], labels[rows]) for answer in answers]))
