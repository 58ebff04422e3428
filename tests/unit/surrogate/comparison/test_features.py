"""A benchmark of graphs with features says which predictors used them."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from graph_encoding import GraphRow, UserError, write_graphs
from surrogate.comparison import BenchmarkResult, benchmark_config, run_benchmark
from surrogate.data.labelled_graphs import load_source
from surrogate.testing.synthetic import synthetic_dataset
from surrogate.tuning import TuneConfig
from surrogate.tuning.objective import confirmation_keys, held_out_tau, training_keys


def _graphs(path: Path, name: str = "proxy", start: int = 0) -> Path:
    """Graphs with random labels; a feature is the label."""
    labels = np.random.default_rng(start).normal(0, 1, 80).tolist()
    graphs = synthetic_dataset(80, start=start).graphs
    rows = [GraphRow(g, {"acc": y}, {name: y}) for g, y in zip(graphs, labels, strict=True)]
    write_graphs(path, rows)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def result(folder: Path) -> BenchmarkResult:
    config = benchmark_config(
        {
            "source": {"graphs": _graphs(folder / "g.jsonl"), "direction": "maximise"},
            "target": "acc",
            "predictors": ["ridge", "params", "mean"],
            "train_sizes": [40],
            "repeats": 2,
        }
    )
    return run_benchmark(config, folder / "out")


def test_only_predictors_that_take_features_find_the_label(result: BenchmarkResult) -> None:
    taus = {row.predictor: row.mean for row in result.summary if row.metric == "kendall_tau"}
    assert taus["ridge"] > 0.9
    assert max(abs(taus["params"]), abs(taus["mean"])) < 0.4


def test_every_output_says_who_used_the_features(result: BenchmarkResult, folder: Path) -> None:
    assert result.features_used_by == ("ridge",)
    assert all(row.uses_features == (row.predictor == "ridge") for row in result.summary)
    sentence = "features of the graphs (proxy): used by ridge; not used by params, mean"
    assert result.features_fact == sentence
    rows = pq.read_table(folder / "out" / "summary.parquet").to_pylist()
    assert {row["predictor"] for row in rows if row["uses_features"]} == {"ridge"}
    values = json.loads((folder / "out" / "config.json").read_text(encoding="utf-8"))
    assert (values["features"], values["features_used_by"]) == (["proxy"], ["ridge"])


def test_the_page_says_who_used_the_features(result: BenchmarkResult) -> None:
    pytest.importorskip("plotly", reason="needs the extra report")
    from surrogate.report.page import report_html

    assert "Features of the graphs (proxy): used by ridge; not used by params" in report_html(
        result
    )


def test_two_files_of_a_source_have_the_same_features(tmp_path: Path) -> None:
    own = _graphs(tmp_path / "own.jsonl")
    more = _graphs(tmp_path / "more.jsonl", name="another", start=7)
    source = {"graphs": own, "direction": "maximise", "extended": str(more)}
    with pytest.raises(UserError, match=r"here \['proxy'\], but graph .* has \['another'\]"):
        load_source(benchmark_config({"source": source, "target": "acc"}))


def test_a_search_for_settings_judges_fits_on_the_features(tmp_path: Path) -> None:
    chosen = TuneConfig.model_validate(
        {
            "name": "study",
            "predictor": "ridge",
            "source": {"graphs": _graphs(tmp_path / "g.jsonl"), "direction": "maximise"},
            "target": "acc",
            "train_keys": 60,
            "folds": 3,
            "trials": 1,
            "space": {"columns": {"choices": ["counts", "statistics"]}},
        }
    )
    source = load_source(chosen)
    searched, unseen = training_keys(source, chosen), confirmation_keys(source, chosen)
    assert searched.feature_names == unseen.feature_names == ("proxy",)
    for part in range(chosen.parts):
        predictor = chosen.make_predictor(chosen.defaults)
        assert held_out_tau(searched, predictor, chosen, part) > 0.8
