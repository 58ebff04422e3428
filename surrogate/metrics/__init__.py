"""How good predictions are: of the order, of the values, of the intervals."""

from surrogate.metrics.confidence import bootstrap_interval, t_interval
from surrogate.metrics.distributions import (
    gaussian_crps,
    gaussian_nll,
    gaussian_pit,
    pit_deviation,
)
from surrogate.metrics.intervals import coverage, mean_width
from surrogate.metrics.ranking import kendall_tau, spearman_rho
from surrogate.metrics.seeds import SeedAgreement, seed_agreement
from surrogate.metrics.selection import precision_at, top_regret
from surrogate.metrics.values import r_squared, rmse

__all__ = [
    "SeedAgreement",
    "bootstrap_interval",
    "coverage",
    "gaussian_crps",
    "gaussian_nll",
    "gaussian_pit",
    "kendall_tau",
    "mean_width",
    "pit_deviation",
    "precision_at",
    "r_squared",
    "rmse",
    "seed_agreement",
    "spearman_rho",
    "t_interval",
    "top_regret",
]
