"""Every registered predictor keeps the laws of `Predictor`."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from surrogate.data.dataset import SurrogateDataset
from surrogate.predictors import PREDICTORS, Predictor
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.predictors.prior import PriorSettings
from surrogate.predictors.stack import StackGnnSettings, StackSettings, StackXgbSettings
from surrogate.predictors.trees.lgbm import LgbmSettings
from surrogate.predictors.trees.xgb import XgbSettings
from surrogate.testing.predictor_contract import PredictorContract

_CHEAP = {
    "gnn": GnnSettings(members=1, width=8, layers=2, steps=80, batch=8),
    "lgbm": LgbmSettings(members=2, rounds=50),
    "prior": PriorSettings(table="synth-micro"),
    "stack": StackSettings(
        folds=2,
        gnn_from=20,
        xgb=StackXgbSettings(members=2, rounds=20),
        # A network alone chooses its dropout; in a stack that would be most of the time of a fit.
        gnn=StackGnnSettings(width=8, layers=2, steps=80, batch=8, dropout=0.1),
    ),
    "xgb": XgbSettings(members=2, rounds=50),
}

_NAMES = tuple(PREDICTORS)
"""Other test modules may register more of them later."""

_NEEDS = {"gnn": "torch_geometric", "stack": "torch_geometric", "lgbm": "lightgbm"}
"""Predictor -> the package that a fit needs beyond the light installation."""

_FIT_AND_PRINT = """
import importlib, json, sys
import numpy as np
from surrogate.testing.synthetic import synthetic_dataset
data = synthetic_dataset(40)
for module, name, settings in json.loads(sys.argv[1]):
    kind = getattr(importlib.import_module(module), name)
    fitted = kind(kind.settings_type(**settings)).fit(data, np.random.default_rng(7))
    prediction = fitted.predict(data.graphs)
    print(kind.name, prediction.mean.tobytes().hex(), prediction.std.tobytes().hex())
"""


def settings_of(kind: type[Predictor]) -> Any:
    return _CHEAP.get(kind.name, kind.settings_type())


@pytest.fixture(scope="session")
def of_another_process() -> dict[str, list[str]]:
    """Name -> mean and standard deviation, to the bit, of all kinds fitted in one new process."""
    kinds = [
        PREDICTORS.get(name)
        for name in _NAMES
        if name not in _NEEDS or importlib.util.find_spec(_NEEDS[name]) is not None
    ]
    wanted = [(k.__module__, k.__qualname__, asdict(settings_of(k))) for k in kinds]
    done = subprocess.run(
        [sys.executable, "-c", _FIT_AND_PRINT, json.dumps(wanted)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: numbers for name, *numbers in lines}


class TestRegisteredPredictors(PredictorContract):
    @pytest.fixture(params=_NAMES)
    def kind(self, request: pytest.FixtureRequest) -> type[Predictor]:
        if request.param in _NEEDS:
            pytest.importorskip(_NEEDS[request.param], reason="needs the extras gnn and predictors")
        return PREDICTORS.get(request.param)

    @pytest.fixture
    def settings(self, kind: type[Predictor]) -> Any:
        return settings_of(kind)

    def test_same_seed_in_another_process_gives_the_same(  # type: ignore[override]
        self,
        kind: type[Predictor],
        fitted: Predictor,
        data: SurrogateDataset,
        of_another_process: dict[str, list[str]],
    ) -> None:
        """As the suite's own law; one process for all kinds loads torch once."""
        prediction = fitted.predict(data.graphs)
        numbers = [values.tobytes().hex() for values in (prediction.mean, prediction.std)]
        assert numbers == of_another_process[kind.name]
