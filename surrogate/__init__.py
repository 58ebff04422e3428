"""Forecasts of what a speech-recognition cell would reach if it were trained."""

from surrogate.artifact import Artifact, load_artifact
from surrogate.dataset import SurrogateDataset
from surrogate.forecast import Forecast, Forecaster
from surrogate.prediction import Interval, Prediction
from surrogate.predictors import PREDICTORS, Predictor, register_predictor
from surrogate.query import Answer, Benchmark
from surrogate.target_forecast import TargetForecast
from surrogate.targets import TARGETS, TEST_PER, VAL_PER, Target

__version__ = "0.1.0"
"""Version of the package: written here too, so that a checkout on the path has it."""

__all__ = [
    "PREDICTORS",
    "TARGETS",
    "TEST_PER",
    "VAL_PER",
    "Answer",
    "Artifact",
    "Benchmark",
    "Forecast",
    "Forecaster",
    "Interval",
    "Prediction",
    "Predictor",
    "SurrogateDataset",
    "Target",
    "TargetForecast",
    "__version__",
    "load_artifact",
    "register_predictor",
]
