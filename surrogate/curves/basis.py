"""A few curves whose sums are all curves, and how many of them are more than seed noise."""

from dataclasses import dataclass

import numpy as np

from graph_encoding.errors import UserError
from surrogate.curves.data import CurveSet
from surrogate.curves.moments import robust_covariance, robust_mean_and_covariance
from surrogate.folds import fold_indices
from surrogate.targets import FloatArray

_MOST_COMPONENTS = 8
_FEWEST_PAIRS = 20
_ONE_SIDED_95 = 1.645


@dataclass(frozen=True, eq=False)
class CurveBasis:
    """Curves are `mean + scale * (coefficients @ components)`, on the model scale.

    Attributes:
        mean: (epochs,) the central curve.
        scale: (epochs,) unit of each epoch, > 0: what seeds differ by there, so that an epoch
            counts as much as it can be relied on.
        components: (k, epochs) orthonormal rows, the one that varies most first.

    Raises:
        UserError: if the shapes disagree or a number is not finite.
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
    """Principal components of the functions' mean curves, as many as repeat themselves.

    Args:
        curves: curves of k functions.
        folds: parts of the functions held out in turn to choose the number, 2 .. k.
        rng: source of the folds.
    """
    scale = epoch_scale(curves)
    rank = choose_rank(curves, scale, folds, rng)
    return principal_basis(curves.means, scale).truncated(rank)


def epoch_scale(curves: CurveSet) -> FloatArray:
    """(epochs,) standard deviation between seeds; where too few are known, between functions."""
    residuals = curves.seed_residuals()
    if len(residuals) >= _FEWEST_PAIRS:
        return np.sqrt(np.diag(robust_covariance(residuals)))
    return np.sqrt(np.diag(robust_mean_and_covariance(curves.means)[1]))


def principal_basis(means: FloatArray, scale: FloatArray) -> CurveBasis:
    """All components that could be asked for, of (k, epochs) curves; signs are fixed."""
    centre, covariance = robust_mean_and_covariance(means / scale)
    _, directions = np.linalg.eigh(covariance)
    rows = directions.T[::-1][: min(_MOST_COMPONENTS, len(centre) - 1)]
    # Eigenvectors come with any sign: the largest entry shall be positive.
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return CurveBasis(centre * scale, scale, rows * np.sign(largest)[:, None])


def choose_rank(curves: CurveSet, scale: FloatArray, folds: int, rng: np.random.Generator) -> int:
    """How many components say something of functions whose curves did not make them.

    Where enough functions have two seeds, those up to the first one that does not repeat itself
    between the seeds. A coefficient of variance v + w, with v the function's and w the seed's,
    lowers the error with which the best multiple of it tells the other seed's curve by
    `v^2 / (v + w)`, so it is kept if v, the mean product of both seeds' coefficients, is above
    zero by more than chance explains.

    Elsewhere each epoch is told from all the others: of the ranks whose error is within a
    standard error of the least one, the smallest.

    Source: the one-standard-error rule of Breiman et al., "Classification and Regression
    Trees", 1984.
    """
    paired = int((curves.seed_counts > 1).sum()) >= _FEWEST_PAIRS
    numbers_of = _products_of_seeds if paired else _errors_of_left_out_epochs
    found = []
    for rest, held_out in fold_indices(len(curves.graphs), folds, rng):
        basis = principal_basis(curves.subset(rest).means, scale)
        found.append(numbers_of(basis, curves.subset(held_out)))
    numbers = np.concatenate(found)
    mean = numbers.mean(axis=0)
    standard_error = numbers.std(axis=0, ddof=1) / np.sqrt(len(numbers))
    if paired:
        noise = np.flatnonzero(mean <= _ONE_SIDED_95 * standard_error)
        return max(1, int(noise[0])) if len(noise) else len(mean)
    best = int(mean.argmin())
    return int(np.flatnonzero(mean <= mean[best] + standard_error[best])[0]) + 1


def _products_of_seeds(basis: CurveBasis, curves: CurveSet) -> FloatArray:
    """(functions with two seeds, components) products of the coefficients of two seeds."""
    rows = [np.zeros((0, basis.rank))]
    for owner in np.flatnonzero(curves.seed_counts > 1):
        one, other = basis.coefficients(curves.values[curves.owners == owner][:2])
        rows.append((one * other)[None])
    return np.concatenate(rows)


def _errors_of_left_out_epochs(basis: CurveBasis, curves: CurveSet) -> FloatArray:
    """(trainings, ranks) squared errors for 1, 2, ... components, in units of the scale."""
    centred = (curves.values - basis.mean) / basis.scale
    errors = np.zeros((len(centred), basis.rank))
    for rank in range(1, basis.rank + 1):
        # Leaving an epoch out of a least-squares fit divides its residual by 1 - leverage.
        rows = basis.components[:rank]
        leverage = np.minimum(np.sum(rows**2, axis=0), 1 - 1e-9)
        residual = centred - centred @ rows.T @ rows
        errors[:, rank - 1] = np.mean((residual / (1 - leverage)) ** 2, axis=1)
    return errors
