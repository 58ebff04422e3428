"""What optuna suggests for a trial, whichever process asks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler, TPESampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState


class SamplerByNumber(BaseSampler):
    """TPE, seeded for each trial by the study's seed and the trial's number.

    Numbers are unique in a study: however many searches join it, and whenever, no two draw the
    same. With the same trials before it, a trial gets the same suggestions.

    Args:
        seed: of the study.
        startup_trials: trials of random settings, before any are compared.
    """

    def __init__(self, seed: int, startup_trials: int) -> None:
        self._seed, self._startup_trials = seed, startup_trials
        self._of_trial = self._seeded(0)

    def _seeded(self, number: int) -> TPESampler:
        return TPESampler(
            seed=int(np.random.default_rng([self._seed, number]).integers(2**31)),
            n_startup_trials=self._startup_trials,
            multivariate=True,
            constant_liar=True,  # keeps processes from trying what another is about to
        )

    def before_trial(self, study: "Study", trial: "FrozenTrial") -> None:
        """Start anew with the seed of a trial."""
        self._of_trial = self._seeded(trial.number)
        self._of_trial.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: "Study", trial: "FrozenTrial"
    ) -> "dict[str, BaseDistribution]":
        """Settings that are suggested together."""
        return self._of_trial.infer_relative_search_space(study, trial)

    def sample_relative(
        self,
        study: "Study",
        trial: "FrozenTrial",
        search_space: "dict[str, BaseDistribution]",
    ) -> dict[str, Any]:
        """Values of those."""
        return self._of_trial.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: "Study",
        trial: "FrozenTrial",
        param_name: str,
        param_distribution: "BaseDistribution",
    ) -> Any:
        """Value of a setting that is suggested by itself."""
        return self._of_trial.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: "Study",
        trial: "FrozenTrial",
        state: "TrialState",
        values: Sequence[float] | None,
    ) -> None:
        """What TPE does at a trial's end."""
        self._of_trial.after_trial(study, trial, state, values)
