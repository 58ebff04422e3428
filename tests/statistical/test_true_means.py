"""Estimates of true means on the shipped table, checked on seeds that are hidden."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from surrogate.calibration.true_mean import Trainings, TrueMeanModel
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import VAL_PER, FloatArray
from surrogate.metrics.ranking import spearman_rho
from surrogate.predictors import XgbPredictor, XgbSettings
from train_benchmark.table.benchmark_table import BenchmarkTable

pytestmark = pytest.mark.slow

MAIN, NEW = 1234, (1235, 1236)


class Split(NamedTuple):
    """Functions with three seeds, half of which fit the model and half of which test it."""

    model: TrueMeanModel
    forecasts: Prediction
    trainings: list[Trainings]

    def truth(self, hidden: Sequence[int]) -> FloatArray:
        """(n,) means of hidden seeds, without the average effect of these seeds."""
        offsets = self.model.offsets
        shift = np.mean([offsets[s] for s in hidden]) - np.mean(list(offsets.values()))
        means: FloatArray = np.array([np.mean([own[s] for s in hidden]) for own in self.trainings])
        return means - shift


def _part(forecasts: Prediction, rows: NDArray[np.int64]) -> Prediction:
    return Prediction(forecasts.mean[rows], forecasts.std[rows])


@pytest.fixture(scope="module")
def split() -> Split:
    """Forecasts of small trees, held out, of a third of the table."""
    table = BenchmarkTable.load("timit-micro")
    data = SurrogateDataset.from_table(table, VAL_PER, "mean").sorted_by_key()
    single = np.flatnonzero(data.seed_counts == 1)[::4]
    data = data.subset(np.sort(np.concatenate([np.flatnonzero(data.seed_counts == 3), single])))
    trees = XgbPredictor(XgbSettings(members=3, rounds=150))
    forecasts = trees.fit_out_of_fold(data, 3, np.random.default_rng(0))
    trainings: list[Trainings] = []
    for key in data.keys:
        own = table.labels_of(key, "val_per")
        values = VAL_PER.transform.to_model(np.array(list(own.values()))).tolist()
        trainings.append(dict(zip(own, values, strict=True)))
    is_test = np.random.default_rng(1).random(len(data)) < 0.5
    known = np.flatnonzero(~is_test)
    model = TrueMeanModel.fit(_part(forecasts, known), [trainings[i] for i in known])
    assert model is not None
    tested = np.flatnonzero(is_test & (data.seed_counts == 3))
    return Split(model, _part(forecasts, tested), [trainings[i] for i in tested])


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [((), NEW), ((MAIN,), NEW), (NEW[:1], NEW[1:]), (NEW[1:], NEW[:1]), ((MAIN, 1235), (1236,))],
)
def test_estimates_beat_forecasts_and_seeds_and_cover_the_truth(
    split: Split, visible: tuple[int, ...], hidden: tuple[int, ...]
) -> None:
    own = [{seed: of[seed] for seed in visible} for of in split.trainings]
    found, truth = split.model.posterior(split.forecasts, own), split.truth(hidden)
    error = np.abs(found.mean - truth)
    # Not their squares, to which a few trainings that collapsed add most.
    gain = np.abs(split.forecasts.mean - truth) - error
    # One hidden seed is so noisy a truth that a small gain does not show on every one.
    assert gain.mean() > (0 if len(hidden) > 1 else -2 * gain.std() / np.sqrt(len(gain)))
    if visible:
        means = np.array([np.mean(list(of.values())) for of in own])
        assert error.mean() < np.abs(means - truth).mean()
    noise = split.model.noise_std(split.forecasts) / np.sqrt(len(hidden))
    covered = np.mean(error <= 1.645 * np.hypot(found.std, noise))
    # Some 800 functions: a standard error of .011 beside the stated range.
    assert 0.87 - 0.015 < covered < 0.93 + 0.015


def test_the_model_uncertainty_orders_the_true_errors(split: Split) -> None:
    error = np.abs(split.forecasts.mean - split.truth(NEW))
    std_model = split.model.model_std(split.forecasts)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(error), size=len(error)) for _ in range(200)]
    low = np.quantile([spearman_rho(std_model[i], error[i]) for i in drawn], 0.025)
    assert spearman_rho(std_model, error) >= 0.25
    assert low > 0
