"""Held-out comparison of predictors: same keys, same splits, repeated."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from surrogate.calibration import fit_calibrated
from surrogate.dataset import SurrogateDataset
from surrogate.metrics import coverage, kendall_tau, mean_width, rmse, spearman_rho
from surrogate.prediction import Interval
from surrogate.predictors import Predictor
from surrogate.splits import Split, random_split


@dataclass(frozen=True)
class Score:
    """How one predictor did on one test set.

    Attributes:
        predictor: its name.
        target: name of the target.
        train_keys: keys it was fitted on.
        test_keys: keys it was asked for.
        kendall_tau: rank correlation, in [-1, 1], higher is better.
        spearman_rho: rank correlation, in [-1, 1], higher is better.
        rmse: root mean squared error on the raw scale, lower is better.
        coverage: share of test labels in their interval.
        width: mean width of the intervals on the raw scale.
        level: level of those intervals.
    """

    predictor: str
    target: str
    train_keys: int
    test_keys: int
    kendall_tau: float
    spearman_rho: float
    rmse: float
    coverage: float
    width: float
    level: float


@dataclass(frozen=True)
class Summary:
    """One metric of one predictor over repeats.

    Attributes:
        predictor: its name.
        target: name of the target.
        metric: name of the field of `Score`.
        mean: mean over the repeats.
        std: standard deviation over the repeats; 0 for a single one.
        repeats: how many.
    """

    predictor: str
    target: str
    metric: str
    mean: float
    std: float
    repeats: int


METRICS = ("kendall_tau", "spearman_rho", "rmse", "coverage", "width")


def score_on_split(
    split: Split,
    make_predictor: Callable[[], Predictor],
    *,
    folds: int,
    level: float,
    rng: np.random.Generator,
) -> Score:
    """Fit and calibrate on the training set, report on the test set.

    Args:
        split: its calibration set is not used: calibration is by folds of the training set.
        make_predictor: gives a new, unfitted predictor.
        folds: parts of the training set that the calibration holds out in turn.
        level: level of the intervals.
        rng: source of all randomness.

    Raises:
        UserError: if a set is too small for the folds, the level or the metrics.
    """
    predictor = make_predictor()
    calibrator = fit_calibrated(predictor, split.train, folds, rng)
    prediction = predictor.predict(split.test.graphs)
    transform = split.test.target.transform
    interval = calibrator.interval(prediction, level)
    raw = Interval(transform.to_raw(interval.low), transform.to_raw(interval.high), level)
    mean = transform.to_raw(prediction.mean)
    return Score(
        predictor=predictor.name,
        target=split.test.target.name,
        train_keys=len(split.train),
        test_keys=len(split.test),
        kendall_tau=kendall_tau(mean, split.test.values),
        spearman_rho=spearman_rho(mean, split.test.values),
        rmse=rmse(mean, split.test.values),
        # On the model scale, where clipped labels stand where the interval can reach them.
        coverage=coverage(interval, split.test.model_values),
        width=mean_width(raw),
        level=level,
    )


def compare(
    dataset: SurrogateDataset,
    makers: Mapping[str, Callable[[], Predictor]],
    *,
    repeats: int,
    test_fraction: float,
    folds: int,
    level: float,
    seed: int,
) -> tuple[Score, ...]:
    """Score several predictors on the same random splits by key.

    Args:
        dataset: all labelled graphs.
        makers: name -> function that gives a new, unfitted predictor.
        repeats: number of splits.
        test_fraction: share of the keys that each split tests on.
        folds: parts of each training set that the calibration holds out in turn.
        level: level of the intervals.
        seed: start of all randomness; split r is the same for every predictor.

    Returns:
        `repeats` scores of each predictor.
    """
    scores = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        split = random_split(dataset, (1 - test_fraction, 0.0, test_fraction), rng)
        for make_predictor in makers.values():
            fit_rng = np.random.default_rng([seed, repeat, 1])
            scores.append(
                score_on_split(split, make_predictor, folds=folds, level=level, rng=fit_rng)
            )
    return tuple(scores)


def summarise(scores: Iterable[Score]) -> tuple[Summary, ...]:
    """Mean and standard deviation of every metric over the repeats of each predictor."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.target, score.predictor), []).append(score)
    found = []
    for (target, predictor), group in groups.items():
        for metric in METRICS:
            values = np.array([getattr(score, metric) for score in group])
            std = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            found.append(Summary(predictor, target, metric, float(values.mean()), std, len(values)))
    return tuple(found)
