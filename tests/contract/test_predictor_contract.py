"""Every registered predictor keeps the laws of `Predictor`."""

import pytest

from surrogate.predictors import PREDICTORS, Predictor
from surrogate.testing.predictor_contract import PredictorContract


class TestRegisteredPredictors(PredictorContract):
    @pytest.fixture(params=list(PREDICTORS))
    def kind(self, request: pytest.FixtureRequest) -> type[Predictor]:
        return PREDICTORS.get(request.param)
