"""Calibrated intervals in and out of support: wider for novel graphs, by the errors on such."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surrogate.calibration.conformal import ConformalCalibrator
from surrogate.calibration.novelty import Novelty, Way
from surrogate.data.prediction import Interval, Prediction
from surrogate.data.targets import FloatArray

GROWTHS = (0.5, 1.0)
"""Candidate exponents of how errors grow with the number of novel nodes."""


def stretch(nodes: FloatArray, growth: float) -> FloatArray:
    """(n,) factors on the widths of graphs with (n,) novel nodes, `max(nodes, 1) ** growth`."""
    factors: FloatArray = np.maximum(nodes, 1.0) ** growth
    return factors


@dataclass(frozen=True, eq=False)
class SupportCalibrator:
    """One calibrator for graphs in support, and one for each way of being out of it.

    The error of a graph with k novel nodes is `k ** growth` times that of a graph with one: growth
    is 1 where every node adds the same error, as a misjudged cost of an operation does, and 1/2
    where the errors of nodes are independent.

    A graph that is novel in two ways gets the wider of both intervals. No graph gets a narrower
    interval than it would in support.

    Attributes:
        inside: for graphs of known operations and sizes.
        outside: by way, for a graph with one novel node. A way without a calibrator, because the
            training set was too small to try it, counts as in support.
        growth: exponent of the errors in the number of novel nodes.
    """

    inside: ConformalCalibrator
    outside: Mapping[Way, ConformalCalibrator]
    growth: float = GROWTHS[0]

    def interval(
        self, prediction: Prediction, level: float, novelty: Sequence[Novelty]
    ) -> Interval:
        """The interval of each of n predictions for graphs of (n,) novelties.

        An outside calibrator with too few scores for the level uses its largest score.

        Raises:
            UserError: if the level is not a probability, or `inside` has too few scores for it.
        """
        half = self._widest(
            novelty,
            self.inside.quantile(level) * self.inside.width(prediction),
            lambda found, factors: found.score(level) * factors * found.width(prediction),
        )
        return Interval(prediction.mean - half, prediction.mean + half, level)

    def std(self, prediction: Prediction, novelty: Sequence[Novelty]) -> FloatArray:
        """(n,) calibrated standard deviations."""
        return self._widest(
            novelty,
            self.inside.std(prediction),
            lambda found, factors: factors * found.std(prediction),
        )

    def exceedance(
        self, prediction: Prediction, limit: float, novelty: Sequence[Novelty]
    ) -> FloatArray:
        """(n,) probabilities that labels are above a limit."""
        needed = limit - prediction.mean
        # A wider distribution has more of the smaller tail, which is below a limit under the mean.
        is_below = needed < 0

        def tail(above: FloatArray) -> FloatArray:
            return np.where(is_below, 1 - above, above)

        smaller = self._widest(
            novelty,
            tail(self.inside.exceedance(prediction, limit)),
            lambda found, factors: tail(
                found.share_above(needed / (factors * found.width(prediction)))
            ),
        )
        return tail(smaller)

    def to_plain(self) -> dict[str, Any]:
        """A tree for `write_tree`, which `from_plain` reads."""
        outside = {way: _to_plain(calibrator) for way, calibrator in self.outside.items()}
        return {"inside": _to_plain(self.inside), "outside": outside, "growth": self.growth}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "SupportCalibrator":
        """The inverse of `to_plain`."""
        outside = {way: _from_plain(found) for way, found in plain["outside"].items()}
        return cls(_from_plain(plain["inside"]), outside, plain["growth"])

    def _widest(
        self,
        novelty: Sequence[Novelty],
        values: FloatArray,
        outside: Callable[[ConformalCalibrator, FloatArray], FloatArray],
    ) -> FloatArray:
        """(n,) values in support, raised to the largest of all ways that apply to a graph."""
        assert len(novelty) == len(values), "one novelty per prediction"
        if not any(novelty):
            return values
        for way, calibrator in self.outside.items():
            nodes = np.array([of_graph.get(way, 0) for of_graph in novelty], dtype=np.float64)
            if nodes.any():
                wider = outside(calibrator, stretch(nodes, self.growth))
                values = np.where(nodes > 0, np.maximum(values, wider), values)
        return values


def _to_plain(calibrator: ConformalCalibrator) -> dict[str, Any]:
    return {"floor": calibrator.floor, "errors": calibrator.errors}


def _from_plain(plain: Mapping[str, Any]) -> ConformalCalibrator:
    return ConformalCalibrator(np.array(plain["errors"]), plain["floor"])
