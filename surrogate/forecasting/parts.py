"""The parts of a forecast: each model predicts a function once, and levels are applied on top."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from graph_encoding.functional_identity import FunctionalForm
from graph_encoding.graph import graph_of_form
from surrogate.calibration import Neighbourhood, Novelty, TrainedOn
from surrogate.calibration.conformal import LevelTooHighError
from surrogate.curves import CurveModel, Widening
from surrogate.curves.components.mean_curve import ExpectedCurves
from surrogate.data.prediction import ONE_SIGMA, Prediction
from surrogate.data.targets import FloatArray
from surrogate.fitting.artifact import TargetModel
from surrogate.fitting.measured_rows import MeasuredRow
from surrogate.forecasting.values import (
    ForecastCurve,
    Own,
    TargetForecast,
    curve_numbers,
    curve_of,
    target_numbers,
    target_of,
    widening_of,
)
from surrogate.latency.model import LatencyForecast, SettingModel
from surrogate.predictors.base import Predictor
from surrogate.predictors.features import GraphBatch
from surrogate.predictors.score_model import Jointly

F = TypeVar("F")

_MOST_REMEMBERED = 20_000
"""Functions that a part remembers; further ones empty its memory first."""


class Functions:
    """n living functions of a request, with the inputs of the models.

    Args:
        keys: (n,) distinct functional keys.
        forms: (n,) their forms.
        jointly: predicts them with the models of a request at once; by default none.
    """

    def __init__(
        self,
        keys: Sequence[str],
        forms: Sequence[FunctionalForm],
        jointly: Jointly | None = None,
    ) -> None:
        self.keys, self.forms, self._jointly = keys, forms, jointly
        self._subsets: dict[tuple[int, ...], Functions] = {}
        self._novelty: dict[TrainedOn, list[Novelty]] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def graphs(self) -> GraphBatch:
        """(n,) their graphs: one batch for all models, which then share encodings."""
        graphs = GraphBatch([graph_of_form(form) for form in self.forms])
        if self._jointly is not None:
            self._jointly.predict(graphs)
        return graphs

    def novelty(self, trained_on: TrainedOn) -> list[Novelty]:
        """(n,) their novelty, computed once per support."""
        if trained_on not in self._novelty:
            self._novelty[trained_on] = [trained_on.novelty_of(form.ops) for form in self.forms]
        return self._novelty[trained_on]

    def subset(self, rows: Sequence[int]) -> "Functions":
        """The functions of some rows; the same object for the same rows."""
        if len(rows) == len(self):
            return self
        place = tuple(rows)
        if place not in self._subsets:
            forms = [self.forms[i] for i in rows]
            keys = [self.keys[i] for i in rows]
            self._subsets[place] = Functions(keys, forms, self._jointly)
        return self._subsets[place]


class Memory:
    """Rows of numbers by functional key, each computed once."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._rows: FloatArray = np.zeros((0, 0))

    def rows(self, functions: Functions, compute: Callable[[Functions], FloatArray]) -> FloatArray:
        """(n, k) rows of n functions; `compute` gives those that are missing."""
        missing = _missing(functions, self._place)
        if missing:
            new = functions.subset(missing)
            self._append(new.keys, compute(new))
        return self._rows[[self._place[key] for key in functions.keys]]

    def _append(self, keys: Sequence[str], rows: FloatArray) -> None:
        known, count = len(self._place), len(self._place) + len(keys)
        if count > len(self._rows):
            # Twice the room, so that single functions are not copied again and again.
            room = np.empty((2 * count, rows.shape[1]))
            room[:known] = self._rows[:known].reshape(known, rows.shape[1])
            self._rows = room
        self._rows[known:count] = rows
        self._place.update(zip(keys, range(known, count), strict=True))


