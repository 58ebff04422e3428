"""The forecaster: error rates, learning curve and latency of cells, from one artifact."""

import threading
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import DeadCellError, UserError
from graph_encoding.cost import macs_of_form, params_of_form
from graph_encoding.functional_identity import FunctionalForm
from graph_encoding.semantics import Semantics
from surrogate.curves import LabelForecast, ObservedCurve
from surrogate.curves.observed import Observed
from surrogate.data.prediction import check_level
from surrogate.data.targets import VAL_PER
from surrogate.fitting.artifact import (
    DEFAULT_ARTIFACT,
    Artifact,
    ArtifactMetadata,
    load_artifact,
)
from surrogate.forecasting.garbage_collection import without_collections
from surrogate.forecasting.known_cells import CellFacts, KnownCells
from surrogate.forecasting.parts import (
    CurvePart,
    DistancePart,
    Functions,
    LatencyPart,
    Part,
    TargetPart,
    check_some_interval,
)
from surrogate.forecasting.values import (
    Forecast,
    ForecastCurve,
    Support,
    TargetForecast,
    curve_numbers,
    curve_of,
    with_observed_label,
)
from surrogate.latency.model import LatencyForecast, SettingModel
from surrogate.predictors.score_model import Jointly

__all__ = ["MAX_NODES", "Forecast", "Forecaster", "Support"]

MAX_NODES = 6
"""Largest cell that gets a forecast; forecasts of larger ones were never validated."""

_FUNCTIONS_AT_ONCE = 512
"""Functions predicted at a time, by all models: memory stays bounded, and models with the same
inducing points share distances."""


