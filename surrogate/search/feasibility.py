"""How likely a limit holds for a function that was neither trained nor measured."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray
from surrogate.latency.model import LatencyModel
from surrogate.search.problem import Limit, SearchProblem


class LimitModel(ABC):
    """Gives the probability that one limit holds.

    Attributes:
        limit: the limit.
    """

    limit: Limit

    @property
    @abstractmethod
    def source(self) -> str:
        """What the probabilities rest on, in words."""

    @abstractmethod
    def probability(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) probabilities that the limit holds for n >= 1 graphs."""


@dataclass(frozen=True)
class StaticLimit(LimitModel):
    """A limit on parameters or MACs, which holds or does not.

    Attributes:
        problem: says of which macro network.
        limit: the limit.
    """

    problem: SearchProblem
    limit: Limit

    @property
    def source(self) -> str:
        """They are counted."""
        return "exact"

    def probability(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) ones and zeros."""
        quantity = self.limit.quantity
        values = np.array([self.problem.static_value(quantity, graph) for graph in graphs])
        return (values <= self.limit.most).astype(np.float64)


@dataclass(frozen=True)
class MeasuredLimit(LimitModel):
    """A limit on a latency that was measured of every function that is asked for.

    Attributes:
        limit: the limit.
        seconds: functional key -> seconds.
    """

    limit: Limit
    seconds: Mapping[str, float]

    @property
    def source(self) -> str:
        """They are measured."""
        return f"measured {self.limit.quantity.name}"

    def probability(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) ones and zeros; zero for a function without a measurement."""
        return np.array([float(self.seconds.get(g.key, np.inf) <= self.limit.most) for g in graphs])


@dataclass(frozen=True)
class ForecastLimit(LimitModel):
    """A limit on a latency that is forecast: the calibrated probability that it is below.

    Attributes:
        limit: the limit.
        model: of the latency in the limit's setting.
    """

    limit: Limit
    model: LatencyModel

    @property
    def source(self) -> str:
        """They are forecast, from so many measurements."""
        errors = len(self.model.calibrator.inside.errors)
        return f"forecast {self.limit.quantity.name}, calibrated on {errors} functions"

    def probability(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) probabilities, below 1: no calibration rules out that a limit is broken."""
        novelty = [self.model.trained_on.novelty(graph) for graph in graphs]
        prediction = self.model.predictor.predict(graphs)
        most = float(np.log(self.limit.most))
        above = self.model.calibrator.exceedance(prediction, most, novelty)
        return 1.0 - above


def exact_limits(problem: SearchProblem) -> tuple[StaticLimit, ...]:
    """Models of the limits that need no measurement."""
    return tuple(StaticLimit(problem, lim) for lim in problem.limits if lim.quantity.is_static)
