"""What conformal intervals promise, tried on many random splits."""

import numpy as np
import pytest

from surrogate.calibration import ConformalCalibrator, calibrate
from surrogate.data.splits import random_split
from surrogate.metrics import coverage
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_dataset

SPLITS = 200
LEVELS = (0.5, 0.8, 0.9, 0.95)
DATA = synthetic_dataset(500)


@pytest.mark.slow
def test_split_conformal_covers_what_it_says() -> None:
    """With n scores the expected coverage lies in [level, level + 1 / (n + 1)]."""
    found: dict[float, list[float]] = {level: [] for level in LEVELS}
    for seed in range(SPLITS):
        rng = np.random.default_rng(seed)
        split = random_split(DATA, (0.2, 0.2, 0.6), rng)
        predictor = RidgePredictor().fit(split.train, rng)
        calibrator = ConformalCalibrator.of(
            predictor.predict(split.calibration.graphs), split.calibration.model_values
        )
        prediction = predictor.predict(split.test.graphs)
        for level in LEVELS:
            interval = calibrator.interval(prediction, level)
            found[level].append(coverage(interval, split.test.model_values))
    for level, covered in found.items():
        error = np.std(covered) / np.sqrt(SPLITS)
        # The floor of the widths is chosen on the same scores, which costs a little.
        assert level - 4 * error - 0.01 <= np.mean(covered) <= level + 0.01 + 4 * error


@pytest.mark.slow
def test_calibration_by_folds_covers_what_it_says_and_little_more() -> None:
    found: dict[float, list[float]] = {level: [] for level in LEVELS}
    for seed in range(SPLITS):
        rng = np.random.default_rng(seed)
        split = random_split(DATA, (0.2, 0.0, 0.8), rng)
        fitted = calibrate(split.train, RidgePredictor, 5, rng, novel=False)
        prediction = fitted.predictor.predict(split.test.graphs)
        for level in LEVELS:
            interval = fitted.calibrator.inside.interval(prediction, level)
            found[level].append(coverage(interval, split.test.model_values))
    for level, covered in found.items():
        assert level - 0.02 <= np.mean(covered) <= level + 0.03


@pytest.mark.slow
def test_intervals_of_normal_errors_have_their_width() -> None:
    """Known answer: errors of unit spread have a 90 % interval of 1.645 each way."""
    from surrogate.data.prediction import Prediction

    rng = np.random.default_rng(0)
    halves = []
    for _ in range(SPLITS):
        answers = Prediction(np.zeros(300), np.ones(300))
        calibrator = ConformalCalibrator.of(answers, rng.normal(size=300))
        interval = calibrator.interval(Prediction(np.zeros(1), np.ones(1)), 0.9)
        halves.append(interval.high[0])
    assert np.mean(halves) == pytest.approx(1.645, abs=0.02)