def _missing(functions: Functions, known: dict[str, Any]) -> Sequence[int]:
    """Places of the functions that are not known; if there are too many, `known` is emptied."""
    missing = [i for i, key in enumerate(functions.keys) if key not in known]
    if len(known) + len(missing) <= max(_MOST_REMEMBERED, len(functions)):
        return missing
    known.clear()
    return range(len(functions))


class Part(ABC, Generic[F]):
    """One model of an artifact within a forecast.

    It remembers its predictions, and its forecasts at the latest level: a function that is asked
    for again costs no prediction, and has the same digits at every level.
    """

    def __init__(self) -> None:
        self._predictions = Memory()
        self._made: dict[str, F] = {}
        self._level = 0.0

    def predictions(self, functions: Functions) -> FloatArray:
        """(n, k) what the model predicts for n functions, without a level."""
        return self._predictions.rows(functions, self._predict)

    def forecasts(self, functions: Functions, level: float) -> list[F]:
        """(n,) forecasts; without intervals if `limit` refuses the level."""
        if level != self._level:
            self._level, self._made = level, {}
        missing = _missing(functions, self._made)
        if missing:
            new = functions.subset(missing)
            rows = self._at_level(new, level).tolist()
            for key, row in zip(new.keys, rows, strict=True):
                self._made[key] = self._forecast(key, row)
        return [self._made[key] for key in functions.keys]

    @property
    def predictors(self) -> Sequence[Predictor]:
        """The predictors that it asks."""
        return ()

    @abstractmethod
    def limit(self, level: float) -> LevelTooHighError | None:
        """Why there is no interval of a level; None if there is one."""

    @abstractmethod
    def _predict(self, functions: Functions) -> FloatArray: ...

    @abstractmethod
    def _at_level(self, functions: Functions, level: float) -> FloatArray:
        """(n, m) numbers at a level; NaN in place of an interval that does not exist."""

    @abstractmethod
    def _forecast(self, key: str, numbers: list[float]) -> F:
        """The forecast of one function, of its m numbers."""


class TargetPart(Part[TargetForecast]):
    """The forecast of one target.

    Args:
        model: model of the target.
        trained_on: the support of its fit.
        measured: functional key -> row of the table.
    """

    def __init__(
        self, model: TargetModel, trained_on: TrainedOn, measured: Mapping[str, MeasuredRow]
    ) -> None:
        super().__init__()
        self.model, self._trained_on, self._measured = model, trained_on, measured

    @property
    def predictors(self) -> Sequence[Predictor]:
        """That of the target."""
        return (self.model.predictor,)

    def limit(self, level: float) -> LevelTooHighError | None:
        """Too few labels were held out."""
        return _limit_of(lambda: self.model.calibrator.inside.quantile(level))

    def predicted(self, functions: Functions) -> Prediction:
        """Predictions of n functions."""
        return Prediction(*self.predictions(functions).T)

    def _predict(self, functions: Functions) -> FloatArray:
        found = self.model.predictor.predict(functions.graphs)
        return np.array([found.mean, found.std]).T

    def _at_level(self, functions: Functions, level: float) -> FloatArray:
        trainings = [self._trainings(key) for key in functions.keys]
        own = Own(functions.keys, functions.novelty(self._trained_on), trainings)
        return target_numbers(self.model, self.predicted(functions), own, level)

    def _trainings(self, key: str) -> dict[int, float]:
        row = self._measured.get(key)
        if row is None:
            return {}
        return dict(zip(row.seeds, row.values[self.model.target.name], strict=True))

    def _forecast(self, key: str, numbers: list[float]) -> TargetForecast:  # noqa: ARG002
        return target_of(self.model, numbers)


