"""Forecasts: what a cell would reach, how sure that is, and what it rests on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.cost import macs_of_form, params_of_form
from graph_encoding.functional import FunctionalForm, functional_form
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
    MeasuredRow,
    TargetModel,
    load_artifact,
)
from surrogate.forecasting.forecast_curve import ForecastCurve, curves_of, widening
from surrogate.forecasting.target_forecast import TargetForecast, forecast_target, of_label
from surrogate.latency.model import LatencyForecast, LatencyModel
from surrogate.latency.transfer import TransferredLatency
from surrogate.predictors.features import GraphBatch

MAX_NODES = 6
"""Largest cell that gets a forecast: what is said of larger ones was never checked."""

_GRAPHS_AT_ONCE = 512
"""Functions answered at a time, by all models: memory stays bounded, and models that rest on the
same graphs share what is far from what."""

Support = Literal["measured", "interpolated", "extrapolated", "dead"]
"""What a forecast rests on.

measured: the table has the function. interpolated: it has not, but its operations and its size
occur in the training cells. extrapolated: an operation or the size does not. dead: the output
does not depend on the input, so there is nothing to forecast.
"""


@dataclass(frozen=True)
class Forecast:
    """What is known about one cell.

    Attributes:
        cell: the cell as text.
        functional_key: identity of its function.
        params: exact number of trainable parameters in the table's macro network.
        macs: exact multiply-accumulates of that network for one second of speech.
        support: what the forecast rests on.
        note: reason, where support is "extrapolated" or "dead"; else empty.
        distance: how far the nearest training cell is, see `Neighbourhood.distance`; None for a
            dead cell.
        level: level of the intervals.
        targets: one forecast for each target; none for a dead cell.
        curve: validation PER of a training after each epoch; None for a dead cell, and where the
            artifact has no curves.
        latencies: one forecast for each setting of the artifact; none for a dead cell.
        measured_row: the table's labels of this function, if it has them.
    """

    cell: str
    functional_key: str
    params: int
    macs: int
    support: Support
    note: str
    distance: float | None
    level: float
    targets: tuple[TargetForecast, ...]
    curve: ForecastCurve | None
    latencies: tuple[LatencyForecast, ...]
    measured_row: MeasuredRow | None

    @property
    def measured(self) -> bool:
        """Whether the table has this function."""
        return self.measured_row is not None


class Forecaster:
    """Answers for cells out of an artifact.

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
        """Names of what is forecast of a cell beside its curve and latencies."""
        return tuple(model.target.name for model in self._artifact.models)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings that latencies are forecast in, each once."""
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

        A search that asks for one target alone, without curves and latencies, is answered in half
        the time. Sums of floats depend on how many cells are asked for at once: beside others a
        number may differ from the same cell's alone, from about the ninth digit on.

        Args:
            cells: the cells or their texts, or a single one; equal functions get equal forecasts.
            level: probability with which a label lies in its interval, in (0, 1).
            observed_curve: of a single cell whose training has begun with the table's recipe and
                corpus: validation PER by epoch, counted from 1, or of the first epochs in order;
                an empty one says nothing. Its curve and `val_per` are then forecasts of that
                training. Other targets stay as they are.
            targets: names of the targets to forecast, in the artifact's order; by default all.
            curve: whether to forecast learning curves; an observed one is in any case.
            latency: whether to forecast latencies, or names of the settings to forecast, in the
                artifact's order.

        Returns:
            One forecast a cell, in order.

        Raises:
            UserError: if a text is no cell, a cell is too large, the level cannot be had, the
                artifact has no such target or setting, or the observed curve is not one of a
                single living cell.
        """
        check_level(level)
        asked = self._asked(targets, curve or observed_curve is not None, latency)
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
            raise UserError(f"cell {parsed[0].text!r} is dead: no training of it has a curve")
        graphs = list(living.values())
        answers: list[_Answer] = []
        for start in range(0, len(graphs), _GRAPHS_AT_ONCE):
            batch = GraphBatch(graphs[start : start + _GRAPHS_AT_ONCE])
            answers += self._answers(batch, level, observed_curve, asked)
        of_key = dict(zip(living, answers, strict=True))
        costs = {ops: self._cost(form) for ops, form in {form.ops: form for form in forms}.items()}
        return tuple(
            self._assemble(cell, form, key, of_key.get(key, _Answer()), level, costs[form.ops])
            for cell, form, key in zip(parsed, forms, keys, strict=True)
        )

    def _cost(self, form: FunctionalForm) -> tuple[int, int]:
        """Parameters and multiply-accumulates: equal for forms of equal operations."""
        macro = self.metadata.macro
        frames = round(1 / macro.frame_shift_s)
        return params_of_form(form, macro), macs_of_form(form, macro, input_frames=frames)

    def _asked(
        self, targets: Iterable[str] | None, curve: bool, latency: bool | Iterable[str]
    ) -> "_Asked":
        names = self._known("targets", self.targets, targets)
        if isinstance(latency, bool):
            latency = self.settings if latency else ()
        settings = self._known("settings", self.settings, latency)
        return _Asked(
            tuple(model for model in self._artifact.models if model.target.name in names),
            self._artifact.curves if curve else None,
            tuple(model for model in self._latency if model.setting in settings),
        )

    def _known(
        self, what: str, there: Sequence[str], wanted: Iterable[str] | None
    ) -> tuple[str, ...]:
        """Names that are asked for, a text alone as one; all by default.

        Raises:
            UserError: if one is none of those there are; lists these.
        """
        names = (wanted,) if isinstance(wanted, str) else there if wanted is None else wanted
        asked = tuple(names)
        unknown = sorted(set(asked) - set(there))
        if unknown:
            raise UserError(
                f"artifact {self.metadata.name!r} has the {what} {', '.join(there) or 'none'}, but "
                f"was asked for {', '.join(unknown)}; choose among those"
            )
        return asked

    def _answers(
        self, graphs: GraphBatch, level: float, observed: ObservedCurve | None, asked: "_Asked"
    ) -> list["_Answer"]:
        """What is said of n >= 1 living functions."""
        beyond = [self.metadata.trained_on.novelty(graph) for graph in graphs]
        told = {model.target.name: model.predictor.predict(graphs) for model in asked.models}
        limit = LowestLimit()
        by_target: list[list[TargetForecast]] = []
        for m in asked.models:
            with limit.noted():
                by_target.append(forecast_target(m, told[m.target.name], beyond, level))
        with limit.noted():
            wider = self._widening(graphs, beyond, level, told) if asked.curves else None
            curves, by_target = self._with_curves(
                graphs, wider, level, by_target, observed, asked.curves
            )
        by_setting: list[list[LatencyForecast]] = []
        for latency in asked.latency:
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
        return [_Answer(*answer) for answer in columns]

    def _with_curves(
        self,
        graphs: Sequence[CellGraph],
        wider: Widening | None,
        level: float,
        by_target: list[list[TargetForecast]],
        observed: ObservedCurve | None,
        model: CurveModel | None,
    ) -> tuple[Sequence[ForecastCurve | None], list[list[TargetForecast]]]:
        """The curves, and the targets as they are once the curve was partly observed."""
        if model is None:
            if observed is not None:
                raise UserError(
                    f"artifact {self.metadata.name!r} has no learning curves to go on with; fit "
                    "one with a curve_predictor"
                )
            return [None] * len(graphs), by_target
        epochs = Observed.read({} if observed is None else observed, model.epochs).epochs
        if observed is None or not len(epochs):
            return curves_of(model.forecast(graphs, level, widening=wider), ()), by_target
        told = model.forecast_given(graphs[0], observed, level, widening=wider)
        curves = curves_of(told, tuple(int(epoch) + 1 for epoch in epochs))
        label = told.val_per
        return curves, [
            [of_label(target, label) if target.target == VAL_PER.name else target for target in row]
            for row in by_target
        ]

    def _widening(
        self,
        graphs: Sequence[CellGraph],
        beyond: Sequence[Novelty],
        level: float,
        told: Mapping[str, Prediction],
    ) -> Widening | None:
        """How much more is doubted of curves than inside, as of `val_per`; None if no more.

        `told` has the answers of the targets that were asked for.
        """
        if not any(beyond):
            return None
        (model,) = (m for m in self._artifact.models if m.target.name == VAL_PER.name)
        answer = told.get(VAL_PER.name)
        if answer is None:
            answer = model.predictor.predict(graphs)
        return widening(model, answer, beyond, level)

    def _assemble(
        self,
        cell: Cell,
        form: FunctionalForm,
        key: str,
        answer: "_Answer",
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
            distance=answer.distance,
            level=level,
            targets=answer.targets,
            curve=answer.curve,
            latencies=answer.latencies,
            measured_row=row,
        )


