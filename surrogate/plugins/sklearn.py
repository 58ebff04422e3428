"""scikit-learn: any registered predictor as an estimator on cells."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import DeadCellError, MissingExtraError, UserError, shown
from graph_encoding.functional_identity import functional_form
from graph_encoding.graph import CellGraph, graph_of_form
from graph_encoding.semantics import Semantics
from surrogate.calibration import ConformalCalibrator
from surrogate.data.prediction import Interval, Prediction
from surrogate.data.targets import TARGETS, FloatArray
from surrogate.plugins.cell_problem import merged_dataset
from surrogate.predictors import PREDICTORS

if TYPE_CHECKING:
    from sklearn.utils import Tags

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, check_random_state
except ModuleNotFoundError as e:
    raise MissingExtraError("scikit-learn", "sklearn") from e


class CellRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """A registered predictor as an estimator: cells in, labels on their own scale out.

    `X` has n cells: texts, `Cell`s or `CellGraph`s, with shape (n,), or (n, 1) as a column of a
    data frame has. Labels of equal functions are averaged.

    Args:
        predictor: a registered name, see `surrogate.predictors.PREDICTORS`.
        settings: settings of the predictor; None for the published ones.
        target: a registered target, which gives the model scale of the labels.
        semantics: how cells are read, "paper" or "released".
        folds: folds of the held-out predictions that calibrate standard deviations and intervals;
            0 leaves the calibration out, which makes a fit faster.
        random_state: seed of a fit, or a generator as scikit-learn has them.

    Attributes:
        predictor_: the fitted predictor.
        calibrator_: the calibration; None if `folds` is 0.
    """

    def __init__(
        self,
        predictor: str = "ridge",
        *,
        settings: Any = None,
        target: str = "val_per",
        semantics: str = "paper",
        folds: int = 5,
        random_state: Any = None,
    ) -> None:
        self.predictor = predictor
        self.settings = settings
        self.target = target
        self.semantics = semantics
        self.folds = folds
        self.random_state = random_state

    def __sklearn_tags__(self) -> "Tags":
        """One-dimensional texts are the input."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to n labelled cells of at least two functions.

        Raises:
            UserError: if a cell is dead or no cell, lengths differ, a label is not finite, or there
                are fewer functions than folds.
        """
        graphs = self._graphs(X)
        labels = np.asarray(y, dtype=np.float64)
        if labels.shape != (len(graphs),):
            raise UserError(
                f"y must have shape ({len(graphs)},), one label per cell, but has {labels.shape}"
            )
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        dataset = merged_dataset(TARGETS.get(self.target), graphs, labels).sorted_by_key()
        predictor = PREDICTORS.get(self.predictor)(self.settings)
        self.calibrator_ = None
        if self.folds:
            held_out = predictor.fit_out_of_fold(dataset, self.folds, rng)
            self.calibrator_ = ConformalCalibrator.of(held_out, dataset.model_values)
        else:
            predictor.fit(dataset, rng)
        self.predictor_ = predictor
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """(n,) predicted labels, and with `return_std` their (n,) standard deviations.

        The standard deviations are calibrated unless `folds` is 0.

        Raises:
            UserError: if a cell is dead or no cell.
        """
        found = self._predicted(X)
        transform = TARGETS.get(self.target).transform
        mean = transform.to_raw(found.mean)
        if not return_std:
            return mean
        std = found.std if self.calibrator_ is None else self.calibrator_.std(found)
        return mean, transform.raw_slope(found.mean) * std

    def predict_interval(self, X: Any, level: float = 0.9) -> NDArray[np.float64]:
        """(n, 2) lower and upper ends of intervals that hold a label with probability `level`.

        Raises:
            UserError: if a cell is dead or no cell, `folds` is 0, or the level needs more functions
                than the fit had.
        """
        found = self._predicted(X)
        if self.calibrator_ is None:
            raise UserError(
                "an interval must rest on held-out predictions, but folds is 0; fit with folds >= 2"
            )
        interval: Interval = self.calibrator_.interval(found, level)
        transform = TARGETS.get(self.target).transform
        return np.stack(transform.interval_to_raw(interval.low, interval.high), axis=1)

    def _predicted(self, X: Any) -> Prediction:
        check_is_fitted(self)
        found: Prediction = self.predictor_.predict(self._graphs(X))
        return found

    def _graphs(self, X: Any) -> list[CellGraph]:
        column = np.asarray(X, dtype=object)
        if column.ndim == 2 and column.shape[1] == 1:
            column = column[:, 0]
        if column.ndim != 1:
            raise UserError(
                f"X must have shape (n,) or (n, 1), one cell per row, but has {column.shape}; "
                "give texts of cells"
            )
        semantics = Semantics(self.semantics)
        return [_graph(cell, semantics) for cell in column]


def _graph(cell: object, semantics: Semantics) -> CellGraph:
    """The graph of a cell, its text, or a graph."""
    if isinstance(cell, CellGraph):
        return cell
    if not isinstance(cell, str | Cell):
        raise UserError(
            f"X must hold cells, their texts or graphs, but got {shown(cell)}; a valid text is "
            "10_100_1000"
        )
    parsed = Cell.parse(cell) if isinstance(cell, str) else cell
    form = functional_form(parsed, semantics)
    if form.is_dead:
        raise DeadCellError(
            f"cell {parsed.text!r} is dead: its output does not depend on the input, so it has no "
            "label; leave it out"
        )
    return graph_of_form(form)
