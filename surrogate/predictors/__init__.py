"""Predictors: labelled graphs in, means and spreads out."""

from surrogate.predictors.base import PREDICTORS, Predictor, load_predictor, register_predictor
from surrogate.predictors.baselines import (
    MeanPredictor,
    MeanSettings,
    ParamsPredictor,
    ParamsSettings,
)
from surrogate.predictors.xgb import XgbPredictor, XgbSettings

__all__ = [
    "PREDICTORS",
    "MeanPredictor",
    "MeanSettings",
    "ParamsPredictor",
    "ParamsSettings",
    "Predictor",
    "XgbPredictor",
    "XgbSettings",
    "load_predictor",
    "register_predictor",
]
