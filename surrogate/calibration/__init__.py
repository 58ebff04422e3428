"""Calibration: from a predictor's own spread to intervals that hold."""

from surrogate.calibration.conformal import (
    ConformalCalibrator,
    calibrate,
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
    "fit_calibrated",
    "seed_share",
]
