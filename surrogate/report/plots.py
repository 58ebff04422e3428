"""Plots of a page as plain figure objects of plotly, built without plotly."""

import textwrap
from collections.abc import Iterable
from typing import Any

Figure = dict[str, Any]

# Colours of Okabe and Ito, then some of Tol: distinguishable with colour blindness.
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#882255",
    "#999933",
    "#332288",
)
_PLOT_HEIGHT, _LEGEND_LINE = 350, 21
"""Pixels of a plot with its axes, and of each line of its legend, on a narrow screen."""

_NAME_WIDTH = 38

# Transparent: the page decides what is behind a plot, light or dark.
_CLEAR = "rgba(0,0,0,0)"


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """Name -> colour of its traces in all plots of a page."""
    return {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(dict.fromkeys(names))}


def figure(
    title: str, data: list[dict[str, Any]], x_axis: dict[str, Any], y_axis: dict[str, Any]
) -> Figure:
    """A plot whose legend is below it and fits a narrow screen."""
    names = [{**trace, "name": wrapped(trace["name"])} for trace in data]
    lines = sum(trace["name"].count("<br>") + 1 for trace in names)
    grid = {"automargin": True, "gridcolor": "#e6e6e6", "zeroline": False}
    return {
        "data": names,
        "layout": {
            "title": {"text": title, "font": {"size": 15}},
            "xaxis": {**grid, **x_axis},
            "yaxis": {**grid, **y_axis},
            "paper_bgcolor": _CLEAR,
            "plot_bgcolor": _CLEAR,
            # At the foot of the figure, whatever the height of the axis' labels above it.
            "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
            "margin": {"t": 34, "l": 20, "r": 15, "b": 20},
            "height": _PLOT_HEIGHT + _LEGEND_LINE * lines,
        },
    }


def wrapped(name: str) -> str:
    """A name in lines that fit into a legend on a narrow screen."""
    return "<br>".join(textwrap.wrap(name, _NAME_WIDTH, break_on_hyphens=False)) or name
