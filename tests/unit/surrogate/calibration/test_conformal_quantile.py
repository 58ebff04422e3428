"""The conformal quantile against its definition, as NumPy computes it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.calibration.conformal import ConformalCalibrator, LevelTooHighError


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.integers(1, 99))
def test_quantile_is_that_of_the_scores_with_infinity_added(
    errors: list[float], percent: int
) -> None:
    """The score of the new key, which may be any, is the infinity (Lei et al., JASA 2018)."""
    calibrator = ConformalCalibrator(np.sort(np.array(errors)), 1.0)
    scores = np.append(np.abs(errors), np.inf)
    expected = np.quantile(scores, percent / 100 - 1e-12, method="inverted_cdf")
    if np.isinf(expected):
        with pytest.raises(LevelTooHighError):
            calibrator.quantile(percent / 100)
    else:
        assert calibrator.quantile(percent / 100) == expected
