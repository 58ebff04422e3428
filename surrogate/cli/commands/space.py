"""`nasasr space`: the number of points, functions and published classes of a search space."""

from typing import Annotated, Any

import typer

from graph_encoding.semantics import Semantics
from surrogate.cli.options import PlainFormat, words_of
from surrogate.cli.output import ReportFormat, write_json, write_table
from surrogate.cli.progress import told_when_stopped

_QUICK = 100_000
"""Points that are counted without an announcement."""

_MOST_NODES = 100
"""The number of points then has some 1,600 digits; Python prints numbers of up to 4,300."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(space)


def space(
    nodes: Annotated[int, typer.Option(max=_MOST_NODES, help="Nodes of a cell, 1 or more.")] = 3,
    ops: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Operations; by default the six of NAS-Bench-ASR."),
    ] = None,
    semantics: Annotated[Semantics, typer.Option(help="How cells are read.")] = Semantics.PAPER,
    output: PlainFormat = ReportFormat.TABLE,
) -> None:
    """Count the points and functions of a search space.

    The published classes of the standard space are counted too. Functions are counted in spaces of
    at most 2,000,000 points, which takes half a minute.
    """
    from graph_encoding.description import describe_space
    from graph_encoding.ops import NB_ASR_OPS
    from graph_encoding.space import MAX_ENUMERABLE, CellSpace

    names = words_of(ops)
    chosen = CellSpace(nodes, NB_ASR_OPS if names is None else tuple(names))
    if _QUICK < chosen.size <= MAX_ENUMERABLE:
        typer.echo(f"counting the functions of {chosen.size:,} points", err=True)
    with told_when_stopped("the count was not finished"):
        facts = describe_space(chosen, semantics)
    if output is ReportFormat.JSON:
        write_json(facts)
        return
    write_table([{"property": name, "value": _text(value)} for name, value in facts.items()])


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{size}: {number}" for size, number in value.items())
    return None if value is None else str(value)
