"""Predictions and intervals refuse what they must not hold."""

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import Interval, Prediction

ONE, TWO = np.ones(1), np.ones(2)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (ONE, TWO, "one shape"),
        (np.ones((1, 1)), np.ones((1, 1)), "one shape"),
        (np.array([np.nan]), ONE, "finite"),
        (ONE, np.array([np.inf]), "finite"),
        (ONE, -ONE, ">= 0"),
    ],
)
def test_bad_prediction_is_refused(mean: np.ndarray, std: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Prediction(mean, std)


@pytest.mark.parametrize(
    ("low", "high", "level", "message"),
    [
        (ONE, TWO, 0.9, "one shape"),
        (2 * ONE, ONE, 0.9, "low <= high"),
        (np.array([np.nan]), ONE, 0.9, "low <= high"),
        (ONE, ONE, 1.0, r"\(0, 1\)"),
    ],
)
def test_bad_interval_is_refused(
    low: np.ndarray, high: np.ndarray, level: float, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Interval(low, high, level)
