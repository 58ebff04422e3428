"""Calibration: from a predictor's own spread to intervals that hold."""

from surrogate.calibration.conformal import (
    ConformalCalibrator,
    calibrate,
    cross_conformal,
    fit_calibrated,
)
from surrogate.calibration.seed_noise import seed_share
from surrogate.calibration.support import (
    Neighbourhood,
    SupportCalibrator,
    TrainedOn,
    calibrate_support,
    calibration_steps,
)

__all__ = [
    "ConformalCalibrator",
    "Neighbourhood",
    "SupportCalibrator",
    "TrainedOn",
    "calibrate",
    "calibrate_support",
    "calibration_steps",
    "cross_conformal",
    "fit_calibrated",
    "seed_share",
]
