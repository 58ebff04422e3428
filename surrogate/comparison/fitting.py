"""Fit one predictor on one split, calibrate it, ask it, and take the time of each."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from graph_encoding.graph import CellGraph
from surrogate.calibration import ConformalCalibrator, TrainedOn, calibrate, novel_nodes
from surrogate.comparison.fit_result import FitResult
from surrogate.comparison.plugin import Contender
from surrogate.comparison.protocol import PlannedSplit
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import Source
from surrogate.data.prediction import Prediction
from surrogate.data.targets import size_of
from surrogate.predictors.base import Predictor

_BATCHES = 5
_LEAST_SHARE = 1e-9
"""Least standard deviation of a prediction, in units of `size_of` the training labels."""


def fit_and_calibrate(
    train: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    folds: int,
    rng: np.random.Generator,
) -> tuple[Predictor, ConformalCalibrator, float, float]:
    """Fit and calibrate a kind of predictor on its training set; the one place that says how.

    Returns:
        The fitted predictor, its calibration, and the processor seconds of the fit and of the
        calibration. A predictor that holds keys out in its fit is calibrated by that: its
        calibration takes no time of its own.

    Raises:
        UserError: if there are too few keys for the folds.
    """
    started = time.process_time()
    found = calibrate(train, make_predictor, folds, rng, novel=False)
    predictor, calibrated = found.predictor, found.calibrator.inside
    both = time.process_time() - started
    if predictor.holds_out_itself:
        return predictor, calibrated, both, 0.0
    started = time.process_time()
    predictor = make_predictor().fit(train, rng)
    fit = time.process_time() - started
    return predictor, calibrated, fit, max(both - fit, 0.0)


def fit_and_ask(
    source: Source,
    split: PlannedSplit,
    contender: Contender,
    *,
    levels: tuple[float, ...],
    folds: int,
    seed: int,
) -> FitResult:
    """Fit on the training keys, answer for the test keys.

    Args:
        source: the labelled graphs.
        split: which of them are for training and for the test.
        contender: the predictor.
        levels: (l,) levels of the intervals.
        folds: parts of the training set that the calibration holds out in turn.
        seed: start of all randomness of the fit.

    Raises:
        UserError: if the training set is too small for the folds or the levels.
    """
    sets = split.of(source)
    seen = TrainedOn.of(sets.train.graphs)
    # The same stream for every predictor: none is lucky in its folds.
    rng = np.random.default_rng([seed, split.repeat, split.train_size])
    predictor, calibrated, fit_seconds, calibration_seconds = fit_and_calibrate(
        sets.train, contender.make, folds, rng
    )
    prediction, query_microseconds = timed_answers(predictor, sets.test.graphs)
    transform = sets.test.target.transform
    least = _LEAST_SHARE * size_of(sets.train.model_values)
    intervals = [calibrated.interval(prediction, level) for level in levels]
    return FitResult(
        protocol=split.protocol,
        detail=split.detail,
        train_size=split.train_size,
        repeat=split.repeat,
        predictor=contender.name,
        keys=sets.test.keys,
        measured=sets.test.values,
        predicted=transform.to_raw(prediction.mean),
        model_mean=prediction.mean,
        # Without an error on any held-out key there is no deviation, and no density to score.
        model_std=np.maximum(calibrated.std(prediction), least),
        nodes=np.array([graph.inner_nodes for graph in sets.test.graphs], dtype=np.int64),
        extrapolated=np.array([novel_nodes(seen.novelty(g)) > 0 for g in sets.test.graphs]),
        levels=levels,
        low=np.array([transform.to_raw(interval.low) for interval in intervals]),
        high=np.array([transform.to_raw(interval.high) for interval in intervals]),
        fit_seconds=fit_seconds,
        calibration_seconds=calibration_seconds,
        query_microseconds=query_microseconds,
    )


def timed_answers(predictor: Predictor, graphs: Sequence[CellGraph]) -> tuple[Prediction, float]:
    """Answers for n >= 1 graphs, and the processor time of one in microseconds.

    The graphs are asked in up to five batches, each graph once, so that nothing remembered of
    an earlier question makes a later one faster. The median over the batches leaves out what only
    the first question costs.
    """
    parts = np.array_split(np.arange(len(graphs)), min(_BATCHES, len(graphs)))
    answers, microseconds = [], []
    for part in parts:
        batch = [graphs[i] for i in part]
        started = time.process_time()
        answers.append(predictor.predict(batch))
        microseconds.append(1e6 * (time.process_time() - started) / len(batch))
    whole = Prediction(
        np.concatenate([answer.mean for answer in answers]),
        np.concatenate([answer.std for answer in answers]),
    )
    return whole, float(np.median(microseconds))
