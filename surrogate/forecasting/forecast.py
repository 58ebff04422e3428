"""The forecaster: error rates, learning curve and latency of cells, from one artifact."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graph_encoding.cell import Cell
from graph_encoding.common.errors import DeadCellError, UserError
from graph_encoding.cost import macs_of_form, params_of_form
from graph_encoding.functional_identity import FunctionalForm, functional_form
from graph_encoding.graph import CellGraph, graph_of_form
from graph_encoding.semantics import Semantics
from surrogate.calibration import Novelty
from surrogate.calibration.conformal import LowestLimit
from surrogate.curves import CurveModel, ObservedCurve, Widening
from surrogate.curves.observed import Observed
from surrogate.data.prediction import Prediction, check_level
from surrogate.data.targets import VAL_PER
from surrogate.fitting.artifact import (
    DEFAULT_ARTIFACT,
    Artifact,
    ArtifactMetadata,
    TargetModel,
    load_artifact,
)
from surrogate.forecasting.values import (
    Forecast,
    ForecastCurve,
    Support,
    TargetForecast,
    curves_of,
    forecast_target,
    widening_of,
    with_observed_label,
)
from surrogate.latency.model import LatencyForecast, LatencyModel
from surrogate.latency.transfer import TransferredLatency
from surrogate.predictors.features import GraphBatch

__all__ = ["MAX_NODES", "Forecast", "Forecaster", "Support"]

MAX_NODES = 6
"""Largest cell that gets a forecast; forecasts of larger ones were never validated."""

_GRAPHS_AT_ONCE = 512
"""Functions predicted at a time, by all models: memory stays bounded, and models with the same
inducing points share distances."""


class Forecaster:
    """Forecasts cells with the models of an artifact.

    Args:
        artifact: a fitted surrogate.
        transferred: latencies of further devices, made by `TransferredLatency.fit`.
    """

    def __init__(self, artifact: Artifact, transferred: Sequence[TransferredLatency] = ()) -> None:
        self._artifact = artifact
        self._latency: tuple[LatencyModel | TransferredLatency, ...] = (
            *artifact.latency,
            *transferred,
        )
        self._semantics = Semantics(artifact.metadata.semantics)

    @classmethod
    def load(cls, name_or_folder: str | Path = DEFAULT_ARTIFACT) -> "Forecaster":
        """Read a shipped artifact by name, or any by its folder.

        Raises:
            UserError: if there is none or it is corrupt.
        """
        return cls(load_artifact(name_or_folder))

    @property
    def metadata(self) -> ArtifactMetadata:
        """Where the artifact comes from."""
        return self._artifact.metadata

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets that are forecast besides curve and latencies."""
        return tuple(model.target.name for model in self._artifact.models)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings for which latencies are forecast, each once."""
        return tuple(dict.fromkeys(model.setting for model in self._latency))

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

        A single target without curves and latencies takes half the time. Numbers of a cell depend
        on the other cells of the call from about the ninth digit on.

        Args:
            cells: the cells or their texts, or a single one; equal functions get equal forecasts.
            level: probability with which a label lies in its interval, in (0, 1).
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
            UserError: if a text is no cell, a cell is too large, the level is too high, the
                artifact has no such target or setting, or the observed curve is not one of a
                single living cell.
        """
        check_level(level)
        request = self._requested(targets, curve or observed_curve is not None, latency)
        parsed = _parsed(cells)
        _check_cells(parsed, self.metadata.trained_on.nodes, observed=observed_curve is not None)
        forms = [functional_form(cell, self._semantics) for cell in parsed]
        keys = [form.key for form in forms]
        living = {
            key: graph_of_form(form)
            for key, form in dict(zip(keys, forms, strict=True)).items()
            if not form.is_dead
        }
        if observed_curve is not None and not living:
            raise DeadCellError(f"cell {parsed[0].text!r} is dead: no training of it has a curve")
        graphs = list(living.values())
        found: list[_FunctionForecast] = []
        dead = _FunctionForecast()
        for start in range(0, len(graphs), _GRAPHS_AT_ONCE):
            batch = GraphBatch(graphs[start : start + _GRAPHS_AT_ONCE])
            found += self._forecast_graphs(batch, level, observed_curve, request)
        of_key = dict(zip(living, found, strict=True))
        costs = {ops: self._cost(form) for ops, form in {form.ops: form for form in forms}.items()}
        return tuple(
            self._assemble(cell, form, key, of_key.get(key, dead), level, costs[form.ops])
            for cell, form, key in zip(parsed, forms, keys, strict=True)
        )

    def _cost(self, form: FunctionalForm) -> tuple[int, int]:
        """Parameters and multiply-accumulates: equal for forms of equal operations."""
        macro = self.metadata.macro
        frames = round(1 / macro.frame_shift_s)
        return params_of_form(form, macro), macs_of_form(form, macro, input_frames=frames)

    def _requested(
        self, targets: Iterable[str] | None, curve: bool, latency: bool | Iterable[str]
    ) -> "_Request":
        names = self._known("targets", self.targets, targets)
        if isinstance(latency, bool):
            latency = self.settings if latency else ()
        settings = self._known("settings", self.settings, latency)
        return _Request(
            tuple(model for model in self._artifact.models if model.target.name in names),
            self._artifact.curves if curve else None,
            tuple(model for model in self._latency if model.setting in settings),
        )

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

    def _forecast_graphs(
        self, graphs: GraphBatch, level: float, observed: ObservedCurve | None, request: "_Request"
    ) -> list["_FunctionForecast"]:
        """Forecasts of n >= 1 living functions."""
        novelty = [self.metadata.trained_on.novelty(graph) for graph in graphs]
        predictions = {m.target.name: m.predictor.predict(graphs) for m in request.models}
        limit = LowestLimit()
        by_target: list[list[TargetForecast]] = []
        for m in request.models:
            with limit.noted():
                by_target.append(forecast_target(m, predictions[m.target.name], novelty, level))
        with limit.noted():
            wider = self._widening(graphs, novelty, level, predictions) if request.curves else None
            curves, by_target = self._with_curves(
                graphs, wider, level, by_target, observed, request.curves
            )
        by_setting: list[list[LatencyForecast]] = []
        for latency in request.latency:
            with limit.noted():
                by_setting.append(latency.forecast(graphs, level))
        limit.check()
        nothing: list[tuple[()]] = [()] * len(graphs)
        columns = zip(
            zip(*by_target, strict=True) if by_target else nothing,
            curves,
            zip(*by_setting, strict=True) if by_setting else nothing,
            self._artifact.neighbourhood.distance(graphs).tolist(),
            strict=True,
        )
        return [_FunctionForecast(*row) for row in columns]

    def _with_curves(
        self,
        graphs: Sequence[CellGraph],
        wider: Widening | None,
        level: float,
        by_target: list[list[TargetForecast]],
        observed: ObservedCurve | None,
        model: CurveModel | None,
    ) -> tuple[Sequence[ForecastCurve | None], list[list[TargetForecast]]]:
        """The curves, and the targets given the observed part of the curve."""
        if model is None:
            if observed is not None:
                raise UserError(
                    f"artifact {self.metadata.name!r} has no learning curves, so that none can "
                    "be continued; fit one with a curve_predictor"
                )
            return [None] * len(graphs), by_target
        epochs = Observed.read({} if observed is None else observed, model.epochs).epochs
        if observed is None or not len(epochs):
            return curves_of(model.forecast(graphs, level, widening=wider), ()), by_target
        given = model.forecast_given(graphs[0], observed, level, widening=wider)
        return curves_of(given, tuple(int(epoch) + 1 for epoch in epochs)), [
            [with_observed_label(t, given.val_per) if t.target == VAL_PER.name else t for t in row]
            for row in by_target
        ]

    def _widening(
        self,
        graphs: Sequence[CellGraph],
        novelty: Sequence[Novelty],
        level: float,
        predictions: Mapping[str, Prediction],
    ) -> Widening | None:
        """Extra uncertainty of curves, that of `val_per`; None if no graph is novel.

        `predictions` has those of the requested targets.
        """
        if not any(novelty):
            return None
        (model,) = (m for m in self._artifact.models if m.target.name == VAL_PER.name)
        prediction = predictions.get(VAL_PER.name)
        if prediction is None:
            prediction = model.predictor.predict(graphs)
        return widening_of(model, prediction, novelty, level)

    def _assemble(
        self,
        cell: Cell,
        form: FunctionalForm,
        key: str,
        found: "_FunctionForecast",
        level: float,
        cost: tuple[int, int],
    ) -> Forecast:
        row = self._artifact.measured.get(key)
        support, note = _support(form, self.metadata, measured=row is not None)
        params, macs = cost
        return Forecast(
            cell=cell.text,
            functional_key=key,
            params=params,
            macs=macs,
            support=support,
            note=note,
            distance=found.distance,
            level=level,
            targets=found.targets,
            curve=found.curve,
            latencies=found.latencies,
            measured_row=row,
        )


@dataclass(frozen=True)
class _Request:
    """The models that a request needs."""

    models: tuple[TargetModel, ...]
    curves: CurveModel | None
    latency: tuple[LatencyModel | TransferredLatency, ...]


@dataclass(frozen=True)
class _FunctionForecast:
    """The forecast of one function; empty for a dead one."""

    targets: tuple[TargetForecast, ...] = ()
    curve: ForecastCurve | None = None
    latencies: tuple[LatencyForecast, ...] = ()
    distance: float | None = None


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
