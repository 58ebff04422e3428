"""The curve that is expected of a graph, and how much it is doubted there."""

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
    """Curves of n graphs as expected before any epoch is seen.

    Attributes:
        mean: (n, epochs) on the model scale.
        doubt: (n,) how far off they may be, > 0: 1 for the median function of the fit.
    """

    mean: FloatArray
    doubt: FloatArray


@dataclass(frozen=True, eq=False)
class DoubtScale:
    """Makes one number of the predictors' spreads.

    The coefficients' errors are orthogonal parts of a curve's, so that their squares add up.

    Attributes:
        floors: (k,) least spread of each coefficient.
        factors: (k,) by which a spread must be multiplied to be a standard deviation.
        typical: root of the median sum of squares over the functions of the fit, > 0.
    """

    floors: FloatArray
    factors: FloatArray
    typical: float

    @classmethod
    def of(cls, answers: Sequence[Prediction], coefficients: FloatArray) -> "DoubtScale":
        """Learn it from what was said of (n, k) coefficients that were held out."""
        found = [ConformalCalibrator.of(a, y) for a, y in zip(answers, coefficients.T, strict=True)]
        floors = np.array([calibrator.floor for calibrator in found])
        factors = np.array([calibrator.quantile(ONE_SIGMA) for calibrator in found])
        raw = cls(floors, np.maximum(factors, 1e-9), 1.0)
        return cls(raw.floors, raw.factors, float(np.median(raw.doubt(answers))))

    def doubt(self, answers: Sequence[Prediction]) -> FloatArray:
        """(n,) doubts of k answers for n graphs."""
        spreads = np.array([answer.std for answer in answers]).T
        squares = (self.factors * np.hypot(spreads, self.floors)) ** 2
        doubts: FloatArray = np.sqrt(squares.sum(axis=1)) / self.typical
        return doubts


@dataclass(frozen=True, eq=False)
class MeanCurves:
    """Forecasts curves of graphs: one predictor for each coefficient of a low-rank basis.

    Attributes:
        basis: what the coefficients multiply.
        predictors: (k,) fitted, one a coefficient.
        scale: makes doubts of their spreads.
        falling: (epochs - 1,) steps over which forecasts do not rise.
    """

    basis: CurveBasis
    predictors: tuple[Predictor, ...]
    scale: DoubtScale
    falling: NDArray[np.bool_]

    @classmethod
    def fit(
        cls,
        curves: CurveSet,
        make_predictor: Callable[[], Predictor],
        folds: int,
        rng: np.random.Generator,
    ) -> tuple[Self, ExpectedCurves]:
        """Fit on all functions, and say what is expected of each when it is held out.

        The basis has seen all functions; only the predictors hold out.

        Returns:
            The fitted curves, and those expected of the (k,) functions out of fold.
        """
        basis = fit_basis(curves, folds, rng)
        singles = basis.coefficients(curves.values)
        coefficients = curves.mean_of(singles)
        predictors = tuple(make_predictor() for _ in range(basis.rank))
        answers = [
            predictor.fit_out_of_fold(_dataset(curves, singles, j), folds, rng)
            for j, predictor in enumerate(predictors)
        ]
        scale = DoubtScale.of(answers, coefficients)
        fitted = cls(basis, predictors, scale, falling_steps(curves.values))
        return fitted, fitted.assembled(answers)

    def expected(self, graphs: Sequence[CellGraph]) -> ExpectedCurves:
        """What is expected of n graphs; equal keys get equal curves."""
        return self.assembled([predictor.predict(graphs) for predictor in self.predictors])

    def assembled(self, answers: Sequence[Prediction]) -> ExpectedCurves:
        """The curves that (k,) answers for n graphs describe."""
        means = self.basis.curves(np.array([answer.mean for answer in answers]).T)
        free = np.ones(means.shape[1], dtype=bool)
        return ExpectedCurves(project_falling(means, self.falling, free), self.scale.doubt(answers))


def _dataset(curves: CurveSet, singles: FloatArray, j: int) -> SurrogateDataset:
    """Coefficient j as a label: the mean over seeds, with what is known of their variance."""
    values = curves.mean_of(singles[:, j : j + 1])[:, 0]
    squares = curves.mean_of((singles[:, j : j + 1] - values[curves.owners, None]) ** 2)[:, 0]
    counts = curves.seed_counts
    several = counts > 1
    variances = np.where(several, squares * counts / np.maximum(counts - 1, 1), np.nan)
    # Neither end of a coefficient is better: the direction is of no consequence.
    target = Target(f"curve_coefficient_{j + 1}", "val_per", "1", "minimise", Identity())
    return SurrogateDataset(target, curves.graphs, values, counts, variances)
