"""Intervals of graphs in and out of support."""

from pathlib import Path

import numpy as np
import pytest

from graph_encoding.common.array_files import read_arrays, write_tree
from surrogate.calibration import ConformalCalibrator, Novelty, SupportCalibrator
from surrogate.data.prediction import Prediction

ONE = Prediction(np.zeros(3), np.ones(3))
INSIDE = ConformalCalibrator(np.arange(1.0, 10.0), floor=0.1)
WIDE = ConformalCalibrator(np.arange(11.0, 20.0), floor=0.1)
NARROW = ConformalCalibrator(np.arange(0.1, 1.0, 0.1), floor=0.1)


def test_only_novel_graphs_get_wider_intervals() -> None:
    both = SupportCalibrator(INSIDE, {"larger": WIDE})
    interval = both.interval(ONE, 0.5, [{}, {"larger": 1}, {"new_operation": 1}])
    half = np.hypot(1, 0.1)
    np.testing.assert_allclose(interval.high, [5 * half, 15 * half, 5 * half])


@pytest.mark.parametrize(("growth", "times"), [(0.5, 2.0), (1.0, 4.0)])
def test_uncertainty_grows_with_the_number_of_novel_nodes(growth: float, times: float) -> None:
    both = SupportCalibrator(INSIDE, {"larger": WIDE}, growth)
    novelty: list[Novelty] = [{}, {"larger": 1}, {"larger": 4}]
    for found in (both.interval(ONE, 0.5, novelty).high, both.std(ONE, novelty)):
        np.testing.assert_allclose(found[2] / found[1], times)
    chances = both.exceedance(ONE, 18.0, novelty)
    assert chances[0] < chances[1] < chances[2]


def test_novelty_never_narrows_an_interval() -> None:
    both = SupportCalibrator(INSIDE, {"larger": NARROW, "new_operation": WIDE})
    novelty: list[Novelty] = [{"larger": 1}, {"new_operation": 1, "larger": 1}, {}]
    plain = INSIDE.std(ONE)
    assert (both.std(ONE, novelty) >= plain).all()
    assert both.std(ONE, novelty)[0] == plain[0]
    assert both.std(ONE, novelty)[1] > plain[1]


def test_a_level_that_few_scores_cannot_bound_takes_the_largest() -> None:
    both = SupportCalibrator(INSIDE, {"larger": ConformalCalibrator(np.array([30.0]), 0.1)})
    interval = both.interval(ONE, 0.9, [{"larger": 1}] * 3)
    np.testing.assert_allclose(interval.high, 30 * np.hypot(1, 0.1))


def test_plain_form_gives_the_same_calibrator_back(tmp_path: Path) -> None:
    far = ConformalCalibrator(np.arange(2.0, 40.0), floor=0.7)
    both = SupportCalibrator(INSIDE, {"larger": far}, growth=1.0)
    write_tree(tmp_path / "c.npz", both.to_plain())
    again = SupportCalibrator.from_plain(read_arrays(tmp_path / "c.npz"))
    novelty: list[Novelty] = [{}, {"larger": 2}, {"larger": 1}]
    assert (again.std(ONE, novelty) == both.std(ONE, novelty)).all()
    assert again.growth == both.growth


def test_a_wider_distribution_has_more_of_both_tails() -> None:
    errors = np.sort(np.random.default_rng(0).normal(size=999))
    calibrator = SupportCalibrator(
        ConformalCalibrator(errors, 1.0), {"new_operation": ConformalCalibrator(3 * errors, 1.0)}
    )
    prediction = Prediction(np.array([1.0]), np.array([0.0]))
    novel: Novelty = {"new_operation": 1}
    for limit, inside, outside in ((0.0, 0.84, 0.63), (2.0, 0.16, 0.37)):
        assert calibrator.exceedance(prediction, limit, [{}]) == pytest.approx(inside, abs=0.03)
        found = calibrator.exceedance(prediction, limit, [novel])
        assert found == pytest.approx(outside, abs=0.03)
