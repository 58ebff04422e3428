"""Fit and calibrate one predictor on one split, predict the test keys, and time each step."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from graph_encoding.graph import CellGraph
from surrogate.calibration import Calibrated, TrainedOn, calibrate, novel_nodes
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
"""Lower bound on a standard deviation, in units of `size_of` the training labels."""


def fit_and_ask(
    source: Source,
    split: PlannedSplit,
    contender: Contender,
    *,
    levels: tuple[float, ...],
    folds: int,
    seed: int,
    widen: bool = True,
) -> FitResult:
    """Fit and calibrate on the training keys, as an artifact is, and predict the test keys.

    Args:
        source: the labelled graphs.
        split: which of them are for training and for the test.
        contender: the predictor.
        levels: (l,) levels of the intervals.
        folds: parts of the training set that the calibration holds out in turn.
        seed: start of all randomness of the fit.
        widen: whether intervals of novel graphs are wider, as an artifact's are; without, they
            show what the widening is good for.

    Raises:
        UserError: if the training set is too small for the folds or the levels.
    """
    sets = split.of(source)
    graphs = sets.test.graphs
    trained_on = TrainedOn.of(sets.train.graphs)
    novelty = [trained_on.novelty(graph) for graph in graphs]
    # The same stream for every predictor: none is lucky in its folds.
    rng = np.random.default_rng([seed, split.repeat, split.train_size])
    fitted, fit_seconds, calibration_seconds = _timed_calibration(
        sets.train, contender.make, folds, rng, novel=widen and any(novelty)
    )
    prediction, query_microseconds = timed_answers(fitted.predictor, graphs)
    transform = sets.test.target.transform
    intervals = [fitted.calibrator.interval(prediction, level, novelty) for level in levels]
    ends = [transform.interval_to_raw(interval.low, interval.high) for interval in intervals]
    # A predictor without any held-out error has no standard deviation, and no density to score.
    least = _LEAST_SHARE * size_of(sets.train.model_values)
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
        model_std=np.maximum(fitted.calibrator.std(prediction, novelty), least),
        nodes=np.array([graph.inner_nodes for graph in graphs], dtype=np.int64),
        novel_nodes=np.array([novel_nodes(of_graph) for of_graph in novelty], dtype=np.int64),
        levels=levels,
        low=np.array([low for low, _ in ends]),
        high=np.array([high for _, high in ends]),
        fit_seconds=fit_seconds,
        calibration_seconds=calibration_seconds,
        query_microseconds=query_microseconds,
    )


def _timed_calibration(
    train: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    folds: int,
    rng: np.random.Generator,
    *,
    novel: bool,
) -> tuple[Calibrated, float, float]:
    """`calibrate`, with the processor seconds of the fit and of the calibration.

    Without novel test keys the fits that leave graphs out are omitted: they would take most of the
    time and change nothing. A predictor that holds keys out in its own fit needs no more time for
    the calibration in support.
    """
    ends = [time.process_time()]
    fitted = calibrate(
        train,
        make_predictor,
        folds,
        rng,
        on_step=lambda: ends.append(time.process_time()),
        novel=novel,
    )
    fit = ends[1] - ends[0]
    if not fitted.predictor.holds_out_itself:
        # Once more, alone: above, the fit is one of several.
        started = time.process_time()
        make_predictor().fit(train, np.random.default_rng(0))
        fit = time.process_time() - started
    return fitted, fit, max(ends[-1] - ends[0] - fit, 0.0)


def timed_answers(predictor: Predictor, graphs: Sequence[CellGraph]) -> tuple[Prediction, float]:
    """Predictions for n >= 1 graphs, and the processor time of one in microseconds.

    The graphs are predicted in up to five batches, each graph once, so that nothing cached for an
    earlier query speeds up a later one. The median over the batches excludes the one-time costs of
    the first query.
    """
    parts = np.array_split(np.arange(len(graphs)), min(_BATCHES, len(graphs)))
    predictions, microseconds = [], []
    for part in parts:
        batch = [graphs[i] for i in part]
        started = time.process_time()
        predictions.append(predictor.predict(batch))
        microseconds.append(1e6 * (time.process_time() - started) / len(batch))
    whole = Prediction(
        np.concatenate([prediction.mean for prediction in predictions]),
        np.concatenate([prediction.std for prediction in predictions]),
    )
    return whole, float(np.median(microseconds))
