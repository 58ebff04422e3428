"""Draws cells as those of configs/campaign/timit-micro-extended-cells.txt were drawn.

    python studies/draw_extended_cells.py > cells.txt

That file is older than the rule that an operation without input is only its bias. It stays as it
is, for its cells are trained; with that rule this draws others.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import NB_ASR_OPS, Cell, CellSpace, FunctionalForm, Semantics, functional_form

SEED = 1234
OF_EACH = 200
UNSEEN_OPS = ("conv3", "conv9", "conv5d3", "conv7d3", "max_pool3", "avg_pool3")


def main() -> None:
    rng = np.random.default_rng(SEED)
    kinds = (
        draw(CellSpace(4), lambda form: len(form.ops) == 4, rng),
        draw(CellSpace(3, (*NB_ASR_OPS, *UNSEEN_OPS)), has_unseen_op, rng),
        draw(CellSpace(5), lambda form: len(form.ops) == 5, rng),
    )
    print(f"# {OF_EACH} each of 4 nodes, of 3 nodes with an operation that the space has not, and")
    print(f"# of 5 nodes, in turn; studies/draw_extended_cells.py draws them with seed {SEED}.")
    for _ in range(OF_EACH):
        for kind in kinds:
            print(next(kind).text)


def has_unseen_op(form: FunctionalForm) -> bool:
    return any(op in UNSEEN_OPS for op in form.ops)


def draw(
    space: CellSpace, wanted: Callable[[FunctionalForm], bool], rng: np.random.Generator
) -> Iterator[Cell]:
    """Living functions that no smaller space has, each once."""
    seen = set()
    for cell in space.sample(rng):
        form = functional_form(cell, Semantics.PAPER)
        if not form.is_dead and wanted(form) and form.key not in seen:
            seen.add(form.key)
            yield cell


if __name__ == "__main__":
    main()
