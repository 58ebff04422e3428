"""Search: problems, evaluators, searchers, and how they are compared."""

from surrogate.search.evaluator import (
    Evaluator,
    ForecastEvaluator,
    Outcome,
    Request,
    TableEvaluator,
)
from surrogate.search.feasibility import ForecastLimit, LimitModel, MeasuredLimit
from surrogate.search.history import Evaluation, History
from surrogate.search.judging.truth import Truth, TruthRow, interim_truth, read_refined
from surrogate.search.plugin import SearcherChoice, searcher_of
from surrogate.search.problem import Limit, Quantity, SearchProblem
from surrogate.search.run import Step, run_search
from surrogate.search.searcher import SEARCHERS, Recommendation, Searcher, register_searcher
from surrogate.search.space import SearchSpace
from surrogate.search.training_evaluator import TrainedBy, TrainingEvaluator
from surrogate.search.warm_start import WarmStart

__all__ = [
    "SEARCHERS",
    "Evaluation",
    "Evaluator",
    "ForecastEvaluator",
    "ForecastLimit",
    "History",
    "Limit",
    "LimitModel",
    "MeasuredLimit",
    "Outcome",
    "Quantity",
    "Recommendation",
    "Request",
    "SearchProblem",
    "SearchSpace",
    "Searcher",
    "SearcherChoice",
    "Step",
    "TableEvaluator",
    "TrainedBy",
    "TrainingEvaluator",
    "Truth",
    "TruthRow",
    "WarmStart",
    "interim_truth",
    "read_refined",
    "register_searcher",
    "run_search",
    "searcher_of",
]
