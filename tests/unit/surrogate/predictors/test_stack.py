"""How the stack weighs its members."""

import math
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.calibration import calibrate
from surrogate.comparison.plugin import contender
from surrogate.data.targets import FloatArray
from surrogate.metrics import coverage
from surrogate.predictors.stack import (
    Stack,
    StackPredictor,
    StackSettings,
    StackXgbSettings,
    _least_squares,
    expected_shares,
)
from surrogate.testing.synthetic import synthetic_dataset

EQUAL = np.array([0.5, 0.5, 0.0])
NO_NETWORK = StackSettings(gnn_from=10**6)
QUICK = replace(NO_NETWORK, xgb=StackXgbSettings(members=2, rounds=30))


def answers(n: int, noise: tuple[float, ...], seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Scores, and predictions of members with some noise."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    return np.array([scores + std * rng.normal(size=n) for std in noise]), scores


def test_many_predictions_are_weighted_by_their_noise() -> None:
    means, scores = answers(20000, (0.5, 1.0, 4.0))
    found = _least_squares(means, scores, np.ones(20000), EQUAL, 10.0)
    precision = 1 / np.array([0.5, 1.0, 4.0]) ** 2
    # The optimum of independent noise, shrunk as the scores themselves have a variance of 1.
    np.testing.assert_allclose(found, precision / (1 + precision.sum()), atol=0.02)


def test_weights_from_few_predictions_stay_near_the_prior() -> None:
    means, scores = answers(8, (0.5, 0.5, 0.5))
    weak, strong = (
        _least_squares(means, scores, np.ones(8), EQUAL, pull) for pull in (0.0, 1000.0)
    )
    assert np.abs(strong - EQUAL).max() < 0.01
    assert np.abs(weak - EQUAL).max() > 0.05


def test_misleading_predictions_leave_a_trace_of_the_prior() -> None:
    means, scores = answers(100, (0.1, 0.1, 0.1))
    found = _least_squares(-means, scores, np.ones(100), EQUAL, 10.0)
    assert 0 < found.sum() < 0.01
    np.testing.assert_allclose(found / found.sum(), EQUAL)


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 40),
    pull=st.floats(0, 100),
    seed=st.integers(0, 1000),
)
def test_no_other_weights_are_better(n: int, pull: float, seed: int) -> None:
    means, scores = answers(n, (0.3, 0.6, 2.0), seed)
    trust = np.random.default_rng(seed).uniform(0.5, 3.0, n)

    def error(weights: FloatArray) -> float:
        squares = trust @ (weights @ means - scores) ** 2
        return float(squares + pull * ((weights - EQUAL) ** 2).sum())

    found = _least_squares(means, scores, trust, EQUAL, pull)
    assert (found >= 0).all()
    # Where all answers mislead no weight is best, and a trace of what was expected is given.
    assume(not np.allclose(found, 1e-3 * EQUAL))
    rng = np.random.default_rng(seed + 1)
    for scale in (0.3, 0.03):
        for _ in range(30):
            other = np.maximum(found + scale * rng.normal(size=3), 0.0)
            assert error(found) <= error(other) * (1 + 1e-9) + 1e-12


def test_without_enough_keys_the_lines_do_not_count() -> None:
    data = synthetic_dataset(6)
    stack = StackPredictor(NO_NETWORK).fit(data, np.random.default_rng(0))
    assert isinstance(stack._model, Stack)
    assert stack._model.arrays()["stack_weights"].tolist() == [0.5, 0.5, 0.0, 0.0]


def test_without_a_network_trees_and_process_share() -> None:
    data = synthetic_dataset(80)
    firm = replace(QUICK, weights_std=1e-6)
    stack = StackPredictor(firm).fit(data, np.random.default_rng(0))
    assert isinstance(stack._model, Stack)
    np.testing.assert_allclose(stack._model.arrays()["stack_weights"], [0.5, 0.5, 0, 0], atol=1e-6)


