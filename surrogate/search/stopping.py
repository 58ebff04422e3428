"""Stopping trainings early, by their learning curves, so that a budget of epochs goes further."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray
from surrogate.search.searchers.gaussian_process.posterior import probability_below

_FEATURES = 3
"""Intercept, last epoch and mean of the last epochs."""

_RIDGE = 1e-3


class Decision(NamedTuple):
    """What became of a training.

    Attributes:
        epochs: epochs that it took.
        forecast: expected cost at its end, for one that was stopped; None for a finished one.
    """

    epochs: int
    forecast: float | None = None


class StoppingRule(ABC):
    """Decides when to stop the trainings of one search; it learns from those that it finishes."""

    @abstractmethod
    def decide(self, curves: Sequence[FloatArray], ends: Sequence[float]) -> list[Decision]:
        """Decide on the trainings of a batch.

        Args:
            curves: costs after each epoch of each training, lower is better; a rule must not use
                epochs beyond those that it lets a training take.
            ends: cost that each training has once it is finished.
        """


@dataclass(frozen=True)
class ForecastSettings:
    """Settings of `ForecastStopping`.

    Attributes:
        finished: trainings that are finished before the first is stopped, >= 4.
        first: first epoch after which a training may be stopped, >= 1.
        every: epochs between two looks at a curve, >= 1.
        place: a training goes on while it may be among so many best ones, >= 1.
        least: probability below which it is stopped, in (0, 1).
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    finished: int = 8
    first: int = 4
    every: int = 2
    place: int = 8
    least: float = 0.1

    def __post_init__(self) -> None:
        lows = {"finished": _FEATURES + 1, "first": 1, "every": 1, "place": 1}
        for name, low in lows.items():
            if getattr(self, name) < low:
                raise UserError(f"{name} must be >= {low}, but got {getattr(self, name)}")
        if not 0 < self.least < 1:
            raise UserError(f"least must be in (0, 1), but got {self.least}")


class ForecastStopping(StoppingRule):
    """Stops a training when it is unlikely to end among the best.

    The end is forecast by ridge regression on the last epochs, fitted on the trainings that this
    search has finished: no curve that the search did not pay for takes part.

    Source: Domhan et al., "Speeding up automatic hyperparameter optimization of deep neural
    networks by extrapolation of learning curves", IJCAI 2015, for the rule.
    """

    def __init__(self, settings: ForecastSettings | None = None) -> None:
        self._settings = settings or ForecastSettings()
        self._curves: list[FloatArray] = []
        self._ends: list[float] = []

    def decide(self, curves: Sequence[FloatArray], ends: Sequence[float]) -> list[Decision]:
        """Decide on one training after the other."""
        return [self._one(curve, end) for curve, end in zip(curves, ends, strict=True)]

    def _one(self, curve: FloatArray, end: float) -> Decision:
        of = self._settings
        for epochs in range(of.first, len(curve), of.every):
            if len(self._ends) < of.finished:
                break
            mean, std = self._forecast(curve[:epochs])
            best = sorted(self._ends)[min(of.place, len(self._ends)) - 1]
            if probability_below(best, mean, std) < of.least:
                return Decision(epochs, mean)
        self._curves.append(curve)
        self._ends.append(end)
        return Decision(len(curve))

    def _forecast(self, start: FloatArray) -> tuple[float, float]:
        """Mean and standard deviation of the end of a curve."""
        known = np.stack([_features(curve[: len(start)]) for curve in self._curves])
        centre, width = known.mean(axis=0), known.std(axis=0) + 1e-9
        inputs = np.column_stack([np.ones(len(known)), (known - centre) / width])
        ends = np.array(self._ends)
        inverse = np.linalg.inv(inputs.T @ inputs + _RIDGE * len(known) * np.eye(_FEATURES))
        weights = inverse @ inputs.T @ ends
        errors = ends - inputs @ weights
        variance = float(errors @ errors) / (len(ends) - _FEATURES)
        row = np.append(1.0, (_features(start) - centre) / width)
        return float(row @ weights), float(np.sqrt(variance * (1 + row @ inverse @ row)))


def _features(start: FloatArray) -> FloatArray:
    """(2,) last epoch, and mean of the last three."""
    return np.array([start[-1], start[-3:].mean()])


class HalvingStopping(StoppingRule):
    """Successive halving of each batch: the better half goes on at each of four equal stages.

    Source: Karnin et al., "Almost optimal exploration in multi-armed bandits", ICML 2013; stages
    of MF-NAS `configs/algo_asr.yaml`, 16 > 8 > 4 > 2 at a quarter, half, three quarters and all of
    the epochs. Ask for 16 at a time. Unlike its `sh.py`, no stage looks at a test error.
    """

    stages = 4

    def decide(self, curves: Sequence[FloatArray], ends: Sequence[float]) -> list[Decision]:
        """Decide on a batch at once."""
        del ends
        left = list(range(len(curves)))
        found: dict[int, Decision] = {}
        for stage in range(1, self.stages):
            epochs = {i: max(1, stage * len(curves[i]) // self.stages) for i in left}
            ordered = sorted(left, key=lambda i: (float(curves[i][epochs[i] - 1]), i))
            stay = (len(left) + 1) // 2
            for i in ordered[stay:]:
                found[i] = Decision(epochs[i], float(curves[i][epochs[i] - 1]))
            left = ordered[:stay]
        found.update({i: Decision(len(curves[i])) for i in left})
        return [found[i] for i in range(len(curves))]


STOPPING = {"forecast": ForecastStopping, "halving": HalvingStopping}
"""Stopping rules by name."""
