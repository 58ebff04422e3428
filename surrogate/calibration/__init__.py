"""Calibration: from a predictor's own spread to intervals that hold."""

from surrogate.calibration.conformal import (
    ConformalCalibrator,
    calibrate,
    cross_conformal,
    fit_calibrated,
)
from surrogate.calibration.seed_noise import seed_variance

__all__ = [
    "ConformalCalibrator",
    "calibrate",
    "cross_conformal",
    "fit_calibrated",
    "seed_variance",
]
