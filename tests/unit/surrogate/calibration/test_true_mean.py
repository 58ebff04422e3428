"""Estimates of true means: known answers, laws, and coverage on functions made up."""

import json
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.calibration.true_mean import FEWEST_WITH_SEEDS, TrueMeanModel, main_seed
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray

PLAIN = TrueMeanModel(
    offsets={1: 0.0, 2: 0.0, 3: 0.0},
    slopes=(0.0, 0.0),
    noise=(np.log(0.04), 0.0, 0.0),
    model=(np.log(0.01), 0.0, 0.0),
    main_seed=None,
    main_loading=1.0,
    main_noise=1.0,
    lowest=(-9.0, -9.0),
    highest=(9.0, 9.0),
    centre=(0.0, 0.0),
    scale=(1.0, 1.0),
)
"""Model variance 0.01, noise variance 0.04, for every forecast."""

ONE = Prediction(np.array([1.0]), np.array([0.1]))


class MadeUp(NamedTuple):
    """Functions whose true means are known."""

    forecasts: Prediction
    true_means: FloatArray
    trainings: list[dict[int, float]]


def made_up(n: int, *, share_of_several: float = 0.3, main: bool = False, seed: int = 0) -> MadeUp:
    """Forecasts with a model error and a seed noise that both grow with their std.

    With a main seed, 1, its part that is common to similar functions is in every forecast.
    """
    rng = np.random.default_rng(seed)
    std = np.exp(rng.uniform(-3, -1, n))
    true_means = rng.normal(0.5, 0.3, n)
    shared = rng.normal(size=n) * 0.5 * std if main else np.zeros(n)
    mean = true_means + shared + rng.normal(size=n) * (0.1 if main else 0.5) * std
    several = rng.random(n) < share_of_several
    trainings = []
    for i in range(n):
        seeds = (1, 2, 3) if several[i] else (1,)
        own = {s: true_means[i] + 0.05 * (s == 3) + rng.normal() * 0.8 * std[i] for s in seeds}
        if main:
            own[1] = true_means[i] + shared[i] + rng.normal() * 0.4 * std[i]
        trainings.append(own)
    return MadeUp(Prediction(mean, std), true_means, trainings)


def fitted(data: MadeUp) -> TrueMeanModel:
    found = TrueMeanModel.fit(data.forecasts, data.trainings)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("own", "mean", "variance"),
    [
        ({}, 1.0, 0.01),
        ({1: 1.5}, 1.1, 1 / (100 + 25)),
        ({1: 1.5, 2: 1.5}, 1 + 25 / 150, 1 / 150),
        ({1: 1.5, 2: 0.5, 3: 1.0}, 1.0, 1 / 175),
        ({9: 1.5}, 1.1, 1 / 125),
    ],
)
def test_forecast_and_trainings_are_weighted_by_their_precisions(
    own: dict[int, float], mean: float, variance: float
) -> None:
    found = PLAIN.posterior(ONE, [own])
    assert found.mean[0] == pytest.approx(mean)
    assert found.std[0] ** 2 == pytest.approx(variance)


def test_a_main_seed_that_the_forecast_has_learned_counts_less() -> None:
    model = replace(PLAIN, main_seed=1, main_loading=0.5)
    assert model.posterior(ONE, [{1: 1.5}]).mean[0] == pytest.approx(1 + 6.25 / (100 + 6.25))
    assert model.posterior(ONE, [{2: 1.5}]).mean[0] == pytest.approx(1.1)


def test_trainings_are_corrected_by_the_effects_of_their_seeds() -> None:
    """The true mean is that over the seeds of the table."""
    model = replace(PLAIN, offsets={1: -0.3, 2: 0.3, 3: 0.3})
    assert model.posterior(ONE, [{}]).mean[0] == pytest.approx(1.1)
    assert model.posterior(ONE, [{1: 0.7}]).mean[0] == pytest.approx(1.1)
    assert model.posterior(ONE, [{2: 1.3, 3: 1.3}]).mean[0] == pytest.approx(1.1)


def test_out_of_support_trainings_count_more() -> None:
    near, far = (PLAIN.posterior(ONE, [{1: 1.5}], least).mean[0] for least in (0.0, 1.0))
    assert near == pytest.approx(1.1)
    assert far == pytest.approx(1 + 0.5 * 25 / 26)


def test_a_collapsed_training_counts_as_three_standard_deviations() -> None:
    found = PLAIN.posterior(ONE, [{1: 9.0}]).mean[0]
    assert found == pytest.approx(1 + 0.2 * 3 * np.sqrt(0.05))
    assert PLAIN.posterior(ONE, [{1: 90.0}]).mean[0] == found


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=8))
def test_each_further_seed_shrinks_the_uncertainty(labels: list[float]) -> None:
    model = replace(PLAIN, offsets=dict.fromkeys(range(8), 0.0))
    owns = [dict(enumerate(labels[:k])) for k in range(len(labels) + 1)]
    found = model.posterior(Prediction(np.ones(len(owns)), np.ones(len(owns))), owns)
    assert (np.diff(found.std) < 0).all()
    assert min([1.0, *labels]) - 1e-9 <= found.mean[-1] <= max([1.0, *labels]) + 1e-9


@pytest.mark.parametrize("main", [False, True])
def test_estimates_beat_forecasts_and_means_and_cover_the_truth(main: bool) -> None:
    model, new = fitted(made_up(3000, main=main)), made_up(3000, main=main, seed=1)
    truth = new.true_means + 0.05 / 3  # the mean effect of the three seeds
    for seeds in ((), (2,), (2, 3)):
        rows = [i for i, own in enumerate(new.trainings) if len(own) == 3]
        own = [{seed: new.trainings[i][seed] for seed in seeds} for i in rows]
        forecasts = Prediction(new.forecasts.mean[rows], new.forecasts.std[rows])
        found = model.posterior(forecasts, own)
        error = np.abs(found.mean - truth[rows])
        assert np.median(error) < np.median(np.abs(forecasts.mean - truth[rows]))
        if seeds:
            means = np.array([np.mean(list(of.values())) for of in own])
            assert np.median(error) < np.median(np.abs(means - truth[rows]))
        assert np.mean(error <= 1.645 * found.std) == pytest.approx(0.9, abs=0.06)


