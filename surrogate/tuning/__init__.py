"""Tuning: the settings of a predictor, searched on training keys only."""

from surrogate.tuning.config import TuneConfig, load_tune_config
from surrogate.tuning.summary import TuneSummary

__all__ = ["TuneConfig", "TuneSummary", "load_tune_config"]
