"""`nasasr space`: how many points, functions and published classes a search space has."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.semantics import Semantics
from surrogate.cli.output import ReportFormat, write_json, write_table
from surrogate.cli.progress import told_when_stopped

if TYPE_CHECKING:
    from graph_encoding.space import CellSpace

_QUICK = 100_000
"""Points that are counted before anyone wonders what the program is doing."""

_MOST_NODES = 100
"""The number of points then has some 1,600 digits; Python prints no number of more than 4,300."""


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
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Count the points, functions and published classes of a search space.

    Functions are counted in spaces of at most 2,000,000 points, which takes half a minute.
    """
    from graph_encoding.ops import NB_ASR_OPS
    from graph_encoding.space import CellSpace

    names = NB_ASR_OPS if ops is None else tuple(name.strip() for name in ops.split(","))
    facts = describe_space(CellSpace(nodes, names), semantics)
    if output is ReportFormat.JSON:
        write_json(facts)
        return
    write_table([{"property": name, "value": _text(value)} for name, value in facts.items()])


def describe_space(space: "CellSpace", semantics: Semantics) -> dict[str, Any]:
    """All that the command says of a space.

    Returns:
        `points`, `functions`, `dead_functions`, `function_sizes` (points of a function -> how
        many functions have so many), `published_classes` and `published_class_sizes` (as before,
        of the standard space only), and the space itself. What is not counted is None, and
        `not_counted` says why.
    """
    from graph_encoding.common.errors import UserError
    from graph_encoding.ops import NB_ASR_OPS
    from graph_encoding.published.identity import published_classes

    facts: dict[str, Any] = {
        "nodes": space.nodes,
        "ops": list(space.ops),
        "semantics": semantics.value,
        "points": space.size,
        "functions": None,
        "dead_functions": None,
        "function_sizes": None,
        "published_classes": None,
        "published_class_sizes": None,
        "not_counted": None,
    }
    try:
        space.require_enumerable()
    except UserError as e:
        facts["not_counted"] = str(e)
        return facts
    if space.size > _QUICK:
        typer.echo(f"counting the functions of {space.size:,} points", err=True)
    with told_when_stopped("nothing was counted to the end"):
        points_of_key, dead = _count(space, semantics)
    facts["functions"] = len(points_of_key)
    facts["dead_functions"] = dead
    facts["function_sizes"] = _sizes(points_of_key.values())
    if space.nodes == 3 and set(space.ops) == set(NB_ASR_OPS):
        classes = published_classes()
        facts["published_classes"] = len(classes)
        facts["published_class_sizes"] = _sizes(len(found.members) for found in classes)
    return facts


def _count(space: "CellSpace", semantics: Semantics) -> tuple[Counter[str], int]:
    """How many points each functional key has, and how many keys are of dead functions."""
    from graph_encoding.functional import functional_key, is_dead

    points_of_key: Counter[str] = Counter()
    dead = 0
    for cell in space:
        key = functional_key(cell, semantics)
        if key not in points_of_key:
            dead += is_dead(cell, semantics)
        points_of_key[key] += 1
    return points_of_key, dead


def _sizes(counts: Any) -> dict[str, int]:
    return {str(size): number for size, number in sorted(Counter(counts).items())}


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{size}: {number}" for size, number in value.items())
    return None if value is None else str(value)
