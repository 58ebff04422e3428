"""Intervals for graphs unlike those of a fit, from errors made on graphs as unlike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings import EdgeHistogramEncoding
from graph_encoding.graph import CellGraph
from surrogate.calibration.conformal import ConformalCalibrator, fit_held_out
from surrogate.dataset import SurrogateDataset
from surrogate.prediction import Interval, Prediction
from surrogate.predictors.base import Predictor
from surrogate.targets import FloatArray

Outside = Literal["new_operation", "larger"]
OUTSIDE: tuple[Outside, ...] = ("new_operation", "larger")

_ROWS_AT_ONCE = 512
_MOST_TRAINED = 600
_MOST_ASKED = 300
_FEWEST_TRAINED = 30
_FEWEST_ASKED = 20


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

    def outside(self, graph: CellGraph) -> tuple[Outside, ...]:
        """In which ways a graph is unlike what was seen; empty if in none."""
        new = any(op.name not in self.ops for op in graph.ops[1:-1])
        larger = graph.inner_nodes > self.nodes
        return tuple(way for way, holds in zip(OUTSIDE, (new, larger), strict=True) if holds)


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
        return cls(ops, np.unique(EdgeHistogramEncoding(ops).encode(graphs), axis=0))

    def distance(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) how far the nearest graph of the fit is from each of n graphs.

        Euclidean distance of counts of operations and edges: about the root of how many of them
        one would have to add and take away. 0 can also be another graph of the same counts.
        """
        rows = EdgeHistogramEncoding(self.ops).encode(graphs)
        lengths = (self.points**2).sum(axis=1)
        nearest = [
            (lengths - 2 * (rows[start : start + _ROWS_AT_ONCE] @ self.points.T)).min(axis=1)
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
        squared = (rows**2).sum(axis=1) + np.concatenate([np.zeros(0), *nearest])
        distances: FloatArray = np.sqrt(np.maximum(squared, 0.0)).astype(np.float64)
        return distances


@dataclass(frozen=True, eq=False)
class SupportCalibrator:
    """A calibrator for graphs like those of the fit, and one for each way of being unlike them.

    A graph that is unlike in two ways gets the wider of both intervals, and no graph a narrower
    one than if it were like the others.

    Attributes:
        inside: for graphs of known operations and sizes.
        outside: by way; a way that could not be tried out is missing, and counts as inside.
    """

    inside: ConformalCalibrator
    outside: Mapping[Outside, ConformalCalibrator]

    def interval(
        self, prediction: Prediction, level: float, ways: Sequence[tuple[Outside, ...]]
    ) -> Interval:
        """The interval of each of n predictions; `ways` says how each graph is unlike.

        A calibrator of few scores that cannot bound the level gives its largest score.
        """
        inside = self.inside.interval(prediction, level)
        half = (inside.high - inside.low) / 2
        half = self._widened(half, prediction, ways, lambda c: c.interval_half(prediction, level))
        return Interval(prediction.mean - half, prediction.mean + half, level)

    def std(self, prediction: Prediction, ways: Sequence[tuple[Outside, ...]]) -> FloatArray:
        """(n,) calibrated standard deviations."""
        inside = self.inside.std(prediction)
        return self._widened(inside, prediction, ways, lambda c: c.std(prediction))

    def exceedance(
        self, prediction: Prediction, limit: float, ways: Sequence[tuple[Outside, ...]]
    ) -> FloatArray:
        """(n,) probabilities that labels are above a limit."""
        inside = self.inside.exceedance(prediction, limit)
        return self._widened(inside, prediction, ways, lambda c: c.exceedance(prediction, limit))

    def to_plain(self) -> dict[str, Any]:
        """What `from_plain` reads, as JSON has it."""
        return {
            "floor": self.inside.floor,
            "errors": self.inside.errors.tolist(),
            "errors_outside": {way: c.errors.tolist() for way, c in self.outside.items()},
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "SupportCalibrator":
        """The inverse of `to_plain`."""
        floor = plain["floor"]
        return cls(
            ConformalCalibrator(np.array(plain["errors"]), floor),
            {
                way: ConformalCalibrator(np.array(errors), floor)
                for way, errors in plain["errors_outside"].items()
            },
        )

    def _widened(
        self,
        widths: FloatArray,
        prediction: Prediction,
        ways: Sequence[tuple[Outside, ...]],
        width_by: Callable[[ConformalCalibrator], FloatArray],
    ) -> FloatArray:
        assert len(ways) == len(prediction), "one entry of `ways` for each prediction"
        for way, calibrator in self.outside.items():
            unlike: NDArray[np.bool_] = np.array([way in of_graph for of_graph in ways], dtype=bool)
            if unlike.any():
                widths = np.where(unlike, np.maximum(widths, width_by(calibrator)), widths)
        return widths


class Calibrated(NamedTuple):
    """What `calibrate_support` gives.

    Attributes:
        predictor: fitted on all keys.
        calibrator: turns its answers into intervals.
        held_out_std: (n,) calibrated standard deviations of what was said of each key of the fit
            when it was held out, in the order of the keys.
    """

    predictor: Predictor
    calibrator: SupportCalibrator
    held_out_std: FloatArray


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
    outside: dict[Outside, ConformalCalibrator] = {}
    for way, held_out_sets in zip(OUTSIDE, (has_op, [largest]), strict=True):
        errors = []
        for held_out in held_out_sets:
            errors.append(_errors_left_out(dataset, held_out, make_predictor, inside, rng))
            on_step()
        found = np.sort(np.concatenate(errors))
        if len(found):
            outside[way] = ConformalCalibrator(found, inside.floor)
    return Calibrated(predictor, SupportCalibrator(inside, outside), inside.std(answers))


def calibration_steps(graphs: Sequence[CellGraph]) -> int:
    """Fits, or sets of fits, that `calibrate_support` makes of a dataset of these graphs."""
    return 1 + len(TrainedOn.of(graphs).ops) + 1


def _errors_left_out(
    dataset: SurrogateDataset,
    held_out: NDArray[np.bool_],
    make_predictor: Callable[[], Predictor],
    inside: ConformalCalibrator,
    rng: np.random.Generator,
) -> FloatArray:
    """Errors, in widths, for the held-out graphs of who knows the rest; none of too few."""
    rest, asked = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if len(rest) < _FEWEST_TRAINED or len(asked) < _FEWEST_ASKED:
        return np.zeros(0)
    rest = np.sort(rng.permutation(rest)[:_MOST_TRAINED])
    test = dataset.subset(np.sort(rng.permutation(asked)[:_MOST_ASKED]))
    answers = make_predictor().fit(dataset.subset(rest), rng).predict(test.graphs)
    return (test.model_values - answers.mean) / np.hypot(answers.std, inside.floor)
