"""Keys that a search saw are left out of a benchmark, however its source has grown since."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding import CellGraph, GraphRow, UserError, write_graphs
from graph_encoding.common.hashing import content_hash
from studies.tuned_elsewhere import searched
from surrogate.comparison import load_benchmark_config, run_benchmark
from surrogate.data.tuning_keys import searched_keys
from surrogate.testing.synthetic import synthetic_dataset, true_per
from surrogate.tuning import load_tune_config
from train_benchmark.table.benchmark_table import BenchmarkTable

RESULTS = Path(__file__).parents[4] / "configs" / "tune" / "results"
GRAPHS = synthetic_dataset(80).graphs


def write_source(folder: Path, graphs: Sequence[CellGraph]) -> None:
    rows = [GraphRow(graph, {"per": true_per(graph)}, {}) for graph in graphs]
    write_graphs(folder / "graphs.jsonl", rows)


def write_benchmark(folder: Path, summary: Path) -> Path:
    file = folder / "bench.toml"
    file.write_text(
        'target = "per"\ntrain_sizes = [20]\nrepeats = 2\npredictors = ["mean"]\n'
        f'without_keys_of = ["{summary}"]\n'
        '[source]\ngraphs = "graphs.jsonl"\ndirection = "minimise"\n'
    )
    return file


def write_summary(path: Path, keys: Sequence[str]) -> Path:
    found = {"searched": list(keys), "searched_sha256": content_hash(list(keys))}
    path.write_text(json.dumps(found))
    return path


def test_settings_are_judged_on_the_keys_of_their_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not on those that a draw of today would take."""
    dataset = synthetic_dataset(80)
    seen = sorted(dataset.keys)[40:60]
    summary = write_summary(tmp_path / "summary.json", seen)
    assert sorted(searched(dataset, summary).keys) == seen
    assert capsys.readouterr().err == ""
    more = write_summary(tmp_path / "more.json", [*seen, "elsewhere"])
    assert sorted(searched(dataset, more).keys) == seen
    assert "more: 20 of 21 keys are still there" in capsys.readouterr().err
    with pytest.raises(UserError, match="has none of its 1"):
        searched(dataset, write_summary(tmp_path / "none.json", ["elsewhere"]))


def test_keys_of_a_search_are_left_out_of_everything(tmp_path: Path) -> None:
    write_source(tmp_path, GRAPHS)
    seen = {graph.key for graph in GRAPHS[10:25]}
    write_summary(tmp_path / "summary.json", sorted(seen))
    config = load_benchmark_config(write_benchmark(tmp_path, Path("summary.json")))
    result = run_benchmark(config, tmp_path / "out")
    assert len(result.source.dataset) == 80 - 15
    assert not seen & set(result.source.dataset.keys)
    assert all(len(fit.keys) == 80 - 15 - 20 and not seen & set(fit.keys) for fit in result.fits)


def test_keys_of_a_search_are_left_out_of_a_source_that_has_grown(tmp_path: Path) -> None:
    """What is drawn depends on all keys: of a grown source, others would be drawn."""
    pytest.importorskip("optuna", reason="needs the extra predictors")
    from surrogate.data.labelled_graphs import load_source
    from surrogate.tuning import summary as summaries
    from surrogate.tuning.objective import training_keys
    from surrogate.tuning.study import run_study

    write_source(tmp_path, GRAPHS[:50])
    (tmp_path / "tune.toml").write_text(
        'name = "study"\npredictor = "ridge"\ntarget = "per"\ntrain_keys = 30\ntrials = 1\n'
        '[source]\ngraphs = "graphs.jsonl"\ndirection = "minimise"\n'
        '[space.columns]\nchoices = ["counts", "statistics"]\n'
    )
    tune = load_tune_config(tmp_path / "tune.toml")
    out = tmp_path / "study"
    seen = set(training_keys(load_source(tune), tune).keys)
    found = summaries.summarise_study(run_study(tune, out), tune)
    summaries.write_summary(found, tune, out)
    write_source(tmp_path, GRAPHS)
    assert seen != set(training_keys(load_source(tune), tune).keys)
    config = load_benchmark_config(write_benchmark(tmp_path, out / "summary.json"))
    left = set(run_benchmark(config, tmp_path / "out").source.dataset.keys)
    assert left == {graph.key for graph in GRAPHS} - seen


def test_a_search_on_other_graphs_has_no_keys_to_leave_out(tmp_path: Path) -> None:
    write_source(tmp_path, [replace(g, key=f"stranger {i}") for i, g in enumerate(GRAPHS)])
    config = load_benchmark_config(write_benchmark(tmp_path, RESULTS / "xgb.json"))
    with pytest.raises(UserError, match=r"xgb\.json saw none of them"):
        run_benchmark(config, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('name = "study"\n', r"must be the summary\.json of a search"),
        ('{"keys": 15}\n', r"must be the summary\.json of a search.* run the search again"),
        ('{"searched": ["a"], "searched_sha256": "0"}', "must have the sha256 0, but have"),
        ('{"searched": ["a"]}', "must have the sha256 None, but have"),
    ],
)
def test_a_file_that_says_no_keys_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(UserError, match=rule):
        searched_keys(tmp_path / "file")
    with pytest.raises(UserError, match="cannot read the summary of a search"):
        searched_keys(tmp_path / "missing")


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_shipped_searches_say_which_keys_they_saw(file: Path) -> None:
    keys = searched_keys(file)
    assert len(set(keys)) == len(keys) == json.loads(file.read_text())["keys"]
    if json.loads(file.read_text())["source"] == "timit-micro":
        # At most six of their trainings were dropped since and not made again: their networks had
        # parts that nothing feeds.
        assert len(set(keys) - set(BenchmarkTable.load("timit-micro").keys)) <= 6