@dataclass(frozen=True)
class _Asked:
    """The models that a request wants answers of."""

    models: tuple[TargetModel, ...]
    curves: CurveModel | None
    latency: tuple[LatencyModel | TransferredLatency, ...]


@dataclass(frozen=True)
class _Answer:
    """What is said of one function; nothing, of a dead one."""

    targets: tuple[TargetForecast, ...] = ()
    curve: ForecastCurve | None = None
    latencies: tuple[LatencyForecast, ...] = ()
    distance: float | None = None


def _parsed(cells: Cell | str | Iterable[Cell | str]) -> list[Cell]:
    """Cells, some of which may be texts; one alone is one cell."""
    each = (cells,) if isinstance(cells, str | Cell) else cells
    return [Cell.parse(cell) if isinstance(cell, str) else cell for cell in each]


def _check_cells(cells: Sequence[Cell], trained_nodes: int, *, observed: bool) -> None:
    for cell in cells:
        if cell.nodes > MAX_NODES:
            raise UserError(
                f"cell {cell.text!r} has {cell.nodes} nodes, but forecasts end at {MAX_NODES}: the "
                f"surrogate learned from cells of up to {trained_nodes} operations, and what it "
                "says of cells so much larger was never checked; train the cell instead"
            )
    if observed and len(cells) != 1:
        raise UserError(
            f"an observed curve is one cell's, but there are {len(cells)} cells; forecast them "
            "one by one"
        )


def _support(
    form: FunctionalForm, metadata: ArtifactMetadata, *, measured: bool
) -> tuple[Support, str]:
    if form.is_dead:
        return "dead", (
            "the output does not depend on the input: no training can make it better than the "
            "best constant output, so there is no number to forecast"
        )
    if measured:
        return "measured", ""
    reasons = metadata.trained_on.reasons(form.ops)
    return ("extrapolated" if reasons else "interpolated"), "; ".join(reasons)
