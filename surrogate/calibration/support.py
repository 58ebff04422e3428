"""Intervals for graphs unlike those of a fit, from errors made on graphs as unlike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings import EdgeHistogramEncoding
from graph_encoding.graph import CellGraph
from surrogate.calibration.conformal import (
    ConformalCalibrator,
    calibrate,
    fit_held_out,
    surprise,
)
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Interval, Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Predictor

Outside = Literal["new_operation", "larger"]
OUTSIDE: tuple[Outside, ...] = ("new_operation", "larger")

Beyond = Mapping[Outside, int]
"""How far a graph lies beyond what a fit has seen, >= 1 for each way in which it does: how many of
its nodes have an unseen operation, and how many more nodes it has than the largest graph."""

_ROWS_AT_ONCE = 512
_MOST_COUNTED = np.float32(2.0**50)
_MOST_TRAINED = 600
_MOST_ASKED = 300
_FEWEST_TRAINED = 30
_FEWEST_ASKED = 20
_GROWTHS = (0.5, 1.0)


@dataclass(frozen=True)
class TrainedOn:
    """What a fit has seen.

    Attributes:
        ops: names of the operations, sorted.
        nodes: most operations of a graph.
    """

    ops: tuple[str, ...]
    nodes: int

    @classmethod
    def of(cls, graphs: Sequence[CellGraph]) -> "TrainedOn":
        """What some graphs show."""
        names = {op.name for graph in graphs for op in graph.ops[1:-1]}
        return cls(tuple(sorted(names)), max(graph.inner_nodes for graph in graphs))

    def beyond(self, graph: CellGraph) -> Beyond:
        """In which ways a graph is unlike what was seen, and how far; empty if in none."""
        new = sum(op.name not in self.ops for op in graph.ops[1:-1])
        more = graph.inner_nodes - self.nodes
        return {way: far for way, far in zip(OUTSIDE, (new, more), strict=True) if far > 0}


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Where the graphs of a fit lie.

    Attributes:
        ops: operations that count by name.
        points: (m, d) distinct rows of `EdgeHistogramEncoding`.
    """

    ops: tuple[str, ...]
    points: NDArray[np.float32]

    @classmethod
    def of(cls, graphs: Sequence[CellGraph]) -> "Neighbourhood":
        """The neighbourhood of some graphs."""
        ops = TrainedOn.of(graphs).ops
        return cls(ops, np.unique(_counts(EdgeHistogramEncoding(ops), graphs), axis=0))

    def distance(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) how far the nearest graph of the fit is from each of n graphs.

        Euclidean distance of counts of operations and edges: about the root of how many of them
        one would have to add and take away. 0 can also be another graph of the same counts.
        """
        rows = _counts(self._encoding, graphs)
        lengths = self._squared_lengths
        nearest = [
            (lengths - 2 * (rows[start : start + _ROWS_AT_ONCE] @ self.points.T)).min(axis=1)
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
        squared = (rows**2).sum(axis=1) + np.concatenate([np.zeros(0), *nearest])
        distances: FloatArray = np.sqrt(np.maximum(squared, 0.0)).astype(np.float64)
        return distances

    @cached_property
    def _encoding(self) -> EdgeHistogramEncoding:
        return EdgeHistogramEncoding(self.ops)

    @cached_property
    def _squared_lengths(self) -> NDArray[np.float32]:
        lengths: NDArray[np.float32] = (self.points**2).sum(axis=1)
        return lengths


def _counts(encoding: EdgeHistogramEncoding, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
    """(n, d) counts whose squares, added up, float32 can hold."""
    return np.minimum(encoding.encode(graphs), _MOST_COUNTED)


@dataclass(frozen=True, eq=False)
class SupportCalibrator:
    """A calibrator for graphs like those of the fit, and one for each way of being unlike them.

    A graph that lies k nodes beyond those of the fit errs `k ** growth` times as much as one that
    lies one node beyond: growth is 1 where each node adds the same error, as a misjudged cost of
    an operation does, and 1/2 where each adds one of its own.

    A graph that is unlike in two ways gets the wider of both intervals, and no graph a narrower
    one than if it were like the others.

    Attributes:
        inside: for graphs of known operations and sizes.
        outside: by way, for a graph one node beyond; a way that could not be tried out is missing,
            and counts as inside.
        growth: how doubt grows with the nodes beyond.
    """

    inside: ConformalCalibrator
    outside: Mapping[Outside, ConformalCalibrator]
    growth: float = _GROWTHS[0]

    def interval(self, prediction: Prediction, level: float, beyond: Sequence[Beyond]) -> Interval:
        """The interval of each of n predictions; `beyond` says how each graph is unlike.

        A calibrator of few scores that cannot bound the level gives its largest score.
        """
        half = self._widest(
            beyond,
            self.inside.quantile(level) * self.inside.width(prediction),
            lambda found, stretch: found.score(level) * stretch * found.width(prediction),
        )
        return Interval(prediction.mean - half, prediction.mean + half, level)

    def std(self, prediction: Prediction, beyond: Sequence[Beyond]) -> FloatArray:
        """(n,) calibrated standard deviations."""
        return self._widest(
            beyond,
            self.inside.std(prediction),
            lambda found, stretch: stretch * found.std(prediction),
        )

    def exceedance(
        self, prediction: Prediction, limit: float, beyond: Sequence[Beyond]
    ) -> FloatArray:
        """(n,) probabilities that labels are above a limit."""
        needed = limit - prediction.mean
        return self._widest(
            beyond,
            self.inside.exceedance(prediction, limit),
            lambda found, stretch: found.share_above(needed / (stretch * found.width(prediction))),
        )

    def to_plain(self) -> dict[str, Any]:
        """What `from_plain` reads, as JSON has it."""
        outside = {way: _to_plain(calibrator) for way, calibrator in self.outside.items()}
        return {"inside": _to_plain(self.inside), "outside": outside, "growth": self.growth}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "SupportCalibrator":
        """The inverse of `to_plain`."""
        outside = {way: _from_plain(found) for way, found in plain["outside"].items()}
        return cls(_from_plain(plain["inside"]), outside, plain["growth"])

    def _widest(
        self,
        beyond: Sequence[Beyond],
        values: FloatArray,
        outside: Callable[[ConformalCalibrator, FloatArray], FloatArray],
    ) -> FloatArray:
        """(n,) values inside, and the greatest of all that hold for graphs outside."""
        assert len(beyond) == len(values), "one entry of `beyond` for each prediction"
        for way, calibrator in self.outside.items():
            far = np.array([of_graph.get(way, 0) for of_graph in beyond], dtype=np.float64)
            if far.any():
                wider = outside(calibrator, _stretch(far, self.growth))
                values = np.where(far > 0, np.maximum(values, wider), values)
        return values


def _stretch(far: FloatArray, growth: float) -> FloatArray:
    stretch: FloatArray = np.maximum(far, 1.0) ** growth
    return stretch


def _to_plain(calibrator: ConformalCalibrator) -> dict[str, Any]:
    return {"floor": calibrator.floor, "errors": calibrator.errors.tolist()}


def _from_plain(plain: Mapping[str, Any]) -> ConformalCalibrator:
    return ConformalCalibrator(np.array(plain["errors"]), plain["floor"])


class Calibrated(NamedTuple):
    """What `calibrate_support` gives.

    Attributes:
        predictor: fitted on all keys.
        calibrator: turns its answers into intervals.
        held_out: what was said of each of the n keys of the fit when it was held out, in their
            order; its standard deviations are calibrated.
    """

    predictor: Predictor
    calibrator: SupportCalibrator
    held_out: Prediction


def calibrate_support(
    dataset: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    folds: int,
    rng: np.random.Generator,
    on_step: Callable[[], None] = lambda: None,
) -> Calibrated:
    """Fit on all keys; calibrate inside by folds, and outside by what can be left out.

    Each operation is left out in turn, with all graphs that have it, and the largest graphs are
    left out: what a predictor fitted on the rest says of them is how wrong it is outside.

    Args:
        dataset: n labelled graphs.
        make_predictor: gives a new, unfitted predictor.
        folds: parts that the calibration inside holds out in turn.
        rng: source of all randomness.
        on_step: called after each of `calibration_steps` steps.

    """
    predictor = make_predictor()
    inside, answers = fit_held_out(predictor, dataset, folds, rng)
    on_step()
    dataset = dataset.sorted_by_key()
    seen = TrainedOn.of(dataset.graphs)
    has_op = [
        np.array([any(op.name == name for op in graph.ops) for graph in dataset.graphs])
        for name in seen.ops
    ]
    largest = np.array([graph.inner_nodes == seen.nodes for graph in dataset.graphs])
    left_out: dict[Outside, list[_LeftOut]] = {}
    for way, held_out_sets in zip(OUTSIDE, (has_op, [largest]), strict=True):
        for held_out in held_out_sets:
            found = _leave_out(dataset, held_out, way, make_predictor, rng)
            left_out.setdefault(way, []).extend(found)
            on_step()
    outside = {way: _LeftOut.joined(parts) for way, parts in left_out.items() if parts}
    growth = min(_GROWTHS, key=lambda tried: sum(o.surprise(tried) for o in outside.values()))
    calibrators = {way: of_way.calibrator(growth) for way, of_way in outside.items()}
    told = Prediction(answers.mean, inside.std(answers))
    return Calibrated(predictor, SupportCalibrator(inside, calibrators, growth), told)


def calibration_steps(graphs: Sequence[CellGraph]) -> int:
    """Fits, or sets of fits, that `calibrate_support` makes of a dataset of these graphs."""
    return 1 + len(TrainedOn.of(graphs).ops) + 1


class _LeftOut(NamedTuple):
    """What was said of n graphs by who had seen none that are unlike in the same way.

    Attributes:
        answers: what was said.
        labels: (n,) what was right, on the model scale.
        far: (n,) how many nodes they lie beyond, >= 1.
    """

    answers: Prediction
    labels: FloatArray
    far: FloatArray

    @classmethod
    def joined(cls, parts: Sequence["_LeftOut"]) -> "_LeftOut":
        mean = np.concatenate([part.answers.mean for part in parts])
        std = np.concatenate([part.answers.std for part in parts])
        labels = np.concatenate([part.labels for part in parts])
        return cls(Prediction(mean, std), labels, np.concatenate([part.far for part in parts]))

    def calibrator(self, growth: float) -> ConformalCalibrator:
        return calibrate(self.answers, self.labels, _stretch(self.far, growth))

    def surprise(self, growth: float) -> float:
        """Negative log-likelihood of all labels at the best floor."""
        width = _stretch(self.far, growth) * self.calibrator(growth).width(self.answers)
        return len(self.labels) * surprise(self.labels - self.answers.mean, width)


def _leave_out(
    dataset: SurrogateDataset,
    held_out: NDArray[np.bool_],
    way: Outside,
    make_predictor: Callable[[], Predictor],
    rng: np.random.Generator,
) -> list[_LeftOut]:
    """What one who knows the rest says of the held-out graphs; nothing where either is too few."""
    rest, asked = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if len(rest) < _FEWEST_TRAINED or len(asked) < _FEWEST_ASKED:
        return []
    known = dataset.subset(np.sort(rng.permutation(rest)[:_MOST_TRAINED]))
    test = dataset.subset(np.sort(rng.permutation(asked)[:_MOST_ASKED]))
    answers = make_predictor().fit(known, rng).predict(test.graphs)
    seen = TrainedOn.of(known.graphs)
    # A random choice of the rest may lack what the rest has: then those graphs lie farther beyond.
    far = np.array([seen.beyond(graph)[way] for graph in test.graphs], dtype=np.float64)
    return [_LeftOut(answers, test.model_values, far)]
