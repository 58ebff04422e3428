"""Every registered predictor keeps the laws of `Predictor`."""

from typing import Any

import pytest

from surrogate.predictors import PREDICTORS, Predictor
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.predictors.stack import StackGnnSettings, StackSettings, StackXgbSettings
from surrogate.predictors.trees.lgbm import LgbmSettings
from surrogate.predictors.trees.xgb import XgbSettings
from surrogate.testing.predictor_contract import PredictorContract

_CHEAP = {
    "gnn": GnnSettings(members=1, width=8, layers=2, steps=80, batch=8),
    "lgbm": LgbmSettings(members=2, rounds=50),
    "stack": StackSettings(
        folds=2,
        gnn_from=20,
        xgb=StackXgbSettings(members=2, rounds=20),
        gnn=StackGnnSettings(width=8, layers=2, steps=80, batch=8),
    ),
    "xgb": XgbSettings(members=2, rounds=50),
}


class TestRegisteredPredictors(PredictorContract):
    @pytest.fixture(params=list(PREDICTORS))
    def kind(self, request: pytest.FixtureRequest) -> type[Predictor]:
        if request.param in ("gnn", "stack"):
            pytest.importorskip("torch_geometric", reason="needs the extra gnn")
        if request.param == "lgbm":
            pytest.importorskip("lightgbm", reason="needs the extra predictors")
        return PREDICTORS.get(request.param)

    @pytest.fixture
    def settings(self, kind: type[Predictor]) -> Any:
        return _CHEAP.get(kind.name, kind.settings_type())
