"""Every registered searcher keeps the laws of `SearcherContract`."""

from typing import Any

import pytest

from surrogate.search import SEARCHERS, Searcher
from surrogate.search.searchers import (
    BananasSettings,
    BrpNasSettings,
    GuidedSettings,
    NeuralPredictorSettings,
    NpenasSettings,
)
from surrogate.search.searchers.gaussian_process.likelihood import ProcessSettings
from surrogate.testing.searcher_contract import SearcherContract

_NPENAS = NpenasSettings(candidates=30, predictor="ridge")
_CHEAP = {
    "bananas": BananasSettings(candidates=30, members=2, layers=2, epochs=10),
    "brp-nas": BrpNasSettings(start=6, predictor="ridge"),
    "neural-predictor": NeuralPredictorSettings(start=15, predictor="ridge"),
    "guided": GuidedSettings(process=ProcessSettings(steps=5)),
    "npenas-np": _NPENAS,
    "npenas-bo": _NPENAS,
}


# Optuna's process takes a second for each cell.
_NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name == "optuna-gp" else name
    for name in SEARCHERS
]


@pytest.mark.parametrize("name", _NAMES)
class TestRegisteredSearchers(SearcherContract):
    """All of them, those that are slow with cheaper settings."""

    @pytest.fixture
    def kind(self, name: str) -> type[Searcher]:
        if name.startswith("optuna"):
            pytest.importorskip("optuna")
        if name == "optuna-gp":
            pytest.importorskip("torch")
        return SEARCHERS.get(name)

    @pytest.fixture
    def settings(self, name: str, kind: type[Searcher]) -> Any:
        return _CHEAP.get(name) or kind.settings_type()
