"""Fit and calibrate a predictor: the one way, of everything that ships and everything scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from surrogate.calibration.conformal import ConformalCalibrator, surprise
from surrogate.calibration.novelty import WAYS, Novelty, TrainedOn, Way
from surrogate.calibration.support import GROWTHS, SupportCalibrator, stretch
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Predictor

_MOST_TRAINED = 600
_MOST_TESTED = 300
_FEWEST_TRAINED = 30
_FEWEST_TESTED = 20


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A fitted predictor with its calibration.

    Attributes:
        predictor: fitted on all keys.
        calibrator: turns its predictions into intervals.
        trained_on: the support of the fit.
        held_out: predictions for each of the n keys, sorted by key, from models fitted without
            it; the standard deviations are calibrated.
        uncalibrated: the same, with the predictor's own standard deviations.
    """

    predictor: Predictor
    calibrator: SupportCalibrator
    trained_on: TrainedOn
    held_out: Prediction
    uncalibrated: Prediction

    def novelty(self, graphs: Sequence[CellGraph]) -> list[Novelty]:
        """Novelty of each of n graphs, which the calibrator takes."""
        return [self.trained_on.novelty(graph) for graph in graphs]


def calibrate(
    dataset: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    folds: int,
    rng: np.random.Generator,
    *,
    on_step: Callable[[], None] = lambda: None,
    novel: bool = True,
) -> Calibrated:
    """Fit on all keys, and calibrate on held-out keys, in support and out of it.

    Intervals in support rest on the errors for keys held out in folds. The predictor that is
    returned has learned from all keys, so that it is slightly better than those scored: intervals
    are slightly too wide.

    Intervals out of support rest on the errors of fits without each operation in turn, and
    without the largest graphs, on exactly the graphs that were left out.

    Args:
        dataset: n labelled graphs.
        make_predictor: returns a new, unfitted predictor.
        folds: number of folds, 2 .. n.
        rng: source of all randomness.
        on_step: called after each of `calibration_steps` steps.
        novel: whether novel graphs will be predicted. If not, the fits that leave graphs out are
            omitted; predictor and intervals in support are the same either way.

    Raises:
        UserError: if there are too few keys for the folds.

    Source: Vovk, "Cross-conformal predictors", 2015.
    """
    dataset = dataset.sorted_by_key()
    predictor = make_predictor()
    predictions = predictor.fit_out_of_fold(dataset, folds, rng)
    inside = ConformalCalibrator.of(predictions, dataset.model_values)
    held_out = Prediction(predictions.mean, inside.std(predictions))
    on_step()
    calibrator = SupportCalibrator(inside, {})
    if novel:
        calibrator = _for_novel_graphs(inside, dataset, make_predictor, rng, on_step)
    return Calibrated(predictor, calibrator, TrainedOn.of(dataset.graphs), held_out, predictions)


def calibration_steps(graphs: Sequence[CellGraph]) -> int:
    """Steps that `calibrate` reports for a dataset of these graphs."""
    return 1 + len(TrainedOn.of(graphs).ops) + 1


class _LeftOut(NamedTuple):
    """Predictions for n held-out graphs from a model trained without any graph of that kind.

    Attributes:
        predictions: of the n graphs.
        labels: (n,) labels on the model scale.
        nodes: (n,) their novel nodes, >= 1.
    """

    predictions: Prediction
    labels: FloatArray
    nodes: FloatArray

    @classmethod
    def joined(cls, parts: Sequence["_LeftOut"]) -> "_LeftOut":
        mean = np.concatenate([part.predictions.mean for part in parts])
        std = np.concatenate([part.predictions.std for part in parts])
        labels = np.concatenate([part.labels for part in parts])
        return cls(Prediction(mean, std), labels, np.concatenate([part.nodes for part in parts]))

    def calibrator(self, growth: float) -> ConformalCalibrator:
        return ConformalCalibrator.of(self.predictions, self.labels, stretch(self.nodes, growth))

    def surprise(self, growth: float) -> float:
        """Negative log-likelihood of all labels at the best floor."""
        width = stretch(self.nodes, growth) * self.calibrator(growth).width(self.predictions)
        return len(self.labels) * surprise(self.labels - self.predictions.mean, width)


def _for_novel_graphs(
    inside: ConformalCalibrator,
    dataset: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    rng: np.random.Generator,
    on_step: Callable[[], None],
) -> SupportCalibrator:
    """The calibrator in support with one for each way of being novel that can be tried."""
    seen = TrainedOn.of(dataset.graphs)
    has_op = [
        np.array([any(op.name == name for op in graph.ops) for graph in dataset.graphs])
        for name in seen.ops
    ]
    largest = np.array([graph.inner_nodes == seen.nodes for graph in dataset.graphs])
    left_out: dict[Way, list[_LeftOut]] = {}
    for way, held_out_sets in zip(WAYS, (has_op, [largest]), strict=True):
        for held_out in held_out_sets:
            found = _leave_out(dataset, held_out, way, make_predictor, rng)
            left_out.setdefault(way, []).extend(found)
            on_step()
    outside = {way: _LeftOut.joined(parts) for way, parts in left_out.items() if parts}
    growth = min(GROWTHS, key=lambda tried: sum(o.surprise(tried) for o in outside.values()))
    calibrators = {way: of_way.calibrator(growth) for way, of_way in outside.items()}
    return SupportCalibrator(inside, calibrators, growth)


def _leave_out(
    dataset: SurrogateDataset,
    held_out: NDArray[np.bool_],
    way: Way,
    make_predictor: Callable[[], Predictor],
    rng: np.random.Generator,
) -> list[_LeftOut]:
    """Fit on the rest and predict the held-out graphs; empty if either set is too small."""
    rest, tested = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if len(rest) < _FEWEST_TRAINED or len(tested) < _FEWEST_TESTED:
        return []
    known = dataset.subset(np.sort(rng.permutation(rest)[:_MOST_TRAINED]))
    test = dataset.subset(np.sort(rng.permutation(tested)[:_MOST_TESTED]))
    predictions = make_predictor().fit(known, rng).predict(test.graphs)
    seen = TrainedOn.of(known.graphs)
    # A random sample of the rest may lack further operations: a graph then has more novel nodes.
    nodes = np.array([seen.novelty(graph)[way] for graph in test.graphs], dtype=np.float64)
    return [_LeftOut(predictions, test.model_values, nodes)]
