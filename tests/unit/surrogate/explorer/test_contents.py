"""What the explorer holds: the numbers of the library, and refusals with a reason."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_key
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.explorer import Contents, explorer_contents, explorer_html, write_explorer
from surrogate.explorer import page as page_module
from surrogate.explorer.columns import MISSING, PER_DIGITS
from surrogate.explorer.page import SCRIPTS
from surrogate.explorer.runs import STATUSES, SearchRun
from surrogate.explorer.server import forecast_record
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.forecasting.forecast import Forecaster
from surrogate.search import Evaluation, History, SearchProblem
from surrogate.search.history import Status
from surrogate.testing.synthetic import synthetic_table

LEVELS = (0.5, 0.9)
STATIC = Path(page_module.__file__).parent / "static"


@pytest.fixture(scope="module")
def contents(artifact: Artifact) -> Contents:
    return explorer_contents([(synthetic_table(60), Forecaster(artifact))], levels=LEVELS)


def place_of(contents: Contents, cell: str) -> int:
    """Index of a cell's function."""
    key = functional_key(Cell.parse(cell), Semantics.PAPER)
    return int(contents.about["space"]["keys"].index(key))


def test_forecasts_are_those_of_the_forecaster(contents: Contents, artifact: Artifact) -> None:
    cells = [CellSpace().cell(index).text for index in range(0, 13_824, 700)]
    columns = contents.columns
    for at, level in enumerate(LEVELS):
        for cell in Forecaster(artifact).forecast(cells, level):
            f = place_of(contents, cell.cell)
            assert columns["0/params"][f] == cell.params
            assert columns["0/macs"][f] == cell.macs
            support = contents.about["supports"][columns["0/support"][f]]
            assert support == cell.support
            for target in cell.targets:
                own = f"0/{target.target}"
                assert columns[f"{own}/mean"][f] == PER_DIGITS.whole(target.mean)
                assert columns[f"{own}/std"][f] == PER_DIGITS.whole(target.std)
                assert columns[f"{own}/low"][at, f] == PER_DIGITS.whole(target.low)
                assert columns[f"{own}/high"][at, f] == PER_DIGITS.whole(target.high)
                best = f"0/estimate/{target.target}"
                assert target.estimate is not None
                assert columns[f"{best}/mean"][f] == PER_DIGITS.whole(target.estimate.mean)
                assert columns[f"{best}/low"][at, f] == PER_DIGITS.whole(target.estimate.low)
                assert columns[f"{best}/high"][at, f] == PER_DIGITS.whole(target.estimate.high)


def test_an_artifact_without_estimates_shows_forecasts_alone(artifact: Artifact) -> None:
    models = tuple(replace(model, true_means=None) for model in artifact.models)
    older = Forecaster(replace(artifact, models=models))
    columns = explorer_contents([(synthetic_table(60), older)], levels=LEVELS).columns
    assert "0/val_per/mean" in columns
    assert not [name for name in columns if "estimate" in name]
    record = forecast_record([older.forecast("10_100_1000", 0.9)[0]], {})
    assert record["targets"]["val_per"]["estimate"] is None


def test_measurements_are_those_of_the_benchmark(contents: Contents, artifact: Artifact) -> None:
    table = synthetic_table(60)
    benchmark = Benchmark(table, Forecaster(artifact))
    points = {functional_key(cell, Semantics.PAPER): cell for cell in CellSpace()}
    known = [key for key in table.keys if key in points]
    assert known
    for key in known:
        f = place_of(contents, points[key].text)
        for label in ("val_per", "test_per"):
            value = benchmark.query(points[key], label).value
            assert contents.columns[f"0/measured/{label}"][f] == PER_DIGITS.whole(value)
        rows = np.flatnonzero(contents.columns["0/rows/function"] == f)
        seeds = contents.columns["0/rows/seed"][rows].tolist()
        assert sorted(seeds) == sorted(table.labels_of(key, "val_per"))
        for row, seed in zip(rows, seeds, strict=True):
            value = benchmark.query(points[key], seed=seed).value
            assert contents.columns["0/rows/val_per"][row] == PER_DIGITS.whole(value)
    assert (contents.columns["0/measured/val_per"] != MISSING).sum() == len(known)


