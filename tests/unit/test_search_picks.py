"""What searches recommended is listed for further trainings, each function once."""

import json
from pathlib import Path

import pytest

from graph_encoding import Cell, UserError, functional_key
from studies.search_picks import lines, listed, recommended
from surrogate.search import SearchSpace

SPACE = SearchSpace()


def key_of(text: str) -> str:
    return functional_key(Cell.parse(text), SPACE.semantics)


def test_the_last_recommendations_are_counted_and_listed_ones_left_out(tmp_path: Path) -> None:
    often, once, first, known = map(
        key_of, ("01_111_2111", "10_100_1000", "20_110_1010", "00_000_0001")
    )
    (tmp_path / "runs").mkdir()
    ends = [often, often, once, known]
    for i, key in enumerate(ends):
        steps = [[5, [first]], [10, [key, first]]]
        (tmp_path / f"runs/guided-{i}-x.json").write_text(json.dumps({"recommended": steps}))
    (tmp_path / "runs/random-0-x.json").write_text(json.dumps({"recommended": []}))
    picks = recommended(tmp_path)
    assert picks == {often: 2, once: 1, known: 1}
    (tmp_path / "list.txt").write_text("# cells\n00_000_0001  # by label\n\n")
    found = lines(picks, listed(tmp_path / "list.txt", SPACE), SPACE)
    assert [key_of(line.split()[0]) for line in found] == [often, once]
    assert found[0].endswith("# recommended by 2 of 4 searches")


def test_a_folder_without_searches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be the folder of a comparison"):
        recommended(tmp_path)
