"""How large residuals are, as a function of one number."""

from dataclasses import dataclass

import numpy as np

from surrogate.data.targets import FloatArray

_KNOTS = 5
_STEP = 0.3
"""Expected change of the log size from one knot to the next: few residuals change it less.
docs/results/results.md says how it was chosen."""
_MOST = 6.0
"""Most change of the log size from the mean one; residuals of zero would make it endless."""


@dataclass(frozen=True, eq=False)
class ResidualSizes:
    """Standard deviations of residuals: the logarithm is linear between knots, constant beyond.

    Attributes:
        knots: (k,) places, rising.
        logs: (k,) logarithms of the sizes there.
    """

    knots: FloatArray
    logs: FloatArray

    @classmethod
    def equal(cls, size: float = 1.0) -> "ResidualSizes":
        """All have one size."""
        return cls(np.zeros(1), np.log([size]))

    @classmethod
    def of(
        cls, places: FloatArray, residuals: FloatArray, weights: FloatArray, least: float
    ) -> "ResidualSizes":
        """The most probable sizes of n residuals, if these are normal with mean 0.

        Knots are quantiles of the places. The prior is a random walk of the log sizes from knot to
        knot. The function that is minimised is convex.

        Args:
            places: (n,) numbers that sizes depend on.
            residuals: (n,) residuals.
            weights: (n,) relative weights, > 0.
            least: lower bound on the sizes, > 0.
        """
        # Late: predictions need no scipy, whose import takes longer than they do.
        from scipy.optimize import minimize

        knots = np.unique(np.quantile(places, np.linspace(0, 1, _KNOTS)))
        shares = weights / weights.sum()
        unit = float(np.sqrt(shares @ residuals**2))
        if unit <= least:
            return cls.equal(least)
        counts, squares = len(places) * shares, (residuals / unit) ** 2
        hats_NK = np.stack([np.interp(places, knots, hat) for hat in np.eye(len(knots))], axis=1)

        def surprise(logs: FloatArray) -> tuple[float, FloatArray]:
            log_sizes = hats_NK @ logs
            scaled = squares * np.exp(-2 * log_sizes)
            steps = np.diff(logs) / _STEP
            value = float(counts @ (log_sizes + scaled / 2) + steps @ steps / 2)
            slope = hats_NK.T @ (counts * (1 - scaled))
            slope[1:] += steps / _STEP
            slope[:-1] -= steps / _STEP
            return value, slope

        bounds = [(-_MOST, _MOST)] * len(knots)
        found = minimize(surprise, np.zeros(len(knots)), jac=True, method="L-BFGS-B", bounds=bounds)
        return cls(knots, np.maximum(found.x + np.log(unit), np.log(least)))

    def at(self, places: FloatArray) -> FloatArray:
        """(n,) sizes at n places, > 0."""
        sizes: FloatArray = np.exp(np.interp(places, self.knots, self.logs))
        return sizes
