"""Curves as a Gaussian process over epochs: what seen epochs say of the others."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.curves.components.moments import part_within
from surrogate.data.targets import FloatArray

Subject = Literal["training", "function"]
"""What a forecast is of.

training: the curve of one training; where epochs are observed, of the training that gave them.
function: the mean curve over all seeds, of which an observed training tells but a part.
"""


@dataclass(frozen=True, eq=False)
class Conditioned:
    """Curves around their means, all on the model scale.

    Attributes:
        mean: (n, epochs) expected curves.
        covariance: (epochs, epochs) doubt, the same for all n.
        seed: (epochs, epochs) the part of it that would remain if the function were known
            exactly; None if the table cannot tell.
    """

    mean: FloatArray
    covariance: FloatArray
    seed: FloatArray | None


@dataclass(frozen=True, eq=False)
class CurveProcess:
    """How single trainings differ from the curve that is forecast for their graph.

    A training is `forecast + f + e` with f the function's own deviation and e the seed's:
    independent, normal, with covariances that add up to the total.

    Attributes:
        covariance: (epochs, epochs) of f + e, positive definite.
        seed: (epochs, epochs) of e, no more than the total in any direction; None if no
            function was trained twice.

    Raises:
        UserError: if shapes disagree or the total is no covariance.
    """

    covariance: FloatArray
    seed: FloatArray | None

    def __post_init__(self) -> None:
        d = len(self.covariance)
        for part in (self.covariance, self.seed):
            if part is not None and (part.shape != (d, d) or not np.isfinite(part).all()):
                raise UserError(f"a covariance must be finite, of shape ({d}, {d})")
        if np.linalg.eigvalsh(self.covariance)[0] <= 0:
            raise UserError("a total covariance must be positive definite, but is not")

    @classmethod
    def of(cls, covariance: FloatArray, seed: FloatArray | None) -> "CurveProcess":
        """From two estimates that need not agree: the seed's part is cut down to the total."""
        return cls(covariance, None if seed is None else part_within(seed, covariance))

    def condition(
        self,
        means: FloatArray,
        observed: NDArray[np.int64],
        values: FloatArray,
        of: Subject = "training",
    ) -> Conditioned:
        """What is known of n curves when one training of each has been seen in part.

        Args:
            means: (n, epochs) forecasts without any observation.
            observed: (m,) distinct places of the epochs seen, counted from 0; may be empty.
            values: (n, m) what was seen there.
            of: what to tell: the rest of that training, or the mean over all seeds.

        Returns:
            The curves given what was seen. For a training, what was seen is exact.
        """
        seed = np.zeros_like(self.covariance) if self.seed is None else self.seed
        told = self.covariance if of == "training" else self.covariance - seed
        inner = self.covariance[np.ix_(observed, observed)]
        gain = np.linalg.solve(inner, told[observed]).T
        mean = means + (values - means[:, observed]) @ gain.T
        covariance = _covariance(told - gain @ told[observed])
        # If f were known, the seen epochs would tell e exactly, and nothing else would.
        left = seed if of == "training" else np.zeros_like(seed)
        inner_seed = seed[np.ix_(observed, observed)]
        left = _covariance(left - left[:, observed] @ np.linalg.pinv(inner_seed) @ left[observed])
        if of == "training":
            mean[:, observed] = values
            for part in (covariance, left):
                part[observed] = 0
                part[:, observed] = 0
        return Conditioned(mean, covariance, None if self.seed is None else left)


def _covariance(matrix: FloatArray) -> FloatArray:
    """A difference of covariances without the rounding that makes variances negative."""
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, np.maximum(np.diag(matrix), 0.0))
    return matrix
