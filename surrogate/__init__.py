"""Forecasts of what a speech-recognition cell would reach if it were trained."""

from surrogate.artifact import Artifact, load_artifact
from surrogate.dataset import SurrogateDataset
from surrogate.forecast import Forecast, Forecaster
from surrogate.prediction import Interval, Prediction
from surrogate.predictors import PREDICTORS, Predictor, register_predictor
from surrogate.query import Answer, Benchmark
from surrogate.target_forecast import TargetForecast
from surrogate.targets import TARGETS, TEST_PER, VAL_PER, Target

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
    "load_artifact",
    "register_predictor",
]
