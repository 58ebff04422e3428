"""The held-out comparison: same splits for all, and numbers that add up."""

from dataclasses import replace

import pytest

from surrogate.comparison.evaluation import METRICS, Comparison, Score, summarise
from surrogate.predictors import MeanPredictor, ParamsPredictor
from surrogate.testing.synthetic import synthetic_dataset

COMPARISON = Comparison(
    (synthetic_dataset(50),),
    {"mean": MeanPredictor, "params": ParamsPredictor},
    repeats=3,
    test_fraction=0.3,
    folds=3,
    level=0.8,
    seed=0,
)


@pytest.fixture(scope="module")
def scores() -> tuple[Score, ...]:
    return COMPARISON.run()


def test_every_predictor_is_scored_on_every_split(scores: tuple[Score, ...]) -> None:
    assert [s.predictor for s in scores] == ["mean", "params"] * 3
    assert {(s.train_keys, s.test_keys) for s in scores} == {(35, 15)}


def test_two_sets_of_one_target_are_scored_each_on_its_own() -> None:
    pair = replace(COMPARISON, datasets=(synthetic_dataset(40), synthetic_dataset(50)), repeats=1)
    assert [(s.train_keys, s.test_keys) for s in pair.run()] == [(28, 12)] * 2 + [(35, 15)] * 2


def test_mean_predictor_orders_nothing(scores: tuple[Score, ...]) -> None:
    assert {s.kendall_tau for s in scores if s.predictor == "mean"} == {0.0}


def test_summary_is_the_mean_over_repeats(scores: tuple[Score, ...]) -> None:
    found = {(s.predictor, s.metric): s for s in summarise(scores)}
    assert len(found) == 2 * len(METRICS)
    rmse = [s.rmse for s in scores if s.predictor == "params"]
    assert found["params", "rmse"].mean == pytest.approx(sum(rmse) / 3)
    assert found["params", "rmse"].repeats == 3
