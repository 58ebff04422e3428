"""The page of a comparison of searchers: any-time curves and tables, in one file."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from graph_encoding.common.atomic_files import atomic_file
from surrogate.search.judging.summary import ComparisonSummary, CurveRow, ratio_text

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1280px; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
"""

_POINTS = 200
"""Points of a curve over epochs."""

_CURVES = (
    ("regret", "true regret of the recommended function"),
    ("least_regret", "least true regret of all functions trained"),
    ("hypervolume", "share of the true front's hypervolume"),
)


def write_page(summary: ComparisonSummary, curves: Sequence[CurveRow], path: Path) -> None:
    """Write a comparison as one HTML file that needs no network access, in one atomic step.

    Raises:
        ModuleNotFoundError: if plotly is not installed (the extra `report`).
    """
    from plotly.io import to_html  # type: ignore[import-untyped]
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    plots = [
        to_html(figure, full_html=False, include_plotlyjs=False, div_id=f"curve-{number}")
        for number, figure in enumerate(figures_of(curves))
    ]
    title = f"Searchers: {escape(summary.name)}"
    sources = ", ".join(f"{count} by {name}" for name, count in summary.truth_sources.items())
    facts = (
        f"{summary.repeats} paired repeats of {summary.budget} trainings; truth "
        f"{summary.truth_sha256[:12]}: {sources}. Curves are means over repeats."
    )
    text = "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>",
            f"<h1>{title}</h1><p>{escape(facts)}</p>",
            *plots,
            _table(summary),
            "</body></html>\n",
        ]
    )
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def figures_of(curves: Sequence[CurveRow]) -> list[dict[str, Any]]:
    """Each curve over trainings and over epochs, as plain figure objects of plotly."""
    found = []
    for field, title in _CURVES:
        if all(getattr(row, field) is None for row in curves):
            continue
        for axis in ("trainings", "epochs"):
            data = [
                {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y}
                for name, (x, y) in mean_curves(curves, field, axis).items()
            ]
            layout = {
                "title": {"text": f"{title}, by {axis}"},
                "xaxis": {"title": {"text": axis}},
                "yaxis": {"title": {"text": title}},
            }
            found.append({"data": data, "layout": layout})
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


def _table(summary: ComparisonSummary) -> str:
    names = ("metric", "searcher", "median", "mean", "reached", f"{summary.reference} / this")
    head = "".join(f"<th>{escape(name)}</th>" for name in (*names, "95 % interval"))
    body = [
        f"<tr><td>{escape(row.metric)}</td><td>{escape(row.searcher)}</td><td>{row.median:.4g}</td>"
        f"<td>{row.mean:.4g}</td><td>{row.reached:.0%}</td><td>{ratio_text(row.ratio)}</td>"
        f"<td>{ratio_text(row.ratio_low)} to {ratio_text(row.ratio_high)}</td></tr>"
        for row in summary.rows
    ]
    costs = [
        f"<tr><td>processor seconds</td><td>{escape(name)}</td><td colspan=5>{seconds:.2f} a "
        f"search, {summary.cpu_seconds_per_batch[name]:.3f} a batch</td></tr>"
        for name, seconds in summary.cpu_seconds.items()
    ]
    return f"<table><tr>{head}</tr>\n" + "\n".join([*body, *costs]) + "</table>"