class Forecaster:
    """Forecasts cells with the models of an artifact.

    Args:
        artifact: a fitted surrogate.
        transferred: latencies of further devices, made by `TransferredLatency.fit`.
    """

    def __init__(self, artifact: Artifact, transferred: Sequence[SettingModel] = ()) -> None:
        self._artifact, self._transferred = artifact, tuple(transferred)
        # Its parts remember: two threads at once would read each other's half-written rows.
        self._lock = threading.Lock()
        self._semantics = Semantics(artifact.metadata.semantics)
        trained_on = artifact.metadata.trained_on
        self._targets = {
            model.target.name: TargetPart(model, trained_on, artifact.measured)
            for model in artifact.models
        }
        self._curves = (
            None
            if artifact.curves is None
            else CurvePart(artifact.curves, self._targets[VAL_PER.name], trained_on)
        )
        self._latency = tuple(
            LatencyPart(model) for model in (*artifact.latency, *self._transferred)
        )
        self._distance = DistancePart(artifact.neighbourhood)
        self._cells = KnownCells(self._semantics, self._facts)
        self._requests: dict[Hashable, _Request] = {}

    @classmethod
    def load(cls, name_or_folder: str | Path = DEFAULT_ARTIFACT) -> "Forecaster":
        """Read a shipped artifact by name, or any by its folder.

        Raises:
            UserError: if there is none or it is corrupt.
        """
        return cls(load_artifact(name_or_folder))

    def __reduce__(self) -> tuple[type["Forecaster"], tuple[Any, ...]]:
        """A copy, or one in another process, begins without memory."""
        return type(self), (self._artifact, self._transferred)

    @property
    def metadata(self) -> ArtifactMetadata:
        """Where the artifact comes from."""
        return self._artifact.metadata

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets that are forecast besides curve and latencies."""
        return tuple(self._targets)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings for which latencies are forecast, each once."""
        return tuple(dict.fromkeys(part.model.setting for part in self._latency))

    @without_collections()
    def forecast(
        self,
        cells: Cell | str | Iterable[Cell | str],
        level: float = 0.9,
        *,
        observed_curve: ObservedCurve | None = None,
        targets: Iterable[str] | None = None,
        curve: bool = True,
        latency: bool | Iterable[str] = True,
    ) -> tuple[Forecast, ...]:
        """Forecast n cells, of any registered operations and 1 to 6 nodes.

        A function is predicted once: asking for it again, at any level, costs little and gives the
        same digits. They depend from about the ninth digit on on the other cells of the call that
        predicted it.

        Args:
            cells: the cells or their texts, or a single one; equal functions get equal forecasts.
            level: probability with which a label lies in its interval, in (0, 1). What has too few
                held-out values for a level, such as a setting with few measured functions, is
                forecast without an interval.
            observed_curve: of a single cell whose training has begun with the table's recipe and
                corpus: validation PER by epoch, counted from 1, or of the first epochs in order;
                an empty one changes nothing. The curve and `val_per` are then forecasts of that
                training. Other targets do not change.
            targets: names of the targets to forecast, in the artifact's order; by default all.
            curve: whether to forecast learning curves; an observed one always is.
            latency: whether to forecast latencies, or names of the settings to forecast, in the
                artifact's order.

        Returns:
            One forecast per cell, in order.

        Raises:
            UserError: if a text is no cell, a cell is too large, nothing that is requested has an
                interval of the level, the artifact has no such target or setting, or the observed
                curve is not one of a single living cell.
        """
        check_level(level)
        request = self._requested(targets, curve or observed_curve is not None, latency)
        parsed = _parsed(cells)
        _check_cells(parsed, self.metadata.trained_on.nodes, observed=observed_curve is not None)
        facts = self._cells.facts_of(parsed)
        living = {of.key: of.form for of in facts if of.support != "dead"}
        if observed_curve is not None and not living:
            raise DeadCellError(f"cell {parsed[0].text!r} is dead: no training of it has a curve")
        check_some_interval(request.with_intervals, level)
        keys, forms = list(living), list(living.values())
        of_key: dict[str, _FunctionForecast] = {}
        with self._lock:
            for start in range(0, len(keys), _FUNCTIONS_AT_ONCE):
                part = slice(start, start + _FUNCTIONS_AT_ONCE)
                functions = Functions(keys[part], forms[part], request.jointly)
                found = self._forecast_functions(functions, level, observed_curve, request)
                of_key.update(zip(functions.keys, found, strict=True))
        dead = _FunctionForecast()
        return tuple(_assembled(of, of_key.get(of.key, dead), level) for of in facts)

    def _requested(
        self, targets: Iterable[str] | None, curve: bool, latency: bool | Iterable[str]
    ) -> "_Request":
        names = self._known("targets", self.targets, targets)
        if isinstance(latency, bool):
            latency = self.settings if latency else ()
        settings = self._known("settings", self.settings, latency)
        place = names, curve, settings
        if place not in self._requests:
            self._requests[place] = _Request(
                tuple(part for name, part in self._targets.items() if name in names),
                self._curves if curve else None,
                tuple(part for part in self._latency if part.model.setting in settings),
            )
        return self._requests[place]

    def _known(
        self, what: str, available: Sequence[str], wanted: Iterable[str] | None
    ) -> tuple[str, ...]:
        """The wanted names, of which a single text is one; by default all.

        Raises:
            UserError: if one is unavailable; lists those available.
        """
        chosen = (wanted,) if isinstance(wanted, str) else available if wanted is None else wanted
        names = tuple(chosen)
        unknown = sorted(set(names) - set(available))
        if unknown:
            raise UserError(
                f"artifact {self.metadata.name!r} has the {what} {', '.join(available) or 'none'}, "
                f"but got {', '.join(unknown)}; choose among those"
            )
        return names

    def _forecast_functions(
        self,
        functions: Functions,
        level: float,
        observed: ObservedCurve | None,
        request: "_Request",
    ) -> list["_FunctionForecast"]:
        """Forecasts of n >= 1 living functions."""
        by_target = [part.forecasts(functions, level) for part in request.targets]
        curves: Sequence[ForecastCurve | None] = [None] * len(functions)
        if request.curves is not None:
            curves = request.curves.forecasts(functions, level)
        if observed is not None:
            given = self._given(functions, observed, level)
            if given is not None:
                curves, label = [given[0]], given[1]
                with_interval = given[0].low is not None
                by_target = [
                    [
                        with_observed_label(t, label, with_interval=with_interval)
                        if t.target == VAL_PER.name
                        else t
                        for t in row
                    ]
                    for row in by_target
                ]
        by_setting = [part.forecasts(functions, level) for part in request.latency]
        nothing: list[tuple[()]] = [()] * len(functions)
        columns = zip(
            zip(*by_target, strict=True) if by_target else nothing,
            curves,
            zip(*by_setting, strict=True) if by_setting else nothing,
            self._distance.forecasts(functions, level),
            strict=True,
        )
        return [_FunctionForecast(*row) for row in columns]

    def _given(
        self, functions: Functions, observed: ObservedCurve, level: float
    ) -> tuple[ForecastCurve, LabelForecast] | None:
        """The curve and the label of an observed training; None if no epoch was observed.

        Raises:
            UserError: if the artifact has no curves, or the observations are out of range.
        """
        if self._curves is None:
            raise UserError(
                f"artifact {self.metadata.name!r} has no learning curves, so that none can "
                "be continued; fit one with a curve_predictor"
            )
        model, possible = self._curves.model, self._curves.possible(level)
        epochs = Observed.read(observed, model.epochs).epochs
        if not len(epochs):
            return None
        wider = self._curves.widening(functions, possible)
        given = model.forecast_given(functions.graphs[0], observed, possible, widening=wider)
        (numbers,) = curve_numbers(given, with_interval=possible == level).tolist()
        return curve_of(numbers, tuple(int(epoch) + 1 for epoch in epochs)), given.val_per

    def _facts(self, cell: Cell, form: FunctionalForm) -> CellFacts:
        """What is known of a cell without any model."""
        key, macro = form.key, self.metadata.macro
        row = self._artifact.measured.get(key)
        support, note = _support(form, self.metadata, measured=row is not None)
        frames = round(1 / macro.frame_shift_s)
        costs = params_of_form(form, macro), macs_of_form(form, macro, input_frames=frames)
        return CellFacts(cell.text, key, form, support, note, *costs, row)


