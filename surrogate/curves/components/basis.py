"""Low-rank basis of learning curves, with the rank chosen against seed noise."""

from dataclasses import dataclass

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.curves.components.moments import robust_covariance, robust_mean_and_covariance
from surrogate.curves.data import FEWEST_CONTRASTS, CurveSet
from surrogate.data.folds import fold_indices
from surrogate.data.targets import FloatArray

_MOST_COMPONENTS = 8


@dataclass(frozen=True, eq=False)
class CurveBasis:
    """Curves are `mean + scale * (coefficients @ components)`, on the model scale.

    Attributes:
        mean: (epochs,) the central curve.
        scale: (epochs,) unit of each epoch, > 0: the standard deviation between seeds, so that
            reliable epochs count more.
        components: (k, epochs) orthonormal rows, by falling variance.

    Raises:
        UserError: if the shapes differ or a number is not finite.
    """

    mean: FloatArray
    scale: FloatArray
    components: FloatArray

    def __post_init__(self) -> None:
        if self.components.ndim != 2 or self.components.shape[1:] != self.mean.shape:
            raise UserError(
                f"components must have shape (k, {len(self.mean)}), but have "
                f"{self.components.shape}"
            )
        if self.scale.shape != self.mean.shape or not (self.scale > 0).all():
            raise UserError(f"the scale of a curve basis must be > 0, but got {self.scale}")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.components).all()):
            raise UserError("a curve basis must be finite, but holds NaN or infinity")

    @property
    def rank(self) -> int:
        """Number of components."""
        return len(self.components)

    def coefficients(self, curves: FloatArray) -> FloatArray:
        """(n, k) coefficients of (n, epochs) curves: the orthogonal projection."""
        return (curves - self.mean) / self.scale @ self.components.T

    def curves(self, coefficients: FloatArray) -> FloatArray:
        """(n, epochs) curves of (n, k) coefficients."""
        return self.mean + self.scale * (coefficients @ self.components)

    def truncated(self, rank: int) -> "CurveBasis":
        """The first components only."""
        return CurveBasis(self.mean, self.scale, self.components[:rank])


def fit_basis(curves: CurveSet, folds: int, rng: np.random.Generator) -> CurveBasis:
    """Principal components of the functions' mean curves, as many as exceed seed noise.

    Args:
        curves: curves of k functions.
        folds: number of folds over the functions, to choose the rank, 2 .. k.
        rng: source of the folds.
    """
    scale = epoch_scale(curves)
    rank = choose_rank(curves, scale, folds, rng)
    return principal_basis(curves.means, scale).truncated(rank)


def epoch_scale(curves: CurveSet) -> FloatArray:
    """(epochs,) standard deviation between seeds; with too few seeds, between functions."""
    residuals = curves.seed_residuals()
    if len(residuals) >= FEWEST_CONTRASTS:
        return np.sqrt(np.diag(robust_covariance(residuals)))
    return np.sqrt(np.diag(robust_mean_and_covariance(curves.means)[1]))


def principal_basis(means: FloatArray, scale: FloatArray) -> CurveBasis:
    """The first components of (k, epochs) curves, up to the largest rank; signs are fixed."""
    centre, covariance = robust_mean_and_covariance(means / scale)
    _, directions = np.linalg.eigh(covariance)
    rows = directions.T[::-1][: min(_MOST_COMPONENTS, len(centre) - 1)]
    # The sign of an eigenvector is arbitrary: make its largest entry positive.
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return CurveBasis(centre * scale, scale, rows * np.sign(largest)[:, None])


def choose_rank(curves: CurveSet, scale: FloatArray, folds: int, rng: np.random.Generator) -> int:
    """The smallest rank whose residual on held-out curves is no more than seed noise.

    The residual of a projection has a part of the function and a part of the seed noise. The
    latter is measured on contrasts between seeds of the same held-out functions. The rank is
    sufficient if residual and seed noise are equal to within a standard error.

    With too few contrasts, each epoch is predicted from all others instead, where components of
    noise increase the error: the smallest rank within a standard error of the least error.

    Source: the one-standard-error rule of Breiman et al., "Classification and Regression
    Trees", 1984.
    """
    seeds_known = len(curves.seed_residuals()) >= FEWEST_CONTRASTS
    errors, noises = [], []
    for rest, held_out in fold_indices(len(curves.graphs), folds, rng):
        basis = principal_basis(curves.subset(rest).means, scale)
        part = curves.subset(held_out)
        rows = (part.values - basis.mean) / scale
        errors.append(_left_over(basis, rows) if seeds_known else _left_out(basis, rows))
        noises.append(_left_over(basis, part.seed_residuals() / scale))
    error, error_se = _mean_and_standard_error(np.concatenate(errors))
    if seeds_known:
        noise, noise_se = _mean_and_standard_error(np.concatenate(noises))
        enough = error - noise <= np.hypot(error_se, noise_se)
    else:
        enough = error <= (error + error_se)[error.argmin()]
    return int(enough.argmax()) + 1 if enough.any() else len(enough)


def _mean_and_standard_error(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    return rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))


def _left_over(basis: CurveBasis, rows: FloatArray) -> FloatArray:
    """(n, ranks) mean squares of (n, epochs) rows after removing 1, 2, ... components."""
    total = np.sum(rows**2, axis=1, keepdims=True)
    explained = np.cumsum((rows @ basis.components.T) ** 2, axis=1)
    left: FloatArray = (total - explained) / rows.shape[1]
    return left


def _left_out(basis: CurveBasis, rows: FloatArray) -> FloatArray:
    """(n, ranks) mean squared leave-one-epoch-out errors with 1, 2, ... components."""
    errors = np.zeros((len(rows), basis.rank))
    for rank in range(1, basis.rank + 1):
        # Leaving an epoch out of a least-squares fit divides its residual by 1 - leverage.
        used = basis.components[:rank]
        leverage = np.minimum(np.sum(used**2, axis=0), 1 - 1e-9)
        residual = rows - rows @ used.T @ used
        errors[:, rank - 1] = np.mean((residual / (1 - leverage)) ** 2, axis=1)
    return errors