def test_noise_and_model_uncertainty_are_told_apart() -> None:
    data = made_up(3000)
    model = fitted(data)
    ratio = model.noise_std(data.forecasts) / (0.8 * data.forecasts.std)
    assert np.quantile(ratio, [0.05, 0.95]) == pytest.approx([1, 1], abs=0.15)
    ratio = model.model_std(data.forecasts) / (0.5 * data.forecasts.std)
    assert np.quantile(ratio, [0.05, 0.95]) == pytest.approx([1, 1], abs=0.3)
    assert list(model.offsets.values()) == pytest.approx([0, 0, 0.05], abs=0.03)
    assert model.main_seed is None or model.main_loading > 0.8


def test_a_saved_model_estimates_the_same() -> None:
    data = made_up(400, main=True)
    model = fitted(data)
    plain = json.loads(json.dumps(model.to_plain()))
    assert TrueMeanModel.from_plain(plain) == model


@pytest.mark.parametrize(("several", "known"), [(FEWEST_WITH_SEEDS - 1, False), (50, True)])
def test_few_functions_with_two_seeds_determine_nothing(several: int, known: bool) -> None:
    data = made_up(100, share_of_several=1.0)
    trainings = [own if i < several else {1: own[1]} for i, own in enumerate(data.trainings)]
    assert (TrueMeanModel.fit(data.forecasts, trainings) is not None) == known


@pytest.mark.parametrize("model_std", [0.01, 0.03])
def test_few_functions_do_not_make_the_model_certain(model_std: float) -> None:
    """Where seeds differ by more than forecasts err, few of them often show no error at all."""
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        true_means = rng.normal(0.3, 0.2, 1060)
        mean = true_means + rng.normal(0, model_std, 1060)
        forecasts = Prediction(mean, 0.06 * np.exp(rng.normal(0, 0.1, 1060)))
        trainings = [{s: m + rng.normal(0, 0.05) for s in (1, 2)} for m in true_means[:60]]
        model = TrueMeanModel.fit(Prediction(mean[:60], forecasts.std[:60]), trainings)
        assert model is not None
        posterior = model.posterior(forecasts, [{}] * 1060)
        found.append(np.mean(np.abs(true_means - posterior.mean) < 1.645 * posterior.std))
    assert min(found) > 0.6  # before the prior: .00 and .08
    assert np.mean(found) > 0.75


def test_the_seed_that_forecasts_learned_from_is_the_main_seed() -> None:
    data = made_up(800, share_of_several=1.0, main=True)
    new = made_up(2000, share_of_several=1.0, main=True, seed=1)
    model = TrueMeanModel.fit(data.forecasts, data.trainings, main=1)
    assert model is not None and model.main_seed == 1
    for seeds in ((), (1,), (1, 2, 3)):
        own = [{s: of[s] for s in seeds} for of in new.trainings]
        posterior = model.posterior(new.forecasts, own)
        covered = np.abs(new.true_means - posterior.mean) < 1.645 * posterior.std
        assert 0.85 < covered.mean() < 0.93  # .62 to .67 with all seeds alike


@pytest.mark.parametrize(
    ("seeds", "main"),
    [([(1,), (1,), (1, 2)], 1), ([(1,), (2,), (1, 2)], None), ([(1, 2), (1, 2)], None)],
)
def test_a_main_seed_is_alone_in_most_functions(
    seeds: list[tuple[int, ...]], main: int | None
) -> None:
    assert main_seed([dict.fromkeys(of, 0.0) for of in seeds]) == main


@pytest.mark.parametrize("seed", range(3))
def test_model_uncertainty_that_noise_hides_differs_little_between_forecasts(seed: int) -> None:
    """The inputs are correlated: their slopes are then known least where noise is largest."""
    rng = np.random.default_rng(seed)
    n = 600
    true_means = rng.normal(0.5, 0.3, n)
    std = np.exp(true_means + rng.normal(0, 0.03, n) - 3)
    forecasts = Prediction(true_means + rng.normal(0, 0.02, n), std)
    trainings = [{s: mean + rng.normal(0, 0.2) for s in (1, 2, 3)} for mean in true_means.tolist()]
    model = TrueMeanModel.fit(forecasts, trainings)
    assert model is not None
    stds = model.model_std(forecasts)
    assert stds.max() < 8 * stds.min()


def test_seeds_that_agree_exactly_have_finite_noise() -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(0.5, 0.3, 60)
    trainings = [dict.fromkeys((1, 2, 3), value + 0.1) for value in mean.tolist()]
    model = TrueMeanModel.fit(Prediction(mean, np.full(60, 0.1)), trainings)
    assert model is not None
    assert np.isfinite(model.noise).all()
    posterior = model.posterior(Prediction(mean, np.full(60, 0.1)), trainings)
    assert np.isfinite(posterior.mean).all() and (posterior.std > 0).all()


def test_a_main_seed_that_no_function_has_beside_others_is_none() -> None:
    data = made_up(400)
    trainings = [{9: of[1]} if len(of) == 1 else of for of in data.trainings]
    assert main_seed(trainings) == 9
    model = TrueMeanModel.fit(data.forecasts, trainings)
    assert model is not None and model.main_seed is None
    assert 9 not in model.offsets
