"""Held-out forecasts by key, compact and found again."""

import numpy as np
import pytest

from graph_encoding import UserError
from surrogate.calibration import HeldOutForecasts
from surrogate.data.prediction import Prediction

KEYS = [f"1=conv{i}(x);y=1" for i in range(200)]


def test_functions_of_the_fit_get_their_own_and_others_what_is_predicted() -> None:
    rng = np.random.default_rng(0)
    held_out = Prediction(rng.normal(size=200), rng.uniform(1, 2, 200))
    kept = HeldOutForecasts.from_arrays(HeldOutForecasts.of(KEYS, held_out).arrays())
    found = kept.instead_of([KEYS[7], "new", KEYS[3]], Prediction(np.full(3, 9.0), np.ones(3)))
    assert found.mean == pytest.approx([held_out.mean[7], 9.0, held_out.mean[3]], rel=1e-6)
    assert found.std == pytest.approx([held_out.std[7], 1.0, held_out.std[3]], rel=1e-6)


@pytest.mark.parametrize(
    ("hashes", "count", "message"),
    [([2, 1], 2, "rising"), ([1, 1], 2, "rising"), ([1], 2, "shape")],
)
def test_what_is_no_list_of_forecasts_is_refused(
    hashes: list[int], count: int, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        HeldOutForecasts(
            np.array(hashes, dtype=np.uint64),
            np.zeros(count, dtype=np.float32),
            np.zeros(count, dtype=np.float32),
        )
