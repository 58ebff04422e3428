"""Cells that compared searches recommended in the end, for trainings with seeds of their own.

    python studies/search_picks.py runs/search-compare/timit-micro --without LIST.txt > picks.txt

Searches are judged by the true means of what they recommend. Cells of functions that a list has
already are left out; the most recommended stand first.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import UserError, functional_key
from graph_encoding.common.errors import unreadable
from surrogate.search import SearchSpace
from train_benchmark.collecting.cell_choice import read_cells


def recommended(folder: Path) -> Counter[str]:
    """How many searches of a comparison recommended each function in the end, by its key.

    Raises:
        UserError: if the folder has no searches.
    """
    files = sorted((folder / "runs").glob("*.json"))
    if not files:
        raise UserError(
            f"{folder} must be the folder of a comparison, with runs/; name what "
            "`nasasr search compare` wrote to"
        )
    found: Counter[str] = Counter()
    for file in files:
        with unreadable(f"{file} must hold a search", "run the comparison again"):
            steps = json.loads(file.read_text(encoding="utf-8"))["recommended"]
        if steps:
            _, (best, *_) = steps[-1]
            found[best] += 1
    return found


def listed(path: Path, space: SearchSpace) -> set[str]:
    """Keys of the cells of a campaign's list."""
    return {functional_key(cell, space.semantics) for cell in read_cells(path)}


def lines(picks: Counter[str], known: Iterable[str], space: SearchSpace) -> Sequence[str]:
    """A list of cells for a campaign."""
    left = set(picks) - set(known)
    ordered = sorted(left, key=lambda key: (-picks[key], key))
    cells, row_of = space.functions.cells, space.functions.row_of
    return [
        f"{cells[row_of[key]].text}  # recommended by {picks[key]} of {picks.total()} searches"
        for key in ordered
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comparisons", nargs="+", type=Path, help="folders of comparisons")
    parser.add_argument("--without", action="append", default=[], type=Path, help="list of cells")
    options = parser.parse_args()
    space = SearchSpace()
    try:
        picks = sum((recommended(folder) for folder in options.comparisons), Counter[str]())
        known = set().union(*(listed(path, space) for path in options.without))
    except UserError as e:
        sys.exit(f"error: {e}")
    print("\n".join(lines(picks, known, space)))


if __name__ == "__main__":
    main()
