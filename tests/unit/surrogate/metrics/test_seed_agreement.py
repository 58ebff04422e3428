"""Agreement between seeds: a textbook case and its laws."""

import numpy as np
import pytest

from graph_encoding import UserError
from surrogate.metrics import seed_agreement


def test_the_textbook_case_of_shrout_and_fleiss() -> None:
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )
    assert seed_agreement(ratings.astype(float)).intraclass_correlation == pytest.approx(
        0.17, abs=0.005
    )


def test_noise_of_known_size_is_found_again() -> None:
    rng = np.random.default_rng(0)
    cells = rng.normal(0.6, 0.05, (20_000, 1))
    found = seed_agreement(cells + rng.normal(0, 0.02, (20_000, 2)))
    assert found.seed_std == pytest.approx(0.02, rel=0.02)
    assert found.intraclass_correlation == pytest.approx(0.05**2 / (0.05**2 + 0.02**2), abs=0.01)
    assert 0.6 < found.kendall_tau < 0.8


def test_pure_noise_has_no_agreement() -> None:
    found = seed_agreement(np.random.default_rng(1).normal(size=(5000, 3)))
    assert abs(found.intraclass_correlation) < 0.05
    assert abs(found.kendall_tau) < 0.05


@pytest.mark.parametrize("shape", [(1, 2), (5, 1), (0, 2)])
def test_one_cell_or_one_seed_cannot_be_compared(shape: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="at least 2 cells"):
        seed_agreement(np.zeros(shape))


def test_cells_that_are_all_equal_have_none() -> None:
    assert seed_agreement(np.full((3, 3), 0.1)).intraclass_correlation == 0.0
