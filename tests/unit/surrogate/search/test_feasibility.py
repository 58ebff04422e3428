"""Probabilities that limits hold."""

from dataclasses import replace

import numpy as np
import pytest

from surrogate.calibration import TrainedOn, calibrate
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import LogScale, Target
from surrogate.latency.model import LatencyModel
from surrogate.predictors import RidgePredictor
from surrogate.search import (
    ForecastLimit,
    Limit,
    MeasuredLimit,
    Quantity,
    SearchProblem,
)
from surrogate.search.searchers import RandomSearcher
from tests.unit.surrogate.search.helpers import SMALL

LATENCY = Quantity.of("small/cpu")
FUNCTIONS = SMALL.functions
SECONDS = {
    key: 1e-3 * (1 + sum(len(op.name) for op in graph.ops[1:-1]))
    for key, graph in zip(FUNCTIONS.keys, FUNCTIONS.graphs, strict=True)
}


@pytest.fixture(scope="module")
def model() -> LatencyModel:
    """A model of a latency that was measured of 40 functions."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(FUNCTIONS))[:40]
    target = Target("latency", "latency", "s", "minimise", LogScale())
    dataset = SurrogateDataset(
        target,
        tuple(FUNCTIONS.graphs[row] for row in rows),
        np.array([SECONDS[FUNCTIONS.keys[row]] for row in rows]) * rng.uniform(0.95, 1.05, 40),
        np.ones(40, dtype=np.int64),
        np.full(40, np.nan),
    ).sorted_by_key()
    found = calibrate(dataset, RidgePredictor, 4, rng)
    trained_on = TrainedOn.of(dataset.graphs)
    return LatencyModel(LATENCY.name, "cpu", found.predictor, found.calibrator, trained_on, {})


def test_probabilities_rise_with_the_limit_and_are_never_certain(model: LatencyModel) -> None:
    limits = [Limit(LATENCY, most) for most in (3e-4, 4e-3, 8e-3, 1.0)]
    rows = np.array([ForecastLimit(of, model).probability(FUNCTIONS.graphs) for of in limits])
    assert (np.diff(rows, axis=0) >= 0).all()
    assert (rows >= 0).all() and (rows < 1).all()
    assert rows[0].max() < 0.5 and rows[-1].min() > 0.9


def test_limits_that_are_forecast_at_a_level_hold_about_as_often(model: LatencyModel) -> None:
    level = 0.9
    most = float(np.median(list(SECONDS.values())))
    sure = ForecastLimit(Limit(LATENCY, most), model).probability(FUNCTIONS.graphs) >= level
    holds = np.array([SECONDS[key] <= most for key in FUNCTIONS.keys])
    assert sure.sum() >= 10
    assert holds[sure].mean() >= level


def test_measured_limits_hold_or_do_not() -> None:
    limit = Limit(LATENCY, 8e-3)
    some = dict(list(SECONDS.items())[::2])
    found = MeasuredLimit(limit, some).probability(FUNCTIONS.graphs)
    expected = [float(some.get(key, np.inf) <= limit.most) for key in FUNCTIONS.keys]
    assert found.tolist() == expected
    assert 0 < sum(expected) < len(some)


def test_a_searcher_trains_only_what_is_likely_enough_to_hold(model: LatencyModel) -> None:
    limit = Limit(LATENCY, float(np.median(list(SECONDS.values()))), level=0.8)
    problem = replace(SearchProblem(space=SMALL), limits=(limit,))
    of_limit = ForecastLimit(limit, model)
    searcher = RandomSearcher(problem, seed=0, limits=[of_limit])
    asked = searcher.ask(1000)
    likely = (of_limit.probability(FUNCTIONS.graphs) >= 0.8).sum()
    assert len(asked) == likely < len(FUNCTIONS)
    assert all(searcher.limit_probabilities(cell)[LATENCY.name] >= 0.8 for cell in asked)
    assert "calibrated on 40 functions" in searcher.about()["limits"][0]
