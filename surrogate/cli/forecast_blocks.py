"""Forecasts for people: one block per cell, or one line per cell where there are many.

A block has a drawing, the error rates on the scale of the table, and latencies in milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.drawing.draw import draw_text
from surrogate.cli.output import LINE_WIDTH

if TYPE_CHECKING:
    from surrogate.data.targets import FloatArray
    from surrogate.fitting.artifact import Artifact
    from surrogate.forecasting.values import Forecast, TargetForecast
    from surrogate.latency.model import LatencyForecast

MOST_BLOCKS = 3
"""Cells with a block each; more of them have a line each."""

_BAR = 40
_SHOWN_SHARE = 0.95
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_GAP = 3


@dataclass(frozen=True, eq=False)
class Scale:
    """The labels of a table's functions, on which a forecast is placed.

    Attributes:
        labels: (n,) mean label of each function, in rising order; lower is better.
    """

    labels: "FloatArray"

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The ends of the bar: the best label, and one that 95 % of the functions are below."""
        return float(self.labels[0]), float(np.quantile(self.labels, _SHOWN_SHARE))

    def better_than(self, value: float) -> float:
        """Fraction of the table's functions with a larger label."""
        return 1 - float(np.searchsorted(self.labels, value, side="right")) / len(self.labels)

    def column(self, value: float) -> int:
        """Column of a value in the bar; values outside are at its ends."""
        low, high = self.ends
        return int(np.clip((value - low) / max(high - low, 1e-12) * _BAR, 0, _BAR - 1))

    def histogram(self) -> str:
        """The labels as a row of bars; those beyond the end are left out."""
        low, high = self.ends
        counts, _ = np.histogram(self.labels, _BAR, (low, max(high, low + 1e-12)))
        heights = np.ceil(np.sqrt(counts / counts.max()) * (len(_HEIGHTS) - 1)).astype(int)
        return "".join(_HEIGHTS[height] for height in heights)


def scales_of(artifact: "Artifact") -> dict[str, Scale]:
    """The scale of each target of an artifact."""
    names = [model.target.name for model in artifact.models]
    return {name: Scale(np.sort(artifact.measured_means(name))) for name in names}


def block(forecast: "Forecast", scales: Mapping[str, Scale]) -> str:
    """The block of one cell: its drawing beside its numbers, or above them if it is wide."""
    drawing = draw_text(Cell.parse(forecast.cell)).rstrip().splitlines()
    facts = [line for part in _facts(forecast, scales) for line in part]
    while not facts[-1]:
        facts.pop()
    width = max(map(len, drawing)) + _GAP
    if width + max(map(len, facts)) > LINE_WIDTH:
        return "\n".join([*drawing, "", *facts])
    pairs = zip_longest(drawing, ["", *facts], fillvalue="")
    return "\n".join(f"{left:{width}}{right}".rstrip() for left, right in pairs)


def line(forecast: "Forecast", scales: Mapping[str, Scale]) -> dict[str, Any]:
    """The row of one cell in a table of many."""
    row: dict[str, Any] = {"cell": forecast.cell}
    for name, scale in scales.items():
        found = {one.target: one for one in forecast.targets}.get(name)
        value = None if found is None else _trusted(found)
        row[name] = None if value is None else f"{value:.4f}"
        if name == next(iter(scales)):
            row["interval"] = None if found is None else _interval(*_ends(found), ".3f")
            row["beats"] = None if value is None else _percent(scale.better_than(value))
    latency = forecast.latencies[0] if forecast.latencies else None
    row["latency ms"] = None if latency is None else f"{latency.mean * 1e3:.4g}"
    return row | {"params": f"{forecast.params:,}", "support": forecast.support}


def legend(scales: Mapping[str, Scale], table: str) -> str:
    """What the numbers and bars of blocks and lines are."""
    functions = max(len(scale.labels) for scale in scales.values())
    return (
        "Phone error rates are fractions, lower is better. Bars and percentages are of the\n"
        f"{functions:,} functions of the table {table}."
    )


def _facts(forecast: "Forecast", scales: Mapping[str, Scale]) -> list[list[str]]:
    head = [
        f"{forecast.cell}: {forecast.support}",
        f"{forecast.params:,} parameters, {_counted(forecast.macs)} MACs per second of speech",
        "",
    ]
    parts = [head] + [_of_target(found, forecast, scales) for found in forecast.targets]
    if forecast.latencies:
        parts.append(_of_latencies(forecast.latencies, forecast.level))
    return parts


def _of_target(
    found: "TargetForecast", forecast: "Forecast", scales: Mapping[str, Scale]
) -> list[str]:
    scale, value = scales[found.target], _trusted(found)
    low, high = _ends(found)
    best, worst = scale.ends
    marks = [" "] * _BAR
    if low is not None and high is not None:
        first, last = scale.column(low), scale.column(high)
        marks[first : last + 1] = "─" * (last - first + 1)
    marks[scale.column(value)] = "●"
    interval = _interval(low, high, ".3f")
    level = f" ({_level(forecast.level)}: {interval})" if interval else ""
    return [
        f"{found.target:9}{value:.3f}{level}",
        f"{'':9}{scale.histogram()} {best:.2f} to {worst:.2f}",
        f"{'':9}{''.join(marks)} better than {_percent(scale.better_than(value))}",
        *_sources(found, forecast),
        "",
    ]


def _sources(found: "TargetForecast", forecast: "Forecast") -> list[str]:
    """What the number rests on: the function's own trainings, and a new training's forecast."""
    new = _interval(found.low, found.high, ".3f")
    lines = [f"{'':9}one training: {found.mean:.3f}" + (f", {new}" if new else "")]
    if found.estimate is None:
        lines = []
    if forecast.measured_row is not None:
        values = forecast.measured_row.values[found.target]
        seeds = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
        lines.append(f"{'':9}measured with {seeds}: {float(np.mean(values)):.3f}")
    return lines


def _of_latencies(latencies: Sequence["LatencyForecast"], level: float) -> list[str]:
    lines = []
    for device, found in groupby(latencies, key=lambda one: one.device):
        lines.append(f"latency on {device}, ms ({_level(level)})")
        for one in found:
            low, high = (None if end is None else end * 1e3 for end in (one.low, one.high))
            support = "" if one.support == "interpolated" else f" {one.support}"
            transferred = " transferred" if one.source == "transferred" else ""
            lines.append(
                f"  {one.setting:36} {one.mean * 1e3:<7.4g} {_interval(low, high, '.4g')}"
                f"{support}{transferred}".rstrip()
            )
    return lines


def _trusted(found: "TargetForecast") -> float:
    return found.mean if found.estimate is None else found.estimate.mean


def _ends(found: "TargetForecast") -> tuple[float | None, float | None]:
    trusted = found if found.estimate is None else found.estimate
    return trusted.low, trusted.high


def _interval(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f"{low:{form}} to {high:{form}}"


def _level(level: float) -> str:
    return f"{100 * level:.4g} % interval"


def _percent(fraction: float) -> str:
    """A fraction in per cent; those next to none or all do not become none or all."""
    if 0 < fraction < 0.01 or 0.99 < fraction < 1:
        return f"{100 * fraction:.1f} %"
    return f"{100 * fraction:.0f} %"


def _counted(count: int) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:,}"
