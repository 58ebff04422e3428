"""The page of a comparison of searchers: any-time curves and tables, in one file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graph_encoding.common.atomic_files import atomic_file
from surrogate.report.html_page import paragraphs, plot, table, whole_page
from surrogate.report.plots import colours_of, figure
from surrogate.search.judging.summary import (
    ENOUGH_HYPERVOLUME,
    ComparisonSummary,
    CurveRow,
    ratio_text,
)

_POINTS = 200
"""Points of a curve over epochs."""

_CURVES = (
    ("regret", "true regret of the recommended function"),
    ("least_regret", "least true regret of all functions trained"),
    ("hypervolume", "share of the true front's hypervolume"),
)


_MEANINGS = {
    "regret": "true regret of the recommended function at the end",
    "violation": "share of the searches whose recommended function breaks a limit",
    "trainings_to": "trainings until {} is trained to its end",
    "epochs_to": "epochs of training until {} is trained to its end",
    "missing_hypervolume": "share of the true front's hypervolume that the recommended one misses",
    "trainings_to_hypervolume": f"trainings until {ENOUGH_HYPERVOLUME:.0%} of the true front's "
    "hypervolume is reached",
}


def write_page(summary: ComparisonSummary, curves: Sequence[CurveRow], path: Path) -> None:
    """Write a comparison as one HTML file that needs no network access, in one atomic step.

    Raises:
        ModuleNotFoundError: if plotly is not installed (the extra `report`).
    """
    plots = [plot(drawn, f"curve-{number}") for number, drawn in enumerate(figures_of(curves))]
    sources = ", ".join(f"{n:,} functions by {name}" for name, n in summary.truth_sources.items())
    facts = (
        f"{summary.repeats} paired repeats of {summary.budget} trainings each. Curves are means.",
        f"Truth {summary.truth_sha256[:12]}: {sources}.",
        "Tables: lower is better. Searches that never got there count with twice the budget.",
        f"A ratio above 1: the searcher is better than {summary.reference}.",
    )
    body = [paragraphs(facts), '<div class="plots">', *plots, "</div>", *_tables(summary)]
    text = whole_page(f"Searchers: {summary.name}", body)
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def figures_of(curves: Sequence[CurveRow]) -> list[dict[str, Any]]:
    """Each curve over trainings and over epochs, as plain figure objects of plotly."""
    colours = colours_of(row.searcher for row in curves)
    found = []
    for field, title in _CURVES:
        if all(getattr(row, field) is None for row in curves):
            continue
        for axis in ("trainings", "epochs"):
            data = [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": x,
                    "y": y,
                    "line": {"color": colours[name]},
                }
                for name, (x, y) in mean_curves(curves, field, axis).items()
            ]
            axes = {"title": {"text": axis}}, {"title": {"text": field.replace("_", " ")}}
            found.append(figure(f"{title}, by {axis}", data, *axes))
    return found


def mean_curves(
    curves: Sequence[CurveRow], field: str, axis: str
) -> dict[str, tuple[list[float], list[float]]]:
    """Searcher -> places on an axis, and the mean over its searches there.

    A search stands where its last training put it; there is no mean before all have a value.
    """
    by_search: dict[str, dict[int, list[CurveRow]]] = {}
    for row in curves:
        by_search.setdefault(row.searcher, {}).setdefault(row.repeat, []).append(row)
    most = max(getattr(row, axis) for row in curves)
    places = np.unique(np.linspace(1, most, _POINTS).round())
    found = {}
    for name, searches in by_search.items():
        columns = []
        for rows in searches.values():
            known = [row for row in rows if getattr(row, field) is not None]
            at = np.searchsorted([getattr(row, axis) for row in known], places, side="right") - 1
            values = np.array([getattr(row, field) for row in known] or [np.nan])
            columns.append(np.where(at >= 0, values[np.maximum(at, 0)], np.nan))
        mean = np.mean(columns, axis=0)
        is_known = np.isfinite(mean)
        found[name] = (places[is_known].tolist(), mean[is_known].tolist())
    return found


def _tables(summary: ComparisonSummary) -> Iterator[str]:
    """A table for each metric, one row per searcher, and one of processor time."""
    columns = ("searcher", "median", "mean", "got there", f"{summary.reference} / this")
    for metric in dict.fromkeys(row.metric for row in summary.rows):
        yield table(
            f"{metric}: {meaning_of(metric)}",
            (*columns, "95 % interval of the ratio"),
            [
                [
                    row.searcher,
                    f"{row.median:.4g}",
                    f"{row.mean:.4g}",
                    f"{row.reached:.0%}",
                    ratio_text(row.ratio),
                    f"{ratio_text(row.ratio_low)} to {ratio_text(row.ratio_high)}",
                ]
                for row in summary.rows
                if row.metric == metric
            ],
            headings=1,
        )
    yield table(
        "Processor time, s",
        ("searcher", "per search", "per batch"),
        [
            [name, f"{seconds:.2f}", f"{summary.cpu_seconds_per_batch[name]:.3f}"]
            for name, seconds in summary.cpu_seconds.items()
        ],
        headings=1,
    )


def meaning_of(metric: str) -> str:
    """A metric in words.

    >>> meaning_of("trainings_to_0.01")
    'trainings until one of the best 1 % of functions is trained to its end'
    """
    name, _, share = metric.rpartition("_")
    if metric in _MEANINGS or name not in _MEANINGS:
        return _MEANINGS.get(metric, metric)
    return _MEANINGS[name].format(f"one of the best {100 * float(share):g} % of functions")
