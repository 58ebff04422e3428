"""Predictors of labels of graphs, from baselines to the default stack."""

from surrogate.predictors.base import PREDICTORS, Predictor, load_predictor, register_predictor
from surrogate.predictors.baselines import (
    CostSettings,
    MacsPredictor,
    MeanPredictor,
    MeanSettings,
    ParamsPredictor,
)
from surrogate.predictors.gaussian.additive import AdditivePredictor, AdditiveSettings
from surrogate.predictors.gaussian.gp import GpPredictor, GpSettings
from surrogate.predictors.gnn.network import GnnPredictor
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.predictors.prior import PriorPredictor, PriorSettings
from surrogate.predictors.ridge import RidgePredictor, RidgeSettings
from surrogate.predictors.stack import (
    StackGnnSettings,
    StackPredictor,
    StackSettings,
    StackStatisticsSettings,
    StackXgbSettings,
)
from surrogate.predictors.trees.lgbm import LgbmPredictor, LgbmSettings
from surrogate.predictors.trees.xgb import XgbPredictor, XgbSettings

__all__ = [
    "PREDICTORS",
    "AdditivePredictor",
    "AdditiveSettings",
    "CostSettings",
    "GnnPredictor",
    "GnnSettings",
    "GpPredictor",
    "GpSettings",
    "LgbmPredictor",
    "LgbmSettings",
    "MacsPredictor",
    "MeanPredictor",
    "MeanSettings",
    "ParamsPredictor",
    "Predictor",
    "PriorPredictor",
    "PriorSettings",
    "RidgePredictor",
    "RidgeSettings",
    "StackGnnSettings",
    "StackPredictor",
    "StackSettings",
    "StackStatisticsSettings",
    "StackXgbSettings",
    "XgbPredictor",
    "XgbSettings",
    "load_predictor",
    "register_predictor",
]