class CurvePart(Part[ForecastCurve]):
    """The forecast of learning curves.

    Args:
        model: of the curves.
        label: the part of the validation label, whose intervals say how much wider those of novel
            graphs are.
        trained_on: the support of the fits.
    """

    def __init__(self, model: CurveModel, label: TargetPart, trained_on: TrainedOn) -> None:
        super().__init__()
        self.model, self._label, self._trained_on = model, label, trained_on

    @property
    def predictors(self) -> Sequence[Predictor]:
        """Those of the coefficients."""
        return self.model.curves.predictors

    def limit(self, level: float) -> LevelTooHighError | None:
        """Too few curves were held out."""
        nothing_seen = np.zeros(self.model.epochs, dtype=bool)
        std = np.ones((1, self.model.epochs + 1))
        own = _limit_of(lambda: self.model.calibration.half_widths(std, nothing_seen, (level,)))
        return own or self._label.limit(level)

    def possible(self, level: float) -> float:
        """The level, or one that always exists: means and deviations are equal at all levels."""
        return ONE_SIGMA if self.limit(level) else level

    def widening(self, functions: Functions, level: float) -> Widening | None:
        """Extra uncertainty of novel graphs; None if no graph is novel."""
        novelty = functions.novelty(self._trained_on)
        if not any(novelty):
            return None
        return widening_of(self._label.model, self._label.predicted(functions), novelty, level)

    def _predict(self, functions: Functions) -> FloatArray:
        found = self.model.curves.expected(functions.graphs)
        return np.column_stack([found.mean, found.uncertainty])

    def _at_level(self, functions: Functions, level: float) -> FloatArray:
        expected = self.predictions(functions)
        possible = self.possible(level)
        found = self.model.forecast_expected(
            ExpectedCurves(expected[:, :-1], expected[:, -1]),
            possible,
            widening=self.widening(functions, possible),
        )
        return curve_numbers(found, with_interval=possible == level)

    def _forecast(self, key: str, numbers: list[float]) -> ForecastCurve:  # noqa: ARG002
        return curve_of(numbers)


class LatencyPart(Part[LatencyForecast]):
    """The forecast of latencies in one setting.

    Args:
        model: of the setting.
    """

    def __init__(self, model: SettingModel) -> None:
        super().__init__()
        self.model = model

    @property
    def predictors(self) -> Sequence[Predictor]:
        """That of the setting."""
        return self.model.predictors

    def limit(self, level: float) -> LevelTooHighError | None:
        """Too few functions were measured in the setting."""
        return _limit_of(lambda: self.model.check_level(level))

    def _predict(self, functions: Functions) -> FloatArray:
        return self.model.predict(functions.graphs)

    def _at_level(self, functions: Functions, level: float) -> FloatArray:
        novelty = functions.novelty(self.model.support)
        return self.model.at_level(self.predictions(functions), novelty, level)

    def _forecast(self, key: str, numbers: list[float]) -> LatencyForecast:
        return self.model.forecast_of(key, numbers)


class DistancePart(Part[float]):
    """The distance to the nearest training cell.

    Args:
        neighbourhood: of the training cells.
    """

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        super().__init__()
        self._neighbourhood = neighbourhood

    def limit(self, level: float) -> LevelTooHighError | None:  # noqa: ARG002
        """A distance has no interval."""
        return None

    def _predict(self, functions: Functions) -> FloatArray:
        return self._neighbourhood.distance(functions.graphs)[:, None]

    def _at_level(self, functions: Functions, level: float) -> FloatArray:  # noqa: ARG002
        return self.predictions(functions)

    def _forecast(self, key: str, numbers: list[float]) -> float:  # noqa: ARG002
        return numbers[0]


def check_some_interval(parts: Iterable[Part[object]], level: float) -> None:
    """Make sure that at least one of the parts of a request has an interval of the level.

    Raises:
        LevelTooHighError: if none has; names the highest level that one of them has.
    """
    limits = [part.limit(level) for part in parts]
    found = [limit for limit in limits if limit is not None]
    if found and len(found) == len(limits):
        raise max(found, key=lambda limit: limit.most)


def _limit_of(check: Callable[[], object]) -> LevelTooHighError | None:
    try:
        check()
    except LevelTooHighError as e:
        return e
    return None