def test_every_point_has_its_function_and_nearest_others(contents: Contents) -> None:
    keys, points = contents.about["space"]["keys"], contents.columns["points"]
    for index in range(0, 13_824, 333):
        key = functional_key(CellSpace().cell(index), Semantics.PAPER)
        assert keys[points[index]] == key
    nearest, squared = contents.columns["nearest"], contents.columns["nearest_squared"]
    living = contents.columns["0/support"] != contents.about["supports"].index("dead")
    assert (~living).sum() == 12
    assert (nearest[:, ~living] == MISSING).all()
    assert living[nearest[:, living]].all()
    assert (nearest[:, living] != np.flatnonzero(living)).all()
    assert (np.diff(squared[:, living], axis=0) >= 0).all()


def test_the_page_has_all_it_needs_inside(contents: Contents, tmp_path: Path) -> None:
    size = write_explorer(contents, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert size == len(text.encode())
    assert "connect-src 'none'" in text
    assert "connect-src 'self'" in explorer_html(contents, is_served=True)
    assert all((STATIC / name).read_text(encoding="utf-8") in text for name in SCRIPTS)
    outside = [part for part in text.split('"') if part.startswith(("http:", "https:", "//"))]
    assert outside == []


def test_a_page_that_is_too_large_is_refused(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MOST_BYTES", 100_000)
    with pytest.raises(UserError, match=r"at most 0\.1 MB"):
        write_explorer(contents, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_files_of_the_program_stay_small_and_are_all_listed() -> None:
    assert {path.name for path in STATIC.glob("*.js")} == set(SCRIPTS)
    for path in STATIC.iterdir():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name


def test_tables_must_differ_in_name_and_levels_be_probabilities() -> None:
    table = synthetic_table(5)
    with pytest.raises(UserError, match="different names"):
        explorer_contents([(table, None), (table, None)])
    with pytest.raises(UserError, match="different names"):
        explorer_contents([])
    with pytest.raises(UserError, match="level"):
        explorer_contents([(table, None)], levels=(1.2,))


def evaluation(
    cell: str, asked_at: int, cost: float | None, *, is_stopped: bool = False
) -> Evaluation:
    key = functional_key(Cell.parse(cell), Semantics.PAPER)
    values, costs = ({}, ()) if cost is None else ({"val_per": cost}, (cost,))
    status: Status = "failed" if cost is None else "stopped" if is_stopped else "ok"
    return Evaluation(key, cell, 1234, values, costs, status, "here", asked_at)


def test_a_recorded_search_is_read_with_half_a_line_left_out(tmp_path: Path) -> None:
    rows = [
        evaluation("10_100_1000", 0, 0.6),
        evaluation("10_100_1000_10000", 1, 0.5),
        evaluation("10_110_1000", 1, None),
        evaluation("20_110_1000", 2, 0.4, is_stopped=True),
    ]
    about = {"searcher": "random", "problem": SearchProblem().to_plain(), "source": "here"}
    with History(about, tmp_path / "mine" / "history.jsonl") as history:
        for row in rows:
            history.append(row)
    with (tmp_path / "mine" / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"asked_at": 3, "ce')
    run = SearchRun.read(tmp_path / "mine")
    assert run.evaluations == tuple(rows)
    contents = explorer_contents([(synthetic_table(5), None)], [run])
    (fact,) = contents.about["runs"]
    assert (fact["name"], fact["searcher"], fact["objectives"]) == ("mine", "random", ["val_per"])
    functions = contents.columns["run0/function"].tolist()
    assert functions[0] == place_of(contents, "10_100_1000")
    assert functions[1] == MISSING  # a cell of four operations
    assert np.isnan(contents.columns["run0/cost/0"]).tolist() == [False, False, True, True]
    assert [STATUSES[i] for i in contents.columns["run0/status"]] == [
        "ok",
        "ok",
        "failed",
        "stopped",
    ]


def test_what_is_no_search_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("[]\n[]\n")
    with pytest.raises(UserError, match=r"history of a search.* line 2 is not of one"):
        SearchRun.read(tmp_path)
    with pytest.raises(UserError, match="name the folder of a search"):
        SearchRun.read(tmp_path / "absent")
    for header in ({"a": 1}, {"searcher": "random", "problem": {"objectives": ["val_per"]}}):
        (tmp_path / "history.jsonl").write_text(json.dumps(header) + "\n")
        with pytest.raises(UserError, match="history of a search"):
            SearchRun.read(tmp_path)
