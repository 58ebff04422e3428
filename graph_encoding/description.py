"""Facts about cells and about search spaces, as plain rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.cost import (
    macs_of_form,
    params_of_form,
    peak_activation_bytes,
    receptive_field_of_form,
)
from graph_encoding.functional_identity import functional_form, functional_key, is_dead
from graph_encoding.macro import PAPER_MACRO, Macro
from graph_encoding.ops import NB_ASR_OPS
from graph_encoding.published.cost import released_flops, released_params
from graph_encoding.published.graph_hash import published_classes, published_hash
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace

MOST_SECONDS = 1e6
_STANDARD_NODES = 3


def describe_cells(
    cells: Sequence[Cell],
    semantics: Semantics = Semantics.PAPER,
    macro: Macro = PAPER_MACRO,
    seconds: float = 1.0,
) -> list[dict[str, Any]]:
    """Identity and static cost of cells; what equal functions share is computed once.

    Args:
        cells: n cells.
        semantics: how they are read.
        macro: the network around them, whose cost is counted.
        seconds: length of the utterance that `macs` and `peak_activation_bytes` are for.

    Returns:
        One row per cell, of equal keys. Facts that were published for standard cells only are
        None for other cells. `equivalent` lists the standard points of the same function.

    Raises:
        UserError: if the seconds are less than one frame, or the macro network cannot hold an
            operation.
    """
    # Negated, so that NaN fails too.
    if not macro.frame_shift_s / 2 < seconds <= MOST_SECONDS:
        raise UserError(
            f"--seconds must be a number from {macro.frame_shift_s}, one frame, to "
            f"{MOST_SECONDS:g}, but got {seconds}"
        )
    frames = round(seconds / macro.frame_shift_s)
    shared: dict[str, dict[str, Any]] = {}
    rows = []
    for cell in cells:
        key = functional_key(cell, semantics)
        if key not in shared:
            shared[key] = _facts_of_function(cell, semantics, macro, frames)
        named = {"cell": cell.text, "semantics": semantics.value, "functional_key": key}
        rows.append({**named, **_published_facts(cell), **shared[key]})
    return rows


def _facts_of_function(
    cell: Cell, semantics: Semantics, macro: Macro, frames: int
) -> dict[str, Any]:
    form = functional_form(cell, semantics)
    same = CellSpace().equivalent(cell, semantics)
    return {
        "dead": form.is_dead,
        "macro": macro.name,
        "params": params_of_form(form, macro),
        "input_seconds": round(frames * macro.frame_shift_s, 6),
        "macs": macs_of_form(form, macro, input_frames=frames),
        "peak_activation_bytes": peak_activation_bytes(cell, macro, semantics, input_frames=frames),
        "receptive_field_s": round(receptive_field_of_form(form, macro).seconds, 6),
        "equivalent_points": len(same),
        "equivalent": [point.text for point in same],
    }


def _published_facts(cell: Cell) -> dict[str, str | int | None]:
    standard = cell.nodes == _STANDARD_NODES and set(cell.ops) <= set(NB_ASR_OPS)
    return {
        "published_hash": published_hash(cell) if standard else None,
        "released_params": released_params(cell) if standard else None,
        "released_flops": released_flops(cell) if standard else None,
    }


def describe_space(space: CellSpace, semantics: Semantics = Semantics.PAPER) -> dict[str, Any]:
    """Count the points, functions and published classes of a search space.

    Returns:
        `nodes`, `ops`, `semantics`, `points`, `functions`, `dead_functions`, `function_sizes`
        (points per function -> number of such functions), `published_classes` and
        `published_class_sizes` (of the standard space only). What was not counted is None, and
        `not_counted` gives the reason.
    """
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
        return {**facts, "not_counted": str(e)}
    points_of_key: Counter[str] = Counter()
    dead = 0
    for cell in space:
        key = functional_key(cell, semantics)
        if key not in points_of_key:
            dead += is_dead(cell, semantics)
        points_of_key[key] += 1
    facts |= {
        "functions": len(points_of_key),
        "dead_functions": dead,
        "function_sizes": _sizes(points_of_key.values()),
    }
    if space.nodes == _STANDARD_NODES and set(space.ops) == set(NB_ASR_OPS):
        sizes = [len(found.members) for found in published_classes()]
        facts |= {"published_classes": len(sizes), "published_class_sizes": _sizes(sizes)}
    return facts


def _sizes(counts: Iterable[int]) -> dict[str, int]:
    return {str(size): number for size, number in sorted(Counter(counts).items())}
