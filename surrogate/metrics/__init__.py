"""How good predictions are: of the order, of the values, of the intervals."""

from surrogate.metrics.intervals import coverage, mean_width
from surrogate.metrics.ranking import kendall_tau, spearman_rho
from surrogate.metrics.seeds import SeedAgreement, seed_agreement
from surrogate.metrics.values import rmse

__all__ = [
    "SeedAgreement",
    "coverage",
    "kendall_tau",
    "mean_width",
    "rmse",
    "seed_agreement",
    "spearman_rho",
]
