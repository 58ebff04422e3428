"""Algorithms of search, one in each file; importing this package registers them."""

from surrogate.search.searchers.bananas import BananasSearcher, BananasSettings
from surrogate.search.searchers.evolution import (
    EvolutionSearcher,
    EvolutionSettings,
    EvolutionWithRepeatsSearcher,
)
from surrogate.search.searchers.guided import GuidedSearcher, GuidedSettings
from surrogate.search.searchers.local_search import LocalSearcher, LocalSettings
from surrogate.search.searchers.lomonas import LomonasSearcher, LomonasSettings
from surrogate.search.searchers.npenas import NpenasBoSearcher, NpenasSearcher, NpenasSettings
from surrogate.search.searchers.nsga2 import Nsga2Searcher, Nsga2Settings
from surrogate.search.searchers.optuna_samplers import (
    GpSamplerSearcher,
    OptunaSettings,
    TpeSearcher,
)
from surrogate.search.searchers.random_search import RandomSearcher, RandomSettings
from surrogate.search.searchers.ranked import (
    BrpNasSearcher,
    BrpNasSettings,
    NeuralPredictorSearcher,
    NeuralPredictorSettings,
)

__all__ = [
    "BananasSearcher",
    "BananasSettings",
    "BrpNasSearcher",
    "BrpNasSettings",
    "EvolutionSearcher",
    "EvolutionSettings",
    "EvolutionWithRepeatsSearcher",
    "GpSamplerSearcher",
    "GuidedSearcher",
    "GuidedSettings",
    "LocalSearcher",
    "LocalSettings",
    "LomonasSearcher",
    "LomonasSettings",
    "NeuralPredictorSearcher",
    "NeuralPredictorSettings",
    "NpenasBoSearcher",
    "NpenasSearcher",
    "NpenasSettings",
    "Nsga2Searcher",
    "Nsga2Settings",
    "OptunaSettings",
    "RandomSearcher",
    "RandomSettings",
    "TpeSearcher",
]
