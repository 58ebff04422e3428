"""Quality of predictions: of their order, their values, their distributions and intervals."""

from surrogate.metrics.confidence import bootstrap_interval, t_interval
from surrogate.metrics.distributions import (
    coverage,
    gaussian_crps,
    gaussian_nll,
    gaussian_pit,
    mean_width,
    pit_deviation,
)
from surrogate.metrics.ranking import kendall_tau, precision_at, spearman_rho, top_regret
from surrogate.metrics.seeds import SeedAgreement, seed_agreement
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
