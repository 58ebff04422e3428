"""The expected curve of a graph, and its uncertainty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from surrogate.calibration import ConformalCalibrator
from surrogate.curves.components.basis import CurveBasis, fit_basis
from surrogate.curves.components.falling import falling_steps, project_falling
from surrogate.curves.data import CurveSet
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import ONE_SIGMA, Prediction
from surrogate.data.targets import FloatArray, Identity, Target
from surrogate.predictors.base import Predictor


@dataclass(frozen=True, eq=False)
class ExpectedCurves:
    """Curves of n graphs as expected before any epoch is observed.

    Attributes:
        mean: (n, epochs) on the model scale.
        uncertainty: (n,) relative standard deviation, > 0: 1 for the median function of the fit.
    """

    mean: FloatArray
    uncertainty: FloatArray


@dataclass(frozen=True, eq=False)
class UncertaintyScale:
    """Combines the predictors' standard deviations into one number per graph.

    The errors of the coefficients are orthogonal parts of the error of a curve, so that their
    squares add up.

    Attributes:
        floors: (k,) least standard deviation of each coefficient.
        factors: (k,) calibrating factors of the standard deviations.
        typical: root of the median sum of squares over the functions of the fit, > 0.
    """

    floors: FloatArray
    factors: FloatArray
    typical: float

    @classmethod
    def of(cls, predictions: Sequence[Prediction], coefficients: FloatArray) -> "UncertaintyScale":
        """Fit the scale to predictions of (n, k) held-out coefficients."""
        found = [
            ConformalCalibrator.of(p, y) for p, y in zip(predictions, coefficients.T, strict=True)
        ]
        floors = np.array([calibrator.floor for calibrator in found])
        factors = np.array([calibrator.quantile(ONE_SIGMA) for calibrator in found])
        raw = cls(floors, np.maximum(factors, 1e-9), 1.0)
        return cls(raw.floors, raw.factors, float(np.median(raw.uncertainty(predictions))))

    def uncertainty(self, predictions: Sequence[Prediction]) -> FloatArray:
        """(n,) relative standard deviations, from the predictions of k coefficients."""
        stds = np.array([prediction.std for prediction in predictions]).T
        squares = (self.factors * np.hypot(stds, self.floors)) ** 2
        found: FloatArray = np.sqrt(squares.sum(axis=1)) / self.typical
        return found


@dataclass(frozen=True, eq=False)
class MeanCurves:
    """Forecasts curves of graphs: one predictor for each coefficient of a low-rank basis.

    Attributes:
        basis: components that the coefficients multiply.
        predictors: (k,) fitted, one per coefficient.
        scale: of their uncertainty.
        falling: (epochs - 1,) steps over which forecasts do not rise.
    """

    basis: CurveBasis
    predictors: tuple[Predictor, ...]
    scale: UncertaintyScale
    falling: NDArray[np.bool_]

    @classmethod
    def fit(
        cls,
        curves: CurveSet,
        make_predictor: Callable[[], Predictor],
        folds: int,
        rng: np.random.Generator,
    ) -> tuple[Self, ExpectedCurves]:
        """Fit on all functions, and predict each from a fit without it.

        The basis is fitted on all functions; only the predictors hold functions out.

        Returns:
            The fitted curves, and the out-of-fold curves of the (k,) functions.
        """
        basis = fit_basis(curves, folds, rng)
        singles = basis.coefficients(curves.values)
        coefficients = curves.mean_of(singles)
        predictors = tuple(make_predictor() for _ in range(basis.rank))
        predictions = [
            predictor.fit_out_of_fold(_dataset(curves, singles, j), folds, rng)
            for j, predictor in enumerate(predictors)
        ]
        scale = UncertaintyScale.of(predictions, coefficients)
        fitted = cls(basis, predictors, scale, falling_steps(curves.values))
        return fitted, fitted.assembled(predictions)

    def expected(self, graphs: Sequence[CellGraph]) -> ExpectedCurves:
        """Expected curves of n graphs; equal keys get equal curves."""
        return self.assembled([predictor.predict(graphs) for predictor in self.predictors])

    def assembled(self, predictions: Sequence[Prediction]) -> ExpectedCurves:
        """The curves of (k,) predicted coefficients for n graphs."""
        means = self.basis.curves(np.array([p.mean for p in predictions]).T)
        free = np.ones(means.shape[1], dtype=bool)
        return ExpectedCurves(
            project_falling(means, self.falling, free), self.scale.uncertainty(predictions)
        )


def _dataset(curves: CurveSet, singles: FloatArray, j: int) -> SurrogateDataset:
    """Coefficient j as a label: the mean over seeds, with the variance between them."""
    values = curves.mean_of(singles[:, j : j + 1])[:, 0]
    squares = curves.mean_of((singles[:, j : j + 1] - values[curves.owners, None]) ** 2)[:, 0]
    counts = curves.seed_counts
    several = counts > 1
    variances = np.where(several, squares * counts / np.maximum(counts - 1, 1), np.nan)
    # Neither end of a coefficient is better: the direction does not matter.
    target = Target(f"curve_coefficient_{j + 1}", "val_per", "1", "minimise", Identity())
    return SurrogateDataset(target, curves.graphs, values, counts, variances)
