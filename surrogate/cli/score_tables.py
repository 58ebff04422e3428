"""Scores of predictors as tables that fit a line, and what their columns are."""

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from surrogate.cli.output import LINE_WIDTH, Row, Value, write_table

if TYPE_CHECKING:
    from surrogate.comparison.summary import SummaryRow

_GAP = 2
_WAYS = {"higher": "higher is better", "lower": "lower is better", "nominal": "best at its level"}


def score_lines(
    rows: Iterable["SummaryRow"], places: Mapping[str, Callable[["SummaryRow"], Value]]
) -> list[dict[str, Value]]:
    """Scores, one line per place and one column per metric.

    Args:
        rows: the scores.
        places: heading of each column that says whose scores a line has -> its value.
    """
    lines: dict[tuple[Value, ...], dict[str, Value]] = {}
    for row in rows:
        place = tuple(value(row) for value in places.values())
        line = lines.setdefault(place, dict(zip(places, place, strict=True)))
        line[row.heading] = row.text
    return [*lines.values()]


def write_in_pieces(lines: Sequence[Row], first: Sequence[str]) -> None:
    """Write lines as one table, or as several that repeat their first columns and fit a line.

    A table leaves out lines that have none of its values.
    """
    names = dict.fromkeys(name for line in lines for name in line)
    columns = [name for name in names if name not in first]
    widths = {
        name: _GAP + max(len(name), *(len(str(line.get(name) or "-")) for line in lines))
        for name in (*first, *columns)
    }
    room = LINE_WIDTH + _GAP - sum(widths[name] for name in first)
    for number, piece in enumerate(_pieces(columns, widths, room)):
        if number:
            typer.echo("")
        shown = [line for line in lines if any(line.get(name) is not None for name in piece)]
        write_table([{name: line.get(name) for name in (*first, *piece)} for line in shown])


def _pieces(columns: Sequence[str], widths: Mapping[str, int], room: int) -> Iterator[list[str]]:
    """The columns in order, as many at a time as there is room for, but at least one."""
    piece: list[str] = []
    for name in columns:
        if piece and sum(widths[one] for one in (*piece, name)) > room:
            yield piece
            piece = []
        piece.append(name)
    yield piece


def legend(rows: Sequence["SummaryRow"]) -> str:
    """Which end of each metric is good, its unit, and what stands in parentheses."""
    metrics = {row.metric: row for row in rows}.values()
    ways: dict[str, list[str]] = {}
    units: dict[str, list[str]] = {}
    for one in metrics:
        ways.setdefault(_WAYS[one.better], []).append(one.heading)
        if one.text_unit:
            units.setdefault(f"in {one.text_unit}", []).append(one.metric)
    lines = [_listed(found) for found in (ways, units) if found]
    methods = {re.sub(r" \d+", "", row.interval) for row in rows if row.low is not None}
    if methods:
        lines.append(
            f"In parentheses: 95 % interval of the mean, by {' or '.join(sorted(methods))}."
        )
    return "\n".join(
        textwrap.fill(line, LINE_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for line in lines
    )


def _listed(names_of: Mapping[str, Sequence[str]]) -> str:
    """The names of each text, in front of it."""
    return "; ".join(f"{text}: {', '.join(names)}" for text, names in names_of.items()) + "."
