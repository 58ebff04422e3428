"""Calibration: from a predictor's own standard deviations to intervals with the stated coverage.

`calibrate` is the one entry: it fits a predictor and calibrates it, for what ships and for what is
scored. `TrainedOn.novelty` is the one test of whether a graph is out of support.
"""

from surrogate.calibration.conformal import ConformalCalibrator
from surrogate.calibration.fit_and_calibrate import Calibrated, calibrate, calibration_steps
from surrogate.calibration.held_out import HeldOutForecasts
from surrogate.calibration.novelty import Neighbourhood, Novelty, TrainedOn, novel_nodes
from surrogate.calibration.seed_noise import seed_share
from surrogate.calibration.support import SupportCalibrator
from surrogate.calibration.true_mean import TrueMeanModel

__all__ = [
    "Calibrated",
    "ConformalCalibrator",
    "HeldOutForecasts",
    "Neighbourhood",
    "Novelty",
    "SupportCalibrator",
    "TrainedOn",
    "TrueMeanModel",
    "calibrate",
    "calibration_steps",
    "novel_nodes",
    "seed_share",
]
