"""Predictors as estimators of scikit-learn: its own checks and tools, on cells."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

from graph_encoding import Cell, cell_graph
from graph_encoding.common.errors import UserError
from surrogate.predictors import RidgeSettings
from surrogate.testing.synthetic import synthetic_table

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from surrogate.plugins.sklearn import CellRegressor

RECORDS = [r for r in synthetic_table(80, seeds=(1,)).records if r.status == "ok"]
CELLS = np.array([record.cell for record in RECORDS])
PER = np.array([float(record.test_per or 0.0) for record in RECORDS])


def own_checks() -> list[Any]:
    """What `parametrize_with_checks` gives for an estimator of one-dimensional texts.

    No check is expected to fail. scikit-learn leaves out, with a warning, the checks that fit
    matrices of random numbers, because the input is not two-dimensional.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        return list(estimator_checks_generator(CellRegressor(folds=2), legacy=True))


def name_of(value: Any) -> str:
    """A name without the address of a function: every test process must find the same tests."""
    return str(getattr(getattr(value, "func", value), "__name__", type(value).__name__))


@pytest.mark.parametrize(("estimator", "check"), own_checks(), ids=name_of)
def test_checks_of_scikit_learn(estimator: CellRegressor, check: Any) -> None:
    check(estimator)


def test_predictions_are_the_same_for_texts_cells_graphs_and_columns() -> None:
    fitted = CellRegressor(random_state=0).fit(CELLS, PER)
    expected = fitted.predict(CELLS)
    cells = [Cell.parse(text) for text in CELLS]
    for same in (CELLS.tolist(), cells, [cell_graph(c) for c in cells], CELLS[:, None]):
        assert fitted.predict(same).tolist() == expected.tolist()
    assert np.corrcoef(expected, PER)[0, 1] > 0.3


def test_standard_deviations_and_intervals_cover_labels() -> None:
    fitted = CellRegressor(random_state=0).fit(CELLS[:50], PER[:50])
    mean, std = fitted.predict(CELLS, return_std=True)
    assert (std > 0).all()
    narrow, wide = (fitted.predict_interval(CELLS, level) for level in (0.5, 0.9))
    assert (wide[:, 0] <= narrow[:, 0]).all()
    assert (narrow[:, 1] <= wide[:, 1]).all()
    assert ((wide[:, 0] <= mean) & (mean <= wide[:, 1])).all()
    assert np.mean((wide[50:, 0] <= PER[50:]) & (PER[50:] <= wide[50:, 1])) >= 0.7


def test_labels_of_equal_functions_count_as_their_mean() -> None:
    twice = np.concatenate([CELLS, CELLS]), np.concatenate([PER - 0.01, PER + 0.01])
    once = CellRegressor(folds=0, random_state=0).fit(CELLS, PER).predict(CELLS)
    assert CellRegressor(folds=0, random_state=0).fit(*twice).predict(CELLS) == pytest.approx(
        once, abs=0.005
    )  # two trainings weigh more than one


def test_pipelines_grids_and_cross_validation() -> None:
    strip = FunctionTransformer(lambda cells: [cell.strip() for cell in cells])
    pipeline = Pipeline([("strip", strip), ("model", CellRegressor(folds=0, random_state=0))])
    padded = np.array([f" {cell} " for cell in CELLS])
    grid = {
        "model__predictor": ["mean", "ridge"],
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(padded, PER)
    assert search.best_params_ == {"model__predictor": "ridge"}
    settings = [RidgeSettings("counts"), RidgeSettings("statistics")]
    by_settings = GridSearchCV(CellRegressor(folds=0), {"settings": settings}, cv=3)
    assert by_settings.fit(CELLS, PER).best_params_["settings"] in settings
    scores = cross_val_score(CellRegressor(folds=0), CELLS, PER, cv=4, error_score="raise")
    assert scores.shape == (4,)


def test_clones_and_pickles_predict_the_same() -> None:
    fitted = CellRegressor(random_state=3).fit(CELLS, PER)
    expected = fitted.predict(CELLS).tolist()
    assert clone(fitted).fit(CELLS, PER).predict(CELLS).tolist() == expected
    assert pickle.loads(pickle.dumps(fitted)).predict(CELLS).tolist() == expected  # noqa: S301


@pytest.mark.parametrize(
    ("cells", "labels", "message"),
    [
        (["51_500_5000", "10_100_1000"], [0.1, 0.2], "is dead: .* leave it out"),
        (["banana", "10_100_1000"], [0.1, 0.2], "cell 'banana'"),
        ([3, 4], [0.1, 0.2], "must hold cells, their texts or graphs, but got 3"),
        (np.ones((2, 9)), [0.1, 0.2], r"shape \(n,\) or \(n, 1\)"),
        (CELLS[:4], [0.1, 0.2], r"y must have shape \(4,\)"),
    ],
)
def test_wrong_input_is_refused(cells: Any, labels: list[float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CellRegressor(folds=0).fit(cells, labels)


def test_what_a_fit_lacks_is_named() -> None:
    with pytest.raises(NotFittedError):
        CellRegressor().predict(CELLS)
    with pytest.raises(UserError, match="fit with folds >= 2"):
        CellRegressor(folds=0).fit(CELLS, PER).predict_interval(CELLS)
