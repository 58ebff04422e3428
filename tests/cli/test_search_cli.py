"""`nasasr search`: a search on the command line, stopped, resumed and refused."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.hashing import content_hash
from graph_encoding.cost import params
from graph_encoding.macro import MACROS
from surrogate.cli.commands.search import recommended
from surrogate.search.pareto import non_dominated
from surrogate.search.space import SearchSpace
from tests.cli.conftest import Run
from tests.unit.surrogate.search.helpers import space_table
from train_benchmark.table.benchmark_table import BenchmarkTable

SETTING = "timit-micro/cpu-onnx-fp32-t1-b1-1s"


@pytest.fixture
def options(tmp_path: Path) -> list[object]:
    return ["--searcher", "evolution", "--batch", 3, "--out", tmp_path / "first"]


def test_a_search_recommends_cells_with_forecasts_and_probabilities(
    run: Run, options: list[object], tmp_path: Path
) -> None:
    limit = f"{SETTING}=0.23ms"
    code, out, err = run("search", *options, "--budget", 12, "--max-latency", limit)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    for text in ("expected val_per", " P(limit)\n", f"the limit of {SETTING} holds", "│ output"):
        assert text in out
    assert "best" in err and "12/12" in err
    result = json.loads((tmp_path / "first" / "result.json").read_text())
    assert result["trainings"] == 12 and result["source"] == "table timit-micro"
    for best in result["recommended"]:
        assert best["limit_probabilities"][SETTING] >= 0.9
        forecast = best["forecasts"]["val_per"]
        assert forecast["low"] < forecast["mean"] < forecast["high"]
    labels = [best["expected"]["val_per"] for best in result["recommended"]]
    assert labels == sorted(labels)


def test_a_search_is_resumed_with_a_larger_budget(
    run: Run, options: list[object], tmp_path: Path
) -> None:
    assert run("search", *options, "--budget", 6)[0] == 0
    before = (tmp_path / "first" / "history.jsonl").read_bytes()
    code, out, _ = run("search", *options, "--budget", 9, "--format", "json")
    after = (tmp_path / "first" / "history.jsonl").read_bytes()
    assert code == 0 and json.loads(out)["trainings"] == 9
    assert after.startswith(before) and len(after.splitlines()) == 10


def test_another_search_does_not_overwrite_a_folder(run: Run, options: list[object]) -> None:
    assert run("search", *options, "--budget", 3)[0] == 0
    code, _, err = run("search", *options, "--budget", 3, "--seed", 1)
    assert code == 2 and "of another search: seed differ" in err


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--max-latency", f"{SETTING}=0.23"], "SETTING=TIME with the unit s, ms or us"),
        (["--max-latency", "0.23ms"], "must be SETTING=TIME"),
        (["--max-latency", "a/b=1ms"], "must be in a setting of the artifact"),
        (["--objective", "accuracy"], "a quantity must be a target"),
        (["--objective", "params", "--objective", "val_per"], "at most 1 objective"),
        (["--set", "population"], "--set must be NAME=VALUE"),
        (["--set", "size=3"], "population, sample"),
        (["--training-seeds", "one"], "--training-seeds must be integers"),
        (["--training-seeds", "7"], "asks for [7]"),
        (["--level", "1.5"], "level must be in (0, 1)"),
        (["--workers", "2"], "--workers is of --evaluator train, but the evaluator is table"),
        (["--evaluator", "train"], "give --corpus PATH"),
        (["--evaluator", "train", "--table", "timit-micro"], "--table is of --evaluator table"),
        (["--evaluator", "forecast", "--table", "a"], "--table is of --evaluator table"),
        (["--evaluator", "forecast", "--training-seeds", "1"], "of --evaluator table or train"),
        (["--evaluator", "forecast", "--stop-early"], "--stop-early is of --evaluator table"),
        (["--warm-functions", "30"], "--warm-functions must come with --warm-start"),
        (["--nodes", "4"], "search forecasts (--evaluator forecast)"),
        (["--nodes", "4", "--training-seeds", "1234,1235"], "table 'timit-micro' has them of"),
        (
            ["--objective", "test_per", "--stop-early"],
            "a first objective that is on the learning curves",
        ),
    ],
)
def test_wrong_use_says_rule_and_remedy(
    run: Run, options: list[object], further: list[str], message: str
) -> None:
    code, _, err = run("search", *options, "--budget", 3, *further)
    assert code == 2 and message in err
    assert not (Path(str(options[-1])) / "history.jsonl").exists(), "the folder must stay free"


def test_the_whole_front_is_recommended_and_both_its_ends_are_printed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommended, "_SHOWN", 3)
    objectives = ["--objective", "val_per", "--objective", SETTING]
    out = tmp_path / "front"
    code, printed, _ = run(
        "search",
        *objectives,
        "--searcher",
        "nsga2",
        "--set",
        "population=10",
        "--budget",
        100,
        "--out",
        out,
    )
    lines = (out / "history.jsonl").read_text().splitlines()[1:]
    evaluations = [json.loads(line) for line in lines]
    costs = np.array([evaluation["costs"] for evaluation in evaluations])
    front = [e["cell"] for e, best in zip(evaluations, non_dominated(costs), strict=True) if best]
    found = [best["cell"] for best in json.loads((out / "result.json").read_text())["recommended"]]
    assert code == 0 and sorted(found) == sorted(front) and len(found) > 5
    assert f"3 of {len(found)} cells of the front; result.json has all" in printed
    assert found[0] in printed and found[-1] in printed and found[1] not in printed
    fastest = evaluations[int(costs[:, 1].argmin())]["cell"]
    assert found[-1] == fastest


def test_a_searcher_of_the_working_directory_is_found(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "searcher_of_the_folder.py").write_text(
        "from surrogate.search.searchers import RandomSearcher\n"
        "class Mine(RandomSearcher):\n    name = 'mine'\n"
    )
    (tmp_path / "own.toml").write_text(
        "budget = 2\nrepeats = 1\n[truth]\npredictor = 'mean'\n"
        "[searchers.mine]\nkind = 'searcher_of_the_folder:Mine'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    name = "searcher_of_the_folder:Mine"
    assert run("search", "--searcher", name, "--budget", 2, "--out", "a")[0] == 0
    monkeypatch.setattr("sys.path", [path for path in sys.path if path != str(tmp_path)])
    monkeypatch.delitem(sys.modules, "searcher_of_the_folder")
    assert run("search", "compare", "own.toml", "--out", "b")[0] == 0


def test_a_table_of_the_same_name_with_other_trainings_does_not_resume_a_search(
    run: Run, tmp_path: Path
) -> None:
    table = space_table(SearchSpace(nodes=2), seeds=(1,))
    last = replace(table.records[-1], test_per=0.5)
    for name, records in (("a", table.records), ("b", [*table.records[:-1], last])):
        BenchmarkTable(table.metadata, records).save(tmp_path / name)
    options = ["--searcher", "random", "--training-seeds", 1, "--nodes", 2, "--out", tmp_path / "o"]
    assert run("search", *options, "--budget", 3, "--table", tmp_path / "a")[0] == 0
    assert run("search", *options, "--budget", 5, "--table", tmp_path / "a")[0] == 0
    code, _, err = run("search", *options, "--budget", 7, "--table", tmp_path / "b")
    assert code == 2 and "of another search: source_sha256 differ" in err
    history = tmp_path / "o" / "history.jsonl"
    header, *lines = history.read_text().splitlines()
    older = {name: v for name, v in json.loads(header).items() if not name.endswith("_sha256")}
    history.write_text("\n".join([json.dumps(older), *lines]) + "\n")
    assert run("search", *options, "--budget", 7, "--table", tmp_path / "a")[0] == 0


@pytest.mark.parametrize("name", ["paper", "of-my-own"])
def test_params_are_those_of_the_table_s_macro_network(
    run: Run, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MACROS, "_entries", dict(MACROS._entries))
    macro = replace(MACROS.get("paper"), name=name)
    table = space_table(SearchSpace(nodes=2), seeds=(1,))
    recipe = {**table.metadata.recipe, "macro": asdict(macro)}
    metadata = replace(table.metadata, recipe=recipe, recipe_hash=content_hash(recipe))
    records = [replace(r, recipe_hash=metadata.recipe_hash) for r in table.records]
    BenchmarkTable(metadata, records).save(tmp_path / "table")
    code, out, err = run(
        *("search", "--searcher", "nsga2", "--objective", "val_per", "--objective", "params"),
        *("--table", tmp_path / "table", "--training-seeds", 1, "--nodes", 2, "--budget", 3),
        *("--out", tmp_path / "out", "--format", "json"),
    )
    assert code == 0, err
    for best in json.loads(out)["recommended"]:
        assert best["expected"]["params"] == params(Cell.parse(best["cell"]), macro)


def test_failed_trainings_are_counted_in_the_output(run: Run, tmp_path: Path) -> None:
    table = space_table(SearchSpace(nodes=2), seeds=(1,))
    failed = {"status": "failed", "error": "made to fail", "val_per_curve": (), "test_per": None}
    for name, each in (("some", 3), ("all", 1)):
        records = [
            replace(r, **failed) if i % each == 0 else r for i, r in enumerate(table.records)
        ]
        BenchmarkTable(table.metadata, records).save(tmp_path / name)
        options = ["--searcher", "random", "--training-seeds", 1, "--nodes", 2, "--budget", 12]
        folder = tmp_path / f"{name}-out"
        code, out, err = run("search", *options, "--table", tmp_path / name, "--out", folder)
        history = (folder / "history.jsonl").read_text()
        count = history.count('"status": "failed"')
        assert code == 0 and count > 0, err
        assert f"{count} of 12 trainings failed, the first because: the training in table" in out
        assert json.loads((folder / "result.json").read_text())["failed"] == count
    assert "no training succeeded" in out and count == 12


def test_the_forecast_evaluator_searches_larger_cells(run: Run, options: list[object]) -> None:
    code, out, _ = run(
        "search",
        *options,
        "--budget",
        6,
        "--evaluator",
        "forecast",
        "--nodes",
        4,
        "--format",
        "json",
    )
    result = json.loads(out)
    assert code == 0 and result["source"].startswith("forecast of ")
    assert all(best["cell"].count("_") == 3 for best in result["recommended"])


def test_a_search_starts_from_a_table_of_another_recipe_and_stops_early(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "warm"
    read: list[str] = []
    load = BenchmarkTable.load
    monkeypatch.setattr(BenchmarkTable, "load", lambda name: read.append(name) or load(name))
    options = ["--budget", 6, "--batch", 3, "--warm-start", "synth-micro", "--warm-functions", 30]
    code, printed, _ = run("search", *options, "--stop-early", "--out", out, "--format", "json")
    result = json.loads(printed)
    assert code == 0 and result["warm_start"] == "30 functions of table synth-micro"
    assert result["stopping"] == "forecast"
    assert read == ["timit-micro", "synth-micro"], "each table must be read once"
    lines = (out / "history.jsonl").read_text().splitlines()[1:]
    assert len(lines) == 6 and all(json.loads(line)["epochs"] == 20 for line in lines)


def test_a_warm_start_from_the_searched_table_is_refused(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "circular"
    code, _, err = run("search", "--warm-start", "timit-micro", "--budget", 3, "--out", out)
    assert code == 2 and "a warm start must be from another recipe" in err


def test_limits_that_no_function_is_likely_to_hold_are_named(
    run: Run, options: list[object]
) -> None:
    code, out, _ = run("search", *options, "--budget", 3, "--max-latency", f"{SETTING}=0.1ms")
    assert code == 0 and "no function holds all limits" in out and "lower --level" in out