def test_the_pull_grows_with_the_noise_of_the_labels() -> None:
    """Weights are the same whatever unit the errors have, as all of them scale alike."""
    stack = Stack(NO_NETWORK)
    stack._kinds = ("xgb", "gp", "counts")
    means, scores = answers(50, (0.3, 0.9, 2.0))
    small, large = (stack._weigh(unit * means, unit * scores, np.ones(50)) for unit in (0.1, 10.0))
    np.testing.assert_allclose(small, large, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_how_far_weights_may_be_is_positive(value: float) -> None:
    with pytest.raises(UserError, match=f"weights_std must be > 0, but got {value}"):
        StackSettings(weights_std=value)


@pytest.mark.parametrize("part", ["xgb", "gp", "counts", "statistics", "gnn"])
def test_a_value_of_a_member_leaves_its_other_values_as_they_are(part: str) -> None:
    """A configuration without a value gets the stack's own default, however it is read."""
    values = asdict(StackSettings())[part]
    for given_values in ({}, *({name: value} for name, value in values.items())):
        settings = {part: given_values}
        assert StackSettings(**settings) == StackSettings()  # type: ignore[arg-type]
        assert contender("stack", settings).settings == StackSettings()


@pytest.mark.parametrize("keys", [6, 9, 12])
def test_no_row_is_predicted_by_a_member_that_was_fitted_with_it(keys: int) -> None:
    """A row's own label hardly changes its out-of-fold prediction.

    Not at all, where the predictor is fitted anew for each fold; else by the common weights only.
    """
    data = synthetic_dataset(keys).sorted_by_key()
    changed = data.values.copy()
    changed[2] = 0.95
    predicted = [
        StackPredictor(QUICK).fit_out_of_fold(of, 3, np.random.default_rng(0))
        for of in (data, replace(data, values=changed))
    ]
    moved = abs(predicted[0].mean[2] - predicted[1].mean[2])
    assert moved == 0 if keys < 10 else moved < 0.05 * data.model_values.std()
    assert predicted[0].mean.std() > 0
    assert (predicted[0].std < 10 * data.model_values.std()).all()


@pytest.mark.parametrize("label", [0.05, 0.95])
def test_a_label_changes_its_own_prediction_by_the_weights_alone(label: float) -> None:
    """With firm weights not at all: its fold has a scale without it."""
    data = synthetic_dataset(20).sorted_by_key()
    changed = data.values.copy()
    changed[2] = label
    firm = replace(QUICK, weights_std=1e-6)
    before, after = (
        StackPredictor(firm).fit_out_of_fold(of, 5, np.random.default_rng(0))
        for of in (data, replace(data, values=changed))
    )
    assert after.mean[2] == pytest.approx(before.mean[2], rel=1e-8)
    assert after.std[2] == pytest.approx(before.std[2], rel=1e-6)
    assert not np.allclose(after.mean, before.mean)


@pytest.mark.slow
def test_intervals_of_a_few_keys_cover() -> None:
    held = []
    for start in range(10):
        split = synthetic_dataset(49, start=start)
        train, rest = split.subset(np.arange(9)), split.subset(np.arange(9, 49))
        rng = np.random.default_rng(start)
        found = calibrate(train, partial(StackPredictor, QUICK), 5, rng, novel=False)
        prediction = found.predictor.predict(rest.graphs)
        interval = found.calibrator.inside.interval(prediction, 0.8)
        held.append(coverage(interval, rest.model_values))
    # Ten fits of nine keys: a standard error of about 0.04.
    assert np.mean(held) > 0.7


@given(st.integers(2, 5000), st.integers(0, 5000))
def test_more_keys_never_expect_less_of_the_network(keys: int, more: int) -> None:
    kinds = ("xgb", "gp", "counts", "gnn")
    few, many = expected_shares(kinds, keys), expected_shares(kinds, keys + more)
    assert few.sum() == pytest.approx(1.0)
    assert 1 / 3 - 1e-12 <= few[3] <= many[3] <= 1 / 2
    assert few[0] == few[1]
    assert few[2] == 0
