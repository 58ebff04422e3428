"""Models of several predictors, asked together: the same scores, and each model asked once."""

from collections.abc import Sequence

import numpy as np
import pytest

from surrogate.data.dataset import SurrogateDataset
from surrogate.predictors import (
    AdditivePredictor,
    GpPredictor,
    MeanPredictor,
    Predictor,
    RidgePredictor,
    StackPredictor,
    StackSettings,
)
from surrogate.predictors.features import GraphBatch
from surrogate.predictors.gaussian.gp import GaussianProcess, GpSettings
from surrogate.predictors.score_model import FEW_GRAPHS, Jointly
from surrogate.testing.synthetic import synthetic_dataset

FEW_POINTS = GpSettings(max_points=20)


@pytest.fixture(scope="module")
def data() -> SurrogateDataset:
    return synthetic_dataset(60)


@pytest.fixture(scope="module")
def predictors(data: SurrogateDataset) -> list[Predictor]:
    made = [
        GpPredictor(),
        GpPredictor(FEW_POINTS),
        StackPredictor(StackSettings(gnn_from=10**6)),
        AdditivePredictor(),
        RidgePredictor(),
        MeanPredictor(),
    ]
    return [predictor.fit(data, np.random.default_rng(0)) for predictor in made]


@pytest.mark.parametrize("count", [1, 3])
def test_predictions_are_those_of_each_alone(predictors: Sequence[Predictor], count: int) -> None:
    graphs = synthetic_dataset(60 + count).graphs[-count:]
    batch = GraphBatch(graphs)
    Jointly(predictors).predict(batch)
    for predictor in predictors:
        alone, together = predictor.predict(graphs), predictor.predict(batch)
        np.testing.assert_allclose(together.mean, alone.mean, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(together.std, alone.std, rtol=1e-9)


def test_no_process_is_asked_a_second_time(
    predictors: Sequence[Predictor], data: SurrogateDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = GraphBatch(data.graphs[:2])
    Jointly(predictors).predict(batch)

    def refuse(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(GaussianProcess, "predict", refuse)
    for predictor in predictors:
        predictor.predict(batch)


def test_many_graphs_are_left_to_each_predictor(
    predictors: Sequence[Predictor], data: SurrogateDataset
) -> None:
    batch = GraphBatch(data.graphs[: FEW_GRAPHS + 1])
    Jointly(predictors).predict(batch)
    gp = predictors[0]
    assert isinstance(gp, GpPredictor)
    assert not batch.inputs(gp.vocabulary).has(gp.members[0])
