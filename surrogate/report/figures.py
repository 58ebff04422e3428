"""Plots of a comparison as plain figure objects of plotly, built without plotly."""

from collections.abc import Sequence
from typing import Any

from surrogate.comparison.fit_result import percent
from surrogate.comparison.run import BenchmarkResult
from surrogate.comparison.scores import Metric
from surrogate.report.plots import Figure, colours_of, figure
from surrogate.report.series import (
    Line,
    calibration_lines,
    clouds,
    group_lines,
    largest_size,
    pit_lines,
    quality_lines,
)

QUALITY = ("kendall_tau", "rmse", "precision_at_10", "regret")
"""Metrics plotted against the training size; the table of the page has all."""

COSTS = ("fit_seconds", "query_microseconds")

_WAY = {
    "higher": "higher is better",
    "lower": "lower is better",
    "nominal": "closest to the line is best",
}
_DASHED = {"dash": "dash", "color": "#666666", "width": 1.5}


def figures_of(result: BenchmarkResult, protocol: str) -> tuple[Figure, ...]:
    """All figures of a protocol, in the order of the page."""
    colours = colours_of(result.config.predictors)
    metrics = {metric.name: metric for metric in result.metrics}
    return (
        *(quality_figure(result, protocol, metrics[name], colours) for name in QUALITY),
        calibration_figure(result, protocol, colours),
        pit_figure(result, protocol, colours),
        group_figure(result, protocol, colours),
        cloud_figure(result, protocol, colours),
        *(quality_figure(result, protocol, metrics[name], colours) for name in COSTS),
    )


def quality_figure(
    result: BenchmarkResult, protocol: str, metric: Metric, colours: dict[str, str]
) -> Figure:
    """A metric against the number of training keys, with the noise ceiling."""
    data = [_trace(line, colours) for line in quality_lines(result, protocol, metric.name)]
    sizes = sorted({x for trace in data for x in trace["x"]})
    ceiling = result.ceilings[protocol].get(metric.name)
    if ceiling is not None:
        levels = {"noise ceiling: other seeds": ceiling.value}
        if ceiling.perfect is not None:
            levels["noise ceiling: perfect predictor"] = ceiling.perfect
        data += [
            _reference(name, [sizes[0], sizes[-1]], [value, value], dash)
            for (name, value), dash in zip(levels.items(), ("dash", "dot"), strict=False)
        ]
    unit = f" [{metric.unit}]" if metric.unit else ""
    return figure(
        f"{metric.name}{unit}: {_WAY[metric.better]}",
        data,
        {"title": {"text": "training keys"}, "tickvals": sizes},
        {"title": {"text": f"{metric.name}{unit}"}},
    )


def calibration_figure(result: BenchmarkResult, protocol: str, colours: dict[str, str]) -> Figure:
    """Coverage of the intervals against their level."""
    data = [_trace(line, colours) for line in calibration_lines(result, protocol)]
    data.append(_reference("calibrated", [0, 1], [0, 1], "dash"))
    size = largest_size(result, protocol)
    return figure(
        f"calibration with {size} training keys: {_WAY['nominal']}",
        data,
        {"title": {"text": "level of the interval"}, "range": [0, 1]},
        {"title": {"text": "coverage"}, "range": [0, 1.05]},
    )


def pit_figure(result: BenchmarkResult, protocol: str, colours: dict[str, str]) -> Figure:
    """Histogram of the probability integral transform."""
    lines = pit_lines(result, protocol)
    data = [{**_trace(line, colours), "mode": "lines"} for line in lines]
    for trace in data:
        trace["line"] = {**trace["line"], "shape": "hvh"}
        del trace["error_y"]
    data.append(_reference("calibrated", [0, 1], [1, 1], "dash"))
    return figure(
        f"probability integral transform: {_WAY['nominal']}",
        data,
        {"title": {"text": "predicted probability of a value below the label"}, "range": [0, 1]},
        {"title": {"text": "density of labels"}, "rangemode": "tozero"},
    )


def group_figure(result: BenchmarkResult, protocol: str, colours: dict[str, str]) -> Figure:
    """Coverage in each group of test keys, at one level."""
    data = [{**_trace(line, colours), "mode": "markers"} for line in group_lines(result, protocol)]
    groups = list(dict.fromkeys(x for trace in data for x in trace["x"]))
    level = result.config.group_level
    data.append(_reference("level", [groups[0], groups[-1]], [level, level], "dash"))
    return figure(
        f"coverage of {percent(level)} % intervals by group: {_WAY['nominal']}",
        data,
        {"categoryorder": "array", "categoryarray": groups, "tickangle": -35, "automargin": True},
        {"title": {"text": "coverage"}, "range": [0, 1.05]},
    )


def cloud_figure(result: BenchmarkResult, protocol: str, colours: dict[str, str]) -> Figure:
    """Predicted against measured values of one split."""
    found = clouds(result, protocol)
    target = result.source.dataset.target
    data: list[dict[str, Any]] = [
        {
            "type": "scattergl" if len(cloud.keys) > 1000 else "scatter",
            "mode": "markers",
            "name": cloud.name,
            "x": list(cloud.measured),
            "y": list(cloud.predicted),
            "text": list(cloud.keys),
            "marker": {"size": 5, "opacity": 0.6, "color": colours[cloud.name]},
        }
        for cloud in found
    ]
    labels = [y for cloud in found for y in cloud.measured]
    ends = [min(labels), max(labels)]
    data.append(_reference("predicted = measured", ends, ends, "dash"))
    name = f"{target.name} [{target.unit}]" if target.unit else target.name
    return figure(
        f"predicted against measured, first split: {_WAY['nominal']}",
        data,
        {"title": {"text": f"measured {name}"}},
        {"title": {"text": f"predicted {name}"}},
    )


def _trace(line: Line, colours: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": line.name,
        "x": list(line.x),
        "y": list(line.y),
        "line": {"color": colours[line.name]},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": _distances(line.high, line.y),
            "arrayminus": _distances(line.y, line.low),
            "thickness": 1,
        },
    }


def _distances(above: Sequence[float | None], below: Sequence[float | None]) -> list[float]:
    """Lengths of error bars; zero without an interval."""
    return [
        0.0 if a is None or b is None else max(a - b, 0.0)
        for a, b in zip(above, below, strict=True)
    ]


def _reference(name: str, x: list[Any], y: list[float], dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {**_DASHED, "dash": dash},
    }
