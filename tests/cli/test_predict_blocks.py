"""`nasasr predict` for people: the same numbers as for programs, on lines that fit."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.cli.forecast_blocks import MOST_BLOCKS, Scale
from surrogate.cli.output import LINE_WIDTH
from tests.cli.conftest import Run

CELLS = ("01_111_2111", "10_100_1000", "conv9:0_111_2111_11111", "50_500_5000")


def predicted(run: Run, *arguments: object) -> str:
    code, out, _ = run("predict", *arguments)
    assert code == 0
    return out


@pytest.mark.parametrize("cells", [CELLS[:1], CELLS[2:], CELLS])
def test_lines_fit_a_terminal(run: Run, cells: tuple[str, ...]) -> None:
    out = predicted(run, *cells)
    assert max(map(len, out.splitlines())) <= LINE_WIDTH
    assert all(cell in out for cell in cells)


@pytest.mark.parametrize("cell", CELLS[:3])
def test_a_block_has_the_numbers_of_the_json(run: Run, cell: str, saved_artifact: Path) -> None:
    chosen = (cell, "--artifact", saved_artifact, "--level", "0.8")
    (forecast,) = json.loads(predicted(run, *chosen, "--format", "json"))
    block = predicted(run, *chosen)
    for target in forecast["targets"]:
        trusted = target["estimate"] or target
        assert f"{target['target']:9}{trusted['mean']:.3f} (80 % interval: " in block
        assert f"{trusted['low']:.3f} to {trusted['high']:.3f}" in block
    assert f"{forecast['params']:,} parameters" in block


def test_latencies_are_in_milliseconds_of_the_own_network_unless_chosen(run: Run) -> None:
    (forecast,) = json.loads(predicted(run, CELLS[0], "--format", "json"))
    seconds = {one["setting"]: one["mean"] for one in forecast["latencies"]}
    block = predicted(run, CELLS[0])
    for setting, mean in seconds.items():
        assert (setting in block) == setting.startswith("timit-micro/")
        if setting in block:
            line = next(line for line in block.splitlines() if setting in line)
            assert f" {mean * 1e3:.4g} " in line
    paper = next(setting for setting in seconds if setting.startswith("paper/"))
    chosen = predicted(run, CELLS[0], "--setting", paper)
    assert paper in chosen
    assert "timit-micro/cpu" not in chosen
    assert "latency" not in predicted(run, CELLS[0], "--setting", "none")


def test_many_cells_have_a_line_each(run: Run) -> None:
    assert len(CELLS) > MOST_BLOCKS
    header, *rows = predicted(run, *CELLS).splitlines()
    assert header.split()[:2] == ["cell", "val_per"]
    assert [row.split()[0] for row in rows[: len(CELLS)]] == list(CELLS)


def test_wide_has_a_row_per_target_and_setting(run: Run) -> None:
    header, *rows = predicted(run, CELLS[0], "--wide").splitlines()
    assert header.split()[:4] == ["cell", "params", "support", "target"]
    assert len(rows) > 2


def test_a_dead_cell_says_so(run: Run) -> None:
    code, out, err = run("predict", "50_500_5000")
    assert code == 0
    assert "50_500_5000: dead" in out
    assert "nothing to forecast" in err


labels = st.lists(st.floats(0.1, 0.9), min_size=2, max_size=50, unique=True)


@given(labels, st.floats(0, 1), st.floats(0, 1))
def test_a_lower_error_rate_is_better_and_further_left(
    values: list[float], one: float, other: float
) -> None:
    scale = Scale(np.sort(values))
    low, high = sorted((one, other))
    assert scale.better_than(low) >= scale.better_than(high)
    assert scale.column(low) <= scale.column(high)
    assert scale.better_than(min(values)) == pytest.approx(1 - 1 / len(values))
    assert scale.better_than(max(values)) == 0


def test_the_histogram_is_highest_where_most_labels_are() -> None:
    scale = Scale(np.sort([0.5, *np.linspace(0.6, 0.61, 50), *np.linspace(0.7, 0.9, 10)]))
    bars = scale.histogram()
    assert bars.index("█") == scale.column(0.605)
    assert len(set(map(len, (bars, Scale(np.array([0.1, 0.2])).histogram())))) == 1
