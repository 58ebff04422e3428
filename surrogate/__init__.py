"""Forecasts of the error rates, learning curve and latency of speech-recognition cells."""

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Interval, Prediction
from surrogate.data.targets import TARGETS, TEST_PER, VAL_PER, Target
from surrogate.fitting.artifact import Artifact, load_artifact
from surrogate.forecasting.benchmark_query import Answer, Benchmark
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import Forecast, TargetForecast
from surrogate.predictors import PREDICTORS, Predictor, register_predictor

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
