"""Learning curves: forecasts for a graph, or for a training that has begun."""

from surrogate.curves.components.conditioning import Subject
from surrogate.curves.data import CurveSet
from surrogate.curves.forecast import CurveForecast, LabelForecast, Widening
from surrogate.curves.model import CurveModel, load_curve_model
from surrogate.curves.observed import ObservedCurve

__all__ = [
    "CurveForecast",
    "CurveModel",
    "CurveSet",
    "LabelForecast",
    "ObservedCurve",
    "Subject",
    "Widening",
    "load_curve_model",
]