@dataclass(frozen=True)
class _Request:
    """The models that a request needs."""

    targets: tuple[TargetPart, ...]
    curves: CurvePart | None
    latency: tuple[LatencyPart, ...]

    @cached_property
    def jointly(self) -> Jointly:
        """All their predictors at once."""
        return Jointly(predictor for part in self.with_intervals for predictor in part.predictors)

    @cached_property
    def with_intervals(self) -> tuple[Part[Any], ...]:
        """All of them."""
        return (*self.targets, *((self.curves,) if self.curves else ()), *self.latency)


@dataclass(frozen=True)
class _FunctionForecast:
    """The forecast of one function; empty for a dead one."""

    targets: tuple[TargetForecast, ...] = ()
    curve: ForecastCurve | None = None
    latencies: tuple[LatencyForecast, ...] = ()
    distance: float | None = None


def _assembled(of: CellFacts, found: _FunctionForecast, level: float) -> Forecast:
    return Forecast(
        cell=of.text,
        functional_key=of.key,
        params=of.params,
        macs=of.macs,
        support=of.support,
        note=of.note,
        distance=found.distance,
        level=level,
        targets=found.targets,
        curve=found.curve,
        latencies=found.latencies,
        measured_row=of.measured_row,
    )


def _parsed(cells: Cell | str | Iterable[Cell | str]) -> list[Cell]:
    """The cells of a request, some of which may be texts."""
    each = (cells,) if isinstance(cells, str | Cell) else cells
    return [Cell.parse(cell) if isinstance(cell, str) else cell for cell in each]


def _check_cells(cells: Sequence[Cell], trained_nodes: int, *, observed: bool) -> None:
    for cell in cells:
        if cell.nodes > MAX_NODES:
            raise UserError(
                f"cell {cell.text!r} has {cell.nodes} nodes, but forecasts end at {MAX_NODES}: the "
                f"surrogate was fitted on cells of up to {trained_nodes} operations, and forecasts "
                "of much larger ones were never validated; train the cell instead"
            )
    if observed and len(cells) != 1:
        raise UserError(
            f"an observed curve belongs to one cell, but there are {len(cells)} cells; forecast "
            "them one by one"
        )


def _support(
    form: FunctionalForm, metadata: ArtifactMetadata, *, measured: bool
) -> tuple[Support, str]:
    if form.is_dead:
        return "dead", (
            "the output does not depend on the input: no training improves on the best constant "
            "output, so there is nothing to forecast"
        )
    if measured:
        return "measured", ""
    reasons = metadata.trained_on.reasons(form.ops)
    return ("extrapolated" if reasons else "interpolated"), "; ".join(reasons)
