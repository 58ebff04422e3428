"""Comparison of the best and the default settings on keys that the search never saw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph_encoding.engines.engine import Engine, OnStep
from surrogate.comparison.protocol import MIN_TEST_KEYS
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray
from surrogate.jobs.tasks import OnProgress, each_done
from surrogate.metrics import kendall_tau
from surrogate.tuning.config import TuneConfig, Value

_CONFIRM = 4
"""First word of the seeds; `objective` has the lower ones."""


@dataclass(frozen=True)
class Confirmation:
    """Best and default settings, fitted on the keys of the search and tested on others.

    Attributes:
        default_tau: Kendall tau of the default settings, mean over fits with several seeds.
        best_tau: the same of the best settings.
        gain: best_tau - default_tau.
        gain_error: its standard error, a jackknife over the test keys.
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
    engine: Engine | None,
    on_progress: OnProgress,
) -> Confirmation | None:
    """Compare the best settings with the default ones on keys that selected neither.

    Both have `search_settings` as in the search.

    Args:
        searched: the keys that the search saw; both are fitted on all of them.
        unseen: keys that it did not see: the test keys.
        config: the defaults, how often both are fitted, and the seed.
        best: the best settings.
        engine: where fits run; this process if None.
        on_progress: called with the finished fits and their number.

    Returns:
        The comparison; None if there are fewer than `MIN_TEST_KEYS` unseen keys.
    """
    if len(unseen) < MIN_TEST_KEYS:
        return None
    fits = [
        _Fit(name, tuple(of.items()), repeat)
        for repeat in range(config.confirm_repeats)
        for name, of in (("default", config.defaults), ("best", best))
    ]
    found: dict[_Fit, FloatArray] = {}
    on_progress(0, len(fits))
    work = _Predicting(searched, unseen, config)
    for fit, predicted in each_done(fits, work, engine=engine):
        found[fit] = predicted
        on_progress(len(found), len(fits))
    answers = {
        name: [found[fit] for fit in fits if fit.name == name] for name in ("default", "best")
    }
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


@dataclass(frozen=True)
class _Fit:
    """One fit of the default or the best settings."""

    name: str
    changes: tuple[tuple[str, Value], ...]
    repeat: int


@dataclass(frozen=True, eq=False)
class _Predicting:
    """Fits settings and predicts the unseen keys, in any process."""

    searched: SurrogateDataset
    unseen: SurrogateDataset
    config: TuneConfig

    def __call__(self, fit: _Fit, on_step: OnStep) -> FloatArray:
        del on_step
        rng = np.random.default_rng([_CONFIRM, self.config.seed, fit.repeat])
        predictor = self.config.make_predictor(dict(fit.changes)).fit(self.searched, rng)
        return predictor.predict(self.unseen.graphs).mean


def gain_error(best: list[FloatArray], default: list[FloatArray], labels: FloatArray) -> float:
    """Standard error of a difference of mean taus over the choice of the test keys.

    Args:
        best: (n,) predictions of each fit of the best settings.
        default: (n,) predictions of each fit of the default settings.
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
