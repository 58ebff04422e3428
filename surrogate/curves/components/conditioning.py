"""Curves as a Gaussian process over epochs, conditioned on observed epochs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.curves.components.moments import part_within
from surrogate.data.targets import FloatArray

Subject = Literal["training", "function"]
"""Subject of a forecast.

training: the curve of one training; with observed epochs, of the observed training.
function: the mean curve over all seeds, which an observed training determines in part.
"""


@dataclass(frozen=True, eq=False)
class Conditioned:
    """Curves around their means, all on the model scale.

    Attributes:
        mean: (n, epochs) expected curves.
        covariance: (epochs, epochs) covariance, the same for all n.
        seed: (epochs, epochs) the part of it that is seed noise; None if that is unknown.
    """

    mean: FloatArray
    covariance: FloatArray
    seed: FloatArray | None


@dataclass(frozen=True, eq=False)
class CurveProcess:
    """Deviations of single trainings from the forecast curve of their graph.

    A training is `forecast + f + e` with the deviations f of the function and e of the seed:
    independent, normal, with covariances that add up to the total.

    Attributes:
        covariance: (epochs, epochs) of f + e, positive definite.
        seed: (epochs, epochs) of e, no more than the total in any direction; None if no
            function was trained twice.

    Raises:
        UserError: if shapes differ or the total is not positive definite.
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
        """From two separate estimates: the seed's part is cut down to the total."""
        return cls(covariance, None if seed is None else part_within(seed, covariance))

    def condition(
        self,
        means: FloatArray,
        observed: NDArray[np.int64],
        values: FloatArray,
        of: Subject = "training",
    ) -> Conditioned:
        """Condition n curves on the observed epochs of one training each.

        Args:
            means: (n, epochs) forecasts without any observation.
            observed: (m,) distinct indices of the observed epochs, counted from 0; may be empty.
            values: (n, m) observed values.
            of: the rest of that training, or the mean over all seeds.

        Returns:
            The conditioned curves; those of a training equal the observations at their epochs.
        """
        seed = np.zeros_like(self.covariance) if self.seed is None else self.seed
        prior = self.covariance if of == "training" else self.covariance - seed
        inner = self.covariance[np.ix_(observed, observed)]
        gain = np.linalg.solve(inner, prior[observed]).T
        mean = means + (values - means[:, observed]) @ gain.T
        covariance = _covariance(prior - gain @ prior[observed])
        # Given f, the observed epochs determine e there exactly, and nothing else does.
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
    """A difference of covariances, without negative variances from rounding."""
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, np.maximum(np.diag(matrix), 0.0))
    return matrix
