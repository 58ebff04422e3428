"""Calibration: from a predictor's own spread to intervals that hold."""

from surrogate.calibration.conformal import ConformalCalibrator, cross_conformal
from surrogate.calibration.seed_noise import seed_variance

__all__ = ["ConformalCalibrator", "cross_conformal", "seed_variance"]
